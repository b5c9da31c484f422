"""The guest without udev."""

from __future__ import annotations

from pathlib import Path

from tests.kernel.guest import linux
from tests.kernel.guest.conftest import Plug


def test_nothing_but_the_kernel(plug: Plug) -> None:
    """No udevd, no systemd; the kernel makes the nodes, and drives the stick."""
    stick = plug()
    names = {path.read_text().strip() for path in Path("/proc").glob("[0-9]*/comm")}
    assert not [name for name in names if "udev" in name or name == "systemd"]
    bus = int(stick.port.partition("-")[0])
    assert Path(f"/dev/bus/usb/{bus:03}/{linux.devnum(stick.port):03}").is_char_device()
