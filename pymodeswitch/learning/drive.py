"""What an unknown stick shows of its storage: a CD or a disk, how large, and whether somebody uses it.

From sysfs where a storage driver has asked; else the stick is asked itself, with commands that every drive
knows.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from ..host.linux import LinuxHost
from ..host.sysfs import configuration_values, names_in, parse_interfaces
from ..nouns.errors import ModeSwitchError
from ..nouns.log import Logger
from ..nouns.model import MASS_STORAGE_CLASS
from ..nouns.steps import BULK_TIMEOUT_MS, CSW_LENGTH, INQUIRY_LENGTH
from ..planning.bulk_only import build_cbw
from ..transport.faults import UsbFault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..nouns.model import AttachedDevice, Interface
    from ..nouns.protocols import Host, Transport

logger = Logger(__name__)

BLOCKS, DEVICES = "/sys/class/block", "/sys/bus/usb/devices"
MOUNTS, SWAPS = "/proc/self/mountinfo", "/proc/swaps"
MAX_FILE = 1 << 22
SECTOR = 512  # bytes; /sys/class/block/*/size counts these whatever the drive has
CD, DISK = 0x05, 0x00  # peripheral device types (SPC-4, 6.4.2)
INQUIRY, READ_CAPACITY, TEST_UNIT_READY = 0x12, 0x25, 0x00
TAG = 0x7079
ASKED = 3  # TEST UNIT READY: the first answers may be "just plugged in"


class Drive(NamedTuple):
    """The storage of a stick.

    kind: SCSI peripheral type of the first unit, None where nobody can tell. size: bytes of the largest
    disk, 0 for none. in_use: in words, who uses it.
    """

    kind: int | None = None
    size: int = 0
    in_use: tuple[str, ...] = ()

    @property
    def is_disk(self) -> bool | None:
        """Whether it says that it is a disk and not a CD."""
        return None if self.kind is None else self.kind == DISK


def look(host: Host, device: AttachedDevice, *, ask: bool = True) -> Drive:
    """What the kernel knows of the drive; where it knows nothing, and `ask`, what the stick answers."""
    units = host.storage_units(device)
    nodes = [name for unit in units or () for name, _ in unit.nodes]
    blocks = [name for name in nodes if os.path.isdir(os.path.join(BLOCKS, name))]
    if blocks:
        kind = CD if any(name.startswith("sr") for name in blocks) else DISK
        disks = [name for name in blocks if not name.startswith("sr")]
        size = max((_number(name, "size") * SECTOR for name in disks), default=0)
        return Drive(kind, size, tuple(_uses(blocks)))
    if not ask:
        return Drive()
    storage = next((i for i in device.interfaces if i.interface_class == MASS_STORAGE_CLASS), None)
    if storage is None or storage.bulk_out is None or storage.bulk_in is None:
        return Drive()
    return _ask(host, device, storage)


def _uses(blocks: Iterable[str]) -> list[str]:
    """Mounts, swap, and what other block devices are made of it; of each disk and its partitions."""
    names = [*blocks]
    for name in blocks:
        names += [part for part in names_in(os.path.join(BLOCKS, name)) if part.startswith(name)]
    numbers = {_text(os.path.join(BLOCKS, name, "dev")): name for name in names}
    found = []
    for line in _text(MOUNTS).splitlines():
        words = line.split(" ")
        if len(words) > 4 and words[2] in numbers:
            found.append(f"/dev/{numbers[words[2]]} is mounted on {words[4]}")
    used_as_swap = {line.split()[0] for line in _text(SWAPS).splitlines()[1:] if line.split()}
    for name in names:
        if f"/dev/{name}" in used_as_swap:
            found.append(f"/dev/{name} is used as swap")
        found += [
            f"/dev/{name} is a part of {above}" for above in names_in(os.path.join(BLOCKS, name, "holders"))
        ]
    return found


def _number(block: str, attribute: str) -> int:
    text = _text(os.path.join(BLOCKS, block, attribute))
    return int(text) if text.isascii() and text.isdigit() else 0


def _text(path: str) -> str:
    return _bytes(path).decode("utf-8", "replace").strip()


def _bytes(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(MAX_FILE)
    except OSError:  # not Linux, or it has just left
        return b""


def _ask(host: Host, device: AttachedDevice, interface: Interface) -> Drive:
    """INQUIRY, TEST UNIT READY and READ CAPACITY; a stick that answers none of them is of no known kind."""
    transport = host.open(device)
    detached = False
    try:
        try:
            transport.detach(interface.number)
            detached = True
        except UsbFault:
            pass  # no driver is bound
        transport.claim(interface.number)
        try:
            return _answers(transport, interface)
        finally:
            transport.release(interface.number)
    except UsbFault as fault:
        logger.debug("%s does not tell what it is: %s", device.describe(), fault)
        return Drive()
    finally:
        if detached:
            _give_back(transport, interface.number)
        transport.close()


def _give_back(transport: Transport, interface: int) -> None:
    try:
        transport.attach(interface)
    except UsbFault as fault:
        logger.warning("a kernel driver stays detached: %s", fault)


def _answers(transport: Transport, interface: Interface) -> Drive:
    inquiry, _ = _command(
        transport, interface, bytes([INQUIRY, 0, 0, 0, INQUIRY_LENGTH, 0]), INQUIRY_LENGTH
    )
    if len(inquiry) < INQUIRY_LENGTH:
        return Drive()
    kind = inquiry[0] & 0x1F
    if kind != DISK:
        return Drive(kind)
    for _ in range(ASKED):
        _, status = _command(transport, interface, bytes([TEST_UNIT_READY, 0, 0, 0, 0, 0]), 0)
        if status == 0:
            break
    capacity, status = _command(transport, interface, bytes([READ_CAPACITY]).ljust(10, b"\0"), 8)
    if status != 0 or len(capacity) < 8:
        return Drive(kind)
    last, size = (int.from_bytes(capacity[at : at + 4], "big") for at in (0, 4))
    return Drive(kind, (last + 1) * size)


def _command(
    transport: Transport, interface: Interface, cdb: bytes, length: int
) -> tuple[bytes, int | None]:
    """A command with data from the drive: the data, and bCSWStatus."""
    assert interface.bulk_out is not None
    assert interface.bulk_in is not None
    cbw = build_cbw(cdb, tag=TAG, data_length=length, device_to_host=length > 0)
    transport.bulk_out(interface.bulk_out, cbw, BULK_TIMEOUT_MS)
    data = transport.bulk_in(interface.bulk_in, length, BULK_TIMEOUT_MS) if length else b""
    status = transport.bulk_in(interface.bulk_in, CSW_LENGTH, BULK_TIMEOUT_MS)
    return data, status[12] if len(status) == CSW_LENGTH else None


def descriptors(host: Host, device: AttachedDevice, *, ask: bool = True) -> bytes:
    """Device and configuration descriptors as the device sent them; empty where nobody can tell.

    ask: the device may be opened for that, where the kernel does not show them.
    """
    if isinstance(host, LinuxHost):
        return _bytes(os.path.join(DEVICES, device.port, "descriptors"))
    return _read_descriptors(host, device) if ask else b""


def configurations(descriptors: bytes, active: int) -> tuple[tuple[int, int], ...]:
    """Value and class of interface 0 of each configuration but the active one."""
    found = []
    for value in configuration_values(descriptors):
        interfaces = parse_interfaces(descriptors, value)
        if value != active and interfaces:
            found.append((value, interfaces[0][1]))
    return tuple(found)


def _read_descriptors(host: Host, device: AttachedDevice) -> bytes:
    """GET_DESCRIPTOR of the device and of all configurations (USB 2.0, 9.4.3)."""
    try:
        transport = host.open(device)
    except ModeSwitchError:
        return b""
    try:
        found = transport.control_in(0x80, 6, 0x0100, 0, 18, BULK_TIMEOUT_MS)
        for index in range(found[17] if len(found) == 18 else 0):
            head = transport.control_in(0x80, 6, 0x0200 | index, 0, 9, BULK_TIMEOUT_MS)
            total = int.from_bytes(head[2:4], "little") if len(head) == 9 else 0
            found += transport.control_in(0x80, 6, 0x0200 | index, 0, total, BULK_TIMEOUT_MS)
        return found
    except UsbFault as fault:
        logger.debug("the configurations of %s cannot be read: %s", device.describe(), fault)
        return b""
    finally:
        transport.close()
