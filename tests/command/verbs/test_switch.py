"""An ID alone and `switch`: what they print, where, and their exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pymodeswitch.catalog.sources import shipped_folder
from pymodeswitch.virtual import Leave, Stick, VirtualBackend, VirtualBus, mf691, modem_mode


@pytest.mark.parametrize("words", [("19d2:1201",), ("switch", "19d2:1201"), ("-q", "switch", "19d2:1201")])
def test_switch(words: tuple[str, ...], run: Any, bus: VirtualBus) -> None:
    bus.plug(mf691())
    code, out, err = run(*words)
    assert (code, err) == (0, "")
    expected = "" if "-q" in words else "19d2:1201 on port 1-1 switched to 19d2:1203 in 0.3 s\n"
    assert out == expected
    code, out, err = run("19d2:1201")
    assert (code, out) == (0, "19d2:1201 is switched already: 19d2:1203 on port 1-1\n")


def test_switch_as_json(run: Any, bus: VirtualBus) -> None:
    bus.plug(mf691())
    code, out, err = run("19d2:1201", "--json")
    assert (code, err) == (0, "")
    data = json.loads(out)
    assert (data["status"], data["port"], data["tries"]) == ("switched", "1-1", 1)
    assert data["before"]["id"] == "19d2:1201"
    assert data["after"]["interfaces"][0] == {"number": 0, "class": "02", "driver": None}
    assert data["entry"]["name"] == "19d2-1201"
    assert data["entry"]["path"].startswith(shipped_folder())


def test_verbose_says_each_step(run: Any, bus: VirtualBus) -> None:
    bus.plug(mf691())
    code, _, err = run("-v", "19d2:1201")
    assert code == 0
    assert "device file" in err
    assert "START STOP UNIT (eject), LUN 0" in err
    assert "switched: 19d2:1203 on port 1-1" in err


def test_verbose_by_the_settings(
    run: Any, bus: VirtualBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = tmp_path / "pymodeswitch.conf"
    conf.write_text("verbose = true\n")
    monkeypatch.setattr("pymodeswitch.planning.settings.PATH", str(conf))
    bus.plug(mf691())
    code, out, err = run("-q", "19d2:1201", "--dry-run")
    assert (code, out, err) == (0, "", "")
    code, _, err = run("19d2:1201")
    assert code == 0
    assert "fits: the plain name" in err


def test_dry_run(run: Any, bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(mf691())
    code, out, _ = run("--dry-run", "19d2:1201")
    assert code == 0
    assert "dry run, nothing was sent" in out
    assert "5553424397654321000000000000061b000000020000000000000000000000" in out
    assert "where the interface cannot be had: StandardEject (ThroughDriver)" in out
    code, out, _ = run("19d2:1201", "--dry-run", "--json")
    plan, fallback = json.loads(out)["plan"], json.loads(out)["fallback"]
    assert plan[0] == {"step": "Detach", "text": "detach the kernel drivers from all interfaces"}
    assert [step["step"] for step in fallback] == ["AwaitUnits", *(4 * ["ScsiCommand"])]
    assert fallback[2]["cdb"] == "1b0000000200"
    assert backend.transfers == []


def test_no_wait(run: Any, bus: VirtualBus) -> None:
    bus.plug(mf691(leave=None))
    code, out, _ = run("--no-wait", "19d2:1201")
    assert code == 0
    assert "message sent, not waiting" in out


def test_unlisted_is_a_warning(run: Any, bus: VirtualBus, tmp_path: Path) -> None:
    bus.plug(mf691())
    (tmp_path / "19d2:1201").write_text("TargetVendor=19d2\nTargetProduct=0031\nStandardEject=1\n")
    code, _, err = run("19d2:1201", "--data", tmp_path)
    assert code == 0
    assert err.startswith("pymodeswitch: warning: 19d2:1203 (class 0x02) is not among the targets")


@pytest.mark.parametrize(
    ("stick", "options", "code", "message"),
    [
        (None, (), 3, "19d2:1201 is not attached"),
        (mf691(leave=None), (), 11, "unchanged after 20 s"),
        (mf691(leave=None), ("--timeout", "2"), 11, "unchanged after 2 s"),
        (mf691(leave=Leave(None)), (), 12, "left and did not come back"),
        (Stick([modem_mode(0x19D2, 0x1201)]), (), 7, "already switched?"),
    ],
)
def test_outcomes(
    stick: Stick | None, options: tuple[str, ...], code: int, message: str, run: Any, bus: VirtualBus
) -> None:
    if stick is not None:
        bus.plug(stick)
    got, out, err = run("19d2:1201", *options)
    assert (got, out) == (code, "")
    assert err.startswith("pymodeswitch: 19d2:1201")
    assert message in err
    assert err.count("\n") == 1


def test_two_sticks(run: Any, bus: VirtualBus) -> None:
    bus.plug(mf691(), "1-1")
    bus.plug(mf691(), "1-2")
    code, _, err = run("19d2:1201")
    assert code == 4
    assert "on the ports 1-1, 1-2" in err
    code, out, _ = run("19d2:1201", "--port", "1-2")
    assert code == 0
    assert "19d2:1201 on port 1-2 switched" in out


BAD_FILES: dict[str, tuple[bytes, str]] = {
    "odd-length": (b'MessageContent="555"\n', "odd number of hex digits"),
    "not-hex": (b'MessageContent="55xx"\n', "'x' is not a hex digit"),
    "unknown-key": (b"StandardEjekt=1\n", "unknown key 'StandardEjekt': did you mean StandardEject?"),
    "two-methods": (b"SierraMode=1\nSonyMode=1\n", "only one special method is possible"),
    "ten-megabytes": (b"#" * 10_000_000, "larger than 65536 bytes"),
    "nul": (b"StandardEject=1\0\n", "has NUL bytes"),
    "utf-16": ("StandardEject=1\n".encode("utf-16"), "looks like UTF-16"),
    "latin-1": (b"# caf\xe9\nStandardEject=1\n", "byte 0xe9 is not UTF-8"),
    "no-method": (b"WaitBefore=1\n", "no switching method"),
    "open-quote": (b'TargetVendor="0x19d2\n', "the quote is not closed"),
    "other-id": (b"DefaultVendor=1\nDefaultProduct=2\nStandardEject=1\n", "for 0001:0002"),
    "empty": (b"", "no switching method"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files(name: str, run: Any, bus: VirtualBus, backend: VirtualBackend, tmp_path: Path) -> None:
    stick = bus.plug(mf691())
    content, message = BAD_FILES[name]
    path = tmp_path / "19d2-1201"
    path.write_bytes(content)
    code, out, err = run("19d2:1201", "--config", path)
    assert (code, out) == (6, "")
    assert message in err
    assert err.count("\n") == 1
    assert backend.transfers == []
    assert stick.drivers == {0: "usb-storage"}
    code, out, _ = run("lint", path)
    assert code == 6
    assert message in out


def test_terminated_gives_the_stick_back() -> None:
    """SIGTERM while it waits: systemd, or a script that has had enough."""
    code = WAITING.replace("leave=Leave(1.2)", "leave=None").replace(
        "sys.exit(", "import atexit\natexit.register(lambda: print(bus.at('1-1').drivers))\nsys.exit("
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code.replace('["19d2:1201"]', '["-v", "19d2:1201"]')],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "unchanged" in line:
            break
    else:
        pytest.fail("it ended by itself")
    process.terminate()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 143
    assert err.splitlines()[-1] == "pymodeswitch: terminated"
    assert out == "{0: 'usb-storage'}\n"


WAITING = """
import sys
from pymodeswitch.command import cli
from pymodeswitch.host import linux as host
from pymodeswitch.virtual import *
bus = VirtualBus(RealClock())
bus.plug(mf691(leave=Leave(1.2)))
host.Sysfs.exists = lambda self: False
virtual = host.default_host(VirtualBackend(bus))
host.LibusbHost = lambda: virtual
sys.exit(cli.main(["19d2:1201"]))
"""


def test_a_wait_on_a_terminal_shows_that_it_waits() -> None:
    terminal, far_end = os.openpty()
    process = subprocess.Popen([sys.executable, "-c", WAITING], stdout=subprocess.PIPE, stderr=far_end)
    os.close(far_end)
    out, _ = process.communicate(timeout=60)
    shown = os.read(terminal, 10_000).decode()
    os.close(terminal)
    assert process.returncode == 0
    assert out.startswith(b"19d2:1201 on port 1-1 switched to 19d2:1203 in 1.")
    assert "waiting for port 1-1 ... 1 s" in shown
    assert shown.endswith("\r"), "the waiting line is wiped"
