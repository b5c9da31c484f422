"""The link gsmmodem: which port gets it, for which modems, and which name; its udev rules."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pymodeswitch import DeviceFile, NotAttachedError, UsageError, UsbId
from pymodeswitch.catalog.catalog import Catalog
from pymodeswitch.catalog.sources import shipped_folder
from pymodeswitch.command import cli
from pymodeswitch.modem.port_link import ModemPort, link_name, modem_ids
from pymodeswitch.nouns.model import Entry
from pymodeswitch.system.installation import LINK_SCRIPT, link_script, shipped_system_folder
from pymodeswitch.system.link_rules import link_rules
from pymodeswitch.system.udev_rules import own_command
from pymodeswitch.usb_modeswitch import front
from pymodeswitch.virtual.descriptors import Configuration, Identity, Interface
from tests.host.test_sysfs import put
from tests.support.udev_rules import Event, carry_out

MODEM = UsbId(0x19D2, 0x1203)


class Sys:
    """A folder that looks like sysfs, with modems in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state, self.dev = folder / "state", folder / "dev"
        self.dev.mkdir()

    def modem(self, port: str, *interfaces: tuple[str, bool], usb_id: UsbId = MODEM) -> None:
        """A modem: for each interface the node (with its driver's way) and whether it has an interrupt."""
        numbered = tuple(Interface(number, 0xFF) for number in range(len(interfaces)))
        put(self.folder, port, Identity(usb_id.vendor, usb_id.product, (Configuration(numbered),)))
        for number, (node, has_interrupt) in enumerate(interfaces):
            self.port(port, number, node, has_interrupt=has_interrupt)

    def port(self, port: str, number: int, node: str, *, has_interrupt: bool) -> None:
        """One interface; sysfs shows it below its device, and as a link beside."""
        name = f"{port}:1.{number}"
        real = self.folder / "devices/usb1" / port / name
        way = {"ttyU": f"{node}/tty/{node}", "ttyA": f"tty/{node}", "wwan": f"net/{node}"}[node[:4]]
        (real / way).mkdir(parents=True)
        for end, kind in (("ep_81", "Bulk"), ("ep_82", "Interrupt" if has_interrupt else "Bulk")):
            (real / end).mkdir()
            (real / end / "type").write_text(f"{kind}\n")
        (self.folder / "bus/usb/devices" / name).symlink_to(real)
        (self.folder / "class/tty").mkdir(parents=True, exist_ok=True)
        if node.startswith("tty"):
            (self.folder / "class/tty" / node).symlink_to(real / way)

    def __call__(self, node: str) -> str:
        """The link of a port, empty for none."""
        port = ModemPort(node, str(self.folder))
        return link_name(port, str(self.state), str(self.dev)) if port.is_to_dial_with() else ""


@pytest.fixture
def sys_(tmp_path: Path) -> Sys:
    return Sys(tmp_path)


def test_the_lowest_port_with_an_interrupt(sys_: Sys) -> None:
    sys_.modem("1-1", ("ttyUSB0", False), ("ttyUSB1", True), ("wwan0", True), ("ttyUSB2", True))
    assert [sys_(f"ttyUSB{number}") for number in range(3)] == ["", "gsmmodem", ""]


def test_network_interfaces_do_not_count(sys_: Sys) -> None:
    sys_.modem("1-1", ("wwan0", True), ("ttyUSB0", True))
    assert sys_("ttyUSB0") == "gsmmodem"


def test_without_an_interrupt_there_is_no_link(sys_: Sys) -> None:
    sys_.modem("1-1", ("ttyUSB0", False), ("ttyUSB1", False))
    assert sys_("ttyUSB0") == ""


def test_acm_ports_count_too(sys_: Sys) -> None:
    """The control interface of each has an interrupt endpoint; the node hangs on it."""
    sys_.modem("1-1", ("ttyACM0", True), ("ttyACM1", True))
    assert [sys_("ttyACM0"), sys_("ttyACM1")] == ["gsmmodem", ""]


def test_a_second_modem_and_a_third(sys_: Sys) -> None:
    """Each keeps its link when udev asks again, and a link whose modem has left is free."""
    sys_.modem("1-1", ("ttyUSB0", True))
    sys_.modem("1-2", ("ttyUSB1", True))
    assert [sys_("ttyUSB0"), sys_("ttyUSB1")] == ["gsmmodem", "gsmmodem2"]
    assert [sys_("ttyUSB1"), sys_("ttyUSB0")] == ["gsmmodem2", "gsmmodem"]
    sys_.modem("1-3", ("ttyUSB2", True))
    tty = sys_.folder / "devices/usb1/1-1/1-1:1.0/ttyUSB0/tty/ttyUSB0"
    tty.rmdir()
    assert sys_("ttyUSB2") == "gsmmodem"
    assert sys_("ttyUSB1") == "gsmmodem2"


def test_what_is_in_dev_already(sys_: Sys) -> None:
    """Somebody's own file or link stays; a link of ours that lost its note is the port's own."""
    sys_.modem("1-1", ("ttyUSB0", True))
    for name in ("ttyUSB0", "other", "gsmmodem2"):
        (sys_.dev / name).write_text("")
    (sys_.dev / "gsmmodem").symlink_to("other")
    (sys_.dev / "gsmmodem3").symlink_to("ttyUSB0")
    assert sys_("ttyUSB0") == "gsmmodem3"
    (sys_.dev / "other").unlink()
    sys_.modem("1-2", ("ttyUSB1", True))
    assert sys_("ttyUSB1") == "gsmmodem", "that link leads nowhere"


def test_notes_that_cannot_be_written(sys_: Sys) -> None:
    """/dev tells then; and nobody waits for ever."""
    sys_.modem("1-1", ("ttyUSB0", True))
    sys_.state.write_text("a file, no folder")
    assert sys_("ttyUSB0") == "gsmmodem"
    assert sys_("ttyUSB0") == "gsmmodem"
    sys_.state.unlink()
    (sys_.state / "links/gsmmodem").mkdir(parents=True)
    assert sys_("ttyUSB0") == "gsmmodem"


def test_all_are_taken(sys_: Sys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pymodeswitch.modem.port_link.MOST_LINKS", 1)
    sys_.modem("1-1", ("ttyUSB0", True))
    sys_.modem("1-2", ("ttyUSB1", True))
    assert [sys_("ttyUSB0"), sys_("ttyUSB1")] == ["gsmmodem", ""]


def test_a_lock_that_is_held(sys_: Sys, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not waited for longer than a bound."""
    import fcntl

    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setattr("time.sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    sys_.modem("1-1", ("ttyUSB0", True))
    sys_.state.mkdir(parents=True)
    file = os.open(sys_.state / "links.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(file, fcntl.LOCK_EX)
    assert sys_("ttyUSB0") == "gsmmodem"
    assert 5 <= now[0] < 6
    os.close(file)


@pytest.mark.parametrize(
    "path", ["", "/", "sda", "/devices/usb1/1-1", "/devices/usb1/1-1/1-1:1.0/net/wwan0", "\0", "../../etc"]
)
def test_no_serial_port(path: str, sys_: Sys) -> None:
    with pytest.raises(UsageError, match="no serial port of a USB device"):
        ModemPort(path, str(sys_.folder))


def test_a_port_that_has_left(sys_: Sys) -> None:
    path = "/devices/usb1/1-1/1-1:1.0/ttyUSB0/tty/ttyUSB0"
    with pytest.raises(NotAttachedError, match="ttyUSB0 has left port 1-1"):
        ModemPort(path, str(sys_.folder))
    sys_.modem("1-1", ("ttyUSB0", True))
    assert ModemPort(path, str(sys_.folder)).is_to_dial_with()


# Which modems


def entry(**keys: Any) -> Entry:
    return Entry(UsbId(1, 2), "0001-0002", "", DeviceFile(**keys))


def test_known_modems() -> None:
    one, two, three = UsbId(1, 3), UsbId(1, 4), UsbId(9, 9)
    way = DeviceFile(target_product=3, mode="other")
    found = modem_ids([entry(target_product_list=(4,), target_id_list=(three,), modes=(way,))])
    assert found == {one, two, three}
    assert modem_ids([entry(target_class=2)]) == {UsbId(1, 2)}, "it keeps its ID"
    assert modem_ids([entry(target_product=2)]) == {UsbId(1, 2)}
    shipped = modem_ids(Catalog((shipped_folder(),)).entries())
    assert {MODEM, UsbId(0x3566, 0x2001)} <= shipped
    assert UsbId(0x19D2, 0x1201) not in shipped
    assert UsbId(0x2341, 0x0043) not in shipped, "an Arduino"


COMMAND, SCRIPT = ["/usr/bin/pymodeswitch"], "/usr/lib/udev/pymodeswitch-modem-port.sh"
RULES = link_rules([MODEM, UsbId(0x12D1, 0x14DC), UsbId(0x12D1, 0x1506)], COMMAND, SCRIPT)


def event(kernel: str = "ttyACM0", **fields: Any) -> Event:
    parents = ({"bInterfaceNumber": "00"}, {"idVendor": "19d2", "idProduct": "1203"})
    path = "/devices/usb1/1-1/1-1:1.0/tty/ttyACM0"
    new = Event({}, subsystem="tty", kernel=kernel, parents=parents, path=path, says="gsmmodem")
    return new._replace(**fields)


def test_rules_start_it_for_ports_of_modems() -> None:
    for action in ("add", "change", "bind"):
        outcome = carry_out(RULES, event(action=action))
        words = f"/bin/sh {SCRIPT} {event().path} /usr/bin/pymodeswitch symlink --known"
        assert outcome.programs == (words,)
        assert outcome.links == ("gsmmodem",)
    assert carry_out(RULES, event("ttyUSB3", says="")).links == ()


@pytest.mark.parametrize(
    ("kernel", "number", "interface_0", "starts"),
    [
        ("ttyACM1", "02", "tty", False),
        ("ttyACM1", "02", "ttyUSB0", True),
        ("ttyACM0", "00", "tty", True),
        ("ttyUSB1", "02", "tty", True),
    ],
)
def test_a_second_acm_port_needs_no_shell(kernel: str, number: str, interface_0: str, starts: bool) -> None:
    """Interface 0 is an ACM port, and so the first one with an interrupt endpoint."""
    parents = ({"bInterfaceNumber": number}, *event().parents[1:])
    seen = (f"../../../1-1:1.0/{interface_0}",)
    outcome = carry_out(RULES, event(kernel, parents=parents, parent="1-1", exists=seen))
    assert bool(outcome.programs) == starts


def test_rules_take_the_note_away_with_the_port() -> None:
    links = "/dev/serial/by-id/usb-ZTE-if00 /dev/gsmmodem2 /dev/serial/by-path/x"
    outcome = carry_out(RULES, event(action="remove", devlinks=links))
    assert outcome.run == (f"/bin/sh {SCRIPT} --gone {event().path}",)
    assert carry_out(RULES, event(action="remove", devlinks="/dev/serial/by-id/x")).run == ()
    assert carry_out(RULES, event(devlinks=links)).run == ()


def test_rules_start_nothing_else() -> None:
    other = ({"idVendor": "2341", "idProduct": "0043"},)
    two = ({"idVendor": "12d1", "idProduct": "0000"}, {"idVendor": "0000", "idProduct": "14dc"})
    for quiet in (
        event("ttyS0"),
        event("tty1"),
        event(subsystem="usb"),
        event(action="remove"),
        event(parents=other),
        event(parents=two),
        event(parents=()),
    ):
        assert carry_out(RULES, quiet).programs == ()


@pytest.mark.parametrize("word", ["it's", 'a"b', "a\nb"])
def test_a_command_that_fits_no_rule(word: str) -> None:
    with pytest.raises(UsageError, match="bad command"):
        link_rules([MODEM], [word], SCRIPT)


# The script that the rules start


@pytest.fixture
def script(sys_: Sys) -> Callable[..., str]:
    """The shipped script, in a folder that looks like a computer; `pymodeswitch` says that it is asked."""
    text = link_script().decode()
    (sys_.folder / "sys").mkdir()
    (sys_.folder / "sys/devices").symlink_to(sys_.folder / "devices")
    for path, here in (
        ("/sys$1", f"{sys_.folder}/sys$1"),
        ('"/sys/bus', f'"{sys_.folder}/bus'),
        ("/run/pymodeswitch", str(sys_.state)),
        ("/dev/$link", f"{sys_.dev}/$link"),
    ):
        assert text.count(path) == 1
        text = text.replace(path, here)
    (sys_.folder / "script").write_text(text)

    def said(node: str, *option: str) -> str:
        path = os.path.realpath(sys_.folder / "class/tty" / node).removeprefix(str(sys_.folder))
        words = ["sh", sys_.folder / "script", *option, path, "echo", "asked for"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=True)
        assert done.stderr == ""
        return done.stdout.strip().replace(f"{sys_.folder}/sys", "")

    return said


def test_script_names_the_first_link(sys_: Sys, script: Callable[..., str]) -> None:
    """The same ports and notes as in Python, which goes on from there."""
    sys_.modem("1-1", ("ttyUSB0", False), ("ttyUSB1", True), ("ttyUSB2", True))
    assert [script(f"ttyUSB{number}") for number in (2, 0, 1, 1)] == ["", "", "gsmmodem", "gsmmodem"]
    note = (sys_.state / "links/gsmmodem").read_text()
    assert note == "1-1:1.1/ttyUSB1/tty/ttyUSB1"
    assert sys_("ttyUSB1") == "gsmmodem"


def test_script_goes_by_the_numbers_of_interfaces(sys_: Sys, script: Callable[..., str]) -> None:
    sys_.modem("1-1", ("wwan0", True), *[(f"ttyACM{number}", number == 11) for number in range(1, 12)])
    assert script("ttyACM11") == "gsmmodem"
    sys_.modem("1-2", *[(f"ttyACM{20 + number}", True) for number in range(11)])
    assert [script("ttyACM22"), script("ttyACM30")] == ["", ""]


def test_script_names_further_links(sys_: Sys, script: Callable[..., str]) -> None:
    for port in range(1, 13):
        sys_.modem(f"1-{port}", (f"ttyACM{port}", True))
        link = "gsmmodem" if port == 1 else f"gsmmodem{port}"
        assert script(f"ttyACM{port}") == link
    assert [script("ttyACM7"), script("ttyACM1")] == ["gsmmodem7", "gsmmodem"]


def test_script_takes_the_note_of_a_port_away_that_leaves(sys_: Sys, script: Callable[..., str]) -> None:
    """So the next modem finds a free link, without Python."""
    assert script("ttyACM1", "--gone") == "", "there is no folder yet"
    for port in (1, 2, 3):
        sys_.modem(f"1-{port}", (f"ttyACM{port}", True))
    assert [script(f"ttyACM{port}") for port in (1, 2)] == ["gsmmodem", "gsmmodem2"]
    for _ in range(2):
        assert script("ttyACM1", "--gone") == ""
        assert [path.name for path in (sys_.state / "links").iterdir()] == ["gsmmodem2"]
    assert script("ttyACM3") == "gsmmodem"


def test_script_leaves_to_python_what_is_left_over(sys_: Sys, script: Callable[..., str]) -> None:
    """The note of a modem that is gone; a link that somebody else has made."""
    sys_.modem("1-1", ("ttyUSB0", True))
    sys_.modem("1-2", ("ttyACM0", True))
    (sys_.state / "links").mkdir(parents=True)
    (sys_.state / "links/gsmmodem").write_text("/nonexistent")
    assert script("ttyACM0") == "asked for /devices/usb1/1-2/1-2:1.0/tty/ttyACM0"
    (sys_.state / "links/gsmmodem").unlink()
    (sys_.dev / "gsmmodem").write_text("somebody else's")
    assert script("ttyUSB0").startswith("asked for ")


def test_script_without_a_place_for_notes(sys_: Sys, script: Callable[..., str]) -> None:
    sys_.modem("1-1", ("ttyUSB0", True))
    sys_.state.write_text("a file where the folder should be")
    assert script("ttyUSB0").startswith("asked for ")


# The commands


@pytest.fixture
def of_system(sys_: Sys, monkeypatch: pytest.MonkeyPatch) -> Sys:
    """The same, as the computer's own."""
    sys_.modem("1-1", ("ttyUSB0", False), ("ttyUSB1", True))
    sys_.modem("1-2", ("ttyUSB2", True), usb_id=UsbId(0x2341, 0x0043))
    defaults = (str(sys_.folder),)
    monkeypatch.setattr(ModemPort.__init__, "__defaults__", defaults)
    monkeypatch.setattr(link_name, "__defaults__", (str(sys_.state), str(sys_.dev)))
    return sys_


def test_verb(of_system: Sys, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*words: str) -> tuple[int, str]:
        return cli.main(["symlink", *words]), capsys.readouterr().out

    assert said("ttyUSB1") == (0, "gsmmodem\n")
    assert said("ttyUSB0") == (0, "")
    assert said("ttyUSB2") == (0, ""), "no modem that we know"
    assert said("ttyUSB2", "--known") == (0, "gsmmodem2\n")
    code, out = said("ttyUSB1", "--json")
    assert (code, json.loads(out)) == (0, {"port": "ttyUSB1", "id": "19d2:1203", "link": "gsmmodem"})
    assert json.loads(said("ttyUSB0", "--json")[1])["link"] is None
    assert said("ttyS0") == (2, "")


def test_spelling_of_the_reference(of_system: Sys, capsys: pytest.CaptureFixture[str]) -> None:
    """In its udev rule: the path, and IDs that may be empty."""

    def said(path: str, *ids: str) -> tuple[int, str]:
        return front.main(["--symlink-name", path, *ids]), capsys.readouterr().out

    path = "/devices/usb1/1-1/1-1:1.1/ttyUSB1/tty/ttyUSB1"
    assert said(path, "19d2", "1203", "19d2/1203/0") == (0, "gsmmodem")
    assert said("ttyUSB0") == (0, "")
    assert said("ttyUSB2", "2341", "0043") == (0, "")
    assert said("nonsense")[0] == 1
    assert front.main(["--symlink-name"]) == 1


def test_rules_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["rules", "--links", "--command", "/usr/bin/pymodeswitch"]) == 0
    out = capsys.readouterr().out
    script = f"{shipped_system_folder()}/lib/udev/{LINK_SCRIPT}"
    assert Path(script).exists()
    assert out == link_rules(modem_ids(Catalog((shipped_folder(),)).entries()), COMMAND, script)
    assert cli.main(["rules", "--links", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["command"] == " ".join(own_command())
    assert f'PROGRAM="/bin/sh {script} %p {data["command"]} symlink --known"' in data["rules"]


@pytest.mark.parametrize("umask", [0, 0o077])
def test_what_others_may_do_with_the_state(umask: int, sys_: Sys, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody but root may hold the lock or change a note, whatever the umask of the start."""
    import fcntl
    import stat
    import time

    sys_.modem("1-1", ("ttyUSB0", True))
    before = os.umask(umask)
    try:
        assert sys_("ttyUSB0") == "gsmmodem"
    finally:
        os.umask(before)
    modes = {path: stat.S_IMODE((sys_.state / path).stat().st_mode) for path in ("", "links", "links.lock")}
    assert modes == {"": 0o755, "links": 0o755, "links.lock": 0o600}
    assert (sys_.state / "links/gsmmodem").stat().st_mode & 0o022 == 0
    file = os.open(sys_.state / "links", os.O_RDONLY)  # all that another user can open
    fcntl.flock(file, fcntl.LOCK_EX)
    monkeypatch.setattr("pymodeswitch.modem.port_link.LOCK_S", 30.0)
    now = time.monotonic()
    assert sys_("ttyUSB0") == "gsmmodem"
    assert time.monotonic() - now < 30
    os.close(file)
