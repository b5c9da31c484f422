"""An unknown stick on the real kernel: recorded, learned, installed, switched; and the guided try."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import pymodeswitch
from pymodeswitch.virtual import (
    Command,
    Leave,
    MassStorage,
    Reply,
    Stick,
    message_stick,
    modem_mode,
    storage_mode,
    two_configurations,
)
from tests.kernel.guest import linux
from tests.kernel.guest.conftest import Plug
from tests.kernel.iso9660 import SECTOR, image
from tests.kernel.usbip import place

VENDOR, PRODUCT, TARGET = 0x4321, 0xABC0, 0xABC1
CDB = bytes.fromhex("fe0244455643484700000000")
MESSAGE = bytes.fromhex("555342431234567800000000" + "00000c" + CDB.hex() + "00000000")
SOON = Leave(0.5)
EJECT = b"\x1b\0\0\0\x02"
HUAWEI = bytes.fromhex("110620000001010001")
LONGCHEER = bytes.fromhex("06f504025270")


def stick(vendor: int, cdb: bytes, product: int = PRODUCT) -> Stick:
    return message_stick(vendor, product, [cdb], modem_mode(vendor, TARGET), SOON)


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """`learn --record` on the first port, under way; it installs what it learns."""
    port, _ = place(0)
    capture = tmp_path / "stick.pcap"
    folder = tmp_path / "files"
    folder.mkdir()
    words = ("learn", "--record", port, "--to", str(capture), "--seconds", "150", "--write", str(folder))
    recorder = subprocess.Popen(
        [linux.PYTHON, "-m", "pymodeswitch", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        linux.wait_for("the recording", lambda: capture.exists())
        yield recorder, folder
    finally:
        recorder.kill()
        recorder.wait()


def test_the_guest_has_this_checkout() -> None:
    package = Path(pymodeswitch.__file__).resolve()
    assert package.parents[1] == Path(__file__).resolve().parents[3]
    assert linux.pymodeswitch("learn", "--help").returncode == 0


def test_recorded_learned_installed_switched(
    plug: Plug, recording: tuple[subprocess.Popen[str], Path], device_files: Path
) -> None:
    """The reference switches a stick that nobody has a device file for; ours learns from that."""
    recorder, folder = recording
    plugged = plug(stick(VENDOR, CDB))
    linux.storage_nodes(plugged.port)
    done = linux.usb_modeswitch("-v", "4321", "-p", "abc0", "-M", MESSAGE.hex())
    assert MESSAGE in plugged.written(0x01), done.stdout + done.stderr
    linux.wait_for("the modem", lambda: linux.usb_id(plugged.port) == "4321:abc1")
    said, _ = recorder.communicate(timeout=linux.PATIENCE_S)
    assert recorder.returncode == 0, said
    assert "# confidence: high" in said
    learned = (folder / "4321-abc0").read_text()
    assert learned.endswith(
        f'TargetVendor=0x4321\nTargetProduct=0xabc1\nMessageContent="{MESSAGE.hex()}"\n'
    )
    assert linux.pymodeswitch("lint", folder / "4321-abc0").returncode == 0

    (device_files / "4321:abc0").write_text(learned)
    again = plug(stick(VENDOR, CDB), 1)
    done = linux.pymodeswitch("4321:abc0", "--port", again.port)
    assert done.returncode == 0, done.stderr
    assert linux.usb_id(again.port) == "4321:abc1"
    linux.says_ok(again.port)


FINDS = {
    "eject": (lambda: stick(0x19D2, EJECT), "StandardEject=1"),
    "Huawei": (lambda: stick(0x12D1, HUAWEI), "HuaweiNewMode=1"),
    "configuration": (
        lambda: two_configurations(0x0FCE, PRODUCT, modem_mode(0x0FCE, TARGET)),
        "Configuration=2",
    ),
    "vendor command": (lambda: stick(0x1C9E, LONGCHEER), "MessageContent="),
}


@pytest.mark.parametrize("name", FINDS)
def test_try_finds(name: str, plug: Plug) -> None:
    build, line = FINDS[name]
    plugged = plug(build())
    done = linux.pymodeswitch("try", "--yes", "--port", plugged.port)
    assert done.returncode == 0, done.stdout + done.stderr
    assert line in done.stdout
    assert "--- pymodeswitch report ---" in done.stdout
    linux.says_ok(plugged.port)


def test_try_gives_up_well(plug: Plug) -> None:
    """The stick is as it was, with its driver."""
    plugged = plug(stick(VENDOR, b"\xee"))
    before = linux.devnum(plugged.port)
    done = linux.pymodeswitch("try", "--yes", "--port", plugged.port)
    assert done.returncode == 11, done.stdout + done.stderr
    assert "nothing of the ladder switched it" in done.stdout
    assert linux.devnum(plugged.port) == before
    linux.wait_for("the driver", lambda: linux.driver(plugged.port) == "usb-storage")


def flash() -> Stick:
    """A disk of 8 GiB."""
    storage = MassStorage()

    def hook(command: Command) -> Reply | None:
        match command.cdb[0]:
            case 0x12 if not command.cdb[1] & 1:
                return Reply(bytes([0, 0x80, 2, 2, 31, 0, 0, 0]) + b"SanDisk Cruzer          1.00")
            case 0x25:
                return Reply(struct.pack(">II", (8 << 30) // 512 - 1, 512))
            case 0x28:
                return Reply(bytes(512 * int.from_bytes(command.cdb[7:9], "big")))
            case 0x1A:
                return Reply(bytes([3, 0, 0, 0]))
        return None

    storage.hook = hook
    return Stick([storage_mode(0x0781, 0x5567, storage)])


def disc() -> Stick:
    """A CD with a file system."""
    storage, content = MassStorage(), image()

    def hook(command: Command) -> Reply | None:
        if command.cdb[0] != 0x28:
            return None
        first, count = (int.from_bytes(command.cdb[at:end], "big") for at, end in ((2, 6), (7, 9)))
        return Reply(content[first * SECTOR : (first + count) * SECTOR])

    storage.hook = hook
    return Stick([storage_mode(VENDOR, PRODUCT, storage)])


def test_try_refuses_a_flash_drive(plug: Plug) -> None:
    plugged = plug(flash())
    done = linux.pymodeswitch("try", "--yes", "--port", plugged.port)
    assert done.returncode == 25, done.stdout + done.stderr
    assert "looks like a real drive, a disk of 8.6 GB" in done.stderr
    assert not [data for data in plugged.written(0x01) if data[15] == 0x1B and data[19] & 2]
    assert linux.driver(plugged.port) == "usb-storage"


def test_try_refuses_what_is_mounted(plug: Plug, tmp_path: Path) -> None:
    """A desktop has mounted the CD."""
    plugged = plug(disc())
    linux.storage_nodes(plugged.port)
    subprocess.run(["mount", "-t", "iso9660", "-o", "ro", "/dev/sr0", tmp_path], check=True, timeout=60)
    try:
        done = linux.pymodeswitch("try", "--yes", "--yes-really", "--port", plugged.port)
    finally:
        subprocess.run(["umount", tmp_path], check=True, timeout=60)
    assert done.returncode == 25, done.stdout + done.stderr
    assert f"/dev/sr0 is mounted on {tmp_path}: unmount it first" in done.stderr


def test_report_by_the_kernel(plug: Plug) -> None:
    plugged = plug(stick(0x19D2, EJECT))
    linux.storage_nodes(plugged.port)
    done = linux.pymodeswitch("report", "--port", plugged.port)
    assert done.returncode == 0, done.stderr
    for line in (
        "device: 19d2:abc0, release ",
        "scsi: ZTE | USB SCSI CD-ROM | 2.31",
        "drive: CD",
        "driver usb-storage",
    ):
        assert line in done.stdout
