"""For each switching method a virtual stick that switches as the real one does, and its device file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pymodeswitch import DeviceFile, UsbId
from pymodeswitch.nouns.steps import BULK_TIMEOUT_MS
from pymodeswitch.planning.plan import make_plan, typical_device
from pymodeswitch.virtual import (
    Leave,
    Mode,
    Request,
    Stick,
    control_stick,
    message_stick,
    mobile_action_stick,
    modem_mode,
    storage_mode,
    two_configurations,
    waits_for_requests,
)

VENDOR, PRODUCT, TARGET = 0x1111, 0x2222, 0x3333

EJECT = (b"\x1b\0\0\0\x02",)
HUAWEI_NEW = (bytes.fromhex("1106200000010100 01"),)
HUAWEI_ALT = (bytes.fromhex("1106300000000001"),)
CISCO_LAST = (bytes.fromhex("fd0001107324"),)
QISDA_DATA = bytes.fromhex("058c0408a0ee20005c01040898cdeabf")
MOBILE_ACTION_LAST = bytes.fromhex("3207fef029b93af0")
SONY = (Request(0xC0, 0x11, 2, 0),)

Build = Callable[[Leave | None], Stick]


def target() -> Mode:
    return modem_mode(VENDOR, TARGET)


def by_messages(*commands: bytes) -> Build:
    return lambda leave: message_stick(VENDOR, PRODUCT, commands, target(), leave)


def by_requests(*requests: Request) -> Build:
    return lambda leave: control_stick(VENDOR, PRODUCT, requests, target(), leave)


def by_reset(leave: Leave | None) -> Stick:
    mode = storage_mode(VENDOR, PRODUCT)
    if leave is not None:
        mode.on_reset = lambda stick: stick.leave(leave)
    return Stick([mode, target()])


def sony(leave: Leave | None) -> Stick:
    """Comes back as it was, and switches at the second request."""
    first = waits_for_requests(storage_mode(VENDOR, PRODUCT), SONY, leave and Leave(6.0))
    second = waits_for_requests(storage_mode(VENDOR, PRODUCT), SONY, leave)
    return Stick([first, second, target()])


def by_configuration(leave: Leave | None) -> Stick:
    """Stays on the bus; without `leave` it refuses the second configuration."""
    stick = two_configurations(VENDOR, PRODUCT, target())
    if leave is None:
        stick.modes[0].on_control = lambda stick, setup, data: (
            b"" if (setup.request_type, setup.request) == (0, 9) and setup.value != 1 else None
        )
    return stick


@dataclass(frozen=True, slots=True)
class Method:
    """name: as in device files. build: the stick; leave None is one that does not react.

    in_place: it switches without leaving the bus. claims: it needs the interface for itself.
    """

    name: str
    device_file: DeviceFile
    build: Build
    in_place: bool = False
    claims: bool = False


def method(
    name: str, build: Build, *, in_place: bool = False, claims: bool = False, **keys: object
) -> Method:
    device_file = DeviceFile(target_vendor=VENDOR, target_product=TARGET, **keys)  # type: ignore[arg-type]
    return Method(name, device_file, build, in_place, claims)


CBW = bytes.fromhex("5553424392020000000000000000061b000000020000000000000000000000")

METHODS = (
    method("StandardEject", by_messages(*EJECT), standard_eject=True, claims=True),
    method("MessageContent", by_messages(*EJECT), message_content=CBW, claims=True),
    method("ThroughDriver", by_messages(*EJECT), standard_eject=True, through_driver=True, claims=True),
    method("HuaweiNewMode", by_messages(*HUAWEI_NEW), huawei_new_mode=True, claims=True),
    method("HuaweiAltMode", by_messages(*HUAWEI_ALT), huawei_alt_mode=True, claims=True),
    method("OptionMode", by_messages(b"\x01"), option_mode=True, claims=True),
    method("CiscoMode", by_messages(*CISCO_LAST), cisco_mode=True, claims=True),
    method("HuaweiMode", by_requests(Request(0x00, 0x03, 1, 0)), huawei_mode=True),
    method("SierraMode", by_requests(Request(0x40, 0x0B, 1, 0)), sierra_mode=True),
    method("SequansMode", by_requests(Request(0x40, 0x0B, 2, 0)), sequans_mode=True),
    method("QisdaMode", by_requests(Request(0x40, 0x04, 0, 0, QISDA_DATA)), qisda_mode=True),
    method("QuantaMode", by_requests(Request(0xC0, 0xFF, 0, 0)), quanta_mode=True),
    method("KobilMode", by_requests(Request(0xC0, 0x88, 0, 0)), kobil_mode=True),
    method(
        "GCTMode",
        by_requests(Request(0xA1, 0xA0, 0, 0), Request(0xA1, 0xFE, 0, 0)),
        gct_mode=True,
        claims=True,
    ),
    method(
        "BlackberryMode",
        by_requests(Request(0xC0, 0xB1, 0, 0), Request(0xC0, 0xA9, 0x0E, 0)),
        blackberry_mode=True,
    ),
    method("PantechMode", by_requests(Request(0x40, 0x70, 2, 0)), pantech_mode=2),
    method("SonyMode", sony, sony_mode=True),
    method(
        "MobileActionMode",
        lambda leave: mobile_action_stick(VENDOR, PRODUCT, MOBILE_ACTION_LAST, target(), leave),
        mobile_action_mode=True,
        claims=True,
    ),
    method("ResetUSB", by_reset, reset_usb=True),
    Method("Configuration", DeviceFile(configuration=2), by_configuration, in_place=True),
)


def bound(method: Method, timeout_s: float) -> float:
    """How long it may take: the timeout, what the plan itself waits, the transfer under way then."""
    plan = make_plan(method.device_file, typical_device(UsbId(VENDOR, PRODUCT)))
    return timeout_s + plan.waits_s + BULK_TIMEOUT_MS / 1000 + 0.1
