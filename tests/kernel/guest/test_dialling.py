"""From plug to Internet with the programs of 2011: minicom, wvdialconf, wvdial, pppd and chat."""

from __future__ import annotations

import os
import select
import shutil
import socket
import termios
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from pymodeswitch.virtual import Radio, mbim_mode, mf691, two_configurations
from tests.kernel.guest import dialling, linux
from tests.kernel.guest.conftest import Plug
from tests.kernel.guest.dialling import (
    INTERNET,
    NAMED,
    WVDIAL_ENVIRONMENT,
    Operator,
    SwitchedModem,
    Terminal,
    plug_modem,
)
from tests.kernel.usbip import UsbipServer
from tests.support import CHECKOUT

OF_2011 = CHECKOUT / "tests/files/wvdial-2011.conf"
SILENCE_S = 2.0  # no transfer of the host is under way any more
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


def address_of(name: str) -> str:
    try:
        return socket.gethostbyname(name)
    except OSError:
        return ""


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


def test_what_the_network_does_by_itself_arrives(plug: Plug, usb: UsbipServer) -> None:
    """Characters while the host says nothing, and a hang-up: DCD goes off, and with it the terminal."""
    modem = plug_modem(plug, usb, None)
    file = os.open(modem.ttys[0], os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        tty.setraw(file)
        flags = termios.tcgetattr(file)
        flags[2] &= ~termios.CLOCAL
        termios.tcsetattr(file, termios.TCSANOW, flags)
        os.set_blocking(file, True)
        os.write(file, b"ATD*99#\r")
        heard(file, b"CONNECT\r\n")
        (call,) = modem.radio.calls
        time.sleep(SILENCE_S)
        call.write(b"hello")
        heard(file, b"hello")
        time.sleep(SILENCE_S)
        call.hang_up()
        heard(file, b"")
    finally:
        os.close(file)


def heard(file: int, expected: bytes) -> None:
    """Read until that has come; nothing is the end of the file."""
    text = b""
    while expected not in text or not expected:
        ready, _, _ = select.select([file], [], [], linux.PATIENCE_S)
        assert ready, f"not {expected!r}, but {text!r}"
        data = os.read(file, 100)
        if not data:
            assert not expected, f"the end of the file behind {text!r}"
            return
        text += data


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
        # A script of Debian's, which pppd starts, tells the resolver; nobody waits for it.
        linux.wait_for("the name server", lambda: address_of("www.example.com") == NAMED)
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


def configured(kind: str, which: str) -> str:
    """What `modem --conf` prints for the operator's `user` and `pass`."""
    words = ("--apn", "internet", "--user", "user", "--password", "pass")
    done = linux.pymodeswitch("modem", which, "--conf", kind, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def dialled(peer: str, text: str, interface: str) -> str:
    """Have pppd dial by a file of its options; what `ip` says of the interface then."""
    (Path("/etc/ppp/peers") / peer).write_text(text)
    done = linux.run_command("pppd", "call", peer, "logfile", f"/run/{peer}.log")
    assert done.returncode == 0, done.stdout + done.stderr
    return linux.wait_for("an address", lambda: "10.64.64" in (a := dialling.addresses(interface)) and a)


def test_pppd_and_chat_by_the_printed_text(
    plug: Plug, usb: UsbipServer, operator: Operator, link_rules: None
) -> None:
    """On the link of the port; the name servers are where it says."""
    modem = plug_modem(plug, usb, operator)
    text = configured("pppd", modem.plugged.port)
    assert "\n/dev/gsmmodem 460800\n" in text
    assert "10.64.64.65 peer 10.64.64.64" in dialled("internet", text, "ppp0")
    dialling.ping("ppp0")
    assert f"nameserver {INTERNET}" in Path("/etc/ppp/resolv.conf").read_text()
    assert operator.calls[0].apn == "internet"
    held = linux.pymodeswitch("modem", modem.plugged.port)
    assert held.returncode == 9
    assert "pppd (process " in held.stdout
    linux.run_command("pkill", "pppd")
    linux.wait_for("the call's end", lambda: operator.calls[0].ended)


def test_wvdial_by_the_printed_text(modem: SwitchedModem, operator: Operator) -> None:
    modem.radio.contexts.clear()
    modem.radio.apns = frozenset({"internet"})
    WVDIAL_CONF.write_text(configured("wvdial", modem.ttys[0]))
    with Terminal("wvdial", environment=WVDIAL_ENVIRONMENT) as wvdial:
        wvdial.wait_for(r"local  IP address 10\.64\.64\.65")
        dialling.ping("ppp0")
        wvdial.type("\x03")
        wvdial.ended()


def test_two_modems_at_once(plug: Plug, usb: UsbipServer, operator: Operator) -> None:
    modems = [plug_modem(plug, usb, operator, slot) for slot in (0, 1)]
    for number, modem in enumerate(modems):
        text = configured("pppd", modem.ttys[0]).replace("defaultroute\n", "")
        dialled(f"modem{number}", text, f"ppp{number}")
    for interface in ("ppp0", "ppp1", "ppp0"):
        dialling.ping(interface)
    usb.unplug(modems[0].plugged.slot)
    linux.wait_for("the end of ppp0", lambda: not dialling.addresses("ppp0"))
    dialling.ping("ppp1")
    linux.run_command("pkill", "pppd")
    linux.wait_for("no pppd", lambda: not pppd_runs())


STATES: tuple[tuple[dict[str, object], int, str], ...] = (
    ({}, 0, 'registered with Test Network (at home), signal -71 dBm; APN "internet": dial *99***1#'),
    ({"sim": "SIM PIN"}, 33, "the SIM wants its PIN"),
    ({"sim": "READY", "registration": 2, "rssi": 99}, 35, "no signal"),
    ({"answers": False}, 31, "/dev/ttyACM0 does not answer AT"),
)


def test_the_verb_tells_the_states_apart(plug: Plug, usb: UsbipServer) -> None:
    """One after the other on a real tty, each by its exit code and in words."""
    modem = plug_modem(plug, usb, None)
    for changes, code, text in STATES:
        modem.radio.change(**changes)
        done = linux.pymodeswitch("modem", modem.plugged.port)
        assert (done.returncode, text in done.stdout) == (code, True), done.stdout + done.stderr


def test_the_demo_goes_on_to_a_session() -> None:
    """Its own virtual modem between two pppd; afterwards nothing is left of them."""
    done = linux.pymodeswitch("demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "    local  IP address 10.64.64.65\n    remote IP address 10.64.64.64\n" in done.stdout
    assert "The line was up, and has been hung up again." in done.stdout
    assert not pppd_runs()


def test_mbim_as_far_as_its_tool_asks(plug: Plug) -> None:
    """`--mode mbim`, the kernel's driver, and the command that `modem` names."""
    plugged = plug(two_configurations(0x12D1, 0x14FE, mbim_mode(0x12D1, 0x14FE)), bound=False)
    done = linux.pymodeswitch("12d1:14fe", "--mode", "mbim")
    assert done.returncode == 0, done.stderr
    assert "cdc-wdm0 (cdc_mbim)" in done.stdout
    said = linux.pymodeswitch("modem", plugged.port)
    assert said.returncode == 0, said.stdout + said.stderr
    (line,) = [line for line in said.stdout.splitlines() if "mbimcli" in line]
    asked = linux.run_command(*line.partition(": ")[2].split())
    assert "Device ID: '004999010640000'" in asked.stdout, asked.stdout + asked.stderr
