"""One switch of one stick: the steps that `switch()` is made of."""

from __future__ import annotations

import os

from ..catalog.catalog import Catalog, entry_from_file, nothing_fits, read_entry
from ..nouns.errors import (
    DeviceFileError,
    ModeSwitchError,
    NoEntryError,
    NotAttachedError,
    NotStorageError,
    SeveralDevicesError,
)
from ..nouns.model import (
    LEGACY_MODE,
    MBIM_MODE,
    AttachedDevice,
    DeviceFile,
    Entry,
    Port,
    Status,
    SwitchResult,
    UsbId,
)
from ..nouns.protocols import Host
from ..nouns.record import replace
from ..nouns.steps import Plan
from ..planning.modes import is_in_mode_of, shows_only_storage, way_of
from ..planning.plan import make_plan
from ..planning.policy import decide_by
from ..planning.settings import Settings
from .account import Account
from .attempts import MAX_TRIES, Attempts
from .connector import device_at
from .marks import Mark, mark_of
from .port_state import PortState
from .verdict import Verdict, fell_back, judge

DEFAULT_TIMEOUT_S = 20.0  # the reference's CheckSuccess

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn, Self


class Already(Exception):
    """Ends a call before its last step: the stick is in the mode that is asked for."""


class Operation:
    """The steps named in the docstring of switch(), in their order; each notes what it finds in the account.

    A step that finds the stick as it should be raises Already. As a context it ends there, and notes in an
    error how far it came; then others are let at the port.
    """

    def __init__(
        self, host: Host, catalog: Catalog, settings: Settings, account: Account, mode: str | None = None
    ) -> None:
        self.host = host
        self.catalog = catalog
        self.settings = settings
        self.account = account
        self.asked_mode = mode
        self._port_state: PortState | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> bool:
        try:
            if isinstance(error, ModeSwitchError):
                self.account.add_to(error)
                if self._port_state is not None:
                    self._port_state.write_verdict(error.exit_code, str(error))
        finally:
            if self._port_state is not None:
                self._port_state.unlock()
        return isinstance(error, Already)

    @property
    def id(self) -> UsbId:
        """The initial ID: given, or what is on the port."""
        return self.account.known.id

    @property
    def mode(self) -> str | None:
        """The mode that counts for what is attached already: asked for, or settled."""
        return self.asked_mode or self.settings.modes.get(self.id)

    def _mode_for(self, entry: Entry) -> str | None:
        """That mode where the entry may know it; a settled one that it does not know counts for nothing."""
        names = (*entry.device_file.mode_names, MBIM_MODE, LEGACY_MODE)
        return self.mode if self.asked_mode or self.mode in names else None

    # Alone on the port

    def take_turn(self, port: Port, seconds: float) -> None:
        """Take the port's lock; while another run has it, wait for its verdict, that long at most.

        Already: the other has switched the stick. Raises what the other run said went wrong, and
        AnotherRunError when it does not end.
        """
        self._port_state = PortState(self.host, port)
        if not self._port_state.is_done_by_another(seconds, self.account):
            return
        device = device_at(self.host, port)
        if device is None:
            return  # it has left since: for our own look to tell
        self.account.begin(device.id, port)
        self.account.note_target(device)
        raise Already

    # Finding the device and its device file

    def identify(self, port: Port) -> None:
        """Take what is on the port for the stick that is meant. Already, when some entry leads to it."""
        device = device_at(self.host, port)
        if device is None:
            raise NotAttachedError(f"nothing is attached to port {port}")
        self.account.begin(device.id, port)
        if self.catalog.candidates(device.id):
            return
        leading = self.catalog.origins(device)
        if leading:
            way = way_of(device, leading[0])
            self.account.note_target(device, entry=leading[0], mode=way.mode if way else "")
            raise Already
        if shows_only_storage(device) and (others := self.catalog.leading_to(device.id)):
            raise NoEntryError(
                f"{device.describe()} has the ID that {others[0].id} switches to, but it shows nothing but "
                "storage, and no device file is for it"
            )

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

    def find_device(self, port: Port | None, given: Entry | None) -> AttachedDevice:
        """The one stick with the initial ID, configured. Already, when a target is attached instead.

        Without a mode asked for, the target of any mode will do.
        """
        if port is None:
            here = list(self.host.devices())
        else:
            here = [device for device in (device_at(self.host, port),) if device is not None]
        found = [d for d in here if d.id == self.id]
        if len(found) > 1:
            ports = tuple(d.port for d in found)
            raise SeveralDevicesError(
                f"{len(found)} devices {self.id} are attached, on the ports {', '.join(ports)}: "
                "choose one with its port",
                ports=ports,
            )
        if found:
            device = found[0]
            if not device.interfaces:
                from .port_watch import await_configured  # few are met so early

                device = await_configured(self.host, device)
            self.account.note(before=device)
            self.account.tell("device", f"{found[0].describe()} is attached")
            return device
        self._find_target(port, here, given)

    def _find_target(self, port: Port | None, here: list[AttachedDevice], given: Entry | None) -> NoReturn:
        """Already when what one of the entries leads to is attached; else NotAttachedError."""
        text = f"{self.id} is not attached, nor is any of its targets"
        if port is not None:
            what = f"{here[0].id} is" if here else "nothing is"
            text = f"{self.id} is not attached: {what} on port {port}"
        for entry in [given] if given else self._entries():
            for device in here:
                way = way_of(device, entry, self._mode_for(entry))
                if way is not None and not self._has_its_own_entry(device, entry):
                    self.account.note_target(device, entry=entry, mode=way.mode)
                    self.account.tell("device", f"{device.describe()} is what {self.id} switches to")
                    raise Already
                if way_of(device, entry) is not None:
                    text = (
                        f"{self.id} is not attached; {device.describe()} has switched already, to something "
                        f"else than mode {self.mode}: plug it in again"
                    )
        raise NotAttachedError(text)

    def _has_its_own_entry(self, device: AttachedDevice, entry: Entry) -> bool:
        """A target that is storage still, and the initial ID of another entry, has not arrived yet."""
        return device.is_storage and device.id != entry.id and bool(self.catalog.candidates(device.id))

    def _entries(self) -> list[Entry]:
        """The entries of the ID that can be read; what is wrong with the others becomes a warning."""
        entries = []
        for candidate in self.catalog.candidates(self.id):
            try:
                entries.append(read_entry(candidate))
            except DeviceFileError as error:
                self.account.warn(str(error))
        return entries

    def choose_entry(self, device: AttachedDevice, *, ask: bool) -> Entry:
        """The catalogue's choice for this very device; `ask`: it may be sent an INQUIRY."""

        def read_scsi() -> tuple[str, str, str] | None:
            from ..transport.inquiry import scsi_strings  # few device files ask for them

            return scsi_strings(self.host, device, ask=ask)

        choice = self.catalog.choose(device, read_scsi)
        for reason in choice.reasons:
            self.account.tell("entry", str(reason))
        if choice.candidate is None:
            raise nothing_fits(device, choice)
        entry = read_entry(choice.candidate)
        self._use(entry)
        return entry

    def _use(self, entry: Entry) -> None:
        self.account.note(entry=entry)
        self.account.add_warnings(*(str(diagnostic) for diagnostic in entry.diagnostics))
        self.account.tell("entry", f"device file: {entry.path or entry.name}")

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
            self.account.tell("entry", reason)
        if decision.warning:
            self.account.warn(decision.warning)
            self.settings = replace(self.settings, modes={})
        entry = replace(entry, device_file=decision.device_file)
        self.account.note(entry=entry)
        return entry

    def after_a_fall(self, device: AttachedDevice, ways: Entry, entry: Entry) -> AttachedDevice:
        """The device once it has had time to fall back to storage; the same one when it stays as it is.

        Some sticks (3566:2001) show the mode they had last for a few seconds, with the ID that they have in
        all modes, and then their CD.
        """
        wanted, way = entry.device_file, way_of(device, ways)
        if device.id != entry.id or way is None or self.mode is not None or way.mode == wanted.mode:
            return device
        from .port_watch import await_fall_back

        self.account.tell(
            "device", f"{device.describe()} is in mode {way.mode}: it may fall back to storage"
        )
        now = await_fall_back(self.host, device)
        if now is not None:
            self.account.note(before=now)
            self.account.tell("device", f"{now.describe()} has fallen back")
        return now or device

    def leave_alone_what_is_right(self, device: AttachedDevice, ways: Entry, entry: Entry) -> None:
        """Already, when the device, with its initial ID, is in the mode of the way that would be taken.

        ways: the entry with all its ways. One that is in the mode of another way, though no mode was asked
        for, has switched, too: the result names it. NotStorageError where a mode was asked for that it
        cannot be sent to from there. Already, too, when the target is there on the neighbouring port
        (Cisco's AM10 stays where it is).
        """
        wanted, way = entry.device_file, way_of(device, ways)
        if is_in_mode_of(device, wanted, entry.id) or (way is not None and way.mode == wanted.mode):
            way = wanted
        elif way is not None and self.mode is not None:
            text = f"{device.describe()} is in mode {way.mode}: plug it in again for mode {self.mode}"
            raise NotStorageError(text)
        if way is not None:
            self.account.note_target(device, entry=entry, mode=way.mode)
            self.account.tell("device", f"{device.describe()} is what it should be already")
            raise Already
        if wanted.cisco_mode:
            from .port_watch import new_neighbour

            beside = new_neighbour(self.host, device, entry, others=())
            if beside is not None:
                self.account.note(after=beside, nodes=self.host.nodes(beside) or ())
                raise Already

    def plan(self, device: AttachedDevice, entry: Entry) -> Plan:
        """What will be done to the device."""
        plan = make_plan(entry.device_file, device)
        self.account.note(plan=plan)
        return plan

    def leave_alone_what_needs_nothing(self, device: AttachedDevice, plan: Plan) -> None:
        """Already, when there is nothing to do: Configuration=0, or the active one."""
        if not plan.steps and not plan.by_itself:
            self.account.note(after=device)
            raise Already

    # Switching

    def sent_by(self, mark: Mark) -> Entry:
        """The entry for the stick of a mark, which may have left by now."""
        self.account.note(before=mark.device)
        return self.decide(mark.device, self.choose_entry(mark.device, ask=False), None)

    def carry_out(
        self,
        device: AttachedDevice,
        entry: Entry,
        plan: Plan,
        *,
        timeout: float | None = None,
        wait: bool = True,
        as_written: bool = False,
        mark: Mark | None = None,
    ) -> SwitchResult:
        """Send, and watch, unless nobody waits; a stick that stays is tried again, unless it is `as_written`.

        timeout: seconds, in place of those of the device file. mark: the sender's, of this stay. It has
        sent, which stands for the first try, or has tried to.
        """
        assert self._port_state is not None  # it has its turn
        shared = bool(entry.device_file.shared)
        if mark is None and wait and (shared or not as_written):
            mark = mark_of(self.host, device)
        if not plan.by_itself and not (mark is not None and mark.is_sent):
            self._port_state.count(self.settings.switches_per_minute)
        if self.settings.storage_delay_s is not None:
            self.account.tell("kernel", self.host.raise_storage_delay(self.settings.storage_delay_s))
        seconds = timeout or entry.device_file.check_success_s or DEFAULT_TIMEOUT_S
        # One that stays may be the other device that has its ID: it is not bothered again.
        tries = 1 if as_written or shared else MAX_TRIES
        attempts = Attempts(self.host, device, entry, plan, self.account, mark)
        came = attempts.run(seconds if wait else None, tries)
        self.account.note(tries=came.tries, after=came.device, plan=came.plan)
        if came.error is not None:
            raise came.error
        if came.verdict is None or came.device is None:
            return self.account.result(Status.SENT)
        after = self._settle(device, came.device, entry, is_listed=came.verdict is Verdict.SWITCHED)
        self._port_state.write_verdict(0, f"{device.describe()} switched to {after.id}")
        return self.account.result(Status.SWITCHED)

    def _settle(
        self, device: AttachedDevice, now: AttachedDevice, entry: Entry, *, is_listed: bool
    ) -> AttachedDevice:
        """Wait for drivers and nodes of what a device has switched to; returns what it is then.

        Warns of what is odd. UnchangedError, UnexpectedDeviceError: it fell back.
        """
        from .port_watch import await_nodes, is_without_driver

        if self.settings.avoid_reset_quirk:
            # Now, and not once it has its nodes: its drivers may reset it while they bind.
            self.account.tell("kernel", self.host.avoid_reset(now))
        if not is_listed:
            self.account.note(unlisted=True)
            self.account.warn(
                f"{now.id} (class 0x{now.interface_class or 0:02x}) is not among the targets that "
                f"{entry.path or 'the device file'} names for {self.id}"
            )
        is_gone = not is_listed and self.host.at(now.port) is None
        after, nodes = await_nodes(self.host, now, is_gone=is_gone)
        self.account.note(after=after, nodes=nodes)
        if is_gone:
            self.account.warn(f"{now.id} has left port {now.port} again, and nothing has come back")
        elif not after.same_stay(now) and not judge(device, after, entry).is_switch:
            raise fell_back(device, now, after)
        elif is_without_driver(self.host, after):
            self.account.warn(
                f"no driver has taken {after.describe()}: `pymodeswitch doctor` tells what it needs"
            )
        return after
