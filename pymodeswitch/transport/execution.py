"""Runs the steps of a plan on a device, and tolerates what a stick does that is just leaving."""

from __future__ import annotations

from ..nouns.errors import ModeSwitchError
from ..nouns.log import Logger
from ..nouns.model import AttachedDevice, StorageUnit
from ..nouns.protocols import Host, Reporter, Transport
from ..nouns.record import Record
from ..nouns.steps import (
    CSW_SIGNATURE,
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
from .faults import Fault, UsbFault, error_for, met_by
from .taken import Taken

logger = Logger(__name__)

# After these the device is on its way out (or stuck for good): the next steps have no addressee.
LEAVING = (Fault.GONE, Fault.IO)

# A CSW that comes late, or behind something else, is looked for so often, each time for so long; a packet
# that is larger than a CSW is taken off the wire as a whole (the largest one of USB 3).
MORE_READS, MORE_MS, LARGEST_PACKET = 3, 500, 1024
# With these the stick still speaks, so the next message is sent to it.
STILL_THERE = (Fault.STALL, Fault.OVERFLOW)
# With these the storage driver has sent nothing. After any other fault a command may have reached the stick.
REFUSALS = (Fault.ACCESS, Fault.BUSY, Fault.NOT_FOUND, Fault.NOT_SUPPORTED)

# Steps that may switch the stick.
SENDING = (BulkOut, Control, InterruptOut, SetConfiguration, SetAltSetting, Reset)


class Execution(Record):
    """What came of a plan.

    started: something that may switch the stick was tried, so only its port can tell what came of it.
    delivered: at least one such step got through. faults: the steps that met an error, with that error.
    unsent: what was to be sent and has not got through, though the device is there; a control request that
    stalls is sent, as many devices answer so.
    """

    started: bool
    delivered: bool
    faults: tuple[tuple[Step, Fault], ...] = ()
    unsent: tuple[Step, ...] = ()


def execute(
    plan: Plan, host: Host, taken: Taken, reporter: Reporter, *, deadline: float, stubborn: bool = False
) -> Execution:
    """Open the device, run the steps in order, release what is claimed, close it.

    A device that is only spoken to through the storage driver is not opened.

    taken: of the stay that is spoken to; what is taken from the stick is noted there as it happens.
    deadline: on the host's clock; once a message is out, steps that would come later are left out.
    reporter: is told of each step, with the fault that it met. stubborn: go on when no CSW comes; else that
    ends the plan, as in the reference (the stick may be switching, and more messages may disturb it). A
    stick that stalls the CSW, or sends something else, gets the next message in any case. Raises what
    Host.open raises, and AccessError, BusyError, GoneError or TransferError while nothing was sent.
    """
    started = delivered = left = ended = False
    faults: list[tuple[Step, Fault]] = []
    unsent: list[Step] = []
    refusal: UsbFault | None = None  # the first command that the storage driver did not take
    run = _Run(plan, host, taken, deadline)
    try:
        for step in plan.steps:
            late = started and host.now() >= deadline
            if (late or ended) and not isinstance(step, Release):
                logger.debug("left out: %s", step)
                if isinstance(step, SENDING) and not left:
                    unsent.append(step)
                continue
            if left and not isinstance(step, AwaitReturn):
                continue
            waits = isinstance(step, Detach | ScsiCommand) and not started
            if waits and host.storage_command(taken.device) is not None:
                from .hanging_driver import check  # few sticks are met so late

                check(host, taken.device)
            fault = None
            try:
                run.carry_out(step)
            except UsbFault as error:
                fault = error.fault
                # The first SET_CONFIGURATION tells whether it is allowed at all.
                forbids = isinstance(step, SetConfiguration) and fault in (Fault.BUSY, Fault.ACCESS)
                if not started and (forbids or isinstance(step, Claim)):
                    raise error_for(error, taken.device) from error
                faults.append((step, fault))
                if isinstance(step, ScsiCommand):
                    refusal = refusal or error
            was_tried, got_through = _reached(plan, step, fault)
            started, delivered = started or was_tried, delivered or got_through
            if was_tried:
                taken.note_bare()
            reporter.tell("step", "ok" if fault is None else fault.value, step)
            if fault is None:
                left = False  # for it has returned
                continue
            logger.debug("%s: %s", step, fault.value)
            # Before anything was sent the next step will tell what it means that it leaves.
            left = isinstance(step, AwaitReturn) or (fault in LEAVING and started)
            ended = ended or (isinstance(step, ReadStatus) and not stubborn and fault not in STILL_THERE)
            stalled = isinstance(step, Control | InterruptOut) and fault is Fault.STALL
            if isinstance(step, SENDING) and not left and not stalled:
                unsent.append(step)
        if refusal is not None and not started:
            from .storage_driver import error_for_refusal

            raise error_for_refusal(refusal, taken.device) from refusal
    finally:
        run.close()
    return Execution(started, delivered, tuple(faults), tuple(unsent))


def _reached(plan: Plan, step: Step, fault: Fault | None) -> tuple[bool, bool]:
    """Whether a step has tried to switch the stick, and whether that got through."""
    if isinstance(step, ScsiCommand):
        # A command and its status are one call here: a fault leaves open how far it came.
        return (fault not in REFUSALS,) * 2
    switches = isinstance(step, Detach) and plan.method == "DetachStorageOnly"
    return (True, fault is None) if switches or isinstance(step, SENDING) else (False, False)


class _Run:
    """The device that a plan is carried out on, opened; each step raises UsbFault for what it met."""

    def __init__(self, plan: Plan, host: Host, taken: Taken, deadline: float) -> None:
        self._host = host
        self._taken = taken
        self._deadline = deadline
        self._claimed: set[int] = set()
        self._units: tuple[StorageUnit, ...] = ()
        self._tag: bytes | None = None  # dCBWTag of the last message, when it got through
        self._transport = host.open(taken.device) if plan.opens_device else None

    @property
    def transport(self) -> Transport:
        """The opened device."""
        assert self._transport is not None
        return self._transport

    def close(self) -> None:
        """Release all, close the device."""
        if self._transport is None:
            return
        for interface in sorted(self._claimed):
            met_by(self._transport.release, interface)
        self._claimed.clear()
        self._transport.close()
        self._transport = None

    def carry_out(self, step: Step) -> None:
        """One step."""
        match step:
            case Detach():
                self._taken.detach(self.transport)
            case Claim(interface):
                self._claim(interface)
            case BulkOut(endpoint, data, timeout_ms):
                self._send(endpoint, data, timeout_ms)
            case ReadStatus():
                self._read_status(step)
            case ClearHalt(endpoint):
                self.transport.clear_halt(endpoint)
            case Pause(milliseconds):
                left = self._deadline - self._host.now()
                self._host.sleep(max(0.0, min(milliseconds / 1000, left)))
            case Release(interface):
                self._claimed.discard(interface)
                self.transport.release(interface)
            case InterruptOut(endpoint, data, timeout_ms):
                self.transport.interrupt_out(endpoint, data, timeout_ms)
            case InterruptIn():
                self._read_interrupts(step)
            case Control():
                self._control(step)
            case SetConfiguration(value):
                self._taken.configure(self.transport, value)
            case SetAltSetting(interface, altsetting):
                self.transport.set_altsetting(interface, altsetting)
            case Reset():
                self.transport.reset()
            case AwaitReturn():
                self._await_return(step)
            case AwaitUnits():
                from .storage_driver import await_units  # few devices need it

                self._units = await_units(self._host, self._taken.device, step, self._deadline)
            case ScsiCommand():
                from .storage_driver import send_to_unit

                send_to_unit(self._host, self._taken.device, self._units, step)

    def _claim(self, interface: int) -> None:
        self._claimed.add(interface)  # before the call, as with detaching
        try:
            self.transport.claim(interface)
        except UsbFault:
            self._claimed.discard(interface)
            raise

    def _send(self, endpoint: int, data: bytes, timeout_ms: int) -> None:
        """Send; a stalled endpoint is cleared and the message sent again, once."""
        self._tag = None
        met = met_by(self.transport.bulk_out, endpoint, data, timeout_ms)
        if met is not None and met.fault is Fault.STALL:
            met_by(self.transport.clear_halt, endpoint)
            met = met_by(self.transport.bulk_out, endpoint, data, timeout_ms)
        if met is not None:
            raise met
        self._tag = data[4:8]

    def _read_status(self, step: ReadStatus) -> None:
        """Bulk-Only Transport, 6.7: sticks that switch often answer nothing, rubbish, or "failed".

        What is not the CSW of the last message is taken off the wire, within MORE_READS: the CSW of an
        earlier one, data that nobody asked for, a short packet. A halt is cleared and the CSW read again
        (6.7.2). Some stall or babble all the same: then the next message goes out without it.
        """
        met = None
        length, timeout_ms = step.length, step.timeout_ms
        for left in reversed(range(step.attempts + MORE_READS)):
            try:
                answer = self.transport.bulk_in(step.endpoint, length, timeout_ms)
            except UsbFault as error:
                met = error
                if met.fault in LEAVING:
                    break
                if met.fault is Fault.STALL:
                    met_by(self.transport.clear_halt, step.endpoint)
                elif met.fault is Fault.OVERFLOW:
                    length = LARGEST_PACKET
                elif left <= MORE_READS:
                    break
            else:
                met = None
                if self._tag is None or answer.startswith(CSW_SIGNATURE + self._tag):
                    break
            if left <= MORE_READS:
                timeout_ms = min(MORE_MS, step.timeout_ms)
            if self._host.now() >= self._deadline:
                break
        if met is not None:
            raise met

    def _read_interrupts(self, step: InterruptIn) -> None:
        met = None
        for _ in range(step.times):
            met = met_by(self.transport.interrupt_in, step.endpoint, step.length, step.timeout_ms)
            is_leaving = met is not None and met.fault in LEAVING
            if is_leaving or self._host.now() >= self._deadline:
                break
        if met is not None:
            raise met

    def _control(self, step: Control) -> None:
        """A device that switches need not answer; a stall is what many of them do."""
        head = (step.request_type, step.request, step.value, step.index)
        if step.request_type & 0x80:
            self.transport.control_in(*head, step.length, step.timeout_ms)
        else:
            self.transport.control_out(*head, step.data, step.timeout_ms)

    def _await_return(self, step: AwaitReturn) -> None:
        """Open the device in its next stay; without one the rest of the plan has no addressee.

        It may come back on the SuperSpeed peer of its port.
        """
        device, start = self._taken.device, self._host.now()
        peer = self._host.peer(device.port)
        while True:
            now = self._host.at(device.port) or (None if peer is None else self._host.at(peer))
            if now is not None and now.id != device.id:
                # It has switched, or is on its way: that is for the watcher to tell.
                raise UsbFault(Fault.GONE, f"{device.describe()} is {now.id} now")
            is_back = now is not None and not now.same_stay(device)
            if now is not None and is_back and now.interfaces and self._reopen(now):
                return
            bound = step.timeout_ms if now is None or is_back else step.leave_ms
            left = min(self._deadline, start + bound / 1000) - self._host.now()
            if left <= 0:
                raise UsbFault(Fault.TIMEOUT, f"waiting for {device.describe()}")
            self._host.wait(left, device.port)

    def _reopen(self, device: AttachedDevice) -> bool:
        """Open the next stay; False while libusb does not know it yet."""
        self.close()
        try:
            self._transport = self._host.open(device)
        except ModeSwitchError as error:
            logger.debug("%s is back, but: %s", device.describe(), error)
            return False
        self._taken.follow(device)
        return True
