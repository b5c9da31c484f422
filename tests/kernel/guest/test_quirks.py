"""What the storage driver and resets spoil, on the real kernel: quirks, and the way through the driver."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import pymodeswitch
from pymodeswitch import Settings, Status
from tests.kernel.guest import linux
from tests.kernel.guest.conftest import Plug

SETTINGS = Path("/etc/pymodeswitch.conf")
DELAY = Path("/sys/module/usb_storage/parameters/delay_use")


@pytest.fixture
def settings() -> Iterator[Path]:
    """The administrator's settings, gone afterwards."""
    yield SETTINGS
    SETTINGS.unlink(missing_ok=True)


def test_a_switched_stick_is_not_reset_any_more(plug: Plug, settings: Path) -> None:
    """avoid_reset_quirk is 1 after the switch, and stays 0 where the settings say so."""
    stick = plug()
    assert linux.attribute(stick.port, "avoid_reset_quirk") == "0"
    done = linux.pymodeswitch("19d2:1201", "-v")
    assert done.returncode == 0, done.stderr
    assert linux.attribute(stick.port, "avoid_reset_quirk") == "1"
    assert "the kernel will not reset it after an error (avoid_reset_quirk)" in done.stderr
    other = plug(slot=1)
    settings.write_text("avoid_reset_quirk = false\n")
    done = linux.pymodeswitch("19d2:1201", "--port", other.port)
    assert done.returncode == 0, done.stderr
    assert linux.attribute(other.port, "avoid_reset_quirk") == "0"


def test_no_permission_to_tell_the_kernel(plug: Plug) -> None:
    """As in a container with a read-only /sys: switched all the same, and told at -v."""
    stick = plug()
    command = f"mount -o remount,bind,ro /sys && exec {linux.PYTHON} -m pymodeswitch 19d2:1201 -v"
    done = linux.run_command("unshare", "--mount", "sh", "-c", command)
    assert done.returncode == 0, done.stderr
    assert "avoid_reset_quirk: Read-only file system" in done.stderr
    assert "warning" not in done.stderr
    assert linux.attribute(stick.port, "avoid_reset_quirk") == "0"


def test_the_storage_scan_is_put_off(plug: Plug, settings: Path) -> None:
    """delay_use of the kernel is raised by the first switch, and not lowered."""
    plug()
    assert DELAY.read_text() == "1\n"
    try:
        settings.write_text("storage_delay_s = 4\n")
        done = linux.pymodeswitch("19d2:1201", "-v")
        assert done.returncode == 0, done.stderr
        assert "usb-storage waits 4 s before it scans, and not 1 s" in done.stderr
        assert DELAY.read_text() == "4\n"
        plug(slot=1)
        result = pymodeswitch.switch(0x19D2, 0x1201, settings=Settings(storage_delay_s=2))
        assert result.status is Status.SWITCHED
        assert DELAY.read_text() == "4\n"
    finally:
        DELAY.write_text("1")
