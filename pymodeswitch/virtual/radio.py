"""The radio of a virtual modem: SIM, network, contexts and calls; what all ports of the modem share.

Its fields may be set at any time, also while a host talks to the modem; the next answer follows them.
Names and values are those of 3GPP TS 27.007.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

READY, SIM_PIN, SIM_PUK = "READY", "SIM PIN", "SIM PUK"

NOT_REGISTERED, HOME, SEARCHING, DENIED, UNKNOWN, ROAMING = range(6)  # <stat> of +CREG, 7.2

PIN_TRIES, PUK_TRIES = 3, 10  # 3GPP TS 31.101, 9.5.1 and 11.1.12

NO_SIGNAL = 99  # <rssi> of +CSQ, 8.5


def _nothing() -> None:
    """Nobody has to be told."""


@dataclass(slots=True, eq=False)
class Call:
    """A data call, as the network sees it: `read` what the host sends, `write` what it gets.

    cid, apn: the context that it goes through. `connect` hands over what the host sends at once, in the
    thread that carries the host's transfers. All methods may be called from any thread.
    """

    number: str
    cid: int = 1
    apn: str = ""
    ended: bool = False
    wake: Callable[[], None] = _nothing
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _sent: bytearray = field(default_factory=bytearray)
    _arriving: bytearray = field(default_factory=bytearray)
    _sink: Callable[[bytes], object] | None = None

    def read(self) -> bytes:
        """What the host has sent since the last look; empty when that is nothing."""
        with self._lock:
            data = bytes(self._sent)
            self._sent.clear()
        return data

    def write(self, data: bytes) -> None:
        """Send to the host. Nothing happens once the call has ended."""
        with self._lock:
            if self.ended:
                return
            self._arriving += data
        self.wake()

    def connect(self, sink: Callable[[bytes], object]) -> None:
        """Call `sink` with all that the host has sent and will send."""
        with self._lock:
            self._sink = sink
        if data := self.read():
            sink(data)

    def hang_up(self) -> None:
        """End the call from the network's side: the modem says NO CARRIER."""
        self.ended = True
        self.wake()

    # The modem's side

    def from_host(self, data: bytes) -> None:
        """Take what the host sends."""
        with self._lock:
            sink = self._sink
            if sink is None:
                self._sent += data
        if sink is not None:
            sink(data)

    def for_host(self, length: int) -> bytes:
        """Hand out what is there for the host, at most `length` bytes."""
        with self._lock:
            data = bytes(self._arriving[:length])
            del self._arriving[:length]
        return data


@dataclass(slots=True)
class Context:
    """A PDP context as +CGDCONT defines it (10.1.1); an empty `apn` leaves the choice to the network."""

    kind: str = "IP"
    apn: str = ""


@dataclass(slots=True)
class Radio:
    """SIM, network and calls of one modem.

    answers: False is a modem that says nothing at all. sim: what +CPIN? says, or empty without a SIM.
    registration: <stat> of +CREG. rssi: 0 to 31, or NO_SIGNAL. act: access technology (2 UTRAN, 7 E-UTRAN).
    apns: names that the network knows; None: all. on_call: called with each call that is dialled, before
    the host hears CONNECT; it may hang up, which is a refusal. wake: called whenever the modem has
    something to say that nobody asked for, in the thread that made it so: a server of transfers that wait
    looks again then.
    """

    manufacturer: str = "ZTE CORPORATION"
    model: str = "MF691"
    revision: str = "VIRTUAL"
    imei: str = "004999010640000"  # a test IMEI
    imsi: str = "001010123456789"  # of the test network 001 01
    iccid: str = "8988211000000000001"
    msisdn: str = ""
    answers: bool = True
    sim: str = READY
    pin: str = "1234"
    puk: str = "12345678"
    pin_tries: int = PIN_TRIES
    puk_tries: int = PUK_TRIES
    registration: int = HOME
    rssi: int = 21
    operator: str = "Test Network"
    operator_code: str = "00101"
    act: int = 2
    apns: frozenset[str] | None = None
    functionality: int = 1
    contexts: dict[int, Context] = field(default_factory=lambda: {1: Context(apn="internet")})
    active: set[int] = field(default_factory=set)
    calls: list[Call] = field(default_factory=list)
    on_call: Callable[[Call], object] | None = None
    wake: Callable[[], None] = _nothing

    def change(self, **values: object) -> None:
        """Set fields, and have ports that report changes of the registration do so."""
        for name, value in values.items():
            setattr(self, name, value)
        self.wake()

    @property
    def stat(self) -> int:
        """<stat> of +CREG: without a SIM that is ready, or with the radio off, there is no network."""
        return self.registration if self.sim == READY and self.functionality == 1 else NOT_REGISTERED

    @property
    def is_registered(self) -> bool:
        """Whether there is a network to call through."""
        return self.stat in (HOME, ROAMING)

    def dial(self, number: str, cid: int) -> Call | None:
        """Make a call through a context; None when the network does not take it."""
        context = self.contexts[cid]
        if not self.is_registered or (self.apns is not None and context.apn not in self.apns):
            return None
        call = Call(number, cid, context.apn, wake=lambda: self.wake())
        self.calls.append(call)
        self.active.add(cid)
        if self.on_call is not None:
            self.on_call(call)
        if call.ended:
            self.end(call)
            return None
        return call

    def end(self, call: Call) -> None:
        """A call is over, whoever ended it."""
        call.ended = True
        self.active.discard(call.cid)

    def enter_pin(self, pin: str, new_pin: str | None = None) -> bool:
        """Give the SIM its PIN, or its PUK and a new PIN; False for a wrong one, which is counted."""
        if self.sim == SIM_PUK:
            return self._enter_puk(pin, new_pin)
        if pin == self.pin:
            self.sim, self.pin_tries = READY, PIN_TRIES
            self.pin = new_pin or self.pin
            return True
        self.pin_tries -= 1
        if self.pin_tries == 0:
            self.sim = SIM_PUK
        return False

    def _enter_puk(self, puk: str, new_pin: str | None) -> bool:
        if puk != self.puk or not new_pin:
            self.puk_tries -= 1
            if self.puk_tries == 0:
                self.sim = ""  # blocked for good
            return False
        self.sim, self.pin = READY, new_pin
        self.pin_tries, self.puk_tries = PIN_TRIES, PUK_TRIES
        return True
