"""Each method on a stick that switches the way the real one does: the verdict is right each time."""

from __future__ import annotations

import pytest

from pymodeswitch import (
    DeviceFile,
    GoneError,
    Status,
    SwitchResult,
    UnchangedError,
    UnexpectedDeviceError,
    switch,
)
from pymodeswitch.device_files.keys import SPECIAL_METHODS
from pymodeswitch.virtual import (
    Attached,
    Leave,
    Stick,
    VirtualBackend,
    VirtualBus,
    message_stick,
    modem_mode,
    storage_mode,
)
from tests.support.method_sticks import EJECT, METHODS, PRODUCT, TARGET, VENDOR, Method, bound, sony

EACH = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
EACH_LEAVING = pytest.mark.parametrize(
    "method", [m for m in METHODS if not m.in_place], ids=lambda method: method.name
)


def run(backend: VirtualBackend, device_file: DeviceFile, **options: object) -> SwitchResult:
    return switch(VENDOR, PRODUCT, backend=backend, config=device_file, **options)  # type: ignore[arg-type]


def released(attached: Attached) -> bool:
    """Nothing claimed, and the drivers are those of a stick nobody has touched."""
    drivers = dict(attached.drivers)
    attached.bind_drivers()
    return not attached.claimed and drivers == attached.drivers


def test_every_method_of_the_format_is_here() -> None:
    names = {method.name for method in METHODS}
    assert {key.name for key in SPECIAL_METHODS} - names == {"DetachStorageOnly"}


@EACH
@pytest.mark.parametrize("silent", [False, True], ids=["completes", "breaks off"])
def test_switches(method: Method, silent: bool, bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(method.build(Leave(0.5, silent=silent)))
    result = run(backend, method.device_file)
    assert result.status is Status.SWITCHED
    assert result.after is not None
    assert result.after.id.product == (PRODUCT if method.in_place else TARGET)
    assert result.after.interface_class == 2
    assert (result.tries, result.unlisted) == (1, False)


@EACH
def test_stays(method: Method, bus: VirtualBus, backend: VirtualBackend) -> None:
    attached = bus.plug(method.build(None))
    with pytest.raises(UnchangedError) as caught:
        run(backend, method.device_file, timeout=30)
    assert caught.value.result is not None
    assert bus.clock.now() <= bound(method, 30)
    assert released(attached)


@EACH_LEAVING
def test_leaves_for_good(method: Method, bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(method.build(Leave(None)))
    with pytest.raises(GoneError):
        run(backend, method.device_file, timeout=30)
    assert bus.clock.now() <= bound(method, 30)


@EACH_LEAVING
def test_comes_back_as_another_storage_id(method: Method, bus: VirtualBus, backend: VirtualBackend) -> None:
    stick = method.build(Leave(0.5))
    stick.modes = [*stick.modes[:-1], storage_mode(VENDOR, 0x4444)]
    bus.plug(stick)
    with pytest.raises(UnexpectedDeviceError, match="came back as 1111:4444"):
        run(backend, method.device_file)


@EACH_LEAVING
def test_comes_back_with_the_same_id_and_another_class(
    method: Method, bus: VirtualBus, backend: VirtualBackend
) -> None:
    stick = method.build(Leave(0.5))
    stick.modes = [*stick.modes[:-1], modem_mode(VENDOR, PRODUCT)]
    bus.plug(stick)
    result = run(backend, method.device_file)
    assert (result.status, result.unlisted) == (Status.SWITCHED, True)


@pytest.mark.parametrize("status", [0, 1, 2])
@pytest.mark.parametrize("before_status", [False, True])
@pytest.mark.parametrize("away_s", [0.0, 0.5, 12.0])
def test_whatever_the_csw_says(
    status: int, before_status: bool, away_s: float, bus: VirtualBus, backend: VirtualBackend
) -> None:
    bus.plug(
        message_stick(
            *(VENDOR, PRODUCT, EJECT, modem_mode(VENDOR, TARGET), Leave(away_s)),
            before_status=before_status,
            status=status,
        )
    )
    device_file = DeviceFile(standard_eject=True, target_vendor=VENDOR, target_product=TARGET)
    assert run(backend, device_file).status is Status.SWITCHED


@pytest.mark.parametrize("away_s", [5.0, 30.0])
def test_sony_comes_back_twice(away_s: float, bus: VirtualBus, backend: VirtualBackend) -> None:
    stick = sony(Leave(0.5))
    first = stick.modes[0].on_control
    assert first is not None
    stick.modes[0].on_control = lambda s, setup, data: (
        s.leave(Leave(away_s)) or bytes(3) if setup.request == 0x11 else None  # type: ignore[func-returns-value]
    )
    bus.plug(stick)
    result = run(backend, DeviceFile(sony_mode=True, target_vendor=VENDOR, target_product=TARGET))
    assert (result.status, result.tries) == (Status.SWITCHED, 1)
    requests = [setup for kind, setup, _ in backend.transfers if kind == "control"]
    assert requests == [bytes.fromhex("c011020000000300")] * 2


def test_pantech_by_itself(bus: VirtualBus, backend: VirtualBackend) -> None:
    """Nothing is sent; the port is watched."""
    stick = Stick([storage_mode(VENDOR, PRODUCT), modem_mode(VENDOR, TARGET)])
    bus.plug(stick)
    calls = []

    def leave_later(progress: object) -> None:
        calls.append(progress)
        if len(calls) == 20:
            stick.leave(Leave(1.0))

    device_file = DeviceFile(pantech_mode=1, target_vendor=VENDOR, target_product=TARGET)
    assert run(backend, device_file, observer=leave_later).status is Status.SWITCHED
    assert backend.transfers == []


def test_pantech_that_stays(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(Stick([storage_mode(VENDOR, PRODUCT)]))
    with pytest.raises(UnchangedError, match="nothing was sent, on purpose") as caught:
        run(backend, DeviceFile(pantech_mode=1))
    assert caught.value.result is not None
    assert caught.value.result.tries == 0
    assert 20 <= bus.clock.now() < 20.2
    assert backend.transfers == []


def test_detach_storage_only(bus: VirtualBus, backend: VirtualBackend) -> None:
    stick = Stick([storage_mode(VENDOR, PRODUCT), modem_mode(VENDOR, TARGET)])
    attached = bus.plug(stick)

    def leave_when_detached(progress: object) -> None:
        if not attached.drivers and not attached.gone:
            stick.leave(Leave(0.5))

    device_file = DeviceFile(detach_storage_only=True, target_vendor=VENDOR, target_product=TARGET)
    assert run(backend, device_file, observer=leave_when_detached).status is Status.SWITCHED


def test_configuration_that_is_active(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(Stick([storage_mode(VENDOR, PRODUCT)]))
    assert run(backend, DeviceFile(configuration=1)).status is Status.ALREADY
    assert backend.transfers == []


def test_cisco_brings_its_target_up_beside_it(bus: VirtualBus, backend: VirtualBackend) -> None:
    """The storage device stays; the target is new on the neighbouring port. Twice is harmless."""
    cisco = next(method for method in METHODS if method.name == "CiscoMode")
    bus.plug(cisco.build(None), "1-1.1")
    bus.plug(Stick([modem_mode(VENDOR, TARGET)]), "1-2.2")  # on another hub: does not count

    def appear(progress: object) -> None:
        if bus.clock.now() > 3 and bus.at("1-1.2") is None:
            bus.plug(Stick([modem_mode(VENDOR, TARGET)]), "1-1.2")

    for status in (Status.SWITCHED, Status.ALREADY):
        result = run(backend, cisco.device_file, observer=appear)
        assert result.status is status
        assert result.after is not None
        assert result.after.port == "1-1.2"


def test_a_neighbour_is_no_switch_for_other_methods(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(METHODS[0].build(None), "1-1.1")

    def appear(progress: object) -> None:
        if bus.clock.now() > 3 and bus.at("1-1.2") is None:
            bus.plug(Stick([modem_mode(VENDOR, TARGET)]), "1-1.2")

    with pytest.raises(UnchangedError):
        run(backend, METHODS[0].device_file, observer=appear)
