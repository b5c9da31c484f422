"""What AT command lines are made of: tables of V.250 and 3GPP TS 27.007, and how a line is taken apart."""

from __future__ import annotations

import re

# V.250, table 1; `BUSY` and others with X levels are sent at every level but 0, as modems do.
RESULT_CODES = {
    "OK": 0,
    "CONNECT": 1,
    "RING": 2,
    "NO CARRIER": 3,
    "ERROR": 4,
    "NO DIALTONE": 6,
    "BUSY": 7,
    "NO ANSWER": 8,
}
# What each basic command takes (V.250, 6.2 and 6.3), and its value after ATZ or AT&F.
BASIC = {
    "E": (1, range(2)),
    "Q": (0, range(2)),
    "V": (1, range(2)),
    "X": (4, range(5)),
    "L": (1, range(4)),
    "M": (0, range(3)),
    "&C": (1, range(2)),
    "&D": (2, range(3)),
    "&S": (0, range(2)),
}
# S registers: defaults and ranges of V.250, 6.2 and 6.3; S12 is the guard time of +++ in 20 ms.
REGISTERS = {
    0: (0, range(256)),
    3: (13, range(128)),
    4: (10, range(128)),
    5: (8, range(128)),
    6: (2, range(2, 11)),
    7: (60, range(1, 256)),
    8: (2, range(256)),
    10: (15, range(1, 255)),
    12: (50, range(256)),
}
GUARD_UNIT_S = 0.02
LONGEST_LINE = 2048

# *99*ADDRESS*L2P*CID#, all but *99# optional (27.007, 10.2.1.1).
PACKET_CALL = re.compile(r"\*9[89](?:\*[^*#]*)?(?:\*[^*#]*)?(?:\*(\d+))?#")
NAME = re.compile(r"[+*%^$!][A-Z0-9!%./:_-]*", re.IGNORECASE)
BASIC_COMMAND = re.compile(r"(&?[A-Z])(\d*)", re.IGNORECASE)
REGISTER = re.compile(r"S(\d+)(?:=(\d*)|(\?))", re.IGNORECASE)

# 27.007, 9.2.1: those that this modem gives.
CME_ERRORS = {
    3: "operation not allowed",
    4: "operation not supported",
    10: "SIM not inserted",
    11: "SIM PIN required",
    12: "SIM PUK required",
    16: "incorrect password",
    30: "no network service",
    50: "Incorrect parameters",
}


class CommandError(Exception):
    """A command that fails: with ERROR, or by +CMEE with a code of 27.007, 9.2."""

    def __init__(self, code: int | None = None) -> None:
        super().__init__(code)
        self.code = code


def split_off(text: str) -> tuple[str, str]:
    """An extended command's end: at a semicolon that is not within quotation marks."""
    quoted = False
    for place, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif character == ";" and not quoted:
            return text[:place], text[place + 1 :]
    return text, ""


def values_of(text: str) -> list[str]:
    """`1,"IP","internet"` as a list without the quotation marks. CommandError for one that has no end."""
    if text.count('"') % 2:
        raise CommandError(50)
    parts = re.findall(r'\s*("[^"]*"|[^,"]*)\s*(?:,|$)', text)
    if len(parts) > 1 and not text.endswith(","):
        parts.pop()  # the match of nothing at the very end
    return [value.strip().strip('"') for value in parts]
