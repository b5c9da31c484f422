"""A device's stay on the bus as a capture shows it: from its enumeration until it leaves."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import NamedTuple

from ..host.sysfs import parse_interfaces
from ..nouns.model import HUB_CLASS, MASS_STORAGE_CLASS, UsbId

HID_CLASS = 0x03
KEPT = 256  # commands that may switch, of one stay: the latest
KEPT_MESSAGES = 512  # different ones that are remembered to tell what was sent before
KEPT_CONFIGURATIONS = 16

# Kinds of what is sent.
REQUEST, COMMAND, RAW, CONFIGURATION = "request", "command", "raw", "configuration"

PortKey = tuple[int, int, int]  # bus, address of the hub, port of it


class Sent(NamedTuple):
    """Something sent to a device that may have switched it.

    kind: REQUEST (a control request), COMMAND (a CBW), RAW (another OUT transfer), CONFIGURATION. message:
    the bytes as they go over the wire; a setup packet with its data. is_cut: not all of them were recorded.
    is_ordinary: every storage driver sends such a command. by_driver: a kernel driver sent it; None: who
    knows.
    """

    seconds: float
    kind: str
    endpoint: int
    message: bytes
    is_cut: bool = False
    is_ordinary: bool = False
    by_driver: bool | None = None

    @property
    def cdb(self) -> bytes:
        """The SCSI command of a CBW, empty for others."""
        return self.message[15:31] if self.kind == COMMAND else b""

    @property
    def essence(self) -> tuple[str, bytes]:
        """What makes it the same command as another: not its tag."""
        if self.kind == COMMAND:
            return self.kind, self.message[8:31]
        return self.kind, self.message

    @property
    def is_eject(self) -> bool:
        """Whether it is START STOP UNIT with LoEj set and Start clear (MMC-5, 6.42)."""
        cdb = self.cdb
        return len(cdb) > 4 and cdb[0] == 0x1B and cdb[4] & 0x03 == 0x02

    @property
    def is_reading(self) -> bool:
        """Whether it is a control request that reads."""
        return self.kind == REQUEST and bool(self.message[0] & 0x80)


@dataclass
class Stay:
    """One stay. Times are seconds of the capture.

    port: where it is plugged, if the capture shows its enumeration. inquiry: vendor, model, revision. sent:
    what may have switched it. gone_at: since when all transfers fail. lost_at: when its hub told that it
    left. selected: configurations that were selected, with the time. messages: for each different one of
    `sent` the time of the first and their number.
    """

    bus: int
    address: int
    first: float
    port: PortKey | None = None
    id: UsbId | None = None
    device_class: int = 0
    release: int = 0
    string_indices: dict[int, str] = field(default_factory=dict)
    manufacturer: str = ""
    product: str = ""
    inquiry: tuple[str, str, str] | None = None
    scsi_type: int | None = None
    descriptors: dict[int, bytes] = field(default_factory=dict)
    selected: list[tuple[float, int]] = field(default_factory=list)
    sent: deque[Sent] = field(default_factory=lambda: deque(maxlen=KEPT))
    messages: dict[tuple[str, bytes], tuple[float, int]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    last: float = 0.0
    gone_at: float | None = None
    lost_at: float | None = None
    replaced_at: float | None = None
    resets: int = 0
    # Of the traffic under way.
    data_left: dict[int, int] = field(default_factory=dict)
    asked_inquiry: bool = False
    next_tag: int | None = None

    def note(self, sent: Sent) -> None:
        """Remember what was sent."""
        self.sent.append(sent)
        first, count = self.messages.get(sent.essence, (sent.seconds, 0))
        if count or len(self.messages) < KEPT_MESSAGES:
            self.messages[sent.essence] = first, count + 1

    def note_descriptor(self, data: bytes) -> None:
        """Remember a configuration descriptor with what follows it; the longest of each configuration."""
        known = self.descriptors.get(data[5], b"")
        if len(data) > len(known) and (known or len(self.descriptors) < KEPT_CONFIGURATIONS):
            self.descriptors[data[5]] = data

    def history(self, sent: Sent) -> tuple[float, int]:
        """When the same was sent for the first time, and how often it was sent in all."""
        return self.messages.get(sent.essence, (sent.seconds, 1))

    def interfaces(
        self, configuration: int | None = None
    ) -> list[tuple[int, int, int, int, int | None, int | None]]:
        """Interfaces of a configuration, by default the first selected one: see `parse_interfaces`."""
        if configuration is None:
            configuration = self.first_configuration
        descriptor = self.descriptors.get(configuration or 0)
        return parse_interfaces(descriptor, configuration or 0) if descriptor else []

    @property
    def first_configuration(self) -> int | None:
        """The configuration that it had at first; None where the capture does not tell."""
        if self.selected:
            return self.selected[0][1]
        return min(self.descriptors, default=None)

    def interface_class(self, configuration: int | None = None) -> int | None:
        """Class of the first interface, None where the capture does not tell."""
        interfaces = self.interfaces(configuration)
        return interfaces[0][1] if interfaces else None

    @property
    def is_hub(self) -> bool:
        """Whether it is a hub, of a computer or another."""
        return HUB_CLASS in (self.device_class, self.interface_class()) or bool(self.counts["hub request"])

    @property
    def is_storage(self) -> bool:
        """Whether it shows mass storage, or understood commands of it without showing what it is."""
        shown = self.interface_class()
        if shown is None:
            return self.counts["command"] > 0
        return shown == MASS_STORAGE_CLASS or any(i[1] == MASS_STORAGE_CLASS for i in self.interfaces())

    @property
    def may_be_disguised(self) -> bool:
        """Whether it may be a stick before its switch: storage, or a class that one known method is for."""
        shown = self.interface_class()
        if shown is None:
            return self.counts["command"] > 0 or bool(self.sent)
        return shown in (MASS_STORAGE_CLASS, HID_CLASS) and (self.is_storage or bool(self.sent))

    def leave(self) -> tuple[float, str] | None:
        """When it left, and what shows that; None while it is there at the end of the capture."""
        signs = [
            (self.gone_at, "transfers failed from then on"),
            (self.lost_at, "its hub told that the port is empty"),
            (self.replaced_at, "another device has its address since then"),
        ]
        told = [(seconds, what) for seconds, what in signs if seconds is not None]
        if not told:
            return None
        first = min(told)[0]
        words = [what for seconds, what in sorted(told) if what != signs[2][1] or len(told) == 1]
        if self.gone_at is None and self.lost_at is None:
            first = min(first, self.last)
        return first, ", ".join(words)


def strings_of(data: bytes) -> str:
    """The text of a string descriptor (USB 2.0, 9.6.7)."""
    return data[2 : data[0]].decode("utf-16-le", "replace") if len(data) > 2 else ""
