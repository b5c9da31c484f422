"""`pymodeswitch system` with udev alone: what is installed is what udev reads, and does."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pymodeswitch.system.udev_rules import rules
from pymodeswitch.virtual import mf691
from tests.kernel.guest import linux
from tests.kernel.guest.conftest import Plug
from tests.kernel.usbip import UsbipServer

EJECT = bytes.fromhex("5553424397654321000000000000061b000000020000000000000000000000")
INSTALLED = Path("/usr/local/lib/udev/rules.d/41-pymodeswitch.rules")
THEIRS = "40-usb_modeswitch.rules"


@pytest.fixture
def installed() -> Iterator[None]:
    """Installed as an owner does it, and taken away again."""
    done = linux.pymodeswitch("system", "install")
    assert (done.returncode, done.stderr.count("\n")) == (0, 1), done.stderr
    yield
    done = linux.pymodeswitch("system", "uninstall")
    assert done.returncode == 0, done.stderr
    assert not INSTALLED.exists()


def udev_says(port: str) -> str:
    """What udev would do at the plug of what is on a port."""
    done = linux.run_command("udevadm", "test", "--action=add", linux.DEVICES / port)
    assert done.returncode == 0, done.stderr
    text = done.stdout + done.stderr
    complaints = [line for line in text.splitlines() if "pymodeswitch" in line and "nvalid" in line]
    assert complaints == []
    return text


def test_installed_and_plugged_in(installed: None, plug: Plug) -> None:
    """udev has been told of the new rule; it starts once, and the switched stick starts nothing."""
    assert linux.pymodeswitch("system", "check").returncode == 0
    stick = plug(bound=False)
    linux.says_ok(stick.port)
    assert stick.written(0x01).count(EJECT) == 1
    assert "pymodeswitch --no-wait" not in udev_says(stick.port)


def test_many_at_once_share_a_start(installed: None, usb: UsbipServer) -> None:
    """All are switched, none twice, by fewer starts than there are; and the next plug starts again."""
    shutil.rmtree(linux.STATE, ignore_errors=True)
    sticks = [usb.plug(mf691(), slot) for slot in range(12)]
    for stick in sticks:
        linux.says_ok(stick.port)
    assert [stick.written(0x01).count(EJECT) for stick in sticks] == [1] * 12
    linux.settle()
    assert not os.path.lexists(linux.STATE / "burst")
    usb.unplug(0)
    linux.wait_for("an empty port", lambda: linux.usb_id(sticks[0].port) is None)
    again = usb.plug(mf691(), 0)
    linux.says_ok(again.port)
    assert again.written(0x01).count(EJECT) == 1


def test_uninstalled_and_plugged_in(plug: Plug, usb: UsbipServer) -> None:
    """udev has been told again: nothing is started any more."""
    assert linux.pymodeswitch("system", "install").returncode == 0
    assert linux.pymodeswitch("system", "uninstall").returncode == 0
    stick = plug()
    linux.settle()
    assert linux.usb_id(stick.port) == "19d2:1201"
    assert EJECT not in stick.written()


@pytest.mark.parametrize("systemd", [False, True])
def test_udev_understands_the_rule(systemd: bool, plug: Plug) -> None:
    """The one file starts by RUN, and where systemd runs by a unit."""
    stick = plug()
    done = linux.pymodeswitch("system", "install", "--command", "/bin/true")
    assert done.returncode == 0, done.stderr
    runs = Path("/run/systemd/system")
    if systemd:
        runs.mkdir(parents=True)
    try:
        said = udev_says(stick.port)
    finally:
        if systemd:
            runs.rmdir()
        assert linux.pymodeswitch("system", "uninstall").returncode == 0
    by_run = f"/bin/true --no-wait --and-others --port {stick.port}" in said
    by_unit = f"SYSTEMD_WANTS=pymodeswitch@{stick.port}.service" in said
    assert (by_run, by_unit) == (not systemd, systemd)


def test_a_rule_for_a_whole_vendor(plug: Plug, udev_rules: Path) -> None:
    """usb_id reads the classes in time: storage starts, the modem that comes of it does not."""
    udev_rules.write_text(rules([], "/bin/true found", whole_vendors=[0x19D2]))
    linux.reload_rules()
    stick = plug()
    assert "/bin/true found" in udev_says(stick.port)
    assert linux.pymodeswitch("--port", stick.port).returncode == 0
    assert linux.usb_id(stick.port) == "19d2:1203"
    assert "/bin/true found" not in udev_says(stick.port)


def test_the_reference_s_rules_fight_until_they_are_masked(installed: None) -> None:
    """Its very file, from Debian's package; masked with the command that `check` names."""
    theirs = Path("/lib/udev/rules.d") / THEIRS
    shutil.copyfile(linux.REFERENCE / "lib/udev/rules.d" / THEIRS, theirs)
    try:
        done = linux.pymodeswitch("system", "check", "-q")
        assert done.returncode == 18
        (line,) = done.stdout.splitlines()
        assert line.startswith("fighting ")
        assert THEIRS in line
        counted = int(line.partition("usb_modeswitch for ")[2].partition(" of ")[0])
        assert counted > 350, "the public data has most of our IDs"
        assert os.system(line.partition("to mask it: ")[2]) == 0
        assert linux.pymodeswitch("system", "check").returncode == 0
    finally:
        theirs.unlink()
        (Path("/etc/udev/rules.d") / THEIRS).unlink(missing_ok=True)
