"""CPU time of every process that ends, from the kernel's process accounting; and of whole cgroups.

Sources: acct(2) and acct(5): `struct acct_v3`, 64 bytes, times as comp_t (3 bits of exponent to the base 8,
13 bits of mantissa) in units of 10 ms; Documentation/admin-guide/cgroup-v2.rst (cpu.stat).
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

RECORD = struct.Struct("<BBHIIIIIIf8H16s")
TICK_S = 0.01
CGROUPS = Path("/sys/fs/cgroup")


class Accounting:
    """The kernel notes each process that ends in `file`; root only."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen = 0
        file.write_bytes(b"")
        if ctypes.CDLL(None, use_errno=True).acct(os.fsencode(file)):
            raise OSError(ctypes.get_errno(), "the kernel does no process accounting")

    def since(self) -> dict[str, tuple[int, float]]:
        """How many processes of each name ended since the last call, and their CPU seconds."""
        counts: Counter[str] = Counter()
        spent: Counter[str] = Counter()
        for name, seconds in self._new():
            counts[name] += 1
            spent[name] += seconds
        return {name: (counts[name], round(seconds, 2)) for name, seconds in spent.items()}

    def _new(self) -> Iterator[tuple[str, float]]:
        data = self._file.read_bytes()
        while self._seen + RECORD.size <= len(data):
            fields = RECORD.unpack_from(data, self._seen)
            self._seen += RECORD.size
            name = fields[-1].split(b"\0")[0].decode("ascii", "replace")
            yield name, (_expanded(fields[10]) + _expanded(fields[11])) * TICK_S


def _expanded(number: int) -> int:
    return (number & 0x1FFF) << 3 * (number >> 13)


def cgroup_of(name: str, process: int) -> Path:
    """A cgroup of its own for a process and all that it starts from now on."""
    if not (CGROUPS / "cgroup.procs").exists():
        os.system(f"mount -t cgroup2 none {CGROUPS}")
    folder = CGROUPS / name
    folder.mkdir(exist_ok=True)
    (folder / "cgroup.procs").write_text(str(process))
    return folder


def cpu_s(cgroup: Path) -> float:
    """User and system time of all its processes so far, those that have ended too."""
    for line in (cgroup / "cpu.stat").read_text().splitlines():
        name, _, value = line.partition(" ")
        if name == "usage_usec":
            return int(value) / 1e6
    raise OSError("cpu.stat has no usage_usec")
