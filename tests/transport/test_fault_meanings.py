"""What each error of the kernel and of libusb means, one by one; and what stays open when one comes."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from pymodeswitch import DeviceFile, GoneError, Settings, Status, UnchangedError, switch
from pymodeswitch.nouns.errors import AccessError, BusyError, TransferError
from pymodeswitch.transport.execution import LEAVING
from pymodeswitch.transport.faults import FAULTS, Fault, UsbFault, error_for
from pymodeswitch.transport.libusb import LIBUSB_CODES, fault_of, open_device
from pymodeswitch.virtual import Leave, VirtualBackend, VirtualBus, message_stick
from pymodeswitch.virtual.backend import usb_error
from tests.support.method_sticks import CISCO_LAST, PRODUCT, VENDOR, target


def test_the_kernels_numbers() -> None:
    assert FAULTS == {
        errno.ENODEV: Fault.GONE,
        errno.ESHUTDOWN: Fault.GONE,
        errno.EIO: Fault.IO,
        errno.EPROTO: Fault.IO,
        errno.EPIPE: Fault.STALL,
        errno.ETIMEDOUT: Fault.TIMEOUT,
        errno.EOVERFLOW: Fault.OVERFLOW,
        errno.EBUSY: Fault.BUSY,
        errno.EACCES: Fault.ACCESS,
        errno.EPERM: Fault.ACCESS,
        errno.ENOENT: Fault.NOT_FOUND,
    }
    for number, fault in FAULTS.items():
        assert fault_of(usb_error(number)) is fault
    assert fault_of(usb_error(errno.EINVAL)) is Fault.OTHER
    assert fault_of(NotImplementedError()) is Fault.NOT_SUPPORTED


def test_libusbs_codes() -> None:
    """enum libusb_error of libusb.h."""
    assert LIBUSB_CODES == {
        -1: Fault.IO,
        -3: Fault.ACCESS,
        -4: Fault.GONE,
        -5: Fault.NOT_FOUND,
        -6: Fault.BUSY,
    }


def test_who_does_not_answer_or_breaks_off_is_leaving() -> None:
    assert set(LEAVING) == {Fault.GONE, Fault.IO}


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.ACCESS, AccessError),
        (Fault.BUSY, BusyError),
        (Fault.GONE, GoneError),
        (Fault.IO, GoneError),
        (Fault.STALL, TransferError),
        (Fault.NOT_FOUND, TransferError),
        (Fault.OTHER, TransferError),
    ],
)
def test_errors_before_anything_is_sent(fault: Fault, error: type[Exception], bus: VirtualBus) -> None:
    from pymodeswitch.host.linux import LibusbHost
    from pymodeswitch.virtual import mf691

    bus.plug(mf691())
    (device,) = LibusbHost(VirtualBackend(bus), bus.clock).devices()
    assert type(error_for(UsbFault(fault, "x"), device)) is error


def test_a_short_csw_is_read_again_for_cisco(bus: VirtualBus, backend: VirtualBackend) -> None:
    """Three reads a message: what is shorter than a CSW is not yet one."""
    bus.plug(message_stick(VENDOR, PRODUCT, CISCO_LAST, target(), None))
    backend.alter_read = lambda data: data[:5]
    with pytest.raises(UnchangedError):
        switch(
            VENDOR,
            PRODUCT,
            backend=backend,
            config=DeviceFile(cisco_mode=True),
            as_written=True,
            settings=Settings(),
            timeout=60,
        )
    kinds = [kind for kind, *_ in backend.transfers if kind in ("in", "out")]
    assert kinds[:4] == ["out", "in", "in", "in"]


class Refusing:
    """A libusb that opens no node."""

    class Library:
        """With the one function that is called."""

        @staticmethod
        def libusb_wrap_sys_device(*_: object) -> int:
            return -3

    lib = Library()
    ctx = None


def test_a_node_that_cannot_be_opened_is_closed(
    bus: VirtualBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pymodeswitch.host.linux import LibusbHost
    from pymodeswitch.transport import libusb
    from pymodeswitch.virtual import mf691

    bus.plug(mf691())
    (device,) = LibusbHost(VirtualBackend(bus), bus.clock).devices()
    node = tmp_path / "node"
    node.write_text("")
    monkeypatch.setattr(libusb, "open_node", lambda device: os.open(node, os.O_RDWR))
    before = len(os.listdir("/proc/self/fd"))

    def wrap(*_: Any) -> int:
        return -3

    with pytest.raises(AccessError):
        libusb._open_node(Refusing(), wrap, device)
    assert len(os.listdir("/proc/self/fd")) == before
    assert callable(open_device)


def test_a_stick_that_breaks_off_is_watched(bus: VirtualBus, backend: VirtualBackend) -> None:
    """EIO on the way out: no further step, and the port decides."""
    from pymodeswitch.virtual import mf691

    bus.plug(mf691(leave=Leave(0.5, silent=True)))
    assert switch(0x19D2, 0x1201, backend=backend).status is Status.SWITCHED
