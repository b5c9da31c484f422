"""Sticks whose CSW cannot be read, though they are there: the messages go on; what was not sent is told.

Reports: Mercury MW310UH (0bda:a192, linux-usb, August 2025), whose first CSW is larger than a CSW;
RTL8812CU sticks whose IN endpoint is halted after a boot (Odroid notes). Bulk-Only Transport 1.0, 6.7.2
and 6.7.3.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from pymodeswitch import DeviceFile, Settings, Status, SwitchResult, TransferError, switch
from pymodeswitch.planning.bulk_only import build_csw
from pymodeswitch.usb_modeswitch import front
from pymodeswitch.virtual import (
    Command,
    Leave,
    MassStorage,
    Reply,
    Stick,
    VirtualBackend,
    VirtualBus,
    is_eject,
    mf691,
    storage_mode,
    two_configurations,
)
from pymodeswitch.virtual.backend import usb_error
from pymodeswitch.virtual.stick import Stall
from tests.support.method_sticks import target
from tests.support.storage_host import StorageHost

VENDOR, PRODUCT = 0x0BDA, 0xA192
EJECT = DeviceFile(standard_eject=True, target_vendor=0x19D2, target_product=0x1203)


@dataclass(slots=True)
class Odd(MassStorage):
    """before_csw: what is sent ahead of each CSW of the first `times` commands; None stalls instead."""

    before_csw: bytes | None = b""
    times: int = 1
    _sent: set[int] = field(default_factory=set)

    def read(self, endpoint: int, length: int) -> bytes | None:
        number = len(self.commands)
        is_odd = endpoint == self.endpoint_in and 0 < number <= self.times and number not in self._sent
        if is_odd:
            self._sent.add(number)
            if self.before_csw is None:
                raise Stall("as it likes")
            return self.before_csw
        return MassStorage.read(self, endpoint, length)


def odd_stick(before_csw: bytes | None, times: int, leave: Leave | None = Leave(0.5)) -> Stick:  # noqa: B008
    storage = Odd(before_csw=before_csw, times=times)
    stick = mf691(leave=leave)
    storage.hook = stick.modes[0].functions[0].hook  # type: ignore[attr-defined]
    stick.modes = [storage_mode(VENDOR, PRODUCT, storage), stick.modes[1]]
    return stick


def run(backend: VirtualBackend, **options: object) -> SwitchResult:
    return switch(VENDOR, PRODUCT, backend=backend, config=EJECT, settings=Settings(), **options)  # type: ignore[arg-type]


ODD = {
    "larger than a CSW": bytes(36),
    "an empty packet": b"",
    "a short packet": b"USBS\0",
    "a CSW of another command": build_csw(0xDEAD),
    "13 bytes of rubbish": b"\xff" * 13,
    "stalled": None,
}


@pytest.mark.parametrize("times", [1, 4])
@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_it_switches_in_the_first_try(
    odd: bytes | None, times: int, bus: VirtualBus, backend: VirtualBackend
) -> None:
    bus.plug(odd_stick(odd, times))
    result = run(backend)
    assert (result.status, result.tries) == (Status.SWITCHED, 1)
    assert result.seconds < 2


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_without_a_verdict_the_eject_is_sent(
    odd: bytes | None, bus: VirtualBus, backend: VirtualBackend
) -> None:
    attached = bus.plug(odd_stick(odd, 4, leave=None))
    storage = attached.stick.modes[0].functions[0]
    assert isinstance(storage, MassStorage)
    assert run(backend, wait=False).status is Status.SENT
    assert any(map(is_eject, storage.commands))


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_the_drop_in_sends_it_too(
    odd: bytes | None, bus: VirtualBus, backend: VirtualBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reference ends with the first CSW: a deliberate difference."""
    attached = bus.plug(odd_stick(odd, 4))
    words = ("-v", "0bda", "-p", "a192", "-V", "19d2", "-P", "1203", "-K", "-s", "10", "-D")
    assert front.main(words, StorageHost(backend)) == 0
    assert "ok:no_data" in capsys.readouterr().out
    assert attached.stick.mode_index == 1


def test_an_endpoint_that_is_halted_from_the_start(bus: VirtualBus, backend: VirtualBackend) -> None:
    """As a boot loader or the storage driver may leave it: the halt stays until it is cleared."""
    attached = bus.plug(odd_stick(b"", 0))
    attached.stick.halted.add(0x81)
    result = run(backend)
    assert (result.status, result.tries) == (Status.SWITCHED, 1)


def test_a_mute_stick_without_a_verdict_gets_all_messages(bus: VirtualBus, backend: VirtualBackend) -> None:
    """No later try will come, so the first one is to be a whole one; each wait has its bound."""
    attached = bus.plug(odd_stick(b"", 0, leave=None))
    storage = attached.stick.modes[0].functions[0]
    assert isinstance(storage, MassStorage)

    def mute(kind: str) -> None:
        if kind == "bulk_read":
            bus.clock.sleep(3)
            raise usb_error(110)

    backend.before_call = mute
    assert run(backend, wait=False).status is Status.SENT
    assert any(map(is_eject, storage.commands))
    assert bus.clock.now() < 4 * 3.1


def test_what_was_not_sent_is_not_called_sent(bus: VirtualBus, backend: VirtualBackend) -> None:
    attached = bus.plug(odd_stick(b"", 0, leave=None))
    writes: list[str] = []

    def refuse(kind: str) -> None:
        if kind == "bulk_write":
            writes.append(kind)
            if len(writes) > 2:
                raise usb_error(110)

    backend.before_call = refuse
    with pytest.raises(TransferError, match=r"not all of it was sent: bulk OUT .*\(timeout\)"):
        run(backend, wait=False)
    assert attached.drivers == {0: "usb-storage"}, "given back: nobody else will"


def test_a_stick_that_leaves_before_the_last_message_has_got_enough(
    bus: VirtualBus, backend: VirtualBackend
) -> None:
    stick = odd_stick(b"", 0)

    def leaves_at_once(command: Command) -> Reply:
        stick.leave(Leave(0.5))
        return Reply(mute=True)

    stick.modes[0].functions[0].hook = leaves_at_once  # type: ignore[attr-defined]
    bus.plug(stick)
    assert run(backend, wait=False).status is Status.SENT


def test_a_configuration_that_is_refused_is_not_called_sent(
    bus: VirtualBus, backend: VirtualBackend
) -> None:
    """12d1:1573 and others decide by their firmware; the second SET_CONFIGURATION stalls (A7)."""
    attached = bus.plug(two_configurations(VENDOR, PRODUCT, target()))
    real = attached.stick.control

    def refuse(setup: bytes, data: bytes = b"") -> bytes:
        if setup[:3] == bytes([0, 9, 2]):
            raise usb_error(32)
        return real(setup, data)

    object.__setattr__(backend, "_control", lambda dev, setup, data: refuse(setup, data))
    options = {"config": DeviceFile(configuration=2), "settings": Settings(), "backend": backend}
    with pytest.raises(TransferError, match=r"not all of it was sent: SET_CONFIGURATION 2 \(stall\)"):
        switch(VENDOR, PRODUCT, wait=False, **options)  # type: ignore[arg-type]
    assert attached.stick.configuration_value == 1
