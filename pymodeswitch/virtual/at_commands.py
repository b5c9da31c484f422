"""The extended AT commands of a virtual modem: V.250 and 3GPP TS 27.007 as far as dialling programs ask.

A command that is not here is answered with ERROR, as by a modem that does not have it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .at import AnswerLines, AtInterpreter
from .at_lines import CommandError
from .radio import READY, SIM_PIN, SIM_PUK, Context

Handler = Callable[[AtInterpreter, str, list[str]], AnswerLines]

# +CME ERROR by what the SIM wants (27.007, 9.2.1).
SIM_ERRORS = {"": 10, SIM_PIN: 11, SIM_PUK: 12}
NOT_ALLOWED, NOT_SUPPORTED, WRONG_PASSWORD, NO_NETWORK, BAD_PARAMETER = 3, 4, 16, 30, 50
MOST_CONTEXTS = 16
KINDS = ("IP", "IPV6", "IPV4V6", "PPP")
EF_ICCID, EF_AD = 12258, 28589  # 3GPP TS 31.102, 4.2; read by +CRSM (27.007, 8.18)
READ_BINARY, GET_RESPONSE = 176, 192


class AtCommand(NamedTuple):
    """An extended command: what carries it out, and whether it wants a SIM that is ready."""

    handler: Handler
    needs_sim: bool = False


COMMANDS: dict[str, AtCommand] = {}

# Numbers that are kept and change nothing: name -> (what =? says, values at power-on).
KEPT = {
    "+CMEE": ("(0-2)", ["0"]),
    "+CREG": ("(0-2)", ["0"]),
    "+CGREG": ("(0-2)", ["0"]),
    "+CEREG": ("(0-2)", ["0"]),
    "+FCLASS": ("(0)", ["0"]),
    "+IFC": ("(0-2),(0-2)", ["2", "2"]),
    "+IPR": ("(0-921600)", ["0"]),
    "+ICF": ("(3),(0-3)", ["3", "3"]),
    "+CRC": ("(0,1)", ["0"]),
    "+CLIP": ("(0,1)", ["0", "1"]),
    "+CCWA": ("(0,1)", ["0"]),
    "+CGEREP": ("(0-2),(0,1)", ["0", "0"]),
    "+CTZU": ("(0,1)", ["0"]),
}


def execute(port: AtInterpreter, name: str, kind: str, values: list[str]) -> AnswerLines:
    """Carry out one extended command; see `AtInterpreter.execute`."""
    command = COMMANDS.get(name)
    if command is None:
        raise CommandError(NOT_SUPPORTED)
    if command.needs_sim and kind != "test" and port.radio.sim != READY:
        raise CommandError(SIM_ERRORS.get(port.radio.sim, NOT_ALLOWED))
    return command.handler(port, kind, values)


def _command(*names: str, needs_sim: bool = False) -> Callable[[Handler], Handler]:
    def add(handler: Handler) -> Handler:
        COMMANDS.update({name: AtCommand(handler, needs_sim) for name in names})
        return handler

    return add


def _tells(
    names: tuple[str, ...], text: Callable[[AtInterpreter], str], *, needs_sim: bool = False
) -> None:
    """A command that tells one thing, and takes nothing."""

    def handler(port: AtInterpreter, kind: str, values: list[str]) -> AnswerLines:
        if kind not in ("run", "test"):
            raise CommandError(BAD_PARAMETER)
        return [text(port)] if kind == "run" else []

    _command(*names, needs_sim=needs_sim)(handler)


def _keeps(name: str, range_text: str, default: list[str]) -> None:
    """A command of numbers, each within its range; reading and setting are all that it does."""
    ranges = [_numbers(text) for text in range_text.replace("),(", ");(").split(";")]

    def handler(port: AtInterpreter, kind: str, values: list[str]) -> AnswerLines:
        if kind == "test":
            return [f"{name}: {range_text}"]
        if kind == "set":
            for value, allowed in zip(values, ranges, strict=False):
                if value and not (value.isdigit() and any(int(value) in numbers for numbers in allowed)):
                    raise CommandError(BAD_PARAMETER)
            if len(values) > len(ranges):
                raise CommandError(BAD_PARAMETER)
            padded = values + [""] * len(default)
            port.parameters[name] = [value or kept for value, kept in zip(padded, default, strict=False)]
            return []
        text = ",".join(port.parameters.get(name, default))
        if name in ("+CREG", "+CGREG", "+CEREG"):
            text = f"{text.partition(',')[0]},{port.radio.stat}"
        return [f"{name}: {text}"]

    _command(name)(handler)


def _numbers(text: str) -> list[range]:
    """`(0-2)` or `(0,1)` as ranges of numbers."""
    parts = (part.partition("-") for part in text.strip("()").split(","))
    return [range(int(first), int(last or first) + 1) for first, _, last in parts]


for _name, (_range, _default) in KEPT.items():
    _keeps(_name, _range, _default)
_tells(("+CGMI", "+GMI"), lambda port: port.radio.manufacturer)
_tells(("+CGMM", "+GMM"), lambda port: port.radio.model)
_tells(("+CGMR", "+GMR"), lambda port: port.radio.revision)
_tells(("+CGSN", "+GSN"), lambda port: port.radio.imei)
_tells(("+CIMI",), lambda port: port.radio.imsi, needs_sim=True)
_tells(("+CCID",), lambda port: f"+CCID: {port.radio.iccid}", needs_sim=True)
_tells(("+GCAP",), lambda port: "+GCAP: +CGSM,+DS,+ES")
_tells(("+CSQ",), lambda port: f"+CSQ: {port.radio.rssi},99")
_tells(("+CPAS",), lambda port: f"+CPAS: {4 if port.radio.active else 0}")
_tells(("+CEER",), lambda port: "+CEER: no cause information available")
_tells(("+CLAC",), lambda port: "\r\n".join(COMMANDS))


@_command("+CNUM", needs_sim=True)
def _own_number(port: AtInterpreter, kind: str, values: list[str]) -> AnswerLines:
    return [f'+CNUM: ,"{port.radio.msisdn}",129'] if port.radio.msisdn and kind == "run" else []


@_command("+CPIN")
def _pin(port: AtInterpreter, kind: str, values: list[str]) -> AnswerLines:
    radio = port.radio
    if kind == "test":
        return []
    if not radio.sim:
        raise CommandError(SIM_ERRORS[""])
    if kind == "read":
        return [f"+CPIN: {radio.sim}"]
    if kind != "set" or radio.sim == READY or not 1 <= len(values) <= 2:
        raise CommandError(NOT_ALLOWED)
    if not radio.enter_pin(*values):
        raise CommandError(WRONG_PASSWORD if radio.sim == SIM_PIN else SIM_ERRORS[radio.sim])
    return []


@_command("+CLCK", needs_sim=True)
def _lock(port: AtInterpreter, kind: str, values: list[str]) -> AnswerLines:
    if kind == "test":
        return ['+CLCK: ("SC")']
    if kind != "set" or values != ["SC", "2"]:
        raise CommandError(NOT_ALLOWED)
    return ["+CLCK: 0"]  # the PIN is not asked for at the next start


@_command("+CFUN")
def _functionality(port: AtInterpreter, kind: str, values: list[str]) -> AnswerLines:
    if kind == "test":
        return ["+CFUN: (0,1,4),(0,1)"]
    if kind == "set":
        if values[0] not in ("0", "1", "4"):
            raise CommandError(BAD_PARAMETER)
        port.radio.functionality = int(values[0])
        if values[0] != "1":
            for call in port.radio.calls:
                call.ended = True
        return []
    return [f"+CFUN: {port.radio.functionality}"]


@_command("+COPS", needs_sim=True)
def _operator(port: AtInterpreter, kind: str, values: list[str]) -> AnswerLines:
    radio = port.radio
    if kind == "test":
        name, code = radio.operator, radio.operator_code
        return [f'+COPS: (2,"{name}","{name}","{code}",{radio.act}),,(0,1,2,3,4),(0,1,2)']
    if kind == "set":
        return _select(port, values)
    mode, form = port.parameters.get("+COPS", ["0", "0"])
    if not radio.is_registered:
        return [f"+COPS: {mode}"]
    name = radio.operator_code if form == "2" else radio.operator
    return [f'+COPS: {mode},{form},"{name}",{radio.act}']


def _select(port: AtInterpreter, values: list[str]) -> AnswerLines:
    mode, form = port.parameters.get("+COPS", ["0", "0"])
    if values[0] not in ("0", "1", "2", "3", "4") or (
        len(values) > 1 and values[1] not in ("", "0", "1", "2")
    ):
        raise CommandError(BAD_PARAMETER)
    known = {port.radio.operator, port.radio.operator_code}
    if values[0] in ("1", "4") and len(values) > 2 and values[2] not in known:
        raise CommandError(NO_NETWORK)
    if values[0] != "3":
        mode = values[0]
    if len(values) > 1 and values[1]:
        form = values[1]
    port.parameters["+COPS"] = [mode, form]
    return []


def _context_number(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= MOST_CONTEXTS:
        raise CommandError(BAD_PARAMETER)
    return int(text)


@_command("+CGDCONT")
def _define_context(port: AtInterpreter, kind: str, values: list[str]) -> AnswerLines:
    contexts = port.radio.contexts
    if kind == "test":
        return [f'+CGDCONT: (1-{MOST_CONTEXTS}),"{name}",,,(0-2),(0-4)' for name in KINDS]
    if kind == "read":
        return [
            f'+CGDCONT: {cid},"{context.kind}","{context.apn}","0.0.0.0",0,0'
            for cid, context in sorted(contexts.items())
        ]
    cid = _context_number(values[0] if values else "")
    if len(values) == 1:
        contexts.pop(cid, None)
    elif values[1].upper() not in KINDS:
        raise CommandError(BAD_PARAMETER)
    else:
        contexts[cid] = Context(values[1].upper(), values[2] if len(values) > 2 else "")
    return []


@_command("+CGACT", needs_sim=True)
def _activate(port: AtInterpreter, kind: str, values: list[str]) -> AnswerLines:
    radio = port.radio
    if kind == "test":
        return ["+CGACT: (0,1)"]
    if kind == "read":
        return [f"+CGACT: {cid},{int(cid in radio.active)}" for cid in sorted(radio.contexts)]
    if not values or values[0] not in ("0", "1"):
        raise CommandError(BAD_PARAMETER)
    cids = {_context_number(text) for text in values[1:]} or set(radio.contexts)
    if values[0] == "0":
        radio.active -= cids
        for call in radio.calls:
            call.ended = call.ended or call.cid in cids
    elif not radio.is_registered or not cids <= set(radio.contexts):
        raise CommandError(NO_NETWORK)
    else:
        radio.active |= cids
    return []


@_command("+CGATT", needs_sim=True)
def _attach(port: AtInterpreter, kind: str, values: list[str]) -> AnswerLines:
    if kind == "test":
        return ["+CGATT: (0,1)"]
    if kind == "set":
        if values not in (["0"], ["1"]):
            raise CommandError(BAD_PARAMETER)
        return []
    return [f"+CGATT: {int(port.radio.is_registered)}"]


@_command("+CSCS")
def _character_set(port: AtInterpreter, kind: str, values: list[str]) -> AnswerLines:
    if kind == "test":
        return ['+CSCS: ("IRA")']
    if kind == "set" and values != ["IRA"]:
        raise CommandError(NOT_ALLOWED)
    return ['+CSCS: "IRA"'] if kind == "read" else []


@_command("+WS46")
def _wireless_network(port: AtInterpreter, kind: str, values: list[str]) -> AnswerLines:
    return ["+WS46: (12,22,25)"] if kind == "test" else ["25"] if kind == "read" else []


@_command("+CRSM", needs_sim=True)
def _sim_file(port: AtInterpreter, kind: str, values: list[str]) -> AnswerLines:
    """Files of the SIM that ModemManager reads: the card's number, and how long its network code is."""
    if kind != "set" or len(values) < 2:
        return []
    digits = port.radio.iccid.ljust(20, "F")
    files = {
        str(EF_ICCID): "".join(b + a for a, b in zip(digits[::2], digits[1::2], strict=True)),
        str(EF_AD): f"000000{len(port.radio.operator_code) - 3:02X}",
    }
    if values[0] != str(READ_BINARY) or values[1] not in files:
        return ["+CRSM: 106,130"]  # file not found (3GPP TS 31.101, 10.2.1.5.3)
    return [f'+CRSM: 144,0,"{files[values[1]]}"']
