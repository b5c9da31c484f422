"""pymodeswitch: flips USB sticks that show up as a fake CD-ROM into the device that they are.

    >>> import pymodeswitch
    >>> result = pymodeswitch.switch(0x19d2, 0x1201)
    >>> result.status, result.after.id, [node.name for node in result.nodes]

Public: `switch` and what it takes, returns and raises. `pymodeswitch.virtual` has sticks without hardware.
"""

import logging

from .errors import (
    AccessError,
    BusyError,
    DeviceFileError,
    GoneError,
    ModeSwitchError,
    NoEntryError,
    NoLibusbError,
    NotAttachedError,
    NotStorageError,
    SettingsError,
    SeveralDevicesError,
    TransferError,
    UnchangedError,
    UnexpectedDeviceError,
    UsageError,
)
from .model import (
    AttachedDevice,
    DeviceFile,
    Diagnostic,
    Entry,
    Interface,
    Node,
    Port,
    Severity,
    Status,
    SwitchResult,
    UsbId,
)
from .settings import Settings
from .switching import Progress, switch

__version__ = "0.1.0"

# A library does not print: whoever wants its log adds a handler.
logging.getLogger(__name__).addHandler(logging.NullHandler())

__all__ = [
    "AccessError",
    "AttachedDevice",
    "BusyError",
    "DeviceFile",
    "DeviceFileError",
    "Diagnostic",
    "Entry",
    "GoneError",
    "Interface",
    "ModeSwitchError",
    "NoEntryError",
    "NoLibusbError",
    "Node",
    "NotAttachedError",
    "NotStorageError",
    "Port",
    "Progress",
    "Settings",
    "SettingsError",
    "SeveralDevicesError",
    "Severity",
    "Status",
    "SwitchResult",
    "TransferError",
    "UnchangedError",
    "UnexpectedDeviceError",
    "UsageError",
    "UsbId",
    "__version__",
    "switch",
]
