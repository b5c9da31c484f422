"""What can go wrong: one root error, one leaf for each meaning, each also the fitting builtin.

Every error carries `exit_code` (what the command exits with; the table is in docs/exit-codes.md) and
`result`, the SwitchResult so far, or None when nothing was looked at yet. Messages are one line.
"""

from __future__ import annotations

# Public, as names of pymodeswitch.
__all__ = [
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
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .model import Diagnostic, SwitchResult


MAX_SHOWN = 60  # characters of what was wrong, in a message


def shown(text: str) -> str:
    """What was wrong, in quotes for a message; cut off where it is long."""
    return repr(text) if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]!r}..."


def printable(text: str) -> str:
    """Control characters as escapes: IDs, paths and strings of devices come from elsewhere."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class ModeSwitchError(Exception):
    """Root of all errors of pymodeswitch."""

    exit_code = 1

    def __init__(self, message: str, *, result: SwitchResult | None = None) -> None:
        super().__init__(message)
        self.result = result


class UsageError(ModeSwitchError, ValueError):
    """An argument that cannot be: a bad ID, port, or number."""

    exit_code = 2


class NotAttachedError(ModeSwitchError, LookupError):
    """No such device is attached, nor one of its targets."""

    exit_code = 3


class SeveralDevicesError(ModeSwitchError, LookupError):
    """Several equal sticks and no port to choose by; `ports` lists them."""

    exit_code = 4

    def __init__(
        self, message: str, *, ports: tuple[str, ...] = (), result: SwitchResult | None = None
    ) -> None:
        super().__init__(message, result=result)
        self.ports = ports


class NoEntryError(ModeSwitchError, LookupError):
    """No device file for this ID (or only one that lists it as a target)."""

    exit_code = 5


class DeviceFileError(ModeSwitchError, ValueError):
    """A device file that cannot be read or used; `diagnostics` says where and why."""

    exit_code = 6

    def __init__(
        self,
        message: str,
        *,
        diagnostics: tuple[Diagnostic, ...] = (),
        result: SwitchResult | None = None,
    ) -> None:
        super().__init__(message, result=result)
        self.diagnostics = diagnostics


class NotStorageError(ModeSwitchError, ValueError):
    """The method needs a mass storage interface and the device has none: is it switched already?"""

    exit_code = 7


class AccessError(ModeSwitchError, PermissionError):
    """The device node may not be opened."""

    exit_code = 8


class BusyError(ModeSwitchError, OSError):
    """Another program or driver holds the interface and does not give it up.

    driver_hangs: it is the storage driver, in a command that the stick does not answer.
    """

    exit_code = 9

    def __init__(
        self, message: str, *, driver_hangs: bool = False, result: SwitchResult | None = None
    ) -> None:
        super().__init__(message, result=result)
        self.driver_hangs = driver_hangs


class AnotherRunError(BusyError):
    """Another run of pymodeswitch is at work on the port."""


class NoLibusbError(ModeSwitchError, OSError):
    """No libusb-1.0 could be loaded."""

    exit_code = 10


class UnchangedError(ModeSwitchError, TimeoutError):
    """The stick is still what it was, after all tries."""

    exit_code = 11


class GoneError(ModeSwitchError, ConnectionError):
    """The stick left its port and did not come back in time."""

    exit_code = 12


class UnexpectedDeviceError(ModeSwitchError, RuntimeError):
    """Something else came back on the port: still a storage device, with another ID."""

    exit_code = 13


class TransferError(ModeSwitchError, OSError):
    """USB failed before any switching message was out."""

    exit_code = 14


class SettingsError(ModeSwitchError, ValueError):
    """The administrator's settings cannot be read, or hold something that they cannot."""

    exit_code = 15


class TooOftenError(ModeSwitchError, RuntimeError):
    """The port was switched as often as is allowed within a minute; `retry_s`: seconds to wait."""

    exit_code = 16

    def __init__(self, message: str, *, retry_s: float = 0.0, result: SwitchResult | None = None) -> None:
        super().__init__(message, result=result)
        self.retry_s = retry_s


class SwitchingOffError(ModeSwitchError, PermissionError):
    """The administrator has turned switching by itself off (`switching = false`, `DisableSwitching=1`)."""

    exit_code = 17


class InstallationError(ModeSwitchError, OSError):
    """Rules, units, pages and completions cannot be installed or removed, or are not as they should be."""

    exit_code = 18


class NotTriedError(ModeSwitchError, PermissionError):
    """Nothing is tried on this device: it looks like a drive of somebody's, or is in use."""

    exit_code = 25


class CaptureError(ModeSwitchError, ValueError):
    """A capture of USB traffic that cannot be read, or is of a kind that is not known."""

    exit_code = 24


def error_for_code(code: int, message: str) -> ModeSwitchError:
    """The error that a command ends with that exit code for; the root error for a code of none."""
    kinds = (kind for kind in ModeSwitchError.__subclasses__() if kind.exit_code == code)
    return next(kinds, ModeSwitchError)(message)


# How the packages come that pymodeswitch needs: by the name of the module, its name on PyPI and on Debian.
PACKAGES = {"usb": ("pyusb", "python3-usb"), "construct": ("construct", "python3-construct")}


def missing_package(error: ImportError) -> NoLibusbError | None:
    """The error for a Python package that is not there; None when it is none of those that are needed."""
    name = (error.name or "").partition(".")[0]
    if name not in PACKAGES:
        return None
    pypi, debian = PACKAGES[name]
    return NoLibusbError(
        f"the Python package {pypi} is missing: install it with `python -m pip install {pypi}`, or your "
        f"system's ({debian} on Debian)"
    )
