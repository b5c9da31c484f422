"""The special methods: each a few lines that return steps. CONTRIBUTING.md says what else a new one needs.

Bytes, orders and times are those of usb_modeswitch 2.6.1 on the wire. Each function takes the value of its
key and the interface number to use, and returns the steps; storage methods return their messages only.
"""

from __future__ import annotations

from ..nouns.steps import (
    AwaitReturn,
    Claim,
    Control,
    Detach,
    InterruptIn,
    InterruptOut,
    Pause,
    Release,
    Step,
)
from . import messages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# Methods that send storage commands: `plan.py` puts the usual steps around their messages.
STORAGE_METHODS = {
    "huawei_new_mode": messages.HUAWEI_NEW_MODE,
    "huawei_alt_mode": messages.HUAWEI_ALT_MODE,
    "option_mode": messages.OPTION_MODE,
    "cisco_mode": messages.CISCO_MODE,
}

SONY_TIMEOUT_MS = 100
SONY_LEAVE_MS = 10_000  # a stick that is still there has not taken the request
SONY_RETURN_MS = 35_000  # the stick takes 5 to 30 s
SONY_SETTLE_MS = 1_000


def huawei_mode(value: int, interface: int) -> tuple[Step, ...]:
    """SET_FEATURE(DEVICE_REMOTE_WAKEUP), which these devices take as the signal."""
    return (Control(0x00, 0x03, 1, 0),)


def sierra_mode(value: int, interface: int) -> tuple[Step, ...]:
    """Set the USB composition; a stall is a usual answer."""
    return (Control(0x40, 0x0B, 1, 0),)


def sequans_mode(value: int, interface: int) -> tuple[Step, ...]:
    """As Sierra's, with another value."""
    return (Control(0x40, 0x0B, 2, 0),)


def qisda_mode(value: int, interface: int) -> tuple[Step, ...]:
    """A vendor request with 16 bytes of data."""
    return (Control(0x40, 0x04, 0, 0, bytes.fromhex("058c0408a0ee20005c01040898cdeabf")),)


def quanta_mode(value: int, interface: int) -> tuple[Step, ...]:
    """A vendor request that reads nothing."""
    return (Control(0xC0, 0xFF, 0, 0),)


def kobil_mode(value: int, interface: int) -> tuple[Step, ...]:
    """A vendor request that reads 8 bytes."""
    return (Detach(), Control(0xC0, 0x88, 0, 0, length=8))


def gct_mode(value: int, interface: int) -> tuple[Step, ...]:
    """Two class requests that read a byte each (the second is GET MAX LUN)."""
    return (
        Detach(),
        Claim(interface),
        Control(0xA1, 0xA0, 0, interface, length=1),
        Control(0xA1, 0xFE, 0, interface, length=1),
        Release(interface),
    )


def blackberry_mode(value: int, interface: int) -> tuple[Step, ...]:
    """Two vendor requests: 8 bytes, then 2."""
    return (
        Detach(),
        Control(0xC0, 0xB1, 0, 0, length=8),
        Control(0xC0, 0xA9, 0x000E, 0, length=2),
    )


def pantech_mode(value: int, interface: int) -> tuple[Step, ...]:
    """A vendor request with the mode in wValue; with 1 the device switches by itself."""
    return (Detach(), Control(0x40, 0x70, value, 0)) if value > 1 else ()


def sony_mode(value: int, interface: int) -> tuple[Step, ...]:
    """The same vendor request twice: the stick comes back with its old ID in between."""
    request = Control(0xC0, 0x11, 2, 0, length=3, timeout_ms=SONY_TIMEOUT_MS)
    return (
        Detach(),
        request,
        AwaitReturn(SONY_LEAVE_MS, SONY_RETURN_MS),
        Pause(SONY_SETTLE_MS, "the stick is only just back"),
        request,
    )


def detach_storage_only(value: int, interface: int) -> tuple[Step, ...]:
    """Some devices switch when nobody drives their storage any more."""
    return (Detach(),)


def mobile_action_mode(value: int, interface: int) -> tuple[Step, ...]:
    """A HID report twice, then a dialogue of 8-byte interrupt transfers.

    The reference claims nothing and leaves it to the kernel, which refuses while usbhid is bound.
    """
    report = Control(0x21, 0x09, 0x0300, 0, bytes.fromhex("b004000002902686"))
    steps: list[Step] = [Detach(), Claim(interface)]
    steps += [report, report, InterruptIn(0x81, 8, times=2)]
    for message, answers in (
        ("3701fedbc1331f83", 1),
        ("370eb59d3b8a9151", 1),
        ("3487ba0dfc8a9151", 63),
        ("3701fedbc1331f83", 1),
        ("370eb59d3b8a9151", 1),
        ("3487ba0dfc8a9151", 73),
        ("3304fe00f46c1ff0", 1),
        ("3207fef029b93af0", 1),
    ):
        steps += [InterruptOut(0x02, bytes.fromhex(message)), InterruptIn(0x81, 8, times=answers)]
    return (*steps, Release(interface))


CONTROL_METHODS: dict[str, Callable[[int, int], tuple[Step, ...]]] = {
    "huawei_mode": huawei_mode,
    "sierra_mode": sierra_mode,
    "sony_mode": sony_mode,
    "gct_mode": gct_mode,
    "kobil_mode": kobil_mode,
    "sequans_mode": sequans_mode,
    "mobile_action_mode": mobile_action_mode,
    "qisda_mode": qisda_mode,
    "quanta_mode": quanta_mode,
    "blackberry_mode": blackberry_mode,
    "pantech_mode": pantech_mode,
    "detach_storage_only": detach_storage_only,
}
