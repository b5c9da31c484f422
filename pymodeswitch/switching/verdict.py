"""The verdict: compares what is on the port now with what was on it before. Pure; knows no message.

Only re-enumeration on the same port, or on its peer (connector.py), counts. A write that returned proves
nothing, nor one that failed.
"""

from __future__ import annotations

from ..nouns.errors import GoneError, ModeSwitchError, UnchangedError, UnexpectedDeviceError
from ..nouns.model import MASS_STORAGE_CLASS, AttachedDevice, Entry
from ..nouns.record import TextEnum
from ..planning.modes import is_in_mode_of


class Verdict(TextEnum):
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
    interface 0 is no longer mass storage, or has something new beside it that is none. The same ID and
    classes again, however often it came back, is no switch; nor is another device that shows only storage,
    whatever its ID.
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
    way, target_class = entry.device_file, entry.device_file.target_class
    if is_in_mode_of(now, way, entry.id) or (
        target_class is not None and now.interface_class == target_class
    ):
        return Verdict.SWITCHED
    new = _kinds(now) - _kinds(before)
    if now.id == before.id and now.interface_class == before.interface_class and not new:
        return Verdict.UNCHANGED
    if now.interface_class == MASS_STORAGE_CLASS and not new:
        return Verdict.OTHER_STORAGE
    expected = bool(entry.targets) or target_class is not None
    return Verdict.UNLISTED if expected else Verdict.SWITCHED


def _kinds(device: AttachedDevice) -> set[tuple[int, int, int]]:
    """Class, subclass and protocol of the interfaces that are no storage."""
    return {
        (interface.interface_class, interface.subclass, interface.protocol)
        for interface in device.interfaces
        if interface.interface_class != MASS_STORAGE_CLASS
    }


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
