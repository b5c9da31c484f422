"""A connector is two ports, one on a USB 2 bus, its peer on a SuperSpeed bus; a stick may move within it.

Many Wi-Fi sticks show their CD at high speed and the card at SuperSpeed, so they leave one port and come
back on the other; some do so once more when their driver has looked at them. The kernel links the two ports
(`Host.peer`). Where it knows of no peer, a connector is its one port.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from ..nouns.model import AttachedDevice, Port
    from ..nouns.protocols import Host

    class Peers(Protocol):
        """Who knows of peers: a Host, or sysfs alone."""

        def peer(self, port: Port) -> Port | None:
            """The other port of a connector."""


def ports_of(host: Peers, port: Port) -> tuple[Port, ...]:
    """The ports of a port's connector, that port first."""
    peer = host.peer(port)
    return (port,) if peer is None else (port, peer)


def name_of(host: Peers, port: Port) -> Port:
    """The one name that both ports of a connector give it: the port on the bus with the lower number."""
    return min(ports_of(host, port), key=lambda name: (int(name.partition("-")[0]), name))


def device_at(host: Host, port: Port) -> AttachedDevice | None:
    """The device in a port's connector; what is on the port itself comes first."""
    for each in ports_of(host, port):
        device = host.at(each)
        if device is not None:
            return device
    return None


class Connector:
    """The connector that holds a device, from now on: what it was, and where it goes.

    What is on the peer while the device is still there is not the device (nothing but a hub is in both
    ports at once), so it is left out for as long as it stays.
    """

    def __init__(self, host: Host, before: AttachedDevice) -> None:
        self.host = host
        self.port = before.port
        peer = host.peer(before.port)
        on_peer = None if peer is None else host.at(peer)
        # In this order: what moves over between the two looks is the device.
        here = None if on_peer is None else host.at(before.port)
        self._on_peer = on_peer if here is not None and here.same_stay(before) else None

    def now(self) -> AttachedDevice | None:
        """The device that is in it now: on its old port, or new on the peer."""
        device = self.host.at(self.port)
        if device is not None:
            return device
        peer = self.host.peer(self.port)  # asked each time: the other half of a hub may come later
        device = None if peer is None else self.host.at(peer)
        if device is None or (self._on_peer is not None and device.same_stay(self._on_peer)):
            return None
        return device

    def await_device(
        self, seconds: float, is_it: Callable[[AttachedDevice], bool]
    ) -> AttachedDevice | None:
        """The device in it, once it is what is waited for; None when that does not come in time."""
        deadline = self.host.now() + seconds
        while (left := deadline - self.host.now()) > 0:
            device = self.now()
            if device is not None and is_it(device):
                return device
            self.host.wait(left, self.port)
        return None
