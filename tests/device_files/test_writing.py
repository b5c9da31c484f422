"""The one writer: at once or not at all, on the disk before it has its name, never led elsewhere."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from pymodeswitch import DeviceFileError
from pymodeswitch.catalog.importing import import_device_files
from pymodeswitch.device_files.writing import (
    DeviceFileFolder,
    OutputFolder,
    remove,
    write_bytes,
    write_where_named,
)
from pymodeswitch.system.root import Root

TEXT = b"StandardEject=1\n"


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "/etc/x", "a\0b"])
def test_a_path_is_no_name(name: str, tmp_path: Path) -> None:
    with OutputFolder(str(tmp_path / "to")) as folder:
        for write in (lambda: folder.write(name, TEXT), lambda: folder.put(name, TEXT)):
            with pytest.raises(OSError, match="is no name for a file"):
                write()
        with pytest.raises(OSError, match="is no name for a file"):
            folder.remove(name)
        with pytest.raises(OSError, match="is no name for a file"):
            folder.link(name, "x")
    assert list(tmp_path.rglob("*")) == [tmp_path / "to"]


def swapping(name: str, swap: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever owns the folder acts in the moment before a call, the first time."""
    real = getattr(os, name)
    done: list[bool] = []

    def call(*arguments: object, **options: object) -> object:
        if not done:
            done.append(True)
            swap()
        return real(*arguments, **options)

    monkeypatch.setattr(os, name, call)


@pytest.mark.parametrize("call", ["chmod", "fchmod", "fsync", "replace"])
def test_a_link_in_the_place_of_the_part_leads_nowhere(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim, target = tmp_path / "shadow", tmp_path / "to"
    victim.write_text("secret")
    victim.chmod(0o600)
    target.mkdir()

    def swap() -> None:
        for part in target.iterdir():
            part.unlink()
            part.symlink_to(victim)

    swapping(call, swap, monkeypatch)
    with DeviceFileFolder(str(target)) as folder:
        try:
            folder.put("1111-2222", TEXT)
        except DeviceFileError:
            pass
    assert stat.S_IMODE(victim.stat().st_mode) == 0o600
    assert victim.read_text() == "secret"


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_a_link_in_the_place_of_the_folder_leads_nowhere(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere, target, source = tmp_path / "etc", tmp_path / "to", tmp_path / "from"
    for path in (elsewhere, target, source):
        path.mkdir()
    for name in ("1111-2222", "1111-3333"):
        (source / name).write_bytes(TEXT)

    def swap() -> None:
        target.rename(tmp_path / "moved")
        target.symlink_to(elsewhere)

    swapping(call, swap, monkeypatch)
    import_device_files(str(source), str(target))
    assert list(elsewhere.iterdir()) == []
    assert sorted(path.name for path in (tmp_path / "moved").iterdir()) == ["1111-2222", "1111-3333"]


def test_a_link_that_comes_into_an_image_meanwhile_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, outside = tmp_path / "image", tmp_path / "outside"
    (image / "etc/udev").mkdir(parents=True)
    outside.mkdir()
    real = os.path.commonpath

    def check(paths: list[str]) -> str:
        found = real(paths)
        (image / "etc/udev").rmdir()
        (image / "etc/udev").symlink_to(outside)
        return found

    monkeypatch.setattr(os.path, "commonpath", check)
    with pytest.raises(OSError, match="cannot be written"):
        Root(str(image)).write("/etc/udev/x.rules", b"")
    assert list(outside.iterdir()) == []


def test_a_file_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    for name in ("write", "fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, _n=name, _r=real, **o: calls.append(_n) or _r(*a, **o))
    write_bytes(str(tmp_path / "1111-2222"), TEXT)
    assert calls == ["write", "fsync", "replace", "fsync"]
    calls.clear()
    Root(str(tmp_path)).write("/etc/x", TEXT)
    assert calls == ["write", "fsync", "replace", "fsync"]


def test_short_writes_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda file, data: real(file, bytes(data)[:3]))
    write_bytes(str(tmp_path / "x"), TEXT)
    assert (tmp_path / "x").read_bytes() == TEXT


@pytest.mark.parametrize("call", ["write", "fchmod", "fsync", "replace"])
def test_what_cannot_be_written_leaves_all_as_it_was(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "1111-2222"
    path.write_text("old")

    def fail(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = len(os.listdir("/proc/self/fd"))
    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(DeviceFileError, match="cannot be written: No space left on device"):
            write_bytes(str(path), TEXT)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("umask", [0, 0o077])
def test_modes_do_not_depend_on_the_umask(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        write_bytes(str(tmp_path / "a/b/x"), TEXT)
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / path).stat().st_mode) for path in ("a", "a/b", "a/b/x")]
    assert modes == [0o755, 0o755, 0o644]


def test_where_a_user_names_a_device_it_is_written_to(tmp_path: Path) -> None:
    (tmp_path / "to").symlink_to(tmp_path / "file")
    write_where_named(str(tmp_path / "to"), TEXT)
    assert (tmp_path / "file").read_bytes() == TEXT
    write_where_named(os.devnull, TEXT)
    assert not stat.S_ISREG(os.stat(os.devnull).st_mode)


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a link to somebody else")
def test_a_link_of_another_user_is_not_followed(tmp_path: Path) -> None:
    victim, link = tmp_path / "victim", tmp_path / "to.json"
    victim.write_text("secret")
    link.symlink_to(victim)
    os.lchown(link, 12345, 12345)
    with pytest.raises(DeviceFileError, match="a link of another user"):
        write_where_named(str(link), TEXT)
    assert victim.read_text() == "secret"


def test_removing(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("")
    assert remove(str(path))
    assert not remove(str(path))
    with pytest.raises(DeviceFileError, match="cannot be removed"):
        remove(str(tmp_path))
