"""One opened device, and the only place (beside `virtual/`) that knows pyusb.

pyusb's backend interface (`usb.backend.IBackend`) is used, one level below `usb.core.Device`: the
device is opened by bus and number, nothing is claimed or asked behind our back, and a message can go to
any endpoint that a device file names. libusb comes from libusb-package, else from the system.
"""

from __future__ import annotations

import errno
import os
import sys
from _thread import allocate_lock
from array import array

import usb.backend.libusb1
from usb.core import USBError, USBTimeoutError

from ..nouns.errors import GoneError, NoLibusbError
from ..nouns.log import Logger
from ..nouns.model import AttachedDevice
from .faults import FAULTS, Fault, UsbFault, open_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    _T = TypeVar("_T")


NODES_FOLDER = "/dev/bus/usb"


logger = Logger(__name__)

# pyusb keeps one libusb for the process, and does not expect two threads to load it.
_LOADING = allocate_lock()


# enum libusb_error, for the one call that pyusb does not make.
LIBUSB_CODES = {-1: Fault.IO, -3: Fault.ACCESS, -4: Fault.GONE, -5: Fault.NOT_FOUND, -6: Fault.BUSY}


def fault_of(error: Exception) -> Fault:
    """The one mapping of pyusb's exceptions to a meaning."""
    if isinstance(error, NotImplementedError):
        return Fault.NOT_SUPPORTED
    if isinstance(error, USBTimeoutError):
        return Fault.TIMEOUT
    number = getattr(error, "errno", None)
    return Fault.OTHER if number is None else FAULTS.get(number, Fault.OTHER)


class PyusbTransport:
    """A device opened through a pyusb backend. node: file number of its node, where we opened that."""

    def __init__(self, backend: Any, handle: Any, node: int | None = None) -> None:
        self._backend = backend
        self._handle = handle
        self._node = node

    def detach(self, interface: int) -> None:
        self._call("detach", self._backend.detach_kernel_driver, interface)

    def attach(self, interface: int) -> None:
        self._call("attach", self._backend.attach_kernel_driver, interface)

    def claim(self, interface: int) -> None:
        self._call("claim", self._backend.claim_interface, interface)

    def release(self, interface: int) -> None:
        self._call("release", self._backend.release_interface, interface)

    # pyusb's backends ask for an interface number (0 here) and do not use it for these transfers.

    def bulk_out(self, endpoint: int, data: bytes, timeout_ms: int) -> None:
        payload = array("B", data)
        self._call("bulk out", self._backend.bulk_write, endpoint, 0, payload, timeout_ms)

    def bulk_in(self, endpoint: int, length: int, timeout_ms: int) -> bytes:
        buffer = array("B", bytes(length))
        read = self._call("bulk in", self._backend.bulk_read, endpoint, 0, buffer, timeout_ms)
        return buffer[:read].tobytes()

    def interrupt_out(self, endpoint: int, data: bytes, timeout_ms: int) -> None:
        payload = array("B", data)
        self._call("interrupt out", self._backend.intr_write, endpoint, 0, payload, timeout_ms)

    def interrupt_in(self, endpoint: int, length: int, timeout_ms: int) -> bytes:
        buffer = array("B", bytes(length))
        read = self._call("interrupt in", self._backend.intr_read, endpoint, 0, buffer, timeout_ms)
        return buffer[:read].tobytes()

    def clear_halt(self, endpoint: int) -> None:
        self._call("clear halt", self._backend.clear_halt, endpoint)

    def control_out(
        self, request_type: int, request: int, value: int, index: int, data: bytes, timeout_ms: int
    ) -> None:
        self._control(request_type, request, value, index, array("B", data), timeout_ms)

    def control_in(
        self, request_type: int, request: int, value: int, index: int, length: int, timeout_ms: int
    ) -> bytes:
        buffer = array("B", bytes(length))
        read = self._control(request_type, request, value, index, buffer, timeout_ms)
        return buffer[:read].tobytes()

    def _control(self, *arguments: Any) -> int:
        return int(self._call("control request", self._backend.ctrl_transfer, *arguments))

    def set_configuration(self, value: int) -> None:
        self._call("set configuration", self._backend.set_configuration, value)

    def set_altsetting(self, interface: int, altsetting: int) -> None:
        self._call("set interface", self._backend.set_interface_altsetting, interface, altsetting)

    def reset(self) -> None:
        self._call("reset", self._backend.reset_device)

    def close(self) -> None:
        if self._handle is not None:
            self._backend.close_device(self._handle)
            self._handle = None
        if self._node is not None:
            os.close(self._node)
            self._node = None

    def _call(self, what: str, function: Callable[..., _T], *arguments: Any) -> _T:
        return _call(what, function, self._handle, *arguments)


def _call(what: str, function: Callable[..., _T], *arguments: Any) -> _T:
    try:
        return function(*arguments)
    except (USBError, NotImplementedError) as error:
        raise UsbFault(fault_of(error), what) from error


def open_device(backend: Any, device: AttachedDevice) -> PyusbTransport:
    """Open an attached device, by its node where libusb can do that.

    AccessError, BusyError, TransferError; GoneError when it is not there (any more).
    """
    wrap = getattr(getattr(backend, "lib", None), "libusb_wrap_sys_device", None)
    if wrap is not None and os.path.isdir(NODES_FOLDER):
        return _open_node(backend, wrap, device)
    for found in backend.enumerate_devices():
        descriptor = backend.get_device_descriptor(found)
        if (descriptor.bus, descriptor.address) == (device.bus, device.device_number):
            try:
                handle = _call("open", backend.open_device, found)
            except UsbFault as fault:
                raise open_error(fault, device) from fault
            return PyusbTransport(backend, handle)
    raise GoneError(f"{device.describe()} left, or libusb cannot see it")


def open_node(device: AttachedDevice) -> int:
    """The opened node of a device. AccessError, TransferError; GoneError when it is not there."""
    try:
        return os.open(device.node, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        # ENOENT is what a missing /dev/bus/usb gives, and a stick that has just left.
        fault = Fault.GONE if error.errno == errno.ENOENT else FAULTS.get(error.errno or 0, Fault.OTHER)
        raise open_error(UsbFault(fault, "open"), device) from error


class _Handle:
    """What pyusb's backend takes for an opened device."""

    def __init__(self, handle: Any) -> None:
        self.handle = handle


def _open_node(backend: Any, wrap: Any, device: AttachedDevice) -> PyusbTransport:
    """Open this one device (libusb 1.0.23, libusb_wrap_sys_device) instead of looking through all.

    libusb's own list may not have a stick yet that was plugged in just now; one that was built with udev
    never gets it where no udev runs.
    """
    from ctypes import POINTER, byref, c_int, c_ssize_t, c_void_p

    wrap.argtypes, wrap.restype = [c_void_p, c_ssize_t, POINTER(c_void_p)], c_int
    node = open_node(device)
    handle = c_void_p()
    code = wrap(backend.ctx, node, byref(handle))
    if code:
        os.close(node)
        raise open_error(UsbFault(LIBUSB_CODES.get(code, Fault.OTHER), "open"), device)
    return PyusbTransport(backend, _Handle(handle), node)


def load_backend() -> Any:
    """pyusb's libusb-1.0 backend; NoLibusbError when no libusb can be loaded.

    The library of libusb-package is loaded by its path, without importing that package (which costs
    15 ms), else the system's by its name, else by whatever ctypes finds.
    """
    with _LOADING:
        backend = _load_backend()
    if backend is None:
        raise NoLibusbError(
            "no libusb-1.0 found: install the Python package libusb-package, or your system's "
            "libusb (libusb-1.0-0 on Debian)"
        )
    return backend


def _load_backend() -> Any:
    for path in (_packaged_libusb(), "libusb-1.0.so.0"):
        if path is not None:
            backend = usb.backend.libusb1.get_backend(find_library=lambda _, path=path: path)
            if backend is not None:
                logger.debug("libusb: %s", path)
                return backend
    return usb.backend.libusb1.get_backend()


def _packaged_libusb() -> str | None:
    """Where Python would find the package; importlib has a way of asking that takes longer to load."""
    for folder in sys.path:
        for name in ("libusb-1.0.so", "libusb-1.0.dylib", "libusb-1.0.dll"):
            path = os.path.join(folder, "libusb_package", name)
            if os.path.exists(path):
                return path
    return None
