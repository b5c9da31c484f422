"""switch(): the operation, from an ID to a verdict."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .catalog import Catalog, default_catalog, entry_from_file, nothing_fits, read_entry
from .errors import (
    DeviceFileError,
    GoneError,
    ModeSwitchError,
    NotAttachedError,
    SeveralDevicesError,
    UsageError,
)
from .execution import Execution, execute, give_back
from .host import Host, default_host
from .model import (
    AttachedDevice,
    DeviceFile,
    Entry,
    Node,
    Port,
    Status,
    SwitchResult,
    UsbId,
    parse_hex,
    parse_port,
)
from .plan import make_plan
from .policy import decide_by
from .scsi import scsi_strings
from .settings import Settings, read_settings
from .steps import Plan, Step
from .verdict import Verdict, failure, is_target
from .watch import await_nodes, watch

if TYPE_CHECKING:
    from .transport import Fault

logger = logging.getLogger(__name__)

DEFAULT_TIMEOUT_S = 20.0  # the reference's CheckSuccess
MAX_TIMEOUT_S = 3600.0
# A stick that does not react at once may only be slow: later tries come later, and settle first for the
# time that the reference always takes. Each fraction of the timeout is where a try ends.
TRY_ENDS = (0.25, 0.55, 1.0)
SETTLE_BEFORE_RETRY_S = 0.5


@dataclass(frozen=True, slots=True)
class Progress:
    """Something that happened on the way, for an observer.

    kind: "device", "entry", "try", "step", "waiting", "seen" or "node". text: in words. step: for "step".
    seconds: since the call.
    """

    kind: str
    text: str
    seconds: float
    step: Step | None = None


Observer = Callable[[Progress], None]


def switch(
    vendor: int | str,
    product: int | str,
    *,
    port: str | None = None,
    config: DeviceFile | str | os.PathLike[str] | None = None,
    timeout: float | None = None,
    wait: bool = True,
    dry_run: bool = False,
    mode: str | None = None,
    mbim: bool | None = None,
    settings: Settings | None = None,
    data: Iterable[str | os.PathLike[str]] | str | os.PathLike[str] = (),
    backend: Any = None,
    host: Host | None = None,
    observer: Observer | None = None,
) -> SwitchResult:
    """Switch a stick and see what comes of it.

    It finds the device, picks the device file, leaves alone what is right already, makes the plan, carries
    it out (three times at most while the stick stays unchanged), watches the port, and tells what appeared.

    vendor, product: initial ID, as ints or hex strings (0 to 0xffff). port: one certain stick (`1-1.2`).
    config: a DeviceFile or the path of one, instead of the catalogue. timeout: seconds for the whole
    verdict, over 0 to 3600; by default the device file's CheckSuccess, else 20, and what the plan itself
    waits on top. wait: False sends once and returns SENT without a verdict; kernel drivers stay detached
    then. dry_run: nothing is sent, PLANNED. mode: the way of switching, by its name in the device file, or
    `mbim` or `legacy` for a device with an MBIM configuration. mbim: whether such a configuration is
    preferred where the system has the driver. settings: what counts for mode and mbim when they are not
    given; by default those of /etc/pymodeswitch.conf. data: folders of device files to look at first.
    backend: a pyusb backend (such as a virtual one) instead of this computer's USB. host: the same, for a
    Host of one's own. observer: called with Progress.

    Returns SWITCHED, or ALREADY when the stick is in its target class, or only its target is attached.
    Raises ModeSwitchError with `result`, before anything is sent: NotAttachedError, SeveralDevicesError,
    NoEntryError, DeviceFileError, NotStorageError, AccessError, BusyError, NoLibusbError, TransferError;
    after it: UnchangedError, GoneError, UnexpectedDeviceError. UsageError and SettingsError come before
    anything is looked at, so their `result` may be None.
    """
    usb_id = UsbId(parse_hex(vendor, "vendor ID"), parse_hex(product, "product ID"))
    if timeout is not None and not (_is_number(timeout) and 0 < timeout <= MAX_TIMEOUT_S):
        raise UsageError(f"bad timeout {timeout!r}: expected seconds, over 0 to {MAX_TIMEOUT_S:.0f}")
    wanted_port = None if port is None else parse_port(port)
    own_host = host is None
    host = host or default_host(backend)
    folders = (data,) if isinstance(data, str | os.PathLike) else data
    catalog = default_catalog(os.fspath(folder) for folder in folders)
    settings = read_settings() if settings is None else settings
    operation = _Operation(host, catalog, usb_id, wanted_port, observer)
    try:
        given = operation.given_entry(config)
        device = operation.find_device(given, mode)
        if device is None:
            return operation.result(Status.ALREADY)
        entry = given or operation.choose_entry(device, ask=not dry_run)
        if operation.is_right_already(device, entry, mode):
            return operation.result(Status.ALREADY)
        entry = operation.decide(device, entry, mode, mbim, settings)
        plan = make_plan(entry.device_file, device)
        operation.plan = plan
        operation.warnings += plan.warnings
        if dry_run:
            return operation.result(Status.PLANNED)
        if not plan.steps and not plan.by_itself:
            operation.after = device  # nothing to do: Configuration=0, or the active one
            return operation.result(Status.ALREADY)
        seconds = timeout
        if seconds is None:
            seconds = plan.waits_s + (entry.device_file.check_success_s or DEFAULT_TIMEOUT_S)
        return operation.carry_out(device, entry, plan, seconds, wait=wait)
    except ModeSwitchError as error:
        if error.result is None:
            error.result = operation.result(None)
        raise
    finally:
        if own_host:
            host.close()


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class _Operation:
    """One call of switch(): what is known so far, and the steps named in its docstring."""

    def __init__(
        self,
        host: Host,
        catalog: Catalog,
        usb_id: UsbId,
        port: Port | None,
        observer: Observer | None,
    ) -> None:
        self.host = host
        self.catalog = catalog
        self.id = usb_id
        self.port = port
        self.observer = observer
        self.start = host.now()
        self.before: AttachedDevice | None = None
        self.after: AttachedDevice | None = None
        self.entry: Entry | None = None
        self.plan: Plan | None = None
        self.nodes: tuple[Node, ...] = ()
        self.tries = 0
        self.unlisted = False
        self.warnings: tuple[str, ...] = ()

    def elapsed(self) -> float:
        """Seconds since the call."""
        return self.host.now() - self.start

    def tell(self, kind: str, text: str, step: Step | None = None) -> None:
        """Log, and tell the observer."""
        logger.debug("%s: %s", kind, text)
        if self.observer is not None:
            self.observer(Progress(kind, text, self.elapsed(), step))

    def warn(self, text: str) -> None:
        """Note something that the user should know of a result that is none the worse for it."""
        logger.warning("%s", text)
        self.warnings += (text,)

    def result(self, status: Status | None) -> SwitchResult:
        """The result as far as it is known."""
        known = self.after or self.before
        return SwitchResult(
            status=status,
            id=self.id,
            port=known.port if known is not None else self.port,
            before=self.before,
            after=self.after,
            entry=self.entry,
            nodes=self.nodes,
            seconds=round(self.elapsed(), 3),
            tries=self.tries,
            unlisted=self.unlisted,
            warnings=self.warnings,
            plan=self.plan,
        )

    # Finding the device and its device file

    def given_entry(self, config: DeviceFile | str | os.PathLike[str] | None) -> Entry | None:
        """The entry that the caller gives. None leaves it to the catalogue, which has to know the ID."""
        if config is None:
            if not self.catalog.candidates(self.id):
                raise self.catalog.no_entry_error(self.id)
            return None
        if isinstance(config, DeviceFile):
            entry = Entry(self.id, "given by the caller", "", config)
        else:
            entry = entry_from_file(os.fspath(config), self.id)
        self._use(entry)
        return entry

    def find_device(self, given: Entry | None, mode: str | None) -> AttachedDevice | None:
        """The one stick with the initial ID; None when one of the targets is attached instead.

        Without a mode asked for, the target of any mode will do.
        """
        attached = self.host.devices()
        here = [d for d in attached if self.port is None or d.port == self.port]
        found = [d for d in here if d.id == self.id]
        if len(found) > 1:
            ports = tuple(d.port for d in found)
            raise SeveralDevicesError(
                f"{len(found)} devices {self.id} are attached, on the ports {', '.join(ports)}: "
                "choose one with its port",
                ports=ports,
            )
        if found:
            self.before = found[0]
            self.tell("device", f"{found[0].describe()} is attached")
            return found[0]
        for entry in [given] if given else self._entries():
            for device in here:
                if is_target(device, entry, mode):
                    self.entry = entry
                    self._arrived(device)
                    self.tell("device", f"{device.describe()} is what {self.id} switches to")
                    return None
        raise self._not_attached(here)

    def _entries(self) -> list[Entry]:
        """The entries of the ID that can be read; what is wrong with the others becomes a warning."""
        entries = []
        for candidate in self.catalog.candidates(self.id):
            try:
                entries.append(read_entry(candidate))
            except DeviceFileError as error:
                self.warn(str(error))
        return entries

    def _not_attached(self, here: list[AttachedDevice]) -> NotAttachedError:
        if self.port is not None:
            what = f"{here[0].id} is" if here else "nothing is"
            return NotAttachedError(f"{self.id} is not attached: {what} on port {self.port}")
        return NotAttachedError(f"{self.id} is not attached, nor is any of its targets")

    def choose_entry(self, device: AttachedDevice, *, ask: bool) -> Entry:
        """The catalogue's choice for this very device; `ask`: it may be sent an INQUIRY."""
        choice = self.catalog.choose(device, lambda: scsi_strings(self.host, device, ask=ask))
        for candidate, reason in choice.reasons:
            self.tell("entry", f"{candidate.path}: {reason}")
        if choice.candidate is None:
            raise nothing_fits(device, choice)
        entry = read_entry(choice.candidate)
        self._use(entry)
        return entry

    def _use(self, entry: Entry) -> None:
        self.entry = entry
        self.warnings += tuple(str(diagnostic) for diagnostic in entry.diagnostics)
        self.tell("entry", f"device file: {entry.path or entry.name}")

    def decide(
        self,
        device: AttachedDevice,
        entry: Entry,
        mode: str | None,
        mbim: bool | None,
        settings: Settings,
    ) -> Entry:
        """The entry with the way of switching that is asked for, or that fits this system."""
        decision = decide_by(
            settings, entry.device_file, device, mode=mode, mbim=mbim, has_driver=self.host.has_driver
        )
        for reason in decision.reasons:
            self.tell("entry", reason)
        self.entry = replace(entry, device_file=decision.device_file)
        return self.entry

    def is_right_already(self, device: AttachedDevice, entry: Entry, mode: str | None) -> bool:
        """Whether interface 0 has the target class already (IDs that stay the same in every mode)."""
        if not is_target(device, entry, mode):
            return False
        self._arrived(device)
        self.tell("device", f"{device.describe()} is in its target class already")
        return True

    # Switching

    def carry_out(
        self, device: AttachedDevice, entry: Entry, plan: Plan, timeout: float, *, wait: bool
    ) -> SwitchResult:
        """Send, watch, and send again while the stick stays unchanged; bounded by timeout and tries."""
        deadline = self.start + timeout
        execution = Execution(device)
        verdict = Verdict.UNCHANGED
        others = self.host.devices() if entry.device_file.cisco_mode else None
        now: AttachedDevice | None = device
        try:
            for number, end in enumerate(TRY_ENDS, 1):
                if number > 1:
                    if self.host.now() + SETTLE_BEFORE_RETRY_S >= deadline:
                        break
                    self.tell("try", "unchanged: once more, slower")
                    self.host.sleep(SETTLE_BEFORE_RETRY_S)
                if now is not None and now.device_number != execution.device.device_number:
                    # It came back as it was: with a new number, and with its drivers.
                    execution, plan = Execution(now), make_plan(entry.device_file, now)
                execution.started = False
                if plan.by_itself:
                    end = 1.0  # nothing to send again: it gets the whole time
                else:
                    self._send(number, plan, execution, deadline)
                self.tries += execution.started
                if not wait:
                    execution.detached.clear()  # nobody will know whether it stays
                    return self.result(Status.SENT)
                until = self.start + timeout * end
                verdict, now = watch(
                    self.host,
                    device,
                    entry,
                    until=until,
                    deadline=deadline,
                    tell=self.tell,
                    others=others,
                )
                self.after = now
                if verdict is not Verdict.UNCHANGED or plan.by_itself:
                    break
        finally:
            self._give_back(execution)
        if verdict.is_switch and now is not None:
            return self._switched(verdict, now, entry)
        raise failure(verdict, device, now, seconds=timeout, tries=self.tries)

    def _send(self, number: int, plan: Plan, execution: Execution, deadline: float) -> None:
        """Open the device and run the plan: the try with that number."""
        self.tell("try", f"try {number}: {plan.method}")

        def on_step(step: Step, fault: Fault | None) -> None:
            self.tell("step", "ok" if fault is None else fault.value, step)

        try:
            execute(
                plan,
                self.host,
                execution,
                deadline=deadline,
                on_step=on_step,
                stubborn=number > 1,
            )
        except GoneError:
            # A stick that leaves between two tries may well be switching, late: its port will tell.
            if number == 1:
                raise

    def _give_back(self, execution: Execution) -> None:
        """A stick that stayed gets its kernel drivers back, whatever happened."""
        device = execution.device
        now = self.host.at(device.port) if execution.detached else None
        if now is None or now.device_number != device.device_number:
            return
        try:
            transport = self.host.open(now)
        except ModeSwitchError as error:
            self.warn(f"the kernel drivers of {device.describe()} stay detached: {error}")
            return
        try:
            for fault in give_back(transport, execution):
                self.warn(f"a kernel driver of {device.describe()} stays detached: {fault.value}")
        finally:
            transport.close()

    def _switched(self, verdict: Verdict, device: AttachedDevice, entry: Entry) -> SwitchResult:
        if verdict is Verdict.UNLISTED:
            self.unlisted = True
            self.warn(
                f"{device.id} (class 0x{device.interface_class or 0:02x}) is not among the targets "
                f"that {entry.path or 'the device file'} names for {self.id}"
            )
        self.after, self.nodes = await_nodes(self.host, device)
        return self.result(Status.SWITCHED)

    def _arrived(self, device: AttachedDevice) -> None:
        self.before = self.after = device
        self.nodes = self.host.nodes(device) or ()
