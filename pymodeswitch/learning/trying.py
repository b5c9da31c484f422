"""The guided try: one step of the ladder after the other, until the port shows another device.

Each step is a device file that `switch()` carries out once. The verdict is the port's alone. Between steps
the user is asked, and may have to plug the stick in again: some hang after a command that they do not know.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ..catalog.catalog import Catalog
from ..nouns.errors import (
    BusyError,
    DeviceFileError,
    GoneError,
    NotStorageError,
    TransferError,
    UnchangedError,
    UnexpectedDeviceError,
)
from ..nouns.model import MASS_STORAGE_CLASS, Status
from ..nouns.record import TextEnum, replace
from ..planning.settings import Settings
from ..switching.connector import device_at
from ..switching.switch import switch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..nouns.model import AttachedDevice, DeviceFile, Port
    from ..nouns.protocols import Host
    from .drive import Drive
    from .ladder import Rung

WAIT_S = 10.0  # sticks that switch by themselves do so within that
LEAVE_S = 6.0  # who reacts at all leaves the bus within that
DETACHED_S = 2.0  # detaching is looked at less long: each step before it began with that
RETURN_S = 30.0  # slow sticks take half a minute to come back
STAY_S = 3.0  # it counts when it is still there then
REPLUG_S = 60.0  # how long a person gets to plug it in again
FAILURES_BEFORE_REPLUG = 2
MAX_BOUNCES = 3  # a stick that leaves and comes back as it was, at each step: enough is known
LOOK_S = 0.5

SETTINGS = Settings(switches_per_minute=60, avoid_reset_quirk=False)


class TrialOutcome(TextEnum):
    """What came of a step."""

    SWITCHED = "switched"
    UNCHANGED = "unchanged"
    BOUNCED = "left and came back as it was"
    STORAGE = "came back as another storage device"
    GONE = "left and did not come back"
    FAILED = "could not be sent"
    SKIPPED = "skipped"


class Tried(NamedTuple):
    """A step, the seconds that it took, what came of it, and more in words."""

    step: Rung
    seconds: float
    outcome: TrialOutcome
    detail: str = ""


class Dialogue(Protocol):
    """The user."""

    def tell(self, text: str) -> None:
        """Say what goes on."""

    def allows(self, number: int, step: Rung) -> bool | None:
        """Whether a step may be done; None ends the ladder."""

    def replugs(self, why: str) -> bool:
        """Ask to plug the stick in again; False when nobody will. The caller sees whether it is done."""


@dataclass
class Trial:
    """What was tried on a stick.

    device: as it was before. after: what it became. device_file: what did it. ended: why it went no
    further.
    """

    device: AttachedDevice
    drive: Drive
    notes: list[str]
    tried: list[Tried] = field(default_factory=list)
    after: AttachedDevice | None = None
    device_file: DeviceFile | None = None
    ended: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether it switched, and to something that is no storage."""
        return self.after is not None and self.after.interface_class != MASS_STORAGE_CLASS


def run(host: Host, trial: Trial, steps: Sequence[Rung], dialogue: Dialogue) -> None:
    """Go up the ladder; what came of it is noted in the trial as it comes. AccessError, NoLibusbError."""
    _Climb(host, trial, dialogue).run(steps)


class _Climb:
    def __init__(self, host: Host, trial: Trial, dialogue: Dialogue) -> None:
        self.host = host
        self.trial = trial
        self.dialogue = dialogue
        self.device = trial.device
        self.failures = 0
        self.bounces = 0

    def run(self, steps: Sequence[Rung]) -> None:
        trial = self.trial
        for number, step in enumerate(steps, 1):
            allowed = self.dialogue.allows(number, step)
            if allowed is None:
                trial.ended = "ended by the user"
                return
            if not allowed:
                trial.tried.append(Tried(step, 0.0, TrialOutcome.SKIPPED))
                continue
            tried = self._do(step)
            trial.tried.append(tried)
            detail = f": {tried.detail}" if tried.detail else ""
            self.dialogue.tell(f"{tried.outcome.value}{detail} ({tried.seconds:.1f} s)")
            if trial.after is not None:
                is_storage = tried.outcome is TrialOutcome.STORAGE
                trial.ended = "it is another storage device now: try that one" if is_storage else "switched"
                return
            if not self._is_ready(tried, is_last=number == len(steps)):
                return
        trial.ended = "nothing of the ladder switched it"

    def _is_ready(self, tried: Tried, *, is_last: bool) -> bool:
        """Whether the stick is there for the next step, plugged in again if need be; says why not."""
        self.bounces += tried.outcome is TrialOutcome.BOUNCED
        if self.bounces >= MAX_BOUNCES:
            self.trial.ended = "it leaves and comes back as it was at each step"
            return False
        if tried.outcome is TrialOutcome.GONE:
            if self._replugged("it has left and is not back"):
                return True
            self.trial.ended = "the stick is gone"
            return False
        if tried.step.sends and tried.outcome in (TrialOutcome.UNCHANGED, TrialOutcome.FAILED):
            self.failures += tried.step.harm != "A"
        if self.failures >= FAILURES_BEFORE_REPLUG and not is_last:
            self.failures = 0
            self._replugged("it may not listen any more after two commands that it does not know")
        return True

    def _do(self, step: Rung) -> Tried:
        start = self.host.now()
        before = self.device
        others = {(device.port, device.device_number) for device in self.host.devices()}
        if step.device_file is None:
            outcome, detail = self._watch(before, WAIT_S, others)
        else:
            outcome, detail = self._send(step.device_file, before, others)
        if outcome is TrialOutcome.SWITCHED:
            outcome, detail = self._confirm(before, others)
        if self.trial.after is not None and step.device_file is not None:
            self.trial.device_file = replace(step.device_file, **_target_keys(before, self.trial.after))
        return Tried(step, self.host.now() - start, outcome, detail)

    def _send(
        self, device_file: DeviceFile, before: AttachedDevice, others: set[tuple[Port, int]]
    ) -> tuple[TrialOutcome, str]:
        seconds = DETACHED_S if device_file.detach_storage_only else LEAVE_S
        try:
            result = switch(
                before.id.vendor,
                before.id.product,
                port=before.port,
                config=device_file,
                timeout=seconds,
                as_written=True,
                settings=SETTINGS,
                catalog=Catalog(()),
                host=self.host,
            )
        except UnchangedError:
            return self._settled(before)
        except (GoneError, UnexpectedDeviceError):
            return self._watch(before, RETURN_S, others)
        except (BusyError, TransferError, NotStorageError, DeviceFileError) as error:
            return TrialOutcome.FAILED, str(error)
        if result.status is Status.SWITCHED and result.after is not None:
            self.trial.after = result.after
            return TrialOutcome.SWITCHED, ""
        return TrialOutcome.UNCHANGED, ""

    def _settled(self, before: AttachedDevice) -> tuple[TrialOutcome, str]:
        """Unchanged, says the port; whether it left and came back meanwhile shows in its number."""
        now = device_at(self.host, before.port)
        if now is None or now.same_stay(before):
            return TrialOutcome.UNCHANGED, ""
        self.device = now
        return TrialOutcome.BOUNCED, ""

    def _watch(
        self, before: AttachedDevice, seconds: float, others: set[tuple[Port, int]]
    ) -> tuple[TrialOutcome, str]:
        """Look at the connector, and at what comes elsewhere, until something else is there; not for ever."""
        deadline = self.host.now() + seconds
        has_left = False
        while True:
            now = device_at(self.host, before.port)
            if now is None and not has_left:  # it gets the time to come back
                deadline, has_left = max(deadline, self.host.now() + RETURN_S), True
            is_over = self.host.now() >= deadline
            come = (
                now if now is not None and _is_other(before, now) else self._newcomer(before, now, others)
            )
            if come is not None and come.interfaces:
                if come.interface_class != MASS_STORAGE_CLASS:
                    self.trial.after = come
                    return TrialOutcome.SWITCHED, ""
                if is_over:  # until then it may go on to something else
                    self.trial.after = come
                    return TrialOutcome.STORAGE, str(come.id)
            elif now is not None and has_left and now.interfaces:
                self.device = now
                return TrialOutcome.BOUNCED, ""
            if is_over:
                return (TrialOutcome.GONE, "") if now is None else self._settled(before)
            self.host.wait(min(deadline - self.host.now(), LOOK_S))

    def _newcomer(
        self, before: AttachedDevice, now: AttachedDevice | None, others: set[tuple[Port, int]]
    ) -> AttachedDevice | None:
        """The one of its vendor that came elsewhere while its connector is empty: plugged in there."""
        if now is not None:
            return None
        come = [d for d in self.host.devices() if (d.port, d.device_number) not in others]
        kin = [d for d in come if d.id.vendor == before.id.vendor]
        return kin[0] if len(kin) == 1 else None

    def _confirm(self, before: AttachedDevice, others: set[tuple[Port, int]]) -> tuple[TrialOutcome, str]:
        """Whether what came is still there a moment later; it may have gone on to something else."""
        after = self.trial.after
        assert after is not None
        until = self.host.now() + STAY_S
        now = self.host.at(after.port)
        while now is not None and (left := until - self.host.now()) > 0:
            self.host.wait(min(left, LOOK_S), after.port)
            now = self.host.at(after.port)
        if now is None:  # on its way to something else, or back
            self.trial.after = None
            self._watch(before, RETURN_S, others)
            now = device_at(self.host, before.port if self.trial.after is None else self.trial.after.port)
        if now is not None and now.interfaces and _is_other(before, now):
            self.trial.after = now
            where = "" if now.port == before.port else f" on port {now.port}"
            return TrialOutcome.SWITCHED, f"{now.id}, class {now.interface_class:02x}{where}"
        self.trial.after = None
        if now is None:
            return TrialOutcome.GONE, f"{after.id} came, and left again"
        self.device = now
        return TrialOutcome.BOUNCED, f"{after.id} came, and fell back"

    def _replugged(self, why: str) -> bool:
        """Have the user plug it in again; True when it is there again, as it was at first."""
        gone = device_at(self.host, self.device.port) is None
        if not self.dialogue.replugs(why):
            return False
        deadline = self.host.now() + REPLUG_S
        while (left := deadline - self.host.now()) > 0:
            there = [d for d in self.host.devices() if d.id == self.device.id and d.interfaces]
            new = [d for d in there if not d.same_stay(self.device)]
            if new and (gone or len(there) == len(new)):
                self.device = new[0]
                self.dialogue.tell(f"{self.device.describe()} is back")
                return True
            self.host.wait(min(left, LOOK_S))
        return False


def _is_other(before: AttachedDevice, now: AttachedDevice) -> bool:
    """Whether it shows something else than before."""
    return now.id != before.id or now.interface_class != before.interface_class


def _target_keys(before: AttachedDevice, after: AttachedDevice) -> dict[str, int]:
    if after.id != before.id:
        return {"target_vendor": after.id.vendor, "target_product": after.id.product}
    shown = after.interface_class
    return {} if shown in (None, MASS_STORAGE_CLASS) else {"target_class": shown}
