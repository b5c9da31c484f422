"""A virtual MBIM modem (Mobile Broadband Interface Model 1.0, USB-IF): it opens, and tells what it is.

Enough for the kernel's cdc_mbim (wwan0 and cdc-wdm0) and for `mbimcli --query-device-caps`. It has no
session: frames that the host sends go nowhere. Section numbers are those of the MBIM specification, and of
NCM 1.0 where that is named.
"""

from __future__ import annotations

import struct
import uuid
from collections import deque
from dataclasses import dataclass, field

from .descriptors import CDC, CDC_DATA, INTERRUPT, Configuration, Endpoint, Identity, Interface
from .radio import Radio
from .stick import Mode, Setup, Stall

SUBCLASS, DATA_PROTOCOL = 0x0E, 0x02  # 6.3, 6.6
MOST_CONTROL = 4096  # wMaxControlMessage: 6.4

RESPONSE_AVAILABLE = 0x01  # notification: CDC 1.20, 6.3

# Message types: 9.1.
OPEN, CLOSE, COMMAND = 1, 2, 3
DONE = 0x8000_0000
HEADER, FRAGMENT = struct.Struct("<III"), struct.Struct("<II")
COMMAND_HEAD = struct.Struct("<16sIII")  # service, CID, query or set, length of the buffer: 9.3.3
STATUS_OK, NO_DEVICE_SUPPORT = 0, 9  # 9.4.5

BASIC_CONNECT = uuid.UUID("a289cc33-bcbb-8b4f-b6b0-133ec2aae6df").bytes  # 10.3
DEVICE_CAPS = 1
# Type, cellular class, voice, SIM, data, SMS, control, sessions: 10.5.1.3.
REMOVABLE, GSM, NO_VOICE, SIM_REMOVABLE, SMS_PDU, CONTROL_REGISTER = 2, 1, 1, 2, 3, 1
DATA_GPRS_EDGE_UMTS_HSPA_LTE = 0x3F

NTB_SIZE = 16384
# 16-bit blocks, sizes, alignments of 4 for both directions, no limit of datagrams: NCM 1.0, table 6-3.
NTB_PARAMETERS = struct.pack("<HHIHHHHIHHHH", 28, 1, NTB_SIZE, 4, 0, 4, 0, NTB_SIZE, 4, 0, 4, 0)


@dataclass(slots=True)
class MbimModem:
    """MBIM on two interfaces: messages go through the control endpoint, datagrams through altsetting 1.

    radio: says who the modem is. opened: whether the host has opened it. datagrams: what it has sent.
    """

    radio: Radio = field(default_factory=Radio)
    first_interface: int = 0
    opened: bool = False
    input_size: int = NTB_SIZE
    datagrams: list[bytes] = field(default_factory=list)
    _responses: deque[bytes] = field(default_factory=deque)
    _announced: int = 0

    def interfaces(self) -> tuple[Interface, ...]:
        """Descriptors with the functional ones of MBIM 6.4."""
        control, data = self.first_interface, self.first_interface + 1
        functional = bytes(
            [5, 0x24, 0x00, 0x10, 0x01]  # header
            + [5, 0x24, 0x06, control, data]  # union
            # MBIM 1.0: no filters, datagrams of 1500 bytes at most, no further capability
            + [12, 0x24, 0x1B, 0x00, 0x01, *MOST_CONTROL.to_bytes(2, "little"), 0, 0, 0xDC, 0x05, 0]
        )
        ends = (Endpoint(self.first_interface + 1), Endpoint(0x80 | (self.first_interface + 1)))
        notify = Endpoint(0x80 | (self.first_interface + 2), INTERRUPT, 64, 5)
        return (
            Interface(control, CDC, SUBCLASS, 0, (notify,), extra=functional),
            Interface(data, CDC_DATA, 0, DATA_PROTOCOL),
            Interface(data, CDC_DATA, 0, DATA_PROTOCOL, ends, altsetting=1),
        )

    def reset(self) -> None:
        """Closed, with nothing to say."""
        self.opened, self.input_size, self._announced = False, NTB_SIZE, 0
        self._responses.clear()

    def control(self, setup: Setup, data: bytes) -> bytes | None:
        """Messages and the parameters of data blocks. Stall for a response that is not there."""
        if setup.request_type & 0x7F != 0x21 or setup.index != self.first_interface:
            return None
        match setup.request:  # CDC 1.20, table 19, and NCM 1.0, table 6-2
            case 0x00:  # SEND_ENCAPSULATED_COMMAND
                self._take(data)
                return b""
            case 0x01:  # GET_ENCAPSULATED_RESPONSE
                if not self._responses:
                    raise Stall("no response")
                self._announced = max(0, self._announced - 1)
                return self._responses.popleft()
            case 0x05:  # RESET_FUNCTION
                self.reset()
                return b""
            case 0x80:  # GET_NTB_PARAMETERS
                return NTB_PARAMETERS
            case 0x83:  # GET_NTB_FORMAT
                return b"\0\0"
            case 0x84:  # SET_NTB_FORMAT
                return b"" if setup.value == 0 else None
            case 0x85:  # GET_NTB_INPUT_SIZE
                return self.input_size.to_bytes(4, "little")
            case 0x86:  # SET_NTB_INPUT_SIZE
                self.input_size = int.from_bytes(data[:4], "little")
                return b""
        return None

    def write(self, endpoint: int, data: bytes) -> bool:
        """A block of datagrams; there is no session that it could belong to."""
        if endpoint != self.first_interface + 1:
            return False
        if data:
            self.datagrams.append(data)
        return True

    def read(self, endpoint: int, length: int) -> bytes | None:
        """RESPONSE_AVAILABLE, once for each response."""
        if endpoint != 0x80 | (self.first_interface + 2) or self._announced >= len(self._responses):
            return None
        self._announced += 1
        return bytes([0xA1, RESPONSE_AVAILABLE, 0, 0, self.first_interface, 0, 0, 0])

    def _take(self, message: bytes) -> None:
        """Answer a message (9.3); one that is cut short is no message. Stall."""
        try:
            kind, length, transaction = HEADER.unpack_from(message)
            if length != len(message):
                raise Stall("a message whose length is wrong")
            if kind == COMMAND:
                answer = self._command(message[HEADER.size :])
            elif kind in (OPEN, CLOSE):
                self.opened = kind == OPEN
                answer = struct.pack("<I", STATUS_OK)
            else:
                raise Stall(f"unknown message type {kind}")
        except struct.error:
            raise Stall("a message that is cut short") from None
        self._responses.append(HEADER.pack(DONE | kind, HEADER.size + len(answer), transaction) + answer)

    def _command(self, body: bytes) -> bytes:
        """COMMAND_DONE: fragment, service, CID, status, and the information (9.4.2)."""
        service, cid, _, _ = COMMAND_HEAD.unpack_from(body, FRAGMENT.size)
        information = b""
        if self.opened and (service, cid) == (BASIC_CONNECT, DEVICE_CAPS):
            information = self._device_caps()
        status = STATUS_OK if information else NO_DEVICE_SUPPORT
        return FRAGMENT.pack(1, 0) + COMMAND_HEAD.pack(service, cid, status, len(information)) + information

    def _device_caps(self) -> bytes:
        """MBIM_DEVICE_CAPS_INFO (10.5.1.3): numbers, places of four texts, then the texts in UTF-16."""
        about = (REMOVABLE, GSM, NO_VOICE, SIM_REMOVABLE)
        numbers = (*about, DATA_GPRS_EDGE_UMTS_HSPA_LTE, SMS_PDU, CONTROL_REGISTER, 1)
        texts = ("", self.radio.imei, self.radio.revision, f"{self.radio.manufacturer} {self.radio.model}")
        start, places, buffer = 4 * len(numbers) + 8 * len(texts), b"", b""
        for text in texts:
            raw = text.encode("utf-16-le")
            places += struct.pack("<II", start + len(buffer) if raw else 0, len(raw))
            buffer += raw.ljust((len(raw) + 3) // 4 * 4, b"\0")
        return struct.pack(f"<{len(numbers)}I", *numbers) + places + buffer


def mbim_mode(vendor: int, product: int, modem: MbimModem | None = None) -> Mode:
    """A mode of one MBIM modem."""
    modem = MbimModem() if modem is None else modem
    identity = Identity(
        vendor,
        product,
        (Configuration(modem.interfaces()),),
        manufacturer="HUAWEI",
        product_name="HUAWEI Mobile",
    )
    return Mode(identity, (modem,))
