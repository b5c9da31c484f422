"""The MBIM modem: messages, notifications, and the parameters that cdc_mbim asks for."""

from __future__ import annotations

import struct
import uuid

import pytest

from pymodeswitch.virtual import MbimModem, Radio, Stall, Stick, mbim_mode

BASIC_CONNECT = uuid.UUID("a289cc33-bcbb-8b4f-b6b0-133ec2aae6df").bytes


class Host:
    """What a host does at the control interface."""

    def __init__(self, modem: MbimModem) -> None:
        self.stick = Stick([mbim_mode(0x12D1, 0x14FE, modem)])
        self.stick.control(bytes([0, 9, 1, 0, 0, 0, 0, 0]))

    def request(self, number: int, data: bytes = b"", length: int = 4096, value: int = 0) -> bytes:
        kind = 0xA1 if not data and number in (1, 0x80, 0x83, 0x85) else 0x21
        return self.stick.control(struct.pack("<BBHHH", kind, number, value, 0, len(data) or length), data)

    def message(self, kind: int, body: bytes = b"", transaction: int = 7) -> bytes:
        self.request(0, struct.pack("<III", kind, 12 + len(body), transaction) + body)
        assert self.stick.read(0x82, 64) == b"\xa1\x01\0\0\0\0\0\0"
        assert self.stick.read(0x82, 64) is None, "told once"
        answer = self.request(1)
        assert struct.unpack_from("<III", answer) == (0x80000000 | kind, len(answer), transaction)
        return answer[12:]

    def command(self, service: bytes, cid: int) -> tuple[int, bytes]:
        """Status and information."""
        answer = self.message(3, struct.pack("<II", 1, 0) + service + struct.pack("<III", cid, 0, 0))
        assert answer[:24] == struct.pack("<II", 1, 0) + service
        _, status, length = struct.unpack_from("<III", answer, 24)
        assert length == len(answer) - 36
        return status, answer[36:]


@pytest.fixture
def modem() -> MbimModem:
    return MbimModem(Radio(imei="004999010640001", model="E3372"))


@pytest.fixture
def host(modem: MbimModem) -> Host:
    return Host(modem)


def test_device_caps(host: Host, modem: MbimModem) -> None:
    assert host.command(BASIC_CONNECT, 1) == (9, b""), "not before it is opened"
    assert host.message(1, struct.pack("<I", 4096)) == bytes(4)
    assert modem.opened
    status, caps = host.command(BASIC_CONNECT, 1)
    assert status == 0
    assert struct.unpack_from("<8I", caps) == (2, 1, 1, 2, 0x3F, 3, 1, 1)
    texts = [
        caps[at : at + size].decode("utf-16-le") for at, size in struct.iter_unpack("<II", caps[32:64])
    ]
    assert texts == ["", "004999010640001", "VIRTUAL", "ZTE CORPORATION E3372"]
    assert host.command(BASIC_CONNECT, 99) == (9, b"")
    assert host.command(bytes(16), 1) == (9, b"")
    assert host.message(2) == bytes(4)
    assert not modem.opened


def test_bad_messages_are_stalled(host: Host) -> None:
    for message in (b"", b"\1\0\0\0", struct.pack("<III", 1, 99, 1), struct.pack("<III", 9, 12, 1)):
        with pytest.raises(Stall):
            host.stick.control(struct.pack("<BBHHH", 0x21, 0, 0, 0, len(message)), message)
    with pytest.raises(Stall):
        host.request(0, struct.pack("<III", 3, 12, 1))
    with pytest.raises(Stall):
        host.request(1)
    assert host.stick.read(0x82, 64) is None


def test_parameters_of_data_blocks(host: Host, modem: MbimModem) -> None:
    parameters = host.request(0x80, length=28)
    assert struct.unpack_from("<HHI", parameters) == (28, 1, 16384)
    assert host.request(0x83, length=2) == b"\0\0"
    assert host.request(0x84) == b""
    with pytest.raises(Stall):
        host.request(0x84, value=1)
    host.request(0x86, struct.pack("<I", 2048))
    assert host.request(0x85, length=4) == struct.pack("<I", 2048)
    host.request(5)
    assert modem.input_size == 16384
    with pytest.raises(Stall):
        host.request(0x99)


def test_datagrams_go_nowhere(host: Host, modem: MbimModem) -> None:
    host.stick.write(1, b"NCMH")
    host.stick.write(1, b"")
    assert modem.datagrams == [b"NCMH"]
    assert host.stick.read(0x81, 4096) is None
    with pytest.raises(Stall):
        host.stick.write(4, b"x")
