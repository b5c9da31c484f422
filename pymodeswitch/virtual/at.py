"""The AT interpreter of a virtual modem port: lines, echo, result codes, S registers (ITU-T V.250).

The extended commands, which begin with `+`, are in `at_commands.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from .at_lines import (
    BASIC,
    BASIC_COMMAND,
    CME_ERRORS,
    GUARD_UNIT_S,
    LONGEST_LINE,
    NAME,
    PACKET_CALL,
    REGISTER,
    REGISTERS,
    RESULT_CODES,
    CommandError,
    split_off,
    values_of,
)
from .radio import Call, Radio


class Ends(Exception):
    """A command that ends its line with another result than OK."""

    def __init__(self, result: str) -> None:
        super().__init__(result)
        self.result = result


AnswerLines = Iterable[str]
Execute = Callable[["AtInterpreter", str, str, list[str]], AnswerLines]


@dataclass(slots=True, eq=False)
class AtInterpreter:
    """One port's interpreter: `hear` takes characters of the host, `say` hands out those for it.

    execute: carries out an extended command: gets this, its name, its kind (`test` for `=?`, `read` for
    `?`, `set` for `=`, `run`) and the values; returns information lines. Raises CommandError or Ends.
    parameters: what extended commands have set, by name. call: the call that this port has dialled.
    online: whether characters go to the call now.
    """

    radio: Radio
    execute: Execute
    clock: Callable[[], float] = time.monotonic
    values: dict[str, int] = field(default_factory=dict)
    registers: dict[int, int] = field(default_factory=dict)
    parameters: dict[str, list[str]] = field(default_factory=dict)
    call: Call | None = None
    online: bool = False
    _line: bytearray = field(default_factory=bytearray)
    _last_body: str | None = None
    _out: bytearray = field(default_factory=bytearray)
    _heard_at: float = 0.0
    _escape_at: float | None = None
    _reported_stat: int | None = None

    def __post_init__(self) -> None:
        self.reset()

    @property
    def has_carrier(self) -> bool:
        """Whether a call of this port is up."""
        return self.call is not None and not self.call.ended

    def reset(self) -> None:
        """All parameters as after power-on; a call ends."""
        self.hang_up()
        self.values = {name: default for name, (default, _) in BASIC.items()}
        self.registers = {number: default for number, (default, _) in REGISTERS.items()}
        self.parameters.clear()
        self._line.clear()
        self._reported_stat = None

    def hang_up(self) -> None:
        """End the call of this port, if there is one; the host hears nothing of it by itself."""
        call, self.call, self.online, self._escape_at = self.call, None, False, None
        if call is not None:
            self.radio.end(call)

    def clear(self) -> None:
        """Forget characters that are under way in both directions."""
        self._line.clear()
        self._out.clear()

    # Characters

    def hear(self, data: bytes) -> None:
        """Take characters from the host."""
        self.poll()
        if not self.radio.answers:
            return
        while data:
            if self.online:
                self._pass_on(data)
                return
            byte, data = data[0], data[1:]
            self._take(byte)

    def say(self, length: int) -> bytes:
        """Hand out characters for the host: answers first, then what comes through the call."""
        self.poll()
        if not self.radio.answers:
            self._out.clear()
        text = bytes(self._out[:length])
        del self._out[:length]
        if not text and self.online and self.call is not None:
            text = self.call.for_host(length)
        return text

    def poll(self) -> None:
        """Notice what happened by itself: the end of a call, the end of a guard time, another network."""
        if self.call is not None and self.call.ended:
            rest = self.call.for_host(1 << 20)
            if self.online:
                self._out += rest
            self.hang_up()
            self._result("NO CARRIER")
        guard = self.registers[12] * GUARD_UNIT_S
        if self._escape_at is not None and self.clock() - self._escape_at >= guard:
            self._escape_at, self.online = None, False
            self._result("OK")
        self._report_registration()

    def _pass_on(self, data: bytes) -> None:
        """Characters for the call; `+++` between two pauses leads back to commands, the call stays up."""
        now, self._heard_at, before = self.clock(), self.clock(), self._heard_at
        if self._escape_at is not None:
            self._escape_at = None
        elif data == b"+++" and now - before >= self.registers[12] * GUARD_UNIT_S:
            self._escape_at = now
        if self.call is not None:
            self.call.from_host(data)

    def _take(self, byte: int) -> None:
        if self.values["E"]:
            self._out.append(byte)
        if byte == self.registers[3]:
            line = self._line.decode("ascii", "replace")
            self._line.clear()
            self._run_line(line)
        elif byte == self.registers[5]:
            del self._line[-1:]
        elif byte >= 0x20 and len(self._line) < LONGEST_LINE:  # V.250, 5.2.2: controls are ignored
            self._line.append(byte)
            if self._line.upper() == b"A/" and self._last_body is not None:
                self._line.clear()
                self._run_line(f"AT{self._last_body}")

    # Lines

    def _run_line(self, line: str) -> None:
        at = line.upper().find("AT")
        if at < 0:
            return  # V.250, 5.2.1: no command line without the prefix; what is before it does not count
        self._last_body = body = line[at + 2 :]
        try:
            while body := body.lstrip(" ;"):
                body = self._command(body)
        except Ends as end:
            self._result(end.result)
        except CommandError as error:
            self._fail(error.code)
        else:
            self._result("OK")

    def _command(self, body: str) -> str:
        """Carry out the first command of a body; returns the rest of the body."""
        if extended := NAME.match(body):
            words, rest = split_off(body[extended.end() :])
            self._extended(extended[0].upper(), words.strip())
            return rest
        if body[0] in "Dd":
            self._dial(body[1:])
        if register := REGISTER.match(body):
            self._register(int(register[1]), register[2])
            return body[register.end() :]
        basic = BASIC_COMMAND.match(body)
        if basic is None:
            raise CommandError
        self._basic(basic[1].upper(), int(basic[2] or 0))
        return body[basic.end() :]

    def _extended(self, name: str, words: str) -> None:
        if words == "=?":
            kind, values = "test", list[str]()
        elif words == "?":
            kind, values = "read", []
        elif words.startswith("="):
            kind, values = "set", values_of(words[1:])
        elif not words:
            kind, values = "run", []
        else:
            raise CommandError
        for line in self.execute(self, name, kind, values):
            self._information(line)

    def _basic(self, name: str, value: int) -> None:
        if name in BASIC:
            if value not in BASIC[name][1]:
                raise CommandError
            self.values[name] = value
        elif name in ("Z", "&F"):
            self.reset()
        elif name == "I":
            self._identify()
        elif name == "H" and value == 0:
            self.hang_up()
        elif name == "O" and value == 0:
            if self.call is None:
                raise Ends("NO CARRIER")
            self.online = True
            raise Ends("CONNECT")
        elif name == "A":
            raise Ends("NO CARRIER")  # nobody calls
        elif name not in ("T", "P"):  # tone or pulse: how does not matter here
            raise CommandError

    def _identify(self) -> None:
        radio = self.radio
        about = {"Manufacturer": radio.manufacturer, "Model": radio.model, "Revision": radio.revision}
        lines = [f"{name}: {text}" for name, text in (about | {"IMEI": radio.imei}).items()]
        self._information("\r\n".join([*lines, "+GCAP: +CGSM,+DS,+ES"]))

    def _register(self, number: int, value: str | None) -> None:
        if number not in REGISTERS:
            raise CommandError
        if value is None:
            self._information(f"{self.registers[number]:03}")
        elif int(value or 0) not in REGISTERS[number][1]:
            raise CommandError
        else:
            self.registers[number] = int(value or 0)

    def _dial(self, number: str) -> None:
        """Dial what is left of the line; always ends it."""
        if self.radio.sim != "READY" or self.call is not None:
            raise CommandError
        digits = number.replace(" ", "").upper().lstrip("TP")
        packet = PACKET_CALL.fullmatch(digits)
        if packet is None:
            raise Ends("NO CARRIER")  # there is nobody to talk to but the packet network
        cid = int(packet[1] or 1)
        if cid not in self.radio.contexts:
            raise CommandError
        self.call = self.radio.dial(digits, cid)
        if self.call is None:
            raise Ends("NO CARRIER")
        self.online, self._heard_at = True, self.clock()
        raise Ends("CONNECT")

    # Answers

    def _information(self, text: str) -> None:
        """An information text (V.250, 5.7.1); sent with Q1, too."""
        end = bytes([self.registers[3], self.registers[4]])
        self._out += (end if self.values["V"] else b"") + text.encode("ascii", "replace") + end

    def _result(self, result: str) -> None:
        if self.values["Q"]:
            return
        if result in ("NO DIALTONE", "BUSY") and not self.values["X"]:
            result = "NO CARRIER"
        if self.values["V"] or result not in RESULT_CODES:
            self._information(result)
        else:
            self._out += f"{RESULT_CODES[result]}".encode() + bytes([self.registers[3]])

    def _fail(self, code: int | None) -> None:
        level = self.parameters.get("+CMEE", ["0"])[0]
        if code is None or level == "0":
            self._result("ERROR")
        else:
            self._result(f"+CME ERROR: {code if level == '1' else CME_ERRORS[code]}")

    def _report_registration(self) -> None:
        """+CREG: STAT by itself, where +CREG=1 or 2 asks for it (27.007, 7.2)."""
        stat, before = self.radio.stat, self._reported_stat
        self._reported_stat = stat
        if before in (None, stat) or self.online or not self.radio.answers:
            return
        for name in ("+CREG", "+CGREG", "+CEREG"):
            if self.parameters.get(name, ["0"])[0] in ("1", "2"):
                self._information(f"{name}: {stat}")
