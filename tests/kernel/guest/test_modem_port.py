"""The link /dev/gsmmodem, by the generated rules under a real udev, beside the reference's own choice."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from pymodeswitch.virtual import Mode, Stick, mf691
from pymodeswitch.virtual.descriptors import INTERRUPT, Configuration, Endpoint, Identity, Interface
from tests.kernel.guest import linux
from tests.kernel.guest.conftest import Plug
from tests.kernel.usbip import UsbipServer

LINK = Path("/dev/gsmmodem")
REMEMBERED = Path("/var/lib/usb_modeswitch/link_list")


def zte(*interrupts: bool) -> Stick:
    """A modem of serial ports for the driver `option`; some have an interrupt endpoint."""
    interfaces = []
    for number, has_interrupt in enumerate(interrupts):
        ends = [Endpoint(0x01 + number), Endpoint(0x81 + number)]
        if has_interrupt:
            ends.append(Endpoint(0x88 + number, INTERRUPT, 64, 9))
        interfaces.append(Interface(number, 0xFF, 0xFF, 0xFF, tuple(ends)))
    return Stick([Mode(Identity(0x19D2, 0x0031, (Configuration(tuple(interfaces)),)))])


def leads_to(link: Path = LINK) -> str:
    """The node that a link leads to; empty when there is no link."""
    return os.path.basename(os.readlink(link)) if link.is_symlink() else ""


def ttys(port: str) -> list[str]:
    """The ttyUSB nodes of a modem, by interface."""
    return sorted(path.name for path in linux.DEVICES.glob(f"{port}:*/ttyUSB*"))


def test_after_the_switch_of_the_mf691(plug: Plug, link_rules: None) -> None:
    """The lower one of its ACM ports; the link goes with the modem."""
    stick = plug()
    assert leads_to() == ""
    done = linux.pymodeswitch("19d2:1201")
    assert done.returncode == 0, done.stderr
    linux.settle()
    assert leads_to() == linux.serial_ports(stick.port)[0].name == "ttyACM0"
    linux.talk(LINK, b"AT\r", b"OK\r\n")


def test_the_link_goes_with_the_modem_and_a_second_one_has_its_own(
    plug: Plug, usb: UsbipServer, link_rules: None
) -> None:
    first, second = plug(zte(True), 0, bound=False), plug(zte(False, True), 1, bound=False)
    linux.wait_for("three ports", lambda: len(ttys(first.port) + ttys(second.port)) == 3)
    linux.settle()
    links = [LINK, LINK.with_name("gsmmodem2")]
    assert {leads_to(link) for link in links} == {ttys(first.port)[0], ttys(second.port)[1]}
    # udev asks again at each trigger: they stay what they are.
    before = leads_to()
    linux.run_command("udevadm", "trigger", "--action=change", "--subsystem-match=tty")
    linux.settle()
    assert leads_to() == before
    usb.unplug(first.slot)
    usb.unplug(second.slot)
    linux.wait_for("no link", lambda: not LINK.is_symlink())
    linux.settle()
    assert list((linux.STATE / "links").iterdir()) == []
    third = plug(zte(True), 2, bound=False)
    linux.wait_for("a port", lambda: len(ttys(third.port)) == 1)
    linux.settle()
    assert leads_to() == ttys(third.port)[0]


def test_no_link_for_what_is_no_modem(plug: Plug, link_rules: None) -> None:
    """An ACM device that no device file leads to; nothing is started for it."""
    modem = mf691().modes[1]
    plain = replace(modem, identity=replace(modem.identity, vendor=0x2341, product=0x0043))
    plugged = plug(Stick([plain]), bound=False)
    linux.wait_for("serial ports", lambda: len(linux.serial_ports(plugged.port)) == 2)
    linux.settle()
    assert leads_to() == ""


@pytest.mark.parametrize("interrupts", [(False, True, True), (False, False)])
def test_the_reference_chooses_the_same_port(interrupts: tuple[bool, ...], plug: Plug) -> None:
    """Its dispatcher, as its rule asks it once it knows the ID; ours, by its spelling and by our own."""
    stick = plug(zte(*interrupts), bound=False)
    linux.wait_for("all ports", lambda: len(ttys(stick.port)) == len(interrupts))
    linux.settle()
    REMEMBERED.parent.mkdir(parents=True, exist_ok=True)
    REMEMBERED.write_text("19d2:0031\n")
    for tty in ttys(stick.port):
        path = str(Path("/sys/class/tty", tty).resolve()).removeprefix("/sys")
        theirs = linux.dispatcher("--symlink-name", path)
        if theirs.stdout:
            Path("/dev", theirs.stdout).unlink()  # it puts a file there, until udev has made the link
        ours = linux.run_command(
            *(linux.PYTHON, "-m", "pymodeswitch.usb_modeswitch"),
            *("--symlink-name", path, "19d2", "0031", "19d2/31/0"),
        )
        assert (ours.returncode, ours.stdout) == (theirs.returncode, theirs.stdout), tty
        assert linux.pymodeswitch("symlink", "--known", path).stdout.strip() == ours.stdout
