"""A virtual modem port: CDC ACM (PSTN 1.20) with line states, and an AT interpreter behind it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from .at import AtInterpreter
from .at_commands import execute
from .descriptors import CDC, CDC_DATA, INTERRUPT, Endpoint, Interface
from .radio import Radio
from .stick import Setup

DTR = 1  # of SET_CONTROL_LINE_STATE: PSTN 1.20, 6.3.12
DCD, DSR = 1, 2  # of SERIAL_STATE: 6.5.4
SERIAL_STATE_HEAD = bytes([0xA1, 0x20, 0, 0])
DEFAULT_LINE = bytes.fromhex("00c20100000008")  # 115200 8N1


@dataclass(slots=True)
class AcmPort:
    """One serial port: a control interface, a data interface, three endpoints.

    Numbers follow from `first_interface`: endpoints 1 and 2 for the first port, 3 and 4 for the second.
    radio: what the ports of a modem share; one of its own by default. serial_state: False is a modem that
    never reports DCD and DSR. received: all characters that came from the host.
    """

    first_interface: int = 0
    radio: Radio = field(default_factory=Radio)
    clock: Callable[[], float] = time.monotonic
    serial_state: bool = True
    line_coding: bytes = DEFAULT_LINE
    dtr: bool = False
    received: bytearray = field(default_factory=bytearray)
    interpreter: AtInterpreter = field(init=False)
    _reported: int = 0

    def __post_init__(self) -> None:
        self.interpreter = AtInterpreter(self.radio, execute, self.clock)

    @property
    def endpoint_data(self) -> int:
        """Number of the bulk endpoint pair."""
        return self.first_interface + 1

    @property
    def endpoint_notify(self) -> int:
        """Address of the interrupt endpoint."""
        return 0x80 | (self.endpoint_data + 1)

    @property
    def lines(self) -> int:
        """DCD and DSR as SERIAL_STATE has them: &C1 lets DCD follow the carrier, &C0 keeps it on."""
        carrier = self.interpreter.has_carrier or not self.interpreter.values["&C"]
        return (DCD if carrier else 0) | (DSR if self.dtr else 0)

    def interfaces(self) -> tuple[Interface, Interface]:
        """Both interface descriptors, with the functional descriptors of CDC 1.20, section 5.2.3."""
        control, data = self.first_interface, self.first_interface + 1
        functional = bytes(
            [5, 0x24, 0x00, 0x10, 0x01]  # header
            + [5, 0x24, 0x01, 0x00, data]  # call management
            + [4, 0x24, 0x02, 0x02]  # abstract control management: line coding, state
            + [5, 0x24, 0x06, control, data]  # union
        )
        notify = Endpoint(self.endpoint_notify, INTERRUPT, 16, 9)
        bulk = (Endpoint(self.endpoint_data), Endpoint(0x80 | self.endpoint_data))
        return (
            Interface(control, CDC, 2, 1, (notify,), extra=functional),
            Interface(data, CDC_DATA, 0, 0, bulk),
        )

    def reset(self) -> None:
        """As after power-on; a call ends."""
        self.interpreter.reset()
        self.interpreter.clear()
        self.dtr, self._reported = False, 0

    def control(self, setup: Setup, data: bytes) -> bytes | None:
        """The class requests of PSTN 1.20, section 6.3, for this port's control interface."""
        if setup.request_type & 0x7F != 0x21 or setup.index != self.first_interface:
            return None
        match setup.request:
            case 0x20:  # SET_LINE_CODING
                self.line_coding = data
                return b""
            case 0x21:  # GET_LINE_CODING
                return self.line_coding
            case 0x22:  # SET_CONTROL_LINE_STATE
                self._set_dtr(bool(setup.value & DTR))
                return b""
            case 0x23:  # SEND_BREAK
                return b""
        return None

    def write(self, endpoint: int, data: bytes) -> bool:
        """Characters from the host."""
        if endpoint != self.endpoint_data:
            return False
        self.received += data
        self.interpreter.hear(data)
        return True

    def read(self, endpoint: int, length: int) -> bytes | None:
        """Characters for the host, or on the interrupt endpoint a change of the lines."""
        if endpoint == self.endpoint_notify:
            return self._serial_state()
        if endpoint != 0x80 | self.endpoint_data:
            return None
        return self.interpreter.say(length) or None

    def _set_dtr(self, on: bool) -> None:
        """DTR that goes off hangs up with &D2, and leads back to commands with &D1 (V.250, 6.3.11)."""
        if self.dtr and not on:
            if self.interpreter.values["&D"] == 2:
                self.interpreter.hang_up()
                self.interpreter.clear()
            elif self.interpreter.values["&D"] == 1:
                self.interpreter.online = False
        self.dtr = on

    def _serial_state(self) -> bytes | None:
        """A SERIAL_STATE notification (PSTN 1.20, 6.5.4), None while nothing has changed."""
        self.interpreter.poll()
        lines = self.lines
        if lines == self._reported or not self.serial_state:
            return None
        self._reported = lines
        numbers = (self.first_interface, 2, lines)
        return SERIAL_STATE_HEAD + b"".join(number.to_bytes(2, "little") for number in numbers)
