"""Modes, MBIM, Pantech's own choice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pymodeswitch import DeviceFile, Status, UnchangedError, UsageError, UsbId, switch
from pymodeswitch.catalog.catalog import default_catalog, read_entry
from pymodeswitch.host.linux import default_host
from pymodeswitch.planning.plan import typical_device
from pymodeswitch.planning.policy import Decision, decide, decide_by, mode_names
from pymodeswitch.planning.settings import Settings
from pymodeswitch.virtual import (
    Leave,
    Mode,
    Stick,
    VirtualBackend,
    VirtualBus,
    message_stick,
    modem_mode,
    storage_mode,
    two_configurations,
)
from pymodeswitch.virtual.descriptors import Configuration, Identity, Interface
from tests.support.method_sticks import HUAWEI_ALT, HUAWEI_NEW

HUAWEI = UsbId(0x12D1, 0x1F01)
NETWORK = DeviceFile(huawei_new_mode=True, target_vendor=0x12D1, target_product=0x14DB, mode="network")
MODEM = DeviceFile(huawei_alt_mode=True, target_vendor=0x12D1, target_product=0x155E, mode="modem")
BOTH = replace(NETWORK, modes=(MODEM,), comments=("Huawei",))
EJECT = DeviceFile(standard_eject=True)
PLAIN = typical_device(HUAWEI)
WITH_MBIM = replace(PLAIN, mbim_configuration=3)


def decided(
    device_file: DeviceFile,
    *drivers: str,
    device: Any = PLAIN,
    mode: str | None = None,
    mbim: bool = True,
) -> Decision:
    return decide(device_file, device, mode=mode, mbim=mbim, has_driver=drivers.__contains__)


def test_default_mode_is_the_files_own() -> None:
    assert decided(BOTH).device_file == replace(BOTH, modes=())
    assert decided(BOTH, mode="network").device_file == replace(NETWORK, comments=("Huawei",))


def test_mode_by_name() -> None:
    decision = decided(BOTH, mode="modem")
    assert decision.device_file == replace(MODEM, comments=("Huawei",))
    assert decision.reasons == ("mode modem, as asked for",)


@pytest.mark.parametrize(
    ("device_file", "device", "message"),
    [
        (BOTH, PLAIN, "no mode 'zebra' for 12d1:1f01: there are network, modem"),
        (EJECT, PLAIN, "no mode 'zebra' for 12d1:1f01: it has only one"),
        (EJECT, WITH_MBIM, "no mode 'zebra' for 12d1:1f01: there are mbim, legacy"),
    ],
)
def test_unknown_mode(device_file: DeviceFile, device: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        decided(device_file, device=device, mode="zebra")


def test_mbim_is_no_mode_of_a_device_without_it() -> None:
    with pytest.raises(UsageError, match="it has only one"):
        decided(EJECT, "cdc_mbim", mode="mbim")


@pytest.mark.parametrize(
    ("device_file", "drivers", "options", "configuration"),
    [
        (EJECT, ("cdc_mbim",), {}, 3),
        (DeviceFile(configuration=0), ("cdc_mbim",), {}, 3),
        (DeviceFile(configuration=2), ("cdc_mbim",), {}, 3),
        (EJECT, (), {}, None),  # no driver here
        (EJECT, ("cdc_mbim",), {"mbim": False}, None),
        (EJECT, ("cdc_mbim",), {"mode": "legacy"}, None),
        (DeviceFile(standard_eject=True, no_mbim_check=True), ("cdc_mbim",), {}, None),
        (EJECT, (), {"mode": "mbim"}, 3),  # asked for by name
        (EJECT, (), {"mode": "mbim", "mbim": False}, 3),
    ],
)
def test_mbim(
    device_file: DeviceFile, drivers: tuple[str, ...], options: Any, configuration: int | None
) -> None:
    decision = decided(device_file, *drivers, device=WITH_MBIM, **options)
    if configuration is None:
        assert decision.device_file == device_file
    else:
        assert decision.device_file == DeviceFile(configuration=configuration, mode="mbim")
        assert "MBIM" in decision.reasons[0]


def test_no_mbim_configuration_no_mbim() -> None:
    assert decided(EJECT, "cdc_mbim").device_file == EJECT


@pytest.mark.parametrize(
    ("usb_id", "written", "drivers", "chosen"),
    [
        ("10a9:6080", 1, (), 2),
        ("10a9:6080", 1, ("qmi_wwan",), 2),
        ("10a9:606f", 1, ("qmi_wwan",), 4),
        ("10a9:606f", 1, (), 1),  # it switches by itself
        ("10a9:606f", 2, ("qmi_wwan",), 2),
        ("10a9:606f", 3, ("qmi_wwan",), 1),
        ("10a9:606f", 4, (), 4),
    ],
)
def test_pantech(usb_id: str, written: int, drivers: tuple[str, ...], chosen: int) -> None:
    device = typical_device(UsbId.parse(usb_id))
    decision = decided(DeviceFile(pantech_mode=written), *drivers, device=device)
    assert decision.device_file.pantech_mode == chosen


def test_mode_names() -> None:
    assert mode_names(BOTH, None) == ("network", "modem")
    assert mode_names(EJECT, WITH_MBIM) == ("mbim", "legacy")
    assert mode_names(EJECT, PLAIN) == ()


ALT = Settings(huawei_alt_mode=True, where={"huawei_alt_mode": "/etc/some.conf"})
ALT_REASON = "HuaweiAltMode instead of HuaweiNewMode, by /etc/some.conf"


def decided_by(settings: Settings, device_file: DeviceFile, mode: str | None = None) -> Decision:
    return decide_by(
        settings, device_file, WITH_MBIM, mode=mode, mbim=False, has_driver=lambda driver: False
    )


def test_huawei_alt_mode_instead_of_the_new_one() -> None:
    plain = replace(NETWORK, mode="", target_class=0xFF, wait_before_s=3)
    decision = decided_by(ALT, plain)
    assert decision.device_file == DeviceFile(huawei_alt_mode=True, wait_before_s=3)
    assert decision.reasons == (ALT_REASON,)


def test_huawei_alt_mode_takes_the_way_that_the_file_has_for_it() -> None:
    decision = decided_by(ALT, BOTH)
    assert decision.device_file == replace(MODEM, comments=("Huawei",))
    assert decision.reasons == (f"mode modem: {ALT_REASON}",)


@pytest.mark.parametrize(
    ("settings", "device_file", "mode"),
    [
        (Settings(), NETWORK, None),
        (ALT, EJECT, None),
        (ALT, MODEM, None),
        (ALT, BOTH, "network"),  # a mode asked for is more than a general wish
        (ALT, BOTH, "mbim"),
        (replace(ALT, modes={HUAWEI: "network"}), BOTH, None),
    ],
)
def test_huawei_alt_mode_is_for_the_new_mode_alone(
    settings: Settings, device_file: DeviceFile, mode: str | None
) -> None:
    without = decided_by(replace(settings, huawei_alt_mode=False), device_file, mode)
    assert decided_by(settings, device_file, mode) == without


# On virtual sticks


def huawei() -> Stick:
    """A stick with two ways out of storage mode."""
    stick = message_stick(0x12D1, 0x1F01, HUAWEI_NEW, modem_mode(0x12D1, 0x14DB), Leave(0.5))
    modem = message_stick(0x12D1, 0x1F01, HUAWEI_ALT, modem_mode(0x12D1, 0x155E), Leave(0.5))
    network_hook, modem_hook = stick.modes[0].functions[0].hook, modem.modes[0].functions[0].hook  # type: ignore[attr-defined]

    def hook(command: Any) -> Any:
        reply = modem_hook(command)
        if reply is None:
            return network_hook(command)
        stick.modes = [stick.modes[0], modem.modes[1]]
        return replace(reply, after_status=lambda: stick.leave(Leave(0.5)))

    stick.modes[0].functions[0].hook = hook  # type: ignore[attr-defined]
    return stick


@pytest.mark.parametrize(
    ("options", "settings", "product"),
    [
        ({}, Settings(), 0x14DB),
        ({"mode": "network"}, Settings(), 0x14DB),
        ({"mode": "modem"}, Settings(), 0x155E),
        ({}, Settings({HUAWEI: "modem"}), 0x155E),
        ({"mode": "network"}, Settings({HUAWEI: "modem"}), 0x14DB),
        ({}, ALT, 0x155E),
    ],
)
def test_choice_of_mode(
    options: Any, settings: Settings, product: int, bus: VirtualBus, backend: VirtualBackend
) -> None:
    bus.plug(huawei())
    result = switch(0x12D1, 0x1F01, backend=backend, settings=settings, **options)
    assert (result.status, result.unlisted) == (Status.SWITCHED, False)
    assert result.after is not None
    assert result.after.id.product == product
    # Without a mode asked for, any mode's target will do; with one, only its own.
    assert switch(0x12D1, 0x1F01, backend=backend).status is Status.ALREADY


def test_one_id_in_every_mode(bus: VirtualBus, backend: VirtualBackend) -> None:
    """3566:2001 keeps its ID; a stick in either mode is left alone."""
    for interface_class in (0xFF, 0xE0):
        identity = Identity(0x3566, 0x2001, (Configuration((Interface(0, interface_class),)),))
        bus.plug(Stick([Mode(identity)]))
        assert switch(0x3566, 0x2001, backend=backend).status is Status.ALREADY
        bus.unplug("1-1")
    bus.plug(Stick([storage_mode(0x3566, 0x2001)]))
    planned = switch(0x3566, 0x2001, backend=backend, dry_run=True)
    assert planned.plan is not None
    assert planned.plan.method == "HuaweiAltMode"


def mbim_stick() -> Stick:
    configuration = Configuration((Interface(0, 0x02, 0x0E), Interface(1, 0x0A)))
    return two_configurations(0x12D1, 0x1F01, Mode(Identity(0, 0, (configuration,))))


def test_mbim_configuration_on_the_bus(bus: VirtualBus, backend: VirtualBackend) -> None:
    attached = bus.plug(mbim_stick())
    result = switch(0x12D1, 0x1F01, backend=backend, mode="mbim")
    assert result.status is Status.SWITCHED
    assert attached.stick.configuration_value == 2
    again = switch(0x12D1, 0x1F01, backend=backend, mode="mbim")
    assert again.status is Status.ALREADY


# Settings


@pytest.mark.parametrize("by_port", [False, True])
def test_a_mode_that_the_settings_have_and_the_file_has_not(
    by_port: bool, bus: VirtualBus, backend: VirtualBackend
) -> None:
    """As with a device file of another project that knows no modes: the stick is not lost for that."""
    bus.plug(huawei())
    settings = Settings({HUAWEI: "zebra"}, path="/etc/some.conf")
    named = {"port": "1-1"} if by_port else {"vendor": 0x12D1, "product": 0x1F01}
    result = switch(backend=backend, settings=settings, **named)  # type: ignore[arg-type]
    assert result.status is Status.SWITCHED
    (candidate,) = default_catalog().candidates(HUAWEI)
    names = ", ".join(read_entry(candidate).device_file.mode_names)
    assert result.warnings[0] == (
        f"/etc/some.conf: no mode 'zebra' for 12d1:1f01: there are {names}; the default one is taken"
    )
    assert switch(0x12D1, 0x1F01, backend=backend, settings=settings).status is Status.ALREADY


def test_as_written_nothing_is_decided(bus: VirtualBus, backend: VirtualBackend) -> None:
    """PantechMode 3 is sent as it stands, MBIM is not preferred, the settings' mode does not count."""
    modem = Mode(Identity(0, 0, (Configuration((Interface(0, 0x02, 0x0E),)),)))
    stick = two_configurations(0x12D1, 0x1F01, modem)
    seen = []
    stick.modes[0].on_control = lambda _stick, setup, _data: seen.append(setup)  # type: ignore[func-returns-value]
    bus.plug(stick)
    settings = Settings(modes={HUAWEI: "modem"})
    pantech = DeviceFile(pantech_mode=3)
    with pytest.raises(UnchangedError) as caught:
        switch(0x12D1, 0x1F01, config=pantech, as_written=True, settings=settings, backend=backend)
    assert [setup.value for setup in seen if setup.request_type == 0x40] == [3]
    assert caught.value.result is not None
    assert caught.value.result.tries == 1
    for choice in ({"mode": "modem"}, {"mbim": True}):
        with pytest.raises(UsageError, match="as_written leaves no choice"):
            switch(0x12D1, 0x1F01, config=pantech, as_written=True, backend=backend, **choice)


def test_what_mbim_keeps_of_the_device_file(bus: VirtualBus, backend: VirtualBackend) -> None:
    """The whole record: what is waited for stays, the method and its targets go."""
    bus.plug(mbim_stick())
    (device,) = default_host(backend).devices()
    written = DeviceFile(
        comments=("a modem",),
        huawei_new_mode=True,
        target_vendor=0x12D1,
        target_product=0x14DB,
        wait_before_s=7,
        check_success_s=30,
        release_delay_ms=900,
    )
    decision = decide(written, device, mode="mbim", mbim=True, has_driver=lambda name: True)
    assert decision.device_file == DeviceFile(
        comments=("a modem",), configuration=2, wait_before_s=7, check_success_s=30, mode="mbim"
    )
