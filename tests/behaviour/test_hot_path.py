"""The way of a stick that udev starts: what it loads, what it opens, how it waits. No times are taken here.

bench/ measures; these are the reasons for its figures, which a machine can see on any day.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import pymodeswitch
from bench.host import START, VirtualComputer
from pymodeswitch import Settings
from pymodeswitch.catalog.catalog import Catalog
from pymodeswitch.catalog.sources import shipped_folder
from pymodeswitch.early.table import make_table
from pymodeswitch.virtual import VirtualBackend, VirtualBus, mf691
from tests.support.virtual_kernel import VirtualKernel

PACKAGE = Path(pymodeswitch.__file__).parent

# By ID it goes through pyusb, which loads these, and what they load.
HEAVY = {
    *("construct", "libusb_package", "typing", "dataclasses", "pathlib", "argparse", "json", "tomllib"),
    *("tarfile", "socket", "importlib.metadata", "importlib.resources"),
}


@pytest.fixture
def computer(tmp_path: Path) -> Iterator[VirtualComputer]:
    """With a stick plugged in."""
    with VirtualComputer(tmp_path) as computer:
        yield computer


def loaded_always(*flags: str) -> set[str]:
    """What Python loads by itself."""
    done = subprocess.run(
        [sys.executable, *flags, "-c", "import sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(done.stdout.split())


def loaded_by_pyusb() -> set[str]:
    """What pyusb itself loads: by way of `logging`, that is `dataclasses` from Python 3.14 on."""
    code = "import sys, usb.backend.libusb1; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    return set(done.stdout.split())


# A kernel that takes every call; what is loaded in the end.
SENDER = """
import sys
package, sysfs, dev, state, table = sys.argv[1:]
sys.path.insert(0, package)
from early import sender
def call(node, code, request):
    if code == sender.Device.drivers.__globals__["GET_DRIVER"]:
        raise OSError(61, "no driver")
    return 13
print(sender.handle("1-1", sysfs=sysfs, dev=dev, state=state, table=table, call=call), *sys.modules)
"""


def test_the_sender_loads_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    """All that it loads is its own four files, or C; until the message is out."""
    bus = VirtualBus()
    bus.plug(mf691())
    with pytest.MonkeyPatch.context() as patch:
        kernel = VirtualKernel(VirtualBackend(bus), tmp_path, patch)
        kernel.update()
    kernel.table.write_bytes(make_table(Catalog([shipped_folder()]), Settings()))
    kernel.table.chmod(0o644)
    paths = [kernel.sysfs, kernel.dev, kernel.state, kernel.table]
    words = [sys.executable, "-I", "-S", "-c", SENDER, str(PACKAGE), *map(str, paths)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    outcome, *modules = done.stdout.split()
    assert outcome == "sent"
    found = set(modules) - loaded_always("-I", "-S")
    assert {name for name in found if not name.startswith("early")} <= {"_ctypes", "errno", "fcntl"}
    assert {name for name in found if name.startswith("early")} == {
        "early",
        *(f"early.{name}" for name in ("sender", "lookup", "plugged_stick", "usbfs")),
    }


def test_by_id_it_loads_pyusb_and_little_else(computer: VirtualComputer) -> None:
    found = computer.modules([START, "19d2:1201"]) - loaded_always()
    assert "usb.backend.libusb1" in found
    assert found & (HEAVY - loaded_by_pyusb()) == set()


# Fixed times that have no event to wait for, by file.
SLEEPS = {
    "linux.py": 3,  # what a Host's sleep and wait are made of where the kernel tells nothing
    "execution.py": 1,  # Pause: a step of the plan, as the device file or the reference has it
    "attempts.py": 1,  # before a stick that stays is tried again
    "hanging_driver.py": 2,  # the counters of a SCSI host tell no events
    "table.py": 1,  # the clock of a file system; when the table is made
    "plugged_stick.py": 2,  # being configured, and a driver at work: files of sysfs tell no events
    "usbfs.py": 1,  # a step of the plan, as the device file or the reference has it
    "kernel_events.py": 1,  # where the kernel has no memory for a wait
    "port_link.py": 1,  # flock has no time-out
    "computer.py": 1,  # the doctor looks twice
    "terminal.py": 1,  # that time passes is what it shows
}


def test_no_wait_is_a_fixed_sleep_where_there_is_an_event() -> None:
    found: Counter[str] = Counter()
    for path in PACKAGE.rglob("*.py"):
        if "virtual" in path.parts:
            continue  # simulated time
        for node in ast.walk(ast.parse(path.read_text())):
            called = node.func if isinstance(node, ast.Call) else None
            name = getattr(called, "attr", None) or getattr(called, "id", None)
            found[path.name] += name in ("sleep", "_sleep")
    assert +found == SLEEPS
