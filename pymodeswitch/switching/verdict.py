"""The judge: what does the port say, compared with what was on it before? Pure; knows no message.

Only re-enumeration on the same port, or on its peer (connector.py), counts. A write that returned proves
nothing, nor one that failed.
"""

from __future__ import annotations

from ..nouns.errors import GoneError, ModeSwitchError, UnchangedError, UnexpectedDeviceError
from ..nouns.model import MASS_STORAGE_CLASS, MBIM_MODE, AttachedDevice, DeviceFile, Entry, UsbId
from ..nouns.record import Choice


class Verdict(Choice):
    """What a look at the port says; only the first two end the wait."""

    SWITCHED = "switched"
    UNLISTED = "switched, to an ID or class that the device file does not name"
    UNCHANGED = "unchanged"
    GONE = "gone"
    SETTLING = "back, not configured yet"
    OTHER_STORAGE = "another storage device"

    @property
    def is_switch(self) -> bool:
        """Whether the stick has switched."""
        return self in (Verdict.SWITCHED, Verdict.UNLISTED)


def judge(before: AttachedDevice, now: AttachedDevice | None, entry: Entry) -> Verdict:
    """Compare the device that was on the port with what is there now.

    A new enumeration (device number) or another configuration, with a target ID or the target class of
    interface 0, is a switch. Target IDs are hints: any other ID or class is a switch too, unlisted, when
    interface 0 is no longer mass storage. The same ID and class again, however often it came back, is
    no switch; nor is another storage ID.
    """
    if now is None:
        return Verdict.GONE
    new_stay = not now.same_stay(before)
    if not new_stay and now.configuration == before.configuration:
        return Verdict.UNCHANGED
    if not new_stay and now.configuration == entry.device_file.configuration:
        return Verdict.SWITCHED  # the configuration that was to be selected
    if now.interface_class is None:
        return Verdict.SETTLING if new_stay else Verdict.UNCHANGED
    target_class = entry.device_file.target_class
    if now.id in entry.targets or (target_class is not None and now.interface_class == target_class):
        return Verdict.SWITCHED
    if now.id == before.id and now.interface_class == before.interface_class:
        return Verdict.UNCHANGED
    if now.interface_class == MASS_STORAGE_CLASS:
        return Verdict.OTHER_STORAGE
    expected = bool(entry.targets) or target_class is not None
    return Verdict.UNLISTED if expected else Verdict.SWITCHED


def is_target(device: AttachedDevice, entry: Entry, mode: str | None = None) -> bool:
    """Whether an attached device already is what an entry leads to: by its target ID, or its target class.

    mode: only the target of that way of switching counts; None takes those of all ways.
    """
    return any(_is_target_of(device, way, entry.id) for way in entry.device_file.ways_for(mode)) or (
        mode == MBIM_MODE and device.id == entry.id and device.in_mbim_configuration
    )


def _is_target_of(device: AttachedDevice, way: DeviceFile, initial: UsbId) -> bool:
    if device.id in way.targets(initial):
        return True
    is_class = way.target_class is not None and device.interface_class == way.target_class
    return is_class and device.id == initial


def failure(
    verdict: Verdict,
    before: AttachedDevice,
    now: AttachedDevice | None,
    *,
    seconds: float,
    what: str,
) -> ModeSwitchError:
    """The error for a verdict that is no switch, after `seconds`; `what` tells what was tried."""
    bound = f"{seconds:g} s"
    if verdict is Verdict.UNCHANGED:
        return UnchangedError(f"{before.describe()} is unchanged after {bound}; {what}")
    if verdict is Verdict.OTHER_STORAGE and now is not None:
        return UnexpectedDeviceError(f"{before.describe()} came back as {now.id}, still a storage device")
    if verdict is Verdict.SETTLING:
        return GoneError(f"{before.describe()} came back, but was not configured within {bound}")
    return GoneError(f"{before.describe()} left and did not come back within {bound}")


def fell_back(before: AttachedDevice, shown: AttachedDevice, now: AttachedDevice) -> ModeSwitchError:
    """The error for a stick that had switched to `shown`, and left that for something that is no switch."""
    text = f"{before.describe()} switched to {shown.id}, left again and came back as {now.describe()}"
    if now.id == before.id:
        return UnchangedError(f"{text}: it fell back")
    return UnexpectedDeviceError(f"{text}, still a storage device")
