"""The table, and what it says of a device. table.py makes it, and says what is in it."""

import posix

from .plugged_stick import PluggedStick

MOST_HEAD, MOST_LINE = 1 << 20, 1 << 13  # bytes of the head, and of a line
LOOK = 1 << 10  # so many for one look at a key: most lines are much shorter
STRINGS = {"uMa": "manufacturer", "uPr": "product", "uSe": "serial"}  # what a qualifier is compared with

ANDROID = "Android"  # what a phone says; phones stay what they are, as in the rules

# What else than steps may stand in an entry's place.
NOTHING, ASK = "nothing", "ask"


class Table:
    """The table, opened. OSError or ValueError where there is none that may be trusted.

    limit: switches of a port within a minute. switching: whether sticks are switched by themselves.
    """

    def __init__(self, path: str) -> None:
        self._file = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC | posix.O_NOFOLLOW)
        try:
            self._read_head()
        except (OSError, ValueError):
            self.close()
            raise
        self.limit, self.switching = 0, False

    def _read_head(self) -> None:
        found = posix.fstat(self._file)
        if found.st_uid not in (0, posix.geteuid()) or found.st_mode & 0o022:
            raise ValueError("others may write it")
        self._end = found.st_size
        name, version, start = posix.pread(self._file, 64, 0).partition(b"\n")[0].split()
        self._start = int(start)
        if (name, version) != (b"table", b"1") or not 0 < self._start < MOST_HEAD:
            raise ValueError("not a table of this version")
        self._head = posix.pread(self._file, self._start, 0).decode("utf-8", "surrogateescape").split("\n")

    def close(self) -> None:
        """Close it."""
        posix.close(self._file)

    def is_of_today(self) -> bool:
        """Whether all that it was made from is as it was. Reads the settings in it, too."""
        for line in self._head:
            kind, _, rest = line.partition(" ")
            if kind == "stat":
                changed, size, path = rest.split(" ", 2)
                found = _stat(path)
                if found is None or (found.st_mtime_ns, found.st_size) != (int(changed), int(size)):
                    return False
            elif kind == "none":
                if _stat(rest) is not None:
                    return False
            elif kind == "kernel":
                if posix.uname().release != rest:
                    return False
            elif kind == "limit":
                self.limit = int(rest)
            elif kind == "switching":
                self.switching = rest == "yes"
        return self.limit > 0

    def lines(self, key: str) -> list[list[str]]:
        """The lines with a key, in their order: path, steps, and conditions of each."""
        wanted = f"{key}\t".encode()
        low, high = self._start, self._end
        while high - low > MOST_LINE:
            middle = (low + high) // 2
            block = posix.pread(self._file, LOOK, middle)
            start = block.find(b"\n") + 1
            seen = block[start : start + len(wanted)]
            # Without a whole key in it the search goes on in the first half, and reads further from there.
            if 0 < start < high - middle and len(seen) == len(wanted) and seen < wanted:
                low = middle + start
            else:
                high = middle
        found = []
        while low < self._end:
            block = posix.pread(self._file, 2 * MOST_LINE, low)
            block = block[: block.rfind(b"\n") + 1]
            for line in block.splitlines():
                if line.startswith(wanted):
                    found.append(line.decode("utf-8", "surrogateescape").split("\t")[1:])
                elif line > wanted:
                    return found
            if not block:
                break
            low += len(block)
        return found


def decide(stick: PluggedStick, table: Table) -> tuple[list[str], str]:
    """The steps for a device, or [NOTHING] or [ASK]; and the path of the entry."""
    for key in (stick.id, f"{stick.id[:5]}*"):
        if key[-1] == "*" and stick.text("manufacturer") == ANDROID:
            break
        for path, steps, *conditions in table.lines(key):
            if all(_fits(stick, condition) for condition in conditions if condition[:3] in STRINGS):
                return _way(stick, steps, conditions), path
    return [NOTHING], ""


def _fits(stick: PluggedStick, condition: str) -> bool:
    """Whether a string of the device holds a value; catalog/matching.py says how they are compared."""
    key, _, value = condition.partition("=")
    text = stick.text(STRINGS[key])
    return value != "?" and (value in text or value.replace("_", " ") in text)


def _way(stick: PluggedStick, steps: str, conditions: list[str]) -> list[str]:
    """What an entry that fits has us do."""
    asks = steps == ASK or not stick.interfaces
    for condition in conditions:
        key, _, value = condition.partition("=")
        if key == "already" and stick.interfaces and stick.interfaces[0].klass == int(value, 16):
            return [NOTHING]  # it is in its target class
        if key == "active" and stick.configuration == int(value):
            return [NOTHING]  # so is its configuration, and that is all that there is to do
        asks = asks or (key == "partly" and stick.configuration == int(value))
        asks = asks or (key == "needs" and int(value) not in stick.configurations)
        asks = asks or (key == "mbim" and stick.has_mbim)
        if key == "storage" and not asks:
            interface = stick.interface(value)
            if interface is not None and not stick.is_storage(interface):
                return [NOTHING]
    return [ASK] if asks else steps.split()  # which may be [NOTHING]


def _stat(path: str) -> posix.stat_result | None:
    try:
        return posix.stat(path)
    except OSError:
        return None
