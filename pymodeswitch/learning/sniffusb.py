"""Logs of SniffUSB and UsbSnoop, the Windows tools of the years before USBPcap. A log is of one device."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .packets import BULK, CONTROL, DONE, FAILED, GONE, OTHER, Packet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Each repetition has a bound: a line may hold anything.
URB = re.compile(r"(?:>>>|<<<)\s{1,8}URB (?P<number>\d{1,9}) (?P<way>going down|coming back)")
TIME = re.compile(r"\[(\d{1,9}) ms\]")
FUNCTION = re.compile(r"-- URB_FUNCTION_(\w{1,80})")
DUMP = re.compile(r"\s{0,32}[0-9a-fA-F]{8}:((?: [0-9a-fA-F]{2}){1,16})\s{0,8}$")
PAIR = re.compile(r"\s{0,32}([\w.\[\]]{1,80})\s{0,40}= ?(.*)$")
REMOVED = "IRP_MN_SURPRISE_REMOVAL"
MAX_DATA = 1 << 16  # bytes of one transfer that are kept
MAX_VALUES = 1_024  # lines `NAME = VALUE` of one

VENDOR = {"VENDOR_DEVICE": 0x40, "VENDOR_INTERFACE": 0x41, "VENDOR_ENDPOINT": 0x42, "VENDOR_OTHER": 0x43}
CLASS = {"CLASS_DEVICE": 0x20, "CLASS_INTERFACE": 0x21, "CLASS_ENDPOINT": 0x22, "CLASS_OTHER": 0x23}
ADDRESS = 1  # the log knows none


def looks_like(text: str) -> bool:
    """Whether it has a URB of such a log in it."""
    return "URB_FUNCTION_" in text and (URB.search(text) is not None or "TransferBuffer" in text)


class _Block:
    """One URB on its way down or up."""

    def __init__(self, number: int, seconds: float, is_answer: bool) -> None:
        self.number, self.seconds, self.is_answer = number, seconds, is_answer
        self.function = ""
        self.values: dict[str, str] = {}
        self.data = bytearray()
        self.setup = bytearray()


class _Reader:
    """Goes through the lines; keeps the block under way, and what is known of pipes."""

    def __init__(self) -> None:
        self.block: _Block | None = None
        self.seconds = 0.0
        self.endpoints: dict[str, int] = {}
        self.into_setup = False

    def read(self, lines: Iterable[str]) -> Iterator[Packet]:
        for line in lines:
            started = URB.search(line)
            times = TIME.findall(line)
            if times:
                self.seconds = int(times[-1]) / 1000
            if started is not None or times:
                yield from self._end()
            if started is not None:
                is_answer = started["way"] == "coming back"
                self.block = _Block(int(started["number"]), self.seconds, is_answer)
            elif REMOVED in line:
                yield Packet(self.seconds, 0, 0, ADDRESS, 0, OTHER, True, GONE)
            elif not times:
                self._line(line)
        yield from self._end()

    def _line(self, line: str) -> None:
        function = FUNCTION.search(line)
        if self.block is None and function is not None:  # only the block was quoted, without its first line
            self.block = _Block(0, self.seconds, False)
        block = self.block
        if block is None:
            return
        dump = DUMP.match(line)
        if function is not None:
            block.function = function[1]
        elif dump is not None:
            into = block.setup if self.into_setup else block.data
            if len(into) < MAX_DATA:
                into += bytes.fromhex(dump[1])
        elif len(block.values) < MAX_VALUES and (pair := PAIR.match(line)) is not None:
            self.into_setup = pair[1] == "SetupPacket"
            block.values[pair[1]] = pair[2].strip()
            self._note_pipe(block, pair[1], pair[2].strip())

    def _note_pipe(self, block: _Block, key: str, value: str) -> None:
        """SELECT_CONFIGURATION's answer tells which pipe is which endpoint."""
        name = key.rpartition(".")[2]
        if name == "EndpointAddress":
            block.values["_endpoint"] = value
        elif name == "PipeHandle" and "_endpoint" in block.values and len(self.endpoints) < 256:
            self.endpoints[value.split()[0]] = _hex(block.values.pop("_endpoint"))

    def _end(self) -> Iterator[Packet]:
        block, self.block, self.into_setup = self.block, None, False
        if block is None:
            return
        packet = self._packet(block)
        if packet is not None:
            yield packet

    def _packet(self, block: _Block) -> Packet | None:
        setup, data = bytes(block.setup[:8]), bytes(block.data)
        length = _hex(block.values.get("TransferBufferLength", "0"))
        # USBD_STATUS stands there only in some versions.
        status = _hex(block.values.get("Status", "0"))
        outcome = DONE if not status & 0x80000000 else FAILED
        if status in (0xC0000005, 0xC0000011, 0xC0007000):
            outcome = GONE

        def packet(endpoint: int, kind: int) -> Packet:
            return Packet(
                *(block.seconds, block.number, 0, ADDRESS, endpoint, kind, block.is_answer, outcome),
                setup=setup,
                data=data,
                length=max(length, len(data)),
            )

        if block.function == "BULK_OR_INTERRUPT_TRANSFER":
            endpoint = self._endpoint(block)
            return None if endpoint is None else packet(endpoint, BULK)
        if block.function == "SELECT_CONFIGURATION" and not block.is_answer:
            value = _configuration_value(block, data)
            setup, data = bytes([0, 9, value, 0, 0, 0, 0, 0]), b""
            return packet(0, CONTROL) if value else None
        if not block.is_answer:
            setup = setup or _setup_of(block, length)
            return packet(0, CONTROL) if setup else None
        return packet(0, CONTROL) if setup or data else None

    def _endpoint(self, block: _Block) -> int | None:
        words = block.values.get("PipeHandle", "")
        named = re.search(r"\[endpoint 0x([0-9a-fA-F]{1,8})\]", words)
        if named is not None:
            return int(named[1], 16) & 0xFF
        known = self.endpoints.get(words.split()[0]) if words else None
        if known is not None:
            return known
        is_in = "DIRECTION_IN" in block.values.get("TransferFlags", "")
        return 0xFF if is_in else 0x7F  # not known


def read_lines(lines: Iterable[str]) -> Iterator[Packet]:
    """The packets of a log."""
    return _Reader().read(lines)


def _hex(text: str) -> int:
    try:
        return int(text.split()[0].rstrip(","), 16)
    except (ValueError, IndexError):
        return 0


def _configuration_value(block: _Block, data: bytes) -> int:
    """bConfigurationValue, where the log has the descriptor in it."""
    for key, value in block.values.items():
        if key.endswith("bConfigurationValue"):
            return _hex(value) & 0xFF
    return data[5] if len(data) >= 9 and data[1] == 2 else 0


def _setup_of(block: _Block, length: int) -> bytes:
    """The setup packet of a request on its way down, which the log shows by its parts."""
    is_in = "DIRECTION_IN" in block.values.get("TransferFlags", "")
    value = _hex(block.values.get("Value", "0"))
    index = _hex(block.values.get("Index", "0"))
    if block.function.startswith("GET_DESCRIPTOR"):
        kind = _hex(block.values.get("DescriptorType", "0"))
        parts = (0x80, 6, kind << 8 | index & 0xFF, _hex(block.values.get("LanguageId", "0")))
    elif block.function in VENDOR or block.function in CLASS:
        request_type = (VENDOR | CLASS)[block.function] | (0x80 if is_in else 0)
        parts = (request_type, _hex(block.values.get("Request", "0")) & 0xFF, value, index)
    elif block.function.startswith("SET_FEATURE"):
        selector = _hex(block.values.get("FeatureSelector", "0"))
        parts = (0x00, 3, selector, index)
    else:
        return b""
    numbers = b"".join((number & 0xFFFF).to_bytes(2, "little") for number in (*parts[2:], length))
    return bytes(parts[:2]) + numbers
