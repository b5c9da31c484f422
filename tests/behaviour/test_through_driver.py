"""Switching through the storage driver: as a method, and where the way past it is barred."""

from __future__ import annotations

import errno

import pytest

from pymodeswitch import (
    AccessError,
    BusyError,
    DeviceFile,
    DeviceFileError,
    GoneError,
    ModeSwitchError,
    NoLibusbError,
    NotStorageError,
    Status,
    SwitchResult,
    TransferError,
    UnchangedError,
    UsbId,
    switch,
)
from pymodeswitch.nouns.record import replace
from pymodeswitch.nouns.steps import AwaitUnits, ScsiCommand
from pymodeswitch.planning.description import plan_lines
from pymodeswitch.planning.plan import make_plan, other_way, typical_device
from pymodeswitch.transport.faults import Fault, UsbFault
from pymodeswitch.virtual import (
    Command,
    Leave,
    MassStorage,
    Mode,
    Reply,
    Stick,
    VirtualBackend,
    VirtualBus,
    is_eject,
    message_stick,
    storage_interface,
    two_configurations,
)
from pymodeswitch.virtual.backend import usb_error
from pymodeswitch.virtual.descriptors import Configuration, Identity
from pymodeswitch.virtual.reactions import storage_mode
from pymodeswitch.virtual.sticks import answer_and_leave
from tests.support.method_sticks import CBW, EJECT, METHODS, PRODUCT, TARGET, VENDOR, bound, target
from tests.support.storage_host import STORAGE, StorageHost

ALLOW, EJECT_CDB = bytes.fromhex("1e0000000000"), bytes.fromhex("1b0000000200")
PAST = DeviceFile(target_vendor=VENDOR, target_product=TARGET, standard_eject=True)
THROUGH = DeviceFile(target_vendor=VENDOR, target_product=TARGET, standard_eject=True, through_driver=True)
TIMEOUT_S = 30.0


SOON = Leave(0.5)


def stick(leave: Leave | None = SOON) -> Stick:
    return message_stick(VENDOR, PRODUCT, EJECT, target(), leave)


def run(host: StorageHost, device_file: DeviceFile, **options: object) -> SwitchResult:
    return switch(VENDOR, PRODUCT, host=host, config=device_file, **options)  # type: ignore[arg-type]


@pytest.fixture
def host(backend: VirtualBackend) -> StorageHost:
    return StorageHost(backend)


def no_permission() -> AccessError:
    return AccessError("no permission to open /dev/bus/usb/001/002 (1111:2222 on port 1-1)")


# As a method


@pytest.mark.parametrize("silent", [False, True], ids=["with CSW", "without"])
def test_through_the_driver(
    silent: bool, bus: VirtualBus, host: StorageHost, backend: VirtualBackend
) -> None:
    """The commands of LUN 0, once the driver has its unit; nothing else is sent, and nothing opened."""
    bus.plug(stick(Leave(0.5, silent=silent)))
    host.barred = no_permission()
    result = run(host, THROUGH)
    assert (result.status, result.tries, result.warnings) == (Status.SWITCHED, 1, ())
    assert host.commands == [(0, ALLOW), (0, EJECT_CDB)]
    assert backend.transfers == []
    assert 1.0 <= result.seconds < 2.0
    assert result.plan is not None
    assert result.plan.method == "StandardEject (ThroughDriver)"


def test_every_unit_is_told(bus: VirtualBus, host: StorageHost) -> None:
    storage = MassStorage(luns=2)
    bus.plug(Stick([storage_mode(VENDOR, PRODUCT, storage)]))
    with pytest.raises(UnchangedError, match=r"tried 3 times$"):
        run(host, THROUGH, timeout=10)
    assert host.commands[:4] == [(0, ALLOW), (0, EJECT_CDB), (1, ALLOW), (1, EJECT_CDB)]


def test_the_interface_that_is_named(bus: VirtualBus, host: StorageHost) -> None:
    """A stick with two: only the units of that one are told."""
    both = MassStorage(), MassStorage(interface=1, endpoint_out=2, endpoint_in=0x82)
    configuration = Configuration(tuple(map(storage_interface, both)))
    bus.plug(Stick([Mode(Identity(VENDOR, PRODUCT, (configuration,)), both)]))
    with pytest.raises(UnchangedError):
        run(host, replace(THROUGH, interface=1), timeout=2)
    assert [command.cdb[:6] for command in both[1].commands][:2] == [ALLOW, EJECT_CDB]
    assert both[0].commands == []


def test_a_stick_that_stays_keeps_its_driver(bus: VirtualBus, host: StorageHost) -> None:
    attached = bus.plug(stick(None))
    with pytest.raises(UnchangedError, match=r"unchanged after 20 s; tried 3 times$"):
        run(host, THROUGH)
    assert attached.drivers == {0: STORAGE}
    assert host.asked == 6
    assert run(host, THROUGH, wait=False).status is Status.SENT
    assert attached.drivers == {0: STORAGE}


def test_without_a_driver_past_it(bus: VirtualBus, host: StorageHost, backend: VirtualBackend) -> None:
    """As with kernels that leave a device out of usb-storage: a driver gets 3 s to bind."""
    bus.plug(stick()).drivers.clear()
    result = run(host, THROUGH)
    assert result.status is Status.SWITCHED
    assert host.commands == []
    assert 3.0 <= result.seconds < 4.5
    assert result.plan is not None
    assert result.plan.method == "StandardEject"


def test_a_scan_that_never_ends_is_bounded(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(stick())
    result = run(StorageHost(backend, scan_s=None), THROUGH)
    assert result.status is Status.SWITCHED
    assert 10.0 <= result.seconds < 11.5


def test_without_a_driver_and_without_permission(bus: VirtualBus, host: StorageHost) -> None:
    bus.plug(stick()).drivers.clear()
    host.barred = no_permission()
    with pytest.raises(AccessError, match="no permission to open /dev/bus/usb"):
        run(host, THROUGH)
    assert host.now() < 3.5


def test_a_system_without_drivers_goes_past_at_once(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(stick())
    result = switch(VENDOR, PRODUCT, backend=backend, config=THROUGH)
    assert result.status is Status.SWITCHED
    assert result.seconds < 1.0


def test_leaving_while_the_scan_is_awaited(bus: VirtualBus, host: StorageHost) -> None:
    bus.plug(stick())
    bus.unplug_after("1-1", 0.5)
    with pytest.raises(GoneError):
        run(host, THROUGH)
    assert host.commands == []


# As a fallback


def refuse_detaching(backend: VirtualBackend) -> None:
    """As a sandbox does: the driver stays bound, so claiming is EBUSY."""

    def before(call: str) -> None:
        if call == "detach_kernel_driver":
            raise usb_error(errno.EPERM)

    backend.before_call = before


def test_where_detaching_is_refused(bus: VirtualBus, host: StorageHost, backend: VirtualBackend) -> None:
    bus.plug(stick())
    refuse_detaching(backend)
    texts: list[str] = []
    result = run(host, PAST, observer=lambda p: texts.append(p.text))
    assert (result.status, result.tries, result.warnings) == (Status.SWITCHED, 1, ())
    assert host.commands == [(0, ALLOW), (0, EJECT_CDB)]
    assert backend.transfers == []
    assert any(text.endswith("so it goes the other way") and "is busy" in text for text in texts)
    assert result.plan is not None
    assert result.plan.method == "StandardEject (ThroughDriver)"


@pytest.mark.parametrize(
    "barred", [no_permission(), BusyError("busy"), NoLibusbError("no libusb"), TransferError("error")]
)
def test_where_the_device_cannot_be_opened(
    barred: ModeSwitchError, bus: VirtualBus, host: StorageHost
) -> None:
    bus.plug(stick())
    host.barred = barred
    assert run(host, PAST).status is Status.SWITCHED
    assert host.commands == [(0, ALLOW), (0, EJECT_CDB)]


def test_all_tries_go_the_way_that_was_found(bus: VirtualBus, host: StorageHost) -> None:
    bus.plug(stick(None))
    host.barred = no_permission()
    with pytest.raises(UnchangedError, match=r"tried 3 times$") as caught:
        run(host, PAST)
    assert host.asked == 6
    assert caught.value.result is not None
    assert caught.value.result.plan is not None
    assert caught.value.result.plan.method == "StandardEject (ThroughDriver)"


def test_a_stick_that_comes_back_as_it_was(bus: VirtualBus, host: StorageHost) -> None:
    """The way that was found for it holds for its next stay, too."""

    def eject(command: Command) -> Reply | None:
        return answer_and_leave(whole, SOON) if is_eject(command) else None

    stays = [storage_mode(VENDOR, PRODUCT, MassStorage(hook=eject)) for _ in range(2)]
    whole = Stick([*stays, target()])
    bus.plug(whole)
    host.barred = no_permission()
    texts: list[str] = []
    result = run(host, PAST, observer=lambda p: texts.append(p.text))
    assert (result.status, result.tries) == (Status.SWITCHED, 2)
    assert len([text for text in texts if text.endswith("so it goes the other way")]) == 1


def test_when_both_are_barred_the_cure_is_told(bus: VirtualBus, host: StorageHost) -> None:
    def refuse(number: int) -> None:
        raise UsbFault(Fault.ACCESS, "open /dev/sg0")

    bus.plug(stick())
    host.barred, host.before_command = no_permission(), refuse
    texts: list[str] = []
    with pytest.raises(AccessError, match="no permission to open /dev/bus/usb"):
        run(host, PAST, observer=lambda p: texts.append(p.text))
    assert texts[-1].startswith("the other way: no permission: 1111:2222 on port 1-1, through the storage")
    assert "open /dev/sg0: not permitted; run as root, or in the group of that node" in texts[-1]


def test_another_program_has_the_interface(bus: VirtualBus, host: StorageHost) -> None:
    """Then there is no storage driver to go through: told at once."""
    attached = bus.plug(stick())
    attached.drivers.clear()
    attached.taken.add(0)
    with pytest.raises(BusyError):
        run(host, PAST)
    assert host.now() == 0.0
    assert host.asked == 0


@pytest.mark.parametrize(
    "device_file",
    [
        DeviceFile(huawei_mode=True),
        DeviceFile(configuration=2),
        DeviceFile(standard_eject=True, configuration=2),
        DeviceFile(standard_eject=True, reset_usb=True),
        DeviceFile(message_content=b"\x01\x02\x03"),
        DeviceFile(message_content=CBW[:8] + b"\0\x02" + CBW[10:]),
        DeviceFile(standard_eject=True, message_endpoint=0x05),
    ],
    ids=["request", "configuration", "both", "reset", "no CBW", "data to the device", "endpoint"],
)
def test_what_the_driver_cannot_send(device_file: DeviceFile, bus: VirtualBus, host: StorageHost) -> None:
    needs_two = device_file == DeviceFile(configuration=2)
    bus.plug(two_configurations(VENDOR, PRODUCT, target()) if needs_two else stick())
    host.barred = no_permission()
    with pytest.raises(AccessError):
        run(host, device_file)
    assert host.asked == 0
    assert other_way(device_file, host.devices()[0]) is None


def test_nothing_to_do_has_no_other_way(bus: VirtualBus, host: StorageHost) -> None:
    bus.plug(stick())
    assert other_way(DeviceFile(configuration=0), host.devices()[0]) is None


def test_a_gone_stick_has_no_other_way(bus: VirtualBus, host: StorageHost) -> None:
    bus.plug(stick())

    def refuse(device: object) -> None:
        bus.unplug("1-1")
        raise no_permission()

    host.open = refuse  # type: ignore[method-assign, assignment]
    with pytest.raises(AccessError):
        run(host, PAST)
    assert host.asked == 0


# Every command, every fault


FAULTS = [*Fault, "unplug"]


@pytest.mark.parametrize("at", range(4))
@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.parametrize("leave", [SOON, None], ids=["switches", "stays"])
def test_faults(
    at: int, fault: Fault | str, leave: Leave | None, bus: VirtualBus, host: StorageHost
) -> None:
    """Bounded, the right outcome, and the driver still bound."""
    attached = bus.plug(stick(leave))

    def before(number: int) -> None:
        if number == at:
            if isinstance(fault, Fault):
                raise UsbFault(fault, "SG_IO")
            bus.unplug("1-1")

    host.before_command = before
    # What a refused eject leaves to be told: the commands of the next tries get through.
    switches = leave is not None and (fault != "unplug" or at > 1)
    if switches:
        assert run(host, THROUGH, timeout=TIMEOUT_S).status is Status.SWITCHED
    else:
        with pytest.raises(GoneError if fault == "unplug" else UnchangedError):
            run(host, THROUGH, timeout=TIMEOUT_S)
        assert attached.gone or attached.drivers == {0: STORAGE}
    assert host.now() <= bound(next(m for m in METHODS if m.name == "ThroughDriver"), TIMEOUT_S)


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (Fault.ACCESS, AccessError, "no permission: 1111:2222 on port 1-1, through the storage driver: "),
        (Fault.BUSY, BusyError, "1111:2222 on port 1-1, through the storage driver: SG_IO: busy; nothing"),
        (Fault.NOT_SUPPORTED, TransferError, "SG_IO: not supported here; nothing was sent"),
        (Fault.NOT_FOUND, TransferError, "SG_IO: not found; nothing was sent"),
    ],
)
def test_all_commands_refused(
    fault: Fault, error: type[ModeSwitchError], words: str, bus: VirtualBus, host: StorageHost
) -> None:
    """The other way is open, but takes nothing either: what is told is the reason there."""

    def before(number: int) -> None:
        raise UsbFault(fault, "SG_IO")

    bus.plug(stick())
    texts: list[str] = []
    host.before_command = before
    result = run(host, THROUGH, observer=lambda p: texts.append(p.text))
    assert result.status is Status.SWITCHED
    assert any(words in text and text.endswith("so it goes the other way") for text in texts)
    host.barred = no_permission()
    bus.unplug("1-1")
    bus.plug(stick())
    with pytest.raises(AccessError, match="no permission to open"):
        run(host, THROUGH)


# The plan


@pytest.mark.parametrize(
    ("message", "cdb", "length"),
    [
        ("5553424387654321 00000000 00 00 06 1b0000000200 00000000000000000000", "1b0000000200", 0),
        # Without a length: 10 bytes, or as many as are used.
        ("5553424312345678 00000000 00 00 00 11062000000101000100000000000000", "11062000000101000100", 0),
        (
            "5553424312345678 00000000 00 00 00 110620000001010001000000ff000000",
            "110620000001010001000000ff",
            0,
        ),
        # A length below that of the shortest command, and one below what is used.
        ("5553424312345678 00000000 80 00 03 f0010200000000000000000000000000", "f00102000000", 0),
        (
            "5553424312345678 24000000 80 00 08 ff0000000000000001000000000000ff",
            "ff0000000000000001000000000000ff",
            36,
        ),
        (
            "5553424312345678 00000000 00 00 0c 850101011801010101010000 00000000",
            "850101011801010101010000",
            0,
        ),
        # One that cannot be.
        ("5553424312345678 00000000 00 00 1f ff000000000000000000000000000000", "ff" + 15 * "00", 0),
    ],
)
def test_the_command_in_a_message(message: str, cdb: str, length: int) -> None:
    device_file = DeviceFile(message_content=bytes.fromhex(message), through_driver=True)
    plan = make_plan(device_file, typical_device(UsbId(1, 2), device_file))
    assert plan.steps == (AwaitUnits(0), ScsiCommand(0, 0, bytes.fromhex(cdb), length))
    assert not plan.opens_device


@pytest.mark.parametrize(
    ("device_file", "words"),
    [
        (
            DeviceFile(through_driver=True),
            "ThroughDriver: no message to send: StandardEject=1 is the usual",
        ),
        (DeviceFile(through_driver=True, sierra_mode=True), "SierraMode sends no storage command"),
        (DeviceFile(through_driver=True, message_content=b"\x01\x02"), "0102 is no CBW"),
        (
            DeviceFile(through_driver=True, message_content=CBW[:8] + b"\0\x02" + CBW[10:]),
            "has a data phase that cannot be made",
        ),
        (
            DeviceFile(through_driver=True, message_content=CBW[:8] + b"\0\0\0\x40\x80" + CBW[13:]),
            "has a data phase that cannot be made",
        ),
    ],
)
def test_mistakes(device_file: DeviceFile, words: str) -> None:
    with pytest.raises(DeviceFileError, match=words):
        make_plan(device_file, typical_device(UsbId(1, 2), device_file))


def test_a_device_that_is_no_storage() -> None:
    device = typical_device(UsbId(1, 2))
    device = replace(device, interfaces=(replace(device.interfaces[0], interface_class=0xFF),))
    with pytest.raises(NotStorageError):
        make_plan(THROUGH, device)


def test_the_other_way_of_the_other_way() -> None:
    device = typical_device(UsbId(VENDOR, PRODUCT))
    there = other_way(PAST, device)
    assert there is not None
    assert there[0] == THROUGH
    back = other_way(*there[:1], device)
    assert back is not None
    assert back[0] == PAST
    lines = plan_lines(make_plan(PAST, device), there[1])
    assert "     where the interface cannot be had: StandardEject (ThroughDriver)" in lines
    assert lines[-1] == "     - through the storage driver: START STOP UNIT (eject), LUN 1"
    lines = plan_lines(there[1], back[1])
    assert "     where no storage driver takes it: StandardEject" in lines
