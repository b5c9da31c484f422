"""Folders and archives of device files, and their order."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from pymodeswitch import DeviceFileError, UsbId
from pymodeswitch.catalog import archive, sources
from pymodeswitch.catalog.catalog import Catalog, read_entry
from pymodeswitch.catalog.precedence import sources_with_files
from pymodeswitch.catalog.sources import (
    Folder,
    Packed,
    default_folders,
    pack_folders,
    shipped_folder,
    sources_in_order,
)
from pymodeswitch.device_files.syntax import MAX_DEVICE_FILE_BYTES
from tests.catalog.test_archive import packed

EJECT = b"StandardEject=1\n"


def test_the_order_of_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()  # conftest.py hides the system's folders
    assert f"{sys.prefix}/share/pymodeswitch/packs" == sources.PACKS_INDEX
    index = tmp_path / "packs"
    index.write_text("/opt/pack\n")
    monkeypatch.setattr(sources, "PACKS_INDEX", str(index))
    assert default_folders(["/x", "/run/usb_modeswitch.d"]) == (
        "/x",
        "/run/usb_modeswitch.d",
        "/etc/pymodeswitch.d",
        "/etc/usb_modeswitch.d",
        "/run/pymodeswitch.d",
        "/usr/local/share/pymodeswitch",
        "/usr/share/pymodeswitch",
        "/opt/pack",
        shipped_folder(),
        "/usr/local/share/usb_modeswitch",
        "/usr/share/usb_modeswitch",
    )


@pytest.mark.parametrize(
    ("text", "folders"),
    [
        (b"", ()),
        (b"# by a refresh\n\n/a b\n/b\nc\n../d\n", ("/a b", "/b")),
        (b"/caf\xe9\n", (os.fsdecode(b"/caf\xe9"),)),
    ],
)
def test_index_of_packs(
    text: bytes, folders: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pack_folders() == ()
    index = tmp_path / "packs"
    index.write_bytes(text)
    monkeypatch.setattr(sources, "PACKS_INDEX", str(index))
    assert pack_folders() == folders


def test_an_index_that_cannot_be_read_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sources, "PACKS_INDEX", str(tmp_path))
    assert pack_folders() == ()
    assert f"{tmp_path}: cannot be read: Is a directory" in caplog.text


def test_a_folder_that_is_not_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "none", tmp_path / "file"):
        folder = Folder(str(path))
        assert (folder.names(), folder.missing, folder.problem) == ([], True, "")
    assert not caplog.text


def test_a_folder_that_cannot_be_listed(caplog: pytest.LogCaptureFixture) -> None:
    folder = Folder("/a\0b")
    assert (folder.names(), folder.missing) == ([], False)
    assert folder.problem.startswith("cannot be read: ")
    assert folder.problem in caplog.text


def test_what_is_a_mask(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "file").write_bytes(EJECT)
    (tmp_path / "null").symlink_to("/dev/null")
    (tmp_path / "link").symlink_to(tmp_path / "null")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "broken").symlink_to("/nonexistent")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    folder = Folder(str(tmp_path))
    masks = {name: folder.mask(name) for name in folder.names() if folder.mask(name)}
    assert masks == {
        "empty": "an empty file",
        "null": "a link to /dev/null",
        "link": "a link to /dev/null",
    }


def test_a_folder_is_listed_again_when_something_came_or_went(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "d"
    path.mkdir()
    monkeypatch.setattr(sources, "SETTLED_S", -1)  # as if it had been changed long ago
    one = Folder(str(path))
    assert one.afresh() is not one, "never listed"
    assert one.names() == []
    assert one.afresh() is one
    (path / "1111-2222").write_bytes(EJECT)
    two = one.afresh()
    assert (two.names(), two.afresh()) == (["1111-2222"], two)
    (path / "configPack.tar.gz").write_bytes(b"")
    three = two.afresh()
    inside = three.packed()
    assert inside is not None
    assert inside.names() == []
    assert three.afresh() is three
    (path / "configPack.tar.gz").write_bytes(b"another one")
    assert three.afresh() is not three, "the archive has been written over"
    shutil.rmtree(path)
    gone = two.afresh()
    assert (gone.names(), gone.missing, gone.afresh() is gone) == ([], True, False)


def test_a_folder_that_was_changed_a_moment_ago_is_listed_again(tmp_path: Path) -> None:
    """File systems count time in coarse steps: two changes may have the same."""
    folder = Folder(str(tmp_path))
    folder.names()
    assert folder.afresh() is not folder


def test_an_archive_comes_right_behind_the_folder_it_is_in(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    pack = packed(tmp_path / "a/configPack.tar.gz", {"19d2:1201": EJECT, "1111:2222": b""})
    folders = [Folder(str(tmp_path / name)) for name in "ab"]
    found = list(sources_in_order(folders))
    assert [source.path for source in found] == [folders[0].path, pack, folders[1].path]
    inside = found[1]
    assert sorted(inside.names()) == ["1111:2222", "19d2:1201"]
    assert inside.read("19d2:1201") == EJECT
    assert (inside.mask("19d2:1201"), inside.mask("1111:2222")) == ("", "an empty file")
    with pytest.raises(DeviceFileError, match="has no 3333:4444"):
        inside.read("3333:4444")
    assert next(sources_in_order(folders)).names() == ["configPack.tar.gz"]


def test_a_broken_archive_is_told_and_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "configPack.tar.gz").write_bytes(b"zebra")
    (tmp_path / "19d2-1201").write_bytes(EJECT)
    catalog = Catalog((str(tmp_path), "/nonexistent"))
    assert [c.file_name for c in catalog.all()] == ["19d2-1201"]
    assert catalog.candidates(UsbId(0x1111, 0x2222)) == ()
    assert caplog.text.count("configPack.tar.gz: not a tar.gz") == 1
    inside = Packed(str(tmp_path / "configPack.tar.gz"))
    with pytest.raises(DeviceFileError, match=r"not a tar\.gz"):
        inside.read("19d2-1201")


def test_an_archive_is_opened_only_when_no_folder_before_it_has_decided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "19d2-1201").write_bytes(EJECT)
    pack = packed(tmp_path / "configPack.tar.gz", {"19d2:1201": b"", "05c6:1000": EJECT})
    opened = []
    real = os.open
    monkeypatch.setattr("os.open", lambda path, *rest: opened.append(path) or real(path, *rest))
    catalog = Catalog((str(tmp_path),))
    assert len(catalog.candidates(UsbId(0x19D2, 0x1201))) == 1
    assert [path for path in opened if not path.startswith("/nonexistent")] == []
    (candidate,) = catalog.candidates(UsbId(0x05C6, 0x1000))
    entry = read_entry(candidate)
    assert (entry.path, entry.device_file.standard_eject) == (f"{pack}/05c6:1000", True)
    assert opened[-1:] == [pack]


def test_device_files_have_a_bound(tmp_path: Path) -> None:
    (tmp_path / "19d2-1201").write_bytes(b"#" * 100_000)
    pack = packed(tmp_path / "configPack.tar.gz", {"19d2:1202": b"#" * 100_000})
    assert len(Folder(str(tmp_path)).read("19d2-1201")) == MAX_DEVICE_FILE_BYTES + 1
    assert len(Packed(pack).read("19d2:1202")) == MAX_DEVICE_FILE_BYTES + 1


def test_an_archive_is_unpacked_once_while_it_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes a thousandth of a second on a computer, a tenth on a small board, for each device."""
    monkeypatch.setattr(sources, "SETTLED_S", -1)
    packed(tmp_path / "configPack.tar.gz", {"19d2:1201": EJECT})
    read: list[str] = []
    real = archive.Archive.__init__

    def counted(self: archive.Archive, path: str) -> None:
        read.append(path)
        real(self, path)

    monkeypatch.setattr(archive.Archive, "__init__", counted)
    catalog = Catalog([str(tmp_path)])
    for _ in range(3):
        assert len(catalog.candidates(UsbId(0x19D2, 0x1201))) == 1
        catalog = catalog.afresh()
    assert len(read) == 1


def test_what_a_distribution_has_for_usb_modeswitch_counts_for_unknown_ids(tmp_path: Path) -> None:
    """Debian's modemmanager brings it. A narrower file of ours is not undone by a wider one there."""
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.mkdir()
    theirs.mkdir()
    (ours / "05c6-1000@uMa=Qualcomm,uPr=CDMA").write_bytes(EJECT)
    (ours / "12d1-1f01").write_bytes(EJECT)
    for name in ("05c6:1000", "12d1:1f01", "12d1:1f01:uMa=x", "1209:0001"):
        (theirs / name).write_bytes(EJECT)
    catalog = Catalog([str(ours), str(theirs)], [str(theirs)])
    names = {usb_id: [c.path for c in catalog.candidates(usb_id)] for usb_id in catalog.initial_ids()}
    assert names == {
        UsbId(0x05C6, 0x1000): [f"{ours}/05c6-1000@uMa=Qualcomm,uPr=CDMA"],
        UsbId(0x12D1, 0x1F01): [f"{ours}/12d1-1f01"],
        UsbId(0x1209, 1): [f"{theirs}/1209:0001"],
    }
    (source,) = [source for source in sources_with_files(catalog) if source.is_last]
    assert (len(source.files), source.hidden) == (4, 3)
