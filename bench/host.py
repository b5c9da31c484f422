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
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from usb.core import USBError

from pymodeswitch.virtual import VirtualBackend, VirtualBus, mf691

HERE = Path(__file__).resolve().parent
PYUSB_ALONE = """
import os, usb.core, usb.backend.libusb1 as libusb1
from importlib.util import find_spec
folder, = find_spec("libusb_package").submodule_search_locations
assert libusb1.get_backend(find_library=lambda _: os.path.join(folder, "libusb-1.0.so"))
"""


class Cost(NamedTuple):
    """Of a whole process. wall_ms, cpu_ms: time, and that of the CPU. peak_kb: memory."""

    wall_ms: float
    cpu_ms: float
    peak_kb: int


def cost(words: Sequence[str]) -> Cost:
    """Run a command to its end. RuntimeError when it fails."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    start = perf_counter()
    process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, cwd="/")
    _, status, usage = os.wait4(process.pid, 0)
    wall = perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{words} ended with {process.returncode}")
    return Cost(wall * 1e3, (usage.ru_utime + usage.ru_stime) * 1e3, usage.ru_maxrss)


def starts(number: int) -> Iterator[tuple[str, Cost]]:
    """What a process costs that only loads pyusb and libusb, and one that switches; by turns."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, VirtualComputer(Path(name)) as computer:
        for turn in range(-2, number):  # two that warm the caches
            alone = cost([sys.executable, "-c", PYUSB_ALONE])
            computer.afresh()
            switching = cost([sys.executable, str(HERE / "start.py"), *computer.words, "19d2:1201"])
            if turn >= 0:
                yield "pyusb alone", alone
                yield "switch", switching


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

    def __enter__(self) -> VirtualComputer:
        self.afresh()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._socket.close()

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
        devices = self._sysfs / "bus/usb/devices"
        devices.mkdir(parents=True)
        if attached is None:
            return
        identity = attached.stick.identity
        (devices / "1-1").mkdir()
        raw = identity.to_bytes() + b"".join(c.to_bytes() for c in identity.configurations)
        (devices / "1-1/descriptors").write_bytes(raw)
        texts = {"busnum": "1", "devnum": str(attached.address), "bConfigurationValue": "1"}
        texts |= {"manufacturer": identity.manufacturer, "product": identity.product_name}
        for name, text in texts.items():
            (devices / "1-1" / name).write_text(f"{text}\n")
        for interface, driver in attached.drivers.items():
            folder = devices / f"1-1:1.{interface}"
            folder.mkdir()
            (folder / "driver").symlink_to(f"../../../../bus/usb/drivers/{driver}")
            if driver == "cdc_acm" and interface % 2 == 0:
                (folder / f"tty/ttyACM{interface // 2}").mkdir(parents=True)

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


ENTRIES = (560, 50_000)
FIND = """
import sys
from time import perf_counter
from pymodeswitch.catalog import Catalog, read_entry
from pymodeswitch.model import UsbId
best = []
for _ in range(50):
    start = perf_counter()
    candidate, = Catalog([sys.argv[1]]).candidates(UsbId(0x19d2, 0x1201))
    read_entry(candidate)
    best.append(perf_counter() - start)
best.sort()
print(best[len(best) // 2] * 1e3)
"""


def lookups() -> dict[int, float]:
    """Milliseconds to find and read one entry, by the number of entries in the folder; medians of 50."""
    return {number: _lookup(number) for number in ENTRIES}


def _lookup(number: int) -> float:
    with large_folder(number) as (folder, environment):
        done = subprocess.run(
            [sys.executable, "-c", FIND, str(folder)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
    return float(done.stdout)


@contextmanager
def large_folder(number: int) -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder of so many entries that `data refresh` has noted, and the environment to use it in."""
    raise NotImplementedError
