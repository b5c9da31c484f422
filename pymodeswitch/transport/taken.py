"""What was taken from a stick, and gives it back: a stick that stays gets its configuration and its drivers."""

from __future__ import annotations

from ..nouns.errors import ModeSwitchError
from ..nouns.model import AttachedDevice
from ..nouns.protocols import Host, Reporter, Transport
from .faults import Fault, UsbFault, met_by

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class Taken:
    """What was taken from a stick in one stay, for it to have back when it stays.

    device: in the stay that was spoken to last. drivers: interfaces whose kernel driver was detached.
    is_unconfigured: SET_CONFIGURATION 0 was the last one; counts only where the device has none.
    """

    def __init__(
        self, device: AttachedDevice, drivers: Iterable[int] = (), *, is_unconfigured: bool = False
    ) -> None:
        self.device = device
        self.drivers = set(drivers)
        self.is_unconfigured = is_unconfigured
        self._bare: set[int] = set()

    def detach(self, transport: Transport) -> None:
        """Every interface: claiming and SET_CONFIGURATION fail while any of them has a driver. UsbFault."""
        met = None
        for interface in self.device.interfaces:
            before = set(self.drivers)
            # Noted before the call: an interrupt (Ctrl-C) may come right after it.
            self.drivers.add(interface.number)
            error = met_by(transport.detach, interface.number)
            if error is None:
                continue
            self.drivers = before
            if error.fault is Fault.NOT_FOUND:
                self._bare.add(interface.number)
            # NOT_FOUND: nothing was bound. NOT_SUPPORTED: this system has no such drivers. Of the others
            # claiming will tell whether they matter.
            if error.fault not in (Fault.NOT_FOUND, Fault.NOT_SUPPORTED):
                met = error
        if met is not None:
            raise met

    def note_bare(self) -> None:
        """Interfaces that had no driver are to get one, too: no other program holds the device.

        Perhaps a run before this one took it away, and was killed.
        """
        self.drivers |= self._bare

    def configure(self, transport: Transport, value: int) -> None:
        """Select a configuration, whose interfaces get drivers anew. UsbFault."""
        transport.set_configuration(value)
        self.is_unconfigured = value == 0
        self._forget()

    def follow(self, device: AttachedDevice) -> None:
        """It has come back, with its drivers."""
        self.device = device
        self._forget()

    def leave_drivers_off(self) -> None:
        """Nobody will know whether it stays: it is to keep clear of its drivers."""
        self._forget()

    def _forget(self) -> None:
        self.drivers.clear()
        self._bare.clear()

    def give_back(self, host: Host, reporter: Reporter) -> None:
        """Give a stick that stays its configuration and its drivers back; warns of what fails."""
        if not self.drivers and not self.is_unconfigured:
            return
        now = host.at(self.device.port)
        if now is None or not now.same_stay(self.device):
            return
        try:
            transport = host.open(now)
        except ModeSwitchError as error:
            reporter.warn(f"the kernel drivers of {now.describe()} stay detached: {error}")
            return
        try:
            met: list[UsbFault | None] = []
            if self.is_unconfigured and not now.configuration:
                # The kernel binds the drivers when it configures the device.
                met.append(met_by(transport.set_configuration, self.device.configuration))
            for interface in sorted(self.drivers):
                fault = met_by(transport.attach, interface)
                # NOT_FOUND, BUSY: the kernel has bound one meanwhile, or there is none for it.
                if fault and fault.fault not in (Fault.NOT_SUPPORTED, Fault.NOT_FOUND, Fault.BUSY):
                    met.append(fault)
            for fault in filter(None, met):
                reporter.warn(f"a kernel driver of {now.describe()} stays detached: {fault.fault.value}")
        finally:
            transport.close()
