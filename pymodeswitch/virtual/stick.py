"""The firmware of a virtual stick: one object that answers USB transfers, in one mode after another.

It knows nothing of who asks: `backend.py` puts it behind pyusb, a USB/IP server can put it before
a real kernel. It is strict: a request that a real stick of this kind would not know is stalled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from .descriptors import (
    CONFIGURATION,
    DEVICE,
    DEVICE_QUALIFIER,
    HIGH_SPEED,
    STRING,
    Configuration,
    Identity,
)


class Stall(Exception):
    """The endpoint answers STALL: it does not know the request, or is halted."""


@dataclass(frozen=True, slots=True)
class Setup:
    """The 8-byte setup packet (USB 2.0, table 9-2)."""

    request_type: int
    request: int
    value: int
    index: int
    length: int

    @classmethod
    def from_bytes(cls, raw: bytes) -> Setup:
        """Read the 8 bytes, little-endian."""
        return cls(
            raw[0],
            raw[1],
            int.from_bytes(raw[2:4], "little"),
            int.from_bytes(raw[4:6], "little"),
            int.from_bytes(raw[6:8], "little"),
        )


@dataclass(frozen=True, slots=True)
class Leave:
    """How a stick drops off the bus.

    away_s: seconds until it is back in its next mode; None means that it never comes back.
    silent: the transfer under way is not completed (the host sees an error on it).
    """

    away_s: float | None = 0.3
    silent: bool = False


class Function(Protocol):
    """A part of the firmware that owns some interfaces: mass storage, a serial port ..."""

    def reset(self) -> None:
        """Forget everything, as after SET_CONFIGURATION or a bus reset."""

    def control(self, setup: Setup, data: bytes) -> bytes | None:
        """Answer a class or vendor request; None: not mine. Raises Stall."""

    def write(self, endpoint: int, data: bytes) -> bool:
        """Take OUT data; False: not my endpoint. Raises Stall."""

    def read(self, endpoint: int, length: int) -> bytes | None:
        """IN data, None when there is nothing yet or the endpoint is not mine. Raises Stall."""


@dataclass(slots=True)
class Mode:
    """One face of a stick: what it shows, and the functions behind it.

    on_control: sees control requests before all else; None leaves them to the others. on_reset: called
    after a port reset. speed: HIGH_SPEED or SUPER_SPEED; None keeps the one that the stick had. stay_s: it
    leaves by itself that long after it was enumerated, as when its driver's probe sends it on, or when it
    falls back; for stay_away_s then.
    """

    identity: Identity
    functions: tuple[Function, ...] = ()
    on_control: Callable[[Stick, Setup, bytes], bytes | None] | None = None
    on_reset: Callable[[Stick], None] | None = None
    speed: int | None = None
    stay_s: float | None = None
    stay_away_s: float = 0.3


@dataclass(slots=True)
class Stick:
    """A virtual stick.

    `modes` is walked through in order, one step each time the stick leaves the bus and returns;
    the last one stays. `control`, `write` and `read` are the wire; `leaving` tells the bus that
    the stick drops off.
    """

    modes: Sequence[Mode]
    speed: int = HIGH_SPEED
    mode_index: int = 0
    configuration_value: int = 0
    leaving: Leave | None = None
    halted: set[int] = field(default_factory=set)
    altsettings: dict[int, int] = field(default_factory=dict)

    @property
    def mode(self) -> Mode:
        """The mode that the stick is in."""
        return self.modes[self.mode_index]

    @property
    def identity(self) -> Identity:
        """What the stick shows now."""
        return self.mode.identity

    @property
    def configuration(self) -> Configuration | None:
        """The active configuration, None while it is not configured."""
        for configuration in self.identity.configurations:
            if configuration.value == self.configuration_value:
                return configuration
        return None

    def leave(self, leave: Leave) -> None:
        """Drop off the bus when the transfer under way is over."""
        self.leaving = leave

    def returned(self) -> bool:
        """Come back in the next mode; False when the stick never does."""
        leaving, self.leaving = self.leaving, None
        if leaving is None or leaving.away_s is None:
            return False
        self.mode_index = min(self.mode_index + 1, len(self.modes) - 1)
        self.speed = self.mode.speed or self.speed
        self.reset()
        return True

    def reset(self) -> None:
        """A bus reset: unconfigured, nothing halted."""
        self.configuration_value = 0
        self._reset_functions()

    def _reset_functions(self) -> None:
        self.halted.clear()
        self.altsettings.clear()
        for function in self.mode.functions:
            function.reset()

    def control(self, setup_bytes: bytes, data: bytes = b"") -> bytes:
        """Answer a control transfer: setup of 8 bytes, OUT data if any; returns IN data.

        Raises Stall for a request that this stick does not know.
        """
        setup = Setup.from_bytes(setup_bytes)
        if self.mode.on_control is not None:
            answer = self.mode.on_control(self, setup, data)
            if answer is not None:
                return answer[: setup.length]
        if setup.request_type & 0x60 == 0:
            return self._standard(setup)[: setup.length]
        for function in self.mode.functions:
            answer = function.control(setup, data)
            if answer is not None:
                return answer[: setup.length]
        raise Stall(f"unknown request {setup}")

    def write(self, endpoint: int, data: bytes) -> None:
        """Take OUT data on a bulk or interrupt endpoint. Raises Stall."""
        self._check_halt(endpoint)
        for function in self.mode.functions:
            if function.write(endpoint, data):
                return
        raise Stall(f"no function on endpoint {endpoint:#04x}")

    def read(self, endpoint: int, length: int) -> bytes | None:
        """IN data of a bulk or interrupt endpoint, None (NAK) while there is none. Raises Stall."""
        self._check_halt(endpoint)
        for function in self.mode.functions:
            data = function.read(endpoint, length)
            if data is not None:
                return data
        return None

    def _check_halt(self, endpoint: int) -> None:
        if endpoint in self.halted:
            raise Stall(f"endpoint {endpoint:#04x} is halted")

    def _standard(self, setup: Setup) -> bytes:
        match setup.request:  # USB 2.0, table 9-4
            case 6:  # GET_DESCRIPTOR
                return self._descriptor(setup.value >> 8, setup.value & 0xFF)
            case 9:  # SET_CONFIGURATION
                known = {c.value for c in self.identity.configurations} | {0}
                if setup.value not in known:
                    raise Stall(f"no configuration {setup.value}")
                self.configuration_value = setup.value
                self._reset_functions()
                return b""
            case 8:  # GET_CONFIGURATION
                return bytes([self.configuration_value])
            case 11:  # SET_INTERFACE
                self._check_altsetting(setup.index, setup.value)
                self.altsettings[setup.index] = setup.value
                return b""
            case 10:  # GET_INTERFACE
                return bytes([self.altsettings.get(setup.index, 0)])
            case 0:  # GET_STATUS
                return bytes([int(setup.index in self.halted), 0])
            case 1:  # CLEAR_FEATURE
                if setup.request_type == 0x02:
                    self.halted.discard(setup.index)
                return b""
            case 5:  # SET_ADDRESS
                return b""
        raise Stall(f"unknown standard request {setup}")

    def _check_altsetting(self, number: int, altsetting: int) -> None:
        if self.configuration is None or not any(
            i.number == number and i.altsetting == altsetting for i in self.configuration.interfaces
        ):
            raise Stall(f"no altsetting {altsetting} on interface {number}")

    def _descriptor(self, kind: int, index: int) -> bytes:
        identity = self.identity
        if kind == DEVICE:
            return identity.to_bytes(self.speed)
        if kind == CONFIGURATION and index < len(identity.configurations):
            return identity.configurations[index].to_bytes(self.speed)
        if kind == DEVICE_QUALIFIER:
            return identity.qualifier()
        if kind == STRING:
            text = identity.string(index)
            if text is not None:
                return text
        raise Stall(f"no descriptor {kind}/{index}")
