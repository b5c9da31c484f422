"""configPack.tar.gz, as it comes and as nobody should make it."""

from __future__ import annotations

import gzip
import io
import sys
import tarfile
from pathlib import Path

import pytest

from pymodeswitch import DeviceFileError
from pymodeswitch.catalog import archive
from pymodeswitch.catalog.archive import Archive

FILES = {"19d2:1201": b"StandardEject=1\n", "05c6:1000:uMa=AnyDATA": b"x" * 1000, "1111:2222": b""}
LONG = f"05c6:1000:uMa={'A' * 120}"


def info(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.type = size, kind
    return member


def packed(
    path: Path, files: dict[str, bytes], form: int = tarfile.USTAR_FORMAT, *others: tarfile.TarInfo
) -> str:
    with tarfile.open(path, "w:gz", format=form) as tar:
        for other in others:
            tar.addfile(other)
        for name, data in files.items():
            tar.addfile(info(name, len(data)), io.BytesIO(data))
    return str(path)


def content(archive: Archive) -> dict[str, bytes]:
    return {name: archive.read(name, 1 << 20) for name in archive.places}


@pytest.mark.parametrize("folder", ["", "./", "usb_modeswitch/", "/a/b/"])
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_files_by_their_names(
    folder: str, form: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = packed(tmp_path / "p", {f"{folder}{name}": data for name, data in FILES.items()}, form)
    monkeypatch.setitem(sys.modules, "tarfile", None)  # the usual archive is read without it
    assert content(Archive(path)) == FILES
    assert Archive(path).read("05c6:1000:uMa=AnyDATA", 10) == b"x" * 10


def test_folders_and_links_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = info("19d2:1202", kind=tarfile.SYMTYPE)
    link.linkname = "/etc/passwd"
    others = (info("d", kind=tarfile.DIRTYPE), link, info("p", kind=tarfile.FIFOTYPE))
    path = packed(tmp_path / "p", FILES, tarfile.GNU_FORMAT, *others)
    monkeypatch.setitem(sys.modules, "tarfile", None)
    assert content(Archive(path)) == FILES


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names(form: int, tmp_path: Path) -> None:
    link = info("19d2:1202", kind=tarfile.SYMTYPE)
    link.linkname = "19d2:1201"
    path = packed(tmp_path / "p", {**FILES, LONG: b"long"}, form, link)
    assert content(Archive(path)) == {**FILES, LONG: b"long"}


def test_the_last_of_equal_names_counts(tmp_path: Path) -> None:
    path = packed(tmp_path / "p", {"a/19d2:1201": b"old", "b/19d2:1201": b"new"})
    assert content(Archive(path)) == {"19d2:1201": b"new"}


def whole() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        tar.addfile(info("19d2:1201", 4), io.BytesIO(b"text"))
    return buffer.getvalue()


HUGE = whole()[:124] + b"77777777777\0" + whole()[136:]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "cannot be read: it is cut off"),
        (b"StandardEject=1", "not a tar.gz"),
        (gzip.compress(whole())[:-20], "cannot be read: it is cut off"),
        (gzip.compress(whole())[:-8] + b"\0" * 8, "not a tar.gz"),  # the CRC is wrong
        (gzip.compress(b"not an archive" * 100), "not a tar.gz"),
        (gzip.compress(HUGE), "not a tar.gz"),
        (gzip.compress(whole()[:400]), "not a tar.gz"),
        (gzip.compress(b"\0" * 200_000), "cannot be read: larger than 0 MiB"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_archive(
    data: bytes, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MAX_UNPACKED", 100_000)
    path = tmp_path / "configPack.tar.gz"
    path.write_bytes(data)
    with pytest.raises(DeviceFileError) as caught:
        Archive(str(path))
    assert str(caught.value).startswith(f"{path}: {message}")


def test_an_archive_without_files(tmp_path: Path) -> None:
    assert content(Archive(packed(tmp_path / "p", {}))) == {}


def test_a_large_file_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_PACKED", 50)
    with pytest.raises(DeviceFileError, match="larger than"):
        Archive(packed(tmp_path / "p", FILES))
