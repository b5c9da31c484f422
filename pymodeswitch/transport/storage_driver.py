"""The way through the kernel's storage driver, for the case that the way past it is barred.

The driver stays bound, so nothing has to be given back; it builds CBWs of its own around the commands.
"""

from __future__ import annotations

from ..nouns.errors import AccessError, BusyError, GoneError, ModeSwitchError, TransferError
from ..nouns.model import AttachedDevice, StorageUnit
from ..nouns.protocols import Host
from ..nouns.steps import AwaitUnits, ScsiCommand
from .faults import Fault, UsbFault

HANGS = "the storage driver hangs in a command that the stick does not answer"
# Who may open only the nodes needs the sg driver's for a maker's own command, and it comes right behind the
# block device's. Not every system has that driver.
SG_NODE_S = 0.25
CLAIMED = "usbfs"  # what the kernel calls the driver of an interface that a program has claimed


def storage_driver(device: AttachedDevice, interface: int) -> str | None:
    """Name of the kernel's driver of an interface; None where there is none, or nobody can tell."""
    for found in device.interfaces:
        if found.number == interface and found.driver != CLAIMED:
            return found.driver
    return None


def await_units(
    host: Host, device: AttachedDevice, step: AwaitUnits, deadline: float
) -> tuple[StorageUnit, ...]:
    """The units of the step's interface, at least one. TransferError; GoneError for a stick that leaves."""
    start = host.now()
    found_at: float | None = None
    while True:
        units = host.storage_units(device)
        if units is None:
            raise TransferError(f"{device.describe()}: this system has no storage driver to send through")
        found = tuple(unit for unit in units if unit.interface == step.interface)
        if found:
            found_at = host.now() if found_at is None else found_at
            left = found_at + SG_NODE_S - host.now()
            if left <= 0 or all(_has_sg_node(unit) for unit in found):
                return found
            host.wait(left, device.port)
            continue
        now = host.at(device.port)
        if now is None or not now.same_stay(device):
            raise GoneError(f"{device.describe()} left before a message was sent")
        driver = storage_driver(now, step.interface)
        bound_ms = step.timeout_ms if driver else step.driver_ms
        left = min(deadline, start + bound_ms / 1000) - host.now()
        if left <= 0:
            what = f"has not scanned it ({driver})" if driver else "is not bound"
            raise TransferError(f"{device.describe()}: the storage driver {what}; nothing was sent")
        host.wait(left, device.port)


def _has_sg_node(unit: StorageUnit) -> bool:
    return any(name.startswith("sg") for name, _ in unit.nodes)


def send_to_unit(
    host: Host, device: AttachedDevice, units: tuple[StorageUnit, ...], step: ScsiCommand
) -> None:
    """One command; UsbFault, NOT_FOUND where the stick has no such unit."""
    for unit in units:
        if unit.lun == step.lun:
            host.send_scsi(device, unit, step.cdb, step.length, step.timeout_ms)
            return
    raise UsbFault(Fault.NOT_FOUND, f"no unit with LUN {step.lun}")


def error_for_hang(device: AttachedDevice, more: str = "") -> BusyError:
    """The public error for a driver that hangs: who joins it waits, too. more: what was done about it."""
    text = f"{device.describe()}: {HANGS}{more}; unplug the stick (nothing was sent)"
    return BusyError(text, driver_hangs=True)


def error_for_refusal(fault: UsbFault, device: AttachedDevice) -> ModeSwitchError:
    """The public error for commands that were all refused."""
    where = f"{device.describe()}, through the storage driver"
    if fault.fault is Fault.ACCESS:
        return AccessError(f"no permission: {where}: {fault}; run as root, or in the group of that node")
    if fault.fault is Fault.BUSY:
        return BusyError(f"{where}: {fault}; nothing was sent")
    return TransferError(f"{where}: {fault}; nothing was sent")
