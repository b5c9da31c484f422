"""The state of a port: its lock, the times of its last switches, and what the last run said of it.

Each port has a file in a folder below /run, so all is forgotten at boot; a port and its SuperSpeed peer are
one connector, and have one file, named after the port on the bus with the lower number. Lines of the file:

    switch SECONDS              when messages were sent, on the kernel's monotonic clock
    verdict SECONDS CODE TEXT   what the last run said: its exit code (errors.py), one line of text

The lock is that of the file (host/file_lock.py). Where the file cannot be written (not root, a read-only
system) there is no lock and no limit, and switching works all the same.
"""

from __future__ import annotations

import os

from ..host.file_lock import FileLock
from ..nouns.errors import AnotherRunError, TooOftenError, error_for_code
from ..nouns.log import Logger
from ..nouns.record import Record
from .connector import name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..nouns.model import Port
    from ..nouns.protocols import Host, Reporter

logger = Logger(__name__)

WINDOW_S = 60.0
MAX_STATE_BYTES = 65536  # far more than a minute's lines


class RunVerdict(Record):
    """The verdict that a run left. seconds: when, on the host's clock. code: its exit code."""

    seconds: float
    code: int
    text: str


class PortState:
    """The file of one port of a host: lock, times of switches, last verdict."""

    def __init__(self, host: Host, port: Port) -> None:
        self.host = host
        self.port = port
        folder = host.state_folder
        self._lock = FileLock(None if folder is None else os.path.join(folder, name_of(host, port)))

    def lock(self, seconds: float) -> bool:
        """Take the lock, waiting for that long at most; False when another run still holds it then.

        True also where there can be no lock.
        """
        deadline = self.host.now() + seconds

        def wait() -> bool:
            left = deadline - self.host.now()
            if left > 0:
                self.host.wait(left, self.port)
            return left > 0

        return self._lock.take(wait)

    def is_done_by_another(self, seconds: float, reporter: Reporter) -> bool:
        """Take the lock; while another run has it, wait for its verdict, that long at most.

        True: the other has switched what is on the port. Raises what the other run said went wrong, and
        AnotherRunError when it does not end.
        """
        start = self.host.now()
        if self.lock(0):
            return False
        reporter.tell("device", f"another run is at work on port {self.port}: waiting for its verdict")
        if not self.lock(seconds):
            raise AnotherRunError(f"port {self.port} is busy: another run of pymodeswitch is at work on it")
        last = self.read_verdict()
        if last is None or last.seconds < start:
            return False  # it ended without a word: its signal, or a dry run
        if last.code:
            raise error_for_code(last.code, f"{last.text} (so said another run, which was at work on it)")
        return True

    def unlock(self) -> None:
        """Give the lock back."""
        self._lock.give_back()

    def count(self, limit: int) -> None:
        """Note that a switch begins now; TooOftenError when there were `limit` within the last minute."""
        now = self.host.now()
        times = [time for time in self._switches() if now - WINDOW_S < time <= now]
        if len(times) >= limit:
            wait = times[-limit] + WINDOW_S - now
            raise TooOftenError(
                f"port {self.port} was switched {len(times)} times within a minute: not again for "
                f"{wait:.0f} s (switches_per_minute in /etc/pymodeswitch.conf)",
                retry_s=wait,
            )
        self._write([f"switch {time:.3f}" for time in (*times, now)])

    def write_verdict(self, code: int, text: str) -> None:
        """Leave what came of it for those who wait."""
        lines = [f"switch {time:.3f}" for time in self._switches()]
        self._write([*lines, f"verdict {self.host.now():.3f} {code} {' '.join(text.split())}"])

    def read_verdict(self) -> RunVerdict | None:
        """What the last run left, None when it left nothing."""
        return verdict_in(self._lines())

    def _switches(self) -> list[float]:
        return switches_in(self._lines())

    def _lines(self) -> list[str]:
        file = self._lock.file
        if file is None:
            return []
        try:
            size = min(os.fstat(file).st_size, MAX_STATE_BYTES)
            data = os.pread(file, size, 0)
        except OSError as error:  # a broken disk: then nothing is known of the port
            logger.debug("the state of port %s cannot be read: %s", self.port, error)
            return []
        return data.decode("utf-8", "replace").splitlines()

    def _write(self, lines: list[str]) -> None:
        file = self._lock.file
        if file is None:
            return
        try:
            data = "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")
            os.ftruncate(file, 0)
            os.pwrite(file, data, 0)
        except OSError as error:  # a full /run
            logger.debug("the state of port %s cannot be written: %s", self.port, error)


def verdict_in(lines: Iterable[str]) -> RunVerdict | None:
    """The verdict in the lines of a port's file, None when there is none."""
    for line in lines:
        words = line.split(" ", 3)
        if words[0] == "verdict" and len(words) == 4:
            try:
                return RunVerdict(float(words[1]), int(words[2]), words[3])
            except ValueError:  # not ours, or half written
                continue
    return None


def switches_in(lines: Iterable[str]) -> list[float]:
    """When messages were sent, by the lines of a port's file."""
    times = []
    for line in lines:
        word, _, number = line.partition(" ")
        if word == "switch":
            try:
                times.append(float(number))
            except ValueError:  # not ours, or half written
                continue
    return times
