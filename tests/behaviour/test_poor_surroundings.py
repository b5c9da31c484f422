"""Where something is missing or hostile: threads, streams, readable folders, the current folder."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import pymodeswitch
from pymodeswitch import DeviceFileError, Settings
from pymodeswitch.catalog.catalog import default_catalog
from pymodeswitch.catalog.importing import import_device_files
from pymodeswitch.command import cli
from pymodeswitch.doctor.computer import in_time
from pymodeswitch.switching.fleet import Fleet, Outcome, switcher
from pymodeswitch.system.root import Root
from pymodeswitch.usb_modeswitch.options import read_request
from pymodeswitch.virtual import RealClock, VirtualBus, mf691
from tests.switching.test_fleet import QUICK, SafeBackend, SafeHost, summary


@pytest.mark.parametrize("most", [0, 1, 3])
def test_a_fleet_goes_on_with_the_threads_that_there_are(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = VirtualBus(RealClock())
    host = SafeHost(SafeBackend(bus), bus.clock)
    for number in range(1, 8):
        bus.plug(mf691(leave=QUICK), f"1-{number}")
    real, running = threading.Thread.start, []

    def start(thread: threading.Thread) -> None:
        running[:] = [one for one in running if one.is_alive()]
        if len(running) >= most:
            raise RuntimeError("can't start new thread")
        running.append(thread)
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    outcomes: list[Outcome] = []
    fleet = Fleet(host, default_catalog(), switcher(settings=Settings()), outcomes.append, crew=32)
    fleet.run(forever=False)
    assert sorted(summary(outcomes)) == [(f"1-{number}", "switched") for number in range(1, 8)]


def test_the_doctor_looks_without_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    assert in_time(lambda: 7, 1.0) == (True, 7)


def test_a_closed_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(DeviceFileError, match="<stdin>: cannot be read: it is closed"):
        read_request(["-t"])
    command = f"{sys.executable} -m pymodeswitch.usb_modeswitch -t <&-"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60)
    assert (done.returncode, "internal error" in done.stderr) == (1, False)
    assert "<stdin>: cannot be read" in done.stderr


def test_an_unreadable_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Root can read all, so the refusal is played."""

    def refuse(path: object) -> list[str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(DeviceFileError, match="cannot be read: Permission denied"):
        import_device_files(str(tmp_path), str(tmp_path / "to"))
    assert cli.main(["lint", str(tmp_path)]) == 6
    assert capsys.readouterr().err == f"pymodeswitch: {tmp_path}: cannot be read: Permission denied\n"


def test_pipes_and_large_files_below_a_root(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As the list of what is installed, and as rules."""
    listed = tmp_path / "usr/local/lib/pymodeswitch/installed"
    listed.parent.mkdir(parents=True)
    os.mkfifo(listed)
    assert cli.main(["system", "uninstall", "--root", str(tmp_path)]) == 18
    assert "cannot be read: not a regular file" in capsys.readouterr().err
    listed.unlink()
    with open(listed, "wb") as file:
        file.truncate(10 << 30)
    assert cli.main(["system", "uninstall", "--root", str(tmp_path)]) == 18
    assert "larger than 4 MiB" in capsys.readouterr().err
    listed.unlink()
    listed.symlink_to("/dev/null")
    assert Root(str(tmp_path)).read("/usr/local/lib/pymodeswitch/installed") == b""


PACKAGE = str(Path(pymodeswitch.__file__).parents[1])


@pytest.mark.parametrize("module", ["pymodeswitch", "pymodeswitch.usb_modeswitch"])
def test_the_current_folder_is_not_looked_into(module: str, tmp_path: Path) -> None:
    """`python -m` looks there first: a folder of somebody else's has a `usb` of his own."""
    for name in ("usb", "libusb_package", "construct"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('taken over')\n")
    words = ["19d2:1201"] if module == "pymodeswitch" else ["-v", "19d2", "-p", "1201", "-K"]
    done = subprocess.run(
        [sys.executable, "-m", module, *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": PACKAGE},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "taken over" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="it is about root")
def test_root_is_told_of_a_current_folder_that_others_can_change(tmp_path: Path) -> None:
    (tmp_path / "pymodeswitch").symlink_to(f"{PACKAGE}/pymodeswitch")
    (tmp_path / "data").symlink_to(f"{PACKAGE}/data")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}

    def said() -> str:
        words = [sys.executable, "-m", "pymodeswitch", "--version"]
        return subprocess.run(
            words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
        ).stderr

    tmp_path.chmod(0o755)
    assert said() == ""
    tmp_path.chmod(0o777)
    assert "warning: root runs modules of the current folder" in said()
