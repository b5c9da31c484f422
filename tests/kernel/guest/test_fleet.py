"""Several sticks and several runs on the real kernel: scan, the lock of a port, its limit."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pymodeswitch.virtual import mf691
from tests.kernel.guest import linux
from tests.kernel.guest.conftest import Plug
from tests.kernel.guest.linux import EJECT
from tests.kernel.usbip import UsbipServer

SETTINGS = Path("/etc/pymodeswitch.conf")


@pytest.fixture
def settings() -> Iterator[Path]:
    yield SETTINGS
    SETTINGS.unlink(missing_ok=True)


def test_scan(plug: Plug) -> None:
    """Two equal sticks, and one that stays: a line for each, each ejected as often as it has to be."""
    first, second, deaf = plug(slot=0), plug(slot=1), plug(mf691(leave=None), 2)
    devnum = linux.devnum(deaf.port)
    done = linux.pymodeswitch("scan", "--timeout", "20", "--json")
    assert done.returncode == 11, done.stderr
    data = json.loads(done.stdout)
    assert [(s["port"], s["status"], s["exit_code"]) for s in data["sticks"]] == [
        (first.port, "switched", 0),
        (second.port, "switched", 0),
        (deaf.port, None, 11),
    ]
    for stick in (first, second):
        assert stick.written(0x01).count(EJECT) == 1
        linux.says_ok(stick.port)
    assert linux.devnum(deaf.port) == devnum
    linux.wait_for("usb-storage again", lambda: linux.driver(deaf.port) == "usb-storage")


def test_scan_twice(plug: Plug) -> None:
    stick = plug()
    done = linux.pymodeswitch("scan")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"19d2:1201 on port {stick.port} switched to 19d2:1203 in ")
    devnum = linux.devnum(stick.port)
    again = linux.pymodeswitch("scan")
    assert (again.returncode, again.stdout) == (0, "")
    assert "nothing is attached that wants to be switched" in again.stderr
    assert linux.devnum(stick.port) == devnum


def test_two_starts_for_one_stick(plug: Plug) -> None:
    """One works, the other waits for its verdict and tells it."""
    stick = plug()
    words = [sys.executable, "-m", "pymodeswitch", "--port", stick.port, "--json"]
    runs = [
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    ends = [run.communicate(timeout=2 * linux.PATIENCE_S) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], ends
    results = [json.loads(out) for out, _ in ends]
    assert sorted(result["status"] for result in results) == ["already", "switched"]
    assert {result["after"]["id"] for result in results} == {"19d2:1203"}
    assert stick.written(0x01).count(EJECT) == 1


def test_two_starts_for_a_stick_that_stays(plug: Plug) -> None:
    """The one that waits tells the same, and does not begin anew."""
    stick = plug(mf691(leave=None))
    words = [sys.executable, "-m", "pymodeswitch", "--port", stick.port, "--timeout", "12"]
    runs = [subprocess.Popen(words, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ends = [run.communicate(timeout=2 * linux.PATIENCE_S)[1] for run in runs]
    assert [run.returncode for run in runs] == [11, 11], ends
    assert sorted("so said another run" in err for err in ends) == [False, True]
    assert stick.written(0x01).count(EJECT) == 3


def test_not_too_often(plug: Plug, usb: UsbipServer, settings: Path) -> None:
    """A stick that falls back again and again is left alone, and keeps its driver."""
    settings.write_text("switches_per_minute = 1\n")
    stick = plug()
    assert linux.pymodeswitch("--port", stick.port).returncode == 0
    usb.unplug(stick.slot)
    linux.wait_for("an empty port", lambda: linux.usb_id(stick.port) is None)
    again = plug()
    done = linux.pymodeswitch("--port", again.port)
    assert done.returncode == 16, done.stderr
    assert f"port {again.port} was switched 1 times within a minute" in done.stderr
    assert EJECT not in again.written()
    assert linux.driver(again.port) == "usb-storage"


def test_state_that_cannot_be_written(plug: Plug) -> None:
    stick = plug()
    shutil.rmtree("/run/pymodeswitch", ignore_errors=True)
    Path("/run/pymodeswitch").write_text("")
    try:
        done = linux.pymodeswitch("19d2:1201")
    finally:
        Path("/run/pymodeswitch").unlink()
    assert done.returncode == 0, done.stderr
    linux.says_ok(stick.port)
