"""A device, examined: which port is asked, and when none is; network cards and control channels."""

from __future__ import annotations

import pytest

from pymodeswitch.host.sysfs import Sysfs
from pymodeswitch.modem import examine, look_at
from pymodeswitch.modem.places import NetworkCard, Places
from pymodeswitch.nouns.errors import AccessError
from pymodeswitch.nouns.model import AttachedDevice, Port
from pymodeswitch.virtual import Radio, mbim_mode, mf691, network_card_mode
from tests.doctor.tree import PORT, Tree
from tests.modem.conftest import Direct

PLUGGED = f"/sys/bus/usb/devices/{PORT}"


def device(sysfs: Sysfs) -> AttachedDevice:
    found = sysfs.at(Port(PORT))
    assert found is not None
    return found


def test_the_port_of_the_rule_is_asked_and_closed(
    modem: Tree, places: Places, sysfs: Sysfs, line: Direct
) -> None:
    modem.link("/dev/gsmmodem", "ttyACM0")
    report = examine(device(sysfs), places=places, open_line=line)
    assert (report.tty, report.link, report.port) == ("/dev/ttyACM0", "/dev/gsmmodem", "/dev/gsmmodem")
    assert (report.exit_code, [finding.name for finding in report.findings]) == (0, ["ready"])
    assert (line.opened, line.is_open) == (["/dev/ttyACM0"], False)


def test_without_a_link_and_by_choice(modem: Tree, places: Places, sysfs: Sysfs, line: Direct) -> None:
    modem.link("/dev/gsmmodem", "ttyUSB7")
    report = examine(device(sysfs), "ttyACM1", places=places, open_line=line)
    assert (report.tty, report.link, report.port) == ("/dev/ttyACM1", None, "/dev/ttyACM1")
    assert line.opened == ["/dev/ttyACM1"]


def test_ports_without_an_interrupt_endpoint_are_never_asked(
    modem: Tree, places: Places, sysfs: Sysfs, line: Direct
) -> None:
    modem.remove(f"{PLUGGED}:1.0/ep_82")
    examine(device(sysfs), places=places, open_line=line)
    modem.remove(f"{PLUGGED}:1.2/ep_84")
    report = examine(device(sysfs), places=places, open_line=line)
    assert line.opened == ["/dev/ttyACM1"]
    assert (report.exit_code, report.findings[0].name) == (40, "no-port")
    assert report.findings[0].cures == (f"pymodeswitch doctor --port {PORT}",)


@pytest.mark.parametrize(
    ("name", "cure"),
    [("ModemManager", "use it: nmcli connection add type gsm"), ("minicom", "end it: kill 812")],
)
def test_a_port_that_somebody_holds_is_not_opened(
    name: str, cure: str, modem: Tree, places: Places, sysfs: Sysfs, line: Direct
) -> None:
    modem.process(812, name, opens=["/dev/ttyACM0", "/dev/null"])
    report = examine(device(sysfs), places=places, open_line=line)
    assert line.opened == []
    (finding,) = report.findings
    assert (finding.name, report.exit_code) == ("held", 9)
    assert f"{name} (process 812) has /dev/ttyACM0 open" in finding.text
    assert finding.cures[0].startswith(cure)
    assert report.state is None


def test_whoever_comes_in_the_middle_is_seen(modem: Tree, places: Places, sysfs: Sysfs) -> None:
    class Late(Direct):
        def close(self) -> None:
            super().close()
            modem.process(812, "ModemManager", opens=["/dev/ttyACM0"])

    report = examine(device(sysfs), places=places, open_line=Late(Radio()))
    assert (report.exit_code, report.state) == (9, None)


def test_the_other_port_may_be_held(modem: Tree, places: Places, sysfs: Sysfs, line: Direct) -> None:
    modem.process(812, "gpsd", opens=["/dev/ttyACM1"])
    assert examine(device(sysfs), places=places, open_line=line).exit_code == 0


def test_a_modemmanager_that_has_nothing_open_yet(
    modem: Tree, places: Places, sysfs: Sysfs, line: Direct
) -> None:
    modem.process(812, "ModemManager")
    report = examine(device(sysfs), places=places, open_line=line)
    assert [finding.name for finding in report.findings] == ["ready", "modemmanager"]
    assert report.exit_code == 0
    use, keep_away = report.findings[1].cures
    assert "apn APN" in use
    assert 'ATTR{idVendor}=="19d2", ATTR{idProduct}=="1203", ENV{ID_MM_DEVICE_IGNORE}="1"' in keep_away


def test_a_line_that_breaks_is_closed(modem: Tree, places: Places, sysfs: Sysfs) -> None:
    class Broken(Direct):
        def send(self, data: bytes, seconds: float) -> None:
            raise AccessError("gone")

    line = Broken(Radio())
    with pytest.raises(AccessError):
        examine(device(sysfs), places=places, open_line=line)
    assert not line.is_open


def test_a_stick_that_is_not_switched(tree: Tree, places: Places, sysfs: Sysfs, line: Direct) -> None:
    tree.plug(mf691().identity)
    report = examine(device(sysfs), places=places, open_line=line)
    assert (report.findings[0].name, report.findings[0].cures) == (
        "no-port",
        (f"pymodeswitch --port {PORT}",),
    )


# Network cards


@pytest.fixture
def card(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """A HiLink stick with an address and a gateway."""
    tree.plug(network_card_mode(0x12D1, 0x14DC).identity)
    tree.bind(f"{PORT}:1.0", "cdc_ether")
    tree.folder(f"{PLUGGED}:1.0/net/enx0")
    tree.write("/sys/class/net/enx0/carrier", "1\n")
    tree.write(
        "/proc/net/route",
        "Iface\tDestination\tGateway\nlo\t00000000\t00000000\nenx0\t0008A8C0\t00000000\nenx0\t00000000\t0108A8C0\n",
    )
    monkeypatch.setattr(Places, "_address", staticmethod(lambda name: "192.168.8.100"))
    return tree


def test_a_card_with_an_address(card: Tree, places: Places, sysfs: Sysfs) -> None:
    report = examine(device(sysfs), places=places)
    assert report.cards == (NetworkCard("enx0", True, True, "192.168.8.100", "192.168.8.1"),)
    (finding,) = report.findings
    assert (finding.name, report.exit_code) == ("address", 0)
    assert finding.text.endswith("192.168.8.100; the stick's own page is http://192.168.8.1/")


def test_a_modem_with_a_card_beside_it(
    modem: Tree, places: Places, sysfs: Sysfs, line: Direct, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The card is told of once it has an address; without one it is the port that counts."""
    modem.folder(f"{PLUGGED}:1.1/net/usb0")
    monkeypatch.setattr(Places, "_address", staticmethod(lambda name: ""))
    report = examine(device(sysfs), places=places, open_line=line)
    assert [finding.name for finding in report.findings] == ["ready"]
    monkeypatch.setattr(Places, "_address", staticmethod(lambda name: "10.0.0.2"))
    modem.write("/sys/class/net/usb0/carrier", "1\n")
    report = examine(device(sysfs), places=places, open_line=line)
    assert [finding.name for finding in report.findings] == ["ready", "address"]


@pytest.mark.parametrize(
    ("carrier", "address", "name", "code"),
    [(None, "", "no-link", 38), ("0\n", "", "no-link", 38), ("1\n", "", "no-address", 39)],
)
def test_cards_that_are_not_ready(
    carrier: str | None,
    address: str,
    name: str,
    code: int,
    card: Tree,
    places: Places,
    sysfs: Sysfs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Places, "_address", staticmethod(lambda name: address))
    card.remove("/sys/class/net/enx0/carrier")
    if carrier is not None:
        card.write("/sys/class/net/enx0/carrier", carrier)
    report = examine(device(sysfs), places=places)
    assert (report.findings[0].name, report.exit_code) == (name, code)
    assert report.findings[0].cures


def test_the_address_is_the_kernels(places: Places) -> None:
    assert places._address("lo") in ("127.0.0.1", "")  # a sandbox may have no loopback
    assert places._address("none-such") == ""


def test_a_control_channel_names_its_tool(tree: Tree, places: Places, sysfs: Sysfs) -> None:
    """The network card beside it has no address before NetworkManager dials: that is no complaint."""
    tree.plug(mbim_mode(0x12D1, 0x14FE).identity)
    tree.bind(f"{PORT}:1.0", "cdc_mbim")
    tree.folder(f"{PLUGGED}:1.0/usbmisc/cdc-wdm0")
    tree.folder(f"{PLUGGED}:1.0/net/wwan0")
    report = examine(device(sysfs), places=places)
    (finding,) = report.findings
    assert (finding.name, report.exit_code) == ("other-tool", 0)
    assert finding.cures[0] == "what it is: mbimcli -p -d /dev/cdc-wdm0 --query-device-caps"
    assert look_at(device(sysfs), places=places).port is None
