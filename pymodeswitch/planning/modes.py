"""Whose mode an attached device is in: which way of an entry leads to what it shows. Pure."""

from __future__ import annotations

from ..device_files.keys import SPECIAL_METHODS
from ..nouns.model import MASS_STORAGE_CLASS, MBIM_MODE, AttachedDevice, DeviceFile, Entry, UsbId

MBIM_WAY = DeviceFile(mode=MBIM_MODE)


def shows_only_storage(device: AttachedDevice) -> bool:
    """Whether all that a configured device shows is mass storage."""
    return bool(device.interfaces) and all(
        interface.interface_class == MASS_STORAGE_CLASS for interface in device.interfaces
    )


def is_in_mode_of(device: AttachedDevice, way: DeviceFile, initial: UsbId) -> bool:
    """Whether a device is what one way of switching leads to.

    By a target ID, or, with the ID unchanged, by the target class or the configuration. What shows only
    storage has not switched, whatever its ID (19d2:1405 is a modem's, and a CD's), unless the way says so.
    """
    if way.target_class == MASS_STORAGE_CLASS or not shows_only_storage(device):
        if device.id in way.targets(initial):
            return True
        if device.id == initial and way.target_class is not None:
            return device.interface_class == way.target_class
    if device.id != initial or not way.configuration or way.target_class is not None:
        return False
    return device.configuration == way.configuration and not _sends(way)


def _sends(way: DeviceFile) -> bool:
    """Whether a way does anything beside selecting a configuration."""
    special = any(getattr(way, key.attribute) for key in SPECIAL_METHODS)
    return special or way.standard_eject or bool(way.messages)


def way_of(device: AttachedDevice, entry: Entry, mode: str | None = None) -> DeviceFile | None:
    """The way of an entry whose mode a device is in, None when in none. mode: only that one counts."""
    for way in entry.device_file.ways_for(mode):
        if is_in_mode_of(device, way, entry.id):
            return way
    if mode in (None, MBIM_MODE) and device.id == entry.id and device.in_mbim_configuration:
        return MBIM_WAY
    return None
