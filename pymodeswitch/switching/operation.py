"""One switch of one stick: what is known so far, and the steps that `switch()` is made of."""

from __future__ import annotations

import os

from ..catalog.catalog import Catalog, entry_from_file, nothing_fits, read_entry
from ..nouns.errors import (
    AnotherRunError,
    DeviceFileError,
    ModeSwitchError,
    NoEntryError,
    NotAttachedError,
    NotStorageError,
    SeveralDevicesError,
    error_for_code,
)
from ..nouns.log import Logger
from ..nouns.model import (
    LEGACY_MODE,
    MBIM_MODE,
    AttachedDevice,
    DeviceFile,
    Entry,
    Node,
    Port,
    Status,
    SwitchResult,
    UsbId,
)
from ..nouns.protocols import Host
from ..nouns.record import Record, replace
from ..nouns.steps import Plan, Step
from ..planning.modes import is_in_mode_of, shows_only_storage, way_of
from ..planning.policy import decide_by
from ..planning.settings import Settings
from .attempts import Attempts
from .connector import device_at
from .marks import Mark, mark_of
from .port_state import PortState
from .verdict import Verdict, fell_back, judge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

logger = Logger(__name__)

CONFIGURED_S = 2.0  # how long a device that is just being enumerated gets to be configured


class Progress(Record):
    """Something that happened on the way, for an observer.

    kind: "device", "entry", "kernel" (what it was told), "try", "step", "waiting" or "seen". text: in
    words. step: for "step". seconds: since the call.
    """

    kind: str
    text: str
    seconds: float
    step: Step | None = None


if TYPE_CHECKING:
    Observer = Callable[[Progress], None]


class Operation:
    """One call of switch(): what is known so far, and the steps named in its docstring."""

    def __init__(
        self,
        host: Host,
        catalog: Catalog,
        usb_id: UsbId | None,
        port: Port | None,
        mode: str | None,
        settings: Settings,
        observer: Observer | None,
    ) -> None:
        self.host = host
        self.catalog = catalog
        self._id = usb_id
        self.port = port
        self.asked_mode = mode
        self.settings = settings
        self.observer = observer
        self.start = host.now()
        self.before: AttachedDevice | None = None
        self.after: AttachedDevice | None = None
        self.entry: Entry | None = None
        self.way: DeviceFile | None = None  # whose mode the device is in already
        self.plan: Plan | None = None
        self.nodes: tuple[Node, ...] = ()
        self.tries = 0
        self.unlisted = False
        self.warnings: tuple[str, ...] = ()
        self._guard: PortState | None = None
        self._has_settled_mode = True  # no device file has denied it so far

    @property
    def id(self) -> UsbId:
        """The initial ID: given, or what is on the port."""
        assert self._id is not None
        return self._id

    @property
    def mode(self) -> str | None:
        """The mode that counts for what is attached already: asked for, or settled."""
        return self.asked_mode or self._settled

    @property
    def _settled(self) -> str | None:
        return self.settings.modes.get(self.id) if self._has_settled_mode else None

    def _mode_for(self, entry: Entry) -> str | None:
        """That mode where the entry may know it; a settled one that it does not know counts for nothing."""
        names = (*entry.device_file.mode_names, MBIM_MODE, LEGACY_MODE)
        return self.asked_mode or (self._settled if self._settled in names else None)

    def elapsed(self) -> float:
        """Seconds since the call."""
        return self.host.now() - self.start

    def tell(self, kind: str, text: str, step: Step | None = None) -> None:
        """Log, and tell the observer."""
        log = logger.info if self.settings.verbose else logger.debug
        log("%s: %s", kind, text)
        if self.observer is not None:
            self.observer(Progress(kind, text, self.elapsed(), step))

    def warn(self, text: str) -> None:
        """Note something that the user should know of a result that is none the worse for it."""
        logger.told(text)
        self.warnings += (text,)

    def result(self, status: Status) -> SwitchResult:
        """The result."""
        result = self._result(status)
        self._log_verdict(result, status.value)
        return result

    def leave_word(self, error: ModeSwitchError) -> None:
        """Note in an error how far it came, and tell those who wait for the port."""
        if error.result is None and self._id is not None:
            error.result = self._result(None)
            self._log_verdict(error.result, type(error).__name__)
        if self._guard is not None:
            self._guard.write_verdict(error.exit_code, str(error))

    def _log_verdict(self, result: SwitchResult, outcome: str) -> None:
        """One record for each verdict; its fields are also attributes of the record."""
        entry = "" if result.entry is None else result.entry.path or result.entry.name
        fields = {"usb_id": str(result.id), "port": result.port or "", "entry": entry, "outcome": outcome}
        logger.info("%(usb_id)s on port %(port)s: %(outcome)s (%(entry)s)", fields, extra=fields)

    def close(self) -> None:
        """Let others at the port."""
        if self._guard is not None:
            self._guard.unlock()

    def _result(self, status: Status | None) -> SwitchResult:
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
            mode=self.way.mode if self.way is not None else "",
        )

    # Alone on the port

    def is_done_by_another(self, port: Port, seconds: float) -> bool:
        """Take the port's lock; while another run has it, wait for its verdict, that long at most.

        True: the other has switched the stick. Raises what the other run said went wrong, and
        AnotherRunError when it does not end.
        """
        self._guard = PortState(self.host, port)
        start = self.host.now()
        if self._guard.lock(0):
            return False
        self.tell("device", f"another run is at work on port {port}: waiting for its verdict")
        if not self._guard.lock(seconds):
            raise AnotherRunError(f"port {port} is busy: another run of pymodeswitch is at work on it")
        said = self._guard.read_verdict()
        if said is None or said.seconds < start:
            return False  # it ended without a word: its signal, or a dry run
        if said.code:
            raise error_for_code(said.code, f"{said.text} (so said another run, which was at work on it)")
        device = device_at(self.host, port)
        if device is None:
            return False  # it has left since: for our own look to tell
        self._id = self._id or device.id
        self._arrived(device)
        return True

    # Finding the device and its device file

    def is_target_of_some_entry(self, port: Port) -> bool:
        """Take what is on the port for the stick that is meant; True when it is switched already."""
        device = device_at(self.host, port)
        if device is None:
            raise NotAttachedError(f"nothing is attached to port {port}")
        self._id = device.id
        if self.catalog.candidates(device.id):
            return False
        leading = self.catalog.origins(device)
        if leading:
            self.entry = leading[0]
            self.way = way_of(device, leading[0])
            self._arrived(device)
        elif shows_only_storage(device) and (others := self.catalog.leading_to(device.id)):
            raise NoEntryError(
                f"{device.describe()} has the ID that {others[0].id} switches to, but it shows nothing but "
                "storage, and no device file is for it"
            )
        return bool(leading)

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
        if self.port is None:
            here = list(self.host.devices())
        else:
            here = [device for device in (device_at(self.host, self.port),) if device is not None]
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
                way = way_of(device, entry, self._mode_for(entry))
                if way is not None and not self._has_its_own_entry(device, entry):
                    self.entry, self.way = entry, way
                    self._arrived(device)
                    self.tell("device", f"{device.describe()} is what {self.id} switches to")
                    return None
                if way_of(device, entry) is not None:
                    elsewhere = device
        raise self._not_attached(here, elsewhere)

    def _has_its_own_entry(self, device: AttachedDevice, entry: Entry) -> bool:
        """A target that is storage still, and the initial ID of another entry, has not arrived yet."""
        return device.is_storage and device.id != entry.id and bool(self.catalog.candidates(device.id))

    def _configured(self, device: AttachedDevice) -> AttachedDevice:
        """A device that was plugged in just now has no configuration yet: a moment later it has."""
        deadline = self.host.now() + CONFIGURED_S
        while not device.interfaces and (left := deadline - self.host.now()) > 0:
            self.host.wait(left, device.port)
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

        def read_scsi() -> tuple[str, str, str] | None:
            from ..transport.inquiry import scsi_strings  # few device files ask for them

            return scsi_strings(self.host, device, ask=ask)

        choice = self.catalog.choose(device, read_scsi)
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

    def decide(self, device: AttachedDevice, entry: Entry, mbim: bool | None) -> Entry:
        """The entry with the way of switching that is asked for, or that fits this system."""
        decision = decide_by(
            self.settings,
            entry.device_file,
            device,
            mode=self.asked_mode,
            mbim=mbim,
            has_driver=self.host.has_driver,
        )
        for reason in decision.reasons:
            self.tell("entry", reason)
        if decision.warning:
            self.warn(decision.warning)
            self._has_settled_mode = False
        self.entry = replace(entry, device_file=decision.device_file)
        return self.entry

    def is_right_already(self, device: AttachedDevice, entry: Entry) -> bool:
        """Whether the device, with its initial ID, is in the mode of the way that would be taken.

        entry: with all its ways. One that is in the mode of another way, though no mode was asked for, has
        switched, too: the result names it. NotStorageError where a mode was asked for that it cannot be
        sent to from there.
        """
        assert self.entry is not None
        wanted, way = self.entry.device_file, way_of(device, entry)
        if is_in_mode_of(device, wanted, entry.id) or (way is not None and way.mode == wanted.mode):
            self.way = wanted
        elif way is None:
            return False
        elif self.mode is None:
            self.way = way
        else:
            text = f"{device.describe()} is in mode {way.mode}: plug it in again for mode {self.mode}"
            raise NotStorageError(text)
        self._arrived(device)
        self.tell("device", f"{device.describe()} is what it should be already")
        return True

    def after_a_fall(self, device: AttachedDevice, entry: Entry) -> AttachedDevice:
        """The device once it has had time to fall back to storage; the same one when it stays as it is.

        Some sticks (3566:2001) show the mode they had last for a few seconds, with the ID that they have in
        all modes, and then their CD.
        """
        assert self.entry is not None
        wanted, way = self.entry.device_file, way_of(device, entry)
        if device.id != entry.id or way is None or self.mode is not None or way.mode == wanted.mode:
            return device
        from .port_watch import await_fall_back

        self.tell("device", f"{device.describe()} is in mode {way.mode}: it may fall back to storage")
        now = await_fall_back(self.host, device)
        if now is not None:
            self.before = now
            self.tell("device", f"{now.describe()} has fallen back")
        return now or device

    def is_right_beside(self, device: AttachedDevice, entry: Entry) -> bool:
        """Whether the target is there on the neighbouring port (Cisco's AM10 stays where it is)."""
        if not entry.device_file.cisco_mode:
            return False
        from .port_watch import new_neighbour

        self.after = new_neighbour(self.host, device, entry, others=())
        if self.after is not None:
            self.nodes = self.host.nodes(self.after) or ()
        return self.after is not None

    # Switching

    def carry_out(
        self,
        device: AttachedDevice,
        entry: Entry,
        plan: Plan,
        seconds: float | None,
        tries: int,
        mark: Mark | None = None,
    ) -> SwitchResult:
        """Send, `tries` times at most, and watch for that long; None sends once and does not watch.

        mark: the sender's, of this stay. It has sent, which stands for the first try, or has tried to.
        """
        by_others = tries > 1 or bool(entry.device_file.shared)  # not what is carried out as written
        if mark is None and seconds is not None and by_others:
            mark = mark_of(self.host, device)
        is_sent = mark is not None and mark.is_sent
        if self._guard is not None and not plan.by_itself and not is_sent:
            self._guard.count(self.settings.switches_per_minute)
        if self.settings.storage_delay_s is not None:
            self.tell("kernel", self.host.raise_storage_delay(self.settings.storage_delay_s))
        attempts = Attempts(self.host, device, entry, plan, mark=mark, tell=self.tell, warn=self.warn)
        try:
            if seconds is None:
                attempts.send_once()
                self.tries = attempts.tries
                return self.result(Status.SENT)
            verdict, now = attempts.until_verdict(seconds, tries)
        finally:
            self.tries, self.after, self.plan = attempts.tries, attempts.after, attempts.plan
        if self.settings.avoid_reset_quirk:
            # Now, and not once it has its nodes: its drivers may reset it while they bind.
            self.tell("kernel", self.host.avoid_reset(now))
        if verdict is Verdict.UNLISTED:
            self.unlisted = True
            self.warn(
                f"{now.id} (class 0x{now.interface_class or 0:02x}) is not among the targets that "
                f"{entry.path or 'the device file'} names for {self.id}"
            )
        from .port_watch import await_nodes, is_without_driver

        is_gone = verdict is Verdict.UNLISTED and self.host.at(now.port) is None
        self.after, self.nodes = await_nodes(self.host, now, is_gone=is_gone)
        if is_gone:
            self.warn(f"{now.id} has left port {now.port} again, and nothing has come back")
        elif not self.after.same_stay(now) and not judge(device, self.after, entry).is_switch:
            raise fell_back(device, now, self.after)
        elif is_without_driver(self.host, self.after):
            self.warn(
                f"no driver has taken {self.after.describe()}: `pymodeswitch doctor` tells what it needs"
            )
        if self._guard is not None:
            self._guard.write_verdict(0, f"{device.describe()} switched to {self.after.id}")
        return self.result(Status.SWITCHED)

    def _arrived(self, device: AttachedDevice) -> None:
        self.before = self.after = device
        self.nodes = self.host.nodes(device) or ()
