"""The reference tool on the very stick that ours has to switch: this is what proves the rig."""

from __future__ import annotations

from pathlib import Path

from pymodeswitch.virtual import mf691
from tests.kernel.guest import linux
from tests.kernel.guest.conftest import Plug
from tests.kernel.guest.linux import EJECT


def test_the_kernel_believes_the_stick(plug: Plug) -> None:
    """Enumerated, driven by usb-storage, scanned, and a node is there."""
    stick = plug()
    linux.wait_for(
        "a block device", lambda: list(linux.DEVICES.glob(f"{stick.port}:1.0/host*/target*/*/block/sr*"))
    )
    linux.settle()
    assert linux.usb_id(stick.port) == "19d2:1201"
    assert linux.attribute(stick.port, "manufacturer") == "ZTE, Incorporated"
    assert "19d2:1201" in linux.run_command("lsusb").stdout
    inquiry = [data for data in stick.written(0x01) if data[15] == 0x12]
    assert inquiry, "the storage driver sent no INQUIRY"
    assert EJECT not in stick.written(0x01)


def test_reference_switches(plug: Plug) -> None:
    """A new device number and ID on the same port, by the recorded message; both serial ports answer."""
    stick = plug()
    before = linux.devnum(stick.port)
    done = linux.usb_modeswitch("-v", "19d2", "-p", "1201", "-V", "19d2", "-P", "1203", "-K")
    assert done.returncode == 0, done.stderr
    linux.wait_for("the modem", lambda: linux.usb_id(stick.port) == "19d2:1203")
    assert linux.devnum(stick.port) != before
    assert stick.stay == 1
    assert EJECT in stick.written(0x01)
    assert linux.says_ok(stick.port) == [Path("/dev/ttyACM0"), Path("/dev/ttyACM1")]
    assert linux.driver(stick.port, 0) == linux.driver(stick.port, 2) == "cdc_acm"


def test_reference_cannot_switch_a_deaf_stick(plug: Plug) -> None:
    """The same messages on a stick that ignores them change nothing: the rig does not switch by itself."""
    stick = plug(mf691(leave=None))
    before = linux.devnum(stick.port)
    linux.usb_modeswitch("-v", "19d2", "-p", "1201", "-V", "19d2", "-P", "1203", "-K")
    assert EJECT in stick.written(0x01)
    assert linux.usb_id(stick.port) == "19d2:1201"
    assert linux.devnum(stick.port) == before
    assert stick.stay == 0
