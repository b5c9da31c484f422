"""A virtual network card: CDC Ethernet (ECM 1.20) with a router behind it, as "HiLink" sticks are built."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from .descriptors import CDC, CDC_DATA, INTERRUPT, Configuration, Endpoint, Identity, Interface
from .network import Router
from .stick import Mode, Setup

SET_ETHERNET_PACKET_FILTER = 0x43  # ECM 1.20, table 6
NETWORK_CONNECTION, CONNECTION_SPEED_CHANGE = 0x00, 0x2A  # table 11
LONGEST_FRAME = 1514
BITS_PER_S = 150_000_000  # what an LTE stick of category 4 says
MAC_STRING = 4  # string index in the functional descriptor


def _nothing() -> None:
    """Nobody has to be told."""


@dataclass(slots=True)
class EcmCard:
    """CDC ECM on two interfaces: the data interface has its endpoints in altsetting 1.

    host_mac: the address that the host's interface gets. router: what is behind it. packet_filter: as the
    host has set it. link: whether the cable is in, so to speak; `set_link` reports a change.
    """

    host_mac: str = "0c5b8f279a64"
    router: Router = field(default_factory=Router)
    first_interface: int = 0
    link: bool = True
    packet_filter: int = 0
    wake: Callable[[], None] = _nothing
    _frames: deque[bytes] = field(default_factory=deque)
    _notices: deque[bytes] = field(default_factory=deque)

    def interfaces(self) -> tuple[Interface, ...]:
        """Descriptors with the functional ones of ECM 1.20, 5.4."""
        control, data = self.first_interface, self.first_interface + 1
        functional = bytes(
            [5, 0x24, 0x00, 0x10, 0x01]  # header
            + [5, 0x24, 0x06, control, data]  # union
            + [13, 0x24, 0x0F, MAC_STRING, 0, 0, 0, 0]  # Ethernet: no statistics
            + [*LONGEST_FRAME.to_bytes(2, "little"), 0, 0, 0]  # no multicast or wake-up filters
        )
        ends = (Endpoint(self.first_interface + 1), Endpoint(0x80 | (self.first_interface + 1)))
        notify = Endpoint(0x80 | (self.first_interface + 2), INTERRUPT, 16, 9)
        return (
            Interface(control, CDC, 0x06, 0, (notify,), extra=functional),
            Interface(data, CDC_DATA),
            Interface(data, CDC_DATA, 0, 0, ends, altsetting=1),
        )

    def set_link(self, up: bool) -> None:
        """Have the link go up or down, and tell the host."""
        self.link = up
        self._report_link()
        self.wake()

    def reset(self) -> None:
        """Nothing under way; the host is told anew whether there is a link."""
        self._frames.clear()
        self._notices.clear()
        self._report_link()

    def _report_link(self) -> None:
        index = self.first_interface.to_bytes(2, "little")
        speed = BITS_PER_S.to_bytes(4, "little")
        self._notices.append(bytes([0xA1, CONNECTION_SPEED_CHANGE, 0, 0]) + index + b"\x08\0" + 2 * speed)
        self._notices.append(bytes([0xA1, NETWORK_CONNECTION, self.link, 0]) + index + b"\0\0")

    def control(self, setup: Setup, data: bytes) -> bytes | None:
        """SET_ETHERNET_PACKET_FILTER is the one request that every card has (ECM 1.20, 6.2)."""
        head = (setup.request_type, setup.request, setup.index)
        if head != (0x21, SET_ETHERNET_PACKET_FILTER, self.first_interface):
            return None
        self.packet_filter = setup.value
        return b""

    def write(self, endpoint: int, data: bytes) -> bool:
        """One frame from the host; a transfer of nothing only ends one before it."""
        if endpoint != self.first_interface + 1:
            return False
        if data and self.link:
            self._frames.extend(self.router.answers(data))
        return True

    def read(self, endpoint: int, length: int) -> bytes | None:
        """One frame for the host, or one notification."""
        if endpoint == 0x80 | (self.first_interface + 2):
            return self._notices.popleft() if self._notices else None
        if endpoint == 0x80 | (self.first_interface + 1):
            return self._frames.popleft() if self._frames else None
        return None


def network_card_mode(vendor: int, product: int, card: EcmCard | None = None) -> Mode:
    """A mode of one network card."""
    card = EcmCard() if card is None else card
    identity = Identity(
        vendor,
        product,
        (Configuration(card.interfaces()),),
        device_class=CDC,
        manufacturer="HUAWEI",
        product_name="HUAWEI Mobile",
        further_strings=(card.host_mac.upper(),),
    )
    return Mode(identity, (card,))
