"""The comparisons on this very machine: what a start costs, and what a large catalogue costs."""

from __future__ import annotations

import marshal
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from array import array
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from usb.core import USBError

import pymodeswitch
from pymodeswitch import Settings
from pymodeswitch.catalog.catalog import Catalog
from pymodeswitch.catalog.sources import shipped_folder
from pymodeswitch.early.lookup import Table
from pymodeswitch.early.table import make_table
from pymodeswitch.virtual import VirtualBackend, VirtualBus, mf691
from tests.support.virtual_kernel import show

START = str(Path(__file__).resolve().parent / "start.py")
SENDER = str(Path(__file__).resolve().parent / "sender.py")
PACKAGE = Path(pymodeswitch.__file__).parent
PYUSB_ALONE = """
import os, usb.core, usb.backend.libusb1 as libusb1
folder = os.path.join(os.path.dirname(os.path.dirname(usb.core.__file__)), "libusb_package")
assert libusb1.get_backend(find_library=lambda _: os.path.join(folder, "libusb-1.0.so"))
with open(os.environ["BENCH_REPORT"], "w") as file, open("/proc/self/status") as status:
    print(next(line.split()[1] for line in status if line.startswith("VmHWM")), file=file)
"""


class Cost(NamedTuple):
    """Of a whole process. wall_ms, cpu_ms: time, and that of the CPU. peak_kb: memory."""

    wall_ms: float
    cpu_ms: float
    peak_kb: int


def cost(words: Sequence[str], report: Path | None = None) -> Cost:
    """Run a command to its end, which says in `report` how much memory it had. RuntimeError when it fails.

    (The kernel's own figure would be at least what this process had when it started the other.)
    """
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    if report is not None:
        report.unlink(missing_ok=True)
        environment["BENCH_REPORT"] = str(report)
    start = perf_counter()
    process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, cwd="/")
    _, status, usage = os.wait4(process.pid, 0)
    wall = perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{words} ended with {process.returncode}")
    peak_kb = int(report.read_text().split()[0]) if report is not None else 0
    return Cost(wall * 1e3, (usage.ru_utime + usage.ru_stime) * 1e3, peak_kb)


def starts(number: int) -> Iterator[tuple[str, Cost]]:
    """What a process costs that only loads pyusb and libusb, and those that switch; by turns."""
    commands = {
        "pyusb alone": ("-c", PYUSB_ALONE),
        "by ID": (START, "19d2:1201"),
    }
    with tempfile.TemporaryDirectory(prefix="bench-") as name, VirtualComputer(Path(name)) as computer:
        for turn in range(-2, number):  # two that warm the caches
            for what, words in commands.items():
                computer.afresh()
                spent = cost([sys.executable, *computer.filled_in(words)], computer.report)
                if turn >= 0:
                    yield what, spent


NOTHING = (sys.executable, "-I", "-S", "-c", "pass")


def senders(number: int) -> Iterator[tuple[str, Cost]]:
    """What the sender costs, and a Python that does nothing; by turns."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        sysfs, dev, state, table = (folder / one for one in ("sys", "dev", "state", "table"))
        bus = VirtualBus()
        bus.plug(mf691(), "1-1")
        show(sysfs, "1-1", bus.at("1-1"))
        attached = bus.at("1-1")
        assert attached is not None
        node = dev / f"bus/usb/001/{attached.address:03d}"
        node.parent.mkdir(parents=True)
        node.touch()
        table.write_bytes(make_table(Catalog([shipped_folder()]), Settings()))
        table.chmod(0o644)
        words = [sys.executable, "-I", "-S", SENDER, *map(str, (PACKAGE, sysfs, dev, state, table))]
        for turn in range(-2, number):
            for what, command in (("sender", words), ("nothing", NOTHING)):
                shutil.rmtree(state, ignore_errors=True)
                spent = cost(command)
                if turn >= 0:
                    yield what, spent


class VirtualComputer:
    """A virtual stick behind a socket, and the sysfs that shows it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sysfs = folder / "sys"
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(folder / "socket"))
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.words = [str(folder / "socket"), str(self._sysfs), str(folder / "state")]
        self.report = folder / "report"

    def __enter__(self) -> VirtualComputer:
        self.afresh()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._socket.close()

    def filled_in(self, words: Sequence[str]) -> list[str]:
        """The words of a command, with what start.py has to know behind its name."""
        return [part for word in words for part in ([word, *self.words] if word == START else [word])]

    def modules(self, words: Sequence[str]) -> set[str]:
        """What is loaded at the end of a Python with these words."""
        self.afresh()
        cost([sys.executable, *self.filled_in(words)], self.report)
        return set(self.report.read_text().split()[1:])

    def afresh(self) -> None:
        """The stick is plugged in, and nobody has ever switched it."""
        self._bus = VirtualBus()
        self._bus.plug(mf691(), "1-1")
        self._backend = VirtualBackend(self._bus)
        self._handles: list[Any] = []
        self._shown: object = None
        shutil.rmtree(self._folder / "state", ignore_errors=True)
        self._show()

    def _show(self) -> None:
        """Bring sysfs up to date."""
        attached = self._bus.at("1-1")
        if attached is self._shown:
            return
        self._shown = attached
        shutil.rmtree(self._sysfs, ignore_errors=True)
        (self._sysfs / "bus/usb/devices").mkdir(parents=True)
        show(self._sysfs, "1-1", attached)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:  # the end
                return
            with connection, connection.makefile("rwb") as file:
                while True:
                    try:
                        name, *arguments = marshal.load(file)
                    except EOFError:
                        break
                    try:
                        answer = (True, self._call(name, arguments))
                    except USBError as error:
                        answer = (False, error.errno)
                    self._show()
                    marshal.dump(answer, file)
                    file.flush()

    def _call(self, name: str, arguments: list[Any]) -> Any:
        match name:
            case "now":
                return self._bus.clock.now()
            case "sleep":
                return self._bus.clock.sleep(*arguments)
            case "enumerate_devices":
                return list(range(len(self._bus.attached())))
            case "get_device_descriptor":
                return 1, self._bus.attached()[arguments[0]].address
            case "open_device":
                self._handles.append(self._backend.open_device(self._bus.attached()[arguments[0]]))
                return len(self._handles) - 1
        handle = self._handles[arguments.pop(0)]
        if name == "bulk_write":
            endpoint, interface, data, timeout = arguments
            return self._backend.bulk_write(handle, endpoint, interface, array("B", data), timeout)
        if name == "bulk_read":
            endpoint, interface, length, timeout = arguments
            buffer = array("B", bytes(length))
            return buffer[: self._backend.bulk_read(handle, endpoint, interface, buffer, timeout)].tobytes()
        return getattr(self._backend, name)(handle, *arguments)


ENTRIES = (len(os.listdir(shipped_folder())), 50_000)


def lookups(times: int) -> dict[int, list[float]]:
    """Milliseconds until the sender's table is opened, compared with today, and has told of an ID; medians.

    By the number of entries in it.
    """
    found: dict[int, list[float]] = {}
    with ExitStack() as stack:
        paths = {number: stack.enter_context(large_table(number)) for number in ENTRIES}
        for _ in range(times):
            for number, path in paths.items():
                found.setdefault(number, []).append(_lookup(path))
    return found


def _lookup(path: str) -> float:
    best = []
    for _ in range(500):
        start = perf_counter()
        table = Table(path)
        assert table.is_of_today()
        assert table.lines("19d2:1201")
        best.append((perf_counter() - start) * 1e3)
        table.close()
    return sorted(best)[len(best) // 2]


@contextmanager
def large_table(number: int) -> Iterator[str]:
    """A table of so many entries."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name) / "devices"
        folder.mkdir()
        for entry in range(number - 1):
            vendor, product = divmod(entry, 0x2000)
            (folder / f"{0x1000 + vendor:04x}-{product:04x}").write_text("StandardEject=1\n")
        (folder / "19d2-1201").write_text("StandardEject=1\n")
        path = Path(name) / "table"
        path.write_bytes(make_table(Catalog([str(folder)]), Settings()))
        path.chmod(0o644)
        yield str(path)
