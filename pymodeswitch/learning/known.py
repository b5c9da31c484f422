"""What the catalogue knows: the method of an entry in a form that can be compared, and who else has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..device_files.keys import SPECIAL_METHODS
from ..nouns.record import replace
from ..nouns.steps import CBW_LENGTH, CBW_SIGNATURE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..catalog.catalog import Catalog
    from ..nouns.model import DeviceFile, Entry, UsbId

COMMON_TAG = bytes.fromhex("12345678")  # what most public device files have


class Method(NamedTuple):
    """What a device file does, as far as it can be the same in another one.

    name: of its key. messages: without their tags. value: of PantechMode, or of another key with a number.
    """

    name: str
    messages: tuple[bytes, ...] = ()
    value: int = 0

    def __str__(self) -> str:
        if not self.messages:
            return f"{self.name}={self.value}" if self.value else self.name
        commands = ", ".join(_short(message) for message in self.messages)
        return commands if self.name == "MessageContent" else f"{self.name}, then {commands}"


def method_of(device_file: DeviceFile) -> Method | None:
    """The method of a device file; None when it has none, or switches by its configuration being 0.

    Which configuration is selected differs from stick to stick, so it does not count.
    """
    for key in SPECIAL_METHODS:
        value = getattr(device_file, key.attribute)
        if value:
            return Method(key.name, value=0 if value is True else int(value))
    messages = tuple(essence(message) for message in device_file.messages)
    if device_file.standard_eject:
        return Method("StandardEject", messages[:1])
    if messages:
        return Method("MessageContent", messages)
    if device_file.configuration:
        return Method("Configuration")
    if device_file.alt_setting is not None:
        return Method("AltSetting")
    return Method("ResetUSB") if device_file.reset_usb else None


def essence(message: bytes) -> bytes:
    """A message without what differs from one sender to the next: a CBW without its tag."""
    if len(message) == CBW_LENGTH and message.startswith(CBW_SIGNATURE):
        return message[:4] + COMMON_TAG + message[8:]
    return message


def cdb_of(message: bytes) -> bytes:
    """The SCSI command of a CBW, empty for another message."""
    is_cbw = len(message) == CBW_LENGTH and message.startswith(CBW_SIGNATURE)
    return message[15:] if is_cbw else b""


def _short(message: bytes) -> str:
    cdb = cdb_of(message)
    if not cdb:
        return f"{len(message)} bytes"
    return "command " + (cdb.rstrip(b"\0") or b"\0").hex(" ")


class Knowledge:
    """The entries of a catalogue that switch, read once."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = tuple(entries)
        self.methods = tuple(
            (entry, method) for entry in self.entries if (method := method_of(entry.device_file))
        )

    @classmethod
    def of(cls, catalog: Catalog) -> Knowledge:
        """All that a catalogue has."""
        return cls(catalog.entries())

    def with_method(self, method: Method) -> tuple[Entry, ...]:
        """The entries that do the same; messages are compared by their commands alone."""
        commands = tuple(map(_command, method.messages))
        return tuple(
            entry
            for entry, other in self.methods
            if (other.name, tuple(map(_command, other.messages)), other.value)
            == (method.name, commands, method.value)
        )

    def for_id(self, usb_id: UsbId) -> tuple[Entry, ...]:
        """The entries for an ID, with and without qualifiers."""
        return tuple(entry for entry in self.entries if entry.id == usb_id)


def _command(message: bytes) -> bytes:
    return cdb_of(message) or message


def without_targets(device_file: DeviceFile) -> DeviceFile:
    """What it sends, without what it expects to come of it."""
    return replace(
        device_file,
        comments=(),
        target_vendor=None,
        target_product=None,
        target_product_list=(),
        target_id_list=(),
        target_class=None,
    )
