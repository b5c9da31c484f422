"""The network card: descriptors, notifications, and the router behind it, frame by frame."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymodeswitch.virtual import EcmCard, Router, Setup, Stall, Stick, network_card_mode
from pymodeswitch.virtual.network import dhcp_options

HOST = bytes.fromhex("0c5b8f279a64")
BROADCAST = b"\xff" * 6


def raw(address: str) -> bytes:
    return socket.inet_aton(address)


def arp(wanted: str, sender: str = "192.168.8.100") -> bytes:
    body = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1) + HOST + raw(sender) + bytes(6) + raw(wanted)
    return BROADCAST + HOST + b"\x08\x06" + body


def ip(protocol: int, payload: bytes, source: str, target: str) -> bytes:
    head = struct.pack(
        ">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0, raw(source), raw(target)
    )
    return BROADCAST + HOST + b"\x08\x00" + head + payload


def dhcp(kind: int, wanted: str | None = None) -> bytes:
    message = bytes([1, 1, 6, 0]) + b"\x12\x34\x56\x78" + bytes(20) + HOST.ljust(16, b"\0")
    message = message.ljust(236, b"\0") + b"\x63\x82\x53\x63" + bytes([53, 1, kind])
    if wanted is not None:
        message += bytes([0, 50, 4]) + raw(wanted)
    message += b"\xff"
    return ip(17, struct.pack(">HHHH", 68, 67, 8 + len(message), 0) + message, "0.0.0.0", "255.255.255.255")


def options_of(frame: bytes) -> dict[int, bytes]:
    return dhcp_options(frame[14 + 20 + 8 :])


def checksum_is_right(data: bytes) -> bool:
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total == 0xFFFF


def test_dhcp_gives_the_one_address() -> None:
    router = Router()
    (offer,) = router.answers(dhcp(1))
    assert offer[14 + 20 + 8 + 16 :][:4] == raw("192.168.8.100")
    assert options_of(offer)[53] == b"\x02"
    assert checksum_is_right(offer[14:34])
    assert not router.leased
    (ack,) = router.answers(dhcp(3, "192.168.8.100"))
    options = options_of(ack)
    assert (options[53], options[1], options[3], options[6]) == (
        b"\x05",
        raw("255.255.255.0"),
        raw("192.168.8.1"),
        raw("192.168.8.1"),
    )
    assert router.leased
    (nak,) = router.answers(dhcp(3, "10.0.0.7"))
    assert options_of(nak)[53] == b"\x06"
    assert router.answers(dhcp(7)) == []


def test_arp_answers_for_all_but_the_host() -> None:
    router = Router()
    for address in ("192.168.8.1", "192.168.8.77"):
        (answer,) = router.answers(arp(address))
        assert answer[:14] == HOST + router.mac + b"\x08\x06"
        assert answer[14 + 6 :][:22] == b"\0\x02" + router.mac + raw(address) + HOST + raw("192.168.8.100")
    assert router.answers(arp("192.168.8.100")) == [], "it may have its address"
    assert router.answers(arp("192.168.8.100", "0.0.0.0")) == [], "and look whether it is free"


@pytest.mark.parametrize("length", [0, 1, 56])
def test_every_echo_is_answered(length: int) -> None:
    payload = b"\x08\0\0\0" + b"\x12\x34\0\x01" + bytes(range(length))
    (answer,) = Router().answers(ip(1, payload, "192.168.8.100", "198.51.100.1"))
    packet = answer[14:]
    assert (packet[12:16], packet[16:20]) == (raw("198.51.100.1"), raw("192.168.8.100"))
    assert packet[20] == 0
    assert packet[24:] == payload[4:]
    assert checksum_is_right(packet[20:] + b"\0" * (length % 2))
    assert checksum_is_right(packet[:20])


@given(st.binary(max_size=80), st.sampled_from([b"\x08\x00", b"\x08\x06", b"\x86\xdd"]))
def test_rubbish_gets_no_answer_or_one_and_never_an_error(body: bytes, kind: bytes) -> None:
    for frame in (body, BROADCAST + HOST + kind + body):
        assert len(Router().answers(frame)) <= 1


@given(st.binary(max_size=60))
def test_dhcp_options_of_rubbish(body: bytes) -> None:
    Router().answers(
        ip(
            17,
            struct.pack(">HHHH", 68, 67, 8, 0) + bytes(236) + b"\x63\x82\x53\x63" + body,
            "0.0.0.0",
            "1.1.1.1",
        )
    )


def plugged(card: EcmCard) -> Stick:
    stick = Stick([network_card_mode(0x12D1, 0x14DC, card)])
    stick.control(bytes([0, 9, 1, 0, 0, 0, 0, 0]))
    return stick


def test_the_host_learns_the_link_and_the_address_of_its_card() -> None:
    card = EcmCard()
    stick = plugged(card)
    speed, link = stick.read(0x82, 16), stick.read(0x82, 16)
    assert (speed or b"")[:4] == b"\xa1\x2a\0\0"
    assert link == b"\xa1\x00\x01\0\0\0\0\0"
    assert stick.read(0x82, 16) is None
    card.set_link(False)
    stick.read(0x82, 16)
    assert stick.read(0x82, 16) == b"\xa1\x00\0\0\0\0\0\0"
    stick.write(1, arp("192.168.8.1"))
    assert stick.read(0x81, 2048) is None, "nothing comes through without a link"
    text = stick.control(bytes([0x80, 6, 4, 3, 9, 4, 255, 0]))
    assert text[2:].decode("utf-16-le") == "0C5B8F279A64"


def test_its_data_interface_has_endpoints_in_altsetting_1_alone() -> None:
    stick = plugged(EcmCard())
    stick.control(bytes([1, 11, 1, 0, 1, 0, 0, 0]))
    with pytest.raises(Stall):
        stick.control(bytes([1, 11, 2, 0, 1, 0, 0, 0]))
    (configuration,) = stick.identity.configurations
    assert [len(i.endpoints) for i in configuration.interfaces] == [1, 0, 2]


def test_frames_and_the_filter() -> None:
    card = EcmCard()
    stick = plugged(card)
    assert stick.control(bytes([0x21, 0x43, 0x0E, 0, 0, 0, 0, 0])) == b""
    assert card.packet_filter == 0x0E
    assert card.control(Setup(0x21, 0x44, 0, 0, 0), b"") is None
    stick.write(1, b"")
    stick.write(1, arp("192.168.8.1"))
    assert (stick.read(0x81, 2048) or b"")[:6] == HOST
    assert stick.read(0x81, 2048) is None
    with pytest.raises(Stall):
        stick.write(5, b"x")
