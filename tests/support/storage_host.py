"""A virtual computer with usb-storage: drivers in the snapshots, units once it has scanned, commands sent.

It builds the CBWs as the driver does, and is as strict: a command for a unit that is not there, or for a
stick that has left, fails as it does on Linux.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from pymodeswitch import AttachedDevice, ModeSwitchError, Port
from pymodeswitch.host.linux import LibusbHost
from pymodeswitch.nouns.model import StorageUnit
from pymodeswitch.nouns.protocols import Transport
from pymodeswitch.nouns.record import replace
from pymodeswitch.transport.faults import Fault, UsbFault
from pymodeswitch.virtual import Attached, MassStorage, VirtualBackend

STORAGE = "usb-storage"


class StorageHost(LibusbHost):
    """scan_s: from binding to the units, None for never. barred: raised when a device is opened.

    before_command: called before each command with its number, from 0; may raise UsbFault, or unplug.
    commands: the CDBs that reached a stick, with their LUN.
    """

    def __init__(self, backend: VirtualBackend, *, scan_s: float | None = 1.0) -> None:
        super().__init__(backend, backend.bus.clock)
        self.bus = backend.bus
        self.scan_s = scan_s
        self.barred: ModeSwitchError | None = None
        self.before_command: Callable[[int], None] = lambda number: None
        self.commands: list[tuple[int, bytes]] = []
        self.asked = 0
        self._bound: dict[tuple[int, int], float] = {}

    def devices(self) -> tuple[AttachedDevice, ...]:
        return tuple(map(self._with_drivers, super().devices()))

    def at(self, port: Port) -> AttachedDevice | None:
        device = super().at(port)
        return None if device is None else self._with_drivers(device)

    def _with_drivers(self, device: AttachedDevice) -> AttachedDevice:
        attached = self.bus.at(device.port)
        if attached is None:
            return device
        claimed = attached.claimed | attached.taken
        drivers = attached.drivers | dict.fromkeys(claimed, "usbfs")
        interfaces = tuple(replace(i, driver=drivers.get(i.number)) for i in device.interfaces)
        return replace(device, interfaces=interfaces)

    def open(self, device: AttachedDevice) -> Transport:
        if self.barred is not None:
            raise self.barred
        return super().open(device)

    def storage_units(self, device: AttachedDevice) -> tuple[StorageUnit, ...]:
        attached = self._same(device)
        units = []
        for storage in [] if attached is None or self.scan_s is None else self._storages(attached):
            key = device.device_number, storage.interface
            scanned = self._bound.setdefault(key, self.now()) + (self.scan_s or 0.0)
            if self.now() >= scanned:
                units += [
                    StorageUnit(storage.interface, lun, (("sg0", "21:0"),)) for lun in range(storage.luns)
                ]
        return tuple(units)

    def send_scsi(
        self, device: AttachedDevice, unit: StorageUnit, cdb: bytes, length: int, timeout_ms: int
    ) -> None:
        self.asked += 1
        self.before_command(self.asked - 1)
        attached = self._same(device)
        if attached is None:
            raise UsbFault(Fault.GONE, "SG_IO")
        assert unit in self.storage_units(device)
        assert 6 <= len(cdb) <= 16
        self.commands.append((unit.lun, cdb))
        self._transfer(attached, unit, cdb, length, timeout_ms)

    def _transfer(
        self, attached: Attached, unit: StorageUnit, cdb: bytes, length: int, timeout_ms: int
    ) -> None:
        stick = attached.stick
        storage = next(s for s in self._storages(attached) if s.interface == unit.interface)
        flags = 0x80 if length else 0
        head = struct.pack("<4sIIBBB", b"USBC", len(self.commands), length, flags, unit.lun, len(cdb))
        stick.write(storage.endpoint_out, head + cdb.ljust(16, b"\0"))
        silent = stick.leaving is not None
        if length:
            stick.read(storage.endpoint_in, length)
        csw = stick.read(storage.endpoint_in, 13)
        self.bus.settle()
        if csw is None and not silent:
            self.sleep(timeout_ms / 1000)
            raise UsbFault(Fault.TIMEOUT, "SG_IO, host status 0x03")
        if csw is None or csw[12]:  # what Linux makes of a failed command without sense, too
            raise UsbFault(Fault.OTHER, "SG_IO, host status 0x07")

    def _same(self, device: AttachedDevice) -> Attached | None:
        attached = self.bus.at(device.port)
        return attached if attached is not None and attached.address == device.device_number else None

    @staticmethod
    def _storages(attached: Attached) -> list[MassStorage]:
        """The storage functions that usb-storage is bound to."""
        functions = [f for f in attached.stick.mode.functions if isinstance(f, MassStorage)]
        return [f for f in functions if attached.drivers.get(f.interface) == STORAGE]
