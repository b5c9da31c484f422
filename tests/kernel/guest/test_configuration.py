"""Settings, masks and archives in their real places, and what the reference makes of the same."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel.guest import linux
from tests.kernel.guest.conftest import Plug
from tests.kernel.guest.test_switch import EJECT, is_untouched

CONF = Path("/etc/usb_modeswitch.conf")
OWN_FILES = Path("/etc/pymodeswitch.d")
# Where the reference's dispatcher looks for the rest of it.
PARTS = ("usr/sbin/usb_modeswitch", "usr/sbin/usb_modeswitch_dispatcher", "usr/share/usb_modeswitch")
LIBRARIES = "usr/lib/x86_64-linux-gnu"


@pytest.fixture
def conf() -> Iterator[Path]:
    """The reference's settings; gone afterwards."""
    yield CONF
    CONF.unlink(missing_ok=True)


@pytest.fixture
def reference() -> Iterator[None]:
    """The reference and its data, installed; gone afterwards."""
    for part in PARTS:
        Path("/", part).symlink_to(linux.REFERENCE / part)
    yield
    for part in PARTS:
        Path("/", part).unlink()


def dispatch(port: str) -> None:
    """What the reference's udev rule comes to."""
    libraries = {"LD_LIBRARY_PATH": str(linux.REFERENCE / LIBRARIES)}
    words = ("usb_modeswitch_dispatcher", "--switch-mode", port)
    done = linux.run_command(*words, environment=libraries)
    assert done.returncode == 0, done.stderr


def test_switching_turned_off(plug: Plug, conf: Path, reference: None, udev_rules: Path) -> None:
    """What comes by itself is left alone, by both, as the same file says."""
    conf.write_text("DisableSwitching=1\n")
    udev_rules.write_text(linux.pymodeswitch("rules").stdout)
    linux.reload_rules()
    stick = plug()
    linux.settle()
    devnum = linux.devnum(stick.port)
    for line in ("DisableSwitching=1", "DisableSwitching = YES"):
        conf.write_text(f"{line}\n")
        dispatch(stick.port)
        done = linux.pymodeswitch("--port", stick.port)
        assert (done.returncode, done.stdout) == (17, "")
        assert f"turned off by {conf}" in done.stderr
    assert linux.pymodeswitch("scan").returncode == 17
    assert is_untouched(stick, devnum)
    assert EJECT not in stick.written()
    conf.write_text("DisableSwitching=0\n")
    dispatch(stick.port)
    linux.wait_for("the modem", lambda: linux.usb_id(stick.port) == "19d2:1203")


def test_a_stick_that_is_named_is_switched(plug: Plug, conf: Path) -> None:
    conf.write_text("DisableSwitching=1\n")
    stick = plug()
    done = linux.pymodeswitch("19d2:1201")
    assert done.returncode == 0, done.stderr
    assert linux.usb_id(stick.port) == "19d2:1203"


def test_a_mask(plug: Plug, udev_rules: Path) -> None:
    """No rule, no switch, and the reason is told."""
    OWN_FILES.mkdir()
    mask = OWN_FILES / "19d2:1201"
    try:
        mask.symlink_to(os.devnull)
        rules = linux.pymodeswitch("rules").stdout
        assert "|1201|" not in next(line for line in rules.splitlines() if '=="19d2"' in line)
        udev_rules.write_text(rules)
        linux.reload_rules()
        stick = plug()
        linux.settle()
        done = linux.pymodeswitch("19d2:1201")
        assert done.returncode == 5
        assert f"19d2:1201 is masked by {mask}, a link to /dev/null" in done.stderr
        assert linux.usb_id(stick.port) == "19d2:1201"
        assert EJECT not in stick.written()
    finally:
        shutil.rmtree(OWN_FILES)


def test_the_archive_of_the_reference(plug: Plug, reference: None) -> None:
    """Debian's data as it is installed: the files that come with us are newer, and count before the archive."""
    stick = plug()
    done = linux.pymodeswitch("19d2:1201", "--json")
    assert done.returncode == 0, done.stderr
    ours = Path(json.loads(done.stdout)["entry"]["path"])
    assert ours.name == "19d2-1201"
    linux.says_ok(stick.port)
    sources = json.loads(linux.pymodeswitch("list", "--sources", "--json").stdout)["sources"]
    packed = next(source for source in sources if source["is_archive"])
    hidden = {file["name"]: file["by"] for file in packed["files"]}
    assert hidden["19d2-1201"] == str(ours)
    assert all(hidden.values())  # each ID of it is one of ours
