"""Runs the steps of a plan on a device, and tolerates what a stick does that is just leaving."""

from __future__ import annotations

from ..nouns.errors import ModeSwitchError
from ..nouns.log import Logger
from ..nouns.model import AttachedDevice, StorageUnit
from ..nouns.protocols import Host, Transport
from ..nouns.steps import (
    AwaitReturn,
    AwaitUnits,
    BulkOut,
    Claim,
    ClearHalt,
    Control,
    Detach,
    InterruptIn,
    InterruptOut,
    Pause,
    Plan,
    ReadStatus,
    Release,
    Reset,
    ScsiCommand,
    SetAltSetting,
    SetConfiguration,
    Step,
)
from .faults import Fault, UsbFault, error_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

logger = Logger(__name__)

# After these the device is on its way out (or stuck for good): the next steps have no addressee.
CSW_SIGNATURE = b"USBS"
LEAVING = (Fault.GONE, Fault.IO)

# A CSW that comes late, or behind something else, is looked for so often, each time for so long; a packet
# that is larger than a CSW is taken off the wire as a whole (the largest one of USB 3).
MORE_READS, MORE_MS, LARGEST_PACKET = 3, 500, 1024
# With these the stick still speaks, so the next message is sent to it.
STILL_THERE = (Fault.STALL, Fault.OVERFLOW)

# Steps that may switch the stick.
SENDING = (BulkOut, Control, InterruptOut, SetConfiguration, SetAltSetting, Reset)

if TYPE_CHECKING:
    OnStep = Callable[[Step, Fault | None], None]


class Execution:
    """What came of a plan.

    device: in the stay that the last step spoke to. started: something that may switch the stick was
    tried, so only its port can tell what came of it. detached: interfaces whose kernel driver was taken
    away. claimed: interfaces still claimed. faults: the steps that met an error, with that error.
    delivered: at least one sending step got through. unsent: what was to be sent and has not got through,
    though the device is there; a control request that stalls is sent, as many devices answer so.
    unconfigured: SET_CONFIGURATION 0 was the last one.
    driver_hangs: the storage driver waits for the stick, so nothing was touched.
    """

    def __init__(self, device: AttachedDevice) -> None:
        self.device = device
        self.started = False
        self.detached: set[int] = set()
        self.claimed: set[int] = set()
        self.faults: list[tuple[Step, Fault]] = []
        self.delivered = False
        self.unsent: list[Step] = []
        self.unconfigured = False
        self.driver_hangs = False


def execute(
    plan: Plan,
    host: Host,
    execution: Execution,
    *,
    deadline: float,
    on_step: OnStep,
    stubborn: bool = False,
) -> None:
    """Open the device, run the steps in order, release what is claimed, close it.

    A device that is only spoken to through the storage driver is not opened.

    What happens is noted in `execution`. deadline: on the host's clock; once a message is out, steps that
    would come later are left out. on_step: called after each step with the fault that it met. stubborn: go
    on when no CSW comes; else that ends the plan, as in the reference (the stick may be switching, and more
    messages may disturb it). A stick that stalls the CSW, or sends something else, gets the next message in
    any case. Raises what Host.open raises, and AccessError, BusyError, GoneError
    or TransferError while nothing was sent.
    """
    execution.driver_hangs = False
    execution.unsent = []
    with _Run(plan, host, execution, deadline) as run:
        for step in plan.steps:
            late = execution.started and host.now() >= deadline
            if (late or run.ended) and not isinstance(step, Release):
                logger.debug("left out: %s", step)
                if isinstance(step, SENDING) and not run.left:
                    execution.unsent.append(step)
                continue
            if run.left and not isinstance(step, AwaitReturn):
                continue
            fault = run.carry_out(step)
            on_step(step, fault)
            if fault is not None:
                logger.debug("%s: %s", step, fault.value)
                execution.faults.append((step, fault))
                run.ended = run.ended or (
                    isinstance(step, ReadStatus) and not stubborn and fault not in STILL_THERE
                )
                stalled = isinstance(step, Control | InterruptOut) and fault is Fault.STALL
                if isinstance(step, SENDING) and not run.left and not stalled:
                    execution.unsent.append(step)
            elif isinstance(step, SENDING):
                execution.delivered = True
        if run.refusal is not None and not execution.started:
            from .storage_driver import error_for_refusal

            raise error_for_refusal(run.refusal, execution.device) from run.refusal


def give_back(now: AttachedDevice, transport: Transport, execution: Execution) -> list[Fault]:
    """Give a device that stays its configuration and its kernel drivers back; returns what failed."""
    faults: list[Fault] = []
    if execution.unconfigured and not now.configuration:
        # The kernel binds the drivers when it configures the device.
        fault = _tolerate(transport.set_configuration, execution.device.configuration)
        faults += [] if fault is None else [fault]
    execution.unconfigured = False
    for interface in sorted(execution.detached):
        fault = _tolerate(transport.attach, interface)
        # NOT_FOUND, BUSY: the kernel has bound one meanwhile, or there is none for it.
        if fault not in (None, Fault.NOT_SUPPORTED, Fault.NOT_FOUND, Fault.BUSY):
            faults.append(fault)
    execution.detached.clear()
    return faults


class _Run:
    """A plan on its way: the opened device, whether it has left, whether the plan ended early."""

    def __init__(self, plan: Plan, host: Host, execution: Execution, deadline: float) -> None:
        self.plan = plan
        self.deadline = deadline
        self.host = host
        self.execution = execution
        self.left = False
        self.ended = False
        self.refusal: UsbFault | None = None  # the first command that the storage driver did not take
        self._transport: Transport | None = None
        self._units: tuple[StorageUnit, ...] = ()
        self._tag: bytes | None = None  # dCBWTag of the last message that got through

    def __enter__(self) -> Self:
        if self.plan.opens_device:
            self._transport = self.host.open(self.execution.device)
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def transport(self) -> Transport:
        """The opened device."""
        assert self._transport is not None
        return self._transport

    def close(self) -> None:
        """Release all, close the device."""
        if self._transport is None:
            return
        for interface in sorted(self.execution.claimed):
            _tolerate(self.transport.release, interface)
        self.execution.claimed.clear()
        self._transport.close()
        self._transport = None

    def carry_out(self, step: Step) -> Fault | None:
        """One step; returns the fault that it met and that is tolerated."""
        fault = self._dispatch(step)
        if fault in LEAVING and self.execution.started:
            self.left = True  # before that, the next step will tell what it means
        return fault

    def _dispatch(self, step: Step) -> Fault | None:
        execution = self.execution
        match step:
            case Detach():
                return self._detach()
            case Claim(interface):
                return self._claim(interface)
            case BulkOut(endpoint, data, timeout_ms):
                return self._send(endpoint, data, timeout_ms)
            case ReadStatus():
                return self._read_status(step)
            case ClearHalt(endpoint):
                return _tolerate(self.transport.clear_halt, endpoint)
            case Pause(milliseconds):
                self.host.sleep(max(0.0, min(milliseconds / 1000, self.deadline - self.host.now())))
                return None
            case Release(interface):
                execution.claimed.discard(interface)
                return _tolerate(self.transport.release, interface)
            case InterruptOut(endpoint, data, timeout_ms):
                execution.started = True
                return _tolerate(self.transport.interrupt_out, endpoint, data, timeout_ms)
            case InterruptIn():
                return self._read_interrupts(step)
            case Control():
                return self._control(step)
            case SetConfiguration(value):
                return self._set_configuration(value)
            case SetAltSetting(interface, altsetting):
                execution.started = True
                return _tolerate(self.transport.set_altsetting, interface, altsetting)
            case Reset():
                execution.started = True
                return _tolerate(self.transport.reset)
            case AwaitReturn():
                return self._await_return(step)
            case AwaitUnits():
                from .storage_driver import await_units  # few devices need it

                self._units = await_units(self.host, execution.device, step, self.deadline)
                return None
            case ScsiCommand():
                return self._send_scsi(step)

    def _see_that_nothing_hangs(self) -> None:
        """The kernel takes the driver away, and takes commands, only once the one under way has ended."""
        device = self.execution.device
        if self.execution.started or self.host.storage_command(device) is None:
            return
        from .hanging_driver import hangs  # few sticks are met so late
        from .storage_driver import error_for_hang

        if hangs(self.host, device):
            self.execution.driver_hangs = True
            raise error_for_hang(device)

    def _detach(self) -> Fault | None:
        """Every interface: claiming and SET_CONFIGURATION fail while any of them has a driver."""
        self._see_that_nothing_hangs()
        if self.plan.method == "DetachStorageOnly":
            self.execution.started = True
        met = None
        for interface in self.execution.device.interfaces:
            number = interface.number
            # Noted before the call: an interrupt (Ctrl-C) may come right after it.
            before = set(self.execution.detached)
            self.execution.detached.add(number)
            fault = _tolerate(self.transport.detach, number)
            if fault is None:
                continue
            self.execution.detached = before
            if fault is not Fault.NOT_FOUND and fault is not Fault.NOT_SUPPORTED:
                # NOT_FOUND: nothing was bound. NOT_SUPPORTED: this system has no such drivers. Of the
                # others claiming will tell whether they matter.
                met = fault
        if self.plan.method == "DetachStorageOnly":
            self.execution.delivered = met is None
        return met

    def _claim(self, interface: int) -> Fault | None:
        self.execution.claimed.add(interface)  # before the call, as with detaching
        try:
            self.transport.claim(interface)
        except UsbFault as fault:
            self.execution.claimed.discard(interface)
            if self.execution.started:
                return fault.fault
            raise error_for(fault, self.execution.device) from fault
        return None

    def _send(self, endpoint: int, data: bytes, timeout_ms: int) -> Fault | None:
        """Send; a stalled endpoint is cleared and the message sent again, once."""
        self.execution.started = True
        fault = _tolerate(self.transport.bulk_out, endpoint, data, timeout_ms)
        if fault is Fault.STALL:
            _tolerate(self.transport.clear_halt, endpoint)
            fault = _tolerate(self.transport.bulk_out, endpoint, data, timeout_ms)
        self._tag = data[4:8] if fault is None else None
        return fault

    def _read_status(self, step: ReadStatus) -> Fault | None:
        """Bulk-Only Transport, 6.7: sticks that switch often answer nothing, rubbish, or "failed".

        What is not the CSW of the last message is taken off the wire, within MORE_READS: the CSW of an
        earlier one, data that nobody asked for, a short packet. A halt is cleared and the CSW read again
        (6.7.2). Some stall or babble all the same: then the next message goes out without it.
        """
        fault = None
        length, timeout_ms = step.length, step.timeout_ms
        for left in reversed(range(step.attempts + MORE_READS)):
            try:
                answer = self.transport.bulk_in(step.endpoint, length, timeout_ms)
            except UsbFault as error:
                fault = error.fault
                if fault in LEAVING:
                    break
                if fault is Fault.STALL:
                    _tolerate(self.transport.clear_halt, step.endpoint)
                elif fault is Fault.OVERFLOW:
                    length = LARGEST_PACKET
                elif left <= MORE_READS:
                    break
            else:
                fault = None
                if self._tag is None or answer.startswith(CSW_SIGNATURE + self._tag):
                    break
            if left <= MORE_READS:
                timeout_ms = min(MORE_MS, step.timeout_ms)
            if self.host.now() >= self.deadline:
                break
        return fault

    def _read_interrupts(self, step: InterruptIn) -> Fault | None:
        fault = None
        for _ in range(step.times):
            fault = _tolerate(self.transport.interrupt_in, step.endpoint, step.length, step.timeout_ms)
            if fault in LEAVING or self.host.now() >= self.deadline:
                break
        return fault

    def _control(self, step: Control) -> Fault | None:
        """A device that switches need not answer; a stall is what many of them do."""
        self.execution.started = True
        head = (step.request_type, step.request, step.value, step.index)
        if step.request_type & 0x80:
            return _tolerate(self.transport.control_in, *head, step.length, step.timeout_ms)
        return _tolerate(self.transport.control_out, *head, step.data, step.timeout_ms)

    def _set_configuration(self, value: int) -> Fault | None:
        """The first one tells whether it is allowed at all; nothing has happened yet when it is not."""
        try:
            self.transport.set_configuration(value)
        except UsbFault as fault:
            if not self.execution.started and fault.fault in (Fault.BUSY, Fault.ACCESS):
                raise error_for(fault, self.execution.device) from fault
            self.execution.started = True
            return fault.fault
        self.execution.started = True
        self.execution.unconfigured = value == 0
        self.execution.detached.clear()  # the interfaces of the new configuration get drivers anew
        return None

    def _send_scsi(self, step: ScsiCommand) -> Fault | None:
        """A command and its status are one call here: a fault leaves open how far it came."""
        from .storage_driver import REFUSALS, send_to_unit

        self._see_that_nothing_hangs()
        before = self.execution.started
        self.execution.started = True
        try:
            send_to_unit(self.host, self.execution.device, self._units, step)
        except UsbFault as fault:
            if fault.fault in REFUSALS:
                self.execution.started = before
                self.refusal = self.refusal or fault
                return fault.fault
            self.execution.delivered = True
            return fault.fault
        self.execution.delivered = True
        return None

    def _await_return(self, step: AwaitReturn) -> Fault | None:
        """Open the device in its next stay; without one the rest of the plan has no addressee."""
        device, start = self.execution.device, self.host.now()
        while True:
            now = self.host.at(device.port)
            if now is not None and now.id != device.id:
                self.left = True  # it has switched, or is on its way: that is for the watcher to tell
                return Fault.GONE
            is_back = now is not None and not now.same_stay(device)
            if now is not None and is_back and now.interfaces and self._reopen(now):
                return None
            bound = step.timeout_ms if now is None or is_back else step.leave_ms
            left = min(self.deadline, start + bound / 1000) - self.host.now()
            if left <= 0:
                self.left = True
                return Fault.TIMEOUT
            self.host.wait(left, device.port)

    def _reopen(self, device: AttachedDevice) -> bool:
        """Open the next stay; False while libusb does not know it yet."""
        self.close()
        try:
            self._transport = self.host.open(device)
        except ModeSwitchError as error:
            logger.debug("%s is back, but: %s", device.describe(), error)
            return False
        self.execution.device = device
        self.execution.detached.clear()
        self.left = False
        return True


def _tolerate(call: Callable[..., object], *arguments: object) -> Fault | None:
    """Make a call whose failure decides nothing; returns the fault."""
    try:
        call(*arguments)
    except UsbFault as fault:
        return fault.fault
    return None
