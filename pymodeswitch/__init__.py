"""pymodeswitch: flips USB sticks that show up as a fake CD-ROM into the device that they are.

    >>> import pymodeswitch
    >>> result = pymodeswitch.switch(0x19d2, 0x1201)
    >>> result.status, result.after.id, [node.name for node in result.nodes]

Public: `switch`, `scan`, and what they take, return and raise.
`pymodeswitch.virtual` has sticks without hardware.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .nouns.errors import (
        AccessError,
        BusyError,
        CaptureError,
        DeviceFileError,
        GoneError,
        InstallationError,
        ModeSwitchError,
        NoEntryError,
        NoLibusbError,
        NotAttachedError,
        NotStorageError,
        NotTriedError,
        SettingsError,
        SeveralDevicesError,
        SwitchingOffError,
        TooOftenError,
        TransferError,
        UnchangedError,
        UnexpectedDeviceError,
        UsageError,
    )
    from .nouns.model import (
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
    from .planning.settings import Settings
    from .switching.fleet import Outcome, scan
    from .switching.switch import Progress, switch

__version__ = "0.1.0"

# Loaded when they are asked for: `python -m pymodeswitch --help` needs none of them, and a Ctrl-C while
# they load is answered by the command.
_HOMES = {
    "nouns.errors": (
        "AccessError",
        "BusyError",
        "CaptureError",
        "DeviceFileError",
        "GoneError",
        "InstallationError",
        "ModeSwitchError",
        "NoEntryError",
        "NoLibusbError",
        "NotAttachedError",
        "NotStorageError",
        "NotTriedError",
        "SettingsError",
        "SeveralDevicesError",
        "SwitchingOffError",
        "TooOftenError",
        "TransferError",
        "UnchangedError",
        "UnexpectedDeviceError",
        "UsageError",
    ),
    "switching.fleet": (
        "Outcome",
        "scan",
    ),
    "nouns.model": (
        "AttachedDevice",
        "DeviceFile",
        "Diagnostic",
        "Entry",
        "Interface",
        "Node",
        "Port",
        "Severity",
        "Status",
        "SwitchResult",
        "UsbId",
    ),
    "planning.settings": ("Settings",),
    "switching.switch": (
        "Progress",
        "switch",
    ),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            value = getattr(__import__(module, globals(), fromlist=[name], level=1), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    "AccessError",
    "AttachedDevice",
    "BusyError",
    "CaptureError",
    "DeviceFile",
    "DeviceFileError",
    "Diagnostic",
    "Entry",
    "GoneError",
    "InstallationError",
    "Interface",
    "ModeSwitchError",
    "NoEntryError",
    "NoLibusbError",
    "Node",
    "NotAttachedError",
    "NotStorageError",
    "NotTriedError",
    "Outcome",
    "Port",
    "Progress",
    "Settings",
    "SettingsError",
    "SeveralDevicesError",
    "Severity",
    "Status",
    "SwitchResult",
    "SwitchingOffError",
    "TooOftenError",
    "TransferError",
    "UnchangedError",
    "UnexpectedDeviceError",
    "UsageError",
    "UsbId",
    "__version__",
    "scan",
    "switch",
]
