"""Before anything is tried: which stick is meant, and whether it may be a drive that somebody needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..catalog.catalog import read_entry
from ..nouns.errors import (
    DeviceFileError,
    NotAttachedError,
    NotStorageError,
    NotTriedError,
    SeveralDevicesError,
)
from ..nouns.model import MASS_STORAGE_CLASS
from ..switching.connector import ports_of
from .drive import look

if TYPE_CHECKING:
    from ..catalog.catalog import Catalog
    from ..nouns.model import AttachedDevice, Port, UsbId
    from ..nouns.protocols import Host
    from .drive import Drive

SCSI_BULK_ONLY = (0x06, 0x50)  # subclass and protocol of a storage interface that takes CBWs
REAL_DRIVE = 64 << 20  # bytes; the disks that sticks pretend to be hold a driver's installer
SCAN_S = 10.0  # the storage driver waits for a second, and a slow stick needs some more
OVERRULED = "--yes-really tries all the same"


def choose(host: Host, catalog: Catalog, usb_id: UsbId | None, port: Port | None) -> AttachedDevice:
    """The one stick that is meant: by ID, by port, or the only storage device that no device file is for.

    NotAttachedError, SeveralDevicesError.
    """
    ports = () if port is None else ports_of(host, port)
    devices = [d for d in host.devices() if (not ports or d.port in ports) and usb_id in (None, d.id)]
    if usb_id is None and port is None:
        devices = [d for d in devices if d.interface_class == MASS_STORAGE_CLASS]
        unknown = [d for d in devices if catalog.choose(d).candidate is None]
        devices = unknown or devices
    if not devices:
        what = " ".join([str(usb_id or "a storage device"), *([f"on port {port}"] if port else [])])
        raise NotAttachedError(f"{what} is not attached")
    if len(devices) > 1:
        names = ", ".join(device.describe() for device in devices)
        raise SeveralDevicesError(
            f"several devices may be meant ({names}): choose with --port",
            ports=tuple(str(device.port) for device in devices),
        )
    return devices[0]


def check(
    host: Host, catalog: Catalog, device: AttachedDevice, *, really: bool, ask: bool
) -> tuple[Drive, list[str]]:
    """What its storage is, and notes for the user. NotStorageError, NotTriedError.

    really: the user insists, whatever it looks like; what is in use is refused even so. ask: it may be
    asked itself where the kernel knows nothing.
    """
    notes = []
    first = device.interfaces[0] if device.interfaces else None
    if first is None or first.interface_class != MASS_STORAGE_CLASS:
        shown = "no class yet" if first is None else f"class 0x{first.interface_class:02x}"
        raise NotStorageError(
            f"{device.describe()} shows {shown}, not mass storage (0x08): already switched?"
        )
    if (first.subclass, first.protocol) != SCSI_BULK_ONLY:
        raise NotStorageError(
            f"{device.describe()} speaks no SCSI over bulk-only transport "
            f"(subclass 0x{first.subclass:02x}, protocol 0x{first.protocol:02x}): no command can be tried"
        )
    notes += _known(catalog, device, really=really)
    if first.driver is None and host.storage_units(device) is not None:
        notes.append("no storage driver has it: the kernel may be told to ignore it")
    elif first.driver is not None:
        _await_units(host, device)
    drive = look(host, device, ask=ask)
    if drive.in_use:
        raise NotTriedError(f"{device.describe()} is in use: {'; '.join(drive.in_use)}: unmount it first")
    if drive.is_disk and drive.size > REAL_DRIVE and not really:
        size = drive.size / 1e9
        raise NotTriedError(
            f"{device.describe()} looks like a real drive, a disk of {size:.1f} GB: "
            f"nothing is tried; {OVERRULED}"
        )
    return drive, notes


def _known(catalog: Catalog, device: AttachedDevice, *, really: bool) -> list[str]:
    """A note on a device file that there is; NotTriedError for what others switch to."""
    candidate = catalog.choose(device).candidate
    if candidate is not None:
        try:
            name = read_entry(candidate).name
        except DeviceFileError as error:
            return [str(error)]
        return [f"there is a device file for it, {name}: `pymodeswitch {device.id}` tries that"]
    sources = catalog.leading_to(device.id)
    if sources and not really:
        names = ", ".join(sorted({str(entry.id) for entry in sources})[:4])
        raise NotTriedError(
            f"{device.describe()} is what {names} switches to: nothing is tried; {OVERRULED}"
        )
    return []


def _await_units(host: Host, device: AttachedDevice) -> None:
    """Wait until the storage driver has looked at it, ten seconds at most."""
    deadline = host.now() + SCAN_S
    while host.storage_units(device) == ():
        left = deadline - host.now()
        now = host.at(device.port)
        if left <= 0 or now is None or not now.same_stay(device):
            return
        host.wait(min(left, 1.0), device.port)
