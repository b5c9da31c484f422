"""Fixtures of the guest's tests, and the report that the host's half of the rig reads."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Protocol

import pytest

from pymodeswitch.virtual import Stick, mf691
from tests.kernel.guest import linux
from tests.kernel.rig import flavour_of
from tests.kernel.usbip import Plugged, UsbipServer

REPORTS = Path("/run/rig/reports")
RULES = Path("/run/udev/rules.d")
DEVICE_FILES = Path("/etc/usb_modeswitch.d")
TEST_LIMIT_S = 400


class Plug(Protocol):
    """Puts a stick (an MF691 by default) into a slot and waits until the kernel has enumerated it."""

    def __call__(self, stick: Stick | None = None, slot: int = 0, *, bound: bool = True) -> Plugged:
        """bound: wait for the storage driver, too."""


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """One line for each phase of each test, at once: what ran before a crash of the guest is known."""
    if not REPORTS.parent.is_dir():
        return
    text = report.longreprtext
    if isinstance(report.longrepr, tuple):
        text = report.longrepr[2]
    line = {
        "test": report.nodeid,
        "phase": report.when,
        "outcome": report.outcome,
        "seconds": round(report.duration, 2),
        "text": "\n".join([text, *(f"--- {title}\n{content}" for title, content in report.sections)]),
    }
    with REPORTS.open("a") as reports:
        reports.write(json.dumps(line) + "\n")


@pytest.fixture(autouse=True)
def _only_in_its_guest(request: pytest.FixtureRequest) -> None:
    """Whoever runs a test elsewhere is told at once what it needs."""
    init = flavour_of(request.node.nodeid).init
    if os.environ.get("PYMODESWITCH_RIG_GUEST") != init:
        pytest.exit(f"this test needs a guest: python -m tests.kernel.rig --init {init}", returncode=4)


@pytest.fixture(autouse=True)
def _limit() -> Iterator[None]:
    """No test holds up the others for ever, not even one stuck in a system call."""

    def expired(_number: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"the test did not end within {TEST_LIMIT_S} s")

    before = signal.signal(signal.SIGALRM, expired)
    signal.alarm(TEST_LIMIT_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def usb() -> Iterator[UsbipServer]:
    """A server of virtual sticks; afterwards all ports are empty again, and no firmware has failed.

    Before it, the switches of earlier tests are forgotten: they are more a minute than a port may have. The
    folder stays: a judge that is still at work has it in its sandbox.
    """
    for path in linux.STATE.rglob("*"):
        if not path.is_dir():
            path.unlink(missing_ok=True)
    with UsbipServer() as server:
        yield server
        ports = server.ports()
    for port in ports:
        linux.wait_for(f"{port} empty", lambda port=port: linux.usb_id(port) is None)  # type: ignore[misc]
    linux.settle()
    linux.wait_for("the judge's end", linux.end_judges)
    server.check()


@pytest.fixture
def plug(usb: UsbipServer) -> Plug:
    """See `Plug`."""

    def put(stick: Stick | None = None, slot: int = 0, *, bound: bool = True) -> Plugged:
        stick = mf691() if stick is None else stick
        plugged = usb.plug(stick, slot)

        def enumerated() -> bool:
            usb.check()  # a port that cannot be attached is told at once
            return linux.usb_id(plugged.port) is not None

        linux.wait_for(f"a device on {plugged.port}", enumerated)
        if bound:
            linux.wait_for("usb-storage", lambda: linux.driver(plugged.port) == "usb-storage")
        return plugged

    return put


@pytest.fixture
def device_files() -> Iterator[Path]:
    """The administrator's folder of device files, gone afterwards."""
    DEVICE_FILES.mkdir()
    yield DEVICE_FILES
    shutil.rmtree(DEVICE_FILES)


@pytest.fixture
def udev_rules() -> Iterator[Path]:
    """A file for udev rules; gone afterwards. Call `linux.reload_rules` once it is written."""
    RULES.mkdir(parents=True, exist_ok=True)
    file = RULES / "41-pymodeswitch.rules"
    yield file
    file.unlink(missing_ok=True)
    linux.reload_rules()


@pytest.fixture
def link_rules() -> Iterator[None]:
    """The rules for the links, with the command of this Python."""
    file = RULES / "42-pymodeswitch-gsmmodem.rules"
    RULES.mkdir(parents=True, exist_ok=True)
    file.write_text(linux.pymodeswitch("rules", "--links").stdout)
    linux.reload_rules()
    yield
    file.unlink()
    linux.reload_rules()
