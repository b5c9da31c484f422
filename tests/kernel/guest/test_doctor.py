"""The doctor on a real kernel: trouble is made, found, and cured by the command that the finding names."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pymodeswitch import Port
from pymodeswitch.host.linux import LinuxHost
from pymodeswitch.transport.libusb import load_backend
from pymodeswitch.virtual import Mode, Stick, mf691
from pymodeswitch.virtual.descriptors import Configuration, Endpoint, Identity, Interface
from pymodeswitch.virtual.storage import Command, MassStorage, Reply
from tests.kernel.guest import linux
from tests.kernel.guest.conftest import Plug
from tests.kernel.usbip import Plugged

EJECT = bytes.fromhex("5553424397654321000000000000061b000000020000000000000000000000")
Found = dict[str, dict[str, Any]]


def doctor(*words: str, before: tuple[str, ...] = ()) -> Found:
    """What `pymodeswitch doctor` finds, by name; its exit code fits."""
    done = linux.run_command(*before, sys.executable, "-m", "pymodeswitch", "doctor", "--json", *words)
    assert done.stderr == ""
    data = json.loads(done.stdout)
    wrong = any(finding["level"] == "problem" for finding in data["findings"])
    assert done.returncode == data["exit_code"] == (20 if wrong else 0)
    return {finding["name"]: finding for finding in data["findings"]}


def problems(found: Found) -> set[str]:
    return {name for name, finding in found.items() if finding["level"] == "problem"}


def cure(found: Found, name: str) -> None:
    """Carry out what the finding says."""
    done = linux.run_command("sh", "-c", found[name]["cure"])
    assert done.returncode == 0, done.stderr


def switched(plug: Plug) -> Plugged:
    """An MF691 as a modem."""
    stick = plug()
    assert linux.pymodeswitch("19d2:1201").returncode == 0
    linux.wait_for("two serial ports", lambda: len(linux.serial_ports(stick.port)) == 2)
    return stick


def with_sr0(plug: Plug, stick: Stick | None = None) -> Plugged:
    """A stick in storage mode, scanned, and left alone by udev."""
    plugged = plug(stick)
    pattern = f"{plugged.port}:1.0/host*/target*/*/block/sr0"
    linux.wait_for("a block device", lambda: list(linux.DEVICES.glob(pattern)))
    linux.settle()
    return plugged


def storage_of(stick: Stick) -> MassStorage:
    (function,) = stick.modes[0].functions
    assert isinstance(function, MassStorage)
    return function


def test_a_healthy_stick(plug: Plug) -> None:
    """Nothing to cure in either mode, and the stick is not touched."""
    stick = with_sr0(plug)
    devnum = linux.devnum(stick.port)
    before = doctor()
    assert problems(before) == set()
    assert {"entry", "permitted", "storage-free", "target-driver", "libusb"} <= before.keys()
    assert before["entry"]["port"] == stick.port
    assert "usb-storage" in before["storage-free"]["text"]
    assert (linux.usb_id(stick.port), linux.devnum(stick.port)) == ("19d2:1201", devnum)
    assert linux.driver(stick.port) == "usb-storage"
    assert EJECT not in stick.written()
    assert linux.pymodeswitch("19d2:1201").returncode == 0
    linux.wait_for("two serial ports", lambda: len(linux.serial_ports(stick.port)) == 2)
    after = doctor("19d2:1201")
    assert problems(after) == set()
    assert after["switched"]["id"] == "19d2:1203"
    assert "has the driver cdc_acm" in after["driver"]["text"]


def test_somebody_has_the_storage_open(plug: Plug) -> None:
    with_sr0(plug)
    with subprocess.Popen(["sh", "-c", "exec sleep 1000 </dev/sr0"]) as holder:
        linux.wait_for("sr0 held", lambda: "storage-open" in doctor())
        found = doctor()
        assert found["storage-open"]["text"] == f"sleep (process {holder.pid}) has /dev/sr0 open"
        cure(found, "storage-open")
    assert "storage-open" not in doctor()


def iso_image() -> bytes:
    """An empty CD: a volume descriptor, its terminator, a root folder (ECMA-119, 8.4, 8.3, 9.1)."""

    def both(value: int) -> bytes:
        return struct.pack("<I", value) + struct.pack(">I", value)

    def both16(value: int) -> bytes:
        return struct.pack("<H", value) + struct.pack(">H", value)

    def folder(name: bytes) -> bytes:
        rest = both(18) + both(2048) + bytes(7) + b"\x02\0\0" + both16(1) + bytes([1]) + name
        return bytes([2 + len(rest), 0]) + rest

    volume = b"\x01CD001\x01\0" + b" " * 64 + bytes(8) + both(19) + bytes(32)
    volume += both16(1) + both16(1) + both16(2048) + both(0) + bytes(16) + folder(b"\0")
    sectors = [volume, b"\xffCD001\x01", folder(b"\0") + folder(b"\x01")]
    return bytes(16 * 2048) + b"".join(sector.ljust(2048, b"\0") for sector in sectors)


def test_mounted(plug: Plug, tmp_path: Path) -> None:
    stick = mf691()
    storage, image = storage_of(stick), iso_image()

    def read_image(command: Command) -> Reply | None:
        if command.cdb[0] != 0x28:  # READ(10)
            return None
        first, count = int.from_bytes(command.cdb[2:6], "big"), int.from_bytes(command.cdb[7:9], "big")
        return Reply(image[2048 * first : 2048 * (first + count)].ljust(2048 * count, b"\0"))

    storage.hook = read_image
    with_sr0(plug, stick)
    place = tmp_path / "My CD"
    place.mkdir()
    done = linux.run_command("mount", "-t", "iso9660", "-o", "ro", "/dev/sr0", place)
    assert done.returncode == 0, done.stderr
    found = doctor()
    assert found["mounted"]["text"] == f"/dev/sr0 is mounted on {place}"
    cure(found, "mounted")
    assert "mounted" not in doctor()


def test_claimed_by_a_program(plug: Plug) -> None:
    """As in a virtual machine that was given the stick."""
    stick = plug()
    host = LinuxHost(backend=load_backend())
    device = host.at(Port(stick.port))
    assert device is not None
    other = host.open(device)
    try:
        other.detach(0)
        other.claim(0)
        found = doctor("--port", stick.port)
        assert problems(found) == {"held-by-program"}
        assert "has claimed interface 0" in found["held-by-program"]["text"]
        assert "(process " in found["held-by-program"]["text"]
        other.release(0)
        other.attach(0)
    finally:
        other.close()
    assert problems(doctor()) == set()


def test_not_authorized(plug: Plug) -> None:
    stick = plug()
    (linux.DEVICES / stick.port / "authorized").write_text("0")
    found = doctor()
    assert problems(found) == {"not-authorized"}
    cure(found, "not-authorized")
    linux.wait_for("usb-storage", lambda: linux.driver(stick.port) == "usb-storage")
    assert problems(doctor()) == set()


def test_what_comes_will_not_be_authorized(plug: Plug) -> None:
    stick = plug()
    default = linux.DEVICES / f"usb{stick.port.partition('-')[0]}/authorized_default"
    default.write_text("0")
    try:
        found = doctor()
        cure(found, "target-not-authorized")
        assert default.read_text() == "1\n"
    finally:
        default.write_text("1")


def test_unconfigured(plug: Plug) -> None:
    stick = plug()
    (linux.DEVICES / stick.port / "bConfigurationValue").write_text("0")
    found = doctor()
    assert problems(found) == {"unconfigured"}
    cure(found, "unconfigured")
    assert problems(doctor()) == set()


def test_a_driver_that_is_not_bound(plug: Plug) -> None:
    stick = switched(plug)
    Path("/sys/bus/usb/drivers/cdc_acm/unbind").write_text(f"{stick.port}:1.2")
    found = doctor()
    assert problems(found) == {"driver-not-bound"}
    assert found["driver-not-bound"]["text"].startswith("interface 2 (class 02/02/01)")
    cure(found, "driver-not-bound")
    assert problems(doctor()) == set()
    linux.says_ok(stick.port)


def test_a_module_that_is_not_loaded(plug: Plug) -> None:
    """First only taken away, then kept from loading, too."""
    stick = switched(plug)
    kept = Path("/etc/modprobe.d/doctor.conf")
    assert linux.run_command("rmmod", "cdc_acm").returncode == 0
    try:
        found = doctor()
        assert problems(found) == {"driver-not-loaded"}
        assert found["driver-not-loaded"]["cure"] == "modprobe -a cdc_acm"
        kept.write_text("blacklist cdc-acm\n")
        blocked = doctor()
        assert problems(blocked) == {"driver-blacklisted"}
        assert str(kept) in blocked["driver-blacklisted"]["text"]
        kept.unlink()
        cure(found, "driver-not-loaded")
        assert problems(doctor()) == set()
        linux.says_ok(stick.port)
    finally:
        kept.unlink(missing_ok=True)
        linux.run_command("modprobe", "cdc_acm")


def test_a_modem_that_no_driver_knows(plug: Plug) -> None:
    """Vendor-specific ports, an ID that option does not list: it is taught to it."""
    ports = tuple(Interface(n, 255, 255, 255, (Endpoint(n + 1), Endpoint(0x81 + n))) for n in range(2))
    stick = plug(Stick([Mode(Identity(0x1111, 0x3333, (Configuration(ports),)))]), bound=False)
    found = doctor("--port", stick.port)
    assert problems(found) == {"driver-needs-id"}
    try:
        cure(found, "driver-needs-id")
        linux.wait_for("option", lambda: linux.driver(stick.port, 1) == "option")
        assert problems(doctor("--port", stick.port)) == set()
    finally:
        assert linux.run_command("rmmod", "option").returncode == 0  # an ID is forgotten no other way
        assert linux.run_command("modprobe", "option").returncode == 0


def test_a_container_without_device_nodes(plug: Plug) -> None:
    plug()
    script = f"mount -t tmpfs none /dev/bus && exec {sys.executable} -m pymodeswitch doctor --json"
    done = linux.run_command("unshare", "--mount", "sh", "-c", script)
    assert done.returncode == 20, done.stderr
    found = {finding["name"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert problems(found) == {"no-usb-nodes"}
    found = doctor(before=("unshare", "--user", "--map-root-user"))
    assert "no-kernel-events" in found


def test_no_permission(plug: Plug) -> None:
    stick = plug()
    node = Path(f"/dev/bus/usb/{int(stick.port.partition('-')[0]):03}/{linux.devnum(stick.port):03}")
    linux.settle()
    node.chmod(0)
    caps = "-dac_override,-dac_read_search"
    found = doctor(before=("setpriv", f"--bounding-set={caps}", f"--inh-caps={caps}"))
    assert problems(found) == {"no-permission"}
    assert "CAP_DAC_OVERRIDE" in found["no-permission"]["text"]
    node.chmod(0o660)
    found = doctor(before=("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"))
    assert problems(found) == {"no-permission"}
    assert 'ATTR{idProduct}=="1201", TAG+="uaccess"' in found["no-permission"]["cure"]
    assert "holders-unseen" in found
    assert problems(doctor()) == set()


@contextmanager
def devices_cgroup(folder: Path) -> Iterator[Path]:
    """A control group that may not use USB device nodes, as a container has it."""
    folder.mkdir()
    assert linux.run_command("mount", "-t", "cgroup", "-o", "devices", "none", folder).returncode == 0
    group = folder / "without-usb"
    try:
        group.mkdir()
        (group / "devices.deny").write_text("c 189:* rwm")
        yield group
    finally:
        group.rmdir()
        assert linux.run_command("umount", folder).returncode == 0


def test_denied_by_the_devices_cgroup(plug: Plug, tmp_path: Path) -> None:
    """access(2) asks it, so the node need not be opened."""
    plug()
    linux.settle()
    with devices_cgroup(tmp_path / "cgroup") as group:
        enter = f'echo $$ > {group}/cgroup.procs && exec "$@"'
        found = doctor(before=("sh", "-c", enter, "sh"))
        assert problems(found) == {"denied"}
    assert problems(doctor()) == set()


def test_autosuspend(plug: Plug) -> None:
    stick = switched(plug)
    control = linux.DEVICES / stick.port / "power/control"
    control.write_text("auto")
    cure(doctor(), "autosuspend")
    assert control.read_text() == "on\n"


def test_the_last_run_is_told(plug: Plug) -> None:
    """Of this stick; one that is plugged in later knows nothing of it."""
    stick = plug(mf691(leave=None))
    assert linux.pymodeswitch("19d2:1201", "--timeout", "5").returncode == 11
    found = doctor()
    assert problems(found) == {"last-run-failed"}
    assert "(exit code 11): 19d2:1201 on port" in found["last-run-failed"]["text"]
    assert stick.port in found["last-run-failed"]["cure"]


@pytest.mark.parametrize("operation", [0x00, 0x12], ids=["TEST UNIT READY", "INQUIRY"])
def test_a_storage_driver_that_hangs(operation: int, plug: Plug) -> None:
    """A stick that stops answering in the scan; the doctor answers all the same."""
    stick = mf691()
    storage = storage_of(stick)
    switches = storage.hook
    assert switches is not None
    storage.hook = lambda command: Reply(mute=True) if command.cdb[0] == operation else switches(command)
    plugged = plug(stick)
    linux.wait_for("the command", lambda: any(c.cdb[0] == operation for c in storage.commands))
    found = doctor("--port", plugged.port)
    assert problems(found) == {"storage-hangs"}
    assert "waits in the kernel" in found["storage-hangs"]["text"]
    devnum = linux.devnum(plugged.port)
    quirks = Path("/sys/module/usb_storage/parameters/quirks")
    try:
        cure(found, "storage-hangs")
        linux.wait_for(
            "the stick again", lambda: linux.attribute(plugged.port, "devnum") not in (None, str(devnum))
        )
        linux.settle()
        # Nobody scans it any more, and it can be switched.
        assert linux.driver(plugged.port) is None
        assert "told to ignore it" in doctor("--port", plugged.port)["storage-free"]["text"]
        assert linux.pymodeswitch("19d2:1201").returncode == 0
    finally:
        quirks.write_text("\n")
