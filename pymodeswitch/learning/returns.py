"""Which device came in the place of one that left: by the port where that is seen, else by the bus."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .bus import Bus
    from .stays import Stay

RETURN_S = 60.0  # the slowest sticks take half of it
EARLY_S = 0.1  # the first sign of the leave may be late by that
LOSS_S = 5.0  # the hub tells of an empty port that soon before or after the transfers fail
SILENCE = "nothing was heard of it any more"


class Return(NamedTuple):
    """What came in the place of a stay that left. how: "port"; by "vendor" and bus; by "bus" alone."""

    stay: Stay
    how: str


def leave_of(bus: Bus, stay: Stay) -> tuple[float, str] | None:
    """When a stay ended, and what shows it. None for one that goes on, or may go on.

    Windows shows of some sticks nothing but that they fall silent before the next one of their vendor
    comes.
    """
    told = stay.leave()
    if told is not None or bus.info.shows_ports or stay.id is None:
        return told
    for other in bus.stays:
        if (
            other is not stay
            and other.bus == stay.bus
            and other.id is not None
            and other.id.vendor == stay.id.vendor
            and 0 < other.first - stay.last <= RETURN_S
        ):
            return stay.last, SILENCE
    return None


def pair(bus: Bus) -> dict[int, Return]:
    """For each stay that left (by its `id()`) what came instead, if anything did; nothing twice."""
    found: dict[int, Return] = {}
    taken: set[int] = set()
    stays = [stay for stay in bus.stays if not stay.is_hub]
    comers = [stay for stay in stays if stay.id is not None or stay.is_storage]
    for stay in stays:
        left = leave_of(bus, stay)
        if left is None:
            continue
        come = [
            other
            for other in comers
            if other is not stay
            and id(other) not in taken
            and left[0] - EARLY_S <= other.first <= left[0] + RETURN_S
        ]
        best = _best(bus, stay, left[0], come)
        if best is not None:
            taken.add(id(best.stay))
            found[id(stay)] = best
    return found


def _best(bus: Bus, stay: Stay, left: float, come: Sequence[Stay]) -> Return | None:
    if stay.port is not None:
        for other in come:
            if other.port == stay.port:
                return Return(other, "port")
        come = [other for other in come if other.port is None or other.port[0] != stay.bus]
    elif bus.info.shows_ports:
        # It came before the capture began; its port lost it, and that is where the next one comes.
        ports = {port for seconds, port in bus.lost if abs(seconds - left) <= LOSS_S}
        for other in come:
            if other.port in ports and other.bus == stay.bus:
                return Return(other, "port" if len(ports) == 1 else "bus")
    for other in come:
        is_kin = stay.id is not None and other.id is not None and other.id.vendor == stay.id.vendor
        if is_kin and (
            other.bus == stay.bus or bus.info.shows_ports
        ):  # a USB 3 port has a peer on another bus
            return Return(other, "vendor")
    for other in come:
        if other.bus == stay.bus:
            return Return(other, "bus")
    return None
