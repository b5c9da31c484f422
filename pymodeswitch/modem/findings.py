"""A modem's state in words: what is wrong, what cures it, and the exit code that says it to scripts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .state import NO_SIGNAL, ModemState

# Name -> (exit code, what it means). Code 0 is said of a modem that is fine. docs/exit-codes.md has them.
OUTCOMES = {
    "ready": (0, "it is registered with a network and an APN is set: it can be dialled with"),
    "address": (0, "a network card that has an address"),
    "other-tool": (0, "a modem that is talked to by MBIM or QMI, not by AT"),
    "modemmanager": (0, "ModemManager runs, and will take the modem"),
    "held": (9, "a program has the port"),
    "no-answer": (31, "no answer to AT on the port"),
    "no-sim": (32, "no SIM, or none that can be used"),
    "sim-locked": (33, "the SIM wants its PIN or PUK"),
    "radio-off": (34, "the radio is turned off"),
    "no-signal": (35, "no signal"),
    "not-registered": (36, "no network has taken the modem"),
    "no-apn": (37, "registered, and no APN is set"),
    "no-link": (38, "a network card without a link"),
    "no-address": (39, "a network card without an address"),
    "no-port": (40, "no driver has made a port"),
}
HOME, SEARCHING, DENIED = 1, 2, 3  # <stat> of 7.2
WEAK_DBM = -105  # below it, calls drop (27.007 has -113 as its lowest value)


class ModemFinding(NamedTuple):
    """One finding: `name` is one of OUTCOMES, and stable; `text` and `cures` are for people."""

    name: str
    text: str
    cures: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """The code of its name."""
        return OUTCOMES[self.name][0]


def exit_code(findings: tuple[ModemFinding, ...]) -> int:
    """The code of the first finding that is not fine; 0 when all are."""
    return next((finding.exit_code for finding in findings if finding.exit_code), 0)


def findings_of(state: ModemState, port: str) -> tuple[ModemFinding, ...]:
    """What is to be said of a modem that was asked on a port such as /dev/ttyACM0.

    What comes first hinders the rest: without a SIM there is no network, so only the SIM is spoken of.
    """
    return tuple(_findings(state, port))


def _findings(state: ModemState, port: str) -> Iterator[ModemFinding]:
    if not state.answers:
        text = f"{port} does not answer AT: it may be a port for something else, or the modem still starts"
        yield ModemFinding(
            "no-answer", text, ("wait 20 s and ask again; then unplug the stick and plug it in",)
        )
    elif state.sim == "":
        text = "the modem finds no SIM that it can use"
        yield ModemFinding("no-sim", text, ("put the SIM in, contacts down, and plug the stick in again",))
    elif state.sim not in (None, "READY"):
        yield _locked(str(state.sim), port)
    elif state.functionality not in (None, 1):
        text = f"the radio is turned off (+CFUN: {state.functionality})"
        yield ModemFinding("radio-off", text, (_at(port, "AT+CFUN=1"),))
    elif not state.is_registered:
        yield _unregistered(state, port)
    else:
        yield _registered(state, port)


def _locked(sim: str, port: str) -> ModemFinding:
    if "PUK" in sim:
        text = f"the SIM is blocked and wants its PUK ({sim}): a wrong PIN was entered too often"
        cure = _at(port, 'AT+CPIN="PUK","NEW PIN"') + " (ten wrong ones destroy the SIM)"
        return ModemFinding("sim-locked", text, (cure,))
    text = f"the SIM wants its PIN ({sim})"
    cures = (
        _at(port, 'AT+CPIN="PIN"') + " (three wrong ones block the SIM)",
        "mmcli -i any --pin=PIN, where ModemManager has the modem",
    )
    return ModemFinding("sim-locked", text, cures)


def _unregistered(state: ModemState, port: str) -> ModemFinding:
    stats = set(state.registered.values())
    if DENIED in stats:
        text = "the network refuses the modem (registration denied): is the SIM active, and paid for?"
        return ModemFinding("not-registered", text, ("ask the operator; try the SIM in a phone",))
    if state.rssi in (0, NO_SIGNAL):
        text = "no signal: the modem hears no network"
        cures = ("move the stick: to a window, on an extension cable, or with an antenna",)
        return ModemFinding("no-signal", text, cures)
    doing = "is searching" if SEARCHING in stats else "is not searching" if stats else "says nothing of it"
    text = f"no network has taken the modem, which {doing}; signal {_signal(state)}"
    more = [] if SEARCHING in stats else [_at(port, "AT+COPS=0")]
    return ModemFinding("not-registered", text, ("wait a minute and ask again", *more))


def _registered(state: ModemState, port: str) -> ModemFinding:
    where = "at home" if HOME in state.registered.values() else "roaming"
    text = f"registered with {state.operator or 'a network'} ({where}), signal {_signal(state)}"
    if state.apn is None:
        cure = _at(port, 'AT+CGDCONT=1,"IP","APN"') + " (the operator tells the name of its APN)"
        cures = (cure, "or give it to what dials: see --conf")
        return ModemFinding("no-apn", f"{text}; no APN is set", cures)
    number = next(number for number, _, apn in state.contexts if apn)
    return ModemFinding("ready", f'{text}; APN "{state.apn}": dial *99***{number}#')


def _signal(state: ModemState) -> str:
    if state.dbm is None:
        return "unknown"
    return f"{state.dbm} dBm{' (weak)' if state.dbm < WEAK_DBM else ''}"


def _at(port: str, command: str) -> str:
    """How a person sends one command."""
    return f"picocom {port}, then {command}"
