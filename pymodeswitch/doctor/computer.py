"""The computer as the checks see it: files below one root, read in bounds, and never an exception.

What cannot be read counts as not there. Only reading is done, but for `run`, which asks programs that only
tell (systemctl show). Nothing here opens a device node: opening one wakes up a suspended device.
"""

from __future__ import annotations

import os
import platform
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple, TypeVar

Value = TypeVar("Value")

MOST_BYTES = 1 << 20
MOST_PROCESSES, MOST_FILES = 100_000, 10_000  # of one process
PATIENCE_S = 5.0
WAITS_FOR_A_DRIVER, A_WHILE_S = "D", 1.0


class Process(NamedTuple):
    """A process, or a kernel thread; `state` is the letter of proc_pid_stat(5)."""

    pid: int
    name: str
    state: str


class Computer:
    """A Linux system below `root`.

    user: effective user ID. release: kernel release, as uname has it. run: runs a program and returns its
    output, None when it failed. sleep, clock: seconds.
    """

    def __init__(
        self,
        root: str = "/",
        *,
        user: int | None = None,
        release: str | None = None,
        environment: Mapping[str, str] | None = None,
        run: Callable[[Sequence[str]], str | None] | None = None,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.root = root
        self.user = _effective_user() if user is None else user
        self.release = platform.release() if release is None else release
        self.environment = os.environ if environment is None else environment
        self.run = run_program if run is None else run
        self.sleep = sleep
        self.clock = clock

    def path(self, path: str) -> str:
        """Where a path of that system is."""
        return os.path.join(self.root, path.lstrip("/"))

    def exists(self, path: str) -> bool:
        """Whether it is there (or leads somewhere)."""
        return os.path.exists(self.path(path))

    def is_empty(self, path: str) -> bool:
        """Whether it is a file without anything in it."""
        try:
            status = os.stat(self.path(path))
        except (OSError, ValueError):
            return False
        return stat.S_ISREG(status.st_mode) and status.st_size == 0

    def read(self, path: str, most: int = MOST_BYTES) -> str:
        """A text file's beginning, stripped; empty when it cannot be read."""
        return self.read_bytes(path, most).decode("utf-8", "replace").strip()

    def read_bytes(self, path: str, most: int = MOST_BYTES) -> bytes:
        """A file's beginning; empty when it cannot be read. Never waits for somebody to write a pipe."""
        try:
            descriptor = os.open(self.path(path), os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
            with open(descriptor, "rb", buffering=0) as file:
                parts = []
                while most > 0 and (part := file.read(most)):
                    parts.append(part)
                    most -= len(part)
                return b"".join(parts)
        except (OSError, ValueError):
            return b""

    def names(self, path: str) -> list[str]:
        """Names in a folder, sorted; none when it cannot be read."""
        try:
            return sorted(os.listdir(self.path(path)))
        except (OSError, ValueError):
            return []

    def link(self, path: str) -> str | None:
        """Where a symbolic link points, as it is written."""
        try:
            return os.readlink(self.path(path))
        except (OSError, ValueError):
            return None

    def real_path(self, path: str) -> str:
        """The path behind all symbolic links, as that system sees it."""
        top = os.path.realpath(self.root)
        return "/" + os.path.relpath(os.path.realpath(self.path(path)), top)

    def may_open(self, path: str) -> bool:
        """Whether this user may read and write it. The kernel asks the devices cgroup for this, too."""
        return os.access(
            self.path(path), os.R_OK | os.W_OK, effective_ids=os.access in os.supports_effective_ids
        )

    @cached_property
    def processes(self) -> tuple[Process, ...]:
        """All processes that can be seen."""
        return self._processes()

    @cached_property
    def waiting(self) -> tuple[Process, ...]:
        """Those that wait for a driver, and still do a second later; for a moment that is nothing odd."""
        before = {process for process in self.processes if process.state == WAITS_FOR_A_DRIVER}
        if not before:
            return ()
        self.sleep(A_WHILE_S)
        return tuple(process for process in self._processes() if process in before)

    def _processes(self) -> tuple[Process, ...]:
        found = []
        for name in self.names("/proc")[:MOST_PROCESSES]:
            if name.isascii() and name.isdigit():
                # `812 (ModemManager) S 1 ...`: the name may hold blanks and brackets.
                head, end, rest = self.read(f"/proc/{name}/stat", 4096).rpartition(")")
                if end and rest.strip():
                    found.append(Process(int(name), head.partition("(")[2], rest.split()[0]))
        return tuple(found)

    def has_process(self, name: str) -> bool:
        """Whether a program of that name runs; the kernel keeps 15 characters."""
        return any(process.name == name[:15] for process in self.processes)

    @cached_property
    def open_nodes(self) -> dict[str, tuple[Process, ...]]:
        """Who has which file below /dev open, by path. Of others' processes only root sees it."""
        found: dict[str, list[Process]] = {}
        for process in self.processes:
            folder = f"/proc/{process.pid}/fd"
            links = {self.link(f"{folder}/{name}") for name in self.names(folder)[:MOST_FILES]}
            for link in links:
                if link is not None and link.startswith("/dev/"):
                    found.setdefault(link.removesuffix(" (deleted)"), []).append(process)
        return {path: tuple(processes) for path, processes in found.items()}

    @cached_property
    def in_container(self) -> bool:
        """Whether this looks like a container: docker, podman, or what systemd found."""
        marks = ("/.dockerenv", "/run/.containerenv", "/run/systemd/container")
        return any(map(self.exists, marks)) or "container=" in self.read("/proc/1/environ")

    @cached_property
    def has_udev(self) -> bool:
        """Whether udev runs: its control socket is there."""
        return self.exists("/run/udev/control")

    @cached_property
    def has_systemd(self) -> bool:
        """Whether systemd is what started this system (sd_booted(3))."""
        return self.exists("/run/systemd/system")


def _effective_user() -> int:
    return os.geteuid() if hasattr(os, "geteuid") else 0


def run_program(words: Sequence[str]) -> str | None:
    """The output of a program that only tells; None when it is not there, fails, or takes too long."""
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", "replace")


def in_time(look: Callable[[], Value], seconds: float) -> tuple[bool, Value | None]:
    """Call a function that may block in the kernel; whether it came back in time, and with what.

    Reading some files of sysfs takes the device's lock, which a hanging driver holds.
    """
    result: list[Value] = []
    thread = threading.Thread(target=lambda: result.append(look()), daemon=True)
    try:
        thread.start()
    except RuntimeError:  # a limit of processes: then it may block
        return True, look()
    thread.join(seconds)
    return (True, result[0]) if result else (not thread.is_alive(), None)
