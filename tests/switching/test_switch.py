"""The operation, on virtual sticks: every outcome, and what is left behind."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

import pymodeswitch
from pymodeswitch import (
    AccessError,
    BusyError,
    DeviceFile,
    DeviceFileError,
    GoneError,
    ModeSwitchError,
    NoEntryError,
    NotAttachedError,
    NotStorageError,
    Progress,
    SeveralDevicesError,
    Status,
    UnchangedError,
    UnexpectedDeviceError,
    UsageError,
    UsbId,
    switch,
)
from pymodeswitch.catalog.catalog import Catalog
from pymodeswitch.virtual import (
    Command,
    Leave,
    MassStorage,
    Mode,
    Stick,
    VirtualBackend,
    VirtualBus,
    is_eject,
    mf691,
    modem_mode,
    storage_interface,
)
from pymodeswitch.virtual.backend import usb_error
from pymodeswitch.virtual.descriptors import Configuration, Identity
from tests.conftest import FILES

INITIAL, TARGET = UsbId(0x19D2, 0x1201), UsbId(0x19D2, 0x1203)


def storage_mode(usb_id: UsbId, storage: MassStorage | None = None) -> Mode:
    storage = storage or MassStorage()
    configuration = Configuration((storage_interface(storage),))
    return Mode(Identity(usb_id.vendor, usb_id.product, (configuration,)), (storage,))


def rocket(backend: VirtualBackend, **options: Any) -> pymodeswitch.SwitchResult:
    return switch(0x19D2, 0x1201, backend=backend, **options)


def eject(*, nothing: bool = False) -> DeviceFile:
    return DeviceFile(standard_eject=not nothing, target_vendor=0x19D2, target_product=0x1203)


def test_switched(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(mf691(), "1-2.3")
    result = rocket(backend)
    assert result.status is Status.SWITCHED
    assert result.port == "1-2.3"
    assert result.before is not None
    assert result.before.id == INITIAL
    assert result.after is not None
    assert result.after.id == TARGET
    assert result.entry is not None
    assert Path(result.entry.path).name == "19d2-1201"
    assert result.entry.device_file.source == "usb-modeswitch-data 20191128"
    assert (result.tries, result.unlisted, result.warnings) == (1, False, ())
    assert 0 < result.seconds < 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.status = None  # type: ignore[misc]


@pytest.mark.parametrize("ids", [(0x19D2, 0x1201), ("19d2", "1201"), ("0x19D2", "0x1201")])
def test_ids_as_numbers_and_as_hex(ids: tuple[Any, Any], bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(mf691())
    assert switch(*ids, backend=backend).status is Status.SWITCHED


@pytest.mark.parametrize("name", [FILES / "good/rocket-2011", str(FILES / "good/rocket-2011")])
def test_text_of_2011(name: Any, bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(mf691())
    result = rocket(backend, config=name)
    assert result.status is Status.SWITCHED
    assert result.entry is not None
    assert result.entry.path == str(name)
    sent = [data for kind, _, data in backend.transfers if kind == "out"]
    assert sent == [bytes.fromhex("5553424392020000000000000000061b000000020000000000000000000000")]


def test_folders_looked_at_first(bus: VirtualBus, backend: VirtualBackend, tmp_path: Path) -> None:
    (tmp_path / "19d2:1201").write_bytes((FILES / "good/rocket-2011").read_bytes())
    bus.plug(mf691())
    result = rocket(backend, data=[tmp_path])
    assert result.entry is not None
    assert result.entry.path == str(tmp_path / "19d2:1201")


def test_an_opened_catalog_instead_of_the_folders(
    bus: VirtualBus, backend: VirtualBackend, tmp_path: Path
) -> None:
    bus.plug(mf691())
    with pytest.raises(NoEntryError):
        rocket(backend, catalog=Catalog([str(tmp_path)]))
    (tmp_path / "19d2:1201").write_bytes((FILES / "good/rocket-2011").read_bytes())
    result = rocket(backend, catalog=Catalog([str(tmp_path)]))
    assert result.entry is not None
    assert result.entry.path == str(tmp_path / "19d2:1201")


@pytest.mark.parametrize(
    "config",
    [
        None,
        DeviceFile(target_vendor=0x19D2, target_product=0x1203, message_content=b"no CBW"),
        DeviceFile(target_vendor=0x19D2, target_product=0x1203, huawei_mode=True),
    ],
    ids=["StandardEject", "a message", "a request"],
)
def test_a_stick_that_switches_just_before_it_is_tried_again(
    config: DeviceFile | None, bus: VirtualBus, backend: VirtualBackend
) -> None:
    """Late, and back within the half second before the next try: the modem is sent nothing."""
    stick = mf691(leave=None)
    bus.plug(stick)

    def leaves(event: Progress) -> None:
        if event.kind == "try" and "once more" in event.text:
            stick.leave(Leave(0.3))
            bus.settle()
            backend.transfers.clear()

    result = rocket(backend, config=config, observer=leaves)
    assert (result.status, result.tries) == (Status.SWITCHED, 1)
    assert backend.transfers == []


def test_twice_is_harmless(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(mf691())
    rocket(backend)
    backend.transfers.clear()
    result = rocket(backend)
    assert result.status is Status.ALREADY
    assert result.after is not None
    assert result.after.id == TARGET
    assert backend.transfers == []


def test_target_class_already(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(Stick([modem_mode(0x3566, 0x2001)]))
    device_file = DeviceFile(huawei_alt_mode=True, target_class=0x02)
    result = switch(0x3566, 0x2001, backend=backend, config=device_file)
    assert result.status is Status.ALREADY
    assert backend.transfers == []


def test_configuration_zero_leaves_alone(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(mf691())
    assert rocket(backend, config=DeviceFile(configuration=0)).status is Status.ALREADY
    assert backend.transfers == []


def test_dry_run_sends_nothing(bus: VirtualBus, backend: VirtualBackend) -> None:
    stick = bus.plug(mf691())
    result = rocket(backend, dry_run=True)
    assert result.status is Status.PLANNED
    assert result.plan is not None
    assert result.plan.method == "StandardEject"
    assert backend.transfers == []
    assert stick.drivers == {0: "usb-storage"}


def test_no_wait_sends_and_does_not_judge(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(mf691(leave=None))
    result = rocket(backend, wait=False)
    assert result.status is Status.SENT
    assert result.after is None
    assert bus.clock.now() < 0.1


@pytest.mark.parametrize("csw_status", [0, 1, 2])
@pytest.mark.parametrize("before_status", [False, True])
@pytest.mark.parametrize("silent", [False, True])
def test_the_csw_decides_nothing(
    csw_status: int, before_status: bool, silent: bool, bus: VirtualBus, backend: VirtualBackend
) -> None:
    bus.plug(mf691(csw_status=csw_status, before_status=before_status, leave=Leave(0.5, silent=silent)))
    assert rocket(backend).status is Status.SWITCHED


@pytest.mark.parametrize("csw_status", [0, 1])
def test_unchanged(csw_status: int, bus: VirtualBus, backend: VirtualBackend) -> None:
    stick = bus.plug(mf691(leave=None, csw_status=csw_status))
    with pytest.raises(UnchangedError, match="unchanged after 20 s; tried 3 times") as caught:
        rocket(backend)
    assert isinstance(caught.value, TimeoutError)
    result = caught.value.result
    assert result is not None
    assert (result.status, result.tries) == (None, 3)
    assert 19.9 < bus.clock.now() < 20.6
    assert stick.drivers == {0: "usb-storage"}
    assert stick.claimed == set()


def test_later_tries_are_slower(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(mf691(leave=None))
    tries: list[float] = []

    def observe(progress: Progress) -> None:
        if progress.kind == "try" and progress.text.startswith("try"):
            tries.append(progress.seconds)

    with pytest.raises(UnchangedError):
        rocket(backend, observer=observe)
    assert len(tries) == 3
    assert tries[2] - tries[1] > tries[1] - tries[0] > 1


@pytest.mark.parametrize("number", [2, 3])
def test_switched_by_a_later_try(number: int, bus: VirtualBus, backend: VirtualBackend) -> None:
    ejects: list[Command] = []

    def nth(command: Command) -> bool:
        if is_eject(command) and command.lun == 0:
            ejects.append(command)
        return len(ejects) == number

    bus.plug(mf691(switches_on=nth))
    result = rocket(backend)
    assert (result.status, result.tries) == (Status.SWITCHED, number)


def test_unchanged_bounded_by_timeout(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(mf691(leave=None))
    with pytest.raises(UnchangedError, match="after 3 s"):
        rocket(backend, timeout=3)
    assert bus.clock.now() < 3.6


def test_a_short_timeout_is_kept(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(mf691(leave=None))
    with pytest.raises(UnchangedError, match=r"after 0.3 s; tried once"):
        rocket(backend, timeout=0.3)
    assert 0.3 <= bus.clock.now() < 0.4


def test_a_mute_stick_is_bounded_too(bus: VirtualBus, backend: VirtualBackend) -> None:
    """Each of the four CSWs would take three seconds: the time for the whole is what counts."""
    stick = bus.plug(mf691(leave=Leave(None), before_status=True, switches_on=lambda command: False))
    storage = stick.stick.mode.functions[0]
    assert isinstance(storage, MassStorage)
    storage.hook = lambda command: pymodeswitch.virtual.Reply(mute=True)
    with pytest.raises(UnchangedError):
        rocket(backend, timeout=8)
    assert bus.clock.now() < 8 + 3.6  # the bound, and the transfer under way then
    assert stick.drivers == {0: "usb-storage"}


def test_check_success_is_the_default_timeout(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(mf691(leave=None))
    with pytest.raises(UnchangedError, match="after 40 s"):
        rocket(backend, config=DeviceFile(standard_eject=True, check_success_s=40))


def test_gone(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(mf691(leave=Leave(None)))
    with pytest.raises(GoneError, match="left and did not come back within 20 s") as caught:
        rocket(backend)
    assert isinstance(caught.value, ConnectionError)
    assert caught.value.result is not None
    assert caught.value.result.after is None


def test_unplugged_midway(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(mf691(leave=None))
    bus.unplug_after("1-1", 2.0)
    with pytest.raises(GoneError, match="left and did not come back"):
        rocket(backend)


def test_slow_return_gets_the_whole_time(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(mf691(leave=Leave(15.0)))
    result = rocket(backend)
    assert (result.status, result.tries) == (Status.SWITCHED, 1)


def test_unlisted_target(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(mf691())
    device_file = DeviceFile(standard_eject=True, target_vendor=0x19D2, target_product=0x0031)
    result = rocket(backend, config=device_file)
    assert result.status is Status.SWITCHED
    assert result.unlisted
    assert "19d2:1203 (class 0x02) is not among the targets" in result.warnings[0]


def switched_to(*modes: Mode) -> Stick:
    """A stick that ejects into other modes than the MF691's."""
    stick = mf691()
    stick.modes = [stick.modes[0], *modes]
    return stick


def test_another_storage_device_is_unexpected(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(switched_to(storage_mode(UsbId(0x19D2, 0x0026))))
    with pytest.raises(UnexpectedDeviceError, match="came back as 19d2:0026, still a storage"):
        rocket(backend)


def test_the_same_again_is_unchanged_and_tried_again(bus: VirtualBus, backend: VirtualBackend) -> None:
    first = mf691()
    bus.plug(switched_to(first.modes[0], first.modes[0]))
    with pytest.raises(UnchangedError) as caught:
        rocket(backend)
    assert caught.value.result is not None
    assert caught.value.result.tries == 3
    assert bus.attached()[0].drivers == {0: "usb-storage"}


def test_on_its_way_through_another_storage_id(bus: VirtualBus, backend: VirtualBackend) -> None:
    stick = switched_to(storage_mode(UsbId(0x19D2, 0x0026)), modem_mode(0x19D2, 0x1203))
    bus.plug(stick)

    def observe(progress: Progress) -> None:
        if progress.text.startswith("another storage device"):
            stick.leave(Leave(1.0))

    assert rocket(backend, observer=observe).status is Status.SWITCHED


def test_several_without_a_port(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(mf691(), "1-1")
    bus.plug(mf691(), "1-3")
    with pytest.raises(SeveralDevicesError, match="on the ports 1-1, 1-3") as caught:
        rocket(backend)
    assert caught.value.ports == ("1-1", "1-3")
    assert backend.transfers == []


def test_one_of_two_by_its_port(bus: VirtualBus, backend: VirtualBackend) -> None:
    other = bus.plug(mf691(), "1-1")
    bus.plug(mf691(), "1-3")
    result = rocket(backend, port="1-3")
    assert (result.status, result.port) == (Status.SWITCHED, "1-3")
    assert other.drivers == {0: "usb-storage"}
    storage = other.stick.mode.functions[0]
    assert isinstance(storage, MassStorage)
    assert storage.commands == []
    assert rocket(backend, port="1-3").status is Status.ALREADY
    assert rocket(backend).port == "1-1"


def test_not_attached(bus: VirtualBus, backend: VirtualBackend) -> None:
    with pytest.raises(NotAttachedError, match="19d2:1201 is not attached, nor"):
        rocket(backend)
    bus.plug(Stick([modem_mode(0x1234, 0x5678)]), "1-4")
    with pytest.raises(NotAttachedError, match="1234:5678 is on port 1-4"):
        rocket(backend, port="1-4")
    with pytest.raises(NotAttachedError, match="nothing is on port 1-5"):
        rocket(backend, port="1-5")


def test_no_entry(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(storage_and_id(0x1234, 0x5678))
    with pytest.raises(NoEntryError, match="no device file for 1234:5678"):
        switch(0x1234, 0x5678, backend=backend)
    assert backend.transfers == []


def storage_and_id(vendor: int, product: int) -> Stick:
    return Stick([storage_mode(UsbId(vendor, product))])


def test_the_target_id_by_mistake(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(Stick([modem_mode(0x19D2, 0x1203)]))
    with pytest.raises(NoEntryError, match="what 19d2:1201 switches to: already in modem mode"):
        switch(0x19D2, 0x1203, backend=backend)
    assert backend.transfers == []


def test_no_file_fits_the_device(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(storage_and_id(0x0E8D, 0x0002))  # only files with qualifiers
    with pytest.raises(NoEntryError, match=r"no device file for 0e8d:0002 fits .*uPr=Product is not in"):
        switch(0x0E8D, 0x0002, backend=backend)


def test_permission(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(mf691(), permitted=False)
    with pytest.raises(AccessError, match=r"/dev/bus/usb/001/002.*uaccess") as caught:
        rocket(backend)
    assert isinstance(caught.value, PermissionError)
    assert 'ATTR{idVendor}=="19d2"' in str(caught.value)
    assert backend.transfers == []


def test_busy(bus: VirtualBus, backend: VirtualBackend) -> None:
    stick = bus.plug(mf691())
    stick.taken.add(0)
    with pytest.raises(BusyError, match="busy") as caught:
        rocket(backend)
    assert isinstance(caught.value, OSError)
    assert backend.transfers == []
    assert stick.drivers == {0: "usb-storage"}


def test_unplugged_before_the_message(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(mf691())

    def observe(progress: Progress) -> None:
        if progress.kind == "try":
            bus.unplug("1-1")

    with pytest.raises(GoneError, match="left"):
        rocket(backend, observer=observe)


def test_bad_device_file(bus: VirtualBus, backend: VirtualBackend, tmp_path: Path) -> None:
    stick = bus.plug(mf691())
    path = tmp_path / "19d2:1201"
    path.write_text('MessageContent="123"\n')
    with pytest.raises(DeviceFileError, match="odd number"):
        rocket(backend, config=path)
    with pytest.raises(DeviceFileError, match="odd number"):
        rocket(backend, data=[tmp_path])
    with pytest.raises(DeviceFileError, match="No such file"):
        rocket(backend, config=tmp_path / "none")
    with pytest.raises(DeviceFileError, match="Is a directory"):
        rocket(backend, config=tmp_path)
    path.write_text("DefaultVendor=1111\nDefaultProduct=2222\nStandardEject=1\n")
    with pytest.raises(DeviceFileError, match="is for 1111:2222, not for 19d2:1201"):
        rocket(backend, config=path)
    assert backend.transfers == []
    assert stick.drivers == {0: "usb-storage"}


def test_slips_of_an_installed_file_are_warnings(
    bus: VirtualBus, backend: VirtualBackend, tmp_path: Path
) -> None:
    (tmp_path / "19d2:1201").write_text("StandardEjekt=1\nStandardEject=1\nTargetProduct=1203\n")
    bus.plug(mf691())
    result = rocket(backend, data=[tmp_path])
    assert result.status is Status.SWITCHED
    assert "did you mean StandardEject?" in result.warnings[0]


def test_not_a_storage_device(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(Stick([modem_mode(0x19D2, 0x1201)]))
    with pytest.raises(NotStorageError, match="class 0x02, not mass storage"):
        rocket(backend)
    assert backend.transfers == []


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (("xyz", "1201"), {}),
        (("19d2", "12010"), {}),
        ((0x10000, 1), {}),
        ((-1, 1), {}),
        (("19d2", ""), {}),
        ((1, 2), {"port": "first"}),
        ((1, 2), {"port": "1-"}),
        ((1, 2), {"timeout": 0}),
        ((1, 2), {"timeout": -1}),
        ((1, 2), {"timeout": float("nan")}),
        ((1, 2), {"timeout": 1e9}),
        ((1, 2), {"timeout": "5"}),
        ((1, 2), {"port": 5}),
        ((None, 2), {}),
        ((b"19d2", 2), {}),
        ((True, 2), {}),
    ],
)
def test_bad_arguments(
    arguments: tuple[Any, Any], options: dict[str, Any], backend: VirtualBackend
) -> None:
    with pytest.raises(UsageError) as caught:
        switch(*arguments, backend=backend, **options)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("step", ["Detach", "Claim", "BulkOut", "ReadStatus", "ClearHalt", "Pause"])
def test_interrupted_midway_gives_everything_back(
    step: str, bus: VirtualBus, backend: VirtualBackend
) -> None:
    stick = bus.plug(mf691(leave=None))

    def observe(progress: Progress) -> None:
        if progress.step is not None and type(progress.step).__name__ == step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rocket(backend, observer=observe)
    assert stick.claimed == set()
    assert stick.drivers == {0: "usb-storage"}


@pytest.mark.parametrize("errno", [5, 32, 75, 110, 2, 22])
@pytest.mark.parametrize("call", ["bulk_write", "bulk_read", "clear_halt"])
def test_faults_after_the_message_decide_nothing(
    call: str, errno: int, bus: VirtualBus, backend: VirtualBackend
) -> None:
    stick = bus.plug(mf691(leave=None))

    def fail(kind: str) -> None:
        if kind == call:
            raise usb_error(errno)

    backend.before_call = fail
    with pytest.raises(UnchangedError) as caught:
        rocket(backend)
    assert isinstance(caught.value, ModeSwitchError)
    assert stick.claimed == set()
    assert stick.drivers == {0: "usb-storage"}


def test_a_stalled_message_is_sent_again_once(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(mf691())
    calls: list[str] = []

    def stall_first(kind: str) -> None:
        if kind in ("bulk_write", "clear_halt"):
            calls.append(kind)
        if calls.count("bulk_write") == 1 and kind == "bulk_write":
            raise usb_error(32)

    backend.before_call = stall_first
    assert rocket(backend, config=eject()).status is Status.SWITCHED
    assert calls[:3] == ["bulk_write", "clear_halt", "bulk_write"]


def test_exit_codes_are_one_per_outcome() -> None:
    leaves = [
        error
        for name in pymodeswitch.__all__
        if isinstance(error := getattr(pymodeswitch, name), type) and issubclass(error, ModeSwitchError)
    ]
    codes = [error.exit_code for error in leaves]
    assert len(set(codes)) == len(codes) >= 16
    for error in leaves:
        assert error is ModeSwitchError or len(error.__bases__) == 2, "each leaf is a builtin too"


def test_by_port_alone(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(mf691(), "1-1")
    bus.plug(mf691(), "1-2")
    result = switch(port="1-2", backend=backend)
    assert (result.status, str(result.id), result.port) == (Status.SWITCHED, "19d2:1201", "1-2")
    again = switch(port="1-2", backend=backend)
    assert (again.status, str(again.id)) == (Status.ALREADY, "19d2:1203")
    assert again.entry is not None
    assert again.entry.name == "19d2-1201"
    with pytest.raises(NotAttachedError, match="nothing is attached to port 1-3"):
        switch(port="1-3", backend=backend)
    bus.plug(Stick([modem_mode(0x1, 0x2)]), "1-4")
    with pytest.raises(NoEntryError, match="no device file for 0001:0002"):
        switch(port="1-4", backend=backend)


@pytest.mark.parametrize("words", [(), (0x19D2,), (None, 0x1201)])
def test_half_an_id_is_none(words: tuple[Any, ...], backend: VirtualBackend) -> None:
    with pytest.raises(UsageError):
        switch(*words, backend=backend)
