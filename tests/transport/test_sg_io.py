"""The SG_IO header as the kernel gets it, what its answers mean, and which node is opened."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pymodeswitch import AttachedDevice, Port
from pymodeswitch.host.linux import LibusbHost, LinuxHost
from pymodeswitch.nouns.model import StorageUnit
from pymodeswitch.transport.faults import Fault, UsbFault
from pymodeswitch.transport.sg_io import SG_IO, open_unit, send_command
from pymodeswitch.virtual import VirtualBackend, VirtualBus, mf691
from tests.host.test_sysfs import bind, put

POINTER = ctypes.sizeof(ctypes.c_void_p)
EJECT = bytes.fromhex("1b0000000200")
NULL = os.stat(os.devnull).st_rdev
NULL_NUMBER = f"{os.major(NULL)}:{os.minor(NULL)}"

Ioctl = Callable[[int, int, object], int]


def answer(monkeypatch: pytest.MonkeyPatch, ioctl: Ioctl) -> None:
    monkeypatch.setattr(fcntl, "ioctl", ioctl)


def word(header: bytes, at: int, kind: type[ctypes._SimpleCData[int]]) -> int:
    return kind.from_buffer_copy(header, at).value


@pytest.mark.skipif(ctypes.sizeof(ctypes.c_void_p) != 8, reason="its offsets are those of 64 bits")
@pytest.mark.parametrize(("length", "direction"), [(0, -1), (36, -3)])
def test_the_header(length: int, direction: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Offsets of struct sg_io_hdr, from include/scsi/sg.h: 16 bytes, three pointers, the timeout."""
    seen: list[bytes] = []

    def ioctl(file: int, request: int, header: object) -> int:
        raw = bytes(header)  # type: ignore[call-overload]
        assert (file, request) == (7, SG_IO)
        assert ctypes.sizeof(header) == {4: 64, 8: 88}[POINTER]  # type: ignore[arg-type]
        seen.append(ctypes.string_at(word(raw, 16 + POINTER, ctypes.c_size_t), raw[8]))
        ctypes.memset(word(raw, 16, ctypes.c_size_t), 0xFF, length)  # the data phase
        ctypes.memset(word(raw, 16 + 2 * POINTER, ctypes.c_size_t), 0xFF, raw[9])  # the sense data
        head = [word(raw, at, ctypes.c_int) for at in (0, 4)]
        assert head == [ord("S"), direction]
        assert [word(raw, at, ctypes.c_uint) for at in (12, 16 + 3 * POINTER)] == [length, 3000]
        return 0

    answer(monkeypatch, ioctl)
    send_command(7, EJECT, length, 3000)
    assert seen == [EJECT]


@pytest.mark.parametrize(
    ("host_status", "fault"),
    [(1, Fault.GONE), (3, Fault.TIMEOUT), (4, Fault.GONE), (5, Fault.TIMEOUT), (7, Fault.OTHER)],
)
def test_host_status(host_status: int, fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    def ioctl(file: int, request: int, header: object) -> int:
        header.host_status = host_status  # type: ignore[attr-defined]
        return 0

    answer(monkeypatch, ioctl)
    with pytest.raises(UsbFault, match=f"SG_IO, host status 0x0{host_status}") as caught:
        send_command(7, EJECT, 0, 3000)
    assert caught.value.fault is fault


def test_a_check_condition_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def ioctl(file: int, request: int, header: object) -> int:
        header.status, header.driver_status = 2, 8  # type: ignore[attr-defined]
        return 0

    answer(monkeypatch, ioctl)
    send_command(7, EJECT, 0, 3000)


@pytest.mark.parametrize(
    ("number", "fault"),
    [
        (errno.ENODEV, Fault.GONE),
        (errno.ENXIO, Fault.GONE),
        (errno.EPERM, Fault.ACCESS),
        (errno.EBUSY, Fault.BUSY),
        (errno.ENOTTY, Fault.NOT_SUPPORTED),
        (errno.EINVAL, Fault.NOT_SUPPORTED),
        (errno.ENOMEM, Fault.OTHER),
    ],
)
def test_errors_of_the_ioctl(number: int, fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    def ioctl(file: int, request: int, header: object) -> int:
        raise OSError(number, os.strerror(number))

    answer(monkeypatch, ioctl)
    with pytest.raises(UsbFault) as caught:
        send_command(7, EJECT, 0, 3000)
    assert caught.value.fault is fault


# Nodes


def unit(*nodes: tuple[str, str]) -> StorageUnit:
    return StorageUnit(0, 0, nodes)


def test_the_first_node_that_is_the_unit(tmp_path: Path) -> None:
    """One that is missing, and one that leads to another device, are passed over."""
    (tmp_path / "sg1").symlink_to("/dev/zero")
    (tmp_path / "sr0").symlink_to(os.devnull)
    nodes = (("sg0", "21:0"), ("sg1", NULL_NUMBER), ("sr0", NULL_NUMBER))
    file, node = open_unit(unit(*nodes), str(tmp_path))
    assert node == nodes[2]
    assert os.fstat(file).st_rdev == NULL
    assert not os.get_blocking(file)
    os.close(file)


def test_open_for_reading_where_writing_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really, modes = os.open, []

    def open_(path: str, flags: int) -> int:
        modes.append(flags & os.O_ACCMODE)
        if flags & os.O_ACCMODE == os.O_RDWR:
            raise OSError(errno.EROFS, "Read-only file system")
        return really(path, flags)

    (tmp_path / "sr0").symlink_to(os.devnull)
    monkeypatch.setattr(os, "open", open_)
    file, _ = open_unit(unit(("sr0", NULL_NUMBER)), str(tmp_path))
    os.close(file)
    assert modes == [os.O_RDWR, os.O_RDONLY]


@pytest.mark.parametrize(
    ("number", "fault"),
    [(errno.EACCES, Fault.ACCESS), (errno.EPERM, Fault.ACCESS), (errno.ENXIO, Fault.NOT_FOUND)],
)
def test_no_node_can_be_opened(
    number: int, fault: Fault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason that can be cured is told, and not that another node is missing."""

    def open_(path: str, flags: int) -> int:
        raise OSError(number if path.endswith("sg0") else errno.ENOENT, "")

    monkeypatch.setattr(os, "open", open_)
    with pytest.raises(UsbFault, match="open /dev/s") as caught:
        open_unit(unit(("sr0", "11:0"), ("sg0", "21:0")))
    assert caught.value.fault is fault


# What LinuxHost makes of both


@pytest.fixture
def root(tmp_path: Path) -> Path:
    put(tmp_path, "1-1", mf691().identity)
    bind(tmp_path, "1-1:1.0", "usb-storage")
    folder = tmp_path / "bus/usb/devices/1-1:1.0/host2/target2:0:0"
    for name, number in (("2:0:0:0/scsi_generic/sg0", NULL_NUMBER), ("2:0:0:0/block/sr0", "11:0")):
        (folder / name).mkdir(parents=True)
        (folder / name / "dev").write_text(number + "\n")
    (folder / "2:0:0:1/block/sda").mkdir(parents=True)
    (folder / "2:0:0:1/block/sda/dev").write_text("8:0\n")
    (folder / "2:0:0:2").mkdir()  # not ready yet
    (folder.parent / "scsi_host/host2").mkdir(parents=True)
    return tmp_path


def device_of(host: LinuxHost) -> AttachedDevice:
    device = host.at(Port("1-1"))
    assert device is not None
    return device


def test_units(root: Path) -> None:
    host = LinuxHost(str(root))
    assert host.storage_units(device_of(host)) == (
        StorageUnit(0, 0, (("sg0", NULL_NUMBER), ("sr0", "11:0"))),
        StorageUnit(0, 1, (("sda", "8:0"),)),
    )


def test_nothing_is_sent_to_another_device(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stick that has left, while something else got its node: the node is open, and nothing is sent."""
    sent: list[int] = []

    def ioctl(file: int, request: int, header: object) -> int:
        sent.append(file)
        return 0

    answer(monkeypatch, ioctl)
    really, opened = os.open, []

    def open_(path: str, flags: int) -> int:
        opened.append(really("/dev/null" if path == "/dev/sg0" else path, flags))
        return opened[-1]

    monkeypatch.setattr(os, "open", open_)
    host = LinuxHost(str(root))
    device = device_of(host)
    first = host.storage_units(device)
    assert first is not None
    host.send_scsi(device, first[0], EJECT, 0, 3000)
    early = StorageUnit(0, 0, first[0].nodes[:1])  # the block node has come since
    host.send_scsi(device, early, EJECT, 0, 3000)
    assert len(sent) == 2
    number = root / "bus/usb/devices/1-1/devnum"
    number.write_text("3\n")
    with pytest.raises(UsbFault) as caught:
        host.send_scsi(device, first[0], EJECT, 0, 3000)
    assert caught.value.fault is Fault.GONE
    number.write_text("2\n")
    (root / "bus/usb/devices/1-1:1.0/host2").rename(root / "bus/usb/devices/1-1:1.0/host3")
    (root / "bus/usb/devices/1-1:1.0/host3/target2:0:0/2:0:0:0/scsi_generic/sg0/dev").write_text("21:1\n")
    with pytest.raises(UsbFault) as caught:
        host.send_scsi(device, first[0], EJECT, 0, 3000)
    assert caught.value.fault is Fault.GONE
    assert len(sent) == 2
    assert len(opened) == 4
    for file in opened:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(file)


def test_a_host_without_storage_driver(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(mf691())
    host = LibusbHost(backend)
    device = host.devices()[0]
    assert host.storage_units(device) is None
    with pytest.raises(UsbFault) as caught:
        host.send_scsi(device, unit(), EJECT, 0, 3000)
    assert caught.value.fault is Fault.NOT_SUPPORTED


@pytest.mark.parametrize(
    ("number", "again"),
    [(errno.EACCES, True), (errno.EROFS, True), (errno.EBUSY, False), (errno.EIO, False)],
)
def test_a_node_that_may_only_be_read(number: int, again: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """No permission, or a read-only medium: then for reading; what is busy stays busy."""
    opened: list[int] = []
    real = os.open

    def open_(path: str, flags: int) -> int:
        if flags & os.O_ACCMODE == os.O_RDWR:
            opened.append(os.O_RDWR)
            raise OSError(number, os.strerror(number))
        opened.append(os.O_RDONLY)
        return real(path, flags)

    monkeypatch.setattr(os, "open", open_)
    unit = StorageUnit(0, 0, ((os.path.basename(os.devnull), NULL_NUMBER),))
    if again:
        file, _ = open_unit(unit)
        os.close(file)
    else:
        with pytest.raises(UsbFault):
            open_unit(unit)
    assert opened == [os.O_RDWR, os.O_RDONLY][: 1 + again]


def test_a_node_of_another_device_is_closed() -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(UsbFault, match="is another device"):
        open_unit(StorageUnit(0, 0, ((os.path.basename(os.devnull), "99:99"),)))
    assert len(os.listdir("/proc/self/fd")) == before
