"""The lines `ok:` and `fail:`, which scripts read (-D): the reference's for the same course of events.

With -b and -g the tool only sends and leaves the judgement to whoever called it; with -s it watches the
port. Found by trying usb_modeswitch 2.6.1 on virtual sticks; tests/kernel/guest/test_drop_in.py compares.
"""

from __future__ import annotations

from typing import NamedTuple

from ..nouns.model import AttachedDevice, DeviceFile, UsbId
from ..nouns.steps import AwaitReturn, Control, Step
from .options import DropInRequest

SENT, SWITCHED, SWITCHED_WITHOUT_DRIVER, FAILED = "ok:busdev", "ok:no_data", "ok:", "fail:"

# When a control request of these fails the reference ends without a line. (A stall is a usual answer to
# SierraMode's; of GCTMode and MobileActionMode it does not look at the result.)
GIVING_UP = (
    *("huawei_mode", "sony_mode", "kobil_mode", "sequans_mode", "qisda_mode", "quanta_mode"),
    *("blackberry_mode", "pantech_mode"),
)


class DropInResult(NamedTuple):
    """What came of it.

    before, after: what was on the port, and what is there now. watched: whether the port was watched.
    switched: it shows another device, or another configuration. tried: at least one step was carried out.
    refused: the last control request failed.
    """

    before: AttachedDevice
    after: AttachedDevice | None = None
    watched: bool = False
    switched: bool = False
    tried: bool = False
    refused: bool = False


def is_watched(request: DropInRequest) -> bool:
    """Whether the port is watched: not when a script with -D names the device by its number."""
    return request.check_s > 0 and not (request.sysmode and request.number is not None)


def refusal(step: Step | None, fault: str, before: bool) -> bool:
    """Whether the last control request failed (or the return that follows it), after one more step."""
    return fault != "ok" if isinstance(step, Control | AwaitReturn) else before


def report(request: DropInRequest, outcome: DropInResult) -> str:
    """The line for scripts; empty where there is none."""
    if not request.sysmode or not outcome.tried:
        return ""
    if request.device_file.configuration == outcome.before.configuration:
        return ""  # there it is the end that the configuration is active already, whatever was sent before
    gives_up = any(getattr(request.device_file, key) for key in GIVING_UP)
    if outcome.refused and gives_up and not outcome.switched:
        return ""
    if not outcome.watched:
        return SENT if request.number is not None else ""
    if not _is_wanted(request, outcome):
        return FAILED
    return SWITCHED_WITHOUT_DRIVER if request.device_file.no_driver_loading else SWITCHED


def _is_wanted(request: DropInRequest, outcome: DropInResult) -> bool:
    """What the reference takes for a success.

    With a target: a new device with a target ID, and with the target class if that is given (alone it
    stands for the initial ID with that class). Without: the device is no longer what it was, for whatever
    reason.
    """
    targets = _targets(request.device_file, request.id)
    after = outcome.after
    left = after is None or not after.same_stay(outcome.before)
    if not targets:
        return left or outcome.switched
    wanted_class = request.device_file.target_class
    return (
        left and after is not None and after.id in targets and wanted_class in (None, after.interface_class)
    )


def _targets(device_file: DeviceFile, initial: UsbId) -> tuple[UsbId, ...]:
    """Target IDs as the reference takes them: a product without its vendor is none."""
    vendor, product = device_file.target_vendor, device_file.target_product
    if vendor is None:
        return () if device_file.target_class is None else (initial,)
    products = device_file.target_product_list or (() if product is None else (product,))
    return tuple(UsbId(vendor, each) for each in products)
