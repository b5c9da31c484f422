"""What of a device's text may be shown to others: nothing that is one person's, and no control characters.

Serial numbers and IMEIs stand in strings of all kinds, so long numbers are masked wherever they are.
"""

from __future__ import annotations

import re
import unicodedata

MAX_TEXT = 64  # characters; a USB string has 126 at most
MAC = re.compile(r"(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}")
HEX = re.compile(r"[0-9A-Fa-f]{8,}")
GROUPED = re.compile(r"[0-9](?:[ ./:_-]?[0-9]){7,}")


def masked(text: str, serial: str = "") -> str:
    """One line; MAC addresses, and numbers of eight digits and more (hex, or in groups), become `#`.

    serial: the device's own, which is masked however short it is (from four characters on).
    """
    line = unicodedata.normalize("NFKC", text[: 4 * MAX_TEXT])
    if len(serial) >= 4:
        line = re.sub(re.escape(serial), _cross_out, line, flags=re.IGNORECASE)
    line = " ".join(one_line(line).split())
    for pattern in (MAC, HEX, GROUPED):
        line = pattern.sub(_cross_out, line)
    return line[:MAX_TEXT]


def one_line(text: str) -> str:
    """Text with a blank for each control character, for a line of a file or a report."""
    return "".join(c if c.isprintable() else " " for c in text)


def _cross_out(match: re.Match[str]) -> str:
    return "#" * len(match[0])
