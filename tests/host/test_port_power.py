"""What sysfs tells of a command under way, and the switch of a port, in a folder that looks like sysfs."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import threading
import time
from pathlib import Path

import pytest

from pymodeswitch import AttachedDevice, Port
from pymodeswitch.host import port_power as hang_module
from pymodeswitch.host.linux import LibusbHost, LinuxHost
from pymodeswitch.host.port_power import SCRIPT, cut_off, switch_off_and_on
from pymodeswitch.virtual import VirtualBackend, VirtualBus, mf691
from tests.host.test_sysfs import bind, put


@pytest.fixture
def root(tmp_path: Path) -> Path:
    put(tmp_path, "1-1", mf691().modes[0].identity)
    bind(tmp_path, "1-1:1.0", "usb-storage")
    return tmp_path


def scsi_host(root: Path, busy: str, state: str = "running") -> Path:
    """A SCSI host of the stick; returns its folder below the interface."""
    folder = root / "bus/usb/devices/1-1:1.0/host3"
    attributes = folder / "scsi_host/host3"
    attributes.mkdir(parents=True, exist_ok=True)
    (attributes / "host_busy").write_text(f"{busy}\n")
    (attributes / "state").write_text(f"{state}\n")
    return folder


def command(root: Path) -> tuple[str, ...] | None:
    host = LinuxHost(str(root))
    device = host.at(Port("1-1"))
    assert device is not None
    return host.storage_command(device)


def test_no_host_yet(root: Path) -> None:
    assert command(root) is None


@pytest.mark.parametrize("state", ["running", "created"])
def test_idle(root: Path, state: str) -> None:
    scsi_host(root, "0", state)
    assert command(root) is None


def test_a_host_that_is_just_leaving(root: Path) -> None:
    """Its folder is there, its attributes are not."""
    (root / "bus/usb/devices/1-1:1.0/host3").mkdir()
    assert command(root) is None


def test_the_first_command_of_the_scan(root: Path) -> None:
    """There is no unit yet that would count; asked twice it is the same."""
    scsi_host(root, "1")
    assert command(root) is not None
    assert command(root) == command(root)


@pytest.mark.parametrize("state", ["recovery", "cancel"])
def test_the_kernel_ends_the_command(root: Path, state: str) -> None:
    scsi_host(root, "0", state)
    assert command(root) is not None


def test_the_next_command_is_another_one(root: Path) -> None:
    unit = scsi_host(root, "1") / "target3:0:0/3:0:0:0"
    unit.mkdir(parents=True)
    (unit / "iodone_cnt").write_text("0x1\n")
    first = command(root)
    assert first is not None
    assert command(root) == first
    (unit / "iodone_cnt").write_text("0x2\n")
    assert command(root) not in (None, first)


# The switch of a port


def with_switch(root: Path) -> Path:
    """The port's folder as the kernel has it, below the hub; returns the switch."""
    port = root / "devices/usb1/1-0:1.0/usb1-port1"
    port.mkdir(parents=True)
    (root / "bus/usb/devices/1-1/port").symlink_to(port)
    switch = port / "disable"
    switch.write_text("0\n")
    return switch


def test_off_and_on(root: Path) -> None:
    """For as long as it is told."""
    switch = with_switch(root)
    before = switch.stat().st_mtime_ns
    started = time.monotonic()
    assert cut_off(str(root), "1-1", off_s=1) is None
    assert time.monotonic() - started >= 1
    assert switch.stat().st_mtime_ns > before
    assert switch.read_text() == "0\n"


def test_both_are_written(root: Path) -> None:
    """A pipe takes the switch's place: off, and then on."""
    switch = with_switch(root)
    switch.unlink()
    os.mkfifo(switch)
    reader = os.open(switch, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert cut_off(str(root), "1-1", off_s=0) is None
        assert os.read(reader, 100) == b"1\n0\n"
    finally:
        os.close(reader)


def test_a_write_that_hangs(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe that nobody reads: opening it waits. It is left alone, and goes on once it can.

    No Ctrl-C reaches it.
    """
    sessions = []

    class Popen(subprocess.Popen[bytes]):
        def wait(self, timeout: float | None = None) -> int:
            sessions.append(os.getsid(self.pid))
            return super().wait(timeout)

    monkeypatch.setattr(hang_module.subprocess, "Popen", Popen)
    switch = with_switch(root)
    switch.unlink()
    os.mkfifo(switch)
    started = time.monotonic()
    why = cut_off(str(root), "1-1", off_s=0, limit_s=0.2)
    assert why == f"{switch}: not done within 0.2 s"
    assert time.monotonic() - started < 5
    assert sessions[0] != os.getsid(0)
    pipe = os.open(switch, os.O_RDWR)
    try:
        written = b""
        while len(written) < 4:
            written += os.read(pipe, 4)
    finally:
        os.close(pipe)
    assert written == b"1\n0\n"


def test_a_kernel_without_the_switch(root: Path) -> None:
    why = cut_off(str(root), "1-1")
    assert why == "this kernel has no switch for the port (`disable`, since Linux 6.0)"


def test_no_permission(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told with the commands; nothing is started."""
    switch = with_switch(root)
    monkeypatch.setattr(hang_module.os, "access", lambda path, mode: (path, mode) != (str(switch), os.W_OK))
    monkeypatch.setattr(hang_module.subprocess, "Popen", None)
    why = cut_off(str(root), "1-1")
    assert why == (
        f"no permission to switch its port (as root: echo 1 > {switch}; sleep 2; echo 0 > {switch})"
    )


def test_the_kernel_refuses(root: Path) -> None:
    """The write fails: the port is not touched again."""
    switch = with_switch(root)
    switch.unlink()
    switch.mkdir()
    assert cut_off(str(root), "1-1", off_s=30) == f"{switch} cannot be written"


def test_no_process_can_be_started(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    switch = with_switch(root)

    def popen(*arguments: object, **options: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(hang_module.subprocess, "Popen", popen)
    assert cut_off(str(root), "1-1") == f"{switch}: Resource temporarily unavailable"


def test_no_thread_can_be_started(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the end of a write that hangs."""
    switch = with_switch(root)
    children = []

    class Child:
        def __init__(self, words: list[str], **options: object) -> None:
            children.append(words)

        def wait(self, timeout: float) -> int:
            raise subprocess.TimeoutExpired("sh", timeout)

    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(hang_module.subprocess, "Popen", Child)
    monkeypatch.setattr(threading.Thread, "start", start)
    assert cut_off(str(root), "1-1", limit_s=0.1) == f"{switch}: not done within 0.1 s"
    assert len(children) == 1


def test_the_hosts(root: Path) -> None:
    """Linux has the switch; through libusb alone nothing is known, and nothing can be done."""
    device = LinuxHost(str(root)).at(Port("1-1"))
    assert isinstance(device, AttachedDevice)
    assert "no switch for the port" in (LinuxHost(str(root)).cut_off(device) or "")
    other = LibusbHost(VirtualBackend(VirtualBus()))
    assert other.storage_command(device) is None
    assert other.cut_off(device) == "this system has no switch for a port"


def test_the_commands_do_it(root: Path) -> None:
    switch = with_switch(root)
    assert os.system(switch_off_and_on(str(switch), 0)) == 0
    assert stat.S_ISREG(switch.stat().st_mode)
    assert switch.read_text() == "0\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_the_port_is_switched_on_again_whatever_comes(number: int, tmp_path: Path) -> None:
    """A signal to the shell that switches it leaves no port without power."""
    switch = tmp_path / "disable"
    switch.write_text("0\n")
    child = subprocess.Popen(["/bin/sh", "-c", SCRIPT, str(switch), "1"], start_new_session=True)
    deadline = time.monotonic() + 10
    while switch.read_text() != "1\n" and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(number)
    assert child.wait(10) == 0
    assert switch.read_text() == "0\n"
