"""The command, as a user meets it: what it prints, where, and its exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pymodeswitch.catalog import data_date
from pymodeswitch.catalog.sources import shipped_folder
from pymodeswitch.command import cli
from pymodeswitch.command.verbs import list
from pymodeswitch.virtual import VirtualBackend, VirtualBus, mf691

SHIPPED = len(os.listdir(shipped_folder()))


Captured = pytest.CaptureFixture[str]


def test_errors_as_json(run: Any, bus: VirtualBus) -> None:
    bus.plug(mf691(leave=None))
    code, out, _ = run("19d2:1201", "--json")
    data = json.loads(out)
    assert code == data["exit_code"] == 11
    assert (data["error"], data["status"], data["tries"]) == ("UnchangedError", None, 3)
    code, out, _ = run("xyz", "--json")
    assert json.loads(out)["exit_code"] == code == 2


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("nonsense",), 2, "bad ID 'nonsense'"),
        (("19d2:120z",), 2, "bad product ID '120z'"),
        (("19d2:12011",), 2, "bad product ID '12011'"),
        (("19d2:",), 2, "bad product ID ''"),
        (("switch",), 2, "which stick?"),
        (("19d2:1201", "--config", "/none/such"), 6, "/none/such: cannot be read: No such file"),
        (("19d2:1201", "--config", "/"), 6, "/: cannot be read: Is a directory"),
        (("19d2:1201", "--port", "first"), 2, "bad port 'first'"),
        (("19d2:1201", "--timeout", "soon"), 2, "'soon' is not a number of seconds"),
        (("19d2:1201", "--timeout", "-1"), 2, "bad timeout"),
        (("19d2:1201", "--frobnicate"), 2, "--frobnicate"),
        (("19d2:1201", "19d2:1202"), 2, "unrecognized arguments"),
        (("1234:5678",), 5, "no device file for 1234:5678"),
        (("19d2:1203",), 5, "19d2:1201 switches to: already in modem mode?"),
        (("explain", "19d2:1203"), 5, "already in modem mode?"),
        (("explain",), 2, "which stick?"),
        (("rules", "--command", 'a "b"'), 2, "bad command"),
        (("data", "import", "/none", "--to", "x"), 6, "neither a folder nor a tar archive"),
        (("lint",), 2, "FILE"),
        (("lint", "."), 6, "no device file in this folder"),
        (("list", "--js"), 2, "unrecognized arguments"),
        (("list", "--data", "/none/such"), 2, "no such folder"),
        (("explain", "19d2:1201", "--port", "1-9"), 3, "not attached to port 1-9"),
        (("rules", "--command", 'x"'), 2, "no double quotes"),
        (("scan", "--timeout", "0"), 2, "bad timeout 0.0"),
        (("watch", "--timeout", "nan"), 2, "bad timeout nan"),
        (("explain", "--port", "1-1.99"), 3, "nothing is attached to port 1-1.99"),
        (("explain", "--port", "x"), 2, "bad port"),
        (("data", "import", "/dev/zero", "--to", "x"), 6, "not a regular file"),
        (("a\nb:c",), 2, "bad vendor ID"),
        (("symlink", *["--knk"] * 6000), 2, "6000 words; at most 2000 are read"),
    ],
)
def test_bad_words(
    words: tuple[str, ...],
    code: int,
    message: str,
    run: Any,
    bus: VirtualBus,
    backend: VirtualBackend,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    bus.plug(mf691())
    got, out, err = run(*words)
    assert (got, out) == (code, "")
    assert message in err
    assert err.startswith("pymodeswitch: ")
    assert err.count("\n") == 1
    assert backend.transfers == []


def test_an_internal_error_is_one_line(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(options: object) -> int:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(list, "run", broken)
    code, _, err = run("list")
    assert code == 1
    assert err == (
        "pymodeswitch: internal error: ZeroDivisionError: oh (-v shows where; please report it)\n"
    )
    with pytest.raises(ZeroDivisionError):
        cli.main(["list", "-v"])


def test_an_internal_error_as_json(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for error, code in ((ZeroDivisionError("oh"), 1), (KeyboardInterrupt(), 130)):

        def broken(options: object, error: BaseException = error) -> int:
            raise error

        monkeypatch.setattr(list, "run", broken)
        got, out, _ = run("list", "--json")
        assert (got, json.loads(out)["exit_code"]) == (code, code)


def test_strings_of_devices_cannot_play_with_the_terminal(run: Any, bus: VirtualBus) -> None:
    stick = mf691()
    stick.modes[0].identity = replace(stick.identity, manufacturer="Fo\x1b[31mo\nbar")
    bus.plug(stick)
    _, out, _ = run("list")
    assert "Fo\\x1b[31mo\\nbar" in out
    assert out.count("\n") == 1


def test_warnings_of_the_log_are_printed_once(
    run: Any, bus: VirtualBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "usb_modeswitch.conf").write_text("Foo=2\n")
    monkeypatch.setattr(
        "pymodeswitch.planning.settings.REFERENCE_PATHS", (str(tmp_path / "usb_modeswitch.conf"),)
    )
    bus.plug(mf691())
    code, _, err = run("19d2:1201")
    warning = f"pymodeswitch: warning: {tmp_path}/usb_modeswitch.conf:1: unknown key 'Foo': ignored\n"
    assert (code, err) == (0, warning)
    assert run("scan")[2].count(warning) == 1
    assert run("19d2:1201", "-q")[2] == ""


def test_version(run: Any) -> None:
    code, out, _ = run("--version")
    assert code == 0
    assert out.endswith(f", device files of {data_date.DATE}\n")
    assert date.fromisoformat(data_date.DATE).year >= 2026


def test_help_and_version(run: Any) -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert "explain" in out
    assert run()[1] == out
    assert run("--version")[1].startswith("pymodeswitch 0.")


def test_closed_pipe() -> None:
    read, write = os.pipe()
    os.close(read)
    process = subprocess.run(
        [sys.executable, "-m", "pymodeswitch", "rules"],
        stdout=write,
        stderr=subprocess.PIPE,
        timeout=60,
    )
    os.close(write)
    assert process.stderr == b""
    assert process.returncode == 141


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A shell line, with $P for our command."""
    return subprocess.run(
        ["sh", "-c", line],
        env=os.environ | {"P": f"{sys.executable} -m pymodeswitch"} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_closed_streams() -> None:
    done = shell("$P rules >&-")
    assert (done.returncode, done.stderr) == (0, "")
    done = shell("$P explain 1234:5678 --json 2>&-")
    assert done.returncode == 5
    assert json.loads(done.stdout)["error"] == "NoEntryError"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_full_disk() -> None:
    for words in ("rules", "explain 19d2:1201 --json", "nonsense --json"):
        done = shell(f"$P {words} >/dev/full")
        assert (words, done.returncode) == (words, 1)
        assert "cannot write the output: No space left on device" in done.stderr
        assert "Traceback" not in done.stderr
    assert shell("$P explain 1234:5678 2>/dev/full").returncode == 5


def test_characters_that_the_terminal_lacks(tmp_path: Path) -> None:
    (tmp_path / "1234-5678").write_text("# Größe\nStandardEject=1\n", encoding="utf-8")
    done = shell(f"$P explain 1234:5678 --data {tmp_path}", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Gr\\xf6\\xdfe" in done.stdout
