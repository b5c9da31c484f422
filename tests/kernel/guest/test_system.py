"""`pymodeswitch system` with udev alone: what is installed is what udev reads, and does."""

from __future__ import annotations

import os
import shutil
import signal
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
    assert "early/__main__.py" not in udev_says(stick.port)
    linux.wait_for("the judge's end", lambda: not linux.marks())
    assert "verdict " in (linux.STATE / stick.port).read_text()


def test_many_at_once(installed: None, usb: UsbipServer) -> None:
    """All are switched, none twice; and one that comes while the judge is at work, too."""
    shutil.rmtree(linux.STATE, ignore_errors=True)
    sticks = [usb.plug(mf691(), slot) for slot in range(12)]
    linux.wait_for("the first", lambda: linux.usb_id(sticks[0].port) == "19d2:1203")
    sticks.append(usb.plug(mf691(), 13))
    for stick in sticks:
        linux.says_ok(stick.port)
    assert [stick.written(0x01).count(EJECT) for stick in sticks] == [1] * len(sticks)
    linux.wait_for("the judge's end", lambda: not linux.marks())
    usb.unplug(0)
    linux.wait_for("an empty port", lambda: linux.usb_id(sticks[0].port) is None)
    again = usb.plug(mf691(), 0)
    linux.says_ok(again.port)
    assert again.written(0x01).count(EJECT) == 1


def test_a_judge_that_was_killed(installed: None, plug: Plug, usb: UsbipServer) -> None:
    """The next plug starts another one, which sets right what was left."""
    stays = plug(mf691(leave=None), bound=False)
    linux.wait_for("the judge", linux.judges)
    for number in linux.judges():
        os.kill(number, signal.SIGKILL)
    linux.wait_for("its end", lambda: not linux.judges())
    assert linux.marks() == [stays.port]
    other = usb.plug(mf691(), 1)
    linux.says_ok(other.port)
    linux.wait_for("the judge's end", lambda: not linux.marks())
    assert linux.driver(stays.port) == "usb-storage"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_judge_that_is_ended(number: int, installed: None, plug: Plug) -> None:
    """It gives back what the sender has taken, and ends soon."""
    stick = plug(mf691(leave=None), bound=False)
    (judge,) = linux.wait_for("the judge", linux.judges)
    linux.wait_for("the driver taken away", lambda: linux.driver(stick.port) is None)
    # All at once; Python itself has one for SIGINT from its start.
    linux.wait_for("its handlers", lambda: catches(judge, number) and catches(judge, signal.SIGTERM))
    os.kill(judge, number)
    linux.wait_for("usb-storage again", lambda: linux.driver(stick.port) == "usb-storage")
    linux.wait_for("its end", lambda: not linux.judges())


def catches(process: int, number: int) -> bool:
    """Whether a process has a handler for a signal (proc(5): SigCgt)."""
    status = Path(f"/proc/{process}/status").read_text()
    mask = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(mask, 16) >> (number - 1) & 1)


def test_no_start_for_what_is_no_plug(installed: None, plug: Plug) -> None:
    """`udevadm trigger`; and udev's events once more, for a stick that has its message."""
    stick = plug(bound=False)
    linux.says_ok(stick.port)
    linux.wait_for("the judge's end", lambda: not linux.marks() and not linux.judges())
    for words in ((), ("--action=add",)):
        linux.run_command("udevadm", "trigger", *words, "--subsystem-match=usb")
        linux.settle()
    assert (linux.marks(), linux.judges()) == ([], [])
    assert stick.written(0x01).count(EJECT) == 1


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
    """The sender everywhere; the judge where no systemd runs."""
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
    assert (f"/bin/true early {stick.port}" in said) == systemd
    assert (f"/bin/true early --start-judge {stick.port}" in said) == (not systemd)


def test_a_rule_for_a_whole_vendor(plug: Plug, udev_rules: Path) -> None:
    """usb_id reads the classes in time: storage starts, the modem that comes of it does not."""
    udev_rules.write_text(rules([], ["/bin/true", "found"], whole_vendors=[0x19D2]))
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
        assert os.system(line.partition("to stop it: ")[2]) == 0
        assert linux.pymodeswitch("system", "check").returncode == 0
    finally:
        theirs.unlink()
        (Path("/etc/udev/rules.d") / THEIRS).unlink(missing_ok=True)
