"""The report: what it tells, and that nothing of a person is in it; the form that it goes into."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import pymodeswitch
from pymodeswitch.command import cli
from pymodeswitch.learning import facts
from pymodeswitch.learning.facts import of_capture
from pymodeswitch.learning.learn import learn
from pymodeswitch.virtual import (
    MassStorage,
    Mode,
    Stick,
    VirtualBackend,
    VirtualBus,
    mf691,
    modem_mode,
    storage_interface,
)
from pymodeswitch.virtual.descriptors import Configuration, Identity
from tests.learning import traffic
from tests.learning.conftest import CAPTURES
from tests.learning.traffic import Event, NotingBus
from tests.support import CHECKOUT

Captured = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("virtual_host")
SECRETS = ("353914030012345", "P671A1TMOD", "00:1e:10:1f:00:01", "SN77", "+491701234567", "1234-PIN")


def talkative(vendor: int = 0x1234) -> Stick:
    """A stick that has a person's numbers in all of its strings."""
    storage = MassStorage(vendor="ACME", model="IMEI35391403001", revision="1.0")
    identity = Identity(
        vendor,
        0x1000,
        (Configuration((storage_interface(storage),)),),
        manufacturer="ACME 00:1e:10:1f:00:01\nStandardEject=1",
        product_name="Stick SN77 353914030012345\x1b[2J",
        serial="SN77",
    )
    return Stick([Mode(identity, (storage,))])


def test_report_of_an_attached_stick(bus: VirtualBus, backend: VirtualBackend, capsys: Captured) -> None:
    bus.plug(mf691())
    bus.plug(Stick([modem_mode(1, 2, serial="other")]), "1-2")
    assert cli.main(["report"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert (lines[0], lines[-1]) == (facts.BEGIN, facts.END)
    assert f"pymodeswitch: {pymodeswitch.__version__}, Python " in out
    assert "name: ZTE, Incorporated USB Storage" in lines
    assert "  interface 0: class 08/06/50, endpoints 01 bulk, 81 bulk" in lines
    assert "device file: 19d2-1201 (StandardEject)" in lines
    assert "other devices: 1" in lines
    assert backend.transfers == []


@pytest.mark.parametrize("words", [["report", "1234:1000"], ["try", "--yes", "1234:1000"]])
def test_nothing_of_a_person(words: list[str], bus: VirtualBus, capsys: Captured) -> None:
    bus.plug(talkative())
    bus.plug(Stick([modem_mode(1, 2, serial="P671A1TMOD")]), "1-2")
    cli.main([*words, "--json"])
    told = json.loads(capsys.readouterr().out)["report"]
    for secret in SECRETS:
        assert secret not in told
    assert "\x1b" not in told
    assert "\nStandardEject=1" not in told
    assert "1-1" not in told


def test_report_of_captures() -> None:
    for path in CAPTURES.iterdir():
        if path.suffix in (".md", ".json"):
            continue
        learned = learn(str(path))
        for lesson in [*learned.lessons, None]:
            told = of_capture(learned, lesson)
            assert told.startswith(facts.BEGIN)
            assert "P671A1TMOD" not in told
            assert str(path) not in told
            assert "17957" not in told, "a time of day"


def test_what_others_say_on_the_bus(noting: NotingBus, capture: Callable[..., str]) -> None:
    """A modem that is asked for its numbers, and options of the file, are not told."""
    noting.plug(talkative(), "1-1")
    noting.plug(Stick([modem_mode(1, 2)]), "1-2")
    noting.note(Event(0, 3, 0x82, answer=b"+491701234567\r\n"))
    noting.note(Event(0, 3, 0x02, out=b"AT+CPIN=1234-PIN\r"))
    noting.unplug("1-1")
    personal = b"\x04\x00\x0b\x00Anna's PC  1" + bytes(4)
    records = b"".join(map(traffic.enhanced, traffic.usbmon(noting.events)))
    path = capture(traffic.section(options=personal) + traffic.interface(220) + records)
    learned = learn(path)
    told = "".join(of_capture(learned, lesson) for lesson in [*learned.lessons, None])
    for secret in (*SECRETS, "Anna"):
        assert secret not in told


def test_the_kernels_own_name_is_not_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("platform.release", lambda: "6.1.0-annas-laptop")
    (tmp_path / "os").write_text('ID="debian"\nVERSION_ID="12"\nPRETTY_NAME="Anna\'s"\n')
    monkeypatch.setattr(facts, "OS_RELEASE", str(tmp_path / "os"))
    system = "\n".join(facts._system())
    assert "Linux 6.1.0 " in system
    assert system.endswith(", debian 12")
    monkeypatch.setattr(facts, "OS_RELEASE", str(tmp_path / "none"))
    assert "debian" not in "\n".join(facts._system())


def test_doctor_report(bus: VirtualBus, capsys: Captured) -> None:
    bus.plug(mf691())
    code = cli.main(["doctor", "19d2:1201", "--report"])
    out, _ = capsys.readouterr()
    assert code in (0, 20)
    assert out.index("complaint") < out.index(facts.BEGIN)
    assert cli.main(["doctor", "19d2:1201", "--json"]) == code
    assert "report" not in json.loads(capsys.readouterr().out)
    cli.main(["doctor", "1:2", "--report", "--json"])
    assert json.loads(capsys.readouterr().out)["report"] == "no report: 0001:0002 is not attached"


def test_which_device(bus: VirtualBus, capsys: Captured) -> None:
    assert cli.main(["report"]) == 3
    bus.plug(Stick([modem_mode(1, 2)]), "1-2")
    assert cli.main(["report", "1:2"]) == 0
    assert "device: 0001:0002, class 00" in capsys.readouterr().out
    assert cli.main(["report", "--port", "1-3"]) == 3
    capsys.readouterr()


def test_descriptors_that_are_odd_end_the_list() -> None:
    from pymodeswitch.nouns.model import UsbId
    from pymodeswitch.planning.plan import typical_device

    device = typical_device(UsbId(1, 2))
    head = bytes([18, 1, *bytes(10), 0x34, 0x12, *bytes(4)])
    for tail in (b"\x00\x04", b"\x09", b"\x09\x02\x20", b"\x01" * 40, bytes([9, 4]) * 200):
        told = facts.of_device(device, descriptors=head + tail)
        assert "device: 0001:0002, release 12.34" in told
        assert len(told.splitlines()) < 90


def test_the_form() -> None:
    """Without a library for YAML: what GitHub asks of a form's lines, and that the words in it are ours."""
    text = (CHECKOUT / ".github/ISSUE_TEMPLATE/new-device.yml").read_text()
    for key in ("name:", "description:", "body:"):
        assert any(line.startswith(key) for line in text.splitlines())
    kinds = {line.split(":")[1].strip() for line in text.splitlines() if line.startswith("  - type:")}
    assert kinds <= {"markdown", "input", "textarea", "dropdown", "checkboxes"}
    for verb in ("try", "learn", "report"):
        assert f"pymodeswitch {verb}" in text
        assert verb in cli.VERBS
    ids = [line.split(":")[1].strip() for line in text.splitlines() if line.startswith("    id:")]
    assert len(ids) == len(set(ids)) >= 6
