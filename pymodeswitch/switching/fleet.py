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
from collections.abc import Callable, Container, Iterable
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
from ..nouns.model import AttachedDevice, Port, SwitchResult, UsbId
from ..nouns.protocols import Host
from ..nouns.record import Record
from ..planning.settings import Settings, read_settings
from .connector import ports_of
from .switch import Progress, check_timeout, switch

__all__ = ["Outcome", "scan"]  # public, as names of pymodeswitch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol
else:
    Protocol = object  # `typing` takes as long to load as all of ours

logger = Logger(__name__)

CREW = 32  # sticks that are switched at the same time; the others wait for their turn
# Events may be lost, and in a container none may come: the loop looks at everything this often, at first,
# and once it has heard an event that often.
POLL_S, HEARING_POLL_S = 1.0, 5.0
# So does each thread that waits for its port. When events are known to be lost, all are woken.
MEMBER_POLL_S, HEARING_MEMBER_POLL_S = 1.0, 5.0
# A stick brings twenty events within a few milliseconds; a thread looks once at what they tell of.
BURST_S = 0.05
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
    """A thread's view of a host: its waits end when something happens on its port."""

    def __init__(self, host: Host, port: Port, stopping: threading.Event, poll_s: float) -> None:
        self.poll_s = poll_s
        self.ports = frozenset(ports_of(host, port))
        self.bell = threading.Event()
        self._host = host
        self._stopping = stopping

    def __getattr__(self, name: str) -> Any:
        return getattr(self._host, name)

    def sleep(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise _Stopped

    def wait(self, seconds: float, port: Port | None = None) -> None:
        if self.bell.wait(min(seconds, self.poll_s)):
            self._stopping.wait(BURST_S)
        self.bell.clear()
        if self._stopping.is_set():
            raise _Stopped


class Finder(Protocol):
    """Says which devices want to be switched. catalog: by which; all threads share it."""

    catalog: Catalog

    def look(self, ports: Iterable[Port] | None, busy: Container[Port]) -> list[AttachedDevice]:
        """Those on the ports (None: on all) that are new and want it; not on ports that are busy."""

    def note(self, outcome: Outcome) -> None:
        """There is nothing more to do about that stick."""

    def forget(self, port: Port) -> None:
        """What is on a port is to be found once more."""


class Attached:
    """Finds what is attached and has a device file; each stay on the bus once."""

    def __init__(self, host: Host, catalog: Catalog) -> None:
        self.host = host
        self.catalog = catalog
        self._known: dict[Port, tuple[int, UsbId]] = {}

    def look(self, ports: Iterable[Port] | None, busy: Container[Port]) -> list[AttachedDevice]:
        """Those that have come since the last look."""
        if ports is None:
            devices = {device.port: device for device in self.host.devices()}
            for port in self._known.keys() - devices.keys():
                del self._known[port]
        else:
            devices = {}
            for port in ports:
                device = self.host.at(port)
                if device is None:
                    self._known.pop(port, None)
                else:
                    devices[port] = device
        self.catalog = self.catalog.afresh()  # somebody may have put a device file there meanwhile
        found = []
        for port, device in devices.items():
            stay = (device.device_number, device.id)
            if port in busy or self._known.get(port) == stay:
                continue
            if busy and self.host.peer(port) in busy:
                continue  # the stick that has moved within its connector: looked at when it is done
            self._known[port] = stay
            if self.catalog.candidates(device.id):
                found.append(device)
        return found

    def note(self, outcome: Outcome) -> None:
        """Remember the stay that the outcome is about."""
        port, result = outcome.device.port, outcome.result
        if outcome.error is not None:
            result = outcome.error.result
        after = None if result is None else result.after
        if after is not None and after.port in ports_of(self.host, port):
            self._known[after.port] = (after.device_number, after.id)

    def forget(self, port: Port) -> None:
        """Look at it as if it had just come."""
        self._known.pop(port, None)


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
        find: Catalog | Finder,
        switch_one: SwitchOne,
        report: Callable[[Outcome], None],
        *,
        crew: int | None = None,
    ) -> None:
        self.host = host
        self._find: Finder = Attached(host, find) if isinstance(find, Catalog) else find
        self._switch_one = switch_one
        self._report = report
        self._crew = crew or (CREW if isinstance(host, LinuxHost) else 1)
        self._later: dict[Port, float] = {}  # ports that were switched too often, and when to look again
        self._waiting: dict[Port, AttachedDevice] = {}  # by port: one that is plugged again waits once
        self._members: dict[Port, _Member] = {}
        self._threads: dict[Port, threading.Thread] = {}
        self._done: deque[tuple[Port, Outcome | None]] = deque()
        self._poll_s, self._hearing_poll_s, self._looked = POLL_S, HEARING_POLL_S, float("-inf")
        self._last = float("-inf")  # the last begin or end of a switch
        self._hears = False  # whether an event has come
        self._stopping = threading.Event()
        self._wake_read: int | None = None
        self._wake_write: int | None = None
        try:
            self._wake_read, self._wake_write = os.pipe()
            os.set_blocking(self._wake_write, False)
            os.set_blocking(self._wake_read, False)
        except OSError as error:  # too many open files: the loop looks every POLL_S seconds
            logger.debug("nothing wakes the loop: %s", error)

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
        if poll_s is not None:
            self._poll_s = self._hearing_poll_s = poll_s
        self._last = self.host.now()
        try:
            self._look(None)
            while not self._stopping.is_set():
                ends_at = float("inf") if forever or self._is_at_work else self._last + linger_s
                if self.host.now() >= ends_at:
                    break
                self._hear(events, ends_at)
                self._collect()
        finally:
            self._end()
            if events is not None:
                events.close()
            ends = [end for end in (self._wake_read, self._wake_write) if end is not None]
            if not any(thread.is_alive() for thread in self._threads.values()):
                for end in ends:
                    os.close(end)  # else one that hangs would write into what has its number next

    @property
    def _is_at_work(self) -> bool:
        return bool(self._threads or self._waiting)

    def _hear(self, events: KernelEvents | None, until: float) -> None:
        """Wait for events, until then at the latest, and look at what they tell of."""
        due = min(self._looked + self._poll_s, until)
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
        ports = events.changed(seconds, also=self._wake_read)
        if ports:
            self._hears = True
            self._poll_s = self._hearing_poll_s
        for member in [*self._members.values()] if ports is None else self._members_at(ports):
            member.bell.set()
        if ports is None or self.host.now() >= self._looked + self._poll_s:
            self._look(None)
        else:
            self._look([Port(port) for port in ports])

    def _members_at(self, ports: Iterable[str]) -> list[_Member]:
        changed = set(ports)
        return [member for member in self._members.values() if changed & member.ports]

    def _look(self, ports: Iterable[Port] | None) -> None:
        """Start a switch for each device on the ports (None: on all) that is new and wants it."""
        if ports is None:
            self._looked = self.host.now()
        for device in self._find.look(ports, self._threads):
            self._start(device)

    def _start(self, device: AttachedDevice) -> bool:
        """Have a device switched, or let it wait for its turn; whether it is waiting no longer."""
        self._last = self.host.now()
        if self._crew == 1:
            self._report(self._note(self._switch_one(device, self.host, self._find.catalog)))
            return True
        if len(self._threads) >= self._crew:
            self._waiting[device.port] = device
            return False
        self._waiting.pop(device.port, None)  # a finder may tell of one that waits once more
        member = self._members[device.port] = _Member(
            self.host, device.port, self._stopping, HEARING_MEMBER_POLL_S if self._hears else MEMBER_POLL_S
        )
        catalog = self._find.catalog
        own_host: Any = member  # a Host, by what it passes on

        def work() -> None:
            outcome = None
            try:
                outcome = self._switch_one(device, own_host, catalog)
            except _Stopped:
                logger.debug("%s: stopped", device.describe())
            except Exception as error:  # a bug of ours must not end the others' switches
                logger.exception("%s", device.describe())
                text = f"{device.describe()}: internal error: {type(error).__name__}: {error}"
                outcome = Outcome(device, None, ModeSwitchError(text))
            self._done.append((device.port, outcome))
            self._wake()

        # A daemon thread: one that hangs in the kernel does not keep the program from ending.
        thread = threading.Thread(target=work, name=device.port, daemon=True)
        self._threads[device.port] = thread
        try:
            thread.start()
        except RuntimeError as error:  # a limit of processes: go on with those that there are
            logger.debug("%s: no thread for it: %s", device.describe(), error)
            del self._threads[device.port], self._members[device.port]
            if self._threads:
                self._waiting[device.port] = device
                return False
            self._report(self._note(self._switch_one(device, self.host, catalog)))
        return True

    def _collect(self) -> None:
        """Report what is done, give the next one its turn, look again at ports that were busy."""
        try:
            if self._wake_read is not None:
                os.read(self._wake_read, 4096)
        except OSError:  # nobody has woken us
            pass
        while self._done:
            port, outcome = self._done.popleft()
            del self._threads[port], self._members[port]
            if outcome is not None:
                self._report(self._note(outcome))
            self._look(ports_of(self.host, port))
        while self._waiting and len(self._threads) < self._crew:
            if not self._start(self._waiting.pop(next(iter(self._waiting)))):
                break

    def _note(self, outcome: Outcome) -> Outcome:
        self._last = self.host.now()
        self._find.note(outcome)
        if isinstance(outcome.error, TooOftenError):
            self._later[outcome.device.port] = self.host.now() + outcome.error.retry_s
        return outcome

    def _wake(self) -> None:
        try:
            if self._wake_write is not None:
                os.write(self._wake_write, b"x")
        except OSError:  # full: it wakes already; closed: nobody has to be woken any more
            pass

    def _end(self) -> None:
        """Let the threads end, bounded, and report what they had done."""
        self._stopping.set()
        for member in self._members.values():
            member.bell.set()
        deadline = self.host.now() + STOP_S
        for thread in self._threads.values():
            thread.join(max(0.0, deadline - self.host.now()))
        for _, outcome in self._done:
            if outcome is not None:
                self._report(self._note(outcome))


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
