"""A virtual bus: ports, the sticks in them, the time that passes, and what a kernel would bind.

With a SuperSpeed bus beside it each connector has two ports, which are peers: a stick is on the one of its
speed.

Time is the bus's own: with `SimulatedClock` a wait of twenty seconds takes none, and every run is the
same; with `RealClock` the demo lasts as long as a stick would.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Protocol

from .descriptors import CDC, CDC_DATA, HID, MASS_STORAGE, SUPER_SPEED
from .stick import Leave, Stick

# What Linux would bind to an interface class; other classes stay without a driver.
KERNEL_DRIVERS = {MASS_STORAGE: "usb-storage", CDC: "cdc_acm", CDC_DATA: "cdc_acm", HID: "usbhid"}


class Clock(Protocol):
    """Seconds, and waiting for them."""

    def now(self) -> float:
        """Seconds from some fixed start."""

    def sleep(self, seconds: float) -> None:
        """Let that time pass."""


@dataclass(slots=True)
class SimulatedClock:
    """Time that passes only in `sleep`."""

    seconds: float = 0.0

    def now(self) -> float:
        """Seconds slept so far."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Move on by that much at once."""
        self.seconds += max(0.0, seconds)


@dataclass(slots=True)
class RealClock:
    """Wall time, monotonic."""

    def now(self) -> float:
        """`time.monotonic()`."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Really wait."""
        time.sleep(max(0.0, seconds))


@dataclass(slots=True, eq=False)
class Attached:
    """One stay of a stick on the bus: from its enumeration until it drops off.

    permitted: False makes opening fail with EACCES. taken: interfaces claimed by another program.
    drivers: kernel driver by interface number. since: when it was enumerated.
    """

    stick: Stick
    port: str
    address: int
    permitted: bool = True
    taken: set[int] = field(default_factory=set)
    drivers: dict[int, str] = field(default_factory=dict)
    claimed: set[int] = field(default_factory=set)
    gone: bool = False
    since: float = 0.0

    def bind_drivers(self) -> None:
        """Bind as the kernel does after SET_CONFIGURATION."""
        self.drivers.clear()
        if self.stick.configuration is None:
            return
        for interface in self.stick.configuration.interfaces:
            driver = KERNEL_DRIVERS.get(interface.interface_class)
            if driver is not None:
                self.drivers[interface.number] = driver


@dataclass(slots=True)
class VirtualBus:
    """Bus `number`, with sticks in its ports; ports are named as the kernel does (`1-1`, `1-2.3`).

    super_speed: number of the SuperSpeed bus whose ports are the peers; None where there is none.
    """

    clock: Clock = field(default_factory=SimulatedClock)
    number: int = 1
    _slots: dict[str, Attached] = field(default_factory=dict)
    _absent: dict[str, tuple[float, Stick, bool]] = field(default_factory=dict)
    _next_address: int = 2
    _planned: list[tuple[float, str]] = field(default_factory=list)
    super_speed: int | None = None

    def peer(self, port: str) -> str | None:
        """The other port of a connector, as the kernel links them; None without a SuperSpeed bus."""
        bus, _, path = port.partition("-")
        others = {str(self.number): self.super_speed, str(self.super_speed): self.number}
        other = None if self.super_speed is None else others.get(bus)
        return None if other is None else f"{other}-{path}"

    def _place(self, stick: Stick, port: str) -> str:
        """The port of a connector that a stick is on at its speed."""
        peer = self.peer(port)
        bus = self.super_speed if stick.speed == SUPER_SPEED else self.number
        return port if peer is None or port.startswith(f"{bus}-") else peer

    def plug(self, stick: Stick, port: str = "1-1", *, permitted: bool = True) -> Attached:
        """Put a stick into a free connector; ValueError when it is taken, or on another bus.

        port: either port of the connector; the stick comes up on the one of its speed.
        """
        if not port.startswith((f"{self.number}-", f"{self.super_speed}-")):
            raise ValueError(f"port {port} is not on bus {self.number}")
        if any(each in self._slots or each in self._absent for each in (port, self.peer(port))):
            raise ValueError(f"port {port} is taken")
        stick.speed = stick.mode.speed or stick.speed
        return self._enumerate(stick, self._place(stick, port), permitted)

    def unplug(self, port: str) -> None:
        """Pull the stick out; it does not come back."""
        for each in (port, self.peer(port)):
            self._absent.pop(each or port, None)
            attached = self._slots.pop(each or port, None)
            if attached is not None:
                attached.gone = True

    def unplug_after(self, port: str, seconds: float) -> None:
        """Pull the stick out when that much time has passed."""
        self._planned.append((self.clock.now() + seconds, port))

    def attached(self) -> list[Attached]:
        """The sticks on the bus now, in the order of their ports."""
        self.settle()
        return [self._slots[port] for port in sorted(self._slots)]

    def at(self, port: str) -> Attached | None:
        """The stick on a port, or None."""
        self.settle()
        return self._slots.get(port)

    def settle(self) -> None:
        """Carry out what is due: sticks that leave, sticks that are back, planned unplugs."""
        now = self.clock.now()
        for due, port in list(self._planned):
            if due <= now:
                self._planned.remove((due, port))
                self.unplug(port)
        for attached in list(self._slots.values()):
            mode = attached.stick.mode
            if mode.stay_s is not None and now >= attached.since + mode.stay_s:
                attached.stick.leave(Leave(mode.stay_away_s))
            leave = attached.stick.leaving
            if leave is not None:
                self._drop(attached, leave, now)
        for port, (due, stick, permitted) in list(self._absent.items()):
            if due <= now:
                del self._absent[port]
                self._enumerate(stick, self._place(stick, port), permitted)

    def _drop(self, attached: Attached, leave: Leave, now: float) -> None:
        attached.gone = True
        del self._slots[attached.port]
        if attached.stick.returned():
            due = now + (leave.away_s or 0.0)
            self._absent[attached.port] = (due, attached.stick, attached.permitted)

    def _enumerate(self, stick: Stick, port: str, permitted: bool) -> Attached:
        attached = Attached(stick, port, self._next_address, permitted, since=self.clock.now())
        self._next_address += 1
        self._slots[port] = attached
        stick.reset()
        first = stick.identity.configurations[0].value
        stick.control(bytes([0, 9, first, 0, 0, 0, 0, 0]))  # SET_CONFIGURATION, as the kernel does
        attached.bind_drivers()
        return attached
