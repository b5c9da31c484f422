"""The watcher: looks at a connector until it tells of a switch. Events wake it, the host's view decides."""

from __future__ import annotations

from ..nouns.model import MASS_STORAGE_CLASS, AttachedDevice, Entry, Node
from ..nouns.protocols import Host, Reporter
from .connector import Connector
from .verdict import Verdict, judge

CONFIGURED_S = 2.0  # how long a device that is just being enumerated gets to be configured
# After the switch drivers bind and make their nodes. This is how long a device without any gets.
NODES_TIMEOUT_S = 3.0
NODES_QUIET_S = 0.25
# A driver counts as bound while its probe still runs, which takes a Wi-Fi card's a second (its firmware).
NO_NODES_QUIET_S = 1.5
# Some sticks pass through another ID on their way. One that the device file does not name has to stay.
UNLISTED_STAY_S = 1.0
# Some leave once more when their driver has looked at them (Realtek's USB 2 sticks that become USB 3), or
# pass through short stays. That is how long one that has shown itself is followed, each time it leaves.
FOLLOW_S = 5.0
MOST_STAYS = 4
# The mode it had last is shown for one to three seconds by a stick that then falls back to its CD.
FALL_BACK_S = 4.0


def watch(
    connector: Connector,
    before: AttachedDevice,
    entry: Entry,
    reporter: Reporter,
    *,
    until: float,
    deadline: float,
    others: tuple[AttachedDevice, ...] | None = None,
) -> tuple[Verdict, AttachedDevice | None]:
    """Wait for the verdict on the connector of `before`; returns it with the device that is there now.

    connector: as it was before the messages. reporter: is told what is "seen", and when it is "waiting".
    until: when to give up on a stick that stays as it is. deadline: when to give up on one that left, or
    came back as something else (it may be on its way to the target). Both on the host's clock. others: what
    else was attached before; when given, a target that is new on a neighbouring port counts too (Cisco's
    AM10 stays where it is and brings its target up beside it).

    What has shown itself configured and as no storage has switched: when it leaves again it is followed,
    and when nothing more comes within FOLLOW_S, it is returned as it was seen.
    """
    host = connector.host
    seen: tuple[Verdict, AttachedDevice | None] | None = None
    shown: AttachedDevice | None = None
    since = host.now()
    while True:
        now = connector.now()
        verdict = judge(before, now, entry)
        if seen is None or not _same(seen, (verdict, now)):
            reporter.tell("seen", f"{verdict.value}: {now.describe() if now is not None else before.port}")
            seen, since = (verdict, now), host.now()
        neighbour = None if others is None else new_neighbour(host, before, entry, others)
        if neighbour is not None:
            reporter.tell("seen", f"switched, beside it: {neighbour.describe()}")
            return Verdict.SWITCHED, neighbour
        left = (until if verdict is Verdict.UNCHANGED else deadline) - host.now()
        if verdict is Verdict.UNLISTED:
            shown = now
            left = min(left, since + UNLISTED_STAY_S - host.now())
        elif shown is not None and verdict in (Verdict.GONE, Verdict.SETTLING):
            left = min(left, since + FOLLOW_S - host.now())
            if left <= 0:
                return Verdict.UNLISTED, shown
        if verdict is Verdict.SWITCHED or left <= 0:
            return verdict, now
        reporter.tell("waiting", f"waiting for port {before.port}")
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


def await_nodes(
    host: Host, device: AttachedDevice, *, is_gone: bool = False
) -> tuple[AttachedDevice, tuple[Node, ...]]:
    """Wait until every interface has its driver and no more nodes come; some never get a driver.

    Returns the device as it is then, and its nodes; at once where the host cannot tell of nodes. One that
    leaves meanwhile is followed in its connector, FOLLOW_S each time, MOST_STAYS times at most; what it is
    then is returned. When it does not come back, it is returned as it was seen last. is_gone: it has left,
    and has been followed.
    """
    if is_gone:
        return device, ()
    connector = Connector(host, device)
    stays, nodes = 1, host.nodes(device)
    start = quiet_since = host.now()
    while nodes is not None:
        now = host.now()
        current = connector.now()
        if current is None or not current.same_stay(device):
            current = None if stays >= MOST_STAYS else _next_stay(connector, device)
            if current is None:
                break  # what was seen until now is what there is to tell
            device, stays = current, stays + 1
            connector = Connector(host, device)
            nodes, start = host.nodes(device), host.now()
            quiet_since = start
            continue
        device = current
        complete = all(interface.driver for interface in device.interfaces)
        quiet_s = NODES_QUIET_S if nodes else NO_NODES_QUIET_S
        if now - start >= NODES_TIMEOUT_S or (complete and now - quiet_since >= quiet_s):
            break
        host.wait(NODES_QUIET_S, device.port)
        before, nodes = nodes, host.nodes(device)
        if nodes != before:
            quiet_since = host.now()
    return device, nodes or ()


def _next_stay(connector: Connector, device: AttachedDevice) -> AttachedDevice | None:
    """What comes, configured, to the connector that a device has left; None when nothing does in time."""
    return connector.await_device(FOLLOW_S, lambda now: bool(now.interfaces) and not now.same_stay(device))


def await_configured(host: Host, device: AttachedDevice) -> AttachedDevice:
    """A device that was plugged in just now has no configuration yet: a moment later it has."""
    deadline = host.now() + CONFIGURED_S
    while not device.interfaces and (left := deadline - host.now()) > 0:
        host.wait(left, device.port)
        now = host.at(device.port)
        if now is None or not now.same_stay(device):
            break  # what is there now is for the plan and the watcher to tell
        device = now
    return device


def is_without_driver(host: Host, device: AttachedDevice) -> bool:
    """Whether a configured device is there and no driver has taken any of its interfaces, as far as can be
    told. One that had a driver at the last look is not looked at again."""
    if not device.interfaces or any(i.driver for i in device.interfaces) or host.nodes(device) is None:
        return False
    now = host.at(device.port)
    return now is not None and now.same_stay(device) and not any(i.driver for i in now.interfaces)


def await_fall_back(host: Host, device: AttachedDevice) -> AttachedDevice | None:
    """Wait, FALL_BACK_S at most, for a device to come back as storage; None when it does not."""

    def has_fallen_back(now: AttachedDevice) -> bool:
        return not now.same_stay(device) and now.interface_class == MASS_STORAGE_CLASS

    return Connector(host, device).await_device(FALL_BACK_S, has_fallen_back)
