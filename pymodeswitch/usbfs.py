"""One opened device past libusb: the kernel's own interface, for what udev starts.

Loading pyusb and libusb takes 30 ms, and on a small board half a second: then usb-storage has begun its
scan before the first message is out. These are the same calls as libusb's, to the kernel directly.
Sources: include/uapi/linux/usbdevice_fs.h and drivers/usb/core/devio.c of Linux; what libusb's
os/linux_usbfs.c makes of their errors. Machines with other numbers for these calls go through pyusb.
"""

from __future__ import annotations

import errno
import os
import sys

from .nouns.model import AttachedDevice
from .transport.faults import FAULTS, Fault, UsbFault, open_error

FOLDER = "/dev/bus/usb"

# Machines that number ioctls as asm-generic/ioctl.h does; mips, ppc, sparc, alpha and parisc do not.
MACHINES = ("x86_64", "i386", "i486", "i586", "i686", "aarch64", "arm", "riscv64", "loongarch64", "s390x")

POINTER = 8 if sys.maxsize > 1 << 32 else 4
NONE, WRITE, READ = 0, 1, 2


def _number(direction: int, number: int, size: int = 0) -> int:
    return direction << 30 | size << 16 | ord("U") << 8 | number


CONTROL = _number(READ | WRITE, 0, 24 if POINTER == 8 else 16)
BULK = _number(READ | WRITE, 2, 24 if POINTER == 8 else 16)
SET_INTERFACE = _number(READ, 4, 8)
SET_CONFIGURATION = _number(READ, 5, 4)
GET_DRIVER = _number(WRITE, 8, 260)
CLAIM_INTERFACE = _number(READ, 15, 4)
RELEASE_INTERFACE = _number(READ, 16, 4)
IOCTL = _number(READ | WRITE, 18, 8 + POINTER)
RESET = _number(NONE, 20)
CLEAR_HALT = _number(READ, 21, 4)
DISCONNECT = _number(NONE, 22)
CONNECT = _number(NONE, 23)

OWN = b"usbfs"  # the driver of an interface that a program has claimed

# Beside those that libusb passes on as they are.
ODD_FAULTS = {errno.ENODATA: Fault.NOT_FOUND, errno.EINVAL: Fault.NOT_FOUND, errno.EILSEQ: Fault.IO}


def is_usable() -> bool:
    """Whether this system has the kernel's interface, with the numbers that are known here."""
    machine = os.uname().machine
    return (machine in MACHINES or machine.startswith("armv")) and os.path.isdir(FOLDER)


class UsbfsTransport:
    """A device by its opened node; `Transport` in faults.py describes the methods."""

    def __init__(self, node: int) -> None:
        from fcntl import ioctl  # not on every system, and this is Linux

        self._node = node
        self._ioctl = ioctl

    def detach(self, interface: int) -> None:
        """What another program has claimed is not taken from it, as with libusb."""
        if self._driver(interface) == OWN:
            raise UsbFault(Fault.NOT_FOUND, "detach")
        self._to_driver("detach", interface, DISCONNECT)

    def attach(self, interface: int) -> None:
        if not self._to_driver("attach", interface, CONNECT):
            raise UsbFault(Fault.NOT_FOUND, "attach")

    def claim(self, interface: int) -> None:
        self._call("claim", CLAIM_INTERFACE, _uint(interface))

    def release(self, interface: int) -> None:
        self._call("release", RELEASE_INTERFACE, _uint(interface))

    def bulk_out(self, endpoint: int, data: bytes, timeout_ms: int) -> None:
        self._bulk("bulk out", endpoint, data, timeout_ms)

    def bulk_in(self, endpoint: int, length: int, timeout_ms: int) -> bytes:
        return self._bulk("bulk in", endpoint, bytes(length), timeout_ms)

    def interrupt_out(self, endpoint: int, data: bytes, timeout_ms: int) -> None:
        self._bulk("interrupt out", endpoint, data, timeout_ms)

    def interrupt_in(self, endpoint: int, length: int, timeout_ms: int) -> bytes:
        return self._bulk("interrupt in", endpoint, bytes(length), timeout_ms)

    def clear_halt(self, endpoint: int) -> None:
        self._call("clear halt", CLEAR_HALT, _uint(endpoint))

    def control_out(
        self, request_type: int, request: int, value: int, index: int, data: bytes, timeout_ms: int
    ) -> None:
        self._control(request_type, request, value, index, data, timeout_ms)

    def control_in(
        self, request_type: int, request: int, value: int, index: int, length: int, timeout_ms: int
    ) -> bytes:
        return self._control(request_type, request, value, index, bytes(length), timeout_ms)

    def set_configuration(self, value: int) -> None:
        self._call("set configuration", SET_CONFIGURATION, _uint(value))

    def set_altsetting(self, interface: int, altsetting: int) -> None:
        self._call("set interface", SET_INTERFACE, _uint(interface) + _uint(altsetting))

    def reset(self) -> None:
        self._call("reset", RESET, b"")

    def close(self) -> None:
        if self._node >= 0:
            os.close(self._node)
            self._node = -1

    def _bulk(self, what: str, endpoint: int, data: bytes, timeout_ms: int) -> bytes:
        """One transfer; the kernel reads the endpoint's kind in its descriptor. Returns what was read."""
        buffer = bytearray(data)
        head = _uint(endpoint) + _uint(len(buffer)) + _uint(timeout_ms)
        count = self._call(what, BULK, _with_pointer(head, buffer))
        return bytes(buffer[:count])

    def _control(
        self, request_type: int, request: int, value: int, index: int, data: bytes, timeout_ms: int
    ) -> bytes:
        buffer = bytearray(data)
        head = bytes([request_type, request]) + b"".join(
            number.to_bytes(2, sys.byteorder) for number in (value, index, len(buffer))
        )
        packed = _with_pointer(head + _uint(timeout_ms), buffer)
        count = self._call("control request", CONTROL, packed)
        return bytes(buffer[:count])

    def _driver(self, interface: int) -> bytes:
        """Name of the driver that an interface has; empty for none."""
        request = bytearray(_uint(interface) + bytes(256))
        try:
            self._ioctl(self._node, GET_DRIVER, request)
        except OSError:  # ENODATA: there is none; of others the next call will tell
            return b""
        return bytes(request[4:]).partition(b"\0")[0]

    def _to_driver(self, what: str, interface: int, code: int) -> int:
        head = _uint(interface) + _uint(code)
        return self._call(what, IOCTL, head + bytes(POINTER))

    def _call(self, what: str, code: int, request: bytes) -> int:
        try:
            # Of a bytearray the kernel's own answer is returned, of bytes a copy.
            return self._ioctl(self._node, code, bytearray(request) if request else 0)
        except OSError as error:
            number = error.errno or 0
            fault = ODD_FAULTS.get(number) or FAULTS.get(number, Fault.OTHER)
            raise UsbFault(fault, what) from error


def _uint(number: int) -> bytes:
    return number.to_bytes(4, sys.byteorder)


def _with_pointer(head: bytes, buffer: bytearray) -> bytes:
    """The request with the address of its data behind it, where the compiler of the kernel puts it.

    The buffer has to live, and to keep its length, until the kernel has answered.
    """
    # The part of ctypes in C is all that is needed; `ctypes` itself, or `array`, take 2 ms to load.
    import _ctypes

    class Byte(_ctypes._SimpleCData):  # type: ignore[type-arg]  # ctypes.c_ubyte
        _type_ = "B"

    address = _ctypes.addressof((Byte * len(buffer)).from_buffer(buffer)) if buffer else 0
    return head.ljust(-(-len(head) // POINTER) * POINTER, b"\0") + address.to_bytes(POINTER, sys.byteorder)


def open_node(device: AttachedDevice) -> int:
    """The opened node of a device. AccessError, TransferError; GoneError when it is not there."""
    try:
        return os.open(device.node, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        # ENOENT is what a missing /dev/bus/usb gives, and a stick that has just left.
        fault = Fault.GONE if error.errno == errno.ENOENT else FAULTS.get(error.errno or 0, Fault.OTHER)
        raise open_error(UsbFault(fault, "open"), device) from error
