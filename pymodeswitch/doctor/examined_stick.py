"""What the checks know of one device: the snapshot, the catalogue's choice, the storage that it shows."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import NamedTuple

from ..catalog.catalog import Catalog, read_entry
from ..catalog.matching import Choice
from ..host.sysfs import Sysfs
from ..nouns.errors import DeviceFileError
from ..nouns.model import MASS_STORAGE_CLASS, AttachedDevice, Entry, UsbId
from ..planning.modes import way_of
from .computer import Computer
from .findings import Finding

DEVICES = "/sys/bus/usb/devices"
CD_ROM = "5"  # peripheral device type, SPC-4, 6.4.2


class Unit(NamedTuple):
    """A logical unit of the stick's storage, as the storage driver shows it.

    type: the peripheral device type, as sysfs has it. disks: its block devices with their partitions, by
    name, with their numbers (`11:0`). nodes: all its device nodes.
    """

    type: str
    disks: dict[str, str]
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExaminedStick:
    """An attached device with what the catalogue says to it.

    entry: the device file that is for it as it stands, or None; complaint: why that file cannot be used.
    origins: the entries that lead to its ID, where no entry is for it. hosts: names of its SCSI hosts.
    """

    device: AttachedDevice
    choice: Choice
    entry: Entry | None
    complaint: str
    origins: tuple[Entry, ...]
    hosts: tuple[str, ...]
    units: tuple[Unit, ...]

    @property
    def switched(self) -> bool:
        """Whether it already is what an entry leads to."""
        if self.entry is not None:
            return way_of(self.device, self.entry) is not None
        return bool(self.origins) and not self.choice.undecided

    @property
    def in_storage_mode(self) -> bool:
        """Whether it shows storage, and is not what an entry leads to."""
        return self.device.interface_class == MASS_STORAGE_CLASS and not self.switched

    @property
    def concerns_us(self) -> bool:
        """Whether it may be a stick of ours: not so for a mouse, nor for an ordinary memory stick."""
        if self.choice.reasons or self.origins or self.complaint:
            return True
        return self.in_storage_mode and (not self.units or any(unit.type == CD_ROM for unit in self.units))

    def folder(self, interface: int | None = None) -> str:
        """Its folder in sysfs, or that of an interface."""
        name: str = self.device.port
        if interface is not None:
            name = f"{name}:{self.device.configuration}.{interface}"
        return f"{DEVICES}/{name}"

    def finding(self, name: str, text: str, cure: str | None = None) -> Finding:
        """A finding about this device."""
        return Finding(name, text, cure, self.device.port, self.device.id)


def targets_of(usb_id: UsbId, catalog: Catalog) -> set[UsbId]:
    """The targets of all entries for an ID; a bad device file has none."""
    found: set[UsbId] = set()
    for candidate in catalog.candidates(usb_id):
        try:
            found.update(read_entry(candidate).all_targets)
        except DeviceFileError:
            continue
    return found


def look_at(device: AttachedDevice, catalog: Catalog, computer: Computer) -> ExaminedStick:
    """Put together what is known of a device. Nothing is sent to it."""
    choice = catalog.choose(device, lambda: Sysfs(computer.path("/sys")).scsi_strings(device))
    entry, complaint = None, ""
    if choice.candidate is not None:
        try:
            entry = read_entry(choice.candidate)
        except DeviceFileError as error:
            complaint = str(error)
    # That takes reading all device files, and tells nothing of a stick that has its own.
    leading = catalog.origins(device) if entry is None else ()
    hosts, units = storage(device, computer)
    return ExaminedStick(device, choice, entry, complaint, leading, hosts, units)


def storage(device: AttachedDevice, computer: Computer) -> tuple[tuple[str, ...], tuple[Unit, ...]]:
    """SCSI hosts and logical units that a storage driver has made of a device; none while none is bound."""
    sysfs = Sysfs(computer.path("/sys"))
    hosts: list[str] = []
    units: list[Unit] = []
    for interface in device.interfaces:
        hosts += map(os.path.basename, sysfs.scsi_hosts(device, interface.number))
        for folder in sysfs.scsi_units(device, interface.number):
            units.append(_unit(f"/sys/{os.path.relpath(folder, sysfs.root)}", computer))
    return tuple(hosts), tuple(units)


def _unit(folder: str, computer: Computer) -> Unit:
    disks = {}
    for disk in computer.names(f"{folder}/block"):
        at = f"{folder}/block/{disk}"
        disks[disk] = computer.read(f"{at}/dev")
        for part in computer.names(at):
            if part.startswith(disk):
                disks[part] = computer.read(f"{at}/{part}/dev")
    generic = computer.names(f"{folder}/scsi_generic")
    nodes = tuple(os.path.join("/dev", name.replace("!", "/")) for name in (*disks, *generic))
    return Unit(computer.read(f"{folder}/type"), disks, nodes)
