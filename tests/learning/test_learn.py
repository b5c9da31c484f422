"""`pymodeswitch learn`, as its user meets it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pymodeswitch.command import cli
from tests.learning.conftest import CAPTURES
from tests.support import CHECKOUT

Write = Callable[..., str]
ROCKET = str(CAPTURES / "rocket-message.tcpdump.pcap")
NOTHING = str(CAPTURES / "no-switch-eject.pcap.gz")


def test_device_file_and_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["learn", ROCKET]) == 0
    out, err = capsys.readouterr()
    assert err.startswith("--- pymodeswitch report ---\n")
    assert out.endswith("TargetVendor=0x19d2\nTargetProduct=0x1203\nStandardEject=1\n")
    for line in (
        "# ZTE,Incorporated ZTE WCDMA Technologies MSM",
        "# file name: 19d2-1201",
        "# confidence: high",
        "# sent: START STOP UNIT (eject), on endpoint 0x01, 6.11 s after the stick came",
        "# came back: 19d2:1203, class 02, 0.7 s later, on the same port",
        "# there is: 19d2-1201 does the same already",
    ):
        assert line in out.splitlines()


def test_what_is_known_of_it_is_counted(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "19d2-1201").write_text("# another\nOptionMode=1\n")
    assert cli.main(["learn", ROCKET, "--data", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "# there is: 19d2-1201 switches this ID by OptionMode; if both sticks are sold, name" in out
    assert "# known: StandardEject is what " in out


def test_several_captures_and_the_best_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["learn", NOTHING, ROCKET]) == 0
    out, err = capsys.readouterr()
    assert "StandardEject=1" in out
    assert err.startswith(f"pymodeswitch: {NOTHING}: no stick in it was switched")


def test_nothing_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["learn", NOTHING]) == 22
    assert capsys.readouterr().out == ""
    assert cli.main(["learn", NOTHING, "--json"]) == 22
    answer = json.loads(capsys.readouterr().out)
    assert (answer["verdict"], answer["captures"][0]["sticks"]) == ("nothing", [])
    assert answer["captures"][0]["packets"] > 300


def test_unreadable(capsys: pytest.CaptureFixture[str], capture: Write) -> None:
    path = capture("hello\n")
    assert cli.main(["learn", path]) == 24
    assert capsys.readouterr().err.startswith(f"pymodeswitch: {path}: neither pcap nor pcapng")
    assert cli.main(["learn", path, "--json"]) == 24
    assert json.loads(capsys.readouterr().out)["error"] == "CaptureError"


def test_written_into_a_folder_once(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.main(["learn", ROCKET, "--write", str(tmp_path)]) == 0
    out, _ = capsys.readouterr()
    assert (tmp_path / "19d2-1201").read_text() == out
    assert cli.main(["lint", str(tmp_path / "19d2-1201")]) == 0
    assert cli.main(["learn", ROCKET, "--write", str(tmp_path)]) == 24
    assert "File exists" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], [ROCKET, "--write", "/nonexistent"], [ROCKET, "--id", "x"]])
def test_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["learn", *words]) == 2
    assert capsys.readouterr().out == ""


def test_a_note_on_what_was_not_read(capsys: pytest.CaptureFixture[str], capture: Write) -> None:
    whole = Path(ROCKET).read_bytes()
    assert cli.main(["learn", capture(whole[:-5])]) == 0
    assert "the file is cut inside its last record" in capsys.readouterr().err


def test_the_example_in_the_docs(capsys: pytest.CaptureFixture[str]) -> None:
    page = (CHECKOUT / "docs/unknown-stick.md").read_text()
    shown = page.partition("    $ pymodeswitch learn stick.pcap\n")[2].partition("\n\n")[0]
    lines = [line.removeprefix("    ") for line in shown.splitlines()]
    assert cli.main(["learn", "-q", str(CAPTURES / "zte-windows-old.usbpcap.pcap")]) == 0
    out = capsys.readouterr().out.splitlines()
    assert len(lines) > 8
    assert [line for line in lines if line not in out] == ["# known: ..."]
