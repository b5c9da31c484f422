"""udev and systemd, as scripts that write down how they were called."""

from __future__ import annotations

from pathlib import Path

import pytest

from pymodeswitch.system import daemons
from pymodeswitch.system.udev_rules import own_command


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Both run, and both can be told."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (tmp_path / "control").touch()
    monkeypatch.setattr(daemons, "ADMIN_PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(daemons, "UDEV_RUNS", str(tmp_path / "control"))
    monkeypatch.setattr(daemons, "SYSTEMD_RUNS", str(tmp_path))
    for name in ("udevadm", "systemctl"):
        script(folder / name, f'echo {name} "$@" >>{tmp_path}/calls')
    return folder


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_both_are_told(bin_folder: Path, tmp_path: Path) -> None:
    assert daemons.reload() == []
    assert (tmp_path / "calls").read_text() == "udevadm control --reload\nsystemctl daemon-reload\n"


def test_neither_runs(bin_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemons, "UDEV_RUNS", "/nonexistent")
    monkeypatch.setattr(daemons, "SYSTEMD_RUNS", "/nonexistent")
    assert not daemons.udev_runs()
    assert daemons.reload() == []
    assert not (tmp_path / "calls").exists()


def test_what_they_complain_of_is_told(bin_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(bin_folder / "udevadm", "echo first >&2; echo 'Failed: no such thing' >&2; exit 1")
    script(bin_folder / "systemctl", "exit 3")
    udev, systemd = daemons.reload()
    assert udev == "udev could not be told to do `udevadm control --reload`: Failed: no such thing"
    assert systemd == "systemd could not be told to do `systemctl daemon-reload`: exit code 3"
    monkeypatch.setattr(daemons, "ADMIN_PATH", "/nonexistent")
    assert "there is no udevadm" in daemons.reload()[0]


def test_one_that_hangs(bin_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemons, "PATIENCE_S", 0.2)
    script(bin_folder / "udevadm", "exec sleep 60")
    assert "timed out after 0.2 seconds" in daemons.reload()[0]


def test_this_python_can_be_started() -> None:
    assert daemons.start_problem(own_command()) == ""


def test_what_cannot_be_started(tmp_path: Path) -> None:
    assert daemons.start_problem([f"{tmp_path}/none"]).startswith(f"`{tmp_path}/none` cannot be started: ")
    script(tmp_path / "python", "echo 'No module named pymodeswitch' >&2; exit 1")
    assert daemons.start_problem([f"{tmp_path}/python", "-m", "pymodeswitch"]) == (
        f"`{tmp_path}/python -m pymodeswitch` cannot be started: No module named pymodeswitch"
    )


def test_a_user_s_settings_do_not_help(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_PATH", "x")
    script(tmp_path / "program", 'test -n "$SECRET_PATH"')
    assert daemons.start_problem([str(tmp_path / "program")])
