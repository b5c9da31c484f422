"""The steps of an entry, carried out by the kernel's own calls, past libusb: loading that takes too long.

Sources: include/uapi/linux/usbdevice_fs.h and drivers/usb/core/devio.c of Linux. What a fault means, and
what comes after it, is as in transport/execution.py.
"""

import errno
import posix
import sys
from time import monotonic, sleep

from .plugged_stick import Interface, PluggedStick

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

MOST_S = 10.0  # for all transfers together
TRANSFER_MS, CONTROL_MS = 3000, 1000  # for one; as in nouns/steps.py

# Machines that number ioctls as asm-generic/ioctl.h does; mips, ppc, sparc, alpha and parisc do not.
MACHINES = ("x86_64", "i386", "i486", "i586", "i686", "aarch64", "arm", "riscv64", "loongarch64", "s390x")
POINTER = 8 if sys.maxsize > 1 << 32 else 4
WRITE, READ = 1 << 30, 2 << 30


def _code(direction: int, number: int, size: int) -> int:
    return direction | size << 16 | ord("U") << 8 | number


CONTROL = _code(READ | WRITE, 0, 24 if POINTER == 8 else 16)
BULK = _code(READ | WRITE, 2, 24 if POINTER == 8 else 16)
SET_INTERFACE = _code(READ, 4, 8)
SET_CONFIGURATION = _code(READ, 5, 4)
GET_DRIVER = _code(WRITE, 8, 260)
CLAIM_INTERFACE = _code(READ, 15, 4)
RELEASE_INTERFACE = _code(READ, 16, 4)
IOCTL = _code(READ | WRITE, 18, 8 + POINTER)
RESET = _code(0, 20, 0)
CLEAR_HALT = _code(READ, 21, 4)
DISCONNECT = _code(0, 22, 0)

LEAVING = (errno.ENODEV, errno.ESHUTDOWN, errno.EIO, errno.EPROTO)
UNBOUND = (errno.ENODATA, errno.ENOTTY, errno.EINVAL)  # of an interface without a driver
STILL_THERE = (errno.EPIPE, errno.EOVERFLOW)  # with these it still speaks, and gets the next message
# How a CSW is looked for that comes late, or behind something else; as in transport/execution.py.
CSW_SIGNATURE, MORE_READS, MORE_MS, LARGEST_PACKET = b"USBS", 3, 500, 1024
REFUSED = (errno.EBUSY, errno.EACCES, errno.EPERM)
OWN = "usbfs"  # the driver of an interface that a program has claimed


def is_usable() -> bool:
    """Whether this machine has the numbers that are known here."""
    machine = posix.uname().machine
    return machine in MACHINES or machine.startswith("armv")


class Device:
    """An opened device. node: its file. call: ioctl(2).

    started: something that may switch it was tried. error: the last error number, 0 for none.
    """

    def __init__(self, stick: PluggedStick, node: int, call: "Callable[..., int]") -> None:
        self._stick = stick
        self._node = node
        self._ioctl = call
        self._until = monotonic() + MOST_S
        self._claimed: list[int] = []
        self._tag: bytes | None = None  # dCBWTag of the last message that got through
        self._has_left = self._has_ended = False
        self.started = False
        self.error = 0

    def drivers(self) -> dict[int, str]:
        """The interfaces that have a driver, by its name."""
        found = {}
        for interface in self._stick.interfaces:
            request = bytearray(_uint(interface.number) + bytes(256))
            try:
                self._ioctl(self._node, GET_DRIVER, request)
            except OSError:  # ENODATA: there is none; of others the next call will tell
                continue
            found[interface.number] = bytes(request[4:]).partition(b"\0")[0].decode("ascii", "replace")
        return found

    def carry_out(self, words: list[str]) -> None:
        """The steps of an entry. What a device does that is just leaving is no error."""
        for word in words:
            name, _, value = word.partition("=")
            is_late = self.started and monotonic() >= self._until
            if self._has_left or ((self._has_ended or is_late) and name != "release"):
                continue
            try:
                STEPS[name](self, *value.split(",") if value else ())
            except OSError as error:
                self.error = error.errno or errno.EIO
                if not self.started:
                    return
                self._has_left = self.error in LEAVING
                self._has_ended = self._has_ended or (name == "status" and self.error not in STILL_THERE)

    def detach(self) -> None:
        """Every interface: claiming, and SET_CONFIGURATION, fail while any of them has a driver."""
        for number in self.drivers():
            try:
                self._call(IOCTL, _uint(number) + _uint(DISCONNECT) + bytes(POINTER))
            except OSError as error:
                if error.errno not in UNBOUND:
                    self.error = error.errno or 0  # claiming will tell whether it matters

    def claim(self, number: str) -> None:
        """Claim an interface; `first` is the first one."""
        interface = self._interface(number).number
        self._call(CLAIM_INTERFACE, _uint(interface))
        self._claimed.append(interface)

    def release(self, number: str) -> None:
        """Give it back."""
        interface = self._interface(number).number
        if interface in self._claimed:
            self._claimed.remove(interface)
            self._call(RELEASE_INTERFACE, _uint(interface))

    def out(self, endpoint: str, number: str, data: str) -> None:
        """A message to an endpoint, or to the first one. A stall is cleared and it is sent again, once."""
        address = self._endpoint(endpoint, number, "bulk_out")
        message = bytearray.fromhex(data)
        self.started, self._tag = True, None
        try:
            self._bulk(address, message)
        except OSError as error:
            if error.errno != errno.EPIPE:
                raise
            self._clear(address)
            self._bulk(address, message)
        self._tag = bytes(message[4:8])

    def status(self, endpoint: str, number: str, length: str, tries: str) -> None:
        """Read a CSW. Whatever comes, or does not, proves nothing; what is not the last one's is read away."""
        address = self._endpoint(endpoint, number, "bulk_in")
        most, most_ms, last = int(length), TRANSFER_MS, 0
        for left in reversed(range(int(tries) + MORE_READS)):
            buffer = bytearray(most)
            try:
                read = self._bulk(address, buffer, most_ms)
            except OSError as error:
                last = error.errno or errno.EIO
                if last == errno.EPIPE:
                    self._clear(address)
                elif last == errno.EOVERFLOW:
                    most = LARGEST_PACKET
                elif last in LEAVING or left <= MORE_READS:
                    break
            else:
                last = 0
                if self._tag is None or buffer[:read].startswith(CSW_SIGNATURE + self._tag):
                    break
            if left <= MORE_READS:
                most_ms = MORE_MS
            if monotonic() >= self._until:
                break
        if last:
            raise OSError(last, "no CSW")

    def clear(self, endpoint: str, number: str, kind: str) -> None:
        """Clear the halt of an endpoint; errors are harmless."""
        self._clear(self._endpoint(endpoint, number, kind))

    def wait(self, milliseconds: str) -> None:
        """A pause that the entry, or the reference, has."""
        sleep(max(0.0, min(int(milliseconds) / 1000, self._until - monotonic())))

    def control(self, kind: str, request: str, value: str, index: str, length: str, data: str = "") -> None:
        """A control request; wIndex may be the `first` interface."""
        self.started = True
        place = self._interface(index).number if index == "first" else int(index)
        payload = bytearray(bytes.fromhex(data) or int(length))
        head = bytes((int(kind), int(request))) + b"".join(
            part.to_bytes(2, sys.byteorder) for part in (int(value), place, len(payload))
        )
        self._call(CONTROL, _with_pointer(head + _uint(self._bound(CONTROL_MS)), payload))

    def set_configuration(self, value: str) -> None:
        """SET_CONFIGURATION: the first one tells whether it is allowed at all."""
        try:
            self._call(SET_CONFIGURATION, _uint(int(value)))
        except OSError as error:
            self.started = self.started or error.errno not in REFUSED
            raise
        self.started = True

    def set_interface(self, number: str, setting: str) -> None:
        """SET_INTERFACE on a claimed interface."""
        self.started = True
        self._call(SET_INTERFACE, _uint(self._interface(number).number) + _uint(int(setting)))

    def reset(self) -> None:
        """Reset the port."""
        self.started = True
        self._call(RESET, b"")

    def _interface(self, number: str) -> Interface:
        found = self._stick.interface(number)
        if found is None:
            raise OSError(errno.ENOENT, "no such interface")
        return found

    def _endpoint(self, endpoint: str, number: str, kind: str) -> int:
        if endpoint != "first":
            return int(endpoint)
        interface = self._interface(number)
        address = interface.bulk_out if kind == "bulk_out" else interface.bulk_in
        if address is None:
            raise OSError(errno.ENOENT, "no such endpoint")
        return address

    def _bound(self, most_ms: int) -> int:
        return max(1, min(most_ms, int((self._until - monotonic()) * 1000)))

    def _clear(self, address: int) -> None:
        try:
            self._call(CLEAR_HALT, _uint(address))
        except OSError as error:
            if error.errno in LEAVING:
                raise

    def _bulk(self, address: int, buffer: bytearray, most_ms: int = TRANSFER_MS) -> int:
        """One transfer; returns its length."""
        head = _uint(address) + _uint(len(buffer)) + _uint(self._bound(most_ms))
        return self._call(BULK, _with_pointer(head, buffer))

    def _call(self, code: int, request: bytes) -> int:
        # Of a bytearray the kernel's own answer is returned, of bytes a copy.
        return self._ioctl(self._node, code, bytearray(request) if request else 0)


STEPS: "dict[str, Callable[..., None]]" = {
    "detach": Device.detach,
    "claim": Device.claim,
    "release": Device.release,
    "out": Device.out,
    "status": Device.status,
    "clear": Device.clear,
    "wait": Device.wait,
    "control": Device.control,
    "set-configuration": Device.set_configuration,
    "set-interface": Device.set_interface,
    "reset": Device.reset,
}


BYTE: "list[Any]" = []  # the class of one, once it was needed


def _uint(number: int) -> bytes:
    return number.to_bytes(4, sys.byteorder)


def _with_pointer(head: bytes, buffer: bytearray) -> bytes:
    """The request with the address of its data behind it, where the compiler of the kernel puts it.

    The buffer has to live, and to keep its length, until the kernel has answered.
    """
    import _ctypes  # the part in C is all that is needed; few starts get this far

    if not BYTE:  # a class for each transfer would be much garbage in a judge

        class Byte(_ctypes._SimpleCData):  # type: ignore[type-arg]  # ctypes.c_ubyte
            _type_ = "B"

        BYTE.append(Byte)
    address = _ctypes.addressof((BYTE[0] * len(buffer)).from_buffer(buffer)) if buffer else 0
    return head.ljust(-(-len(head) // POINTER) * POINTER, b"\0") + address.to_bytes(POINTER, sys.byteorder)
