"""A stick that answers everything politely, never reacts, and notes down what it is asked.

One for each device file: it shows what the file expects (ID, strings, interface, endpoints, configurations,
alternate settings). The reference and ours are run on it; what it notes is compared. A note is one line:

    control 40 0b 0001 0000 0           bmRequestType bRequest wValue wIndex wLength [OUT data]
    configuration 2                     SET_CONFIGURATION
    altsetting 0 1                      SET_INTERFACE: interface, alternate setting
    out 01 55534243...                  bulk or interrupt OUT: endpoint, data
    in 81 13                            bulk or interrupt IN: endpoint, most bytes asked for
    clear-halt 81                       CLEAR_FEATURE(ENDPOINT_HALT)
    reset                               port reset
    left                                the stick dropped off the bus; what follows came in its next stay

Numbers that a device file or the specification writes in hex are hex. The GET_ requests of USB 2.0, table
9-4 are left out: they are the kernel's and libusb's own business.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from pymodeswitch.device_files.names import parse_name
from pymodeswitch.nouns.model import DeviceFile
from pymodeswitch.virtual import Leave, Mode, Setup, Stick
from pymodeswitch.virtual.descriptors import (
    BULK,
    CDC,
    DEVICE,
    HID,
    INTERRUPT,
    MASS_STORAGE,
    VENDOR_SPECIFIC,
    Configuration,
    Endpoint,
    Identity,
    Interface,
)

GET_DESCRIPTOR, SET_CONFIGURATION, SET_INTERFACE = 0x0006, 0x0009, 0x010B
CLEAR_ENDPOINT_HALT = 0x0201
CBW_LENGTH, INQUIRY = 31, 0x12


@dataclass(frozen=True, slots=True)
class Note:
    """One request: the line of this file's head, and when it came (monotonic seconds)."""

    text: str
    seconds: float


@dataclass(slots=True)
class PoliteStick(Stick):
    """The stick; `start` begins a record, `trace` is what has come since.

    scsi: vendor, model and revision that an INQUIRY is answered with.
    before: looks at each note before it is answered, for sticks that do react; may raise Stall.
    """

    scsi: tuple[str, str, str] = ("", "", "")
    before: Callable[[PoliteStick, str], None] | None = None
    notes: list[Note] = field(default_factory=list)
    recording: bool = False
    _enumerating: bool = False
    _answers: list[bytes] = field(default_factory=list)

    def start(self) -> None:
        """Forget what came so far, note down from now on."""
        self.notes = []
        self.recording = True

    def stop(self) -> None:
        """Note down nothing more."""
        self.recording = False

    @property
    def trace(self) -> list[str]:
        """The lines."""
        return [note.text for note in self.notes]

    def reset(self) -> None:
        """A port reset, as a virtual bus does it; of the one of a real kernel see `control`."""
        Stick.reset(self)
        if not self._enumerating:
            self._note("reset")

    def returned(self) -> bool:
        """Dropped off the bus."""
        self._note("left")
        self._enumerating = self.recording
        return Stick.returned(self)

    def control(self, setup_bytes: bytes, data: bytes = b"") -> bytes:
        """Zeros to what is unknown, nothing refused."""
        setup = Setup.from_bytes(setup_bytes)
        code = setup.request_type << 8 | setup.request
        if setup.request_type & 0xE0 == 0x80:  # standard, device to host
            # After a port reset the kernel reads the device descriptor again, from the wire, and configures
            # the device as it was: the only sign of the reset that a device can see on USB/IP.
            if self.recording and not self._enumerating and setup.value >> 8 == DEVICE:
                self._note("reset")
                self._enumerating = True
            return Stick.control(self, setup_bytes, data)
        if code == SET_CONFIGURATION:
            if not self._enumerating:
                self._note(f"configuration {setup.value}")
            self._enumerating = False
            return Stick.control(self, setup_bytes, data)
        if code == SET_INTERFACE:
            self._note(f"altsetting {setup.index} {setup.value}")
            return Stick.control(self, setup_bytes, data)
        if code == CLEAR_ENDPOINT_HALT and setup.value == 0:
            self._note(f"clear-halt {setup.index & 0xFF:02x}")
            return Stick.control(self, setup_bytes, data)
        request = (
            f"control {setup.request_type:02x} {setup.request:02x} {setup.value:04x} {setup.index:04x}"
            f" {setup.length}"
        )
        self._note(f"{request} {data.hex()}" if data else request)
        return bytes(setup.length) if setup.request_type & 0x80 else b""

    def write(self, endpoint: int, data: bytes) -> None:
        """Take anything; a CBW gets a CSW that says passed, and an INQUIRY its data before that."""
        self._note(f"out {endpoint:02x} {data.hex()}")
        if data[:4] == b"USBC" and len(data) >= CBW_LENGTH:
            csw = struct.pack("<4s4sIB", b"USBS", data[4:8], 0, 0)
            self._answers = [self._inquiry(), csw] if data[15] == INQUIRY else [csw]

    def read(self, endpoint: int, length: int) -> bytes:
        """The CSW that is due, else zeros, as many as asked for."""
        self._note(f"in {endpoint:02x} {length}")
        return self._answers.pop(0) if self._answers else bytes(length)

    def _note(self, text: str) -> None:
        if self.recording:
            self.notes.append(Note(text, time.monotonic()))
            if self.before is not None:
                self.before(self, text)

    def _inquiry(self) -> bytes:
        head = bytes([0x05, 0x80, 0x02, 0x02, 31, 0, 0, 0])
        texts = zip(self.scsi, (8, 16, 4), strict=True)
        return head + b"".join(text.encode().ljust(width)[:width] for text, width in texts)


def polite_stick(name: str, device_file: DeviceFile, *, active: int | None = None) -> PoliteStick:
    """The stick that a device file fits.

    name: of the file, with its qualifiers. active: the configuration that is active when it is plugged; by
    default not the one that the file selects.
    """
    parsed = parse_name(name)
    assert parsed is not None, f"{name} is no name of a device file"
    usb_id, pairs = parsed
    qualifiers = dict(pairs)
    identity = Identity(
        usb_id.vendor,
        usb_id.product,
        _configurations(device_file, active),
        manufacturer=qualifiers.get("uMa", "Manufacturer"),
        product_name=qualifiers.get("uPr", "Product"),
        serial=qualifiers.get("uSe", "0123456789"),
    )
    scsi = (qualifiers.get("sVe", "Vendor"), qualifiers.get("sMo", "Model"), qualifiers.get("sRe", "1.00"))
    return PoliteStick([Mode(identity)], scsi=scsi)


def leave_once(stick: PoliteStick, request: str, target_class: int = CDC) -> None:
    """Have the stick leave after the first note that begins so, and come back with another class."""
    identity = stick.identity
    returned = tuple(
        replace(c, interfaces=tuple(replace(i, interface_class=target_class) for i in c.interfaces))
        for c in identity.configurations
    )
    stick.modes = [Mode(identity), Mode(replace(identity, configurations=returned))]

    def before(stick: PoliteStick, text: str) -> None:
        if text.startswith(request) and stick.mode_index == 0:
            stick.leave(Leave(1.0))

    stick.before = before


def _configurations(device_file: DeviceFile, active: int | None) -> tuple[Configuration, ...]:
    """The active one first: the kernel chooses the first whose first interface is not vendor-specific."""
    interfaces = _interfaces(device_file)
    wanted = device_file.configuration
    if not wanted:
        return (Configuration(interfaces),)
    if active is None:
        active = 2 if wanted == 1 else 1
    # What the others look like does not matter, but for being no storage and, so, not the kernel's choice.
    others = sorted({1, 2, wanted, active} - {active})
    modem = tuple(replace(i, interface_class=VENDOR_SPECIFIC, subclass=0, protocol=0) for i in interfaces)
    return (Configuration(interfaces, active), *(Configuration(modem, value) for value in others))


def _interfaces(device_file: DeviceFile) -> tuple[Interface, ...]:
    """Storage, but for methods that are no storage device's; the endpoints are the named interface's."""
    number = device_file.interface or 0
    out, answer = device_file.message_endpoint or 0x01, (device_file.response_endpoint or 0x01) | 0x80
    kind, (shown, subclass, protocol) = BULK, (MASS_STORAGE, 0x06, 0x50)
    if device_file.mobile_action_mode:
        kind, (shown, subclass, protocol), out, answer = INTERRUPT, (HID, 0, 0), 0x02, 0x81
    elif device_file.messages and not any(m.startswith(b"USBC") for m in device_file.messages):
        shown, subclass, protocol = VENDOR_SPECIFIC, 0, 0
    if shown == device_file.target_class:
        shown, subclass, protocol = HID, 0, 0  # anything that is not reached yet
    size, interval = (512, 0) if kind == BULK else (64, 4)
    addresses = [out, answer]
    if device_file.message_endpoint or device_file.response_endpoint:
        addresses = [0x0E, 0x8E, out, answer]  # the first ones are wrong, or nobody would name others
    endpoints = tuple(Endpoint(address, kind, size, interval) for address in addresses)
    named = Interface(number, shown, subclass, protocol, endpoints)
    before = tuple(
        Interface(n, shown, subclass, protocol, (Endpoint(0x03 + n), Endpoint(0x83 + n)))
        for n in range(number)
    )
    alternates = (replace(named, altsetting=n) for n in range(1, (device_file.alt_setting or 0) + 1))
    return (*before, named, *alternates)
