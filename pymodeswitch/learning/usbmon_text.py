"""The text form of usbmon (`0u`, `Nu`, the older `Nt`), also as people quote it in mails.

Data are cut to 32 bytes in it: a command fits, much else does not. Source: Documentation/usb/usbmon.rst.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .packets import BULK, CONTROL, DONE, INTERRUPT, Packet
from .usbmon import outcome_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

WRAPS_US = 1 << 32
KINDS = {"C": CONTROL, "B": BULK, "I": INTERRUPT}

LINE = re.compile(
    r"(?P<key>[0-9a-f]{6,16}) (?P<time>\d{1,10}) (?P<event>[SCE]) "
    r"(?P<kind>[CZIB])(?P<way>[io]):(?:(?P<bus>\d{1,5}):)?(?P<address>\d{1,3}):(?P<endpoint>\d{1,3}) "
    r"(?P<rest>.+)"
)

# What a mail program leaves of a long line on the next one.
CONTINUED = re.compile(r"[>| \t]{0,16}([0-9a-f][0-9a-f ]{1,72})")
MAX_DATA = 32  # bytes


def looks_like(text: str) -> bool:
    """Whether a line of it is one of usbmon's."""
    return LINE.search(text) is not None


def read_lines(lines: Iterable[str]) -> Iterator[Packet]:
    """The packets of all lines that are some; everything around them is left out."""
    wraps, last = 0, 0
    held: Packet | None = None
    for line in lines:
        match = LINE.search(line) if ":" in line else None
        if held is not None:
            if match is None and (more := CONTINUED.fullmatch(line.rstrip())) is not None:
                held = held._replace(data=_joined(held.data, more[1]))
            yield held
            held = None
        if match is None or match["kind"] == "Z":
            continue
        time = int(match["time"])
        if time < last - WRAPS_US // 2:  # records may be out of order by a little
            wraps += 1
        last = time
        packet = _packet(match, (wraps * WRAPS_US + time) / 1e6)
        if packet is not None and len(packet.data) < min(packet.length, MAX_DATA) and packet.data:
            held = packet  # a mail may have broken the line
        elif packet is not None:
            yield packet
    if held is not None:
        yield held


def _joined(data: bytes, more: str) -> bytes:
    """The data with what stands on the next line; as they are if that is none."""
    try:
        return (data + bytes.fromhex(more))[:MAX_DATA]
    except ValueError:
        return data


def _packet(match: re.Match[str], seconds: float) -> Packet | None:
    is_answer = match["event"] != "S"
    words = match["rest"].split()
    setup, outcome = b"", DONE
    try:
        if words[0] == "s":
            kind, request, value, index, size = (int(word, 16) for word in words[1:6])
            setup = bytes([kind, request]) + b"".join(
                number.to_bytes(2, "little") for number in (value, index, size)
            )
            del words[:6]
        else:
            outcome = outcome_of(int(words.pop(0).partition(":")[0]))
        length = int(words.pop(0)) if words else 0
        data = bytes.fromhex("".join(words[1:])) if words[:1] == ["="] else b""
    except (ValueError, IndexError, OverflowError):
        return None  # a line that a mail has broken
    return Packet(
        seconds,
        match["key"],
        int(match["bus"] or 0),
        int(match["address"]),
        int(match["endpoint"]) & 0x0F | (0x80 if match["way"] == "i" else 0),
        KINDS[match["kind"]],
        is_answer,
        outcome,
        setup,
        data,
        length,
    )
