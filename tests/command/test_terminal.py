"""What a person at a terminal sees, on a pseudo terminal; and that nobody else gets any of it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pymodeswitch.command import terminal
from pymodeswitch.command.terminal import Spinner, cells, folded, is_coloured, table, width
from tests.support.terminal import COLOUR, run

ONE = "bus.plug(mf691())"
TWO = """
bus.plug(mf691(serial="P671A1TMOD010000"), "1-1")
bus.plug(mf691(serial="P671A1TMOD020000"), "1-2")
"""
ALIKE = """
bus.plug(mf691(), "1-1")
bus.plug(mf691(), "1-2")
"""
SLOW = "bus.plug(mf691(leave=Leave(1.2)))"
GREEN, RED, YELLOW, END = "\033[32m", "\033[31m", "\033[33m", "\033[0m"


class Stream(io.StringIO):
    """A stream that is a terminal, or not."""

    encoding = "utf-8"  # type: ignore[assignment]

    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal

    def fileno(self) -> int:
        raise OSError("no file")


@pytest.fixture(autouse=True)
def _nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("environment", "on_a_terminal", "elsewhere"),
    [
        ({}, True, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"NO_COLOR": ""}, True, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": ""}, True, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
        ({"TERM": "dumb"}, False, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True, True),
    ],
)
def test_where_colour_is_wanted(
    environment: dict[str, str], on_a_terminal: bool, elsewhere: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert is_coloured(Stream(is_terminal=True)) is on_a_terminal
    assert is_coloured(Stream(is_terminal=False)) is elsewhere


@pytest.mark.parametrize(("told", "expected"), [("", 80), ("52", 52), ("0", 80), ("-3", 80), ("many", 80)])
def test_how_wide_it_is(told: str, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", told)
    assert width(Stream(is_terminal=True)) == expected
    assert width(Stream(is_terminal=False)) == 0


def test_folding_keeps_words_whole_and_hangs_the_rest() -> None:
    line = "source:   usb-modeswitch-data 20191128; the forum 2946"
    assert folded(line, 30, 10) == [
        "source:   usb-modeswitch-data",
        " " * 10 + "20191128; the forum",
        " " * 10 + "2946",
    ]
    assert folded("short", 30, 10) == ["short"]
    path = "/usr/lib/python3/dist-packages/pymodeswitch/data/19d2-1201"
    assert folded(f"entry:    {path} and more", 40, 10) == [f"entry:    {path}", " " * 10 + "and more"]
    assert folded(path, 20, 10) == [path]
    assert folded("a" * 30 + " b c", 25, 20) == ["a" * 30, "    b c"], "no room to hang it that far"


def test_wide_characters_take_two_columns() -> None:
    assert [cells(text) for text in ("abc", "华为", "e\u0301")] == [3, 4, 1]
    lines = table(("NAME", "ID"), [("华为", "1"), ("ab", "2")], ["", ""], 0, Stream(is_terminal=False))
    assert lines == ["NAME  ID", "华为  1", "ab    2"]


def test_a_table_on_a_terminal_has_a_header_colours_and_fits() -> None:
    shown = run(["list"], TWO, columns=64)
    assert shown.code == 0
    assert shown.lines[0].split() == ["PORT", "ID", "STATE", "NAME"]
    assert f"{YELLOW}switchable{END}" in shown.text
    assert all(len(line) <= 64 for line in shown.lines)
    narrow = run(["list"], TWO, columns=48)
    assert narrow.lines[1:3] == ["1-1   19d2:1201  switchable  ZTE, Incorporated", " " * 29 + "USB Storage"]
    assert (
        f"{GREEN}already switched{END}"
        in run(["list"], "bus.plug(Stick([modem_mode(0x19D2, 0x1203)]))").text
    )


def test_each_width_is_kept() -> None:
    """But for words that are longer than a line."""
    for words in (["devices", "huawei"], ["explain", "12d1:1f01"], ["--help"], ["system", "check"]):
        columns = 66
        shown = run(words, columns=columns)
        assert max(map(len, shown.lines)) > 50
        long = [line for line in shown.lines if len(line) > columns]
        assert [line for line in long if len(line.split()[-1]) < columns - 30] == [], words


def test_without_a_terminal_nothing_is_added() -> None:
    """As scripts have read it before: no header, no colour, lines as long as they are."""
    words = [sys.executable, "-m", "pymodeswitch", "explain", "12d1:1f01"]
    plain = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "\033" not in plain
    assert max(map(len, plain.splitlines())) > 100
    shown = run(["explain", "12d1:1f01"], columns=60)
    assert " ".join(shown.plain.split()) == " ".join(plain.split()), "the same words in the same order"
    forced = subprocess.run(
        words, capture_output=True, text=True, check=True, timeout=60, env=os.environ | {"FORCE_COLOR": "1"}
    ).stdout
    assert "\033[1mtargets:\033[0m" in forced
    assert COLOUR.sub("", forced) == plain


def test_no_color_is_kept_to() -> None:
    shown = run(["list"], ONE, environment={"NO_COLOR": "1"})
    assert "switchable" in shown.text
    assert "\033" not in shown.text


def test_a_verdict_and_an_error_are_seen_at_a_glance() -> None:
    good = run(["19d2:1201"], ONE)
    assert good.code == 0
    assert f"{GREEN}switched{END} to 19d2:1203" in good.text
    bad = run(["19d2:1201"], columns=60)
    assert bad.code == 3
    assert bad.text.startswith(f"{RED}pymodeswitch:{END} ")
    assert all(len(line) <= 60 for line in bad.lines)


def test_what_a_device_says_cannot_colour_anything() -> None:
    shown = run(["list"], 'bus.plug(mf691(serial="\\x1b[31mred"))\n', environment={"NO_COLOR": "1"})
    assert "\033" not in shown.text
    asked = run(["list", "-v"], 'bus.plug(mf691(serial="\\x1b[31mred"))\n')
    assert "\\x1b[31mred" in asked.text
    assert "\033[31mred" not in asked.text


def test_levels_of_the_doctor_and_of_lint(tmp_path: Path) -> None:
    shown = run(["doctor"], ONE)
    assert f"{YELLOW}hint:{END}" in shown.text or f"{RED}problem:{END}" in shown.text
    file = tmp_path / "1111-2222"
    file.write_text("TargetVendor=0x1111\nNoSuchKey=1\n")
    shown = run(["lint", str(file)])
    assert f"{RED}error:{END}" in shown.text
    assert f"{YELLOW}warning:{END}" in shown.text


def test_a_spinner_turns_while_it_waits_and_is_wiped() -> None:
    shown = run(["19d2:1201"], SLOW)
    assert shown.code == 0
    turns = [part for part in shown.plain.split("\r") if "waiting for port 1-1 ... " in part]
    assert len({part[0] for part in turns}) >= 5, "it turns while nothing is told"
    assert turns[-1].endswith("... 1 s")
    wiped, _, line = shown.plain.rpartition("\r")
    assert wiped.rpartition("\r")[2].strip() == ""
    assert line.startswith("19d2:1201 on port 1-1 switched to 19d2:1203 in 1.")
    for quiet in ("-q", "-v", "--json"):
        assert " ... " not in run(["19d2:1201", quiet], SLOW).plain


def test_a_scan_turns_too() -> None:
    shown = run(["scan"], SLOW)
    assert "waiting for port 1-1 ... 1 s" in shown.plain
    assert shown.plain.rpartition("\r")[2].startswith("19d2:1201 on port 1-1 switched to ")


def test_a_spinner_keeps_to_its_line_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "TURN_S", 0.001)
    monkeypatch.setenv("COLUMNS", "20")
    stream = Stream(is_terminal=True)
    spinner = Spinner(stream)
    spinner.show("waiting for a port with a long name", 0.0)
    deadline = time.monotonic() + 10
    while stream.getvalue().count("\r") < 5:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    spinner.clear()
    written = stream.getvalue()
    time.sleep(0.02)
    assert stream.getvalue() == written, "nothing more is written"
    assert all(len(part) <= 19 for part in written.split("\r"))
    spinner.clear()
    assert stream.getvalue() == written
    stream.close()
    spinner.show("a terminal that has gone", 0.0)  # and no error


def test_plain_frames_where_the_terminal_has_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "linux")
    stream = Stream(is_terminal=True)
    spinner = Spinner(stream)
    spinner.show("waiting", 0.0)
    spinner.clear()
    assert stream.getvalue().isascii()


def test_of_several_equal_sticks_one_is_asked_for() -> None:
    for answer in ("2\n", "P671A1TMOD020000\n", "9\nwhat?\n1-2\n"):
        shown = run(["19d2:1201"], TWO, typed=answer)
        assert shown.code == 0, shown.text
        assert (
            "port 1-1      19d2:1201  serial P671A1TMOD010000  ZTE, Incorporated USB Storage" in shown.plain
        )
        assert "19d2:1201 on port 1-2 switched to 19d2:1203" in shown.plain


def test_an_answer_is_not_insisted_on() -> None:
    for answer in ("\n", "\x04", "7\n8\n9\n"):
        shown = run(["19d2:1201"], TWO, typed=answer)
        assert shown.code == 4, answer
        assert "2 devices 19d2:1201 are attached, on the ports 1-1, 1-2" in " ".join(shown.plain.split())
    assert "which one" in shown.plain
    assert shown.plain.count("which one") == 3


def test_a_serial_number_that_several_have_is_no_answer() -> None:
    assert run(["19d2:1201"], ALIKE, typed="P671A1TMOD010000\n\n").code == 4


def test_nobody_is_asked_who_cannot_answer() -> None:
    for words in (["--json"], ["-q"]):
        shown = run(["19d2:1201", *words], TWO, typed="1\n")
        assert shown.code == 4
        assert "which one" not in shown.plain


def test_interrupted_while_it_asks() -> None:
    shown = run(["19d2:1201"], TWO, interrupt_at="which one")
    assert shown.code == 130, shown.text


def test_a_report_asks_too() -> None:
    shown = run(["report", "19d2:1201"], TWO, typed="2\n")
    assert shown.code == 0
    assert "which one" in shown.plain


LOADED = "print('LOADED', *(name for name in sys.modules if name.startswith('pymodeswitch.command.')))"


def test_a_switch_without_a_terminal_loads_none_of_it() -> None:
    """By -X importtime, which names each module that is loaded."""
    code = """
import sys
from pymodeswitch.command import cli
from pymodeswitch.host import linux as host
from pymodeswitch.virtual import *
bus = VirtualBus(RealClock())
bus.plug(mf691())
host.Sysfs.exists = lambda self: False
virtual = host.default_host(VirtualBackend(bus))
host.LibusbHost = lambda: virtual
sys.exit(cli.main(["19d2:1201"]))
"""
    environment = {name: value for name, value in os.environ.items() if name != "FORCE_COLOR"}
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=True,
    )
    loaded = {
        line.rpartition("|")[2].strip()
        for line in done.stderr.splitlines()
        if line.startswith("import time:")
    }
    assert "pymodeswitch.command.console" in loaded
    assert not loaded & {
        f"pymodeswitch.command.{name}" for name in ("terminal", "choosing", "parser", "hints")
    }


def test_on_a_terminal_it_is_loaded_when_the_message_is_out() -> None:
    plugged = f"""
{ONE}
before = VirtualBackend.bulk_write
def write(self, *arguments):
    print("SENDING", "pymodeswitch.command.terminal" in sys.modules)
    return before(self, *arguments)
VirtualBackend.bulk_write = write
"""
    shown = run(["19d2:1201"], plugged, afterwards=LOADED)
    sent = [line for line in shown.lines if "SENDING" in line]
    assert sent
    assert all(line.endswith("SENDING False") for line in sent)
    assert "pymodeswitch.command.terminal" in shown.plain.rpartition("LOADED")[2]
    assert "pymodeswitch.command.choosing" not in shown.plain


# --serial


def test_a_stick_by_its_serial_number() -> None:
    for words in (["--serial", "P671A1TMOD020000"], ["19d2:1201", "--serial", "P671A1TMOD020000"]):
        shown = run(words, TWO)
        assert shown.code == 0, shown.text
        assert "19d2:1201 on port 1-2 switched to 19d2:1203" in shown.plain


def test_a_serial_number_decides_nothing_that_it_does_not_tell() -> None:
    missing = run(["--serial", "nobody's"], TWO)
    assert missing.code == 3
    assert "list -v" in missing.plain
    several = run(["--serial", "P671A1TMOD010000"], ALIKE, typed="1\n")
    assert several.code == 0
    assert "which one" in several.plain
    both = run(["--serial", "P671A1TMOD010000", "--port", "1-1"], TWO)
    assert both.code == 2
    assert "give one of them" in " ".join(both.plain.split())
    other = ONE + "\nbus.plug(Stick([modem_mode(0x12D1, 0x1404, serial='P671A1TMOD010000')]), '1-3')"
    assert run(["19d2:1201", "--serial", "P671A1TMOD010000", "-q"], other).code == 0, "the ID decides"
    found = run(["explain", "19d2:1201", "--serial", "P671A1TMOD020000"], TWO)
    assert "19d2:1201 on port 1-2" in found.plain
    assert "serial P671A1TMOD020000" in " ".join(run(["list", "-v"], TWO).plain.split())
