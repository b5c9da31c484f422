"""What Linux records: the binary form of usbmon, with headers of 48 or 64 bytes.

Sources: the kernel's Documentation/usb/usbmon.rst, tcpdump.org/linktypes/LINKTYPE_USB_LINUX_MMAPPED.html.
"""

from __future__ import annotations

import struct

from .packets import CANCELLED, CONTROL, DONE, FAILED, GONE, STALLED, Packet

LINKS = {189: 48, 220: 64}  # link type: bytes of the header
ISOCHRONOUS, SUBMIT = 0, ord("S")
TYPES = b"SCE"
OWN_BUFFER = 0x4  # URB_NO_TRANSFER_DMA_MAP: a driver's; what a program asks for has none

# ESHUTDOWN, ENODEV, EPROTO, EILSEQ, EOVERFLOW is an answer all the same.
OUTCOMES = {
    **{0: DONE, -115: DONE, -121: DONE, -32: STALLED, -2: CANCELLED, -104: CANCELLED},
    **{-108: GONE, -19: GONE, -71: GONE, -84: GONE},
}
_HEADERS = {order: struct.Struct(order + "QBBBBHBB12xiII8s") for order in "<>"}
_FLAGS = {order: struct.Struct(order + "I") for order in "<>"}


def outcome_of(status: int) -> int:
    """What a status of Linux means."""
    return OUTCOMES.get(status, FAILED)


def decode(data: bytes, header_size: int, order: str, seconds: float) -> Packet | None:
    """A packet; None for isochronous ones, and for records that are none."""
    if len(data) < header_size:
        return None
    key, event, kind, endpoint, address, bus, setup_flag, data_flag, status, length, captured, setup = (
        _HEADERS[order].unpack_from(data)
    )
    if kind == ISOCHRONOUS or kind > 3 or event not in TYPES:
        return None
    body = data[header_size : header_size + captured] if data_flag == 0 and captured else b""
    by_driver = None
    if header_size == 64:
        by_driver = bool(_FLAGS[order].unpack_from(data, 56)[0] & OWN_BUFFER)
    return Packet(
        seconds,
        key,
        bus,
        address,
        endpoint,
        kind,
        event != SUBMIT,
        OUTCOMES.get(status, FAILED),
        setup if kind == CONTROL and setup_flag == 0 and event == SUBMIT else b"",
        body,
        length,
        by_driver,
    )
