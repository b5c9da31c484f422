"""`pymodeswitch try`: which stick is meant, and what is refused before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

import pymodeswitch
from pymodeswitch.catalog.catalog import Catalog
from pymodeswitch.command import cli
from pymodeswitch.host.linux import LibusbHost
from pymodeswitch.learning import checks, drive
from pymodeswitch.nouns.model import AttachedDevice, StorageUnit
from pymodeswitch.nouns.record import replace
from pymodeswitch.virtual import (
    Mode,
    Stick,
    VirtualBackend,
    VirtualBus,
    message_stick,
    modem_mode,
    storage_mode,
)
from pymodeswitch.virtual.descriptors import HID, Configuration, Identity, Interface
from tests.learning.conftest import try_
from tests.learning.test_try import EJECT, HUAWEI, SOON, Captured, stick

pytestmark = pytest.mark.usefixtures("virtual_host")

# Which stick


def test_which_stick(bus: VirtualBus, capsys: Captured) -> None:
    assert cli.main(["try", "--yes"]) == 3
    bus.plug(Stick([modem_mode(0x19D2, 1)]), "1-3")
    assert cli.main(["try", "--yes"]) == 3
    bus.plug(stick(0x12D1, HUAWEI), "1-1")
    bus.plug(stick(0x12D1, HUAWEI), "1-2")
    assert cli.main(["try", "--yes"]) == 4
    assert cli.main(["try", "--yes", "12d1:9990"]) == 4
    assert cli.main(["try", "--yes", "12d1:9990", "--port", "1-2"]) == 0
    assert cli.main(["try", "--yes", "1234:5678"]) == 3
    capsys.readouterr()


def test_a_modem_and_a_mouse_are_refused(bus: VirtualBus, capsys: Captured) -> None:
    bus.plug(Stick([modem_mode(0x19D2, 1)]), "1-1")
    assert cli.main(["try", "--yes", "--port", "1-1"]) == 7
    other = Identity(1, 2, (Configuration((Interface(0, HID),)),))
    bus.plug(Stick([Mode(other)]), "1-2")
    assert cli.main(["try", "--yes", "--port", "1-2"]) == 7
    uas = Identity(1, 2, (Configuration((Interface(0, 0x08, 0x06, 0x62),)),))
    bus.plug(Stick([Mode(uas)]), "1-4")
    assert cli.main(["try", "--yes", "--port", "1-4"]) == 7
    assert "protocol 0x62" in capsys.readouterr().err


def test_what_others_switch_to_is_refused(bus: VirtualBus, capsys: Captured) -> None:
    """12d1:14ac is a target of several; here it shows storage."""
    bus.plug(Stick([storage_mode(0x19D2, 0x0031)]))
    assert cli.main(["try", "--yes"]) == 25
    assert "switches to: nothing is tried" in capsys.readouterr().err


def test_one_that_has_a_device_file(bus: VirtualBus, capsys: Captured) -> None:
    bus.plug(message_stick(0x19D2, 0x1201, [EJECT], modem_mode(0x19D2, 0x1203), SOON))
    assert cli.main(["try", "--yes"]) == 0
    assert "note: there is a device file for it, 19d2-1201" in capsys.readouterr().err


# What the kernel knows of the drive


class KnownUnits(LibusbHost):
    """The storage driver has made units of the stick."""

    units: tuple[StorageUnit, ...] = ()

    def storage_units(self, device: AttachedDevice) -> tuple[StorageUnit, ...]:
        return self.units


@pytest.fixture
def kernel(
    backend: VirtualBackend, bus: VirtualBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> KnownUnits:
    """Block devices below a folder of the test's own."""
    host = KnownUnits(backend, bus.clock)
    for name in ("BLOCKS", "MOUNTS", "SWAPS"):
        monkeypatch.setattr(drive, name, str(tmp_path / name.lower()))
    monkeypatch.setattr(try_, "default_host", lambda: host)
    return host


def block(tmp_path: Path, name: str, number: str, sectors: int = 0) -> Path:
    folder = tmp_path / "blocks" / name
    folder.mkdir(parents=True)
    (folder / "dev").write_text(f"{number}\n")
    (folder / "size").write_text(f"{sectors}\n")
    return folder


def test_a_disk_by_the_kernel(
    kernel: KnownUnits,
    backend: VirtualBackend,
    bus: VirtualBus,
    tmp_path: Path,
    capsys: Captured,
) -> None:
    bus.plug(stick(0x12D1, HUAWEI))
    kernel.units = (StorageUnit(0, 0, (("sg0", "21:0"), ("sda", "8:0"))),)
    block(tmp_path, "sda", "8:0", 1 << 25)
    assert cli.main(["try", "--yes"]) == 25
    assert "a disk of 17.2 GB" in capsys.readouterr().err
    assert backend.transfers == []


@pytest.mark.parametrize("used", ["mount", "partition", "swap", "holder"])
def test_what_is_in_use_is_refused_whatever_the_user_says(
    used: str, kernel: KnownUnits, bus: VirtualBus, tmp_path: Path, capsys: Captured
) -> None:
    bus.plug(stick(0x12D1, HUAWEI))
    kernel.units = (StorageUnit(0, 0, (("sr0", "11:0"), ("sda", "8:0"))),)
    block(tmp_path, "sr0", "11:0", 1000)
    block(tmp_path, "sda", "8:0", 1000)
    block(tmp_path, "sda/sda1", "8:1", 1000)
    block(tmp_path, "sda1", "8:1", 1000)
    mounts = {
        "mount": "36 35 11:0 / /media/cd ro - iso9660 /dev/sr0 ro",
        "partition": "36 35 8:1 / /mnt x - y z z",
    }
    (tmp_path / "mounts").write_text(mounts.get(used, "1 2 8:17 / /x y - z z z") + "\n")
    (tmp_path / "swaps").write_text(
        f"Filename Type\n/dev/{'sda1' if used == 'swap' else 'sdx'} partition 1 0 -2\n"
    )
    if used == "holder":
        (tmp_path / "blocks/sda/holders").mkdir()
        (tmp_path / "blocks/sda/holders/dm-0").touch()
    assert cli.main(["try", "--yes", "--yes-really"]) == 25
    assert "is in use: /dev/s" in capsys.readouterr().err


def test_the_storage_driver_is_waited_for(
    kernel: KnownUnits, bus: VirtualBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It scans a second after the plug: before that nobody can tell what the stick is."""
    bus.plug(stick(0x12D1, HUAWEI))
    block(tmp_path, "sda", "8:0", 1 << 25)
    late = (StorageUnit(0, 0, (("sda", "8:0"),)),)
    monkeypatch.setattr(
        KnownUnits, "storage_units", lambda self, device: late if bus.clock.now() > 3 else ()
    )
    device = kernel.devices()[0]
    bound = replace(device, interfaces=tuple(replace(i, driver="usb-storage") for i in device.interfaces))
    with pytest.raises(pymodeswitch.ModeSwitchError, match="looks like a real drive"):
        checks.check(kernel, Catalog(()), bound, really=False, ask=False)
    assert bus.clock.now() > 3
