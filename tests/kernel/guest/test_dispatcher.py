"""The reference's own dispatcher, with our command in the place of its tool."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel.guest import linux
from tests.kernel.guest.conftest import Plug

EJECT = bytes.fromhex("5553424397654321000000000000061b000000020000000000000000000000")


@pytest.fixture
def in_its_place() -> Iterator[None]:
    """Our command where the dispatcher looks for the reference's, and its data where it looks for them."""
    command, data = Path("/usr/sbin/usb_modeswitch"), Path("/usr/share/usb_modeswitch")
    packed = linux.REFERENCE / "usr/share/usb_modeswitch/configPack.tar.gz"
    data.mkdir()
    shutil.copy(packed, data)
    command.write_text(f'#!/bin/sh\nexec {linux.PYTHON} -I -m pymodeswitch.usb_modeswitch "$@"\n')
    command.chmod(0o755)
    yield
    command.unlink()
    shutil.rmtree(data)


def test_the_dispatcher_of_the_reference_is_content(plug: Plug, in_its_place: None) -> None:
    """It picks the device file from its own data, starts ours, reads `ok:busdev`, and sees the switch."""
    stick = plug()
    done = linux.dispatcher("--switch-mode", stick.port)
    assert done.returncode == 0, done.stderr
    linux.wait_for("the modem", lambda: linux.usb_id(stick.port) == "19d2:1203")
    assert EJECT in stick.written(0x01)
    # Its last step, once it believes that the stick has switched.
    assert linux.attribute(stick.port, "avoid_reset_quirk") == "1"
    linux.says_ok(stick.port)
