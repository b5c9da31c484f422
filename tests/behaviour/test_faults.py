"""Every call that every plan makes, with every fault: a bounded time, the right outcome, all given back.

The table is method x call x fault x (a stick that switches, a stick that stays). Which calls a method makes
is found out by a run without faults, so the table grows with the methods.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from pymodeswitch import (
    AccessError,
    BusyError,
    GoneError,
    ModeSwitchError,
    Status,
    TransferError,
    UnchangedError,
    switch,
)
from pymodeswitch.planning.bulk_only import build_csw
from pymodeswitch.virtual import Leave, VirtualBackend, VirtualBus
from pymodeswitch.virtual.backend import usb_error
from tests.behaviour.test_reacting import released
from tests.support.method_sticks import METHODS, PRODUCT, VENDOR, Method, bound

TIMEOUT_S = 30

READS = ("bulk_read", "intr_read")
SENDING = {*READS, "bulk_write", "intr_write", "ctrl_transfer", "reset_device", "set_configuration"}


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: an errno that the call raises, or a change of what was read, or an unplug."""

    name: str
    number: int = 0
    alter: Callable[[bytes], bytes] | None = None
    unplug: bool = False

    def applies_to(self, call: str) -> bool:
        return self.alter is None or call in READS


FAULTS = (
    Fault("stall", errno.EPIPE),
    Fault("timeout", errno.ETIMEDOUT),
    Fault("broken off", errno.EIO),
    Fault("busy", errno.EBUSY),
    Fault("refused", errno.EACCES),
    Fault("overflow", errno.EOVERFLOW),
    Fault("other", errno.EINVAL),
    Fault("short", alter=lambda data: data[:5]),
    Fault("empty", alter=lambda data: b""),
    Fault("garbage", alter=lambda data: b"\xff" * len(data)),
    Fault("wrong tag", alter=lambda data: build_csw(0xDEAD)),
    Fault("unplug", unplug=True),
)


class Injection:
    """Meets the call with that number with a fault; counts and names all calls."""

    def __init__(self, bus: VirtualBus, backend: VirtualBackend, at: int, fault: Fault | None) -> None:
        self.bus, self.backend, self.at, self.fault = bus, backend, at, fault
        self.calls: list[str] = []
        backend.before_call = self.before

    def before(self, call: str) -> None:
        self.calls.append(call)
        self.backend.alter_read = None
        if self.fault is None or len(self.calls) != self.at + 1:
            return
        if self.fault.unplug:
            self.bus.unplug("1-1")
            raise usb_error(errno.ENODEV)
        if self.fault.alter is not None:
            self.backend.alter_read = self.fault.alter
        else:
            raise usb_error(self.fault.number)


def calls_of(method: Method) -> list[str]:
    """The calls of one try on a stick that stays."""
    bus = VirtualBus()
    backend = VirtualBackend(bus)
    bus.plug(method.build(None))
    injection = Injection(bus, backend, -1, None)
    with contextlib.suppress(TransferError):  # of the stick that refuses its second configuration
        switch(VENDOR, PRODUCT, backend=backend, config=method.device_file, wait=False)
    return injection.calls


def cases() -> list[tuple[Method, int, str, Fault]]:
    found = []
    for method in METHODS:
        calls = calls_of(method)
        for at, call in enumerate(calls):
            # MobileAction's 140 equal reads: the first and last of a row stand for all.
            inner = 0 < at < len(calls) - 1 and calls[at - 1] == calls[at + 1] == call == "intr_read"
            if not inner:
                found += [(method, at, call, fault) for fault in FAULTS if fault.applies_to(call)]
    return found


CASES = cases()
EACH = pytest.mark.parametrize(
    ("method", "at", "call", "fault"), CASES, ids=[f"{m.name}-{a}-{c}-{f.name}" for m, a, c, f in CASES]
)


def early_error(method: Method, at: int, call: str, fault: Fault) -> type[ModeSwitchError] | None:
    """The error for a fault that comes before anything was sent; None when the port has to tell."""
    before_sending = not set(calls_of(method)[:at]) & SENDING
    if not before_sending or fault.unplug:
        return None
    if call == "claim_interface" or (call == "set_configuration" and fault.number in (16, 13)):
        kinds: dict[int, type[ModeSwitchError]] = {
            errno.EBUSY: BusyError,
            errno.EACCES: AccessError,
        }
        # Broken off: it may be leaving, so its port has to tell.
        return None if fault.number == errno.EIO else kinds.get(fault.number, TransferError)
    if call == "detach_kernel_driver" and (method.claims or method.name == "Configuration"):
        return BusyError  # the driver is still there, so the claim fails
    return None


@EACH
def test_a_stick_that_stays(method: Method, at: int, call: str, fault: Fault) -> None:
    bus = VirtualBus()
    backend = VirtualBackend(bus)
    attached = bus.plug(method.build(None))
    Injection(bus, backend, at, fault)
    expected = GoneError if fault.unplug else early_error(method, at, call, fault) or UnchangedError
    with pytest.raises(expected):
        switch(VENDOR, PRODUCT, backend=backend, config=method.device_file, timeout=TIMEOUT_S)
    assert bus.clock.now() <= bound(method, TIMEOUT_S)
    if not fault.unplug:
        backend.before_call = None
        assert released(bus.attached()[0])
    else:
        assert not attached.claimed


@EACH
def test_a_stick_that_switches(method: Method, at: int, call: str, fault: Fault) -> None:
    bus = VirtualBus()
    backend = VirtualBackend(bus)
    bus.plug(method.build(Leave(0.5)))
    injection = Injection(bus, backend, at, fault)

    def run() -> Status | None:
        return switch(VENDOR, PRODUCT, backend=backend, config=method.device_file, timeout=TIMEOUT_S).status

    expected = early_error(method, at, call, fault)
    if expected is not None:
        with pytest.raises(expected):
            run()
    elif not fault.unplug:
        assert run() is Status.SWITCHED
    else:
        try:
            assert run() is Status.SWITCHED
            assert len(injection.calls) <= at, "it had switched before the call that meets the unplug"
        except GoneError:
            pass
    assert bus.clock.now() <= bound(method, TIMEOUT_S)


def test_the_size_of_the_table() -> None:
    """The figure that the documentation gives."""
    assert len(CASES) > 1000
    print(f"{len(CASES)} faults, {2 * len(CASES)} runs")


@pytest.mark.parametrize("name", ["broken off", "unplug"])
def test_nothing_more_is_sent_to_a_stick_that_is_on_its_way_out(name: str) -> None:
    """EIO is what a stick gives that leaves while it is spoken to: the rest has no addressee."""
    (method,) = (method for method in METHODS if method.name == "StandardEject")
    first = calls_of(method).index("bulk_write")
    (fault,) = (fault for fault in FAULTS if fault.name == name)
    bus = VirtualBus()
    backend = VirtualBackend(bus)
    bus.plug(method.build(None))
    injection = Injection(bus, backend, first, fault)
    with pytest.raises(TransferError):
        switch(VENDOR, PRODUCT, backend=backend, config=method.device_file, wait=False)
    assert injection.calls[first] == "bulk_write"
    assert not {"bulk_write", "bulk_read"} & set(injection.calls[first + 1 :])
