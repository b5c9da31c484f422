"""Past libusb: the kernel's calls as they leave here. The kernel tier shows that it takes them."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pymodeswitch import AccessError, AttachedDevice, GoneError, Port, UsbId, usbfs
from pymodeswitch.host.linux import LinuxHost
from pymodeswitch.transport.faults import Fault, UsbFault
from pymodeswitch.usbfs import UsbfsTransport

DEVICE = AttachedDevice(port=Port("1-1"), id=UsbId(0x19D2, 0x1201), bus=1, device_number=2)

# As a C compiler has them on x86-64 (linux/usbdevice_fs.h).
NUMBERS = {
    "CONTROL": 0xC0185500,
    "BULK": 0xC0185502,
    "SET_INTERFACE": 0x80085504,
    "SET_CONFIGURATION": 0x80045505,
    "GET_DRIVER": 0x41045508,
    "CLAIM_INTERFACE": 0x8004550F,
    "RELEASE_INTERFACE": 0x80045510,
    "IOCTL": 0xC0105512,
    "RESET": 0x5514,
    "CLEAR_HALT": 0x80045515,
    "DISCONNECT": 0x5516,
    "CONNECT": 0x5517,
}


class Kernel:
    """Takes the calls, strictly; what it does about one is set by its number.

    data: what a transfer reads. driver: of every interface. calls: number and request of each.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[int, bytes]] = []
        self.data = b""
        self.driver = b"usb-storage"
        self.errors: dict[int, int] = {}

    def ioctl(self, file: int, number: int, request: Any) -> int:
        assert number in NUMBERS.values()
        assert isinstance(request, bytearray) or request == 0, "of bytes a copy would be returned"
        raw = bytes(request) if request else b""
        assert len(raw) == number >> 16 & 0x3FFF, "the size is part of the number"
        self.calls.append((number, raw))
        if number in self.errors:
            raise OSError(self.errors[number], "refused")
        if number == usbfs.GET_DRIVER:
            if not self.driver:
                raise OSError(errno.ENODATA, "none")
            request[4:] = self.driver.ljust(256, b"\0")
        if number in (usbfs.BULK, usbfs.CONTROL):
            return self._transfer(raw)
        return int(number == usbfs.IOCTL)

    def _transfer(self, raw: bytes) -> int:
        address = struct.unpack_from("Q", raw, 16)[0]
        length = struct.unpack_from("<I" if raw[0] in (0x01, 0x81) and raw[1] == 0 else "xxH", raw, 4)[0]
        self.sent = ctypes.string_at(address, length)
        read = self.data[:length]
        ctypes.memmove(address, read, len(read))
        return len(read) if self.data else length


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    kernel = Kernel()
    monkeypatch.setattr(fcntl, "ioctl", kernel.ioctl)
    return kernel


@pytest.fixture
def device(kernel: Kernel) -> UsbfsTransport:
    return UsbfsTransport(os.open(os.devnull, os.O_RDONLY))


def test_numbers() -> None:
    assert {name: getattr(usbfs, name) for name in NUMBERS} == NUMBERS


def test_bulk(device: UsbfsTransport, kernel: Kernel) -> None:
    device.bulk_out(0x01, b"USBC\x12", 3000)
    ((number, raw),) = kernel.calls
    assert (number, struct.unpack_from("III", raw)) == (usbfs.BULK, (0x01, 5, 3000))
    assert kernel.sent == b"USBC\x12"
    kernel.data = b"USBS"
    assert device.bulk_in(0x81, 13, 3000) == b"USBS"
    assert struct.unpack_from("III", kernel.calls[1][1]) == (0x81, 13, 3000)


def test_interrupt_transfers_are_the_same_call(device: UsbfsTransport, kernel: Kernel) -> None:
    device.interrupt_out(0x01, b"12345678", 1000)
    kernel.data = b"8"
    assert device.interrupt_in(0x81, 8, 1000) == b"8"
    assert [number for number, _ in kernel.calls] == [usbfs.BULK, usbfs.BULK]


def test_control(device: UsbfsTransport, kernel: Kernel) -> None:
    device.control_out(0x40, 0x04, 0x1234, 0x5678, b"abc", 1000)
    ((number, raw),) = kernel.calls
    assert (number, struct.unpack_from("BBHHHI", raw)) == (
        usbfs.CONTROL,
        (0x40, 0x04, 0x1234, 0x5678, 3, 1000),
    )
    assert kernel.sent == b"abc"
    kernel.data = b"12"
    assert device.control_in(0xC0, 0x88, 0, 0, 8, 1000) == b"12"
    device.control_out(0x00, 0x03, 1, 0, b"", 1000)
    assert struct.unpack_from("BBHHHI", kernel.calls[2][1]) == (0, 3, 1, 0, 0, 1000)


def test_interfaces_and_the_device(device: UsbfsTransport, kernel: Kernel) -> None:
    device.claim(1)
    device.release(1)
    device.set_configuration(2)
    device.set_configuration(0)
    device.set_altsetting(1, 3)
    device.clear_halt(0x81)
    device.reset()
    assert kernel.calls == [
        (usbfs.CLAIM_INTERFACE, struct.pack("I", 1)),
        (usbfs.RELEASE_INTERFACE, struct.pack("I", 1)),
        (usbfs.SET_CONFIGURATION, struct.pack("I", 2)),
        (usbfs.SET_CONFIGURATION, struct.pack("I", 0)),
        (usbfs.SET_INTERFACE, struct.pack("II", 1, 3)),
        (usbfs.CLEAR_HALT, struct.pack("I", 0x81)),
        (usbfs.RESET, b""),
    ]


def test_drivers(device: UsbfsTransport, kernel: Kernel) -> None:
    device.detach(1)
    device.attach(1)
    assert [raw for number, raw in kernel.calls if number == usbfs.IOCTL] == [
        struct.pack("IIQ", 1, usbfs.DISCONNECT, 0),
        struct.pack("IIQ", 1, usbfs.CONNECT, 0),
    ]


def test_what_another_program_has_claimed_is_not_taken_from_it(
    device: UsbfsTransport, kernel: Kernel
) -> None:
    kernel.driver = b"usbfs"
    with pytest.raises(UsbFault) as caught:
        device.detach(0)
    assert caught.value.fault is Fault.NOT_FOUND
    assert [number for number, _ in kernel.calls] == [usbfs.GET_DRIVER]


def test_no_driver(device: UsbfsTransport, kernel: Kernel) -> None:
    kernel.driver = b""
    kernel.errors[usbfs.IOCTL] = errno.ENODATA
    with pytest.raises(UsbFault) as caught:
        device.detach(0)
    assert caught.value.fault is Fault.NOT_FOUND


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda d: d.claim(0), "CLAIM_INTERFACE"),
        (lambda d: d.bulk_out(1, b"x", 1), "BULK"),
        (lambda d: d.control_in(0xC0, 1, 0, 0, 1, 1), "CONTROL"),
        (lambda d: d.detach(0), "IOCTL"),
        (lambda d: d.attach(0), "IOCTL"),
        (lambda d: d.set_configuration(1), "SET_CONFIGURATION"),
    ],
)
@pytest.mark.parametrize(
    ("number", "fault"),
    [
        (errno.ENODEV, Fault.GONE),
        (errno.EPROTO, Fault.IO),
        (errno.EILSEQ, Fault.IO),
        (errno.EPIPE, Fault.STALL),
        (errno.ETIMEDOUT, Fault.TIMEOUT),
        (errno.EOVERFLOW, Fault.OVERFLOW),
        (errno.EBUSY, Fault.BUSY),
        (errno.EPERM, Fault.ACCESS),
        (errno.ENOENT, Fault.NOT_FOUND),
        (errno.EINVAL, Fault.NOT_FOUND),
        (errno.ENOMEM, Fault.OTHER),
    ],
)
def test_errors(
    call: Callable[[UsbfsTransport], object],
    name: str,
    number: int,
    fault: Fault,
    device: UsbfsTransport,
    kernel: Kernel,
) -> None:
    kernel.errors[getattr(usbfs, name)] = number
    with pytest.raises(UsbFault) as caught:
        call(device)
    assert caught.value.fault is fault
    assert isinstance(caught.value.__cause__, OSError)


def test_closing_twice(device: UsbfsTransport) -> None:
    device.close()
    device.close()


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOENT, GoneError), (errno.EACCES, AccessError), (errno.ENODEV, GoneError)]
)
def test_nodes_that_cannot_be_opened(number: int, kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, flags: int) -> int:
        assert path == "/dev/bus/usb/001/002"
        raise OSError(number, "no")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(kind, match="19d2:1201 on port 1-1"):
        usbfs.open_node(DEVICE)


@pytest.mark.parametrize(
    ("machine", "there", "usable"),
    [
        ("x86_64", True, True),
        ("armv7l", True, True),
        ("aarch64", True, True),
        ("x86_64", False, False),
        ("mips", True, False),  # OpenWrt's: other numbers
        ("ppc64le", True, False),
    ],
)
def test_where_it_is_usable(
    machine: str, there: bool, usable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = os.uname()
    fake = type("Names", (), {"machine": machine, "sysname": names.sysname})
    monkeypatch.setattr(os, "uname", fake)
    monkeypatch.setattr(usbfs, "FOLDER", str(tmp_path if there else tmp_path / "none"))
    assert usbfs.is_usable() is usable


@pytest.mark.parametrize("usable", [True, False])
def test_the_host_that_udev_starts_with(usable: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """libusb is loaded only where this cannot be used."""
    monkeypatch.setattr(usbfs, "is_usable", lambda: usable)
    monkeypatch.setattr(usbfs, "open_node", lambda device: os.open(os.devnull, os.O_RDONLY))
    loaded: list[str] = []
    monkeypatch.setattr("pymodeswitch.transport.libusb.load_backend", lambda: loaded.append("libusb"))
    monkeypatch.setattr(
        "pymodeswitch.transport.libusb.open_device", lambda backend, device: "through libusb"
    )
    transport: Any = LinuxHost(direct=True).open(DEVICE)
    if usable:
        assert isinstance(transport, UsbfsTransport)
        transport.close()
        assert loaded == []
    else:
        assert (transport, loaded) == ("through libusb", ["libusb"])
