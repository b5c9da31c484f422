"""What Windows records by USBPcap: link type 249, little-endian always.

Source: desowin.org/usbpcap/captureformat.html, and the headers of that project.
"""

from __future__ import annotations

import struct

from ..nouns.steps import CBW_LENGTH, CBW_SIGNATURE
from .packets import BULK, CANCELLED, CONTROL, DONE, FAILED, GONE, INTERRUPT, STALLED, Packet

LINKTYPE_USBPCAP = 249
MIN_HEADER = 27
UNKNOWN = 0xFF  # as endpoint or transfer type: USBPcap does not know the pipe
SETUP, DATA, STATUS, COMPLETE = range(4)  # stages of a control transfer
KINDS = {CONTROL: CONTROL, BULK: BULK, INTERRUPT: INTERRUPT, UNKNOWN: BULK}

OUTCOMES = {
    **{0: DONE, 0xC0000004: STALLED, 0xC0000030: STALLED, 0xC0010000: CANCELLED},
    **{0xC0000005: GONE, 0xC0000011: GONE, 0xC0007000: GONE},
}
_HEADER = struct.Struct("<HQIHBHHBBI")


def decode(data: bytes, seconds: float) -> Packet | None:
    """A packet; None for isochronous ones and for what is no transfer."""
    if len(data) < MIN_HEADER:
        return None
    size, key, status, _, info, bus, address, endpoint, transfer, length = _HEADER.unpack_from(data)
    if size < MIN_HEADER or transfer not in KINDS:
        return None
    is_answer = bool(info & 1)
    outcome = OUTCOMES.get(status, FAILED) if is_answer else DONE
    body = data[size : size + length]
    kind = KINDS[transfer]
    if kind != CONTROL:
        if endpoint == UNKNOWN and body.startswith(CBW_SIGNATURE) and len(body) == CBW_LENGTH:
            # The direction is not known either, and OUT data stand in the answer.
            return Packet(seconds, key, bus, address, UNKNOWN & 0x7F, kind, False, DONE, b"", body, length)
        return Packet(seconds, key, bus, address, endpoint, kind, is_answer, outcome, b"", body, length)
    stage = data[27] if size >= 28 and len(data) > 27 else SETUP
    setup, left = b"", length
    if stage == SETUP and not is_answer:
        setup, body, left = body[:8], body[8:], max(0, length - 8)
        if setup[:2] == b"\x00\x0b":
            setup = b"\x01" + setup[1:]  # SET_INTERFACE comes with the wrong recipient
    elif stage == STATUS and not is_answer:
        return None
    if stage == DATA and not is_answer:  # data of an OUT request, in versions before 1.5
        return Packet(seconds, key, bus, address, endpoint, kind, False, outcome, b"", body, left)
    return Packet(seconds, key, bus, address, endpoint, kind, is_answer, outcome, setup, body, left)
