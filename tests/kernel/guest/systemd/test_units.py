"""The sender, and the judge that pymodeswitch.path starts, as `system install` leaves them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pymodeswitch.device_files.syntax import write
from pymodeswitch.virtual import Leave, mf691
from tests.kernel.guest import linux
from tests.kernel.guest.conftest import Plug
from tests.kernel.guest.linux import EJECT
from tests.kernel.guest.systemd.conftest import JUDGE, Journal, state
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


def ended() -> bool:
    """The judge has done its work."""
    return state(JUDGE)[0] in ("inactive", "failed") and not any(linux.marks())


def is_switched(stick: Plugged) -> bool:
    """The modem is there, and the judge is through."""
    return linux.usb_id(stick.port) == "19d2:1203" and ended()


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


@contextmanager
def senders_that_fail() -> Iterator[None]:
    """What the rules start is a program that does nothing, and udev's log tells of it."""
    installed = Path("/usr/local/lib/udev/rules.d") / RULES
    masks = Path("/etc/udev/rules.d") / RULES
    masks.write_text(re.sub(r'RUN\+="[^"]*"', 'RUN+="/bin/false"', installed.read_text()))
    linux.reload_rules()
    try:
        yield
    finally:
        masks.unlink()
        linux.reload_rules()


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
    assert (verdict["_SYSTEMD_UNIT"], verdict["PRIORITY"]) == (JUDGE, "6")
    assert line in linux.run_command("systemctl", "status", JUDGE).stdout
    assert linux.attribute(stick.port, "avoid_reset_quirk") == "1"
    starts = journal.starts()
    for action in ("add", "change"):
        linux.run_command("udevadm", "trigger", f"--action={action}", linux.DEVICES / stick.port)
    linux.settle()
    assert (journal.starts(), list(linux.marks())) == (starts, []), "no sender has anything to do"


def test_the_message_is_early(plug: Plug) -> None:
    """Before the first command of usb-storage's scan."""
    stick = plug(bound=False)
    linux.wait_for("the modem", lambda: is_switched(stick))
    assert [cbw[15] for cbw in stick.written(0x01)][:2] == [0x1E, 0x1B]


def test_two_at_once(plug: Plug, journal: Journal) -> None:
    """Equal sticks: one judge for both."""
    sticks = [plug(bound=False), plug(slot=1, bound=False)]
    for stick in sticks:
        linux.wait_for("the modem", lambda stick=stick: is_switched(stick))  # type: ignore[misc]
        linux.says_ok(stick.port)
        assert stick.written(0x01).count(EJECT) == 1
        assert [entry["PYMODESWITCH_OUTCOME"] for entry in journal.verdicts(stick.port)] == ["switched"]


def test_one_that_comes_while_the_judge_is_at_work(plug: Plug, usb: UsbipServer, journal: Journal) -> None:
    """udev leaves it to the judge; without one it does not."""
    plug(mf691(leave=None), bound=False)
    linux.wait_for("the judge", (linux.STATE / "at-work").exists)
    with senders_that_fail():
        stick = plug(slot=1, bound=False)
        linux.says_ok(stick.port)
        linux.wait_for("the verdict", lambda: journal.verdicts(stick.port))
        assert "/bin/false" not in journal.text()
        assert stick.written(0x01).count(EJECT) == 1
        linux.wait_for("the judge's end", ended)
        assert not os.path.lexists(linux.STATE / "at-work")
        plug(slot=2, bound=False)
        linux.wait_for("the start of a sender", lambda: "/bin/false" in journal.text())


def test_unplugged_midway(plug: Plug, usb: UsbipServer, journal: Journal) -> None:
    """The judge tells what came of it."""
    stick = plug(mf691(leave=None), bound=False)
    linux.wait_for("the message", lambda: EJECT in stick.written(0x01))
    usb.unplug(stick.slot)
    # The judge may end before journald has taken down what it said.
    linux.wait_for("the verdict", lambda: journal.verdicts(stick.port) and ended())
    (verdict,) = journal.verdicts(stick.port)
    assert (verdict["PYMODESWITCH_OUTCOME"], verdict["PYMODESWITCH_EXIT_CODE"]) == ("GoneError", "12")
    assert verdict["PRIORITY"] == "3"
    assert verdict["MESSAGE"] in linux.run_command("systemctl", "status", JUDGE).stdout
    assert state(JUDGE) == ("inactive", "success", 0), "a stick that fails is no failure of the judge"


def test_a_stick_that_stays(plug: Plug, journal: Journal) -> None:
    """Tried three times, and the storage driver has it back."""
    stick = plug(mf691(leave=None), bound=False)
    linux.wait_for("the verdict", lambda: journal.verdicts(stick.port))
    linux.wait_for("usb-storage again", lambda: linux.driver(stick.port) == "usb-storage")
    linux.settle()
    (verdict,) = journal.verdicts(stick.port)
    assert (verdict["PYMODESWITCH_OUTCOME"], verdict["PYMODESWITCH_ID"]) == ("UnchangedError", "19d2:1201")
    assert stick.written(0x01).count(EJECT) == 3


def test_stopped_midway(plug: Plug, journal: Journal) -> None:
    """`systemctl stop` in the middle: it ends soon; the path starts it again for what is left."""
    stick = plug(mf691(leave=None), bound=False)
    linux.wait_for("the judge", lambda: state(JUDGE)[0] == "active" and EJECT in stick.written(0x01))
    assert linux.run_command("systemctl", "stop", JUDGE).returncode == 0
    linux.wait_for("usb-storage again", lambda: linux.driver(stick.port) == "usb-storage")


def test_killed_midway(plug: Plug, journal: Journal) -> None:
    """With SIGKILL: the next judge sets it right, as its mark is still there."""
    stick = plug(mf691(leave=None), bound=False)
    linux.wait_for("the judge", lambda: state(JUDGE)[0] == "active" and EJECT in stick.written(0x01))
    assert linux.run_command("systemctl", "kill", "--signal=KILL", JUDGE).returncode == 0
    linux.wait_for("the verdict", lambda: journal.verdicts(stick.port))
    linux.wait_for("usb-storage again", lambda: linux.driver(stick.port) == "usb-storage")
    assert [entry["PYMODESWITCH_OUTCOME"] for entry in journal.verdicts(stick.port)] == ["UnchangedError"]


def test_udevd_is_restarted(plug: Plug, journal: Journal) -> None:
    """And replays all events: nothing is sent again."""
    stick = plug(bound=False)
    linux.wait_for("the modem", lambda: is_switched(stick))
    assert linux.run_command("systemctl", "restart", "systemd-udevd").returncode == 0
    linux.run_command("udevadm", "trigger", "--action=add", "--subsystem-match=usb")
    linux.settle()
    linux.wait_for("the judge's end", ended)
    assert stick.written(0x01).count(EJECT) == 1
    assert len(journal.verdicts(stick.port)) == 1


def elsewhere() -> int:
    """A slot at another hub than the stick that is plugged in since power-on.

    The virtual hub tells of a stick at a port that is on again only when it has been asleep meanwhile.
    """
    hubs = [place(slot)[0].partition("-")[0] for slot in range(32)]
    return next(slot for slot, hub in enumerate(hubs) if hub != hubs[8])


def test_met_late(plug: Plug, journal: Journal) -> None:
    """A stick that hangs already is the judge's, which cuts it off; its next stay starts nobody."""
    with without_rules():
        stick = met_late(plug, Dying(TEST_UNIT_READY), elsewhere())
        # udev is through with the stick.
        entry = Path(f"/run/udev/data/c{linux.attribute(stick.port, 'dev')}")
        linux.wait_for("udev", entry.exists)
    done = linux.pymodeswitch("early", stick.port)
    assert done.returncode == 0, done.stderr
    linux.says_ok(stick.port)
    linux.wait_for("the verdict", lambda: journal.verdicts(stick.port))
    assert stick.written(0x01).count(EJECT) == 1
    assert [entry["PYMODESWITCH_OUTCOME"] for entry in journal.verdicts(stick.port)] == ["switched"]
    assert f"the storage driver hung on 19d2:1201 on port {stick.port}: " in journal.text()
    assert HANGS not in journal.text(), "told with -v only"


def test_the_first_judge_looks_at_everything(plug: Plug, journal: Journal) -> None:
    """After a boot it switches what udev did not; from then on only what has a mark."""
    boot = linux.STATE / "boot"
    with without_rules():
        sticks = [plug(), plug(slot=1)]
        boot.unlink(missing_ok=True)
        for _ in range(2):
            assert linux.run_command("systemctl", "start", JUDGE).returncode == 0
            linux.wait_for("the judge's end", ended)
    assert boot.exists()
    for stick in sticks:
        linux.says_ok(stick.port)
        assert stick.written(0x01).count(EJECT) == 1
        (verdict,) = journal.verdicts(stick.port)
        assert (verdict["PYMODESWITCH_OUTCOME"], verdict["_SYSTEMD_UNIT"]) == ("switched", JUDGE)


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
        done = linux.pymodeswitch("early", stick.port)
        assert done.returncode == 0, done.stderr
        linux.wait_for("the verdict", lambda: journal.verdicts(stick.port) and ended())
        assert DELAY.read_text() == f"{delay + 1}\n"
    finally:
        DELAY.write_text(str(delay))
    assert linux.usb_id(stick.port) == ("1111:2222" if method.in_place else "1111:3333")
    assert linux.attribute(stick.port, "avoid_reset_quirk") == "1"
    assert "switch " in Path(f"/run/pymodeswitch/{stick.port}").read_text()
    (verdict,) = journal.verdicts(stick.port)
    assert verdict["PYMODESWITCH_OUTCOME"] == "switched"
    assert verdict["PYMODESWITCH_ENTRY"] == str(device_files / "1111:2222")
