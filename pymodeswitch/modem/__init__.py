"""What a switched modem says of itself, and what to write down for dialling with it.

    line.py             a serial port, and a question that is asked through it
    state.py            what the modem answered, read
    findings.py         that in words, each with its cure and its exit code
    places.py           which port is the one to dial with, who holds it; network cards
    examination.py      one modem, or all that are attached
    configuration.py    texts for wvdial, pppd and NetworkManager
    port_link.py        the link /dev/gsmmodem

Imports host and below. Nothing here dials, writes a file, or opens a port that somebody holds.
"""

from __future__ import annotations

from .configuration import KINDS, configuration
from .examination import Report, examine, look_at
from .findings import OUTCOMES, ModemFinding, findings_of
from .state import ModemState, ask_state

__all__ = [
    "KINDS",
    "OUTCOMES",
    "ModemFinding",
    "ModemState",
    "Report",
    "ask_state",
    "configuration",
    "examine",
    "findings_of",
    "look_at",
]
