"""Who can change what root runs: seven ways that were not told before, and more."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pymodeswitch.catalog import sources
from pymodeswitch.planning import settings
from pymodeswitch.system import ownership
from pymodeswitch.system.ownership import Runs, changeable, ownership_warnings, what_root_runs
from pymodeswitch.system.udev_rules import own_command

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to others")
SOMEBODY = 12345


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """An environment below /opt, all of it root's."""
    for folder in ("opt/env/bin", "opt/env/lib/site-packages/pymodeswitch/__pycache__", "etc/files"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("bin/python", "lib/site-packages/pymodeswitch/__main__.py"):
        (tmp_path / "opt/env" / name).write_text("")
    (tmp_path / "opt/env/lib/site-packages/pymodeswitch/__pycache__/x.pyc").write_text("")
    (tmp_path / "etc/files/1111-2222").write_text("")
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return tmp_path


def runs(top: Path) -> Runs:
    package = top / "opt/env/lib/site-packages/pymodeswitch"
    return Runs(
        (str(top / "opt/env/bin/python"), str(package / "__main__.py")),
        (str(package), str(top / "etc/files")),
    )


def told(top: Path) -> list[str]:
    """What is told of it, but for the folders above that the tests themselves are in."""
    return [os.path.relpath(one.path, top) for one in changeable(runs(top)) if str(top) in one.path]


@as_root
def test_a_sound_installation(installed: Path) -> None:
    assert told(installed) == []


WAYS: dict[str, Callable[[Path], object]] = {
    "opt": lambda path: os.chown(path, SOMEBODY, 0),
    "opt/env": lambda path: path.chmod(0o777),
    "opt/env/lib/site-packages": lambda path: path.chmod(0o777),
    "opt/env/lib/site-packages/pymodeswitch/__pycache__": lambda path: path.chmod(0o777),
    "opt/env/lib/site-packages/pymodeswitch/__pycache__/x.pyc": lambda path: path.chmod(0o666),
    "opt/env/lib/site-packages/pymodeswitch/__main__.py": lambda path: path.chmod(0o666),
    "opt/env/bin/python": lambda path: os.chown(path, SOMEBODY, 0),
    "etc/files": lambda path: path.chmod(0o775),
    "etc/files/1111-2222": lambda path: os.chown(path, SOMEBODY, 0),
}


@as_root
@pytest.mark.parametrize("path", WAYS)
def test_each_way(path: str, installed: Path) -> None:
    WAYS[path](installed / path)
    assert told(installed) == [path]


@as_root
def test_links_are_followed_and_their_folders_count(installed: Path) -> None:
    """The interpreter of an environment is a link; who can change what is behind it can change it."""
    python = installed / "opt/env/bin/python"
    behind = installed / "usr/bin/python3.11"
    behind.parent.mkdir(parents=True)
    behind.write_text("")
    python.unlink()
    python.symlink_to("../../../usr/bin/python3")
    (behind.parent / "python3").symlink_to(behind)
    assert told(installed) == []
    behind.parent.chmod(0o777)
    assert told(installed) == ["usr/bin"]
    behind.parent.chmod(0o755)
    os.lchown(python, SOMEBODY, 0)
    assert told(installed) == ["opt/env/bin/python"]


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    changeable(Runs((str(tmp_path / "a/x"),), ()))


@as_root
def test_a_sticky_folder_is_sound_for_what_is_root_s(installed: Path) -> None:
    (installed / "opt").chmod(0o1777)
    assert told(installed) == []


def test_what_root_runs_and_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Interpreter, environment, package, pyusb, settings, device files, what the index lies in."""
    monkeypatch.setattr(sources, "SYSTEM_FOLDERS", ("/etc/pymodeswitch.d",))
    monkeypatch.setattr(settings, "PATH", "/etc/pymodeswitch.conf")
    found = what_root_runs(own_command(), ["/lib/libusb-1.0.so.0"])
    python, main = own_command()[0], own_command()[-1]
    assert {python, main, "/lib/libusb-1.0.so.0", "/etc/pymodeswitch.conf"} <= set(found.paths)
    assert os.path.dirname(os.__file__) in found.paths
    assert {os.path.dirname(main), "/etc/pymodeswitch.d", sources.shipped_folder()} <= set(found.trees)
    assert any(path.endswith("/usb") for path in found.trees)
    assert "/nonexistent" in found.trees, "the folder of the index"
    other = what_root_runs(["/usr/bin/pymodeswitch"])
    assert "/usr/bin/pymodeswitch" in other.paths
    assert os.path.dirname(main) not in other.trees


@as_root
def test_a_few_lines_at_most(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(9):
        file = installed / f"etc/files/1111-000{number}"
        file.write_text("")
        file.chmod(0o666)
    monkeypatch.setattr(ownership, "what_root_runs", lambda command, libraries=(): runs(installed))
    lines = ownership_warnings(["x"])
    assert len(lines) == ownership.MOST_TOLD + 1
    assert lines[0].endswith(
        "1111-0000 can be changed by others than root (all may write), and root runs what is there"
    )
    assert lines[-1] == "4 more files and folders can be changed by others than root"
