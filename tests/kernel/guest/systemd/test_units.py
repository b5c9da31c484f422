"""pymodeswitch@PORT.service and pymodeswitch-scan.service, as `system install` leaves them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pymodeswitch.device_files.syntax import write
from pymodeswitch.virtual import Leave, mf691
from tests.kernel.guest import linux
from tests.kernel.guest.conftest import Plug
from tests.kernel.guest.linux import EJECT
from tests.kernel.guest.systemd.conftest import Journal, state, unit
from tests.kernel.guest.test_late import HANGS, TEST_UNIT_READY, Dying, met_late
from tests.kernel.usbip import Plugged, UsbipServer, place
from tests.support.method_sticks import METHODS, Method

RULES = "41-pymodeswitch.rules"
SETTINGS = Path("/etc/pymodeswitch.conf")
DELAY = Path("/sys/module/usb_storage/parameters/delay_use")
BY_UNIT = [
    method for method in METHODS if method.name in ("HuaweiMode", "MobileActionMode", "Configuration")
]


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    """As before the boot; other tests install other things meanwhile."""
    done = linux.pymodeswitch("system", "install")
    assert done.returncode == 0, done.stderr


def ended(port: str) -> bool:
    """The port's unit has done its work."""
    return state(unit(port))[0] in ("inactive", "failed")


def is_switched(stick: Plugged) -> bool:
    """The modem is there, and the unit is through."""
    return linux.usb_id(stick.port) == "19d2:1203" and ended(stick.port)


@contextmanager
def without_rules() -> Iterator[None]:
    """udev starts nothing meanwhile."""
    mask = Path("/etc/udev/rules.d") / RULES
    mask.symlink_to("/dev/null")
    linux.reload_rules()
    try:
        yield
    finally:
        mask.unlink()
        linux.reload_rules()


@pytest.fixture
def no_rules() -> Iterator[None]:
    """So it is for the whole test."""
    with without_rules():
        yield


@pytest.fixture
def settings() -> Iterator[Path]:
    """The administrator's settings, gone afterwards."""
    yield SETTINGS
    SETTINGS.unlink(missing_ok=True)


def test_plugged_in(plug: Plug, journal: Journal) -> None:
    """One start, one message, both ports; status and journal tell. The event again starts nothing."""
    stick = plug(bound=False)
    linux.wait_for("the modem", lambda: is_switched(stick))
    nodes = linux.says_ok(stick.port)
    assert stick.written(0x01).count(EJECT) == 1
    (verdict,) = journal.verdicts(stick.port)
    line = f"19d2:1201 on port {stick.port} switched to 19d2:1203 in "
    assert verdict["MESSAGE"].startswith(line)
    assert {
        name: verdict[f"PYMODESWITCH_{name}"] for name in ("ID", "NOW", "OUTCOME", "NODES", "TRIES")
    } == {
        "ID": "19d2:1201",
        "NOW": "19d2:1203",
        "OUTCOME": "switched",
        "NODES": " ".join(node.name for node in nodes),
        "TRIES": "1",
    }
    assert verdict["PYMODESWITCH_ENTRY"].endswith("/19d2-1201")
    assert (verdict["_SYSTEMD_UNIT"], verdict["PRIORITY"]) == (unit(stick.port), "6")
    assert line in linux.run_command("systemctl", "status", unit(stick.port)).stdout
    assert linux.attribute(stick.port, "avoid_reset_quirk") == "1"
    for action in ("add", "change"):
        linux.run_command("udevadm", "trigger", f"--action={action}", linux.DEVICES / stick.port)
    linux.settle()
    assert journal.starts(stick.port) == 1


def test_two_at_once(plug: Plug, journal: Journal) -> None:
    """Equal sticks: each by its own unit."""
    sticks = [plug(bound=False), plug(slot=1, bound=False)]
    for stick in sticks:
        linux.wait_for("the modem", lambda stick=stick: is_switched(stick))  # type: ignore[misc]
        linux.says_ok(stick.port)
        assert stick.written(0x01).count(EJECT) == 1
        assert journal.starts(stick.port) == 1
        assert [entry["PYMODESWITCH_OUTCOME"] for entry in journal.verdicts(stick.port)] == ["switched"]


def test_unplugged_midway(plug: Plug, usb: UsbipServer, journal: Journal) -> None:
    """The unit does not end with the device: it tells what came of it."""
    stick = plug(mf691(leave=None), bound=False)
    linux.wait_for("the message", lambda: EJECT in stick.written(0x01))
    usb.unplug(stick.slot)
    linux.wait_for("the unit's end", lambda: ended(stick.port))
    assert state(unit(stick.port)) == ("failed", "exit-code", 12)
    (verdict,) = journal.verdicts(stick.port)
    assert (verdict["PYMODESWITCH_OUTCOME"], verdict["PYMODESWITCH_EXIT_CODE"]) == ("GoneError", "12")
    assert verdict["PRIORITY"] == "3"
    assert verdict["MESSAGE"] in linux.run_command("systemctl", "status", unit(stick.port)).stdout


def test_a_stick_that_stays(plug: Plug, journal: Journal) -> None:
    """Failed with exit code 11, started once, and the storage driver has it back."""
    stick = plug(mf691(leave=None), bound=False)
    linux.wait_for("the unit's failure", lambda: state(unit(stick.port))[0] == "failed")
    assert state(unit(stick.port)) == ("failed", "exit-code", 11)
    linux.wait_for("usb-storage again", lambda: linux.driver(stick.port) == "usb-storage")
    linux.settle()
    assert journal.starts(stick.port) == 1
    (verdict,) = journal.verdicts(stick.port)
    assert (verdict["PYMODESWITCH_OUTCOME"], verdict["PYMODESWITCH_ID"]) == ("UnchangedError", "19d2:1201")
    assert linux.run_command("systemctl", "is-failed", unit(stick.port)).returncode == 0


def test_stopped_midway(plug: Plug, journal: Journal) -> None:
    """`systemctl stop` in the middle: it ends soon and gives the stick back."""
    stick = plug(mf691(leave=None), bound=False)
    linux.wait_for("the message", lambda: EJECT in stick.written(0x01))
    assert linux.run_command("systemctl", "stop", unit(stick.port)).returncode == 0
    assert state(unit(stick.port))[2] == 143
    linux.wait_for("usb-storage again", lambda: linux.driver(stick.port) == "usb-storage")


def elsewhere() -> int:
    """A slot at another hub than the stick that is plugged in since power-on.

    The virtual hub tells of a stick at a port that is on again only when it has been asleep meanwhile.
    """
    hubs = [place(slot)[0].partition("-")[0] for slot in range(32)]
    return next(slot for slot, hub in enumerate(hubs) if hub != hubs[8])


def test_met_late(plug: Plug, journal: Journal) -> None:
    """The unit may cut a stick off that hangs already; that this enumerates it anew starts no other one."""
    with without_rules():
        stick = met_late(plug, Dying(TEST_UNIT_READY), elsewhere())
        # udev is through with the stick; with its unit it is not, as that hangs, so there is no settling.
        entry = Path(f"/run/udev/data/c{linux.attribute(stick.port, 'dev')}")
        linux.wait_for("udev", entry.exists)
    done = linux.run_command("systemctl", "start", unit(stick.port))
    assert done.returncode == 0, journal.text()
    linux.says_ok(stick.port)
    assert stick.written(0x01).count(EJECT) == 1
    assert [entry["PYMODESWITCH_OUTCOME"] for entry in journal.verdicts(stick.port)] == ["switched"]
    assert journal.starts(stick.port) == 1
    assert f"the storage driver hung on 19d2:1201 on port {stick.port}: " in journal.text()
    assert HANGS not in journal.text(), "told with -v only"
    switches = Path(f"/run/pymodeswitch/{stick.port}").read_text().count("switch ")
    assert switches == 1


@pytest.mark.usefixtures("no_rules")
def test_scan(plug: Plug, journal: Journal) -> None:
    """The unit that runs at boot switches what udev did not: all that is there, and twice is harmless."""
    sticks = [plug(), plug(slot=1)]
    for _ in range(2):
        done = linux.run_command("systemctl", "start", "pymodeswitch-scan.service")
        assert done.returncode == 0, done.stderr
    for stick in sticks:
        linux.says_ok(stick.port)
        assert stick.written(0x01).count(EJECT) == 1
        assert journal.starts(stick.port) == 0
        (verdict,) = journal.verdicts(stick.port)
        assert (verdict["PYMODESWITCH_OUTCOME"], verdict["_SYSTEMD_UNIT"]) == (
            "switched",
            "pymodeswitch-scan.service",
        )


@pytest.mark.parametrize("method", BY_UNIT, ids=lambda method: method.name)
def test_methods_are_not_hindered(
    method: Method, plug: Plug, device_files: Path, settings: Path, journal: Journal
) -> None:
    """The service reads /etc, talks to the stick, changes the kernel's knobs and keeps its state."""
    (device_files / "1111:2222").write_text(write(method.device_file))
    delay = int(DELAY.read_text())
    settings.write_text(f"storage_delay_s = {delay + 1}\n")
    stick = plug(method.build(Leave(0.5)), bound=False)
    try:
        done = linux.run_command("systemctl", "start", unit(stick.port))
        assert done.returncode == 0, done.stderr
        assert DELAY.read_text() == f"{delay + 1}\n"
    finally:
        DELAY.write_text(str(delay))
    assert linux.usb_id(stick.port) == ("1111:2222" if method.in_place else "1111:3333")
    assert linux.attribute(stick.port, "avoid_reset_quirk") == "1"
    assert "switch " in Path(f"/run/pymodeswitch/{stick.port}").read_text()
    (verdict,) = journal.verdicts(stick.port)
    assert verdict["PYMODESWITCH_OUTCOME"] == "switched"
    assert verdict["PYMODESWITCH_ENTRY"] == str(device_files / "1111:2222")


def test_nothing_to_do_is_no_failure(journal: Journal) -> None:
    """Nothing on the port, as when a stick is pulled out before its unit has begun."""
    assert linux.run_command("systemctl", "start", unit("1-5")).returncode == 0
    assert linux.run_command("systemctl", "is-failed", unit("1-5")).returncode != 0
