"""A virtual bus that notes its traffic, and the files in which usbmon, USBPcap and SniffUSB would have it.

What is written here follows the published layouts by hand, with nothing of the reader's.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

from pymodeswitch.virtual import Attached, Leave, Stall, Stick, VirtualBus
from pymodeswitch.virtual.bus import Clock, SimulatedClock

EPOCH = 1_700_000_000
MS = 0.001
HUB = 1
CONTROL, BULK = 2, 3


@dataclass
class Event:
    """One transfer: asked for, and answered. status: as on Linux."""

    seconds: float
    address: int
    endpoint: int
    setup: bytes = b""
    out: bytes = b""
    answer: bytes = b""
    status: int = 0
    by_driver: bool = False

    @property
    def kind(self) -> int:
        return CONTROL if self.setup else BULK

    @property
    def is_in(self) -> bool:
        return bool(self.setup[0] & 0x80) if self.setup else bool(self.endpoint & 0x80)


class Tap:
    """A stick behind an address; what passes is noted."""

    def __init__(self, stick: Stick, bus: NotingBus, address: int) -> None:
        object.__setattr__(self, "_of", (stick, bus, address))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._of[0], name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._of[0], name, value)

    def control(self, setup: bytes, data: bytes = b"") -> bytes:
        stick, bus, address = self._of
        event = bus.note(Event(0, address, 0, setup, data))
        try:
            event.answer = stick.control(setup, data)
        except Stall:
            event.status = -32
            raise
        return event.answer

    def write(self, endpoint: int, data: bytes) -> None:
        stick, bus, address = self._of
        event = bus.note(Event(0, address, endpoint, out=data))
        try:
            stick.write(endpoint, data)
        except Stall:
            event.status = -32
            raise

    def read(self, endpoint: int, length: int) -> bytes | None:
        stick, bus, address = self._of
        try:
            answer = stick.read(endpoint, length)
        except Stall:
            bus.note(Event(0, address, endpoint, status=-32))
            raise
        if answer is not None:
            bus.note(Event(0, address, endpoint, answer=answer))
        return answer


@dataclass(slots=True)
class NotingBus(VirtualBus):
    """Notes what a kernel does at a plug and at a leave, and all transfers of programs."""

    clock: Clock = field(default_factory=SimulatedClock)
    events: list[Event] = field(default_factory=list)

    def note(self, event: Event) -> Event:
        self.clock.sleep(MS)
        event.seconds = self.clock.now()
        self.events.append(event)
        return event

    def port_status(self, port: int, status: int, change: int) -> None:
        self.note(Event(0, HUB, 0, control(0xA3, 0, 0, port, 4), answer=struct.pack("<HH", status, change)))
        if change & 1:
            self.note(Event(0, HUB, 0, control(0x23, 1, 0x10, port, 0)))

    def _enumerate(self, stick: Stick, port: str, permitted: bool) -> Attached:
        number, address = int(port.rpartition("-")[2]), self._next_address
        self.port_status(number, 0x101, 1)
        self.note(Event(0, HUB, 0, control(0x23, 3, 4, number, 0)))
        self.note(Event(0, 0, 0, control(0x00, 5, address, 0, 0)))
        real = stick._of[0] if isinstance(stick, Tap) else stick
        tap: Any = Tap(real, self, address)
        real.reset()
        descriptors = [tap.control(control(0x80, 6, 0x100, 0, 18))]
        for index in range(descriptors[0][17]):
            head = tap.control(control(0x80, 6, 0x200 | index, 0, 9))
            tap.control(control(0x80, 6, 0x200 | index, 0, int.from_bytes(head[2:4], "little")))
        for index in descriptors[0][14:17]:
            if index:
                tap.control(control(0x80, 6, 0x300 | index, 0x409, 255))
        attached = VirtualBus._enumerate(self, tap, port, permitted)
        self.clock.sleep(1.0)
        self._drive(tap)
        return attached

    def _drive(self, tap: Any) -> None:
        """What a storage driver asks a new device."""
        configuration = tap.configuration
        interface = configuration.interfaces[0] if configuration else None
        if interface is None or interface.interface_class != 0x08:
            return
        out, in_ = (endpoint.address for endpoint in interface.endpoints)
        first = len(self.events)
        commands = ("12000000240000000000", "00000000000000000000", "25000000000000000000")
        for tag, (cdb, length) in enumerate(zip(commands, (36, 0, 8), strict=True), 1):
            raw = struct.pack(
                "<4sIIBBB", b"USBC", tag, length, 0x80 if length else 0, 0, 6 if tag < 3 else 10
            )
            tap.write(out, raw + bytes.fromhex(cdb).ljust(16, b"\0"))
            if length:
                tap.read(in_, length)
            tap.read(in_, 13)
        for event in self.events[first:]:
            event.by_driver = True

    def _drop(self, attached: Attached, leave: Leave, now: float) -> None:
        number = int(attached.port.rpartition("-")[2])
        self.note(Event(0, attached.address, 0x81, status=-108))
        self.port_status(number, 0x100, 1)
        VirtualBus._drop(self, attached, leave, self.clock.now())

    def unplug(self, port: str) -> None:
        attached = self._slots.get(port)
        if attached is not None:
            self.note(Event(0, attached.address, 0x81, status=-108))
            self.port_status(int(port.rpartition("-")[2]), 0x100, 1)
        VirtualBus.unplug(self, port)


def control(request_type: int, request: int, value: int, index: int, length: int) -> bytes:
    return struct.pack("<BBHHH", request_type, request, value, index, length)


Record = tuple[float, bytes]


def usbmon(events: list[Event], *, header: int = 64, order: str = "<", bus: int = 1) -> list[Record]:
    """LINKTYPE_USB_LINUX (48 bytes) or _MMAPPED (64)."""
    records = []
    for number, event in enumerate(events):
        for is_answer in (False, True):
            seconds = event.seconds + (MS / 4 if is_answer else 0)
            data = event.answer if is_answer else event.out
            has_data = bool(data) and event.is_in == is_answer
            flag = 0 if has_data else ord("<" if event.is_in else ">")
            length = len(event.answer if event.is_in else event.out)
            endpoint = (0x80 if event.is_in else 0) if event.setup else event.endpoint
            head = struct.pack(
                order + "QBBBBHBBqiiII8s",
                0xFFFF888000000000 + number % 3 * 64,
                ord("C" if is_answer else "S"),
                event.kind,
                endpoint,
                event.address,
                bus,
                ord("-") if is_answer or not event.setup else 0,
                flag,
                EPOCH + int(seconds),
                int(seconds % 1 * 1e6),
                event.status if is_answer else -115,
                length,
                len(data) if has_data else 0,
                event.setup if not is_answer else b"",
            )
            if header == 64:
                head += struct.pack(order + "iiII", 0, 0, 4 if event.by_driver else 0, 0)
            records.append((EPOCH + seconds, head + (data if has_data else b"")))
    return records


def usbmon_text(events: list[Event], *, bus: int | None = 1, start: float = 0) -> str:
    """`0u`; without a bus the older `Nt`."""
    lines = []
    place = "" if bus is None else f"{bus}:"
    digits = 2 if bus is None else 1
    for number, event in enumerate(events):
        letter = "C" if event.setup else "B"
        way = "i" if event.is_in else "o"
        endpoint = event.endpoint & 0x0F
        where = f"{letter}{way}:{place}{event.address:03}:{endpoint:0{digits}}"
        for is_answer in (False, True):
            time = int((start + event.seconds + (MS / 4 if is_answer else 0)) * 1e6) % 2**32
            data = event.answer if is_answer else event.out
            has_data = bool(data) and event.is_in == is_answer
            length = len(event.answer if event.is_in else event.out)
            if event.setup and not is_answer:
                kind, request, value, index, size = struct.unpack("<BBHHH", event.setup)
                rest = f"s {kind:02x} {request:02x} {value:04x} {index:04x} {size:04x} {size}"
            else:
                rest = f"{event.status if is_answer else -115} {length}"
            shown = data[:32].hex()
            words = " ".join(shown[at : at + 8] for at in range(0, len(shown), 8))
            rest += f" = {words}" if has_data else (" <" if event.is_in else " >") if length else ""
            lines.append(f"ffff88800{number % 7:07x} {time} {'C' if is_answer else 'S'} {where} {rest}")
    return "\n".join(lines) + "\n"


USBD = {0: 0, -32: 0xC0000004, -108: 0xC0000005}


def usbpcap(events: list[Event], *, new: bool = True, bus: int = 2) -> list[Record]:
    """LINKTYPE_USBPCAP: without the hub and address 0. new: the control stages of version 1.5."""
    records = []
    for number, event in enumerate(events):
        if event.address in (0, HUB):
            continue
        answer_length = len(event.answer)
        parts: list[tuple[bool, int | None, bytes]]
        if event.setup and new:
            parts = [(False, 0, event.setup + event.out), (True, 3, event.answer)]
        elif event.setup:
            parts = [(False, 0, event.setup)]
            if event.out:
                parts.append((False, 1, event.out))
            if answer_length:
                parts.append((True, 1, event.answer))
            parts.append((True, 2, b""))
        else:
            parts = [(False, None, event.out), (True, None, event.answer)]
        for is_answer, stage, data in parts:
            seconds = event.seconds + (MS / 4 if is_answer else 0)
            endpoint = (0x80 if event.is_in else 0) if event.setup else event.endpoint
            head = struct.pack(
                "<HQIHBHHBBI",
                27 if stage is None else 28,
                0xFFFF_8000_0000_0000 + number,
                USBD[event.status] if is_answer else 0,
                0x08 if event.setup else 0x09,
                int(is_answer),
                bus,
                event.address,
                endpoint,
                event.kind,
                len(data),
            )
            records.append((EPOCH + seconds, head + (b"" if stage is None else bytes([stage])) + data))
    return records


def sniffusb(events: list[Event], address: int) -> str:
    """A SniffUSB log of one device."""
    lines = ["[0 ms] UsbSnoop - FilterAddDevice(babd7748) : DriverObject 86553880, pdo 8663c030"]
    for number, event in enumerate(events, 1):
        if event.address != address:
            continue
        ms = int(event.seconds * 1000)
        if event.status == -108:
            lines.append(
                f"[{ms} ms] UsbSnoop - DispatchAny(babd7610) : IRP_MJ_PNP (IRP_MN_SURPRISE_REMOVAL)"
            )
            break
        for is_answer in (False, True):
            arrow = "<<<  URB {} coming back  <<<" if is_answer else ">>>  URB {} going down  >>>"
            lines.append(f"[{ms} ms]  {arrow.format(number)} ")
            lines += _urb(event, is_answer)
    return "\r\n".join(lines) + "\r\n"


def _urb(event: Event, is_answer: bool) -> list[str]:
    data = event.answer if is_answer else event.out
    way = "IN" if event.is_in else "OUT"
    flags = f"  TransferFlags        = 00000000 (USBD_TRANSFER_DIRECTION_{way}, ~USBD_SHORT_TRANSFER_OK)"
    length = f"  TransferBufferLength = {len(data):08x}"
    dump = [
        f"    {at:08x}: " + " ".join(f"{byte:02x}" for byte in data[at : at + 16])
        for at in range(0, len(data), 16)
    ]
    if not event.setup:
        pipe = f"  PipeHandle           = 865cd4{event.endpoint:02x} [endpoint 0x{event.endpoint:08x}]"
        return ["-- URB_FUNCTION_BULK_OR_INTERRUPT_TRANSFER:", pipe, flags, length, *dump]
    kind, request, value, index, size = struct.unpack("<BBHHH", event.setup)
    if is_answer:
        setup = ["  SetupPacket          =", "    00000000: " + event.setup.hex(" ")]
        return ["-- URB_FUNCTION_CONTROL_TRANSFER:", flags, length, *dump, "  UrbLink = 00000000", *setup]
    length = f"  TransferBufferLength = {size:08x}"
    if kind == 0x80 and request == 6:
        rest = [
            f"  Index                = {value & 0xFF:08x}",
            f"  DescriptorType       = {value >> 8:08x} (X)",
        ]
        return ["-- URB_FUNCTION_GET_DESCRIPTOR_FROM_DEVICE:", length, *rest, "  LanguageId = 00000409"]
    if (kind, request) == (0x00, 3):
        rest = [f"  FeatureSelector      = {value:08x}", f"  Index                = {index:08x}"]
        return ["-- URB_FUNCTION_SET_FEATURE_TO_DEVICE:", *rest]
    if kind & 0x60:
        name = "VENDOR" if kind & 0x40 else "CLASS"
        target = {0: "DEVICE", 1: "INTERFACE", 2: "ENDPOINT"}[kind & 0x1F]
        rest = [
            f"  Request              = {request:08x}",
            f"  Value                = {value:08x}",
            f"  Index                = {index:08x}",
        ]
        return [f"-- URB_FUNCTION_{name}_{target}:", flags, length, *dump, *rest]
    return ["-- URB_FUNCTION_CONTROL_TRANSFER:", flags, length]


def pcap(
    records: list[Record], link: int, *, order: str = "<", ns: bool = False, snaplen: int = 65535
) -> bytes:
    magic = 0xA1B23C4D if ns else 0xA1B2C3D4
    found = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snaplen, link)]
    for seconds, data in records:
        fraction = int(round(seconds % 1, 6) * (1e9 if ns else 1e6))
        kept = data[:snaplen]
        found.append(struct.pack(order + "IIII", int(seconds), fraction, len(kept), len(data)) + kept)
    return b"".join(found)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def section(order: str = "<", options: bytes = b"") -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1) + options, order)


def interface(link: int, order: str = "<", resolution: int | None = None) -> bytes:
    options = b"" if resolution is None else struct.pack(order + "HHBxxx", 9, 1, resolution)
    return block(1, struct.pack(order + "HHI", link, 0, 0) + options, order)


def enhanced(record: Record, number: int = 0, order: str = "<", ticks: float = 1e6) -> bytes:
    seconds, data = record
    time = int(seconds * ticks)
    head = struct.pack(order + "IIIII", number, time >> 32, time & 0xFFFFFFFF, len(data), len(data))
    return block(6, head + data, order)
