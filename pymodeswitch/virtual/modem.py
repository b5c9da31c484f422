"""A virtual modem port: CDC ACM (PSTN 1.20), with an AT command interpreter of a few words."""

from __future__ import annotations

from dataclasses import dataclass, field

from .descriptors import CDC, CDC_DATA, INTERRUPT, Endpoint, Interface
from .stick import Setup

ANSWERS = {
    "AT": "",
    "ATZ": "",
    "ATI": "Manufacturer: ZTE CORPORATION\r\nModel: MF691\r\nRevision: VIRTUAL",
    "AT+CGMI": "ZTE CORPORATION",
    "AT+CGMM": "MF691",
    "AT+CSQ": "+CSQ: 21,99",
}


@dataclass(slots=True)
class AcmPort:
    """One serial port: a control interface, a data interface, three endpoints.

    Numbers follow from `first_interface`: endpoints 1 and 2 for the first port, 3 and 4 for the second.
    """

    first_interface: int = 0
    line_coding: bytes = bytes.fromhex("00c2010000000008")[:7]
    received: bytearray = field(default_factory=bytearray)
    _line: bytearray = field(default_factory=bytearray)
    _out: bytearray = field(default_factory=bytearray)

    @property
    def endpoint_data(self) -> int:
        """Number of the bulk endpoint pair."""
        return self.first_interface + 1

    def interfaces(self) -> tuple[Interface, Interface]:
        """Both interface descriptors, with the functional descriptors of CDC 1.20, section 5.2.3."""
        control, data = self.first_interface, self.first_interface + 1
        functional = bytes(
            [5, 0x24, 0x00, 0x10, 0x01]  # header
            + [5, 0x24, 0x01, 0x00, data]  # call management
            + [4, 0x24, 0x02, 0x02]  # abstract control management: line coding, state
            + [5, 0x24, 0x06, control, data]  # union
        )
        notify = Endpoint(0x80 | (self.endpoint_data + 1), INTERRUPT, 16, 9)
        bulk = (Endpoint(self.endpoint_data), Endpoint(0x80 | self.endpoint_data))
        return (
            Interface(control, CDC, 2, 1, (notify,), extra=functional),
            Interface(data, CDC_DATA, 0, 0, bulk),
        )

    def reset(self) -> None:
        """Nothing received, nothing to send."""
        self._line.clear()
        self._out.clear()

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
            case 0x22 | 0x23:  # SET_CONTROL_LINE_STATE, SEND_BREAK
                return b""
        return None

    def write(self, endpoint: int, data: bytes) -> bool:
        """Characters from the host; a carriage return ends a command."""
        if endpoint != self.endpoint_data:
            return False
        self.received += data
        for byte in data:
            if byte == 0x0D:
                self._command(self._line.decode("ascii", "replace").strip())
                self._line.clear()
            elif byte != 0x0A:
                self._line.append(byte)
        return True

    def read(self, endpoint: int, length: int) -> bytes | None:
        """Characters for the host."""
        if endpoint != 0x80 | self.endpoint_data or not self._out:
            return None
        data = bytes(self._out[:length])
        del self._out[:length]
        return data

    def _command(self, line: str) -> None:
        if not line:
            return
        answer = ANSWERS.get(line.upper())
        if answer is None:
            self._out += b"\r\nERROR\r\n"
        elif answer:
            self._out += f"\r\n{answer}\r\n\r\nOK\r\n".encode("ascii")
        else:
            self._out += b"\r\nOK\r\n"
