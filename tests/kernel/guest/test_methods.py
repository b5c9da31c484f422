"""One stick for each method that switches the way the real one does, on the real kernel."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import pymodeswitch
import pymodeswitch.device_files.syntax
import pymodeswitch.host.linux
from pymodeswitch import DeviceFile, Status
from pymodeswitch.device_files.syntax import write
from pymodeswitch.host.linux import LinuxHost
from pymodeswitch.virtual import Leave, MassStorage, Mode, Setup, Stick, modem_mode, storage_mode
from pymodeswitch.virtual.descriptors import Configuration, Identity, Interface
from pymodeswitch.virtual.reactions import two_configurations
from tests.kernel.guest import linux
from tests.kernel.guest.conftest import Plug
from tests.support.method_sticks import METHODS, PRODUCT, TARGET, VENDOR, Method
from tests.transport.test_inquiry import lgx


def by_real_reset(leave: Leave) -> Stick:
    """A port reset does not reach a stick by itself: it shows as the device descriptor being read anew."""
    mode = storage_mode(VENDOR, PRODUCT)

    def on_control(stick: Stick, setup: Setup, data: bytes) -> bytes | None:
        again = (setup.request_type, setup.request, setup.value >> 8) == (0x80, 6, 1)
        if again and stick.configuration_value:
            stick.leave(leave)
        return None

    mode.on_control = on_control
    return Stick([mode, modem_mode(VENDOR, TARGET)])


@pytest.fixture
def host() -> Iterator[LinuxHost]:
    host = LinuxHost()
    yield host
    host.close()


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_switches(method: Method, plug: Plug, host: LinuxHost) -> None:
    """By the library, with the device file in memory."""
    leave = Leave(0.5)
    stick = by_real_reset(leave) if method.name == "ResetUSB" else method.build(leave)
    plugged = plug(stick, bound=method.name != "MobileActionMode")
    result = pymodeswitch.switch(VENDOR, PRODUCT, config=method.device_file, timeout=60, host=host)
    assert result.status is Status.SWITCHED
    assert result.port == plugged.port
    assert result.tries == 1
    assert linux.usb_id(plugged.port) == ("1111:2222" if method.in_place else "1111:3333")
    assert [node.name for node in result.nodes] == ["ttyACM0", "ttyACM1"]
    # What the library takes as a DeviceFile, the command takes as a file: it reads the same.
    assert pymodeswitch.device_files.syntax.parse(write(method.device_file))[0] == method.device_file


@pytest.mark.parametrize("bound", [True, False], ids=["kernel", "own INQUIRY"])
def test_entry_chosen_by_scsi_strings(bound: bool, plug: Plug) -> None:
    """From the storage driver's nodes, awaited; without the driver by an INQUIRY of our own."""
    stick = plug(lgx())
    if not bound:
        Path("/sys/bus/usb/drivers/usb-storage/unbind").write_text(f"{stick.port}:1.0")
    done = linux.pymodeswitch("1111:1111", "--json", "-v")
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert (data["status"], data["after"]["id"]) == ("switched", "a69c:8d80")
    assert "fits: sVe=LGX" in done.stderr


def test_another_scsi_vendor_is_left_alone(plug: Plug) -> None:
    """An ID that a memory stick may have, too."""
    stick = plug(lgx("SanDisk"))
    devnum = linux.devnum(stick.port)
    done = linux.pymodeswitch("1111:1111")
    assert done.returncode == 5
    assert "sVe=LGX is not in the SCSI vendor 'SanDisk'" in done.stderr
    assert linux.devnum(stick.port) == devnum
    assert linux.driver(stick.port) == "usb-storage"


def test_mbim_is_preferred_where_there_is_the_driver(plug: Plug) -> None:
    """cdc_mbim is a module of this kernel; the stick has an MBIM interface in its second configuration."""
    modem = Mode(Identity(0, 0, (Configuration((Interface(0, 0x02, 0x0E), Interface(1, 0x0A))),)))
    stick = plug(two_configurations(VENDOR, PRODUCT, modem))
    eject = DeviceFile(standard_eject=True)
    legacy = pymodeswitch.switch(VENDOR, PRODUCT, config=eject, mbim=False, dry_run=True)
    assert legacy.plan is not None
    assert legacy.plan.method == "StandardEject"
    result = pymodeswitch.switch(VENDOR, PRODUCT, config=eject)
    assert result.status is Status.SWITCHED
    assert linux.attribute(stick.port, "bConfigurationValue") == "2"
    assert pymodeswitch.switch(VENDOR, PRODUCT, config=eject).status is Status.ALREADY


def test_drivers_are_found(plug: Plug) -> None:
    """What the MBIM check asks: loaded ones, modules, and none."""
    host = pymodeswitch.host.linux.LinuxHost()
    assert host.has_driver("cdc_acm")
    assert host.has_driver("cdc_mbim")
    assert not host.has_driver("no_such_driver")


def test_two_interfaces_are_both_given_back(plug: Plug, host: LinuxHost) -> None:
    """A stick with two storage interfaces that stays: each has its driver again."""
    first, second = MassStorage(), MassStorage(interface=1, endpoint_out=2, endpoint_in=0x82)
    interfaces = tuple(
        i for s in (first, second) for i in storage_mode(0, 0, s).identity.configurations[0].interfaces
    )
    identity = Identity(VENDOR, PRODUCT, (Configuration(interfaces),))
    stick = plug(Stick([Mode(identity, (first, second))]))
    with pytest.raises(pymodeswitch.UnchangedError):
        pymodeswitch.switch(VENDOR, PRODUCT, config=DeviceFile(standard_eject=True), timeout=6, host=host)
    for number in (0, 1):
        linux.wait_for(
            "the driver", lambda number=number: linux.driver(stick.port, number) == "usb-storage"
        )  # type: ignore[misc]
