"""The judge: one process for all sticks that the sender (early/) has dealt with.

Sending is small and urgent; this is neither. For each mark below /run it waits for what comes of the
message, sends again while the stick stays, gives a stick that stays its drivers back, and tells. What the
sender has left to it, it does as a whole. It makes a new table when the old one is not of today, and ends
by itself when there has been no mark for a while.

No stick is missed: the lock is given back first, and then the marks are looked at once more. Who leaves a
mark after that finds the lock free, and starts another judge (or systemd does, whose path unit is looked at
again when the service ends).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from functools import partial

from ..catalog.catalog import Catalog
from ..host.file_lock import FileLock
from ..host.linux import LinuxHost
from ..nouns.errors import ModeSwitchError
from ..nouns.log import Logger
from ..nouns.model import AttachedDevice, Port, SwitchResult
from ..nouns.protocols import Host
from ..nouns.run_folder import BOOT, JUDGE, make_folder
from ..planning.settings import Settings
from .attached import AttachedSticks
from .fleet import Fleet, FleetObserver, Outcome
from .marks import ASKED, Mark, mark_of, read_marks, remove_mark
from .newcomers import Newcomers
from .switch import judge_mark, switch

logger = Logger(__name__)

# Sticks that are judged at the same time. Who waits for its turn has its message, and is often there by then;
# each thread is memory.
CREW = 12
# Sticks that are plugged in together are enumerated one after the other; and starting a judge costs more
# than having one wait.
LINGER_S = 3.0
POLL_S = 0.25  # a mark comes a moment after the kernel's event, and tells none of its own


class Marked(AttachedSticks):
    """Finds the sticks that have a mark; after a boot, once, also what is attached without one.

    stuck: stays that were judged and whose mark cannot be removed. newcomers: is told what has come.
    """

    def __init__(
        self,
        host: Host,
        catalog: Catalog,
        stuck: set[tuple[Port, int, int]],
        newcomers: Newcomers | None,
    ) -> None:
        super().__init__(host, catalog)
        assert host.state_folder is not None
        self._folder = host.state_folder
        self._stuck = stuck
        self._newcomers = newcomers
        self._has_missed = True
        self._looks_at_all = not _is_looked_at(self._folder)
        self.marks: dict[Port, Mark] = {}

    def look(self, ports: Iterable[Port] | None, busy: Collection[Port]) -> list[AttachedDevice]:
        """Those that are not busy; at marks as at all else, not at an event (see POLL_S)."""
        if self._newcomers is not None and (ports is not None or self._has_missed):
            self._newcomers.look(ports, leave=self._looks_at_all)
        if ports is not None:
            return []
        self._has_missed = False
        found = {}
        # Those that wait for their turn were told of already: reading a mark takes long.
        for mark in read_marks(self._folder, {*busy, *self.marks}):
            port = mark.device.port
            if _stay(mark.device) not in self._stuck:
                self.marks[port] = mark
                found[port] = mark.device
        if found:
            self.catalog = self.catalog.afresh()
        if self._looks_at_all:
            self._looks_at_all = False
            _note_look(self._folder)
            for device in super().look(None, busy):
                found.setdefault(device.port, device)
        return list(found.values())

    def miss(self) -> None:
        """So newcomers, too, are looked for everywhere."""
        self._has_missed = True

    def note(self, outcome: Outcome) -> None:
        """Whatever came of it, the mark has done its duty; one that cannot be removed counts no more."""
        mark = self.marks.pop(outcome.device.port, None)
        if mark is not None and not remove_mark(self._folder, mark):
            self._stuck.add(_stay(mark.device))


def _stay(device: AttachedDevice) -> tuple[Port, int, int]:
    return device.port, device.bus, device.device_number


def _is_looked_at(folder: str) -> bool:
    return os.path.exists(os.path.join(folder, BOOT))


def _note_look(folder: str) -> None:
    """One look at everything is enough: from then on each stick has its event."""
    try:
        os.close(os.open(os.path.join(folder, BOOT), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        logger.warning("%s: %s", os.path.join(folder, BOOT), error.strerror)


class Judge:
    """All that a judge does. report: called with each outcome. refresh: sees to the sender's table.
    newcomers: sends to what comes meanwhile.

    stop() ends it soon, also from a signal handler: sticks that stay get their drivers back.
    """

    def __init__(
        self,
        host: Host,
        catalog: Catalog,
        settings: Settings,
        report: Callable[[Outcome], None],
        *,
        observer: FleetObserver | None = None,
        refresh: Callable[[], None] = lambda: None,
        newcomers: Newcomers | None = None,
        linger_s: float = LINGER_S,
    ) -> None:
        self._host = host
        self._catalog = catalog
        self._settings = settings
        self._report = report
        self._observer = observer
        self._refresh = refresh
        self._newcomers = newcomers
        self._linger_s = linger_s
        self._fleet: Fleet | None = None
        self._is_stopped = False
        self._stuck: set[tuple[Port, int, int]] = set()

    def stop(self) -> None:
        """End soon."""
        self._is_stopped = True
        if self._fleet is not None:
            self._fleet.stop()

    def run(self) -> bool:
        """Until there is nothing to do; False when another judge is at work. OSError without a /run."""
        assert self._host.state_folder is not None
        make_folder(self._host.state_folder)
        lock = FileLock(os.path.join(self._host.state_folder, JUDGE))
        is_done = False
        while not self._is_stopped and lock.take():
            try:
                if self._newcomers is not None:
                    self._newcomers.begin()
                self._run()
            finally:
                if self._newcomers is not None:
                    self._newcomers.end()
                lock.give_back()
            is_done = True
            marks = read_marks(self._host.state_folder)
            if all(_stay(mark.device) in self._stuck for mark in marks):
                break
        return is_done

    def _run(self) -> None:
        found = Marked(self._host, self._catalog, self._stuck, self._newcomers)

        def judge_one(device: AttachedDevice, host: Host, catalog: Catalog) -> Outcome:
            return self._judge(found.marks.get(device.port), device, host, catalog)

        crew = CREW if isinstance(self._host, LinuxHost) else None
        self._fleet = Fleet(self._host, found, judge_one, self._report, crew=crew)
        # First what was there when it came, and then the table, which takes longer.
        self._fleet.run(forever=False, linger_s=0.0, poll_s=POLL_S)
        if not self._is_stopped:
            self._refresh()
            self._fleet = Fleet(self._host, found, judge_one, self._report, crew=crew)
            self._fleet.run(forever=False, linger_s=self._linger_s, poll_s=POLL_S)

    def _judge(self, mark: Mark | None, device: AttachedDevice, host: Host, catalog: Catalog) -> Outcome:
        observer = None if self._observer is None else partial(self._observer, device)
        options = {"host": host, "catalog": catalog, "settings": self._settings, "observer": observer}
        if mark is not None and mark.state == ASKED:
            mark = self._sent(mark, host)
        try:
            if mark is None or mark.state == ASKED:
                result: SwitchResult = switch(port=device.port, **options)  # type: ignore[arg-type]
            else:
                result = judge_mark(mark, **options)  # type: ignore[arg-type]
        except ModeSwitchError as error:
            return Outcome(device, None, error)
        return Outcome(device, result, None)

    def _sent(self, mark: Mark, host: Host) -> Mark:
        """Send what the sender has left because the storage driver was at work; returns the new mark, if any.

        That is quicker than a whole switch, which needs more memory, too.
        """
        if self._newcomers is None:
            return mark
        try:
            self._newcomers.send(mark.device.port)
        except (OSError, ValueError) as error:  # it has left already
            logger.debug("%s: %s", mark.device.describe(), error)
        return mark_of(host, mark.device) or mark
