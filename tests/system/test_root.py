"""Files below a root: whole or not at all, never through a link, never outside."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pymodeswitch import InstallationError
from pymodeswitch.system.root import Root

PATH = "/etc/some/file"


@pytest.fixture
def root(tmp_path: Path) -> Root:
    (tmp_path / "root").mkdir()
    return Root(str(tmp_path / "root"))


def mode(path: str) -> int:
    return os.stat(path).st_mode & 0o777


def test_written_for_all_to_read_whatever_the_umask(root: Root) -> None:
    before = os.umask(0o077)
    try:
        root.write(PATH, b"text")
    finally:
        os.umask(before)
    assert root.read(PATH) == b"text"
    assert mode(root.at(PATH)) == 0o644
    assert mode(root.at("/etc/some")) == mode(root.at("/etc")) == 0o755
    assert root.names("/etc/some") == ["file"], "nothing is left beside it"


def test_a_link_is_replaced_and_what_it_leads_to_left_alone(root: Root, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("other")
    (tmp_path / "root/etc/some").mkdir(parents=True)
    os.symlink(other, root.at(PATH))
    root.write(PATH, b"text")
    assert not root.is_link(PATH)
    assert root.read(PATH) == b"text"
    assert other.read_text() == "other"


def test_links(root: Root) -> None:
    root.link(PATH, "/somewhere")
    root.link(PATH, "/somewhere/else")
    assert root.link_target(PATH) == "/somewhere/else"
    assert root.exists(PATH)
    assert root.read(PATH) is None
    assert root.names("/etc/some") == ["file"]
    root.remove(PATH)
    assert not root.exists(PATH)
    assert root.link_target(PATH) is None


@pytest.mark.parametrize(
    "change", [lambda r: r.write(PATH, b"x"), lambda r: r.link(PATH, "/x"), lambda r: r.remove(PATH)]
)
def test_a_folder_that_leads_outside_is_left_alone(
    change: Callable[[Root], None], root: Root, tmp_path: Path
) -> None:
    (tmp_path / "outside/some").mkdir(parents=True)
    (tmp_path / "outside/some/file").write_text("precious")
    os.symlink(tmp_path / "outside", tmp_path / "root/etc")
    with pytest.raises(InstallationError, match=f"etc/some/file: leads out of {root.folder}, to .*outside"):
        change(root)
    assert (tmp_path / "outside/some/file").read_text() == "precious"


def test_a_folder_that_is_a_link_inside_is_fine(root: Root) -> None:
    root.write("/usr/lib/x", b"1")
    os.symlink("usr/lib", root.at("/lib"))
    root.write("/lib/y", b"2")
    assert root.read("/usr/lib/y") == b"2"
    assert root.same_folder("/lib", "/usr/lib")
    assert not root.same_folder("/lib", "/usr")


def test_a_file_where_a_folder_should_be(root: Root) -> None:
    root.write("/etc", b"")
    with pytest.raises(InstallationError, match="etc/some/file: cannot be written: ") as caught:
        root.write(PATH, b"x")
    assert "\n" not in str(caught.value)
    assert root.read(PATH) is None
    assert root.names(PATH) == []


def test_a_folder_where_a_file_should_be(root: Root) -> None:
    root.write(f"{PATH}/below", b"")
    with pytest.raises(InstallationError, match="cannot be written: Is a directory"):
        root.write(PATH, b"x")
    with pytest.raises(InstallationError, match="cannot be read: Is a directory"):
        root.read(PATH)
    assert root.names("/etc/some") == ["file"]


def test_not_permitted(root: Root) -> None:
    """As nobody, whatever this test runs as: one line, and what to do."""
    os.mkdir(root.at("/closed"), 0)
    os.chmod(root.folder, 0o555)
    code = (
        "import os, sys\n"
        "from pymodeswitch.system.root import Root\n"
        "root = Root(sys.argv[1])\n"
        "os.geteuid() or os.setuid(65534)\n"
        "for look in (lambda: root.write('/file', b''), lambda: root.names('/closed')):\n"
        "    try: look()\n"
        "    except Exception as error: print(type(error).__name__, error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, root.folder], capture_output=True, text=True, timeout=60
    )
    os.chmod(root.folder, 0o755)
    os.chmod(root.at("/closed"), 0o755)
    first, second = done.stdout.splitlines()
    assert first == (
        f"InstallationError {root.folder}/file: cannot be written: Permission denied (run this as root)"
    )
    assert second == f"InstallationError {root.folder}/closed: cannot be read: Permission denied"


def test_an_interrupted_write_leaves_nothing(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    root.write(PATH, b"old")

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fchmod", fails)
    with pytest.raises(InstallationError, match=r"cannot be written: No space left on device$"):
        root.write(PATH, b"new")
    assert root.read(PATH) == b"old"
    assert root.names("/etc/some") == ["file"]


@pytest.mark.parametrize(("user", "hint"), [(0, ""), (1000, r" \(run this as root\)")])
def test_only_others_than_root_are_told_to_be_root(
    user: int, hint: str, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root meets read-only files, too."""

    def fails(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(os, "fchmod", fails)
    with pytest.raises(InstallationError, match=f"cannot be written: Operation not permitted{hint}$"):
        root.write(PATH, b"x")


def test_this_system() -> None:
    assert Root("/").is_this_system
    assert Root().is_this_system
    assert not Root("/etc").is_this_system
