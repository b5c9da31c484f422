"""Each state of a radio, by the questions that are asked of it: a name, words, a cure, an exit code."""

from __future__ import annotations

import re

import pytest

from pymodeswitch.modem import OUTCOMES, findings_of
from pymodeswitch.modem.findings import exit_code
from pymodeswitch.modem.line import Answer
from pymodeswitch.modem.state import QUESTIONS, ModemState, ask_state, read_state
from pymodeswitch.virtual import AcmPort, Context, Radio
from tests.support import CHECKOUT

DOCS = CHECKOUT / "docs/exit-codes.md"


class Direct:
    """The virtual modem as a line, without a terminal between."""

    def __init__(self, radio: Radio) -> None:
        self.port = AcmPort(radio=radio)

    def send(self, data: bytes, seconds: float) -> None:
        self.port.write(1, data)

    def receive(self, seconds: float) -> bytes:
        return self.port.read(0x81, 4096) or b""


def state_of(radio: Radio, *before: str) -> ModemState:
    line = Direct(radio)
    for command in before:
        line.send(f"{command}\r".encode(), 1.0)
    line.receive(1.0)
    return ask_state(line, 1.0)


@pytest.mark.parametrize(
    ("radio", "name", "text", "cure"),
    [
        (Radio(), "ready", 'at home), signal -71 dBm; APN "internet": dial *99***1#', ""),
        (Radio(registration=5, rssi=2), "ready", "(roaming), signal -109 dBm (weak)", ""),
        (Radio(contexts={3: Context(apn="a.b")}), "ready", "dial *99***3#", ""),
        (Radio(contexts={1: Context()}), "no-apn", "no APN is set", 'AT+CGDCONT=1,"IP","APN"'),
        (Radio(contexts={}), "no-apn", "no APN is set", "--conf"),
        (Radio(sim=""), "no-sim", "no SIM", "contacts down"),
        (Radio(sim="SIM PIN"), "sim-locked", "its PIN", 'picocom /dev/x, then AT+CPIN="PIN"'),
        (Radio(sim="SIM PUK"), "sim-locked", "PUK", 'AT+CPIN="PUK","NEW PIN"'),
        (Radio(sim="PH-NET PIN"), "sim-locked", "PH-NET PIN", ""),
        (Radio(functionality=4), "radio-off", "+CFUN: 4", "AT+CFUN=1"),
        (Radio(registration=2, rssi=99), "no-signal", "hears no network", "window"),
        (Radio(registration=0, rssi=0), "no-signal", "hears no network", ""),
        (Radio(registration=2), "not-registered", "is searching; signal -71", "wait a minute"),
        (Radio(registration=0), "not-registered", "is not searching", "AT+COPS=0"),
        (Radio(registration=3), "not-registered", "registration denied", "ask the operator"),
        (Radio(answers=False), "no-answer", "/dev/x does not answer AT", "wait 20 s"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_states(radio: Radio, name: str, text: str, cure: str) -> None:
    (finding,) = findings_of(state_of(radio), "/dev/x")
    assert finding.name == name
    assert text in finding.text
    assert any(cure in line for line in finding.cures) or not cure
    assert exit_code((finding,)) == OUTCOMES[name][0] == finding.exit_code
    assert all(line.isprintable() for line in (finding.text, *finding.cures))


@pytest.mark.parametrize("cmee", ["AT+CMEE=0", "AT+CMEE=1", "AT+CMEE=2"])
def test_without_a_sim_whatever_the_errors_look_like(cmee: str) -> None:
    assert state_of(Radio(sim=""), cmee).sim == ""


def answers(**changes: str) -> dict[str, Answer]:
    """Answers as a modem of another make gives them."""
    texts = dict.fromkeys(QUESTIONS, "OK") | {f"AT+{name}?": text for name, text in changes.items()}
    return {
        question: Answer(tuple(text.split("|")[:-1]), text.rpartition("|")[2])
        for question, text in texts.items()
    }


def test_other_makes() -> None:
    state = read_state(
        answers(
            CPIN="+CPIN:READY|OK",
            CREG='+CREG: 2,5,"1A2B","0123ABCD",7|OK',
            CGREG="+CGREG: 0|ERROR",
            COPS="+COPS: 0|OK",
            CGDCONT='+CGDCONT: 1,"IPV4V6","","",0,0|+CGDCONT: 2 , "IP","x","",0,0|OK',
        )
        | {"AT+CSQ": Answer(("^RSSI: 9", "+CSQ: 142,99"), "OK")}
    )
    assert state.sim == "READY"
    assert state.registered == {"+CREG": 5}
    assert state.operator is None
    assert (state.rssi, state.dbm) == (None, None)
    assert state.contexts == ((1, "IPV4V6", ""), (2, "IP", "x"))
    (finding,) = findings_of(state, "/dev/x")
    assert "registered with a network (roaming), signal unknown" in finding.text


def test_a_modem_that_says_next_to_nothing() -> None:
    state = read_state(answers(CPIN="|", CREG="ERROR"))
    assert state.sim is None
    (finding,) = findings_of(state, "/dev/x")
    assert (finding.name, "says nothing of it" in finding.text) == ("not-registered", True)


def test_time_that_is_up_leaves_questions_out() -> None:
    class Slow(Direct):
        def receive(self, seconds: float) -> bytes:
            data = super().receive(seconds)
            if b"+CFUN" in data:
                import time

                time.sleep(0.25)
            return data

    state = ask_state(Slow(Radio()), 0.2)
    assert (state.functionality, state.sim) == (1, None)


def test_the_documented_codes_are_these() -> None:
    rows = re.findall(r"^\| (\d+) \| `modem`: (.*?) \|", DOCS.read_text(), re.MULTILINE)
    assert {(int(code), meaning) for code, meaning in rows} == {
        (code, meaning) for code, meaning in OUTCOMES.values() if code > 20
    }
