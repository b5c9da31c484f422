"""Large folders are not listed to find one file, as long as the index knows them as they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pymodeswitch import DeviceFileError, UsbId, large
from pymodeswitch.catalog.catalog import Catalog
from pymodeswitch.large import LargeFolders, refresh_large
from tests.catalog.test_archive import packed

ANY = UsbId(0x05C6, 0x1000)
EJECT = "StandardEject=1\n"
ODD = ["05C6-1000@uMa=B", "05c6:1000:uMa=A", "12D1-1F01", "0BDA-#linux"]


@pytest.fixture(autouse=True)
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "share/pymodeswitch/large-folders"
    monkeypatch.setattr(large, "INDEX", str(path))
    monkeypatch.setattr(large, "LARGE", 5)
    monkeypatch.setattr(large, "SETTLED_S", 0.02)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A large one."""
    path = tmp_path / "d"
    path.mkdir()
    for name in ("05c6-1000", "05c6:1001", "05c6-#linux", "README", *ODD):
        (path / name).write_text(EJECT)
    return path


def names(folder: Path, usb_id: UsbId = ANY) -> list[str]:
    return [candidate.file_name for candidate in Catalog((str(folder),)).candidates(usb_id)]


def forbid_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    def listdir(path: str) -> list[str]:
        raise AssertionError(f"{path} was listed")

    monkeypatch.setattr("os.listdir", listdir)


def test_what_is_found_is_the_same_and_nothing_is_listed(
    folder: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [ANY, UsbId(0x05C6, 0x1001), UsbId(0x05C6, 0x1002), UsbId(0x12D1, 0x1F01), UsbId(1, 2)]
    before = [names(folder, usb_id) for usb_id in ids]
    assert before[0] == ["05C6-1000@uMa=B", "05c6:1000:uMa=A", "05c6-1000"]
    assert before[1:] == [["05c6:1001"], ["05c6-#linux"], ["12D1-1F01"], []]
    assert refresh_large([str(folder), "/nonexistent"]) == (str(folder),)
    assert index.read_text().splitlines()[1].split("\t")[2:] == sorted(ODD)
    forbid_listing(monkeypatch)
    assert [names(folder, usb_id) for usb_id in ids] == before


def test_a_folder_that_has_changed_is_listed(folder: Path) -> None:
    refresh_large([str(folder)])
    (folder / "05c6-1000@uMa=C").write_text(EJECT)
    assert names(folder)[0] == "05c6-1000@uMa=C"
    refresh_large([str(folder)])
    (folder / "05c6-1000@uMa=C").unlink()
    assert names(folder)[0] == "05C6-1000@uMa=B"
    for path in list(folder.iterdir()):
        path.unlink()
    folder.rmdir()
    assert names(folder) == []


def test_an_archive_in_a_large_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed(folder / "configPack.tar.gz", {"1111:2222": EJECT.encode()})
    refresh_large([str(folder)])
    forbid_listing(monkeypatch)
    assert names(folder, UsbId(0x1111, 0x2222)) == ["1111:2222"]


def test_small_folders_are_not_noted(folder: Path, index: Path, tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    assert refresh_large([str(tmp_path / "small")]) == ()
    assert not index.exists()
    refresh_large([str(folder)])
    assert index.exists()
    assert refresh_large([str(tmp_path / "small")]) == ()
    assert not index.exists()


def test_a_folder_that_was_changed_just_now_is_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another change may have the same time: a file system's clock ticks slowly."""
    slept: list[float] = []
    monkeypatch.setattr(large, "SETTLED_S", 2.0)
    monkeypatch.setattr("time.sleep", slept.append)
    refresh_large([str(folder)])
    assert 0 < slept[0] <= 2
    monkeypatch.setattr("time.time", lambda: os.stat(folder).st_ctime + 3)
    refresh_large([str(folder)])
    assert slept[1:] == [0]
    monkeypatch.setattr("time.sleep", lambda seconds: (folder / "05c6-1000@uMa=Z").write_text(EJECT))
    assert refresh_large([str(folder)]) == ()


@pytest.mark.parametrize("text", ["", "# x", "{folder}\n", "{folder}\t1\n", "{folder}\t{now}\tcut of"])
def test_an_index_that_says_nothing_of_the_folder(text: str, folder: Path, index: Path) -> None:
    index.parent.mkdir(parents=True)
    index.write_text(text.format(folder=folder, now=os.stat(folder).st_ctime_ns))
    assert LargeFolders().odd_names(str(folder)) is None


def test_an_index_that_cannot_be_read_or_written(
    folder: Path, index: Path, caplog: pytest.LogCaptureFixture
) -> None:
    index.mkdir(parents=True)
    assert len(names(folder)) == 3
    assert "large-folders: cannot be read: Is a directory" in caplog.text
    with pytest.raises(DeviceFileError, match="large-folders: cannot be written: Is a directory"):
        refresh_large([str(folder)])
    with pytest.raises(DeviceFileError, match="large-folders: cannot be removed: "):
        refresh_large([])


def test_a_relative_path_is_the_same_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    refresh_large(["d"])
    assert LargeFolders().odd_names("d") == LargeFolders().odd_names(str(folder)) == sorted(ODD)
