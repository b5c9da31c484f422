"""Plans, step by step, against what the reference does on the wire."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pymodeswitch import DeviceFile, DeviceFileError, Interface, NotStorageError, UsbId
from pymodeswitch.nouns.steps import (
    AwaitReturn,
    BulkOut,
    Claim,
    ClearHalt,
    Control,
    Detach,
    Pause,
    ReadStatus,
    Release,
    Reset,
    SetConfiguration,
)
from pymodeswitch.planning import messages as m
from pymodeswitch.planning.messages import STANDARD_EJECT
from pymodeswitch.planning.plan import make_plan, typical_device

ROCKET = UsbId(0x19D2, 0x1201)
DEVICE = typical_device(ROCKET)
CBW = bytes.fromhex("5553424392020000000000000000061b000000020000000000000000000000")
NOT_A_CBW = bytes.fromhex("0f00010142")


def messages_plan(*contents: bytes) -> tuple[object, ...]:
    """What the message methods do around their messages."""
    middle: list[object] = []
    for content in contents:
        middle.append(BulkOut(1, content, 3000))
        if content[:4] == b"USBC":
            middle.append(ReadStatus(0x81, 13, 3000))
    after = (ClearHalt(0x81), ClearHalt(1), Pause(50, "the last answer"), Release(0))
    return (Detach(), Claim(0), *middle, *after)


@pytest.mark.parametrize(
    ("device_file", "method", "contents"),
    [
        (DeviceFile(standard_eject=True), "StandardEject", m.STANDARD_EJECT),
        (
            DeviceFile(standard_eject=True, message_content=CBW, message_content2=NOT_A_CBW),
            "StandardEject",
            (*m.STANDARD_EJECT, CBW),
        ),
        (DeviceFile(message_content=CBW), "MessageContent", (CBW,)),
        (
            DeviceFile(message_content=CBW, message_content2=NOT_A_CBW, message_content3=CBW),
            "MessageContent",
            (CBW, NOT_A_CBW, CBW),
        ),
        (DeviceFile(huawei_new_mode=True), "HuaweiNewMode", m.HUAWEI_NEW_MODE),
        (DeviceFile(huawei_new_mode=True, standard_eject=True), "HuaweiNewMode", m.HUAWEI_NEW_MODE),
        (DeviceFile(huawei_alt_mode=True), "HuaweiAltMode", m.HUAWEI_ALT_MODE),
        (DeviceFile(option_mode=True), "OptionMode", m.OPTION_MODE),
    ],
)
def test_message_methods(device_file: DeviceFile, method: str, contents: tuple[bytes, ...]) -> None:
    plan = make_plan(device_file, DEVICE)
    assert plan.method == method
    assert plan.steps == messages_plan(*contents)


def test_detach_storage_only() -> None:
    assert make_plan(DeviceFile(detach_storage_only=True), DEVICE).steps == (Detach(),)


def test_configuration_zero_does_nothing_on_purpose() -> None:
    assert make_plan(DeviceFile(configuration=0, standard_eject=True), DEVICE).steps == ()


def test_waits_of_the_device_file() -> None:
    device_file = DeviceFile(message_content=CBW, wait_before_s=2, release_delay_ms=4000)
    steps = make_plan(device_file, DEVICE).steps
    assert isinstance(steps[0], Pause)
    assert steps[0].milliseconds == 2000
    assert steps[-2:] == (Pause(4000, "ReleaseDelay"), Release(0))


def test_endpoints_of_the_device_file() -> None:
    device_file = DeviceFile(message_content=CBW, message_endpoint=0x05, response_endpoint=0x86)
    steps = make_plan(device_file, DEVICE).steps
    assert BulkOut(5, CBW) in steps
    assert ReadStatus(0x86) in steps
    assert ClearHalt(0x86) in steps


def test_interface_of_the_device_file() -> None:
    second = Interface(3, 8, 6, 0x50, bulk_out=4, bulk_in=0x84)
    device = replace(DEVICE, interfaces=(*DEVICE.interfaces, second))
    steps = make_plan(DeviceFile(standard_eject=True, interface=3), device).steps
    assert Claim(3) in steps
    assert BulkOut(4, m.STANDARD_EJECT[0]) in steps
    with pytest.raises(DeviceFileError, match="Interface=0x07"):
        make_plan(DeviceFile(standard_eject=True, interface=7), device)


def test_a_plain_message_needs_no_answer_endpoint() -> None:
    hid = replace(DEVICE, interfaces=(Interface(0, 3),))
    steps = make_plan(DeviceFile(message_content=NOT_A_CBW, message_endpoint=1), hid).steps
    assert steps[2:4] == (BulkOut(1, NOT_A_CBW), ClearHalt(1))


@pytest.mark.parametrize(
    ("interface", "message"),
    [
        (Interface(0, 8, bulk_in=0x81), "no bulk OUT endpoint: give it with MessageEndpoint"),
        (Interface(0, 8, bulk_out=1), "no bulk IN endpoint: give it with ResponseEndpoint"),
    ],
)
def test_missing_endpoints(interface: Interface, message: str) -> None:
    device = replace(DEVICE, interfaces=(interface,))
    with pytest.raises(DeviceFileError, match=message):
        make_plan(DeviceFile(standard_eject=True), device)


@pytest.mark.parametrize(
    ("device_class", "interface_class", "allowed"),
    [
        (0x00, 0x08, True),
        (0xEF, 0x08, True),
        (0x08, 0x08, True),
        (0x02, 0x08, True),  # the interface is believed
        (0xFF, 0x08, False),  # but not against a vendor's device class
        (0x00, 0x02, False),
        (0xEF, 0xFF, False),
        (0xFF, 0xFF, False),
        (0x08, 0x02, True),  # the device class says storage
    ],
)
def test_storage_commands_need_a_storage_interface(
    device_class: int, interface_class: int, allowed: bool
) -> None:
    interface = replace(DEVICE.interfaces[0], interface_class=interface_class)
    device = replace(DEVICE, device_class=device_class, interfaces=(interface,))
    if allowed:
        assert make_plan(DeviceFile(standard_eject=True), device).steps
    else:
        with pytest.raises(NotStorageError, match="already switched"):
            make_plan(DeviceFile(standard_eject=True), device)


def test_unconfigured_device() -> None:
    with pytest.raises(NotStorageError, match="not configured"):
        make_plan(DeviceFile(standard_eject=True), replace(DEVICE, interfaces=()))


def test_no_method_at_all() -> None:
    with pytest.raises(DeviceFileError, match="no switching method"):
        make_plan(DeviceFile(target_vendor=1), DEVICE)


SONY = Control(0xC0, 0x11, 2, 0, b"", 3, 100)


def test_cisco_with_its_times() -> None:
    """Each CSW is asked for three times; the stick is given two seconds at the end."""
    dialogue = [
        step
        for message in m.CISCO_MODE
        for step in (BulkOut(1, message, 3000), ReadStatus(0x81, 13, 3000, 3))
    ]
    assert make_plan(DeviceFile(cisco_mode=True), DEVICE).steps == (
        Detach(),
        Claim(0),
        *dialogue,
        ClearHalt(1),
        ClearHalt(0x81),
        Pause(2000, "the stick takes its time"),
        Release(0),
    )


def test_sony_with_its_times() -> None:
    """Whole steps: a time of 100 ms that became one of 3 s would show nowhere else."""
    device_file = DeviceFile(sony_mode=True, configuration=2, reset_usb=True)
    plan = make_plan(device_file, typical_device(UsbId(0x1111, 0x2222), device_file))
    assert plan.steps == (
        Detach(),
        SONY,
        AwaitReturn(leave_ms=10_000, timeout_ms=35_000),
        Pause(1000, "the stick is only just back"),
        SONY,
        Detach(),
        SetConfiguration(0),
        Pause(100, "between two configurations"),
        SetConfiguration(2),
        Pause(1000, "before the reset"),
        Reset(),
    )


def test_an_eject_with_its_times() -> None:
    device_file = DeviceFile(standard_eject=True, wait_before_s=2, release_delay_ms=4000, reset_usb=True)
    plan = make_plan(device_file, typical_device(UsbId(0x1111, 0x2222), device_file))
    messages = [(BulkOut(1, content, 3000), ReadStatus(0x81, 13, 3000, 1)) for content in STANDARD_EJECT]
    assert plan.steps == (
        Pause(2000, "WaitBefore: the stick is slow to start"),
        Detach(),
        Claim(0),
        *(step for pair in messages for step in pair),
        ClearHalt(0x81),
        ClearHalt(1),
        Pause(50, "the last answer"),
        Pause(4000, "ReleaseDelay"),
        Release(0),
        Pause(1000, "before the reset"),
        Reset(),
    )
