"""Scenes for the tests of inference: sticks, what is sent to them, and captures of that."""

from __future__ import annotations

import struct
from collections.abc import Callable

from pymodeswitch.learning.inference import Lesson
from pymodeswitch.learning.learn import learn
from pymodeswitch.nouns.model import UsbId
from pymodeswitch.virtual import (
    Leave,
    MassStorage,
    Mode,
    Reply,
    Stick,
    message_stick,
    modem_mode,
    storage_mode,
)
from tests.learning import traffic
from tests.learning.traffic import NotingBus

Write = Callable[..., str]

VENDOR, PRODUCT, TARGET = 0x1234, 0x1000, 0x1001
VENDOR_CDB = bytes.fromhex("ff0244455643484700000000")
OTHER_CDB = bytes.fromhex("f00103000000")
EJECT_CDB = bytes.fromhex("1b0000000200")


def cbw(cdb: bytes, *, tag: int = 0x7700, length: int = 0, lun: int = 0) -> bytes:
    head = struct.pack("<4sIIBBB", b"USBC", tag, length, 0x80 if length else 0, lun, len(cdb))
    return head + cdb.ljust(16, b"\0")


SOON = Leave(0.5)


def stick(cdb: bytes = VENDOR_CDB, leave: Leave | None = SOON, target: Mode | None = None) -> Stick:
    return message_stick(VENDOR, PRODUCT, [cdb], target or modem_mode(VENDOR, TARGET), leave)


def send(bus: NotingBus, message: bytes, *, answered: bool = True) -> None:
    tap = bus.attached()[0].stick
    tap.write(0x01, message)
    if answered:
        while tap.read(0x81, 512) is not None:
            pass
    bus.attached()


def switched(bus: NotingBus, message: bytes | None = None, plugged: Stick | None = None) -> None:
    """Plugged in, left alone for three seconds, sent the message; the recording goes on for a while."""
    bus.plug(plugged or stick(), "1-1")
    bus.clock.sleep(3)
    send(bus, message or cbw(VENDOR_CDB))
    bus.clock.sleep(2)
    bus.attached()


def pcap(bus: NotingBus) -> bytes:
    return traffic.pcap(traffic.usbmon(bus.events), 220)


def windows(bus: NotingBus) -> bytes:
    return traffic.pcap(traffic.usbpcap(bus.events), 249)


def only(path: str, *given: UsbId | None) -> Lesson:
    (lesson,) = learn(path, *given).lessons
    return lesson


def drive(vendor: int = VENDOR, product: int = PRODUCT, *, kind: int = 0) -> Stick:
    storage = MassStorage()
    inquiry = bytes([kind, 0x80, 2, 2, 31, 0, 0, 0]) + b"SanDisk Cruzer          1.00"
    storage.hook = lambda command: Reply(inquiry) if command.cdb[0] == 0x12 else None
    return Stick([storage_mode(vendor, product, storage)])
