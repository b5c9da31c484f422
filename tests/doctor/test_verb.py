"""`pymodeswitch doctor`: output, JSON, exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pymodeswitch import Port, UsbId
from pymodeswitch.command.cli import main
from pymodeswitch.command.verbs import doctor
from pymodeswitch.doctor import Finding
from pymodeswitch.nouns import errors

STICK = (Port("1-1"), UsbId(0x19D2, 0x1201))
ALL = (
    Finding("no-udev", "udev does not run", "pymodeswitch watch"),
    Finding("libusb", "libusb 1.0.27"),
    Finding("held-by-program", "qemu (process 7) has claimed interface 0", "kill 7", *STICK),
    Finding("entry", "its device file is /x", None, *STICK),
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What `examine` was asked for; it finds ALL."""
    asked: list[Any] = []

    def examine(*arguments: Any, **options: Any) -> tuple[Finding, ...]:
        asked.append((arguments, options["catalog"].folders))
        return found

    found = ALL
    monkeypatch.setattr(doctor, "examine", examine)
    return asked


def test_text(asked: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 20
    assert capsys.readouterr().out == (
        "system\n"
        "  hint:    udev does not run\n"
        "           pymodeswitch watch\n"
        "19d2:1201 on port 1-1\n"
        "  problem: qemu (process 7) has claimed interface 0\n"
        "           kill 7\n"
        "1 problem, 1 hint, 2 checks without complaint\n"
    )


def test_the_next_step_is_the_last_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = (Finding("modem", "/dev/ttyACM0 is the port", None, *STICK),)
    monkeypatch.setattr(doctor, "examine", lambda *_, **__: found)
    main(["doctor"])
    assert capsys.readouterr().out.splitlines()[-1] == "next: /dev/ttyACM0 is the port"


def test_verbose_shows_what_is_fine(asked: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor", "-v"])
    out = capsys.readouterr().out
    assert "  ok:      libusb 1.0.27\n" in out
    assert "  ok:      its device file is /x\n" in out


def test_quiet_shows_problems_alone(asked: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "-q"]) == 20
    assert capsys.readouterr().out == (
        "19d2:1201 on port 1-1\n  problem: qemu (process 7) has claimed interface 0\n           kill 7\n"
    )


def test_json(asked: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 20
    data = json.loads(capsys.readouterr().out)
    assert data["exit_code"] == 20
    assert data["findings"][0] == {
        "level": "hint",
        "name": "no-udev",
        "port": None,
        "id": None,
        "text": "udev does not run",
        "cure": "pymodeswitch watch",
    }
    assert data["findings"][2]["port"] == "1-1"
    assert data["findings"][2]["id"] == "19d2:1201"
    assert len(data["findings"]) == len(ALL)


def test_no_problems(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(doctor, "examine", lambda *_, **__: ALL[:2])
    assert main(["doctor"]) == 0
    assert capsys.readouterr().out.endswith("no problems, 1 hint, 1 check without complaint\n")


def test_what_is_asked_for(asked: list[Any], tmp_path: Path) -> None:
    main(["doctor", "19d2:1201", "--port", "1-1.2", "--data", str(tmp_path)])
    (arguments, folders) = asked[0]
    assert arguments == (UsbId(0x19D2, 0x1201), "1-1.2")
    assert folders[0] == str(tmp_path)


@pytest.mark.parametrize("words", [["19d2"], ["--port", "x"], ["--data", "/nonexistent"]])
def test_bad_arguments(asked: list[Any], words: list[str]) -> None:
    assert main(["doctor", *words]) == 2
    assert asked == []


def test_the_exit_code_is_its_own() -> None:
    codes = {e.exit_code for e in vars(errors).values() if isinstance(e, type) and hasattr(e, "exit_code")}
    assert doctor.EXIT_PROBLEMS not in codes


def test_on_this_very_computer(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever it has, the doctor tells."""
    assert main(["doctor", "-v"]) in (0, 20)
    assert "without complaint" in capsys.readouterr().out
