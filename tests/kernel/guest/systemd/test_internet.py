"""From plug to Internet with ModemManager and NetworkManager; the installed unit switches the sticks."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pymodeswitch.modem.examination import modem_manager_cures
from pymodeswitch.nouns.model import AttachedDevice, Port, UsbId
from pymodeswitch.virtual import EcmCard, Leave, Radio, message_stick, mf691, network_card_mode
from tests.kernel.guest import dialling, linux
from tests.kernel.guest.conftest import Plug
from tests.kernel.guest.dialling import INTERNET
from tests.kernel.guest.systemd.conftest import Journal
from tests.kernel.usbip import UsbipServer, place
from tests.support.method_sticks import HUAWEI_NEW

AT_POWER_ON = 8  # the slot of the stick that is in since then (rig.py); nobody answers its calls
KEEP_AWAY = Path("/etc/udev/rules.d/78-no-modemmanager.rules")
DAEMONS = ("ModemManager", "NetworkManager")
# Without a rule ModemManager has sent its first command 3.2 s after the node, in this guest.
PROBED_S = 12.0
USERS = ("messagebus", "polkitd")


@pytest.fixture(scope="module", autouse=True)
def _daemons() -> Iterator[None]:
    """Both daemons, and what they need; the other modem is not theirs."""
    dialling.install()
    with Path("/etc/passwd").open("a+") as users:
        users.seek(0)
        known = users.read()
        for number, user in enumerate(USERS, 990):
            if f"{user}:" not in known:
                users.write(f"{user}:x:{number}:{number}::/:/usr/sbin/nologin\n")
    other = place(AT_POWER_ON)[0]
    KEEP_AWAY.parent.mkdir(parents=True, exist_ok=True)
    KEEP_AWAY.write_text(f'SUBSYSTEM=="usb", KERNEL=="{other}", ENV{{ID_MM_DEVICE_IGNORE}}="1"\n')
    linux.reload_rules()
    systemctl("daemon-reload")
    linux.run_command("udevadm", "trigger", "--action=change", "--subsystem-match=usb")
    linux.settle()
    systemctl("start", "dbus.socket", *DAEMONS)
    yield
    systemctl("stop", *DAEMONS)
    KEEP_AWAY.unlink()
    dialling.without_rules()


def systemctl(*words: str) -> None:
    done = linux.run_command("systemctl", *words)
    assert done.returncode == 0, done.stdout + done.stderr


def listed() -> str:
    return linux.run_command("mmcli", "-L").stdout


def state(connection: str) -> str:
    return shown(connection, "GENERAL.STATE")


def shown(connection: str, field: str) -> str:
    return linux.run_command("nmcli", "-g", field, "connection", "show", connection).stdout.strip()


def test_modemmanager_takes_it_and_networkmanager_connects(
    plug: Plug, usb: UsbipServer, journal: Journal
) -> None:
    """By the line that `modem --conf nmcli` prints; what `modem` and `doctor` say meanwhile."""
    with dialling.operating() as operator:
        radio = Radio(on_call=operator.take, wake=usb.poke)
        stick = plug(mf691(radio=radio), bound=False)
        linux.wait_for("the modem", lambda: linux.usb_id(stick.port) == "19d2:1203")
        linux.wait_for("ModemManager's list", lambda: "[ZTE CORPORATION] MF691" in listed())
        assert listed().count("/Modem/") == 1, "the other one is kept away from it"
        asked = linux.pymodeswitch("modem", stick.port)
        assert "ModemManager (process " in asked.stdout
        assert "ModemManager" in linux.pymodeswitch("doctor", "--port", stick.port).stdout

        words = ("--apn", "internet", "--user", "user", "--password", "pass")
        text = linux.pymodeswitch("modem", stick.port, "--conf", "nmcli", *words).stdout
        Path("/run/connect").write_text(text)
        done = linux.run_command("sh", "-e", "/run/connect")
        assert done.returncode == 0, done.stdout + done.stderr
        linux.wait_for("the connection", lambda: state("internet") == "activated")
        assert "default dev ppp0" in linux.run_command("ip", "route").stdout
        dialling.ping("ppp0")
        assert INTERNET in shown("internet", "IP4.DNS")

        held = linux.pymodeswitch("modem", stick.port)
        assert held.returncode == 9, held.stdout + held.stderr
        assert "use it: nmcli connection add" in held.stdout
        assert "keep it away" in held.stdout
        assert linux.run_command("nmcli", "connection", "down", "internet").returncode == 0
        linux.wait_for("the call's end", lambda: operator.calls[-1].ended)
        linux.run_command("nmcli", "connection", "delete", "internet")


def test_the_printed_rule_keeps_modemmanager_away(plug: Plug, usb: UsbipServer, journal: Journal) -> None:
    """With it ModemManager says nothing to the modem, on neither port."""
    stick = mf691(radio=Radio(wake=usb.poke))
    modem = stick.modes[1]
    device = AttachedDevice(Port("1-1"), UsbId(modem.identity.vendor, modem.identity.product), 1, 2)
    _, keep_away = modem_manager_cures(device)
    before = KEEP_AWAY.read_text()
    KEEP_AWAY.write_text(before + re.search('SUBSYSTEM.*"1"', keep_away)[0] + "\n")  # type: ignore[index]
    linux.reload_rules()
    plugged = plug(stick, bound=False)
    linux.wait_for("serial ports", lambda: len(linux.serial_ports(plugged.port)) == 2)
    time.sleep(PROBED_S)
    assert [bytes(port.received) for port in modem.functions] == [b"", b""]
    assert "/Modem/" not in listed()
    KEEP_AWAY.write_text(before)
    linux.reload_rules()


def test_a_network_card_gets_its_address_by_networkmanager_alone(
    plug: Plug, usb: UsbipServer, journal: Journal
) -> None:
    """HiLink: 12d1:1f01 becomes 12d1:14dc, and nothing is configured."""
    card = EcmCard(wake=usb.poke)
    target = network_card_mode(0x12D1, 0x14DC, card)
    stick = plug(message_stick(0x12D1, 0x1F01, HUAWEI_NEW, target, Leave(0.5)), bound=False)
    linux.wait_for("the network card", lambda: linux.usb_id(stick.port) == "12d1:14dc")

    def addressed() -> str:
        """The name of its interface, which udev changes once, as soon as that has its address."""
        names = [path.name for path in linux.DEVICES.glob(f"{stick.port}:*/net/*")]
        return next((name for name in names if "192.168.8.100/24" in dialling.addresses(name)), "")

    name = linux.wait_for("an address", addressed)
    dialling.ping(name)
    said = linux.pymodeswitch("modem", stick.port)
    assert said.returncode == 0, said.stdout + said.stderr
    address = f"{name} has the address 192.168.8.100"
    assert f"{address}; the stick's own page is http://192.168.8.1/" in said.stdout
    assert card.router.leased
