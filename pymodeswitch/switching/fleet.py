"""Several sticks at once: everything attached (`scan`), and everything that comes (`watch`).

Each stick that wants to be switched gets a thread of its own, up to CREW at a time; a thread sleeps until
something happens on its port. One loop hears the kernel's events for all of them, looks at what they tell
of, and hands out what comes of it. Without kernel events (a container, a system without sysfs) it looks
every POLL_S seconds.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial

from ..catalog.catalog import Catalog, default_catalog
from ..host.kernel_events import KernelEvents
from ..host.linux import LinuxHost, default_host
from ..nouns.errors import (
    ModeSwitchError,
    NoEntryError,
    NotAttachedError,
    NotStorageError,
    SwitchingOffError,
    TooOftenError,
)
from ..nouns.log import Logger
from ..nouns.model import AttachedDevice, Port, SwitchResult
from ..nouns.protocols import Host
from ..nouns.record import Record
from ..planning.settings import Settings, read_settings
from .attached import AttachedSticks
from .connector import ports_of
from .switch import Progress, check_timeout, switch

__all__ = ["Outcome", "scan"]  # public, as names of pymodeswitch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

logger = Logger(__name__)

CREW = 32  # sticks that are switched at the same time; the others wait for their turn
# Events may be lost, and in a container none may come: the loop looks at everything this often, at first,
# and once it has heard an event that often.
POLL_S, HEARING_POLL_S = 1.0, 5.0
# So does each thread that waits for its port. When events are known to be lost, all are woken.
MEMBER_POLL_S, HEARING_MEMBER_POLL_S = 1.0, 5.0
STOP_S = 10.0  # what a thread may need to end: the transfers under way have their own bounds (3 s each)


# It is no stick to switch after all: another device with this ID, gone meanwhile, or nobody wants it switched.
LEFT_ALONE = (NoEntryError, NotStorageError, NotAttachedError, SwitchingOffError)

FleetObserver = Callable[[AttachedDevice, Progress], None]
SwitchOne = Callable[[AttachedDevice, Host, Catalog], "Outcome"]


class Outcome(Record):
    """What came of one stick: a result, or an error."""

    device: AttachedDevice
    result: SwitchResult | None
    error: ModeSwitchError | None

    @property
    def is_left_alone(self) -> bool:
        """Whether it is no stick to switch after all: another device with this ID, or gone meanwhile."""
        return isinstance(self.error, LEFT_ALONE)

    @property
    def exit_code(self) -> int:
        """What the command would exit with for this stick alone."""
        return 0 if self.error is None or self.is_left_alone else self.error.exit_code


class _Stopped(BaseException):
    """Ends a thread at its next wait: as with Ctrl-C, a stick that stays gets its drivers back."""


class _Member:
    """A thread for one stick, and its view of a host: its waits end when something happens on its port.

    A daemon thread: one that hangs in the kernel does not keep the program from ending.
    """

    def __init__(
        self, host: Host, port: Port, stopping: threading.Event, poll_s: float, work: Callable[[Host], None]
    ) -> None:
        self.ports = frozenset(ports_of(host, port))
        self.bell = threading.Event()
        self.thread = threading.Thread(target=work, args=(self,), name=port, daemon=True)
        self._host = host
        self._stopping = stopping
        self._poll_s = poll_s

    def __getattr__(self, name: str) -> Any:
        return getattr(self._host, name)

    def sleep(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise _Stopped

    def wait(self, seconds: float, port: Port | None = None) -> None:
        self.bell.wait(min(seconds, self._poll_s))
        self.bell.clear()
        if self._stopping.is_set():
            raise _Stopped


class Fleet:
    """Switches many sticks, several at a time.

    find: says which; what a host has attached, by a catalogue, where that is given instead. switch_one:
    switches a device on a host by a catalogue and returns the outcome. report: called, in the thread of
    `run`, with each outcome. crew: how many threads at most; 1 switches one stick after the other in the
    thread of `run`, as is done where Linux does not tell of events.
    """

    def __init__(
        self,
        host: Host,
        find: Catalog | AttachedSticks,
        switch_one: SwitchOne,
        report: Callable[[Outcome], None],
        *,
        crew: int | None = None,
    ) -> None:
        self.host = host
        self._find = AttachedSticks(host, find) if isinstance(find, Catalog) else find
        self._switch_one = switch_one
        self._report = report
        self._crew = crew or (CREW if isinstance(host, LinuxHost) else 1)
        self._later: dict[Port, float] = {}  # ports that were switched too often, and when to look again
        self._waiting: dict[Port, AttachedDevice] = {}  # by port: one that is plugged again waits once
        self._members: dict[Port, _Member] = {}
        self._done: deque[tuple[Port, Outcome | None]] = deque()
        self._hears = False  # whether an event has come
        self._looked = self._last = float("-inf")  # at everything; the last begin or end of a switch
        self._stopping = threading.Event()
        self._alarm = _alarm()

    def stop(self) -> None:
        """End `run` soon; may be called from a signal handler or another thread."""
        self._stopping.set()
        self._wake()

    def run(self, *, forever: bool, linger_s: float = 0.0, poll_s: float | None = None) -> None:
        """Switch everything that wants it; `forever`: and everything that comes, until `stop`.

        linger_s: else, what comes within that time of the last one's end, too. poll_s: how often everything
        is looked at; by default as the events that come allow it.
        """
        events = KernelEvents() if isinstance(self.host, LinuxHost) else None
        self._last = self.host.now()
        try:
            self._find.miss()
            self._look(None)
            while not self._stopping.is_set():
                is_busy = forever or self._members or self._waiting
                ends_at = float("inf") if is_busy else self._last + linger_s
                if self.host.now() >= ends_at:
                    break
                self._hear(events, ends_at, poll_s)
                self._collect()
        finally:
            self._end()
            if events is not None:
                events.close()
            if self._alarm is not None and not any(m.thread.is_alive() for m in self._members.values()):
                # Else one that hangs would write into what has its number next.
                alarm, self._alarm = self._alarm, None
                os.close(alarm)

    def _hear(self, events: KernelEvents | None, until: float, poll_s: float | None) -> None:
        """Wait for events, until then at the latest, and look at what they tell of."""
        due = min(self._looked + self._every(poll_s), until)
        for port, later in list(self._later.items()):
            if later <= self.host.now():
                del self._later[port]
                self._find.forget(port)
                self._look([port])
            else:
                due = min(due, later)
        seconds = max(0.0, due - self.host.now())
        if events is None:
            self.host.wait(seconds)
            self._look(None)
            return
        ports = events.changed(seconds, also=self._alarm)
        if ports is None:
            self._find.miss()
        self._hears = self._hears or bool(ports)
        for member in self._members.values():
            if ports is None or ports & member.ports:
                member.bell.set()
        if ports is None or self.host.now() >= self._looked + self._every(poll_s):
            self._look(None)
        else:
            self._look([Port(port) for port in ports])

    def _every(self, poll_s: float | None) -> float:
        """How often everything is looked at."""
        return poll_s or (HEARING_POLL_S if self._hears else POLL_S)

    def _look(self, ports: Iterable[Port] | None) -> None:
        """Start a switch for each device on the ports (None: on all) that is new and wants it."""
        if ports is None:
            self._looked = self.host.now()
        for device in self._find.look(ports, self._members):
            self._start(device)

    def _start(self, device: AttachedDevice) -> None:
        """Have a device switched, or let it wait for its turn."""
        self._last = self.host.now()
        if self._crew == 1:
            self._conclude(self._switch_one(device, self.host, self._find.catalog))
            return
        if len(self._members) >= self._crew:
            self._waiting[device.port] = device
            return
        self._waiting.pop(device.port, None)  # a finder may tell of one that waits once more
        poll_s = HEARING_MEMBER_POLL_S if self._hears else MEMBER_POLL_S
        work = partial(self._work, device, self._find.catalog)
        member = self._members[device.port] = _Member(self.host, device.port, self._stopping, poll_s, work)
        try:
            member.thread.start()
        except RuntimeError as error:  # a limit of processes: go on with those that there are
            logger.debug("%s: no thread for it: %s", device.describe(), error)
            del self._members[device.port]
            if self._members:
                self._waiting[device.port] = device
            else:
                self._conclude(self._switch_one(device, self.host, self._find.catalog))

    def _work(self, device: AttachedDevice, catalog: Catalog, host: Host) -> None:
        """What a thread does."""
        outcome = None
        try:
            outcome = self._switch_one(device, host, catalog)
        except _Stopped:
            logger.debug("%s: stopped", device.describe())
        except Exception as error:  # a bug of ours must not end the others' switches
            logger.exception("%s", device.describe())
            text = f"{device.describe()}: internal error: {type(error).__name__}: {error}"
            outcome = Outcome(device, None, ModeSwitchError(text))
        self._done.append((device.port, outcome))
        self._wake()

    def _collect(self) -> None:
        """Report what is done, give the next one its turn, look again at ports that were busy."""
        try:
            if self._alarm is not None:
                os.eventfd_read(self._alarm)
        except OSError:  # nobody has woken us
            pass
        while self._done:
            port, outcome = self._done.popleft()
            del self._members[port]
            if outcome is not None:
                self._conclude(outcome)
            self._look(ports_of(self.host, port))
        while self._waiting and len(self._members) < self._crew:
            port = next(iter(self._waiting))
            self._start(self._waiting[port])
            if port in self._waiting:
                break

    def _conclude(self, outcome: Outcome) -> None:
        """Note and report what came of a stick."""
        self._last = self.host.now()
        self._find.note(outcome)
        if isinstance(outcome.error, TooOftenError):
            self._later[outcome.device.port] = self.host.now() + outcome.error.retry_s
        self._report(outcome)

    def _wake(self) -> None:
        try:
            if self._alarm is not None:
                os.eventfd_write(self._alarm, 1)
        except OSError:  # it rings already, or is just being closed
            pass

    def _end(self) -> None:
        """Let the threads end, bounded, and report what they had done."""
        self._stopping.set()
        for member in self._members.values():
            member.bell.set()
        deadline = self.host.now() + STOP_S
        for member in self._members.values():
            member.thread.join(max(0.0, deadline - self.host.now()))
        for _, outcome in self._done:
            if outcome is not None:
                self._conclude(outcome)


def _alarm() -> int | None:
    """A file that wakes the loop; without one it looks every POLL_S seconds."""
    try:
        return os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
    # Too many open files; or this is not Linux, where nothing is to be woken.
    except (OSError, AttributeError) as error:
        logger.debug("nothing wakes the loop: %s", error)
        return None


def switcher(observer: FleetObserver | None = None, **options: object) -> SwitchOne:
    """The usual `switch_one`: pymodeswitch.switch() for that device on its port, with these options."""

    def switch_one(device: AttachedDevice, host: Host, catalog: Catalog) -> Outcome:
        try:
            result = switch(
                device.id.vendor,
                device.id.product,
                port=device.port,
                host=host,
                catalog=catalog,
                observer=None if observer is None else partial(observer, device),
                **options,  # type: ignore[arg-type]  # those of switch()
            )
        except ModeSwitchError as error:
            return Outcome(device, None, error)
        return Outcome(device, result, None)

    return switch_one


def put_off_storage_scan(host: Host, settings: Settings) -> None:
    """What is plugged in from now on is scanned by usb-storage no earlier than the settings want it."""
    if settings.storage_delay_s is not None:
        logger.info("%s", host.raise_storage_delay(settings.storage_delay_s))


def scan(
    *,
    timeout: float | None = None,
    dry_run: bool = False,
    settings: Settings | None = None,
    data: Iterable[str] = (),
    backend: Any = None,
    host: Host | None = None,
    report: Callable[[Outcome], None] = lambda outcome: None,
    observer: FleetObserver | None = None,
) -> tuple[Outcome, ...]:
    """Switch everything that is attached and wants it, several at a time; returns what came of each.

    timeout, dry_run, settings, data, backend, host: as for `switch()`. report: called with each outcome as
    it comes. observer: called with a device and its Progress, in the thread that switches it. Devices
    without a device file are not touched, and not among the outcomes; nor is anything else when there is
    nothing to do. SwitchingOffError when the settings say that nothing is switched by itself;
    UsageError, SettingsError.
    """
    check_timeout(timeout)
    settings = read_settings() if settings is None else settings
    settings.require_switching()
    own_host = host is None
    host = host or default_host(backend)
    folders = tuple(data)
    outcomes: list[Outcome] = []

    def note(outcome: Outcome) -> None:
        outcomes.append(outcome)
        report(outcome)

    switch_one = switcher(observer, timeout=timeout, dry_run=dry_run, settings=settings)
    if not dry_run:
        put_off_storage_scan(host, settings)
    try:
        Fleet(host, default_catalog(folders), switch_one, note).run(forever=False)
    finally:
        if own_host:
            host.close()
    return tuple(sorted(outcomes, key=lambda outcome: outcome.device.port))
