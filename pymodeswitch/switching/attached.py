"""Which sticks want to be switched: what is attached and has a device file, each stay on the bus once."""

from __future__ import annotations

from ..catalog.catalog import Catalog
from ..nouns.model import AttachedDevice, Port, UsbId
from ..nouns.protocols import Host
from .connector import ports_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from .fleet import Outcome


class AttachedSticks:
    """Says which devices want to be switched: what is attached and has a device file, each stay once.

    catalog: by which; all threads share it.
    """

    def __init__(self, host: Host, catalog: Catalog) -> None:
        self.host = host
        self.catalog = catalog
        self._known: dict[Port, tuple[int, UsbId]] = {}

    def look(self, ports: Iterable[Port] | None, busy: Collection[Port]) -> list[AttachedDevice]:
        """Those on the ports (None: on all) that have come since the last look; not on ports that are busy."""
        if ports is None:
            devices = {device.port: device for device in self.host.devices()}
            for port in self._known.keys() - devices.keys():
                del self._known[port]
        else:
            devices = {}
            for port in ports:
                device = self.host.at(port)
                if device is None:
                    self._known.pop(port, None)
                else:
                    devices[port] = device
        self.catalog = self.catalog.afresh()  # somebody may have put a device file there meanwhile
        found = []
        for port, device in devices.items():
            stay = (device.device_number, device.id)
            if port in busy or self._known.get(port) == stay:
                continue
            if busy and self.host.peer(port) in busy:
                continue  # the stick that has moved within its connector: looked at when it is done
            self._known[port] = stay
            if self.catalog.candidates(device.id):
                found.append(device)
        return found

    def miss(self) -> None:
        """Events may have been missed: the next look is at everything. Here each one is that says so."""

    def note(self, outcome: Outcome) -> None:
        """There is nothing more to do about that stick: remember the stay that it is in now."""
        port, result = outcome.device.port, outcome.result
        if outcome.error is not None:
            result = outcome.error.result
        after = None if result is None else result.after
        if after is not None and after.port in ports_of(self.host, port):
            self._known[after.port] = (after.device_number, after.id)

    def forget(self, port: Port) -> None:
        """Look at it as if it had just come."""
        self._known.pop(port, None)
