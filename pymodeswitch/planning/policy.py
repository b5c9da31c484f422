"""What is decided between the device file and the plan: the mode asked for, MBIM, Pantech's own choice.

Pure: which drivers this system has is asked through a function. The facts are those of usb_modeswitch's
dispatcher.
"""

from __future__ import annotations

from ..nouns.errors import UsageError
from ..nouns.model import LEGACY_MODE, MBIM_MODE, AttachedDevice, DeviceFile, UsbId
from ..nouns.record import Record, replace
from .settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class HasDriver(Protocol):
        """Who knows which drivers a system has: a Host."""

        def has_driver(self, name: str) -> bool:
            """Whether the system has a kernel driver."""


MBIM_DRIVER, QMI_DRIVER = "cdc_mbim", "qmi_wwan"

PANTECH_UML295_STORAGE = UsbId(0x10A9, 0x6080)
PANTECH_AUTOMATIC, PANTECH_RNDIS, PANTECH_WAIT, PANTECH_QMI = 1, 2, 3, 4


class Decision(Record):
    """The device file as it is to be carried out, and why it is not (or is) the one in the catalogue.

    warning: what the administrator's settings have wrong; empty when they are right.
    """

    device_file: DeviceFile
    reasons: tuple[str, ...] = ()
    warning: str = ""


def decide(
    device_file: DeviceFile,
    device: AttachedDevice,
    *,
    mode: str | None,
    mbim: bool,
    has_driver: Callable[[str], bool],
) -> Decision:
    """The way to switch this very device.

    mode: a name that the device file knows, or `mbim` or `legacy` for a device with an MBIM configuration;
    None leaves it to the file and the MBIM check. mbim: whether that check is made. has_driver: tells
    whether this system has a kernel driver. UsageError for a mode that there is not.
    """
    has_mbim = device.mbim_configuration is not None
    if mode is not None and not (has_mbim and mode in (MBIM_MODE, LEGACY_MODE)):
        chosen = device_file.in_mode(mode)
        if chosen is None:
            raise UsageError(f"no mode {mode!r} for {device.id}: {_known(mode_names(device_file, device))}")
        return _pantech(Decision(chosen, (f"mode {mode}, as asked for",)), device, has_driver)
    own = replace(device_file, modes=())
    if mode == LEGACY_MODE:
        return _pantech(Decision(own, ("not MBIM, as asked for",)), device, has_driver)
    why = _mbim_reason(device_file, device, mode, mbim, has_driver)
    if why is None:
        return _pantech(Decision(own), device, has_driver)
    return Decision(_mbim(device_file, device), (why,))


def decide_by(
    settings: Settings,
    device_file: DeviceFile,
    device: AttachedDevice,
    *,
    mode: str | None,
    mbim: bool | None,
    has_driver: Callable[[str], bool],
) -> Decision:
    """`decide`, with the administrator's settings for what is not given.

    A mode in the settings that there is not makes no stick unusable: the default way is taken, and a
    warning names their file.
    """
    settled = settings.modes.get(device.id) if mode is None else None
    wanted_mbim = settings.mbim if mbim is None else mbim
    known = mode_names(device_file, device)
    if settled is not None and settled not in known:
        bare = replace(settings, modes={})
        decision = decide_by(bare, device_file, device, mode=None, mbim=mbim, has_driver=has_driver)
        where = settings.source("modes")
        warning = f"{where}: no mode {settled!r} for {device.id}: {_known(known)}; the default one is taken"
        return replace(decision, warning=warning)
    decision = decide(device_file, device, mode=mode or settled, mbim=wanted_mbim, has_driver=has_driver)
    if settled is None:
        return _huawei_alt(settings, device_file, decision) if mode is None else decision
    reason = f"mode {settled}, by {settings.source('modes')}"
    return replace(decision, reasons=(reason, *decision.reasons[1:]))


def decider(
    host: HasDriver, settings: Settings, mode: str | None = None, mbim: bool | None = None
) -> Callable[[DeviceFile, AttachedDevice], DeviceFile]:
    """`decide_by` for those who only want the way: the file's own where there is no such mode."""

    def chosen(device_file: DeviceFile, device: AttachedDevice) -> DeviceFile:
        try:
            return decide_by(
                settings, device_file, device, mode=mode, mbim=mbim, has_driver=host.has_driver
            ).device_file
        except UsageError:
            return device_file

    return chosen


def _huawei_alt(settings: Settings, device_file: DeviceFile, decision: Decision) -> Decision:
    """HuaweiAltMode instead of HuaweiNewMode, where the administrator wants it for all Huawei sticks."""
    own = decision.device_file
    if not settings.huawei_alt_mode or not own.huawei_new_mode:
        return decision
    reason = f"HuaweiAltMode instead of HuaweiNewMode, by {settings.source('huawei_alt_mode')}"
    way = next((way for way in device_file.modes if way.huawei_alt_mode), None)
    if way is not None:
        own, reason = replace(way, comments=own.comments), f"mode {way.mode}: {reason}"
    else:
        # The targets that the file names are those of the other method.
        own = replace(
            own,
            huawei_new_mode=False,
            huawei_alt_mode=True,
            target_vendor=None,
            target_product=None,
            target_product_list=(),
            target_id_list=(),
            target_class=None,
        )
    return Decision(own, (*decision.reasons, reason))


def _mbim_reason(
    device_file: DeviceFile,
    device: AttachedDevice,
    mode: str | None,
    mbim: bool,
    has_driver: Callable[[str], bool],
) -> str | None:
    """Why the MBIM configuration is taken instead of the file's method; None when it is not."""
    if device.mbim_configuration is None:
        return None
    if mode == MBIM_MODE:
        return "MBIM, as asked for"
    if not mbim or device_file.no_mbim_check or not has_driver(MBIM_DRIVER):
        return None
    return f"MBIM: configuration {device.mbim_configuration} has it, and this system {MBIM_DRIVER}"


def _mbim(device_file: DeviceFile, device: AttachedDevice) -> DeviceFile:
    """Only the configuration is selected; the file's targets are those of another method."""
    return DeviceFile(
        comments=device_file.comments,
        configuration=device.mbim_configuration,
        wait_before_s=device_file.wait_before_s,
        check_success_s=device_file.check_success_s,
        mode=MBIM_MODE,
    )


def _pantech(decision: Decision, device: AttachedDevice, has_driver: Callable[[str], bool]) -> Decision:
    """PantechMode 1 is the automatic choice, 3 waits for the device to switch by itself."""
    wanted = decision.device_file.pantech_mode
    if wanted == PANTECH_WAIT:
        chosen, why = PANTECH_AUTOMATIC, "PantechMode 3: it switches by itself"
    elif wanted != PANTECH_AUTOMATIC:
        return decision
    elif device.id == PANTECH_UML295_STORAGE:
        chosen, why = PANTECH_RNDIS, f"PantechMode 1 means 2 for {device.id}"
    elif has_driver(QMI_DRIVER):
        chosen, why = PANTECH_QMI, f"PantechMode 1 means 4: this system has {QMI_DRIVER}"
    else:
        chosen, why = PANTECH_AUTOMATIC, "PantechMode 1: it switches by itself"
    device_file = replace(decision.device_file, pantech_mode=chosen)
    return Decision(device_file, (*decision.reasons, why))


def mode_names(device_file: DeviceFile, device: AttachedDevice | None) -> tuple[str, ...]:
    """Names that `decide` takes for this device."""
    has_mbim = device is not None and device.mbim_configuration is not None
    return device_file.mode_names + ((MBIM_MODE, LEGACY_MODE) if has_mbim else ())


def _known(names: tuple[str, ...]) -> str:
    return f"there are {', '.join(names)}" if names else "it has only one"
