"""Waiting for drivers and their nodes, on a host whose drivers take their time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from pymodeswitch import AttachedDevice, Interface, Node, Port, UsbId
from pymodeswitch.host.linux import LibusbHost
from pymodeswitch.planning.plan import typical_device
from pymodeswitch.switching.port_watch import FOLLOW_S, NODES_TIMEOUT_S, await_nodes, parent_of
from pymodeswitch.virtual import VirtualBackend, VirtualBus

BARE = replace(typical_device(UsbId(1, 2)), interfaces=(Interface(0, 2), Interface(1, 10)))
TTY, NET = Node("tty", "ttyACM0", "cdc_acm", 0), Node("net", "wwan0", "cdc_ether", 1)


@dataclass
class SlowHost(LibusbHost):
    """bound: when each interface gets its driver. nodes: when each node appears. left: when it leaves."""

    bound: tuple[float, ...]
    appearing: dict[Node, float]
    left: float = 1e9
    bus: VirtualBus = field(default_factory=VirtualBus)

    def __post_init__(self) -> None:
        super().__init__(VirtualBackend(self.bus), self.bus.clock)

    def at(self, port: Port) -> AttachedDevice | None:
        if self.now() >= self.left:
            return None
        interfaces = tuple(
            replace(interface, driver="cdc_acm" if self.now() >= when else None)
            for interface, when in zip(BARE.interfaces, self.bound, strict=True)
        )
        return replace(BARE, interfaces=interfaces)

    def nodes(self, device: AttachedDevice) -> tuple[Node, ...] | None:
        return tuple(node for node, when in self.appearing.items() if self.now() >= when)


@pytest.mark.parametrize(
    ("host", "nodes", "longest"),
    [
        (SlowHost((0, 0), {TTY: 0}), (TTY,), 0.5),
        (SlowHost((0.5, 1.5), {TTY: 0.5, NET: 1.5}), (TTY, NET), 2.2),  # the slower driver is awaited
        (SlowHost((0, 0), {TTY: 0.1, NET: 0.3}), (TTY, NET), 1.0),  # a node comes after its driver
        (SlowHost((0, 1e9), {TTY: 0}), (TTY,), NODES_TIMEOUT_S + 0.3),  # one never gets a driver
        (SlowHost((0, 1e9), {TTY: 0}, left=1), (TTY,), 1.3 + FOLLOW_S),  # it leaves again
        (SlowHost((0, 0), {NET: 1.2}), (NET,), 1.8),  # bound, but its probe takes a second
    ],
)
def test_await_nodes(host: SlowHost, nodes: tuple[Node, ...], longest: float) -> None:
    device, found = await_nodes(host, BARE)
    assert found == nodes
    assert device.same_stay(BARE)
    assert host.now() <= longest


def test_a_host_that_cannot_tell_of_nodes(bus: VirtualBus) -> None:
    host = LibusbHost(VirtualBackend(bus), bus.clock)
    assert await_nodes(host, BARE) == (BARE, ())
    assert bus.clock.now() == 0


@pytest.mark.parametrize(
    ("port", "parent"), [("1-2", "1"), ("1-2.4", "1-2"), ("1-2.4.1", "1-2.4"), ("10-1", "10")]
)
def test_parent_of(port: str, parent: str) -> None:
    assert parent_of(port) == parent
