"""The search for devices: what a word is compared with."""

from __future__ import annotations

from pathlib import Path

import pytest

from pymodeswitch.catalog.catalog import Catalog
from pymodeswitch.catalog.makers import MAKERS, maker
from pymodeswitch.catalog.sources import shipped_folder
from pymodeswitch.catalog.supported import SupportedDevice, supported_devices, table


def catalog(folder: Path, **files: str) -> Catalog:
    for name, text in files.items():
        (folder / name.replace("_", "-")).write_text(text)
    return Catalog((str(folder),))


@pytest.fixture
def device(tmp_path: Path) -> SupportedDevice:
    files = catalog(tmp_path, **{"19d2_1201": "# Rocket 2.0\nTargetProduct=0x1203\nStandardEject=1\n"})
    return next(supported_devices(files))


@pytest.mark.parametrize("words", ["zte", "ROCKET 2.0", "19d2:12", "19d2-1201", "0x19D2", "1201 eject", ""])
def test_fits(words: str, device: SupportedDevice) -> None:
    assert device.fits(words.split())


@pytest.mark.parametrize("words", ["huawei", "zte huawei", "1203", "2011"])
def test_does_not_fit(words: str, device: SupportedDevice) -> None:
    assert not device.fits(words.split())


def test_modes_are_searched(tmp_path: Path) -> None:
    text = "# Brovi\n#mode modem\nHuaweiAltMode=1\n#mode network\n#HuaweiNewMode=1\n"
    (device,) = supported_devices(catalog(tmp_path, **{"3566_2001": text}))
    assert device.modes == ("modem", "network")
    assert device.fits(["network"])


def test_in_order_without_what_cannot_be_read(tmp_path: Path) -> None:
    eject = "StandardEject=1\n"
    files = catalog(tmp_path, **{"19d2_1201": eject, "0fce_0001": eject, "0fce_0002": 'MessageContent="5"'})
    assert [str(device.entry.id) for device in supported_devices(files)] == ["0fce:0001", "19d2:1201"]


def test_table(tmp_path: Path) -> None:
    files = catalog(
        tmp_path, **{"19d2_1201": "# Rocket\nStandardEject=1\n", "fffe_0001": "HuaweiNewMode=1\n"}
    )
    assert table(list(supported_devices(files))) == [
        "ID         MAKER  METHOD         PRODUCT",
        "19d2:1201  ZTE    StandardEject  Rocket",
        "fffe:0001  -      HuaweiNewMode  -",
    ]


def test_a_device_that_no_plan_can_be_made_for_is_shown(tmp_path: Path) -> None:
    files = catalog(tmp_path, **{"19d2_1201": "# Nothing to send\nTargetClass=0xff\n"})
    (device,) = supported_devices(files)
    assert device.method == ""


def test_makers_are_those_of_the_device_files() -> None:
    vendors = {usb_id.vendor for usb_id in Catalog((shipped_folder(),)).initial_ids()}
    assert set(MAKERS) <= vendors
    assert len(set(MAKERS)) > len(vendors) / 2
    assert all(name == name.strip() and name for name in MAKERS.values())
    assert (maker(0x12D1), maker(0xFFFF)) == ("Huawei", "")
