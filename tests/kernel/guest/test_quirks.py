"""What the storage driver and resets spoil, on the real kernel: quirks, and the way through the driver."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import pymodeswitch
from pymodeswitch import Settings, Status
from pymodeswitch.virtual import Command, MassStorage, Reply, is_eject, mf691
from tests.kernel.guest import linux
from tests.kernel.guest.conftest import Plug
from tests.kernel.guest.test_switch import EJECT
from tests.kernel.iso9660 import FILE, image
from tests.kernel.usbip import Plugged

SETTINGS = Path("/etc/pymodeswitch.conf")
DELAY = Path("/sys/module/usb_storage/parameters/delay_use")


@pytest.fixture
def settings() -> Iterator[Path]:
    """The administrator's settings, gone afterwards."""
    yield SETTINGS
    SETTINGS.unlink(missing_ok=True)


def test_a_switched_stick_is_not_reset_any_more(plug: Plug, settings: Path) -> None:
    """avoid_reset_quirk is 1 after the switch, and stays 0 where the settings say so."""
    stick = plug()
    assert linux.attribute(stick.port, "avoid_reset_quirk") == "0"
    done = linux.pymodeswitch("19d2:1201", "-v")
    assert done.returncode == 0, done.stderr
    assert linux.attribute(stick.port, "avoid_reset_quirk") == "1"
    assert "the kernel will not reset it after an error (avoid_reset_quirk)" in done.stderr
    other = plug(slot=1)
    settings.write_text("avoid_reset_quirk = false\n")
    done = linux.pymodeswitch("19d2:1201", "--port", other.port)
    assert done.returncode == 0, done.stderr
    assert linux.attribute(other.port, "avoid_reset_quirk") == "0"


def test_no_permission_to_tell_the_kernel(plug: Plug) -> None:
    """As in a container with a read-only /sys: switched all the same, and told at -v."""
    stick = plug()
    command = f"mount -o remount,bind,ro /sys && exec {linux.PYTHON} -m pymodeswitch 19d2:1201 -v"
    done = linux.run_command("unshare", "--mount", "sh", "-c", command)
    assert done.returncode == 0, done.stderr
    assert "avoid_reset_quirk: Read-only file system" in done.stderr
    assert "warning" not in done.stderr
    assert linux.attribute(stick.port, "avoid_reset_quirk") == "0"


def test_the_storage_scan_is_put_off(plug: Plug, settings: Path) -> None:
    """delay_use of the kernel is raised by the first switch, and not lowered."""
    plug()
    assert DELAY.read_text() == "1\n"
    try:
        settings.write_text("storage_delay_s = 4\n")
        done = linux.pymodeswitch("19d2:1201", "-v")
        assert done.returncode == 0, done.stderr
        assert "usb-storage waits 4 s before it scans, and not 1 s" in done.stderr
        assert DELAY.read_text() == "4\n"
        plug(slot=1)
        result = pymodeswitch.switch(0x19D2, 0x1201, settings=Settings(storage_delay_s=2))
        assert result.status is Status.SWITCHED
        assert DELAY.read_text() == "4\n"
    finally:
        DELAY.write_text("1")


@pytest.mark.parametrize("verb", ["scan", "watch"])
def test_scan_and_watch_put_off_what_comes_later(verb: str, settings: Path) -> None:
    """With nothing attached, too; and what is plugged in then is scanned later."""
    settings.write_text("storage_delay_s = 4\n")
    try:
        with subprocess.Popen([linux.PYTHON, "-m", "pymodeswitch", verb]) as process:
            linux.wait_for("the longer delay", lambda: DELAY.read_text() == "4\n")
            if verb == "watch":
                process.terminate()
        assert process.returncode == 0
    finally:
        DELAY.write_text("1")


# The way through the storage driver

STORAGE = Path("/sys/bus/usb/drivers/usb-storage")
QUIRKS = Path("/sys/module/usb_storage/parameters/quirks")
EJECT_CDB = bytes.fromhex("1b0000000200")
THROUGH = "TargetVendor=19d2\nTargetProduct=1203\nStandardEject=1\nThroughDriver=1\n"


def ejected(stick: Plugged, *, by_us: bool) -> bool:
    """Whether it got the eject: in our own CBW, or in one that usb-storage has made, with its own tag."""
    written = stick.written(0x01)
    ours = EJECT in written
    drivers = [cbw for cbw in written if cbw[15:21] == EJECT_CDB and cbw != EJECT]
    return (ours, len(drivers) > 0) == (by_us, not by_us)


def storage(stick: Plugged) -> MassStorage:
    (function,) = stick.stick.modes[0].functions  # type: ignore[attr-defined]
    assert isinstance(function, MassStorage)
    return function


def test_through_the_storage_driver(plug: Plug, device_files: Path) -> None:
    """The driver is never taken away; its own CBWs carry the commands, once it has scanned the stick."""
    (device_files / "19d2:1201").write_text(THROUGH)
    stick = plug()
    done = linux.pymodeswitch("19d2:1201", "-v")
    assert done.returncode == 0, done.stderr
    assert "through the storage driver: START STOP UNIT (eject), LUN 0: " in done.stderr
    assert "detach" not in done.stderr
    assert ejected(stick, by_us=False)
    linux.says_ok(stick.port)


def test_a_stick_that_stays_keeps_its_driver(plug: Plug, device_files: Path) -> None:
    """Nothing has to be given back; a stick that never answers is bounded by the kernel's time-outs."""
    (device_files / "19d2:1201").write_text(THROUGH)
    stick = plug(mf691(leave=None))
    storage(stick).hook = lambda command: Reply(mute=True) if is_eject(command) else None
    devnum = linux.devnum(stick.port)
    done = linux.pymodeswitch("19d2:1201", "--timeout", "15", "--json")
    assert done.returncode == 11, done.stderr
    assert json.loads(done.stdout)["seconds"] < 45
    assert ejected(stick, by_us=False)
    assert (linux.driver(stick.port), linux.devnum(stick.port)) == ("usb-storage", devnum)


@pytest.mark.parametrize("nodes", ["sg sr", "sr"])
def test_a_container_without_usbfs(nodes: str, plug: Plug) -> None:
    """/dev has the stick's SCSI nodes (or only its CD-ROM) and nothing else."""
    stick = plug()
    found = linux.storage_nodes(stick.port)
    wanted = [node for node in found if node.name.startswith(tuple(nodes.split()))]
    assert len(wanted) == len(nodes.split())
    made = ["mount -t tmpfs none /dev"]
    for node in wanted:
        number, kind = node.stat().st_rdev, "b" if node.is_block_device() else "c"
        made.append(f"mknod {node} {kind} {os.major(number)} {os.minor(number)}")
    command = " && ".join([*made, f"exec {linux.PYTHON} -m pymodeswitch 19d2:1201 -v"])
    done = linux.run_command("unshare", "--mount", "sh", "-c", command)
    assert done.returncode == 0, done.stderr
    assert "is /dev/bus/usb missing in this container?; so it goes the other way" in done.stderr
    assert ejected(stick, by_us=False)
    linux.says_ok(stick.port)


def test_not_root_but_in_the_group_of_the_cd_rom(plug: Plug) -> None:
    """Who may use the CD-ROM may eject it, so a user needs no rights on the USB device."""
    stick = plug()
    linux.storage_nodes(stick.port)
    linux.usb_node(stick.port).chmod(0)
    caps = "-dac_override,-dac_read_search,-sys_rawio,-sys_admin"
    done = linux.run_command(
        *("setpriv", f"--bounding-set={caps}", f"--inh-caps={caps}"),
        *(linux.PYTHON, "-m", "pymodeswitch", "19d2:1201"),
    )
    assert done.returncode == 0, done.stderr
    assert ejected(stick, by_us=False)


SECCOMP = """
import ctypes, os, struct, sys
# Berkeley Packet Filter: ioctl(2) with request USBDEVFS_IOCTL, by which drivers are detached, is EPERM.
LOAD, EQUAL, RETURN, NR, REQUEST = 0x20, 0x15, 0x06, 0, 24
ALLOW, REFUSE = 0x7FFF0000, 0x00050001
code = b"".join(struct.pack("<HBBI", *line) for line in (
    (LOAD, 0, 0, NR), (EQUAL, 0, 3, 16), (LOAD, 0, 0, REQUEST), (EQUAL, 0, 1, 0xC0105512),
    (RETURN, 0, 0, REFUSE), (RETURN, 0, 0, ALLOW)))
buffer = ctypes.create_string_buffer(code)
program = ctypes.create_string_buffer(struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer)))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0, "no new privileges"
assert libc.prctl(22, 2, program) == 0, "seccomp"
os.execv(sys.executable, [sys.executable, "-m", "pymodeswitch", *sys.argv[1:]])
"""


def test_a_sandbox_that_refuses_detaching(plug: Plug) -> None:
    """The node can be opened, the driver cannot be taken away, so claiming fails."""
    stick = plug()
    done = linux.run_command(linux.PYTHON, "-c", SECCOMP, "19d2:1201", "-v")
    assert done.returncode == 0, done.stderr
    assert "is busy: another program or driver holds it" in done.stderr
    assert "so it goes the other way" in done.stderr
    assert ejected(stick, by_us=False)
    linux.says_ok(stick.port)


def test_a_device_policy(plug: Plug) -> None:
    """A cgroup that may use no USB device node (major 189) but all others."""
    stick = plug()
    command = (
        "mount -t cgroup -o devices none /mnt && mkdir -p /mnt/usb"
        " && echo 'c 189:* rwm' > /mnt/usb/devices.deny && echo $$ > /mnt/usb/cgroup.procs"
        f" && exec {linux.PYTHON} -m pymodeswitch 19d2:1201 -v"
    )
    done = linux.run_command("unshare", "--mount", "sh", "-c", command)
    assert done.returncode == 0, done.stderr
    assert f"no permission to open /dev/bus/usb/{stick.port.partition('-')[0]:0>3}/" in done.stderr
    assert ejected(stick, by_us=False)


@pytest.fixture
def ignored() -> Iterator[str]:
    """usb-storage leaves this ID alone, as kernels since August 2025 do by themselves."""
    QUIRKS.write_text("0bda:1a2b:i")
    yield "0bda:1a2b"
    QUIRKS.write_text("")


@pytest.mark.parametrize("through", [False, True], ids=["past", "through"])
def test_a_kernel_that_ignores_the_stick(
    through: bool, plug: Plug, ignored: str, device_files: Path
) -> None:
    """No driver, no block device, nothing to detach: switched; and what was to go through goes past."""
    if through:
        text = "TargetVendor=0bda\nTargetProduct=c811\nStandardEject=1\nThroughDriver=1\n"
        (device_files / ignored).write_text(text)
    stick = mf691()
    for mode, product in zip(stick.modes, (0x1A2B, 0xC811), strict=True):
        mode.identity = mode.identity.__class__(0x0BDA, product, mode.identity.configurations)
    plugged = plug(stick, bound=False)
    linux.settle()
    assert linux.driver(plugged.port) is None
    done = linux.pymodeswitch(ignored, "--json", "-v")
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert (data["status"], data["after"]["id"], data["warnings"]) == ("switched", "0bda:c811", [])
    assert ("the storage driver is not bound" in done.stderr) is through
    assert ejected(plugged, by_us=True)


def test_a_driver_that_somebody_has_unbound(plug: Plug) -> None:
    """As the one above, by hand."""
    stick = plug()
    (STORAGE / "unbind").write_text(f"{stick.port}:1.0")
    done = linux.pymodeswitch("19d2:1201")
    assert done.returncode == 0, done.stderr
    assert ejected(stick, by_us=True)


def mounted(folder: Path) -> bool:
    return f" {folder} " in Path("/proc/mounts").read_text()


@pytest.mark.parametrize("through", [False, True], ids=["past", "through"])
def test_a_mounted_cd_is_pulled_out(through: bool, plug: Plug, device_files: Path, tmp_path: Path) -> None:
    """Neither way minds: the stick switches, the mount stays in the list with nothing behind it."""
    if through:
        (device_files / "19d2:1201").write_text(THROUGH)
    disc = image()

    def read(command: Command) -> Reply | None:
        if command.cdb[0] == 0x28:  # READ(10)
            start = 2048 * int.from_bytes(command.cdb[2:6], "big")
            return Reply(disc[start : start + command.data_length])
        return eject(command) if eject is not None else None

    stick = mf691()
    (function,) = stick.modes[0].functions
    assert isinstance(function, MassStorage)
    eject, function.hook = function.hook, read
    plugged = plug(stick)
    cd = next(node for node in linux.storage_nodes(plugged.port) if node.is_block_device())
    subprocess.run(["mount", "-t", "iso9660", "-o", "ro", cd, tmp_path], check=True, timeout=60)
    try:
        assert [file.name for file in tmp_path.iterdir()] == [FILE]
        done = linux.pymodeswitch("19d2:1201")
        assert done.returncode == 0, done.stderr
        assert ejected(plugged, by_us=not through)
        assert mounted(tmp_path)
        with pytest.raises(OSError, match=FILE):
            (tmp_path / FILE).read_bytes()
    finally:
        subprocess.run(["umount", tmp_path], check=True, timeout=60)
    assert not mounted(tmp_path)
