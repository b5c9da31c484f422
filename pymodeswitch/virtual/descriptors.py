"""USB descriptors of a virtual stick, and their bytes.

Layouts and field names: Universal Serial Bus Specification 2.0, section 9.6.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

DEVICE, CONFIGURATION, STRING, INTERFACE, ENDPOINT, DEVICE_QUALIFIER = 1, 2, 3, 4, 5, 6
COMPANION = 0x30  # USB 3.2, table 9-6

HIGH_SPEED, SUPER_SPEED = 3, 5  # as in USB/IP, and in the kernel's enum usb_device_speed

BULK, INTERRUPT = 2, 3

MASS_STORAGE, CDC, CDC_DATA, HID, VENDOR_SPECIFIC = 0x08, 0x02, 0x0A, 0x03, 0xFF


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint: address with direction in bit 7, transfer type, sizes in bytes."""

    address: int
    transfer_type: int = BULK
    max_packet_size: int = 512
    interval: int = 0

    def to_bytes(self, speed: int = HIGH_SPEED) -> bytes:
        """The 7-byte endpoint descriptor (USB 2.0, table 9-13).

        At SuperSpeed with its companion (USB 3.2, 9.6.7), and bulk packets of 1,024 bytes (8.12.1.1).
        """
        is_super = speed == SUPER_SPEED
        size = 1024 if is_super and self.transfer_type == BULK else self.max_packet_size
        raw = struct.pack("<BBBBHB", 7, ENDPOINT, self.address, self.transfer_type, size, self.interval)
        bytes_an_interval = size if self.transfer_type == INTERRUPT else 0
        companion = struct.pack("<BBBBH", 6, COMPANION, 0, 0, bytes_an_interval)
        return raw + companion if is_super else raw


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface (one alternate setting of it) with its endpoints.

    `extra` holds class-specific descriptors that follow the interface descriptor.
    """

    number: int
    interface_class: int
    subclass: int = 0
    protocol: int = 0
    endpoints: tuple[Endpoint, ...] = ()
    altsetting: int = 0
    extra: bytes = b""

    def to_bytes(self, speed: int = HIGH_SPEED) -> bytes:
        """The 9-byte interface descriptor (table 9-12), `extra`, then the endpoints."""
        head = struct.pack(
            "<9B",
            9,
            INTERFACE,
            self.number,
            self.altsetting,
            len(self.endpoints),
            self.interface_class,
            self.subclass,
            self.protocol,
            0,
        )
        return head + self.extra + b"".join(e.to_bytes(speed) for e in self.endpoints)


@dataclass(frozen=True, slots=True)
class Configuration:
    """One configuration: its bConfigurationValue (1-255) and interfaces."""

    interfaces: tuple[Interface, ...]
    value: int = 1

    def to_bytes(self, speed: int = HIGH_SPEED) -> bytes:
        """The configuration descriptor (table 9-10) with everything below it.

        bMaxPower is 500 mA: in units of 2 mA, at SuperSpeed of 8 mA (USB 3.2, table 9-22).
        """
        power = 62 if speed == SUPER_SPEED else 250
        body = b"".join(i.to_bytes(speed) for i in self.interfaces)
        count = len({i.number for i in self.interfaces})
        return (
            struct.pack("<BBHBBBBB", 9, CONFIGURATION, 9 + len(body), count, self.value, 0, 0x80, power)
            + body
        )


@dataclass(frozen=True, slots=True)
class Identity:
    """What a stick shows in one mode: IDs, class, strings, configurations.

    further_strings: those from index 4 on, which class descriptors refer to.
    """

    vendor: int
    product: int
    configurations: tuple[Configuration, ...]
    device_class: int = 0
    manufacturer: str = ""
    product_name: str = ""
    serial: str = ""
    further_strings: tuple[str, ...] = ()

    def to_bytes(self, speed: int = HIGH_SPEED) -> bytes:
        """The 18-byte device descriptor (table 9-8); strings have the indexes 1, 2 and 3.

        At SuperSpeed bMaxPacketSize0 is an exponent (USB 3.2, table 9-11).
        """
        release, most = (0x0300, 9) if speed == SUPER_SPEED else (0x0200, 64)
        return struct.pack(
            "<BBHBBBBHHHBBBB",
            18,
            DEVICE,
            release,
            self.device_class,
            0,
            0,
            most,
            self.vendor,
            self.product,
            0x0000,
            1 if self.manufacturer else 0,
            2 if self.product_name else 0,
            3 if self.serial else 0,
            len(self.configurations),
        )

    def qualifier(self) -> bytes:
        """The 10-byte device qualifier (table 9-9)."""
        return struct.pack(
            "<BBHBBBBBB",
            10,
            DEVICE_QUALIFIER,
            0x0200,
            self.device_class,
            0,
            0,
            64,
            len(self.configurations),
            0,
        )

    def string(self, index: int) -> bytes | None:
        """The string descriptor (table 9-15, 9-16), or None where there is none."""
        if index == 0:
            return struct.pack("<BBH", 4, STRING, 0x0409)
        texts = ("", self.manufacturer, self.product_name, self.serial, *self.further_strings)
        text = texts[index] if index < len(texts) else ""
        if not text:
            return None
        data = text.encode("utf-16-le")
        return struct.pack("<BB", 2 + len(data), STRING) + data
