"""switch(): the operation, from an ID to a verdict."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from .attempts import Attempts
from .catalog import Catalog, default_catalog, entry_from_file, nothing_fits, read_entry
from .errors import (
    DeviceFileError,
    ModeSwitchError,
    NotAttachedError,
    SeveralDevicesError,
    UsageError,
)
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
from .verdict import Verdict, is_target
from .watch import await_nodes, new_neighbour

logger = logging.getLogger(__name__)

DEFAULT_TIMEOUT_S = 20.0  # the reference's CheckSuccess
MAX_TIMEOUT_S = 3600.0
CONFIGURED_S = 2.0  # how long a device that is just being enumerated gets to be configured


@dataclass(frozen=True, slots=True)
class Progress:
    """Something that happened on the way, for an observer.

    kind: "device", "entry", "try", "step", "waiting" or "seen". text: in words. step: for "step". seconds:
    since the call.
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
    verdict, over 0 to 3600, besides what the device file itself waits; by default its CheckSuccess, else
    20. wait: False sends once and returns SENT without a verdict; kernel drivers stay detached
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
    # The mode that counts for what is attached already: asked for, or settled.
    wanted_mode = mode or settings.modes.get(usb_id)
    operation = _Operation(host, catalog, usb_id, wanted_port, wanted_mode, observer)
    try:
        given = operation.given_entry(config)
        device = operation.find_device(given)
        if device is None:
            return operation.result(Status.ALREADY)
        entry = given or operation.choose_entry(device, ask=not dry_run)
        if operation.is_right_already(device, entry):
            return operation.result(Status.ALREADY)
        entry = operation.decide(device, entry, mode, mbim, settings)
        if operation.is_right_beside(device, entry):
            return operation.result(Status.ALREADY)
        plan = operation.plan = make_plan(entry.device_file, device)
        if dry_run:
            return operation.result(Status.PLANNED)
        if not plan.steps and not plan.by_itself:
            operation.after = device  # nothing to do: Configuration=0, or the active one
            return operation.result(Status.ALREADY)
        seconds = timeout or entry.device_file.check_success_s or DEFAULT_TIMEOUT_S
        return operation.carry_out(device, entry, plan, seconds if wait else None)
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
        mode: str | None,
        observer: Observer | None,
    ) -> None:
        self.host = host
        self.catalog = catalog
        self.id = usb_id
        self.port = port
        self.mode = mode
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

    def find_device(self, given: Entry | None) -> AttachedDevice | None:
        """The one stick with the initial ID, configured; None when one of the targets is attached instead.

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
            self.before = self._configured(found[0])
            self.tell("device", f"{found[0].describe()} is attached")
            return self.before
        elsewhere = None
        for entry in [given] if given else self._entries():
            for device in here:
                if is_target(device, entry, self.mode) and not self._has_its_own_entry(device, entry):
                    self.entry = entry
                    self._arrived(device)
                    self.tell("device", f"{device.describe()} is what {self.id} switches to")
                    return None
                if is_target(device, entry):
                    elsewhere = device
        raise self._not_attached(here, elsewhere)

    def _has_its_own_entry(self, device: AttachedDevice, entry: Entry) -> bool:
        """A target that is storage still, and the initial ID of another entry, has not arrived yet."""
        return device.is_storage and device.id != entry.id and bool(self.catalog.candidates(device.id))

    def _configured(self, device: AttachedDevice) -> AttachedDevice:
        """A device that was plugged in just now has no configuration yet: a moment later it has."""
        deadline = self.host.now() + CONFIGURED_S
        while not device.interfaces and (left := deadline - self.host.now()) > 0:
            self.host.wait(left)
            now = self.host.at(device.port)
            if now is None or not now.same_stay(device):
                break  # what is there now is for the plan and the watcher to tell
            device = now
        return device

    def _entries(self) -> list[Entry]:
        """The entries of the ID that can be read; what is wrong with the others becomes a warning."""
        entries = []
        for candidate in self.catalog.candidates(self.id):
            try:
                entries.append(read_entry(candidate))
            except DeviceFileError as error:
                self.warn(str(error))
        return entries

    def _not_attached(
        self, here: list[AttachedDevice], other_mode: AttachedDevice | None
    ) -> NotAttachedError:
        if other_mode is not None:
            return NotAttachedError(
                f"{self.id} is not attached; {other_mode.describe()} has switched already, to something "
                f"else than mode {self.mode}: plug it in again"
            )
        if self.port is not None:
            what = f"{here[0].id} is" if here else "nothing is"
            return NotAttachedError(f"{self.id} is not attached: {what} on port {self.port}")
        return NotAttachedError(f"{self.id} is not attached, nor is any of its targets")

    def choose_entry(self, device: AttachedDevice, *, ask: bool) -> Entry:
        """The catalogue's choice for this very device; `ask`: it may be sent an INQUIRY."""
        choice = self.catalog.choose(device, lambda: scsi_strings(self.host, device, ask=ask))
        for reason in choice.reasons:
            self.tell("entry", str(reason))
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

    def is_right_already(self, device: AttachedDevice, entry: Entry) -> bool:
        """Whether interface 0 has the target class already (IDs that stay the same in every mode)."""
        if not is_target(device, entry, self.mode):
            return False
        self._arrived(device)
        self.tell("device", f"{device.describe()} is what it should be already")
        return True

    def is_right_beside(self, device: AttachedDevice, entry: Entry) -> bool:
        """Whether the target is there on the neighbouring port (Cisco's AM10 stays where it is)."""
        if not entry.device_file.cisco_mode:
            return False
        self.after = new_neighbour(self.host, device, entry, others=())
        if self.after is not None:
            self.nodes = self.host.nodes(self.after) or ()
        return self.after is not None

    # Switching

    def carry_out(
        self, device: AttachedDevice, entry: Entry, plan: Plan, seconds: float | None
    ) -> SwitchResult:
        """Send and watch for that long; None sends once and does not watch."""
        attempts = Attempts(self.host, device, entry, plan, tell=self.tell, warn=self.warn)
        try:
            if seconds is None:
                attempts.send_once()
                self.tries = attempts.tries
                return self.result(Status.SENT)
            verdict, now = attempts.until_verdict(seconds)
        finally:
            self.tries, self.after, self.plan = attempts.tries, attempts.after, attempts.plan
        if verdict is Verdict.UNLISTED:
            self.unlisted = True
            self.warn(
                f"{now.id} (class 0x{now.interface_class or 0:02x}) is not among the targets that "
                f"{entry.path or 'the device file'} names for {self.id}"
            )
        self.after, self.nodes = await_nodes(self.host, now)
        return self.result(Status.SWITCHED)

    def _arrived(self, device: AttachedDevice) -> None:
        self.before = self.after = device
        self.nodes = self.host.nodes(device) or ()
