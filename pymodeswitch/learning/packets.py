"""One record of USB traffic, whatever program recorded it."""

from __future__ import annotations

from typing import NamedTuple

CONTROL, BULK, INTERRUPT = 2, 3, 1  # as usbmon and USBPcap number them; isochronous is left out
OTHER = -1  # no transfer: a word about the device alone

# What became of a transfer. DONE also stands for one that is only asked for yet.
DONE, STALLED, GONE, CANCELLED, FAILED = range(5)

SETUP_BYTES = 8


class Packet(NamedTuple):
    """A transfer that is asked for, or its answer.

    seconds: since some start. key: pairs both. bus, address: of the device. endpoint: with the direction in
    bit 7. kind: CONTROL, BULK, INTERRUPT or OTHER. is_answer: it is over. outcome: DONE, STALLED ...;
    setup: the 8 bytes of a control request, else empty. data: as far as it was recorded. length: bytes of
    data on the bus. by_driver: whether a kernel driver has asked for it, None where nobody can tell.
    """

    seconds: float
    key: int | str
    bus: int
    address: int
    endpoint: int
    kind: int
    is_answer: bool
    outcome: int = DONE
    setup: bytes = b""
    data: bytes = b""
    length: int = 0
    by_driver: bool | None = None


class CaptureInfo(NamedTuple):
    """What is known of a capture beside its packets.

    format: in words. system: family of the recording system ("Linux", "Windows"), empty where unknown.
    covers_one: it is of one device alone, so that what comes after the switch is never in it. shows_ports:
    the traffic of hubs is there.
    """

    format: str
    system: str = ""
    covers_one: bool = False
    shows_ports: bool = False
