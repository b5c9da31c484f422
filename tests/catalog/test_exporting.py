"""The catalogue in the forms of other programs, and back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pymodeswitch import DeviceFileError
from pymodeswitch.catalog.catalog import Catalog
from pymodeswitch.catalog.exporting import export_classic, export_openwrt
from pymodeswitch.catalog.importing import import_device_files
from pymodeswitch.catalog.sources import shipped_folder

SHIPPED = Catalog((shipped_folder(),))


def test_classic_round_trip_of_all_shipped_entries(tmp_path: Path) -> None:
    """Names with colons, every byte back; what usb_modeswitch will not heed is told."""
    done = export_classic(SHIPPED, str(tmp_path / "usb_modeswitch.d"))
    names = {path.name for path in (tmp_path / "usb_modeswitch.d").iterdir()}
    assert done.written == len(names) == len(list(SHIPPED.all()))
    assert {"19d2:1201", "05c6:1000:uMa=AnyDATA", "1111:1111:sVe=LGX"} <= names
    expected = []
    for entry in sorted(SHIPPED.entries(), key=lambda entry: entry.name):
        if entry.device_file.target_id_list:
            expected.append(f"{entry.name}: usb_modeswitch ignores TargetIdList")
        ways = (way.mode for way in entry.device_file.modes)
        expected += [
            f"{entry.name}: usb_modeswitch ignores the other way of switching, {way}" for way in ways
        ]
    assert list(done.losses) == expected
    assert len(expected) > 4
    back = import_device_files(str(tmp_path / "usb_modeswitch.d"), str(tmp_path / "back"))
    assert back.errors == done.errors == ()
    for path in Path(shipped_folder()).iterdir():
        assert (tmp_path / "back" / path.name).read_bytes() == path.read_bytes()
    assert len(back.written) == len(list(Path(shipped_folder()).iterdir()))


def test_keys_of_ours(tmp_path: Path) -> None:
    """usb_modeswitch gets them, and does without."""
    (tmp_path / "19d2-1201").write_text("StandardEject=1\nThroughDriver=1\n")
    done = export_classic(Catalog((str(tmp_path),)), str(tmp_path / "to"))
    assert done.losses == ("19d2-1201: usb_modeswitch ignores ThroughDriver",)
    assert "ThroughDriver=1" in (tmp_path / "to/19d2:1201").read_text()


def test_the_reference_reads_no_more_than_50_lines(tmp_path: Path) -> None:
    """Its limits, which none of ours reaches."""
    export_classic(SHIPPED, str(tmp_path))
    paths = list(tmp_path.iterdir())
    assert len(paths) == len(list(SHIPPED.all())) + len(SHIPPED.fallback_vendors())
    for path in paths:
        lines = path.read_text().splitlines()
        assert len(lines) <= 50
        assert max(map(len, lines)) < 1024


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A catalogue with a fallback, a bad file, a mask, and two files of the same name."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    (first / "19d2-1201").write_text("# mine\nStandardEject=1\n")
    (second / "19d2:1201").write_text("HuaweiMode=1\n")
    (second / "12d1:#linux").write_text("HuaweiNewMode=1\n")
    (second / "1111:2222").write_text("MessageContent=xyz\n")
    (first / "1111-3333").write_text("")
    (second / "1111:3333").write_text("HuaweiMode=1\n")
    return tmp_path


def test_what_counts_is_what_the_catalogue_chooses(folder: Path) -> None:
    catalog = Catalog((str(folder / "first"), str(folder / "second")))
    done = export_classic(catalog, str(folder / "out"))
    assert {path.name: path.read_text() for path in (folder / "out").iterdir()} == {
        "19d2:1201": "# mine\nStandardEject=1\n",
        "12d1:#linux": "HuaweiNewMode=1\n",
    }
    assert (done.written, done.losses) == (2, ())
    (error,) = done.errors
    assert "second/1111:2222:1:16: MessageContent" in error
    done = export_openwrt(catalog, str(folder / "usb-mode.json"))
    assert list(json.loads((folder / "usb-mode.json").read_text())["devices"]) == ["19d2:1201"]
    assert (done.written, done.errors) == (1, (error,))
    assert done.losses == (
        "the names and sources of all 1 entries are left out",
        "12d1-#linux: left out: usbmode has no fallbacks",
    )


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    export_classic(Catalog(()), str(tmp_path / "empty.json"))
    with pytest.raises(DeviceFileError, match="no device file in it"):
        import_device_files(str(tmp_path / "empty.json"), str(tmp_path / "out"))


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for export in (export_classic, export_openwrt):
        with pytest.raises(DeviceFileError, match="cannot be written"):
            export(SHIPPED, str(tmp_path / "file" / "below"))
