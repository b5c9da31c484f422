"""The watcher: looks at a port until it tells of a switch. Events wake it, the host's view decides."""

from __future__ import annotations

from ..nouns.model import AttachedDevice, Entry, Node
from ..nouns.protocols import Host
from .verdict import Verdict, judge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# After the switch drivers bind and make their nodes. This is how long a device without any gets.
NODES_TIMEOUT_S = 3.0
NODES_QUIET_S = 0.25
# Some sticks pass through another ID on their way. One that the device file does not name has to stay.
UNLISTED_STAY_S = 1.0


def watch(
    host: Host,
    before: AttachedDevice,
    entry: Entry,
    *,
    until: float,
    deadline: float,
    tell: Callable[[str, str], None],
    others: tuple[AttachedDevice, ...] | None = None,
) -> tuple[Verdict, AttachedDevice | None]:
    """Wait for the verdict on the port of `before`; returns it with the device that is there now.

    until: when to give up on a stick that stays as it is. deadline: when to give up on one that left, or
    came back as something else (it may be on its way to the target). Both on the host's clock. tell: is
    called with the kind ("seen", "waiting") and the text of what goes on. others: what else was attached
    before; when given, a target that is new on a neighbouring port counts too (Cisco's AM10 stays where it
    is and brings its target up beside it).
    """
    seen: tuple[Verdict, AttachedDevice | None] | None = None
    since = host.now()
    while True:
        now = host.at(before.port)
        verdict = judge(before, now, entry)
        if seen is None or not _same(seen, (verdict, now)):
            tell("seen", f"{verdict.value}: {now.describe() if now is not None else before.port}")
            seen, since = (verdict, now), host.now()
        neighbour = None if others is None else new_neighbour(host, before, entry, others)
        if neighbour is not None:
            tell("seen", f"switched, beside it: {neighbour.describe()}")
            return Verdict.SWITCHED, neighbour
        left = (until if verdict is Verdict.UNCHANGED else deadline) - host.now()
        if verdict is Verdict.UNLISTED:
            left = min(left, since + UNLISTED_STAY_S - host.now())
        if verdict is Verdict.SWITCHED or left <= 0:
            return verdict, now
        tell("waiting", f"waiting for port {before.port}")
        host.wait(left, before.port if others is None else None)


def _same(one: tuple[Verdict, AttachedDevice | None], other: tuple[Verdict, AttachedDevice | None]) -> bool:
    """Whether two looks saw the same thing."""
    if one[0] is not other[0] or one[1] is None or other[1] is None:
        return one[0] is other[0] and one[1] is other[1]
    return one[1].same_stay(other[1])


def new_neighbour(
    host: Host, before: AttachedDevice, entry: Entry, others: tuple[AttachedDevice, ...]
) -> AttachedDevice | None:
    """A target on another port of the same hub that was not there before."""
    known = {(device.port, device.device_number) for device in others}
    for device in host.devices():
        beside = parent_of(device.port) == parent_of(before.port) and device.port != before.port
        if beside and device.id in entry.targets and (device.port, device.device_number) not in known:
            return device
    return None


def parent_of(port: str) -> str:
    """The hub that a port belongs to: `1-2` for `1-2.4`, the bus (`1`) for `1-2`."""
    return port.rpartition("." if "." in port else "-")[0]


def await_nodes(host: Host, device: AttachedDevice) -> tuple[AttachedDevice, tuple[Node, ...]]:
    """Wait until every interface has its driver and no more nodes come; some never get a driver.

    Returns the device as it is then, and its nodes; at once where the host cannot tell of nodes.
    """
    start = quiet_since = host.now()
    nodes = host.nodes(device)
    while nodes is not None:
        now = host.now()
        current = host.at(device.port)
        if current is None or not current.same_stay(device):
            break  # it left again: what was seen until now is what there is to tell
        device = current
        complete = all(interface.driver for interface in device.interfaces)
        if now - start >= NODES_TIMEOUT_S or (complete and now - quiet_since >= NODES_QUIET_S):
            break
        host.wait(NODES_QUIET_S, device.port)
        before, nodes = nodes, host.nodes(device)
        if nodes != before:
            quiet_since = host.now()
    return device, nodes or ()
