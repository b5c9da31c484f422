"""What may go wrong in a USB call, by meaning, and the public error for it."""

from __future__ import annotations

import errno
import os

from ..nouns.errors import AccessError, BusyError, GoneError, ModeSwitchError, TransferError
from ..nouns.model import AttachedDevice, UsbId
from ..nouns.record import TextEnum

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Fault(TextEnum):
    """What went wrong in a USB call, by meaning."""

    GONE = "the device left"
    IO = "the transfer broke off"
    STALL = "stall"
    TIMEOUT = "timeout"
    OVERFLOW = "more data than asked for"
    BUSY = "busy"
    ACCESS = "not permitted"
    NOT_FOUND = "not found"
    NOT_SUPPORTED = "not supported here"
    OTHER = "error"


FAULTS = {
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


class UsbFault(Exception):
    """A USB call failed; `fault` says how. The cause is pyusb's exception."""

    def __init__(self, fault: Fault, what: str) -> None:
        super().__init__(f"{what}: {fault.value}")
        self.fault = fault


def error_for(fault: UsbFault, device: AttachedDevice) -> ModeSwitchError:
    """The public error for a fault that came before any message was out."""
    match fault.fault:
        case Fault.ACCESS:
            return AccessError(
                f"no permission to open {device.node} ({device.describe()}): run as root, or allow it "
                f"with the udev rule {access_rule(device.id)}"
            )
        case Fault.BUSY:
            return BusyError(
                f"{device.describe()} is busy: another program or driver holds it "
                "(is it mounted, or open in a virtual machine?)"
            )
        case Fault.GONE | Fault.IO:
            return GoneError(f"{device.describe()} left before a message was sent")
    return TransferError(f"{device.describe()}: {fault}; nothing was sent")


def access_rule(device_id: UsbId) -> str:
    """The udev rule that lets the user at the seat open a device."""
    return (
        f'SUBSYSTEM=="usb", ATTR{{idVendor}}=="{device_id.vendor:04x}", '
        f'ATTR{{idProduct}}=="{device_id.product:04x}", TAG+="uaccess"'
    )


def open_error(fault: UsbFault, device: AttachedDevice) -> ModeSwitchError:
    """The public error for a device that cannot be opened."""
    # "No device" is also what comes when the system shows the device and has no node for it.
    if fault.fault is Fault.GONE and _is_shown(device) and not os.path.exists(device.node):
        return AccessError(
            f"{device.node} ({device.describe()}) does not exist: is /dev/bus/usb missing "
            "in this container?"
        )
    return error_for(fault, device)


def _is_shown(device: AttachedDevice) -> bool:
    """Whether Linux still shows this very stay of a device."""
    try:
        with open(f"/sys/bus/usb/devices/{device.port}/devnum", encoding="ascii") as file:
            return int(file.read()) == device.device_number
    except (OSError, ValueError):  # it left, or this is not Linux
        return False


def met_by(call: Callable[..., object], *arguments: object) -> UsbFault | None:
    """Make a call whose failure decides nothing; returns what it met."""
    try:
        call(*arguments)
    except UsbFault as error:
        return error
    return None
