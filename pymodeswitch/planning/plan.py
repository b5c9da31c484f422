"""From a device file and an attached device to a plan. Pure: no I/O, the same input gives the same plan.

The facts (order, bytes, endpoints, times) are those of usb_modeswitch 2.6.1, recorded on the wire.
"""

from __future__ import annotations

from ..device_files.keys import SPECIAL_METHODS, Key
from ..nouns.errors import DeviceFileError, NotStorageError
from ..nouns.model import MASS_STORAGE_CLASS, AttachedDevice, DeviceFile, Interface, Port, UsbId
from ..nouns.record import replace
from ..nouns.steps import (
    CBW_LENGTH,
    CBW_SIGNATURE,
    AwaitUnits,
    BulkOut,
    Claim,
    ClearHalt,
    Detach,
    Pause,
    Plan,
    ReadStatus,
    Release,
    Reset,
    ScsiCommand,
    SetAltSetting,
    SetConfiguration,
    Step,
)
from . import messages
from .methods import CONTROL_METHODS, STORAGE_METHODS

MAX_DATA = 0x10000  # bytes of a data phase; real messages have 512 at most
SETTLE_AFTER_MESSAGES_MS = 50  # what the reference waits between the last message and the release

CISCO_PAUSE_MS = 2000
CONFIGURATION_PAUSE_MS = 100
BEFORE_RESET_MS = 1000


def make_plan(device_file: DeviceFile, device: AttachedDevice) -> Plan:
    """The plan for a device: special method or messages, then Configuration, AltSetting, ResetUSB.

    DeviceFileError: the file names no method, or a configuration alone that the device has not got, or no
    endpoint can be found. NotStorageError: the method
    sends a storage command and the device shows no mass storage interface.
    """
    if device_file.configuration == 0:
        return Plan("Configuration=0", ())
    name, steps, by_itself = _method(device_file, device)
    names = [name] if name else []
    for key, more in (
        ("Configuration", _configuration(device_file, device)),
        ("AltSetting", _altsetting(device_file, device)),
        ("ResetUSB", _reset(device_file)),
    ):
        if more is not None:
            names.append(key)
            steps += more
    if names == ["Configuration"]:
        _check_configuration(device_file, device)
    if not names:
        raise DeviceFileError(
            f"no switching method for {device.id}: no message, no mode key, no configuration is set"
        )
    if device_file.wait_before_s and steps:
        wait = device_file.wait_before_s * 1000
        steps = (Pause(wait, "WaitBefore: the stick is slow to start"), *steps)
    return Plan(", ".join(names), steps, by_itself)


def other_way(device_file: DeviceFile, device: AttachedDevice) -> tuple[DeviceFile, Plan] | None:
    """The same commands through the storage driver instead of past it, or the other way round.

    With the device file that says so. None where there is no such way: other methods than messages, data
    that nobody knows, an endpoint that is not the driver's, steps that need the interface all the same.
    """
    through = not device_file.through_driver
    other = replace(device_file, through_driver=through)
    try:
        plan = make_plan(other, device)
        if through and (plan.opens_device or not plan.steps or _has_own_endpoint(device_file, device)):
            return None
    except (DeviceFileError, NotStorageError):
        return None
    return other, plan


def _has_own_endpoint(device_file: DeviceFile, device: AttachedDevice) -> bool:
    """Whether the messages go elsewhere than the storage driver's commands."""
    return device_file.message_endpoint not in (None, _interface(device_file, device).bulk_out)


def _method(device_file: DeviceFile, device: AttachedDevice) -> tuple[str, tuple[Step, ...], bool]:
    """Name and steps of the special method or of the messages, and whether the device needs none."""
    special = next((key for key in SPECIAL_METHODS if getattr(device_file, key.attribute)), None)
    if special is not None and special.attribute in CONTROL_METHODS:
        if device_file.through_driver:
            raise DeviceFileError(f"ThroughDriver: {special.name} sends no storage command")
        interface = _interface(device_file, device).number
        value = int(getattr(device_file, special.attribute))
        steps = CONTROL_METHODS[special.attribute](value, interface)
        return special.name, steps, not steps
    name, contents = _contents(special, device_file)
    if device_file.through_driver:
        return f"{name} (ThroughDriver)", _through_driver(contents, device_file, device), False
    if special is not None and special.attribute == "cisco_mode":
        return name, _cisco(device_file, device), False
    return name, _messages(contents, device_file, device) if contents else (), False


def _contents(special: Key | None, device_file: DeviceFile) -> tuple[str, tuple[bytes, ...]]:
    """Name of the method and its messages, in the order they are sent; empty where there are none."""
    if special is not None:
        return special.name, STORAGE_METHODS[special.attribute]
    if device_file.standard_eject:
        return "StandardEject", messages.STANDARD_EJECT + device_file.messages[:1]
    return ("MessageContent" if device_file.messages else ""), device_file.messages


def _configuration(device_file: DeviceFile, device: AttachedDevice) -> tuple[Step, ...] | None:
    """Nothing when it is active already; drivers are detached, as they would refuse it."""
    wanted = device_file.configuration
    if wanted is None:
        return None
    if wanted == device.configuration:
        return ()
    pause = Pause(CONFIGURATION_PAUSE_MS, "between two configurations")
    return (Detach(), SetConfiguration(0), pause, SetConfiguration(wanted))


def _check_configuration(device_file: DeviceFile, device: AttachedDevice) -> None:
    """Some devices decide on the numbers by their firmware. After messages the step is only tried, as what
    they do is worth having without it."""
    wanted, known = device_file.configuration, device.configurations
    if known and wanted not in known:
        raise DeviceFileError(
            f"Configuration={wanted}: {device.describe()} has no such configuration, but "
            f"{', '.join(map(str, known))}"
        )


def _altsetting(device_file: DeviceFile, device: AttachedDevice) -> tuple[Step, ...] | None:
    if device_file.alt_setting is None:
        return None
    interface = _interface(device_file, device).number
    select = SetAltSetting(interface, device_file.alt_setting)
    return (Detach(), Claim(interface), select, Release(interface))


def _reset(device_file: DeviceFile) -> tuple[Step, ...] | None:
    if not device_file.reset_usb:
        return None
    return (Pause(BEFORE_RESET_MS, "before the reset"), Reset())


def _messages(
    contents: tuple[bytes, ...], device_file: DeviceFile, device: AttachedDevice
) -> tuple[Step, ...]:
    """Detach, claim, each message with its CSW, clear both halts, settle, release."""
    interface, out, answer = _way(contents, device_file, device)
    steps: list[Step] = [Detach(), Claim(interface)]
    for content in contents:
        steps.append(BulkOut(out, content))
        if answer is not None and content.startswith(CBW_SIGNATURE):
            steps.append(ReadStatus(answer))
    steps += [ClearHalt(endpoint) for endpoint in (answer, out) if endpoint is not None]
    steps.append(Pause(SETTLE_AFTER_MESSAGES_MS, "the last answer"))
    if device_file.release_delay_ms:
        steps.append(Pause(device_file.release_delay_ms, "ReleaseDelay"))
    return (*steps, Release(interface))


def _cisco(device_file: DeviceFile, device: AttachedDevice) -> tuple[Step, ...]:
    """Its messages have data phases: a CSW may come only at the second or third read."""
    contents = STORAGE_METHODS["cisco_mode"]
    interface, out, answer = _way(contents, device_file, device)
    assert answer is not None
    steps: list[Step] = [Detach(), Claim(interface)]
    for content in contents:
        steps += [BulkOut(out, content), ReadStatus(answer, attempts=3)]
    pause = Pause(CISCO_PAUSE_MS, "the stick takes its time")
    return (*steps, ClearHalt(out), ClearHalt(answer), pause, Release(interface))


def _through_driver(
    contents: tuple[bytes, ...], device_file: DeviceFile, device: AttachedDevice
) -> tuple[Step, ...]:
    """The commands of the messages, for the units that the storage driver has made of the stick."""
    if not contents:
        raise DeviceFileError("ThroughDriver: no message to send: StandardEject=1 is the usual one")
    interface = _interface(device_file, device)
    _check_storage(device, interface)
    commands = (_scsi_command(content, interface.number) for content in contents)
    return (AwaitUnits(interface.number), *commands)


def _scsi_command(message: bytes, interface: int) -> ScsiCommand:
    """The command in a CBW (Bulk-Only Transport 1.0, 5.1). DeviceFileError where it has none."""
    if len(message) != CBW_LENGTH or not message.startswith(CBW_SIGNATURE):
        raise DeviceFileError(f"ThroughDriver: {message.hex()} is no CBW, so it has no SCSI command")
    length = int.from_bytes(message[8:12], "little")
    flags, lun, cdb_length = message[12], message[13] & 0x0F, message[14]
    if (length and not flags & 0x80) or length > MAX_DATA:
        raise DeviceFileError(f"ThroughDriver: {message.hex()} has a data phase that cannot be made")
    cdb = message[15:]
    # The length is often wrong: makers leave it 0, or too small for what they wrote. Without one it is that
    # of the commands that are not the shortest; Linux sends none of less than 6 bytes.
    used = max(cdb_length or 10, len(cdb.rstrip(b"\0")), 6)
    return ScsiCommand(interface, lun, cdb[:used], length)


def _way(
    contents: tuple[bytes, ...], device_file: DeviceFile, device: AttachedDevice
) -> tuple[int, int, int | None]:
    """Interface number, message endpoint and response endpoint, all checked."""
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
    return interface.number, out, answer


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


def typical_device(initial: UsbId, device_file: DeviceFile | None = None) -> AttachedDevice:
    """A stand-in for a device that is not attached: a storage interface, endpoints 0x01 and 0x81.

    The interface has the number that the device file names, and no configuration counts as active, so that
    every step shows.
    """
    number = (device_file.interface if device_file else None) or 0
    interface = Interface(number, MASS_STORAGE_CLASS, 0x06, 0x50, bulk_out=0x01, bulk_in=0x81)
    configuration = 0 if device_file else 1
    return AttachedDevice(Port("1-1"), initial, 1, 1, 0, configuration, (interface,))
