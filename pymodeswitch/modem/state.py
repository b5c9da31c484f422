"""What a modem answers to the questions that a dialling program would ask, read (3GPP TS 27.007)."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field

from .line import Answer, Line, ask

TOTAL_S = 9.0  # for all questions
FIRST_TRIES, FIRST_S = 3, 1.0  # a modem that has just started swallows its first line
EACH_S = 3.0  # +COPS? asks the network in some modems

REGISTRATIONS = ("+CREG", "+CGREG", "+CEREG")
QUESTIONS = (
    *("ATI", "AT+CFUN?", "AT+CPIN?", "AT+CSQ"),
    *(f"AT{name}?" for name in REGISTRATIONS),
    *("AT+COPS?", "AT+CGDCONT?"),
)
NO_SIGNAL = 99  # "not known or not detectable" (8.5)

SIM_WORDS = {
    "SIM not inserted": "",
    "SIM failure": "",
    "SIM busy": "",
    "SIM wrong": "",
    "SIM PIN required": "SIM PIN",
    "SIM PUK required": "SIM PUK",
}
SIM_CODES = {"10": "", "11": "SIM PIN", "12": "SIM PUK", "13": "", "14": "", "15": ""}


@dataclass(frozen=True, slots=True)
class ModemState:
    """A modem as it answered; None is what it did not say.

    answers: whether it spoke AT at all. about: the lines of ATI. sim: `READY`, `SIM PIN`, `SIM PUK` ...,
    empty without a SIM that can be used. functionality: +CFUN, 1 with the radio on. rssi: 0 to 31, or
    NO_SIGNAL.
    registered: <stat> (7.2) by command. contexts: number, type and APN of +CGDCONT. raw: all answers.
    """

    answers: bool = False
    about: tuple[str, ...] = ()
    sim: str | None = None
    functionality: int | None = None
    rssi: int | None = None
    registered: dict[str, int] = field(default_factory=dict)
    operator: str | None = None
    contexts: tuple[tuple[int, str, str], ...] = ()
    raw: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def is_registered(self) -> bool:
        """Whether a network has taken it, at home (1) or roaming (5)."""
        return any(stat in (1, 5) for stat in self.registered.values())

    @property
    def dbm(self) -> int | None:
        """Signal strength in dBm (8.5): -113 to -51."""
        return None if self.rssi in (None, NO_SIGNAL) else -113 + 2 * int(self.rssi or 0)

    @property
    def apn(self) -> str | None:
        """The first APN that is set; None when there is none."""
        return next((apn for _, _, apn in self.contexts if apn), None)


def ask_state(line: Line, total_s: float = TOTAL_S) -> ModemState:
    """Ask all questions, within `total_s` seconds; what is not answered in time is left out.

    Only what changes nothing is asked: not even the echo is turned off.
    """
    deadline = time.monotonic() + total_s
    for _ in range(FIRST_TRIES):
        if ask(line, "AT", min(FIRST_S, total_s)).is_ok:
            break
    else:
        return ModemState()
    answers: dict[str, Answer] = {}
    for question in QUESTIONS:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        answers[question] = ask(line, question, min(EACH_S, left))
    return read_state(answers)


def read_state(answers: dict[str, Answer]) -> ModemState:
    """Read the answers to QUESTIONS."""

    def of(name: str) -> str:
        answer = answers.get(f"AT{name}?") or answers.get(f"AT{name}") or Answer((), "")
        return (answer.value(name) if answer.is_ok else None) or ""

    stats = {name: stat for name in REGISTRATIONS if (stat := _stat(of(name))) is not None}
    about = answers.get("ATI", Answer((), ""))
    operator = re.search(r'"([^"]*)"', of("+COPS"))
    contexts = answers.get("AT+CGDCONT?", Answer((), ""))
    return ModemState(
        answers=True,
        about=about.lines if about.is_ok else (),
        sim=_sim(answers.get("AT+CPIN?", Answer((), ""))),
        functionality=_number(of("+CFUN")),
        rssi=_rssi(of("+CSQ")),
        registered=stats,
        operator=operator[1] if operator else None,
        contexts=_contexts(contexts.lines) if contexts.is_ok else (),
        raw={question: (*answer.lines, answer.result) for question, answer in answers.items()},
    )


def _sim(answer: Answer) -> str | None:
    """What +CPIN? says; an error tells it, too, by number or in words (+CMEE)."""
    if answer.is_ok:
        return answer.value("+CPIN")
    if not answer.result.startswith("+CME ERROR"):
        # Unless +CMEE was set a modem says no more than ERROR when there is no SIM.
        return "" if answer.result == "ERROR" else None
    why = answer.result.partition(":")[2].strip()
    known = SIM_CODES | SIM_WORDS
    return next((sim for text, sim in known.items() if text.lower() == why.lower()), None)


def _number(text: str) -> int | None:
    found = re.match(r"\d{1,9}(?!\d)", text)
    return int(found[0]) if found else None


def _rssi(text: str) -> int | None:
    """+CSQ; some modems for newer networks count from 100 on, by rules of their own."""
    rssi = _number(text)
    return rssi if rssi is not None and (rssi <= 31 or rssi == NO_SIGNAL) else None


def _stat(text: str) -> int | None:
    """`N,STAT[,...]` (7.2); the unasked form `STAT` has no comma, or texts behind it."""
    found = re.match(r"\d+\s*,\s*(\d{1,9})(?!\d)", text)
    return int(found[1]) if found else None


def _contexts(lines: tuple[str, ...]) -> tuple[tuple[int, str, str], ...]:
    found = (
        re.match(r'\+CGDCONT:\s*(\d{1,9})\s*,\s*"([^"]*)"\s*(?:,\s*"([^"]*)")?', line) for line in lines
    )
    return tuple((int(match[1]), match[2], match[3] or "") for match in found if match)
