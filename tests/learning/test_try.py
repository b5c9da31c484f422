"""`pymodeswitch try` on virtual sticks: what it finds, when it gives up, what it never does."""

from __future__ import annotations

import io
import json
import re
import struct
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import pymodeswitch
from pymodeswitch.command import cli
from pymodeswitch.device_files.syntax import parse
from pymodeswitch.learning.ladder import NEVER
from pymodeswitch.virtual import (
    Command,
    Leave,
    MassStorage,
    Mode,
    Reply,
    Stick,
    VirtualBackend,
    VirtualBus,
    message_stick,
    modem_mode,
    storage_mode,
    two_configurations,
)
from pymodeswitch.virtual.descriptors import HIGH_SPEED, SUPER_SPEED
from pymodeswitch.virtual.sticks import answer_and_leave
from tests.learning.conftest import try_
from tests.support import CHECKOUT

Captured = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("virtual_host")

EJECT = b"\x1b\0\0\0\x02"
HUAWEI = bytes.fromhex("110620000001010001")
LONGCHEER = bytes.fromhex("06f504025270")
SOON = Leave(0.5)


class Keyboard(io.StringIO):
    """A person at a terminal. `at` is called before each answer."""

    def __init__(self, *answers: str, before: Callable[[str], None] | None = None) -> None:
        super().__init__("".join(f"{answer}\n" for answer in answers))
        self.before = before

    def isatty(self) -> bool:
        return True


def stick(vendor: int, cdb: bytes, leave: Leave | None = SOON, target: Mode | None = None) -> Stick:
    return message_stick(vendor, 0x9990, [cdb], target or modem_mode(vendor, 0x9991), leave)


def sent(backend: VirtualBackend) -> list[bytes]:
    """The SCSI commands that went out."""
    return [data[15:31] for kind, _, data in backend.transfers if kind == "out" and data[:4] == b"USBC"]


FINDS = {
    "eject": (stick(0x19D2, EJECT), "StandardEject=1"),
    "Huawei": (stick(0x12D1, HUAWEI), "HuaweiNewMode=1"),
    "configuration": (two_configurations(0x0FCE, 0x9990, modem_mode(0x0FCE, 0x9991)), "Configuration=2"),
    "vendor command": (
        stick(0x1C9E, LONGCHEER),
        'MessageContent="55534243123456780000000000000606f504025270',
    ),
}


@pytest.mark.parametrize("name", FINDS)
def test_finds(name: str, bus: VirtualBus, capsys: Captured, tmp_path: Path) -> None:
    plugged, line = FINDS[name]
    bus.plug(plugged)
    start = bus.clock.now()
    assert cli.main(["try", "--yes"]) == 0
    out, _ = capsys.readouterr()
    text, _, report = out.partition("--- pymodeswitch report ---")
    device_file, diagnostics = parse(text, strict=True)
    assert not diagnostics
    assert line in text
    assert text.splitlines()[-1] in report
    assert bus.clock.now() - start < 120
    # The same stick again, by what was found.
    fresh = VirtualBus()
    again = two_configurations if name == "configuration" else None
    vendor = plugged.modes[0].identity.vendor
    cdb = {"eject": EJECT, "Huawei": HUAWEI, "vendor command": LONGCHEER}.get(name, b"")
    fresh.plug(again(vendor, 0x9990, modem_mode(vendor, 0x9991)) if again else stick(vendor, cdb))
    result = pymodeswitch.switch(vendor, 0x9990, config=device_file, backend=VirtualBackend(fresh))
    assert result.status is pymodeswitch.Status.SWITCHED


def test_gives_up_well(bus: VirtualBus, backend: VirtualBackend, capsys: Captured) -> None:
    """Within two minutes, with a report, and the storage driver is back."""
    bus.plug(stick(0x12D1, b"\xee"))
    start = bus.clock.now()
    assert cli.main(["try", "--yes", "12d1:9990"]) == 11
    assert bus.clock.now() - start < 120
    out, err = capsys.readouterr()
    assert out.startswith("--- pymodeswitch report ---")
    assert "; nothing of the ladder switched it" in out
    assert "pymodeswitch learn" in err
    attached = bus.at("1-1")
    assert attached is not None
    assert attached.drivers == {0: "usb-storage"}
    assert not {cdb[0] for cdb in sent(backend)} & (NEVER - {0x85})  # that comes after an eject


def flash(*, size: int = 16 << 30) -> Stick:
    storage = MassStorage(vendor="SanDisk", model="Cruzer")

    def hook(command: Command) -> Reply | None:
        if command.cdb[0] == 0x12:
            return Reply(bytes([0, 0x80, 2, 2, 31, 0, 0, 0]) + b"SanDisk Cruzer          1.00")
        if command.cdb[0] == 0x25:
            return Reply(struct.pack(">II", size // 512 - 1, 512))
        return None

    storage.hook = hook
    return Stick([storage_mode(0x0781, 0x5567, storage)])


def test_a_flash_drive_is_refused(bus: VirtualBus, backend: VirtualBackend, capsys: Captured) -> None:
    bus.plug(flash())
    assert cli.main(["try", "--yes"]) == 25
    out, err = capsys.readouterr()
    assert out == ""
    assert "looks like a real drive, a disk of 17.2 GB" in err
    assert {cdb[0] for cdb in sent(backend)} == {0x12, 0x00, 0x25}


def test_a_flash_drive_after_all(bus: VirtualBus, backend: VirtualBackend) -> None:
    """The user insists: no command of other vendors even then."""
    bus.plug(flash())
    assert cli.main(["try", "--yes", "--yes-really"]) == 11
    assert {cdb[0] for cdb in sent(backend)} == {0x12, 0x00, 0x25, 0x1E, 0x1B}


def test_a_small_disk_is_a_disguise(bus: VirtualBus) -> None:
    bus.plug(flash(size=8 << 20))
    assert cli.main(["try", "--yes"]) == 11


def test_a_dry_run_sends_nothing(bus: VirtualBus, backend: VirtualBackend, capsys: Captured) -> None:
    bus.plug(stick(0x12D1, HUAWEI))
    assert cli.main(["try", "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == " 1. [A] wait: some switch by themselves (harmless)"
    assert any("[B] HuaweiNewMode" in line for line in lines)
    assert backend.transfers == []
    assert cli.main(["try", "--dry-run", "--json", "-v"]) == 0
    assert json.loads(capsys.readouterr().out)["steps"][1]["name"] == "eject"
    assert cli.main(["try", "--dry-run", "-v"]) == 0
    assert "5553424312345678000000000000001106200000010100" in capsys.readouterr().out
    assert backend.transfers == []


def test_each_step_is_asked_for(
    bus: VirtualBus,
    backend: VirtualBackend,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
) -> None:
    bus.plug(stick(0x12D1, HUAWEI))
    monkeypatch.setattr("sys.stdin", Keyboard("n", "no", "n", "yes"))
    assert cli.main(["try"]) == 0
    out, err = capsys.readouterr()
    assert "4. B HuaweiNewMode: switched" in out
    assert "2. A eject: skipped" in out
    assert " 2. [A] eject (" in err
    assert {cdb[0] for cdb in sent(backend)} == {0x12, 0x11}


def test_the_example_in_the_docs(
    bus: VirtualBus, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """A stick that needs the third step, as a terminal shows it; `...` stands for what changes."""
    page = (CHECKOUT / "docs/unknown-stick.md").read_text()
    shown = page.partition("    # pymodeswitch try\n       1410:99f0")[2].partition("\n\n## ")[0]
    assert shown.count("quit? y") == 3
    plugged = two_configurations(0x1410, 0x99F0, modem_mode(0x1410, 0x99F0))
    first = plugged.modes[0]
    names = {"manufacturer": "Novatel Wireless", "product_name": "Merlin X99"}
    first.identity = replace(first.identity, **names)
    bus.plug(plugged)

    class Echo(Keyboard):
        def readline(self, size: int | None = -1, /) -> str:
            line = super().readline(-1 if size is None else size)
            sys.stderr.write(line)
            return line

    monkeypatch.setattr("sys.stdin", Echo("y", "y", "y"))
    assert cli.main(["try"]) == 0
    out, err = capsys.readouterr()
    seen = err.rpartition("The lines above")[0] + out
    expected = "   1410:99f0" + shown.replace("\n    ", "\n")
    pattern = ".*".join(map(re.escape, expected.split("...")))
    assert re.fullmatch(pattern, seen.rstrip("\n"), re.DOTALL), seen


@pytest.mark.parametrize("answers", [("n", "quit"), ("n",)])
def test_the_user_ends_it(
    answers: tuple[str, ...],
    bus: VirtualBus,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
) -> None:
    bus.plug(stick(0x12D1, HUAWEI))
    monkeypatch.setattr("sys.stdin", Keyboard(*answers))
    assert cli.main(["try"]) == 11
    assert "ended by the user" in capsys.readouterr().out


def test_nobody_to_ask(bus: VirtualBus, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    bus.plug(stick(0x12D1, HUAWEI))
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert cli.main(["try"]) == 2
    assert "nobody is there to answer" in capsys.readouterr().err


def test_other_vendors_commands_are_asked_for_even_with_yes(
    bus: VirtualBus, backend: VirtualBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus.plug(stick(0x12D1, b"\xf0"))
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert cli.main(["try", "--yes"]) == 11
    assert 0xF0 not in {cdb[0] for cdb in sent(backend)}


def hangs(vendor: int, *, after: int) -> tuple[Stick, list[bytes]]:
    """A stick that hangs after so many commands that it does not know, until it is plugged in again."""
    storage = MassStorage()
    plugged = Stick([storage_mode(vendor, 0x9990, storage), modem_mode(vendor, 0x9991)])
    unknown: list[bytes] = []

    def hook(command: Command) -> Reply | None:
        if command.cdb[0] in (0x12, 0x00, 0x25, 0x1E, 0x1B):
            return None
        unknown.append(command.cdb)
        if len(unknown) == after + 1:
            return answer_and_leave(plugged, SOON, before_status=True)
        return None if len(unknown) < after else Reply(mute=True)

    storage.hook = hook
    return plugged, unknown


def test_it_is_plugged_in_again(bus: VirtualBus, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    """In another port, even."""
    plugged, unknown = hangs(0x19D2, after=3)
    bus.plug(plugged)
    asked: list[str] = []

    def replug(self: object, why: str) -> bool:
        asked.append(why)
        bus.unplug("1-1")
        plugged.reset()
        bus.plug(plugged, "1-2")
        return True

    monkeypatch.setattr(try_.Terminal, "replugs", replug)
    monkeypatch.setattr("sys.stdin", Keyboard(*["y"] * 20))
    assert cli.main(["try"]) == 0
    out, err = capsys.readouterr()
    assert len(asked) == 1
    assert len(unknown) == 4
    assert "19d2:9990 on port 1-2 is back" in err
    assert "MessageContent" in out


def test_the_user_is_told_to_plug_it_in_again(
    bus: VirtualBus, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """Nobody does: after a minute it goes on without."""
    plugged, _ = hangs(0x19D2, after=30)
    bus.plug(plugged)
    monkeypatch.setattr("sys.stdin", Keyboard(*["y"] * 20))
    assert cli.main(["try"]) == 11
    assert "It may not listen any more after two commands" in capsys.readouterr().err


def test_gone_and_not_plugged_in_again(bus: VirtualBus, capsys: Captured) -> None:
    bus.plug(stick(0x19D2, EJECT, Leave(None)))
    assert cli.main(["try", "--yes"]) == 12
    assert "the stick is gone" in capsys.readouterr().out


def test_it_bounces(bus: VirtualBus, backend: VirtualBackend, capsys: Captured) -> None:
    """It leaves and comes back as it was, whatever is sent: that ends soon."""
    storage = MassStorage()
    mode = storage_mode(0x12D1, 0x9990, storage)
    plugged = Stick([mode])
    acting = (0x1B, 0x11, 0x01)
    storage.hook = lambda c: Reply(after_status=lambda: plugged.leave(SOON)) if c.cdb[0] in acting else None
    bus.plug(plugged)
    assert cli.main(["try", "--yes"]) == 11
    out = capsys.readouterr().out
    assert out.count("left and came back as it was") == 3
    assert "at each step" in out


def test_it_came_and_fell_back(bus: VirtualBus, capsys: Captured) -> None:
    """A modem for two seconds, then storage again: no success."""
    modem, storage = modem_mode(0x19D2, 0x9991), MassStorage()
    plugged = Stick([storage_mode(0x19D2, 0x9990, storage), modem, storage_mode(0x19D2, 0x9990)])

    def hook(command: Command) -> Reply | None:
        if command.cdb[0] != 0x1B:
            return None
        bus._planned.append((bus.clock.now() + 2.0, "back"))
        return Reply(after_status=lambda: plugged.leave(SOON))

    storage.hook = hook
    settle = VirtualBus.settle

    def settling(self: VirtualBus) -> None:
        for due, port in list(self._planned):
            if port == "back" and due <= self.clock.now():
                self._planned.remove((due, port))
                plugged.leave(Leave(0.2))
        settle(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(VirtualBus, "settle", settling)
        bus.plug(plugged)
        assert cli.main(["try", "--yes", "--json"]) == 11
    answer = json.loads(capsys.readouterr().out)
    assert not answer["switched"]
    assert answer["tried"][1]["detail"] == "19d2:9991 came, and fell back"


def test_another_storage_device(bus: VirtualBus, capsys: Captured) -> None:
    bus.plug(stick(0x12D1, EJECT, target=storage_mode(0x12D1, 0x9992)))
    assert cli.main(["try", "--yes"]) == 13
    out = capsys.readouterr().out
    assert "TargetProduct=0x9992" in out
    assert "it is another storage device now" in out


def test_one_that_switches_by_itself(bus: VirtualBus, capsys: Captured) -> None:
    plugged = stick(0x19D2, b"\xee")
    bus.plug(plugged)
    bus._planned.append((bus.clock.now() + 4.0, "1-9"))
    settle = VirtualBus.settle

    def settling(self: VirtualBus) -> None:
        if self.clock.now() > 4.0 and plugged.mode_index == 0:
            plugged.leave(SOON)
        settle(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(VirtualBus, "settle", settling)
        assert cli.main(["try", "--yes"]) == 0
    assert "# it switches by itself" in capsys.readouterr().out


@pytest.mark.parametrize("vendor", [0x12D1, 0x4321])
def test_it_comes_back_on_the_peer(vendor: int, bus: VirtualBus, capsys: Captured) -> None:
    """USB 3: the connector has another port, too; what comes there may have another vendor even."""
    bus.super_speed = 2
    target = modem_mode(vendor, 0x9991)
    target.speed = SUPER_SPEED
    bus.plug(stick(0x12D1, HUAWEI, target=target))
    assert cli.main(["try", "--yes"]) == 0
    out, err = capsys.readouterr()
    assert f"became: {vendor:04x}:9991, class 02, on another port" in out
    assert f"switched: {vendor:04x}:9991, class 02 on port 2-1" in err


def test_either_port_of_the_connector_may_be_given(bus: VirtualBus, capsys: Captured) -> None:
    bus.super_speed = 2
    plugged = stick(0x19D2, EJECT)
    plugged.modes[0].speed = SUPER_SPEED
    bus.plug(plugged)
    for words in (("report", "--port", "1-1"), ("try", "--dry-run", "--port", "1-1")):
        assert cli.main([*words]) == 0
    assert cli.main(["report", "--port", "1-2"]) == 3
    assert "a storage device on port 1-2 is not attached" in capsys.readouterr().err


def test_it_bounces_to_the_peer_and_back(bus: VirtualBus, capsys: Captured) -> None:
    """The same CD at SuperSpeed is no other storage device."""
    bus.super_speed = 2
    storage = MassStorage()
    plugged = Stick([storage_mode(0x12D1, 0x9990, storage) for _ in range(9)])
    for number, mode in enumerate(plugged.modes):
        mode.speed = (HIGH_SPEED, SUPER_SPEED)[number % 2]
    acting = (0x1B, 0x11, 0x01)
    storage.hook = lambda c: Reply(after_status=lambda: plugged.leave(SOON)) if c.cdb[0] in acting else None
    bus.plug(plugged)
    assert cli.main(["try", "--yes"]) == 11
    out = capsys.readouterr().out
    assert out.count("left and came back as it was") == 3


def test_one_of_its_vendor_comes_up_elsewhere(bus: VirtualBus, capsys: Captured) -> None:
    """Where nobody knows of peers: the port beside, as long as ours is empty."""
    bus.plug(stick(0x12D1, HUAWEI, Leave(None)))
    away = VirtualBus._drop

    def drop(self: VirtualBus, attached: object, leave: Leave, now: float) -> None:
        away(self, attached, leave, now)  # type: ignore[arg-type]
        self.plug(Stick([modem_mode(0x12D1, 0x9991)]), "1-7")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(VirtualBus, "_drop", drop)
        assert cli.main(["try", "--yes"]) == 0
    assert "became: 12d1:9991, class 02, on another port" in capsys.readouterr().out


def test_json(bus: VirtualBus, capsys: Captured) -> None:
    bus.plug(stick(0x19D2, EJECT))
    assert cli.main(["try", "--yes", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["switched"]
    assert [tried["outcome"] for tried in answer["tried"]] == ["unchanged", "switched"]
    assert answer["file_name"] == "19d2-9990"
    assert answer["report"].startswith("--- pymodeswitch report ---")


def test_no_permission(bus: VirtualBus, capsys: Captured) -> None:
    bus.plug(stick(0x19D2, EJECT), permitted=False)
    assert cli.main(["try", "--yes"]) == 8
