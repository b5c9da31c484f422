"""The network behind a virtual network card: a router with DHCP, ARP and an answer to every echo.

Ethernet frames go in and come out; nothing else is kept. Fields and numbers: RFC 826 (ARP), RFC 791 (IP),
RFC 792 (ICMP), RFC 768 (UDP), RFC 2131 and 2132 (DHCP).
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass, field

ETHERNET = struct.Struct(">6s6sH")
ARP = struct.Struct(">HHBBH6s4s6s4s")
IP = struct.Struct(">BBHHHBBH4s4s")
UDP = struct.Struct(">HHHH")
DHCP_FIXED, DHCP_COOKIE = 236, b"\x63\x82\x53\x63"

TYPE_IP, TYPE_ARP = 0x0800, 0x0806
ICMP, UDP_PROTOCOL = 1, 17
DHCP_SERVER, DHCP_CLIENT = 67, 68
BROADCAST = b"\xff" * 6
DISCOVER, OFFER, REQUEST, ACK, NAK = 1, 2, 3, 5, 6
LEASE_S = 86400


@dataclass(slots=True)
class Router:
    """The far side of the card: gateway, DHCP server and name server at `address`.

    client: the one address that it gives away. mac: its own. Every address beyond it answers an echo.
    heard: all frames from the host. leased: whether the host has taken its address.
    """

    address: str = "192.168.8.1"
    client: str = "192.168.8.100"
    mac: bytes = bytes.fromhex("0c5b8f279a01")
    heard: list[bytes] = field(default_factory=list)
    leased: bool = False

    def answers(self, frame: bytes) -> list[bytes]:
        """What comes back for a frame; nothing for what the router does not know, or what is cut short."""
        self.heard.append(frame)
        try:
            _, source, kind = ETHERNET.unpack_from(frame)
            body = frame[ETHERNET.size :]
            if kind == TYPE_ARP:
                answer = self._arp(body)
            elif kind == TYPE_IP:
                answer = self._ip(body)
            else:
                answer = None
        except (struct.error, IndexError):
            return []
        if answer is None:
            return []
        return [ETHERNET.pack(source, self.mac, kind) + answer]

    def _arp(self, body: bytes) -> bytes | None:
        """Who has an address: the router has all but the host's own."""
        hardware, protocol, hlen, plen, operation, mac, address, _, wanted = ARP.unpack_from(body)
        if operation != 1 or wanted == _raw(self.client) or address == bytes(4):
            return None
        return ARP.pack(hardware, protocol, hlen, plen, 2, self.mac, wanted, mac, address)

    def _ip(self, body: bytes) -> bytes | None:
        head, _, length, _, _, _, protocol, _, source, target = IP.unpack_from(body)
        payload = body[(head & 15) * 4 : length]
        if protocol == ICMP and payload[0] == 8:
            echo = b"\0\0\0\0" + payload[4:]
            return _packet(ICMP, target, source, echo[:2] + _checksum(echo) + echo[4:])
        if protocol == UDP_PROTOCOL:
            _, port, _, _ = UDP.unpack_from(payload)
            if port == DHCP_SERVER:
                return self._dhcp(payload[UDP.size :])
        return None

    def _dhcp(self, request: bytes) -> bytes | None:
        options = dhcp_options(request)
        kind = options.get(53, b"\0")[0]
        wanted = options.get(50, request[12:16])
        if kind == DISCOVER:
            reply = OFFER
        elif kind == REQUEST:
            reply = ACK if wanted == _raw(self.client) else NAK
        else:
            return None
        self.leased = self.leased or reply == ACK
        own, given = _raw(self.address), _raw(self.client if reply != NAK else "0.0.0.0")
        fixed = bytes([2, 1, 6, 0]) + request[4:12] + bytes(4) + given + own + bytes(4) + request[28:44]
        message = fixed.ljust(DHCP_FIXED, b"\0") + DHCP_COOKIE
        for code, value in (
            (53, bytes([reply])),
            (54, own),
            (51, LEASE_S.to_bytes(4, "big")),
            (1, _raw("255.255.255.0")),
            (3, own),
            (6, own),
        ):
            message += bytes([code, len(value)]) + value
        datagram = message + b"\xff"
        head = UDP.pack(DHCP_SERVER, DHCP_CLIENT, UDP.size + len(datagram), 0)  # without a checksum
        return _packet(UDP_PROTOCOL, own, _raw("255.255.255.255"), head + datagram)


def dhcp_options(message: bytes) -> dict[int, bytes]:
    """Options of a DHCP message by code (RFC 2132, 2); empty when it has no cookie."""
    place = DHCP_FIXED + len(DHCP_COOKIE)
    if message[DHCP_FIXED:place] != DHCP_COOKIE:
        return {}
    options = {}
    while place < len(message) and message[place] != 0xFF:
        if message[place] == 0:
            place += 1
            continue
        code, length = message[place], message[place + 1]
        options[code] = message[place + 2 : place + 2 + length]
        place += 2 + length
    return options


def _raw(address: str) -> bytes:
    return ipaddress.IPv4Address(address).packed


def _packet(protocol: int, source: bytes, target: bytes, payload: bytes) -> bytes:
    head = IP.pack(0x45, 0, IP.size + len(payload), 0, 0, 64, protocol, 0, source, target)
    return head[:10] + _checksum(head) + head[12:] + payload


def _checksum(data: bytes) -> bytes:
    """The Internet checksum (RFC 1071)."""
    padded = data + b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack(">H", ~total & 0xFFFF)
