"""`pymodeswitch modem`: which device is meant, output, JSON, exit codes."""

from __future__ import annotations

import functools
import json
from typing import Any

import pytest

from pymodeswitch.command.cli import main
from pymodeswitch.command.verbs import modem as verb
from pymodeswitch.host.sysfs import Sysfs
from pymodeswitch.modem import examine, look_at
from pymodeswitch.modem.places import Places
from pymodeswitch.modem.port_link import ModemPort
from pymodeswitch.virtual import mf691, modem_mode
from tests.doctor.tree import Tree
from tests.modem.conftest import Direct


@pytest.fixture
def run(places: Places, sysfs: Sysfs, line: Direct, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Any:
    """Run the verb on the tree; returns exit code, stdout, stderr."""
    monkeypatch.setattr(verb, "default_host", lambda: sysfs)
    monkeypatch.setattr(verb, "examine", functools.partial(examine, places=places, open_line=line))
    monkeypatch.setattr(verb, "look_at", functools.partial(look_at, places=places))
    monkeypatch.setattr(verb, "ModemPort", functools.partial(ModemPort, sysfs=sysfs.root))

    def go(*words: str) -> tuple[int, str, str]:
        code = main(["modem", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return go


@pytest.mark.parametrize("which", [(), ("1-1",), ("19d2:1203",), ("19d2:1201",)])
def test_which_device_is_meant(which: tuple[str, ...], modem: Tree, run: Any, line: Direct) -> None:
    code, out, err = run(*which)
    assert (code, err) == (0, "")
    assert out == (
        "19d2:1203 on port 1-1 (/dev/ttyACM0)\n"
        '  registered with Test Network (at home), signal -71 dBm; APN "internet": dial *99***1#\n'
    )
    assert line.opened == ["/dev/ttyACM0"]


def test_the_old_port_means_the_modem_on_its_peer(modem: Tree, run: Any) -> None:
    """A stick of USB 3 was plugged into 2-1, says its owner, and is at 1-1 now."""
    hubs = "/sys/bus/usb/devices"
    modem.link(f"{hubs}/usb2/2-0:1.0/usb2-port1/peer", "../../../usb1/1-0:1.0/usb1-port1")
    code, out, _ = run("2-1")
    assert (code, out.splitlines()[0]) == (0, "19d2:1203 on port 1-1 (/dev/ttyACM0)")
    assert run("2-2")[0] == 3


def test_a_target_of_another_mode_is_meant_by_the_initial_id(tree: Tree, run: Any) -> None:
    tree.plug(modem_mode(0x12D1, 0x155E).identity)
    code, out, _ = run("12d1:1f01")
    assert code != 3
    assert out.startswith("12d1:155e on port 1-1")


def test_a_tty_by_name(modem: Tree, run: Any, line: Direct) -> None:
    modem.folder("/sys/class/tty")
    place = "/sys/bus/usb/devices/1-1/1-1:1.2/tty/ttyACM1"
    modem.folder(place)
    modem.link("/sys/class/tty/ttyACM1", str(modem.at(place)))
    code, _, _ = run("/dev/ttyACM1")
    assert (code, line.opened) == (0, ["/dev/ttyACM1"])


def test_exit_code_and_cures(modem: Tree, run: Any, line: Direct) -> None:
    line.port.radio.sim = "SIM PIN"
    code, out, _ = run("-v")
    assert code == 33
    assert '    picocom /dev/ttyACM0, then AT+CPIN="PIN" (three wrong ones block the SIM)\n' in out
    assert "  AT+CPIN?: +CPIN: SIM PIN | OK\n" in out
    assert run("-q")[:2] == (33, "")


def test_json(modem: Tree, run: Any) -> None:
    code, out, _ = run("--json")
    data = json.loads(out)
    assert (code, data["exit_code"]) == (0, 0)
    (report,) = data["modems"]
    assert (report["port"], report["id"], report["tty"]) == ("1-1", "19d2:1203", "/dev/ttyACM0")
    assert report["state"]["contexts"] == [{"cid": 1, "type": "IP", "apn": "internet"}]
    assert report["state"]["dbm"] == -71
    assert report["findings"][0]["name"] == "ready"


def test_conf_prints_and_asks_nothing(modem: Tree, run: Any, line: Direct) -> None:
    code, out, err = run("--conf", "wvdial", "--apn", "web")
    assert (code, line.opened) == (0, [])
    assert "Modem = /dev/ttyACM0\n" in out
    assert "`pymodeswitch system install` makes a link" in err
    modem.link("/dev/gsmmodem", "ttyACM0")
    code, out, err = run("--conf", "pppd", "--apn", "web", "--user", "me")
    assert (code, err) == (0, "")
    assert "\n/dev/gsmmodem 460800\n" in out
    data = json.loads(run("--conf", "nmcli", "--apn", "web", "--json")[1])
    assert data["conf"] == "nmcli"
    assert data["text"].count("apn web") == 1


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("--apn", "x"), 2, "go with --conf"),
        (("--conf", "wvdial"), 2, "--apn NAME"),
        (("--conf", "wvdial", "--apn", "a b"), 2, "bad APN"),
        (("1-7",), 3, "nothing is attached to port 1-7"),
        (("1234:5678",), 3, "neither 1234:5678 nor one of its targets is attached"),
        (("what",), 2, "bad port"),
        (("ttyXYZ",), 2, "no serial port of a USB device"),
    ],
)
def test_what_cannot_be(words: tuple[str, ...], code: int, text: str, modem: Tree, run: Any) -> None:
    got, out, err = run(*words)
    assert (got, out) == (code, "")
    assert text in err


def test_nothing_attached_but_a_stick_to_switch(tree: Tree, run: Any) -> None:
    code, _, err = run()
    assert (code, err) == (3, "pymodeswitch: no modem is attached\n")
    tree.plug(mf691().identity)
    code, _, err = run()
    assert code == 3
    assert "19d2:1201 on port 1-1 is not switched yet: pymodeswitch 19d2:1201" in err


def test_what_no_device_file_knows_is_asked_only_by_name(tree: Tree, run: Any, line: Direct) -> None:
    """An Arduino has a port like a modem's."""
    tree.plug(modem_mode(0x2341, 0x0043).identity)
    assert run()[0] == 3
    assert line.opened == []
