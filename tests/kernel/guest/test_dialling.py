"""From plug to Internet with the programs of 2011: minicom, wvdialconf, wvdial, pppd and chat."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from pymodeswitch.virtual import Radio, mf691
from tests.kernel.guest import dialling, linux
from tests.kernel.guest.conftest import Plug
from tests.kernel.guest.dialling import (
    NAMED,
    WVDIAL_ENVIRONMENT,
    Operator,
    SwitchedModem,
    Terminal,
    plug_modem,
)
from tests.kernel.usbip import UsbipServer

OF_2011 = Path(__file__).parents[2] / "files/wvdial-2011.conf"
WVDIAL_CONF = Path("/etc/wvdial.conf")


@pytest.fixture(scope="module", autouse=True)
def _programs() -> None:
    dialling.install()
    dialling.without_rules()


@pytest.fixture
def operator() -> Iterator[Operator]:
    with dialling.operating() as operator:
        yield operator


@pytest.fixture
def modem(plug: Plug, usb: UsbipServer, operator: Operator) -> SwitchedModem:
    return plug_modem(plug, usb, operator)


def pppd_runs() -> bool:
    return linux.run_command("pgrep", "-x", "pppd").returncode == 0


def test_plug_switch_and_minicom_on_both_ports(plug: Plug, usb: UsbipServer) -> None:
    """As the owner did: each port by hand."""
    plugged = plug(mf691(radio=Radio(wake=usb.poke)))
    done = linux.pymodeswitch("19d2:1201")
    assert done.returncode == 0, done.stderr
    linux.settle()
    for node in linux.serial_ports(plugged.port):
        with Terminal("minicom", "-o", "-D", f"/dev/{node.name}") as screen:
            screen.wait_for("Press CTRL-A Z")
            screen.type("ATI\r")
            screen.wait_for("Model: MF691")
            screen.type("AT+CSQ\r")
            screen.wait_for(r"\+CSQ: 21,99")
            screen.type("\x01x")
            screen.wait_for("Leave Minicom|Leave without")
            screen.type("\r")
            assert screen.ended() == 0


def test_wvdialconf(modem: SwitchedModem) -> None:
    done = linux.run_command("wvdialconf", "/run/found.conf", environment=WVDIAL_ENVIRONMENT)
    assert f"Found an USB modem on {modem.ttys[0]}." in done.stderr + done.stdout
    assert f"Modem = {modem.ttys[0]}" in Path("/run/found.conf").read_text()


def test_wvdial_as_in_2011(modem: SwitchedModem, operator: Operator) -> None:
    """Its wvdial.conf to the letter: connect, use, Ctrl-C, again, kill pppd, again, without wvdial."""
    shutil.copy(OF_2011, WVDIAL_CONF)
    with Terminal("wvdial", environment=WVDIAL_ENVIRONMENT) as wvdial:
        wvdial.wait_for(r"primary   DNS address 198\.51\.100\.1")
        assert "local  IP address 10.64.64.65" in wvdial.screen
        dialling.ping("ppp0")
        assert socket.gethostbyname("www.example.com") == NAMED
        wvdial.type("\x03")
        wvdial.wait_for("Disconnecting")
        assert wvdial.ended() >= 0
    assert not pppd_runs(), "wvdial's own handler ends pppd"
    assert operator.calls[0].ended

    with Terminal("wvdial", environment=WVDIAL_ENVIRONMENT) as wvdial:
        wvdial.wait_for(r"local  IP address 10\.64\.64\.67")
        linux.run_command("pkill", "pppd")
        # Auto Reconnect is on by default.
        wvdial.wait_for(r"local  IP address 10\.64\.64\.69")
        assert operator.calls[1].ended
        wvdial.kill()
    assert pppd_runs(), "a wvdial that dies leaves pppd alone"
    dialling.ping("ppp0")
    linux.run_command("pkill", "pppd")
    linux.wait_for("no pppd", lambda: not pppd_runs())
    assert operator.calls[2].ended
    assert dialling.addresses("ppp0") == ""
