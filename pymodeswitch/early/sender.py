"""The sender: switches a stick that was plugged in just now, before the storage driver asks it anything.

It looks at the port in sysfs, finds the ID in the table, sends what the table says, and leaves a mark below
/run. The judge (switching/judge.py) does the rest: it waits for what comes of it, tries again, tells. What
the sender may not decide it leaves to the judge, too: a table that is not of today, an entry that needs
more than messages, a device that somebody holds. When in doubt it does not send.
"""

import posix
import sys
from _thread import get_ident
from errno import ENOSPC
from fcntl import LOCK_EX, LOCK_NB, flock, ioctl
from time import monotonic

from .lookup import ASK, NOTHING, STRINGS, Table, decide
from .plugged_stick import IDLE_S, PluggedStick, text
from .usbfs import OWN, Device, is_usable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

TABLE = "/var/cache/pymodeswitch/table"
STATE, MARKS, JUDGE = "/run/pymodeswitch", "marks", "judge"  # nouns/run_folder.py

OWN_FILE = posix.O_RDWR | posix.O_CREAT | posix.O_NOFOLLOW | posix.O_CLOEXEC
LOG = "/dev/log"
WINDOW_S = 60.0  # in which the switches of a port are counted
MOST_STATE = 1 << 16  # bytes


class Port:
    """The state of a stick's port below /run: its lock, the times of its switches, its mark. OSError."""

    def __init__(self, state: str, stick: PluggedStick) -> None:
        for folder in (state, f"{state}/{MARKS}"):
            try:
                posix.mkdir(folder, 0o755)
            except FileExistsError:
                pass
        self._state, self._port = state, stick.port
        self._file = posix.open(f"{state}/{stick.connector}", OWN_FILE, 0o600)

    def close(self) -> None:
        """Give the lock back."""
        posix.close(self._file)

    def lock(self) -> bool:
        """Whether nobody else is at work on the port."""
        try:
            flock(self._file, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def count(self, limit: int) -> bool:
        """Note that a switch begins now; False when there were `limit` of them within the last minute."""
        now, times = monotonic(), []
        for line in posix.pread(self._file, MOST_STATE, 0).decode("utf-8", "replace").splitlines():
            word, _, value = line.partition(" ")
            try:
                if word == "switch" and now - WINDOW_S < float(value) <= now:
                    times.append(float(value))
            except ValueError:  # not ours, or half written
                continue
        if len(times) >= limit:
            return False
        data = "".join(f"switch {time:.3f}\n" for time in (*times, now)).encode()
        posix.ftruncate(self._file, 0)
        posix.pwrite(self._file, data, 0)
        return True

    def is_marked(self, stick: PluggedStick) -> bool:
        """Whether something was done for this very stay of a device, by the mark there is."""
        lines = text(f"{self._state}/{MARKS}/{self._port}").split("\n", 2)
        return lines[0] == _name(stick) and "state asked" not in lines

    def mark(
        self, stick: PluggedStick, state: str, entry: str, drivers: "list[int]", error: int = 0
    ) -> None:
        """Leave word for the judge, all of it or nothing; switching/marks.py reads it.

        That nothing was done is never written over what another sender has done meanwhile.
        """
        lines = [
            _name(stick),
            f"state {state}",
            f"when {monotonic():.3f}",
            f"error {error}",
            f"configuration {stick.configuration}",
            f"drivers {' '.join(map(str, drivers))}",
            f"entry {entry}",
            f"descriptors {stick.descriptors.hex()}",
            *(f"{name} {stick.text(name).encode().hex()}" for name in STRINGS.values()),
        ]
        whole = f"{self._state}/{MARKS}/{self._port}"
        part = f"{self._state}/.{self._port}.{posix.getpid()}.{get_ident()}"  # the judge sends in threads
        file = posix.open(part, OWN_FILE | posix.O_EXCL, 0o600)
        data = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
        try:
            try:
                if posix.write(file, data) < len(data):
                    raise OSError(ENOSPC, "the mark was not written whole")
            finally:
                posix.close(file)
            if state == "asked":
                try:
                    posix.link(part, whole)
                except FileExistsError:
                    if not self.is_marked(stick):
                        posix.rename(part, whole)
                        return
                posix.unlink(part)
            else:
                posix.rename(part, whole)
        except OSError:
            posix.unlink(part)
            raise


def _name(stick: PluggedStick) -> str:
    return f"stick {stick.id} {stick.bus} {stick.number}"


def handle(
    port: str,
    *,
    sysfs: str = "/sys",
    dev: str = "/dev",
    state: str = STATE,
    table: str = TABLE,
    call: "Callable[..., int]" = ioctl,
    idle_s: float = IDLE_S,
) -> str:
    """All that is done for a port. Returns what: nothing, asked, sent, failed, or too often.

    sysfs, dev: their roots. state, table: their paths. call: ioctl(2). idle_s: how long the storage driver may
    be at work. OSError, ValueError for a device that has left.
    """
    stick = PluggedStick(sysfs, port)
    steps, entry, limit = _look_up(stick, table)
    if steps == [NOTHING]:
        return "nothing"
    own = Port(state, stick)
    try:
        # Looked at behind the lock: another sender, or the judge, may be as quick.
        is_locked = own.lock()
        if own.is_marked(stick):
            return "asked"  # before: udev replays its events
        if steps == [ASK] or not is_locked or not is_usable() or stick.stays_busy(idle_s):
            own.mark(stick, "asked", entry, [])
            return "asked"
        try:
            path = f"{dev}/bus/usb/{stick.bus:03d}/{stick.number:03d}"
            node = posix.open(path, posix.O_RDWR | posix.O_CLOEXEC)
        except OSError as error:
            own.mark(stick, "failed", entry, [], error.errno or 0)
            return "failed"
        try:
            return _send(own, stick, Device(stick, node, call), steps, entry, limit)
        finally:
            posix.close(node)
    finally:
        own.close()


def _look_up(stick: PluggedStick, path: str) -> "tuple[list[str], str, int]":
    """The steps for a device, the path of the entry, and the limit of a port."""
    try:
        table = Table(path)
    except (OSError, ValueError):  # there is none, or it cannot be read: the judge makes one
        return [ASK], "", 0
    try:
        if not table.is_of_today():
            return [ASK], "", 0
        return (*decide(stick, table), table.limit) if table.switching else ([NOTHING], "", 0)
    except ValueError:
        return [ASK], "", 0
    finally:
        table.close()


def _send(
    own: Port, stick: PluggedStick, device: Device, steps: "list[str]", entry: str, limit: int
) -> str:
    drivers = device.drivers()
    if OWN in drivers.values():  # another program has claimed it
        own.mark(stick, "asked", entry, [])
        return "asked"
    if not own.count(limit):
        _log(f"port {stick.port} was switched {limit} times within a minute: not again for now")
        return "too often"
    # Before the message: a moment later the stick may have left, or somebody has ended us.
    own.mark(stick, "sending", entry, list(drivers))
    device.carry_out(steps)
    # Without a transfer that got through, too, only the port can tell what came of it.
    outcome = "sent" if device.started else "failed"
    own.mark(stick, outcome, entry, list(drivers), device.error)
    return outcome


def start_judge(state: str = STATE) -> None:
    """Start the judge, unless one is at work; that one looks at the marks once more before it ends."""
    file = posix.open(f"{state}/{JUDGE}", OWN_FILE, 0o600)
    try:
        flock(file, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        return
    finally:
        posix.close(file)
    package = __file__.rpartition("/early/")[0]
    words = [sys.executable, "-I", f"{package}/__main__.py", "judge"]
    if posix.fork():
        return
    posix.setsid()  # it outlives the event, and udev waits for whoever has its pipes
    nowhere = posix.open("/dev/null", posix.O_RDWR)
    for number in range(3):
        posix.dup2(nowhere, number)
    posix.execve(words[0], words, {**posix.environ, b"MALLOC_ARENA_MAX": b"1"})  # host/malloc.py


def run(words: "list[str]") -> None:
    """The command: `[--start-judge] PORT`. The process ends here."""
    port, code = words[-1] if words else "", 0
    if not port[:1].isdigit() or set(port) - set("0123456789.-"):
        sys.stderr.write("pymodeswitch: usage: [--start-judge] PORT, such as 1-1.2\n")
        posix._exit(2)
    try:
        outcome = handle(port)
        if "--start-judge" in words and outcome in ("asked", "sent", "failed"):
            start_judge()
    except (OSError, ValueError) as error:  # it has left already, or there is no /run
        sys.stderr.write(f"pymodeswitch: port {port}: {error}\n")
        code = 1
    posix._exit(code)


def _log(line: str) -> None:
    """One line to the system's log (syslog(3): facility daemon, warning)."""
    from _socket import AF_UNIX, SOCK_DGRAM, socket

    try:
        log = socket(AF_UNIX, SOCK_DGRAM)
    except OSError:  # too many open files
        return
    try:
        log.setblocking(False)
        log.connect(LOG)
        log.send(f"<28>pymodeswitch: {line}".encode())
    except OSError:  # there is no log, or it does not read just now
        pass
    finally:
        log.close()
