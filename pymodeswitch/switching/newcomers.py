"""Sticks that come while a judge is at work: it sends to them, too, so udev starts no sender for them.

Starting a sender takes ten times what it does then. udev's rules (system/udev_rules.py) look at a link below
/run, which leads through the judge's files in /proc: the link of a judge that was killed leads nowhere.

No stick is missed. The rules leave a stick to the judge only while the link is there, so it has come before
the link goes: the look that follows meets it. Whoever begins to hear the kernel's events, or has lost some,
looks at everything. Whether a stick has its message already is for the sender to see, by its mark.
"""

from __future__ import annotations

import os
from threading import Lock, Thread
from time import monotonic

from ..nouns.log import Logger
from ..nouns.model import Port
from ..nouns.run_folder import AT_WORK, JUDGE
from .marks import was_judged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..catalog.catalog import Catalog
    from ..host.sysfs import Sysfs

logger = Logger(__name__)

FRESH_S = 200.0  # the rules leave to the judge what has come within 100 s, and no event that udev replays
CREW = 8  # threads that send; most of the time they wait for the kernel, and each is memory
# A whole scan: nobody waits for the judge, as udev does for the sender.
IDLE_S = 3.0
# Until then the sender has left its mark (2 s for the kernel to configure a device, and IDLE_S).
END_S = 6.0


class Newcomers:
    """Sends to what comes between `begin` and `end`, which may follow each other more than once.

    sysfs: where devices are seen. catalog: of those meant. folder: that of the state, with the judge's lock.
    send: the sender, called with a port, in a thread of its own; its OSError and ValueError go to the log.
    """

    def __init__(self, sysfs: Sysfs, catalog: Catalog, folder: str, send: Callable[[Port], object]) -> None:
        self.send = send
        self._sysfs = sysfs
        self._catalog = catalog
        self._folder = folder
        self._link = os.path.join(folder, AT_WORK)
        self._life = -1  # where the link leads
        self._most_s = FRESH_S
        self._numbers: dict[str, int] = {}  # by port: of the devices that were looked at
        self._lock = Lock()
        self._waiting: list[tuple[Port, float]] = []  # and since when each has been there
        self._at_work = 0
        self._crew: list[Thread] = []

    def begin(self) -> None:
        """Say that a judge is at work. Where that cannot be said, udev starts a sender for each stick."""
        try:
            self._life = os.open(self._folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            if os.path.lexists(self._link):
                self._most_s = float("inf")  # a judge was killed: what was left to it may be there for long
                os.unlink(self._link)
            os.symlink(f"/proc/{os.getpid()}/fd/{self._life}/{JUDGE}", self._link)
        except OSError as error:  # a full /run, say
            logger.warning("%s: %s", self._link, error.strerror)

    def end(self) -> None:
        """Say that none is at work, and send to what was left to it by then."""
        try:
            os.unlink(self._link)
        except OSError as error:
            logger.debug("%s: %s", self._link, error)
        if self._life >= 0:
            os.close(self._life)
            self._life = -1
        self.look(None)
        for thread in self._crew:
            thread.join(END_S)

    def look(self, ports: Iterable[str] | None, *, leave: bool = False) -> None:
        """Have something sent to what has come on the ports (None: on any), if there is anything to send.

        leave: it is somebody else's, now and later on.
        """
        for port in self._sysfs.ports() if ports is None else ports:
            number = self._sysfs.number(port)
            if number is None:
                self._numbers.pop(port, None)
                continue
            if self._numbers.get(port) == number:
                continue
            now = monotonic()
            age = self._sysfs.connected_s(port)
            if age is None:  # it is just coming, and will have its event
                continue
            self._numbers[port] = number
            if age < self._most_s and not leave:
                self._catalog = self._catalog.afresh()
                self._give(Port(port), now - age)
        if ports is None:
            self._most_s = FRESH_S

    def _give(self, port: Port, since: float) -> None:
        """Have a thread send to it, a new one unless there are enough. since: when it came."""
        with self._lock:
            self._waiting.append((port, since))
            if self._at_work >= CREW:
                return
            self._at_work += 1
        thread = Thread(target=self._work, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # a limit of threads: then this one does it
            logger.debug("no thread: %s", error)
            self._work()
        else:
            self._crew = [thread, *(one for one in self._crew if one.is_alive())]

    def _work(self) -> None:
        """Send until nobody waits."""
        while True:
            with self._lock:
                if not self._waiting:
                    self._at_work -= 1
                    return
                port, since = self._waiting.pop()  # the last one first: its scan may not have begun
            device = self._sysfs.at(port)
            if device is None:  # it is just coming, or going
                self._numbers.pop(port, None)
            elif self._catalog.candidates(device.id) and not was_judged(self._folder, device, since):
                try:
                    logger.debug("port %s: %s", port, self.send(port))
                except (OSError, ValueError) as error:  # it has left already
                    logger.debug("port %s: %s", port, error)
