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
from pymodeswitch import UsbId, large
from pymodeswitch.catalog.catalog import Catalog, read_entry

PACKAGE = Path(pymodeswitch.__file__).parent

# Of the standard library, what Python itself has not loaded when it runs a file with -I -S: parts in C,
# `os`, and `__future__`. By port is how udev and systemd start it.
BY_PORT = {"__future__", "_ctypes", "errno", "fcntl", "gc"}
BY_PORT |= {"os", "os.path", "posixpath", "genericpath", "stat", "_stat", "_collections_abc"}  # os itself
# By ID it goes through pyusb, which loads these, and what they load.
HEAVY = {
    *("construct", "libusb_package", "typing", "dataclasses", "pathlib", "argparse", "json", "tomllib"),
    *("tarfile", "subprocess", "shutil", "tempfile", "platform", "ctypes.util", "socket", "signal"),
    *("importlib.metadata", "importlib.resources"),
}


@pytest.fixture
def computer(tmp_path: Path) -> Iterator[VirtualComputer]:
    """With a stick plugged in."""
    with VirtualComputer(tmp_path) as computer:
        yield computer


def loaded(computer: VirtualComputer, *words: str) -> set[str]:
    """What is loaded at the end of a switch, beside what Python always loads."""
    flags = [word for word in words if word in ("-I", "-S")]
    always = subprocess.run(
        [sys.executable, *flags, "-c", "import sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return computer.modules(words) - set(always.stdout.split())


def test_what_udev_starts_loads_nothing_that_it_does_not_need(computer: VirtualComputer) -> None:
    """Past libusb, without waiting, by a file with -S: all that it loads is ours, or C, or `os`."""
    found = loaded(computer, "-I", "-S", START, "--no-wait", "--and-others", "--port", "1-1")
    others = {name for name in found if not name.startswith("pymodeswitch")}
    # What the stand-in for the kernel needs: the other end of its wire is another process.
    assert others - {"_socket"} <= BY_PORT
    ours = {name for name in found if name.startswith("pymodeswitch.")}
    assert "pymodeswitch.usbfs" in ours
    assert ours.isdisjoint(
        f"pymodeswitch.{name}"
        for name in ("transport", "bulk_only", "fleet", "virtual", "parser", "doctor", "uevents", "archive")
    )


def test_by_id_it_loads_pyusb_and_little_else(computer: VirtualComputer) -> None:
    found = loaded(computer, START, "19d2:1201")
    assert "usb.backend.libusb1" in found
    assert found & HEAVY == set()


def test_one_entry_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many files are opened to find an entry does not depend on how many there are."""
    opened: list[str] = []
    listed: list[str] = []

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event == "open":
            opened.append(str(arguments[0]))
        if watching and event == "os.listdir":
            listed.append(str(arguments[0]))

    watching = False
    sys.addaudithook(watch)
    counts = {}
    for number in (10, 4000):
        folder = tmp_path / str(number)
        folder.mkdir()
        for product in range(number):
            (folder / f"1209-{product:04x}").write_text("StandardEject=1\n")
        monkeypatch.setattr(large, "INDEX", str(tmp_path / f"index-{number}"))
        large.refresh_large([str(folder)])
        opened.clear()
        listed.clear()
        watching = True
        (candidate,) = Catalog([str(folder)]).candidates(UsbId(0x1209, 5))
        read_entry(candidate)
        watching = False
        counts[number] = len(opened)
    assert counts[4000] <= counts[10] + 1, "the index"
    assert counts[10] <= 3
    assert listed == [], "a large folder that is known is not listed"


# Fixed times that have no event to wait for, by file.
SLEEPS = {
    "linux.py": 3,  # what a Host's sleep and wait are made of where the kernel tells nothing
    "execution.py": 1,  # Pause: a step of the plan, as the device file or the reference has it
    "attempts.py": 1,  # before a stick that stays is tried again
    "hanging_driver.py": 2,  # the counters of a SCSI host tell no events
    "kernel_events.py": 1,  # where the kernel has no memory for a wait
    "large.py": 1,  # the clock of a file system; `data refresh` only
    "port_link.py": 1,  # flock has no time-out
    "computer.py": 1,  # the doctor looks twice
}


def test_no_wait_is_a_fixed_sleep_where_there_is_an_event() -> None:
    found: Counter[str] = Counter()
    for path in PACKAGE.rglob("*.py"):
        if "virtual" in path.parts:
            continue  # simulated time
        for node in ast.walk(ast.parse(path.read_text())):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Attribute) and called.attr in ("sleep", "_sleep"):
                found[path.name] += 1
    assert found == SLEEPS
