"""USB/IP on the wire: what the kernel asks, what is answered, and what is asked of a stick.

Source: Documentation/usb/usbip_protocol.rst of the Linux kernel. All numbers are big-endian, but the setup
packet, which is USB's own. Isochronous transfers are left out: no stick here has such an endpoint.
"""

from __future__ import annotations

import errno
import json
import struct
from dataclasses import dataclass
from typing import Protocol

CMD_SUBMIT, CMD_UNLINK, RET_SUBMIT, RET_UNLINK = 1, 2, 3, 4
# command, sequence number, device, direction (1 = in), endpoint number; then, padded to 48 bytes, either
#   flags, buffer length, start frame, packets, interval, setup     (submit)
#   sequence number of the transfer to take back                    (unlink)
#   status, actual length                                           (both answers)
HEADER, SUBMIT, UNLINK, ANSWER = (
    struct.Struct(">5I"),
    struct.Struct(">I4i8s"),
    struct.Struct(">I"),
    struct.Struct(">ii"),
)
HEADER_LENGTH = 48
STALLED, TOO_LONG, TAKEN_BACK = -errno.EPIPE, -errno.EOVERFLOW, -errno.ECONNRESET


class Leaving(Protocol):
    """How a stick drops off the bus: seconds until it is back (None: never); without completing?"""

    @property
    def away_s(self) -> float | None: ...
    @property
    def silent(self) -> bool: ...


class Firmware(Protocol):
    """What is asked of a stick. Endpoints are addresses: 0x81 is IN endpoint 1."""

    speed: int

    @property
    def leaving(self) -> Leaving | None: ...
    def returned(self) -> bool: ...
    def control(self, setup_bytes: bytes, data: bytes = b"") -> bytes: ...
    def write(self, endpoint: int, data: bytes) -> None: ...
    def read(self, endpoint: int, length: int) -> bytes | None: ...


@dataclass(frozen=True, slots=True)
class Submit:
    """A transfer that the kernel wants.

    endpoint: address. length: of `data`, or the most that an answer may have.
    """

    number: int
    endpoint: int
    length: int
    setup: bytes
    data: bytes

    @property
    def inward(self) -> bool:
        """True when the stick sends."""
        return bool(self.endpoint & 0x80)

    @property
    def is_control(self) -> bool:
        """True on endpoint 0."""
        return self.endpoint & 0x0F == 0

    def completed(self, status: int, data: bytes) -> bytes:
        """The answer to it; `data` counts but does not travel when it was the kernel's."""
        header = HEADER.pack(RET_SUBMIT, self.number, 0, 0, 0) + ANSWER.pack(status, len(data))
        return header.ljust(HEADER_LENGTH, b"\0") + (data if self.inward else b"")


@dataclass(frozen=True, slots=True)
class Unlink:
    """The kernel takes a transfer back."""

    number: int
    taken_back: int

    def completed(self, *, in_time: bool) -> bytes:
        """The answer to it; in_time: the transfer had not been completed."""
        header = HEADER.pack(RET_UNLINK, self.number, 0, 0, 0) + ANSWER.pack(
            TAKEN_BACK if in_time else 0, 0
        )
        return header.ljust(HEADER_LENGTH, b"\0")


def take(received: bytearray) -> Submit | Unlink | None:
    """Cut the next request off `received`; None while it has not fully arrived.

    Raises ValueError for what is no request.
    """
    if len(received) < HEADER_LENGTH:
        return None
    command, number, _, inward, endpoint = HEADER.unpack_from(received)
    if command == CMD_UNLINK:
        (taken_back,) = UNLINK.unpack_from(received, HEADER.size)
        del received[:HEADER_LENGTH]
        return Unlink(number, taken_back)
    if command != CMD_SUBMIT:
        raise ValueError(f"unknown usb/ip command {command}")
    _, length, _, _, _, setup = SUBMIT.unpack_from(received, HEADER.size)
    end = HEADER_LENGTH + (0 if inward else length)
    if len(received) < end:
        return None
    data = bytes(received[HEADER_LENGTH:end])
    del received[:end]
    return Submit(number, endpoint | (0x80 if inward else 0), length, setup, data)


@dataclass(frozen=True, slots=True)
class Transfer:
    """One completed transfer, for tests to look at.

    seconds: since the stick was plugged. stay: 0 until it first left the bus, then 1, and so on. endpoint:
    address.
    setup: empty but for control transfers. data: what went in the transfer's direction. status: 0 or
    -errno.
    """

    seconds: float
    stay: int
    endpoint: int
    setup: bytes
    data: bytes
    status: int

    def to_json(self) -> str:
        """One line, bytes in hex."""
        return json.dumps(
            {
                "seconds": round(self.seconds, 6),
                "stay": self.stay,
                "endpoint": f"{self.endpoint:#04x}",
                "setup": self.setup.hex(),
                "data": self.data.hex(),
                "status": self.status,
            }
        )
