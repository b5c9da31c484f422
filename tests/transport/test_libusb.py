"""The one mapping of pyusb's exceptions, branch by branch, and how libusb is found."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from usb.core import USBError, USBTimeoutError

from pymodeswitch import (
    AccessError,
    BusyError,
    GoneError,
    ModeSwitchError,
    NoLibusbError,
    TransferError,
    UsbId,
)
from pymodeswitch.host import libusb_devices
from pymodeswitch.nouns.model import MBIM
from pymodeswitch.planning.plan import typical_device
from pymodeswitch.transport import libusb as transport
from pymodeswitch.transport.faults import Fault, UsbFault, error_for
from pymodeswitch.transport.libusb import fault_of
from pymodeswitch.virtual import Stick, VirtualBackend, VirtualBus, mbim_mode, mf691, modem_mode
from tests.support.needs import needs

DEVICE = typical_device(UsbId(0x19D2, 0x1201))


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (USBError("No such device", -4, errno.ENODEV), Fault.GONE),
        (USBError("", None, errno.ESHUTDOWN), Fault.GONE),
        (USBError("Input/Output Error", -1, errno.EIO), Fault.IO),
        (USBError("", None, errno.EPROTO), Fault.IO),
        (USBError("Pipe error", -9, errno.EPIPE), Fault.STALL),
        (USBError("timed out", -7, errno.ETIMEDOUT), Fault.TIMEOUT),
        (USBTimeoutError("timed out", -7, None), Fault.TIMEOUT),
        (USBError("Overflow", -8, errno.EOVERFLOW), Fault.OVERFLOW),
        (USBError("Resource busy", -6, errno.EBUSY), Fault.BUSY),
        (USBError("Access denied", -3, errno.EACCES), Fault.ACCESS),
        (USBError("", None, errno.EPERM), Fault.ACCESS),
        (USBError("Entity not found", -5, errno.ENOENT), Fault.NOT_FOUND),
        (NotImplementedError("not supported"), Fault.NOT_SUPPORTED),
        (USBError("Other error", -99, None), Fault.OTHER),
        (USBError("Interrupted", -10, errno.EINTR), Fault.OTHER),
    ],
)
def test_fault_of(error: Exception, fault: Fault) -> None:
    assert fault_of(error) is fault


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.ACCESS, AccessError),
        (Fault.BUSY, BusyError),
        (Fault.GONE, GoneError),
        (Fault.IO, GoneError),
        (Fault.STALL, TransferError),
        (Fault.TIMEOUT, TransferError),
        (Fault.OVERFLOW, TransferError),
        (Fault.NOT_FOUND, TransferError),
        (Fault.NOT_SUPPORTED, TransferError),
        (Fault.OTHER, TransferError),
    ],
)
def test_error_for(fault: Fault, kind: type[ModeSwitchError]) -> None:
    error = error_for(UsbFault(fault, "claim"), DEVICE)
    assert type(error) is kind
    assert "19d2:1201 on port 1-1" in str(error)
    assert "\n" not in str(error)


def test_every_fault_is_covered_above() -> None:
    assert set(Fault) == set(transport.FAULTS.values()) | {
        Fault.NOT_SUPPORTED,
        Fault.OTHER,
    }


def test_snapshot_through_libusb() -> None:
    bus = VirtualBus()
    bus.plug(mf691(), "1-1.4")
    (device,) = libusb_devices.devices(VirtualBackend(bus))
    assert (device.port, str(device.id), device.device_number) == ("1-1.4", "19d2:1201", 2)
    assert (device.manufacturer, device.product, device.serial) == (
        *("ZTE, Incorporated", "USB Storage"),
        "P671A1TMOD010000",
    )
    (interface,) = device.interfaces
    assert (interface.interface_class, interface.bulk_out, interface.bulk_in) == (8, 1, 0x81)


def test_an_interrupt_endpoint_is_no_bulk_endpoint() -> None:
    """Its two lowest bits of bmAttributes are 3, those of a bulk endpoint 2 (USB 2.0, table 9-13)."""
    bus = VirtualBus()
    bus.plug(Stick([modem_mode(0x19D2, 0x1203)]))
    (device,) = libusb_devices.devices(VirtualBackend(bus))
    ends = {i.interface_class: (i.bulk_out is not None, i.bulk_in is not None) for i in device.interfaces}
    assert ends == {0x02: (False, False), 0x0A: (True, True)}


def test_one_configuration_is_no_choice() -> None:
    """Where MBIM is all there is, nothing has to be selected."""
    bus = VirtualBus()
    bus.plug(Stick([mbim_mode(0x12D1, 0x1F1E)]))
    (device,) = libusb_devices.devices(VirtualBackend(bus))
    assert any((i.interface_class, i.subclass) == MBIM for i in device.interfaces)
    assert device.mbim_configuration is None


def test_snapshot_of_a_device_that_may_not_be_opened() -> None:
    bus = VirtualBus()
    bus.plug(mf691(), permitted=False)
    (device,) = libusb_devices.devices(VirtualBackend(bus))
    assert device.configuration == 1
    assert device.interface_class == 8


def test_opening_what_left() -> None:
    bus = VirtualBus()
    backend = VirtualBackend(bus)
    bus.plug(mf691())
    (device,) = libusb_devices.devices(backend)
    bus.unplug("1-1")
    with pytest.raises(GoneError, match="left, or libusb cannot see it"):
        transport.open_device(backend, device)


class NodeBackend:
    """libusb with libusb_wrap_sys_device, which returns a code. closed: handles that were closed."""

    def __init__(self, code: int) -> None:
        self.ctx = None
        self.lib = SimpleNamespace(libusb_wrap_sys_device=lambda context, node, handle: code)
        self.closed: list[object] = []

    def close_device(self, handle: object) -> None:
        self.closed.append(handle)


def open_by_node(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[NodeBackend, int, Callable[[], transport.PyusbTransport]]:
    node = os.open(os.devnull, os.O_RDWR)
    monkeypatch.setattr(transport, "NODES_FOLDER", str(tmp_path))
    monkeypatch.setattr(transport, "open_node", lambda device: node)
    # Where this very stay of a device is shown, and whether it has a node, is this computer's.
    monkeypatch.setattr("pymodeswitch.transport.faults._is_shown", lambda device: False)
    backend = NodeBackend(code)
    return backend, node, lambda: transport.open_device(backend, DEVICE)


def is_open(file: int) -> bool:
    try:
        os.fstat(file)
    except OSError:
        return False
    return True


def test_a_node_is_open_as_long_as_its_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend, node, open_ = open_by_node(0, tmp_path, monkeypatch)
    opened = open_()
    assert is_open(node)
    opened.close()
    opened.close()
    assert (is_open(node), len(backend.closed)) == (False, 1)


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (-1, GoneError, "left before a message was sent"),
        (-3, AccessError, "no permission to open"),
        (-4, GoneError, "left before a message was sent"),
        (-5, TransferError, "open: not found; nothing was sent"),
        (-6, BusyError, "is busy"),
        (-99, TransferError, "open: error; nothing was sent"),
    ],
)
def test_a_node_that_libusb_does_not_take_is_closed(
    code: int, kind: type[ModeSwitchError], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, node, open_ = open_by_node(code, tmp_path, monkeypatch)
    with pytest.raises(kind, match=words):
        open_()
    assert not is_open(node)


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60
    )


@needs("libusb_package", "a distribution has its own libusb")
def test_libusb_of_the_package_is_loaded_without_importing_the_package() -> None:
    done = run_python(
        """
        import sys
        from pymodeswitch.transport.libusb import load_backend
        print("libusb_package" in load_backend().lib._name, "libusb_package" in sys.modules)
        """
    )
    assert done.stdout.split() == ["True", "False"], done.stderr


def test_no_libusb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("usb.backend.libusb1.get_backend", lambda find_library=None: None)
    with pytest.raises(NoLibusbError, match="install the Python package libusb-package") as caught:
        transport.load_backend()
    assert isinstance(caught.value, OSError)


def test_no_libusb_is_one_line_on_the_screen() -> None:
    done = run_python(
        """
        import importlib.util, ctypes, ctypes.util, sys
        importlib.util.find_spec = lambda name: None
        ctypes.util.find_library = lambda name: None
        real = ctypes.CDLL
        def refuse(name, *a, **k):
            if name and "usb" in str(name): raise OSError("no such library")
            return real(name, *a, **k)
        ctypes.CDLL = refuse
        import pymodeswitch.host.linux, pymodeswitch.command.cli
        pymodeswitch.host.linux.Sysfs.exists = lambda self: False
        sys.exit(pymodeswitch.command.cli.main(["19d2:1201"]))
        """
    )
    assert done.returncode == NoLibusbError.exit_code
    assert done.stderr.startswith("pymodeswitch: no libusb-1.0 found")
    assert done.stderr.count("\n") == 1
