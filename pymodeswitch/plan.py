"""From a device file and an attached device to a plan. Pure: no I/O, the same input gives the same plan.

The facts (order, bytes, endpoints, times) are those of usb_modeswitch 2.6.1, recorded on the wire.
"""

from __future__ import annotations

from . import messages
from .errors import DeviceFileError, MethodNotSupportedError, NotStorageError
from .keys import SPECIAL_METHODS
from .model import MASS_STORAGE_CLASS, AttachedDevice, DeviceFile, Interface, Port, UsbId
from .steps import BulkOut, Claim, ClearHalt, Detach, Pause, Plan, ReadStatus, Release, Step

CBW_SIGNATURE = b"USBC"
SETTLE_AFTER_MESSAGES_MS = 50  # what the reference waits between the last message and the release

STORAGE_METHODS = {
    "huawei_new_mode": messages.HUAWEI_NEW_MODE,
    "huawei_alt_mode": messages.HUAWEI_ALT_MODE,
    "option_mode": messages.OPTION_MODE,
}


def make_plan(device_file: DeviceFile, device: AttachedDevice) -> Plan:
    """The plan for a device.

    DeviceFileError: the file names no method, or no endpoint can be found. MethodNotSupportedError:
    a method or key that is not built yet. NotStorageError: the method sends a storage command and the
    device shows no mass storage interface.
    """
    method, steps = _method(device_file, device)
    if device_file.wait_before_s:
        pause = Pause(device_file.wait_before_s * 1000, "WaitBefore: the stick is slow to start")
        steps = (pause, *steps) if steps else ()
    return Plan(method, steps)


def _method(device_file: DeviceFile, device: AttachedDevice) -> tuple[str, tuple[Step, ...]]:
    if device_file.configuration == 0:
        return "Configuration=0", ()
    _reject_unsupported(device_file)
    for key in SPECIAL_METHODS:
        if getattr(device_file, key.attribute):
            return key.name, _messages(STORAGE_METHODS[key.attribute], device_file, device)
    if device_file.standard_eject:
        extra = device_file.messages[:1]
        return "StandardEject", _messages(messages.STANDARD_EJECT + extra, device_file, device)
    if device_file.messages:
        return "MessageContent", _messages(device_file.messages, device_file, device)
    if device_file.detach_storage_only:
        return "DetachStorageOnly", (Detach(),)
    raise DeviceFileError(f"no switching method for {device.id}: no message and no mode key is set")


def _reject_unsupported(device_file: DeviceFile) -> None:
    special = [key for key in SPECIAL_METHODS if key.attribute not in STORAGE_METHODS]
    names = [key.name for key in special if getattr(device_file, key.attribute)]
    names += ["Configuration"] if device_file.configuration is not None else []
    names += ["AltSetting"] if device_file.alt_setting is not None else []
    names += ["ResetUSB"] if device_file.reset_usb else []
    if names:
        raise MethodNotSupportedError(f"{', '.join(names)} is not supported yet")


def _messages(
    contents: tuple[bytes, ...], device_file: DeviceFile, device: AttachedDevice
) -> tuple[Step, ...]:
    """Detach, claim, each message with its CSW, clear both halts, settle, release."""
    interface = _interface(device_file, device)
    reads = any(content.startswith(CBW_SIGNATURE) for content in contents)
    if reads:
        _check_storage(device, interface)
    out = device_file.message_endpoint or interface.bulk_out
    answer = device_file.response_endpoint or interface.bulk_in
    if out is None:
        raise _no_endpoint("bulk OUT", "MessageEndpoint", device, interface)
    if answer is None and reads:
        raise _no_endpoint("bulk IN", "ResponseEndpoint", device, interface)
    steps: list[Step] = [Detach(), Claim(interface.number)]
    for content in contents:
        steps.append(BulkOut(out, content))
        if answer is not None and content.startswith(CBW_SIGNATURE):
            steps.append(ReadStatus(answer))
    steps += [ClearHalt(endpoint) for endpoint in (answer, out) if endpoint is not None]
    steps.append(Pause(SETTLE_AFTER_MESSAGES_MS, "the last answer"))
    if device_file.release_delay_ms:
        steps.append(Pause(device_file.release_delay_ms, "ReleaseDelay"))
    return (*steps, Release(interface.number))


def _interface(device_file: DeviceFile, device: AttachedDevice) -> Interface:
    """The interface that the file names, or the first of the active configuration."""
    wanted = device_file.interface
    for interface in device.interfaces:
        if wanted is None or interface.number == wanted:
            return interface
    if wanted is None:
        raise NotStorageError(f"{device.describe()} has no interface: it is not configured")
    raise DeviceFileError(f"Interface=0x{wanted:02x}: {device.describe()} has no such interface")


def _check_storage(device: AttachedDevice, interface: Interface) -> None:
    """A storage command needs an interface of class 8.

    The device class counts when it says anything (neither 0, look at the interfaces, nor 0xef); an
    interface of class 8 is believed against it, but not against 0xff.
    """
    shown = interface.interface_class
    if device.device_class not in (0x00, 0xEF) and (
        shown != MASS_STORAGE_CLASS or device.device_class == 0xFF
    ):
        shown = device.device_class
    if shown != MASS_STORAGE_CLASS:
        raise NotStorageError(
            f"{device.describe()} shows class 0x{shown:02x}, not mass storage (0x08): already switched?"
        )


def _no_endpoint(what: str, key: str, device: AttachedDevice, interface: Interface) -> DeviceFileError:
    return DeviceFileError(
        f"interface {interface.number} of {device.describe()} has no {what} endpoint: give it with {key}"
    )


def typical_device(initial: UsbId) -> AttachedDevice:
    """A stand-in for a device that is not attached: one storage interface, endpoints 0x01 and 0x81."""
    interface = Interface(0, MASS_STORAGE_CLASS, 0x06, 0x50, bulk_out=0x01, bulk_in=0x81)
    return AttachedDevice(Port("1-1"), initial, 1, 1, 0, 1, (interface,))
