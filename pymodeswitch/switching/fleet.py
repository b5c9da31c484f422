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
from typing import Any, NamedTuple, cast

from ..catalog.catalog import Catalog, default_catalog
from ..host.kernel_events import KernelEvents
from ..host.linux import LinuxHost, default_host
from ..nouns.errors import ModeSwitchError, NoEntryError, NotAttachedError, NotStorageError, TooOftenError
from ..nouns.log import Logger
from ..nouns.model import AttachedDevice, Port, SwitchResult, UsbId
from ..nouns.protocols import Host
from ..planning.settings import Settings, read_settings
from .switch import Progress, check_timeout, switch

logger = Logger(__name__)

CREW = 32  # sticks that are switched at the same time; the others wait for their turn
# Events may be lost, and in a container none may come: the loop looks at everything this often, at first,
# and once it has heard an event that often.
POLL_S, HEARING_POLL_S = 1.0, 5.0
MEMBER_POLL_S = 1.0  # so does each thread that waits for its port
STOP_S = 10.0  # what a thread may need to end: the transfers under way have their own bounds (3 s each)


FleetObserver = Callable[[AttachedDevice, Progress], None]
SwitchOne = Callable[[AttachedDevice, Host, Catalog], "Outcome"]


class Outcome(NamedTuple):
    """What came of one stick: a result, or an error."""

    device: AttachedDevice
    result: SwitchResult | None
    error: ModeSwitchError | None

    @property
    def is_left_alone(self) -> bool:
        """Whether it is no stick to switch after all: another device with this ID, or gone meanwhile."""
        return isinstance(self.error, NoEntryError | NotStorageError | NotAttachedError)

    @property
    def exit_code(self) -> int:
        """What the command would exit with for this stick alone."""
        return 0 if self.error is None or self.is_left_alone else self.error.exit_code


class _Stopped(BaseException):
    """Ends a thread at its next wait: as with Ctrl-C, a stick that stays gets its drivers back."""


class _Member:
    """A thread's view of a host: its waits end when something happens on its port."""

    def __init__(self, host: Host, stopping: threading.Event) -> None:
        self.bell = threading.Event()
        self._host = host
        self._stopping = stopping

    def __getattr__(self, name: str) -> Any:
        return getattr(self._host, name)

    def sleep(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise _Stopped

    def wait(self, seconds: float, port: Port | None = None) -> None:
        self.bell.wait(min(seconds, MEMBER_POLL_S))
        self.bell.clear()
        if self._stopping.is_set():
            raise _Stopped


class Fleet:
    """Switches what a host has attached.

    catalog: says which devices want it. switch_one: switches a device on a host by a catalogue, which all
    share, and returns the outcome.
    report: called, in the thread of `run`, with each outcome. crew: how many threads at most; 1 switches
    one stick after the other in the thread of `run`, as is done where Linux does not tell of events. known:
    the stay (device number and ID) on each port that was dealt with; it is kept up to date.
    """

    def __init__(
        self,
        host: Host,
        catalog: Catalog,
        switch_one: SwitchOne,
        report: Callable[[Outcome], None],
        *,
        crew: int | None = None,
        known: dict[Port, tuple[int, UsbId]] | None = None,
    ) -> None:
        self.host = host
        self.catalog = catalog
        self._switch_one = switch_one
        self._report = report
        self._crew = crew or (CREW if isinstance(host, LinuxHost) else 1)
        self._known = {} if known is None else known
        self._later: dict[Port, float] = {}  # ports that were switched too often, and when to look again
        self._waiting: dict[Port, AttachedDevice] = {}  # by port: one that is plugged again waits once
        self._members: dict[Port, _Member] = {}
        self._threads: dict[Port, threading.Thread] = {}
        self._done: deque[tuple[Port, Outcome | None]] = deque()
        self._poll_s, self._looked = POLL_S, float("-inf")
        self._is_closed = False  # nothing new is begun
        self._begun = float("-inf")  # the last switch
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

    def run(
        self,
        *,
        forever: bool,
        linger_s: float = 0.0,
        most_s: float = float("inf"),
        before_end: Callable[[], None] | None = None,
    ) -> None:
        """Switch everything attached that wants it; `forever`: and everything that comes, until `stop`.

        linger_s: else, what comes within that time of the last one, too, but not for longer than most_s in
        all. before_end: called then; what is there by the end of that call is switched, too, and what comes
        later is left to others.
        """
        events = KernelEvents() if isinstance(self.host, LinuxHost) else None
        self._begun = self.host.now()
        end = self._begun + most_s
        try:
            self._look(None)
            while not self._stopping.is_set() and self.host.now() < end:
                if not forever and not self._is_at_work:
                    if self.host.now() >= self._begun + linger_s:
                        break
                    self._hear(events, min(end, self._begun + linger_s))
                else:
                    self._hear(events, end)
                self._collect()
            if before_end is not None and not self._stopping.is_set():
                before_end()
                self._look(None)
                self._is_closed = True
            while self._is_at_work and not self._stopping.is_set():
                self._hear(events)
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

    def _hear(self, events: KernelEvents | None, until: float = float("inf")) -> None:
        """Wait for events, until then at the latest, and look at what they tell of."""
        due = min(self._looked + self._poll_s, until)
        for port, later in list(self._later.items()):
            if later <= self.host.now():
                del self._later[port]
                self._known.pop(port, None)
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
            self._poll_s = HEARING_POLL_S
        for member in [*self._members.values()] if ports is None else self._members_at(ports):
            member.bell.set()
        if ports is None or self.host.now() >= self._looked + self._poll_s:
            self._look(None)
        else:
            self._look([Port(port) for port in ports])

    def _members_at(self, ports: Iterable[str]) -> list[_Member]:
        return [self._members[Port(port)] for port in ports if port in self._members]

    def _look(self, ports: Iterable[Port] | None) -> None:
        """Start a switch on each of the ports (None: on all) that has a new device that wants it."""
        if self._is_closed:
            self._looked = self.host.now()  # else the loop would not wait for those still at work
            return
        if ports is None:
            self._looked = self.host.now()
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
        for port, device in devices.items():
            stay = (device.device_number, device.id)
            if port in self._threads or self._known.get(port) == stay:
                continue
            self._known[port] = stay
            if self.catalog.candidates(device.id):
                self._start(device)

    def _start(self, device: AttachedDevice) -> bool:
        """Have a device switched, or let it wait for its turn; whether it is waiting no longer."""
        self._begun = self.host.now()
        if self._crew == 1:
            self._report(self._note(self._switch_one(device, self.host, self.catalog)))
            return True
        if len(self._threads) >= self._crew:
            self._waiting[device.port] = device
            return False
        member = self._members[device.port] = _Member(self.host, self._stopping)
        catalog = self.catalog

        def work() -> None:
            outcome = None
            try:
                outcome = self._switch_one(device, cast(Host, member), catalog)
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
            self._look([port])
        while self._waiting and len(self._threads) < self._crew:
            if not self._start(self._waiting.pop(next(iter(self._waiting)))):
                break

    def _note(self, outcome: Outcome) -> Outcome:
        """Remember the stay that the outcome is about: there is nothing more to do about it."""
        port, result = outcome.device.port, outcome.result
        if outcome.error is not None:
            result = outcome.error.result
        after = None if result is None else result.after
        if after is not None and after.port == port:
            self._known[port] = (after.device_number, after.id)
        if isinstance(outcome.error, TooOftenError):
            self._later[port] = self.host.now() + outcome.error.retry_s
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
