"""Sticks that leave, return or change at an unlucky moment, and errors that come late."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from pymodeswitch import (
    AccessError,
    DeviceFile,
    GoneError,
    NotAttachedError,
    Progress,
    Settings,
    Status,
    SwitchResult,
    TransferError,
    UnchangedError,
    UsbId,
    switch,
)
from pymodeswitch.virtual import (
    Leave,
    Mode,
    Stick,
    VirtualBackend,
    VirtualBus,
    message_stick,
    mf691,
    modem_mode,
    storage_mode,
    two_configurations,
    waits_for_requests,
)
from pymodeswitch.virtual.backend import usb_error
from pymodeswitch.virtual.descriptors import Configuration, Identity, Interface
from tests.support.method_sticks import EJECT, PRODUCT, SONY, TARGET, VENDOR, target
from tests.transport.test_inquiry import KernelHost

FILE = DeviceFile(standard_eject=True, target_vendor=VENDOR, target_product=TARGET)


def run(backend: VirtualBackend, device_file: DeviceFile = FILE, **options: Any) -> SwitchResult:
    return switch(VENDOR, PRODUCT, backend=backend, config=device_file, settings=Settings(), **options)


def ejecting(*modes: Mode, leave: Leave | None = Leave(0.5)) -> Stick:  # noqa: B008
    stick = message_stick(VENDOR, PRODUCT, EJECT, target(), leave)
    stick.modes = [stick.modes[0], *(modes or (target(),))]
    return stick


@pytest.mark.parametrize("call", ["open", "detach_kernel_driver", "claim_interface"])
def test_leaving_before_the_message_is_judged_by_the_port(
    call: str, bus: VirtualBus, backend: VirtualBackend
) -> None:
    """It may be switching by itself, or by somebody else."""
    stick = ejecting()
    bus.plug(stick)

    def leave(kind: str) -> None:
        if kind == call and stick.mode_index == 0:
            stick.leave(Leave(0.5))

    def observe(progress: Progress) -> None:
        if call == "open" and progress.kind == "try" and stick.mode_index == 0:
            stick.leave(Leave(0.5))

    backend.before_call = leave
    result = run(backend, observer=observe)
    assert (result.status, result.tries) == (Status.SWITCHED, 0)


def test_leaving_before_the_message_for_good(bus: VirtualBus, backend: VirtualBackend) -> None:
    stick = ejecting()
    bus.plug(stick)

    def observe(progress: Progress) -> None:
        if progress.kind == "try":
            bus.unplug("1-1")

    with pytest.raises(GoneError, match="left, or libusb cannot see it"):
        run(backend, observer=observe)
    assert 20 <= bus.clock.now() < 20.2


def test_each_try_gets_its_time(bus: VirtualBus, backend: VirtualBackend) -> None:
    """What the device file waits does not use up the time for looking: a slow stick gets one message."""
    bus.plug(ejecting(leave=Leave(0.5)))
    slow = replace(FILE, wait_before_s=10, release_delay_ms=4000)
    assert run(backend, slow).tries == 1
    bus.unplug("1-1")
    bus.plug(ejecting(leave=None), "1-2")
    times: list[float] = []

    def observe(progress: Progress) -> None:
        if progress.step is not None and type(progress.step).__name__ in ("Release", "Pause"):
            times.append(progress.seconds)
        if progress.kind == "try" and progress.text.startswith("try "):
            times.append(progress.seconds)

    with pytest.raises(UnchangedError, match=r"tried [23] times"):
        run(backend, slow, observer=observe)
    assert times[0] == 0
    release, second_try = times[4], times[5]
    assert second_try - release > 4, "there was time to react between the tries"


def test_later_tries_settle_first(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(ejecting(leave=None))
    seen: list[tuple[str, float]] = []
    with pytest.raises(UnchangedError):
        run(backend, observer=lambda p: seen.append((p.text, p.seconds)) if p.kind == "try" else None)
    again = [(a[1], b[1]) for a, b in pairwise(seen) if a[0].startswith("unchanged")]
    assert len(again) == 2
    for announced, tried in again:
        assert tried - announced == pytest.approx(0.5)


@pytest.mark.parametrize(("errno", "first"), [(110, 1), (32, 4), (75, 4)])
def test_the_first_try_stops_where_no_csw_comes_later_ones_go_on(
    errno: int, first: int, bus: VirtualBus, backend: VirtualBackend
) -> None:
    """A stick that is mute may be switching; one that stalls or babbles gets the next message at once."""
    bus.plug(ejecting(leave=None))

    def fail(kind: str) -> None:
        if kind == "bulk_read":
            raise usb_error(errno)

    backend.before_call = fail
    with pytest.raises(UnchangedError):
        run(backend)
    assert len([1 for kind, *_ in backend.transfers if kind == "out"]) == first + 4 + 4


def test_configuration_of_the_same_class(bus: VirtualBus, backend: VirtualBackend) -> None:
    """Interface 0 looks the same in both: the configuration is what was asked for."""
    second = Mode(Identity(0, 0, (Configuration((Interface(0, 0x08),)),)))
    bus.plug(two_configurations(VENDOR, PRODUCT, second))
    assert run(backend, DeviceFile(configuration=2)).status is Status.SWITCHED
    assert run(backend, DeviceFile(configuration=2)).status is Status.ALREADY


def test_a_refused_configuration_is_undone(bus: VirtualBus, backend: VirtualBackend) -> None:
    attached = bus.plug(two_configurations(VENDOR, PRODUCT, target()))
    stick = attached.stick
    real = stick.control

    def refuse(setup: bytes, data: bytes = b"") -> bytes:
        if setup[:3] == bytes([0, 9, 2]):
            raise usb_error(32)
        return real(setup, data)

    object.__setattr__(backend, "_control", lambda dev, setup, data: refuse(setup, data))
    with pytest.raises(UnchangedError):
        run(backend, DeviceFile(configuration=2))
    assert stick.configuration_value == 1
    assert attached.drivers == {0: "usb-storage"}


@pytest.mark.parametrize("step", [0.0, 0.3])
def test_sony_that_returns_switched_is_left_alone(
    step: float, bus: VirtualBus, backend: VirtualBackend
) -> None:
    """No second request, no configuration to a stick that is what it should be."""
    first = waits_for_requests(storage_mode(VENDOR, PRODUCT), SONY, Leave(5.0 + step))
    stick = Stick([first, target()])
    bus.plug(stick)
    device_file = DeviceFile(sony_mode=True, configuration=2, target_vendor=VENDOR, target_product=TARGET)
    assert run(backend, device_file).status is Status.SWITCHED
    assert [setup for kind, setup, _ in backend.transfers if kind == "control"] == [
        bytes.fromhex("c011020000000300")
    ]
    assert stick.configuration_value == 1


def test_a_device_number_that_is_used_again(bus: VirtualBus, backend: VirtualBackend) -> None:
    """Systems other than Linux may do that; the ID tells."""
    stick = ejecting()
    attached = bus.plug(stick)
    bus._next_address = attached.address
    assert run(backend).status is Status.SWITCHED
    (now,) = bus.attached()
    assert now.address == attached.address


@pytest.mark.parametrize("errno", [13, 16, 12])
def test_an_error_of_a_later_try_does_not_hide_the_first(
    errno: int, bus: VirtualBus, backend: VirtualBackend
) -> None:
    """Something was sent: "nothing was sent" would be a lie, and the port may tell of a switch yet."""
    bus.plug(ejecting(leave=None))
    claims: list[str] = []

    def fail(kind: str) -> None:
        if kind == "claim_interface":
            claims.append(kind)
            if len(claims) > 1:
                raise usb_error(errno)

    backend.before_call = fail
    with pytest.raises(UnchangedError) as caught:
        run(backend)
    assert caught.value.result is not None
    assert any(warning.startswith("try 2: ") for warning in caught.value.result.warnings)
    assert caught.value.result.tries == 1


@pytest.mark.parametrize("wait", [True, False])
def test_a_message_that_never_gets_through(wait: bool, bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(ejecting(leave=None))

    def fail(kind: str) -> None:
        if kind == "bulk_write":
            raise usb_error(110)

    backend.before_call = fail
    expected: type[Exception] = UnchangedError if wait else TransferError
    with pytest.raises(expected, match=r"no transfer got through \(timeout\)"):
        run(backend, wait=wait)


def test_no_permission_without_waiting(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(ejecting(), permitted=False)
    with pytest.raises(AccessError):
        run(backend, wait=False)


def test_passing_through_an_id_that_nobody_named(bus: VirtualBus, backend: VirtualBackend) -> None:
    """Only a device that stays is taken for an unlisted target."""
    stick = ejecting(modem_mode(0x05C6, 0x9008), target())
    bus.plug(stick)

    def observe(progress: Progress) -> None:
        if "05c6:9008" in progress.text:
            stick.leave(Leave(0.5))

    result = run(backend, observer=observe)
    assert (result.status, result.unlisted) == (Status.SWITCHED, False)
    assert result.after is not None
    assert result.after.id.product == TARGET


def test_a_target_that_is_another_sticks_storage_mode(bus: VirtualBus, backend: VirtualBackend) -> None:
    """19d2:0033 is a target of 19d2:2000 and an initial ID itself: as storage it has not arrived."""
    bus.plug(Stick([storage_mode(0x19D2, 0x0033)]))
    with pytest.raises(NotAttachedError):
        switch(0x19D2, 0x2000, backend=backend)
    bus.unplug("1-1")
    bus.plug(Stick([modem_mode(0x19D2, 0x0033)]))
    assert switch(0x19D2, 0x2000, backend=backend).status is Status.ALREADY


def test_a_stick_that_is_just_being_configured(bus: VirtualBus, backend: VirtualBackend) -> None:
    attached = bus.plug(ejecting())
    stick = attached.stick
    stick.configuration_value = 0

    class Host(KernelHost):
        def wait(self, seconds: float, port: Any = None) -> None:
            super().wait(seconds, port)
            if self.now() > 0.5 and not stick.configuration_value:
                stick.configuration_value = 1

        def devices(self) -> Any:
            return super(KernelHost, self).devices()

    assert run(backend, host=Host(backend, 0)).status is Status.SWITCHED


def test_the_target_on_another_port_is_not_this_stick(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(Stick([target()]), "1-1")
    bus.plug(Stick([modem_mode(0x1234, 0x5678)]), "1-2")
    assert run(backend).status is Status.ALREADY
    with pytest.raises(NotAttachedError, match="1234:5678 is on port 1-2"):
        run(backend, port="1-2")


def test_in_another_mode_already(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(Stick([modem_mode(0x12D1, 0x14DB)]))
    for options in ({"mode": "modem"}, {"settings": Settings({UsbId(0x12D1, 0x1F01): "modem"})}):
        with pytest.raises(NotAttachedError, match="something else than mode modem: plug it in again"):
            switch(0x12D1, 0x1F01, backend=backend, **options)  # type: ignore[arg-type]
    assert switch(0x12D1, 0x1F01, backend=backend, mode="legacy").status is Status.ALREADY


def test_a_broken_bystander(bus: VirtualBus, backend: VirtualBackend) -> None:
    """Another device whose descriptors cannot be read, or that is just leaving, stops nobody."""
    bus.plug(ejecting(), "1-1")
    other = bus.plug(mf691(), "1-2")
    real = backend.get_configuration_descriptor
    for error in (usb_error(5), IndexError("no such interface")):

        def broken(dev: Any, config: int, error: Exception = error) -> Any:
            if dev is other:
                raise error
            return real(dev, config)

        backend.get_configuration_descriptor = broken  # type: ignore[method-assign]
        assert run(backend, dry_run=True).status is Status.PLANNED


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", range(14))
def test_interrupted_at_any_call(
    at: int, when: str, bus: VirtualBus, backend: VirtualBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C before or after each call to the device: closed, released, drivers back."""
    attached = bus.plug(ejecting(leave=None))
    names = "open_device detach_kernel_driver claim_interface bulk_write bulk_read clear_halt".split()
    calls: list[str] = []
    armed: list[bool] = []
    for name in names:
        real = getattr(backend, name)

        def call(*arguments: Any, real: Any = real, name: str = name) -> Any:
            mine = armed and name != "open_device"
            if mine:
                calls.append(name)
            hit = mine and len(calls) == at + 1
            if hit and when == "before":
                raise KeyboardInterrupt
            result = real(*arguments)
            if hit:
                raise KeyboardInterrupt
            return result

        monkeypatch.setattr(backend, name, call)

    def observe(progress: Progress) -> None:
        if progress.text.startswith("try 1"):
            armed.append(True)

    with pytest.raises((KeyboardInterrupt, UnchangedError)):
        run(backend, observer=observe, timeout=2)
    assert attached.claimed == set()
    assert attached.drivers == {0: "usb-storage"}
