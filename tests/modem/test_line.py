"""Questions on a line: on a pseudo terminal with the virtual modem behind it, and on a scripted one."""

from __future__ import annotations

import os
import pty
import time
from collections.abc import Iterator

import pytest

from pymodeswitch.modem.line import Answer, SerialPort, ask
from pymodeswitch.modem.state import TOTAL_S, ask_state
from pymodeswitch.nouns.errors import AccessError, BusyError, GoneError
from pymodeswitch.virtual import AcmPort, ModemTerminal


@pytest.fixture
def terminal() -> Iterator[ModemTerminal]:
    with ModemTerminal(AcmPort()) as terminal:
        yield terminal


def test_a_question_and_its_answer(terminal: ModemTerminal) -> None:
    with SerialPort(terminal.path) as line:
        answer = ask(line, "AT+CSQ", 2.0)
        assert answer == Answer(("+CSQ: 21,99",), "OK")
        assert answer.value("+CSQ") == "21,99"
        assert answer.value("+CREG") is None
        assert ask(line, "AT+NONE", 2.0) == Answer((), "ERROR")


def test_all_questions_on_a_terminal(terminal: ModemTerminal) -> None:
    before = time.monotonic()
    with SerialPort(terminal.path) as line:
        state = ask_state(line)
    assert time.monotonic() - before < TOTAL_S
    assert (state.answers, state.sim, state.operator, state.apn) == (
        True,
        "READY",
        "Test Network",
        "internet",
    )
    assert terminal.port.interpreter.values["E"] == 1, "the echo stays as it was"


def test_no_answer_is_bounded(terminal: ModemTerminal) -> None:
    terminal.port.radio.answers = False
    before = time.monotonic()
    with SerialPort(terminal.path) as line:
        assert not ask_state(line, total_s=0.3).answers
    assert time.monotonic() - before < TOTAL_S / 2


class Script:
    """A line that says pieces, one at each look, and nothing then. Time passes as it is waited."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)
        self.sent = b""

    def send(self, data: bytes, seconds: float) -> None:
        self.sent += data

    def receive(self, seconds: float) -> bytes:
        if self.pieces:
            return self.pieces.pop(0)
        time.sleep(seconds)
        return b""


@pytest.mark.parametrize(
    ("pieces", "answer"),
    [
        ((b"AT\r\r\nO", b"K\r\n"), Answer((), "OK")),
        ((b"\r\n+CREG: 2\r\n", b"\r\nOK\r\n"), Answer(("+CREG: 2",), "OK")),
        ((b"\r\n+CME ERROR: 10\r\n",), Answer((), "+CME ERROR: 10")),
        ((b"OK",), Answer(("OK",), "")),  # half a line is no result
        ((b"NO CARRIER\r\n",), Answer((), "NO CARRIER")),
        ((b"\x00\xff$GPGGA,12\r\n",), Answer(("\x00\ufffd$GPGGA,12",), "")),
        ((), Answer((), "")),
    ],
)
def test_answers_in_pieces(pieces: tuple[bytes, ...], answer: Answer) -> None:
    assert ask(Script(*pieces), "AT", 0.05) == answer


def test_a_port_that_talks_without_end() -> None:
    class Endless(Script):
        def receive(self, seconds: float) -> bytes:
            return b"x" * 4096

    assert ask(Endless(), "AT", 5.0).result == ""


def test_a_port_that_leaves() -> None:
    ours, theirs = pty.openpty()
    line = SerialPort(os.ttyname(theirs))
    os.close(theirs)
    os.close(ours)  # hangs up the line
    with pytest.raises(GoneError, match="still plugged in"):
        ask(line, "AT", 2.0)
    line.close()


def test_what_cannot_be_opened(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    with pytest.raises(GoneError, match="No such file"):
        SerialPort("/dev/ttyNONE")
    with pytest.raises(GoneError, match="no serial port"):
        SerialPort("/dev/null")
    for error, kind in ((PermissionError(13, "no"), AccessError), (OSError(16, "busy"), BusyError)):

        def refuse(*_: object, error: OSError = error) -> int:
            raise error

        with monkeypatch.context() as patched:
            patched.setattr(os, "open", refuse)
            with pytest.raises(kind):
                SerialPort("/dev/ttyACM0")
