"""The AT interpreter: lines, parameters, result codes, calls (V.250); and the commands of 27.007."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pymodeswitch.virtual import AcmPort, Call, Radio, SimulatedClock
from pymodeswitch.virtual.at_commands import COMMANDS, KEPT
from pymodeswitch.virtual.at_lines import values_of


class Host:
    """A port, and what a host says and hears there."""

    def __init__(self, radio: Radio | None = None) -> None:
        self.clock = SimulatedClock()
        self.radio = Radio() if radio is None else radio
        self.port = AcmPort(radio=self.radio, clock=self.clock.now)

    def send(self, text: str | bytes) -> str:
        """Send characters; what comes back at once."""
        self.port.write(1, text.encode() if isinstance(text, str) else text)
        return self.hear()

    def hear(self) -> str:
        heard = b""
        while (data := self.port.read(0x81, 7)) is not None:  # in small pieces, as it comes
            heard += data
        return heard.decode("latin-1")

    def ask(self, command: str) -> list[str]:
        """A command without its echo: lines of the answer."""
        answer = self.send(f"{command}\r")
        assert answer.startswith(f"{command}\r")
        return [line for line in answer[len(command) :].split("\r\n") if line.strip()]


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.mark.parametrize("name", KEPT)
def test_what_a_command_tells_can_be_set(name: str, host: Host) -> None:
    """As programs do that put back what they found."""
    *_, told, ok = host.ask(f"AT{name}?")
    assert ok == "OK"
    values = told.removeprefix(f"{name}: ")
    if name in ("+CREG", "+CGREG", "+CEREG", "+CLIP"):
        values = values.partition(",")[0]  # the second number is the network's
    assert host.ask(f"AT{name}={values}")[-1] == "OK"
    assert host.ask(f"AT{name}?")[-2] == told
    assert host.ask(f"AT{name}=9999999")[-1] == "ERROR"


def test_virtual_sticks_are_small() -> None:
    """Who learns, or tests a device file, loads all of them."""
    words = (
        "import tracemalloc as t; t.start(); import pymodeswitch.virtual; print(t.get_traced_memory()[1])"
    )
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 16 << 20


def test_echo_and_the_formats_of_answers(host: Host) -> None:
    assert host.send("AT\r") == "AT\r\r\nOK\r\n"
    assert host.send("ATE0\r") == "ATE0\r\r\nOK\r\n"
    assert host.send("AT\r") == "\r\nOK\r\n"
    assert host.send("ATV0\r") == "0\r"
    assert host.send("AT+CSQ\r") == "+CSQ: 21,99\r\n0\r"
    assert host.send("ATQ1\r") == ""
    assert host.send("AT+CSQ\r") == "+CSQ: 21,99\r\n"
    assert host.send("ATZ\r") == "\r\nOK\r\n", "all as at power-on"


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("at", ["OK"]),
        ("AT Q0 V1 E1 S0=0 &C1 &D2 +FCLASS=0", ["OK"]),  # of 2011
        ("ATX4L1M0T", ["OK"]),
        ("ATX5", ["ERROR"]),
        ("AT&D3", ["ERROR"]),
        ("ATY", ["ERROR"]),
        ("AT?", ["ERROR"]),
        ("ATH1", ["ERROR"]),
        ("ATS3?", ["013", "OK"]),
        ("ATS0=2S0?", ["002", "OK"]),
        ("ATS7=0", ["ERROR"]),
        ("ATS99?", ["ERROR"]),
        ("AT+CSQ;+CPIN?", ["+CSQ: 21,99", "+CPIN: READY", "OK"]),
        ("AT+NONE;+CSQ", ["ERROR"]),  # what follows an error is not run
        ("AT+CSQ+CPIN?", ["ERROR"]),
        ("ATA", ["NO CARRIER"]),
        ("ATO", ["NO CARRIER"]),
        ("ATD5551234", ["NO CARRIER"]),
        ("ATD*99***3#", ["ERROR"]),  # no such context
        ("+++ATH", ["OK"]),  # what chat scripts begin with
    ],
)
def test_lines(line: str, answer: list[str], host: Host) -> None:
    assert host.ask(line) == answer


def test_what_is_no_command_line_gets_no_answer(host: Host) -> None:
    assert host.send("hello\r\n") == "hello\r\n"
    assert host.send("\r") == "\r"


def test_editing_and_repeating(host: Host) -> None:
    assert host.send("ATX9\b4\r").endswith("OK\r\n")
    host.send("AT+CSQ\r")
    assert "+CSQ: 21,99" in host.send("a/")
    assert host.send(b"A\x01T\xff\r").endswith("ERROR\r\n"), "controls are ignored, other bytes are not"


def test_lines_too_long_are_cut(host: Host) -> None:
    host.ask("ATE0")
    assert host.send("AT" + "+" * 5000 + "\r") == "\r\nERROR\r\n"


def test_errors_as_asked_for(host: Host) -> None:
    host.radio.sim = ""
    assert host.ask("AT+CIMI") == ["ERROR"]
    host.ask("AT+CMEE=1")
    assert host.ask("AT+CIMI") == ["+CME ERROR: 10"]
    host.ask("AT+CMEE=2")
    assert host.ask("AT+CPIN?") == ["+CME ERROR: SIM not inserted"]
    assert host.ask("ATY") == ["ERROR"], "no code for basic commands"
    assert host.ask('AT+CPIN="1') == ["+CME ERROR: Incorrect parameters"]


def test_pin_and_puk(host: Host) -> None:
    host.radio.sim = "SIM PIN"
    host.ask("AT+CMEE=1")
    assert host.ask("AT+CREG?") == ["+CREG: 0,0", "OK"]
    assert host.ask("ATD*99#") == ["ERROR"]
    assert host.ask('AT+CPIN="0000"') == ["+CME ERROR: 16"]
    assert host.ask('AT+CPIN="0000"') == ["+CME ERROR: 16"]
    assert host.ask('AT+CPIN="0000"') == ["+CME ERROR: 12"]
    assert host.ask("AT+CPIN?") == ["+CPIN: SIM PUK", "OK"]
    assert host.ask('AT+CPIN="12345678","4321"') == ["OK"]
    assert (host.radio.sim, host.radio.pin) == ("READY", "4321")
    assert host.ask('AT+CPIN="4321"') == ["+CME ERROR: 3"]


def test_ten_wrong_puks_are_the_end_of_a_sim(host: Host) -> None:
    host.radio.sim = "SIM PUK"
    for _ in range(10):
        assert host.ask('AT+CPIN="1","1"') == ["ERROR"]
    assert host.radio.sim == ""


def test_contexts(host: Host) -> None:
    assert host.ask('AT+CGDCONT=2,"ip","my.apn"') == ["OK"]
    assert host.ask("AT+CGDCONT?") == [
        '+CGDCONT: 1,"IP","internet","0.0.0.0",0,0',
        '+CGDCONT: 2,"IP","my.apn","0.0.0.0",0,0',
        "OK",
    ]
    assert host.ask("AT+CGDCONT=1") == ["OK"]
    assert list(host.radio.contexts) == [2]
    for wrong in ('=0,"IP"', '=17,"IP"', '=1,"X25"', "=x"):
        assert host.ask(f"AT+CGDCONT{wrong}") == ["ERROR"]
    assert host.ask("AT+CGACT=1,2") == ["OK"]
    assert host.ask("AT+CGACT?") == ["+CGACT: 2,1", "OK"]
    assert host.ask("AT+CGACT=0") == ["OK"]
    assert host.ask("AT+CGACT?") == ["+CGACT: 2,0", "OK"]
    assert host.ask("AT+CGACT=1,5") == host.ask("AT+CGACT=2") == ["ERROR"]


def test_operators(host: Host) -> None:
    assert host.ask("AT+COPS?") == ['+COPS: 0,0,"Test Network",2', "OK"]
    assert host.ask("AT+COPS=3,2;+COPS?") == ['+COPS: 0,2,"00101",2', "OK"]
    assert host.ask('AT+COPS=1,2,"99999"') == host.ask("AT+COPS=9") == ["ERROR"]
    assert host.ask('AT+COPS=1,2,"00101"') == ["OK"]
    assert host.ask("AT+COPS=?")[0].startswith('+COPS: (2,"Test Network"')
    host.radio.registration = 2
    assert host.ask("AT+COPS?") == ["+COPS: 1", "OK"]
    assert host.ask("AT+CGATT?") == ["+CGATT: 0", "OK"]


def test_changes_of_the_registration_are_told_where_that_was_asked_for(host: Host) -> None:
    woken: list[int] = []
    host.radio.wake = lambda: woken.append(1)
    host.radio.change(registration=2)
    assert host.hear() == ""
    host.ask("AT+CREG=1;+CGREG=2")
    host.radio.change(registration=1)
    assert host.hear() == "\r\n+CREG: 1\r\n\r\n+CGREG: 1\r\n"
    assert len(woken) == 2


def test_radio_off(host: Host) -> None:
    host.ask("ATD*99#")
    host.clock.sleep(2)
    host.send("+++")
    host.clock.sleep(2)
    assert host.hear() == "\r\nOK\r\n"
    assert host.ask("AT+CFUN=0") == ["OK", "NO CARRIER"]
    assert host.ask("AT+CFUN?")[-2:] == ["+CFUN: 0", "OK"]
    assert host.ask("AT+CREG?") == ["+CREG: 0,0", "OK"]
    assert host.ask("AT+CFUN=9") == ["ERROR"]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_each_command_has_a_test_form_that_succeeds_and_takes_no_rubbish(name: str, host: Host) -> None:
    assert host.ask(f"AT{name}=?")[-1] == "OK"
    for rubbish in ("", "x", ",", '"a","b","c","d"', "-1", "99999999999999999999"):
        last = host.ask(f"AT{name}={rubbish}")[-1]
        assert last in ("OK", "ERROR")


def test_what_a_modem_tells_of_itself(host: Host) -> None:
    assert "Model: MF691" in "\r\n".join(host.ask("ATI"))
    for command, text in {
        "+CGMI": "ZTE CORPORATION",
        "+CGMM": "MF691",
        "+CGSN": "004999010640000",
        "+CIMI": "001010123456789",
        "+CCID": "+CCID: 8988211000000000001",
        "+CRSM=176,12258,0,0,10": '+CRSM: 144,0,"988812010000000000F1"',
        "+CRSM=176,28589,0,0,4": '+CRSM: 144,0,"00000002"',
        "+CRSM=176,1,0,0,4": "+CRSM: 106,130",
    }.items():
        assert host.ask(f"AT{command}") == [text, "OK"]
    assert host.ask("AT+CNUM") == ["OK"]
    host.radio.msisdn = "+4912345"
    assert host.ask("AT+CNUM") == ['+CNUM: ,"+4912345",129', "OK"]
    assert host.ask('AT+CLCK="SC",2') == ["+CLCK: 0", "OK"]


# Calls


def call_of(host: Host, dial: str = "ATD*99***1#") -> Call:
    assert host.ask(dial) == ["CONNECT"]
    return host.radio.calls[-1]


def test_a_call_carries_both_ways(host: Host) -> None:
    call = call_of(host, "ATDT *99#")
    assert (call.cid, call.apn) == (1, "internet")
    assert host.send(b"~\x7d#AT\r~") == "", "no echo, and no commands"
    assert call.read() == b"~\x7d#AT\r~"
    call.write(b"hello")
    assert host.hear() == "hello"
    got: list[bytes] = []
    host.send(b"one")
    call.connect(got.append)
    host.send(b"two")
    assert got == [b"one", b"two"]
    assert call.read() == b""


def test_characters_behind_the_dial_line_belong_to_the_call(host: Host) -> None:
    host.send(b"ATD*99#\r~~")
    assert host.radio.calls[0].read() == b"~~"


@pytest.mark.parametrize("changes", [{"registration": 2}, {"apns": frozenset({"other"})}])
def test_the_network_refuses(changes: dict[str, object], host: Host) -> None:
    host.radio.change(**changes)
    assert host.ask("ATD*99#") == ["NO CARRIER"]
    assert host.ask("AT+CGACT?") == ["+CGACT: 1,0", "OK"]


def test_whoever_takes_calls_may_refuse(host: Host) -> None:
    host.radio.on_call = lambda call: call.hang_up()
    assert host.ask("ATD*99#") == ["NO CARRIER"]


def test_the_network_hangs_up(host: Host) -> None:
    call = call_of(host)
    call.write(b"bye")
    call.hang_up()
    assert host.hear() == "bye\r\nNO CARRIER\r\n"
    call.write(b"more")
    assert host.ask("AT+CGACT?") == ["+CGACT: 1,0", "OK"]


def test_escape_and_return(host: Host) -> None:
    call = call_of(host)
    host.clock.sleep(0.5)
    host.send("+++")
    host.clock.sleep(5)
    assert host.hear() == "", "without a pause before it, it is data"
    host.send("+++")
    host.send("x")
    host.clock.sleep(5)
    assert host.hear() == "", "nor without one after it"
    host.send("+++")
    host.clock.sleep(1.1)
    assert host.hear() == "\r\nOK\r\n"
    assert host.ask("AT+CGACT?") == ["+CGACT: 1,1", "OK"]
    assert host.ask("ATD*99#") == ["ERROR"], "the port has a call"
    assert host.ask("ATO") == ["CONNECT"]
    assert call.read() == b"++++++x+++"
    host.clock.sleep(2)
    host.send("+++")
    host.clock.sleep(2)
    host.hear()
    assert host.ask("ATH") == ["OK"]
    assert call.ended


def test_the_ports_of_a_modem_share_its_radio() -> None:
    radio = Radio()
    first, second = Host(radio), Host(radio)
    call_of(first)
    assert second.ask("AT+CGACT?;+CPAS") == ["+CGACT: 1,1", "+CPAS: 4", "OK"]
    second.ask("AT+CGACT=0,1")
    assert first.hear() == "\r\nNO CARRIER\r\n"


def test_a_modem_that_says_nothing(host: Host) -> None:
    host.radio.answers = False
    assert host.send("AT\r") == ""
    host.radio.answers = True
    assert host.ask("AT") == ["OK"]


def test_busy_is_told_by_its_level(host: Host) -> None:
    host.ask("ATX0")
    host.port.interpreter._result("BUSY")
    assert host.hear() == "\r\nNO CARRIER\r\n"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", [""]),
        ("1", ["1"]),
        ('1,"a,b",', ["1", "a,b", ""]),
        (",,2", ["", "", "2"]),
        (' 1 , "x" ', ["1", "x"]),
    ],
)
def test_values(text: str, values: list[str]) -> None:
    assert values_of(text) == values
