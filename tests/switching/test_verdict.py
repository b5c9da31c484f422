"""The judge: each way a port can look after a try."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pymodeswitch import AttachedDevice, DeviceFile, Entry, Interface, UsbId
from pymodeswitch.planning.modes import is_in_mode_of
from pymodeswitch.planning.plan import typical_device
from pymodeswitch.switching.verdict import Verdict, judge

INITIAL, TARGET, OTHER = UsbId(0x19D2, 0x1201), UsbId(0x19D2, 0x1203), UsbId(0x19D2, 0x0031)
BEFORE = typical_device(INITIAL)
STORAGE, MODEM, VENDOR = 0x08, 0x02, 0xFF
LISTED = DeviceFile(target_vendor=0x19D2, target_product=0x1203)


def entry(device_file: DeviceFile) -> Entry:
    return Entry(INITIAL, "19d2-1201", "", device_file)


def now(
    usb_id: UsbId, interface_class: int | None, *, number: int = 2, configuration: int = 1
) -> AttachedDevice:
    interfaces = () if interface_class is None else (Interface(0, interface_class),)
    return replace(
        BEFORE, id=usb_id, device_number=number, configuration=configuration, interfaces=interfaces
    )


def beside(usb_id: UsbId, *classes: int) -> AttachedDevice:
    """A new stay with several interfaces."""
    return replace(
        now(usb_id, None),
        interfaces=tuple(Interface(number, klass) for number, klass in enumerate(classes)),
    )


@pytest.mark.parametrize(
    ("seen", "device_file", "verdict"),
    [
        (None, LISTED, Verdict.GONE),
        (BEFORE, LISTED, Verdict.UNCHANGED),
        (now(TARGET, MODEM), LISTED, Verdict.SWITCHED),
        (beside(TARGET, STORAGE, VENDOR), LISTED, Verdict.SWITCHED),  # a card reader in front of a modem
        (now(TARGET, STORAGE), LISTED, Verdict.OTHER_STORAGE),  # nothing but storage is no modem
        (
            now(TARGET, STORAGE),
            DeviceFile(target_vendor=0x19D2, target_product=0x1203, target_class=8),
            Verdict.SWITCHED,
        ),
        (beside(OTHER, STORAGE, VENDOR), LISTED, Verdict.UNLISTED),
        (beside(INITIAL, STORAGE, VENDOR), LISTED, Verdict.UNLISTED),
        (beside(INITIAL, STORAGE, VENDOR), DeviceFile(), Verdict.SWITCHED),
        (now(TARGET, None), LISTED, Verdict.SETTLING),
        (now(OTHER, MODEM), LISTED, Verdict.UNLISTED),
        (now(OTHER, STORAGE), LISTED, Verdict.OTHER_STORAGE),
        (now(INITIAL, STORAGE), LISTED, Verdict.UNCHANGED),  # back as it was
        (now(INITIAL, VENDOR), LISTED, Verdict.UNLISTED),
        (now(OTHER, VENDOR), DeviceFile(target_class=0xFF), Verdict.SWITCHED),
        (now(INITIAL, VENDOR), DeviceFile(target_class=0xFF), Verdict.SWITCHED),
        (now(INITIAL, MODEM), DeviceFile(target_class=0xFF), Verdict.UNLISTED),
        (now(INITIAL, STORAGE), DeviceFile(target_class=0xFF), Verdict.UNCHANGED),
        (now(OTHER, MODEM), DeviceFile(), Verdict.SWITCHED),  # nothing is stated: nothing is unlisted
        (now(OTHER, STORAGE), DeviceFile(), Verdict.OTHER_STORAGE),
        # another configuration of the same stay
        (now(INITIAL, VENDOR, number=1, configuration=2), DeviceFile(), Verdict.SWITCHED),
        (now(INITIAL, STORAGE, number=1, configuration=2), DeviceFile(), Verdict.UNCHANGED),
        (now(INITIAL, None, number=1, configuration=0), LISTED, Verdict.UNCHANGED),
        # a new class without a new stay is no re-enumeration
        (now(INITIAL, VENDOR, number=1), DeviceFile(target_class=0xFF), Verdict.UNCHANGED),
    ],
)
def test_judge(seen: AttachedDevice | None, device_file: DeviceFile, verdict: Verdict) -> None:
    assert judge(BEFORE, seen, entry(device_file)) is verdict


@pytest.mark.parametrize(
    ("device", "device_file", "expected"),
    [
        (now(TARGET, MODEM), LISTED, True),
        (now(INITIAL, STORAGE), LISTED, False),
        (now(OTHER, MODEM), LISTED, False),
        (now(INITIAL, VENDOR), DeviceFile(target_class=0xFF), True),
        (now(INITIAL, STORAGE), DeviceFile(target_class=0xFF), False),
        (now(OTHER, VENDOR), DeviceFile(target_class=0xFF), False),  # any device may have that class
        (now(TARGET, STORAGE), LISTED, False),
        (now(TARGET, None), LISTED, True),  # not configured yet: its ID is all there is
        (now(INITIAL, VENDOR, configuration=2), DeviceFile(configuration=2), True),
        (now(INITIAL, STORAGE, configuration=2), DeviceFile(configuration=2), True),
        (now(INITIAL, STORAGE, configuration=2), DeviceFile(configuration=2, standard_eject=True), False),
        (now(INITIAL, VENDOR), DeviceFile(configuration=2), False),
    ],
)
def test_is_in_mode_of(device: AttachedDevice, device_file: DeviceFile, expected: bool) -> None:
    assert is_in_mode_of(device, device_file, INITIAL) is expected
