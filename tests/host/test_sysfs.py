"""Linux's view of the devices, from a folder that looks like sysfs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pymodeswitch import Node, Port, UsbId
from pymodeswitch.early.plugged_stick import PluggedStick
from pymodeswitch.host import linux
from pymodeswitch.host.linux import LinuxHost
from pymodeswitch.host.sysfs import Sysfs, configuration_values, mbim_configuration, parse_interfaces
from pymodeswitch.switching.connector import name_of
from pymodeswitch.virtual import mf691
from pymodeswitch.virtual.descriptors import INTERRUPT, Configuration, Endpoint, Identity, Interface
from tests.support.bounds import within_bounds


def put(root: Path, port: str, identity: Identity, *, number: int = 2, configuration: str = "1") -> Path:
    """A device as the kernel shows it; returns its folder."""
    folder = root / "bus/usb/devices" / port
    folder.mkdir(parents=True)
    raw = identity.to_bytes() + b"".join(c.to_bytes() for c in identity.configurations)
    (folder / "descriptors").write_bytes(raw)
    bus = port.partition("-")[0]
    texts = {"busnum": bus, "devnum": str(number), "bConfigurationValue": configuration}
    texts |= {"manufacturer": identity.manufacturer, "bDeviceClass": f"{identity.device_class:02x}"}
    for name, text in texts.items():
        (folder / name).write_text(f"{text}\n")
    return folder


def bind(root: Path, name: str, driver: str, *nodes: str) -> None:
    """An interface with a driver and the folders of its nodes."""
    folder = root / "bus/usb/devices" / name
    folder.mkdir(parents=True)
    for node in nodes:
        (folder / node).mkdir(parents=True)
    (folder / "driver").symlink_to(f"../../../../bus/usb/drivers/{driver}")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    stick = mf691()
    put(tmp_path, "1-1", stick.modes[0].identity)
    bind(tmp_path, "1-1:1.0", "usb-storage")
    put(tmp_path, "1-10", stick.modes[1].identity, number=9)
    bind(tmp_path, "1-10:1.0", "cdc_acm", "tty/ttyACM0")
    bind(tmp_path, "1-10:1.1", "cdc_acm")
    bind(tmp_path, "1-10:1.2", "option", "ttyUSB3/tty/ttyUSB3")
    bind(tmp_path, "1-10:1.3", "qmi_wwan", "net/wwan0", "usbmisc/cdc-wdm0")
    put(tmp_path, "1-2", Identity(1, 2, (Configuration(()),), device_class=9))
    put(tmp_path, "usb1", Identity(1, 2, (Configuration(()),), device_class=9))
    return tmp_path


@pytest.mark.parametrize(
    ("port", "place", "link", "peer"),
    [
        ("1-3", "usb1/1-0:1.0/usb1-port3", "../../../usb2/2-0:1.0/usb2-port1", "2-1"),
        ("1-4.3", "1-4/1-4:1.0/1-4-port3", "../../../2-1/2-1:1.0/2-1-port3", "2-1.3"),
        ("1-4.3.2", "1-4.3/1-4.3:1.0/1-4.3-port2", "../../../2-1.4/2-1.4:1.0/2-1.4-port1", "2-1.4.1"),
        ("2-3", "usb2/2-0:1.0/usb2-port3", "../../../usb1/1-0:1.0/usb1-port1", "1-1"),
        ("2-1.3", "2-1/2-1:1.0/2-1-port3", "../../../1-4/1-4:1.0/1-4-port3", "1-4.3"),
        ("1-3", "usb1/1-0:1.0/usb1-port4", "../../../usb2/2-0:1.0/usb2-port1", None),
        ("1-3", "usb1/1-0:1.0/usb1-port3", "../../../usb1/1-0:1.0/usb1-port2", None),  # a hub is there
    ],
)
def test_the_peer_of_a_port(port: str, place: str, link: str, peer: str | None, root: Path) -> None:
    """Also behind external hubs; the sender, which reads it by itself, gives a connector the same name."""
    devices = root / "bus/usb/devices"
    (devices / place).mkdir(parents=True)
    (devices / place / "peer").symlink_to(link)
    assert Sysfs(str(root)).peer(Port(port)) == peer
    # Its own link to its port comes a moment after the kernel has told of it: nobody needs it.
    put(root, port, mf691().modes[0].identity)
    if peer is not None:
        assert (
            PluggedStick(str(root), port).connector
            == name_of(Sysfs(str(root)), Port(port))
            == min(port, peer)
        )


def test_nothing_is_asked_of_a_hub_that_may_be_at_work(root: Path) -> None:
    """Reading `bConfigurationValue`, or a string, waits until the kernel is through with all its ports."""
    for name in ("bConfigurationValue", "manufacturer", "descriptors"):
        (root / "bus/usb/devices/1-2" / name).unlink()
        os.mkfifo(root / "bus/usb/devices/1-2" / name)  # reading it would wait for ever
    assert [device.port for device in Sysfs(str(root)).devices()] == ["1-1", "1-10"]


def test_devices_without_hubs_in_the_order_of_ports(root: Path) -> None:
    host = LinuxHost(str(root))
    assert [(d.port, str(d.id)) for d in host.devices()] == [("1-1", "19d2:1201"), ("1-10", "19d2:1203")]


def test_a_device(root: Path) -> None:
    device = Sysfs(str(root)).at("1-1")
    assert device is not None
    assert (device.id, device.bus, device.device_number) == (UsbId(0x19D2, 0x1201), 1, 2)
    assert device.manufacturer == "ZTE, Incorporated"
    assert device.serial == ""
    assert device.node == "/dev/bus/usb/001/002"
    (interface,) = device.interfaces
    assert (interface.bulk_out, interface.bulk_in, interface.driver) == (1, 0x81, "usb-storage")


def test_nodes_with_their_drivers(root: Path) -> None:
    host = LinuxHost(str(root))
    device = host.at(Port("1-10"))
    assert device is not None
    assert host.nodes(device) == (
        Node("tty", "ttyACM0", "cdc_acm", 0),
        Node("tty", "ttyUSB3", "option", 2),
        Node("cdc-wdm", "cdc-wdm0", "qmi_wwan", 3),
        Node("net", "wwan0", "qmi_wwan", 3),
    )


def test_scsi_strings_once_the_storage_driver_has_them(root: Path) -> None:
    host = LinuxHost(str(root))
    device = host.at(Port("1-1"))
    assert device is not None
    assert host.scsi_strings(device) is None
    unit = root / "bus/usb/devices/1-1:1.0/host3/target3:0:0/3:0:0:0"
    unit.mkdir(parents=True)
    for name, text in (("vendor", "ZTE     "), ("model", "USB SCSI CD-ROM "), ("rev", "2.31")):
        (unit / name).write_text(text + "\n")
    assert host.scsi_strings(device) == ("ZTE", "USB SCSI CD-ROM", "2.31")


def test_not_configured_yet(tmp_path: Path) -> None:
    put(tmp_path, "1-1", mf691().identity, configuration="")
    device = Sysfs(str(tmp_path)).at("1-1")
    assert device is not None
    assert (device.configuration, device.interfaces, device.interface_class) == (0, (), None)


@pytest.mark.parametrize("missing", ["descriptors", "busnum", "devnum", "bConfigurationValue"])
def test_a_device_that_is_just_leaving_is_not_there(root: Path, missing: str) -> None:
    (root / "bus/usb/devices/1-1" / missing).unlink()
    assert Sysfs(str(root)).at("1-1") is None


def test_cut_descriptors(root: Path) -> None:
    path = root / "bus/usb/devices/1-1/descriptors"
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        Sysfs(str(root)).at("1-1")  # does not raise
    path.write_bytes(whole[:18] + bytes(40))
    device = Sysfs(str(root)).at("1-1")
    assert device is not None
    assert device.interfaces == ()


def test_no_sysfs(tmp_path: Path) -> None:
    sysfs = Sysfs(str(tmp_path))
    assert not sysfs.exists()
    assert sysfs.devices() == ()


def test_only_the_active_configuration_and_altsetting_zero_count() -> None:
    first = Configuration((Interface(0, 8, endpoints=(Endpoint(1), Endpoint(0x82), Endpoint(0x83))),))
    second = Configuration(
        (
            Interface(0, 2, 2, 1, (Endpoint(0x85, INTERRUPT),)),
            Interface(1, 10, altsetting=0),
            Interface(1, 10, altsetting=1, endpoints=(Endpoint(4), Endpoint(0x84))),
        ),
        value=2,
    )
    identity = Identity(1, 2, (first, second))
    raw = identity.to_bytes() + first.to_bytes() + second.to_bytes()
    assert parse_interfaces(raw, 1) == [(0, 8, 0, 0, 1, 0x82)]
    assert parse_interfaces(raw, 2) == [(0, 2, 2, 1, None, None), (1, 10, 0, 0, None, None)]
    assert parse_interfaces(raw, 3) == []


def test_ports_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    identity = mf691().modes[0].identity
    for port in ("1-10", "1-2", "2-1", "1-2.10", "1-2.9", "10-1"):
        put(tmp_path, port, identity)
    ports = [device.port for device in Sysfs(str(tmp_path)).devices()]
    assert ports == ["1-2", "1-2.9", "1-2.10", "1-10", "2-1", "10-1"]


def test_an_interrupt_endpoint_is_no_bulk_endpoint() -> None:
    ends = (
        Endpoint(0x81, INTERRUPT),
        Endpoint(0x02, INTERRUPT),
        Endpoint(0x83),
        Endpoint(0x04),
        Endpoint(0x85),
    )
    configuration = Configuration((Interface(0, 8, endpoints=ends),))
    raw = Identity(1, 2, (configuration,)).to_bytes() + configuration.to_bytes()
    assert parse_interfaces(raw, 1) == [(0, 8, 0, 0, 0x04, 0x83)]


def test_mbim_is_a_choice_only_where_there_are_several_configurations() -> None:
    storage = Configuration((Interface(0, 8),))
    one = Configuration((Interface(0, 0x02, 0x0E),))
    alone = Identity(1, 2, (one,))
    assert mbim_configuration(alone.to_bytes() + one.to_bytes()) is None
    second = Configuration((Interface(0, 0x02, 0x0E),), value=2)
    both = Identity(1, 2, (storage, second))
    assert mbim_configuration(both.to_bytes() + storage.to_bytes() + second.to_bytes()) == 2


@pytest.mark.parametrize(
    ("index", "text"),
    [
        ("modules.dep", "kernel/drivers/net/usb/cdc_mbim.ko.xz: kernel/x.ko\n"),
        ("modules.builtin", "kernel/drivers/net/usb/cdc_mbim.ko\n"),
    ],
)
def test_a_driver_that_is_not_loaded_yet(
    index: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module, or built in."""
    folder = tmp_path / os.uname().release
    folder.mkdir()
    monkeypatch.setattr(linux, "MODULES", str(tmp_path))
    host = LinuxHost(str(tmp_path / "sys"))
    assert not host.has_driver("cdc_mbim")
    (folder / index).write_text(text)
    assert host.has_driver("cdc_mbim")
    assert not host.has_driver("mbim")


def test_thousands_of_configurations_cost_little() -> None:
    """No more than the kernel reads; each is looked through for MBIM."""
    configuration = Configuration((Interface(0, 8),)).to_bytes()
    raw = Identity(1, 2, ()).to_bytes() + configuration * 3000
    assert within_bounds(lambda: mbim_configuration(raw)) is None
    assert configuration_values(raw) == [1] * 8
