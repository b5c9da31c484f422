"""`scan`: all that is attached, once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pymodeswitch.planning import settings
from pymodeswitch.virtual import Stick, VirtualBus, mf691, modem_mode


def test_scan(run: Any, bus: VirtualBus) -> None:
    bus.plug(mf691(), "1-1")
    bus.plug(mf691(leave=None), "1-2")
    bus.plug(Stick([modem_mode(0x19D2, 0x1201)]), "1-3")
    code, out, err = run("scan", "--timeout", "1")
    assert code == 11
    assert out == "19d2:1201 on port 1-1 switched to 19d2:1203 in 0.3 s\n"
    assert err.startswith("pymodeswitch: 19d2:1201 on port 1-2 is unchanged after 1 s")
    assert err.count("\n") == 1
    code, out, err = run("scan", "--json", "--timeout", "1")
    data = json.loads(out)
    assert (code, data["exit_code"]) == (11, 11)
    assert [(s["port"], s["left_alone"], s["exit_code"]) for s in data["sticks"]] == [
        ("1-2", False, 11),
        ("1-3", True, 0),
    ]
    bus.unplug("1-2")
    assert run("scan") == (0, "", "pymodeswitch: nothing is attached that wants to be switched\n")
    assert run("scan", "-q") == (0, "", "")
    code, _, err = run("scan", "-v")
    assert "19d2:1201 on port 1-3" in err


def test_scan_with_reasons(
    run: Any, bus: VirtualBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus.plug(mf691(), "1-1")
    (tmp_path / "conf").write_text("verbose = true\n")
    monkeypatch.setattr(settings, "PATH", str(tmp_path / "conf"))
    assert run("scan", "--dry-run", "-q")[2] == ""
    code, _, err = run("scan")
    assert code == 0
    assert any(line.startswith("1-1 ") and "fits: the plain name" in line for line in err.splitlines())
    assert any("START STOP UNIT" in line for line in err.splitlines())


def test_scan_on_a_system_where_nothing_is_switched_by_itself(
    run: Any, bus: VirtualBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "conf").write_text("switching = false\n")
    monkeypatch.setattr(settings, "PATH", str(tmp_path / "conf"))
    bus.plug(mf691())
    for verb in ("scan", "watch"):
        code, out, err = run(verb)
        assert (code, out) == (17, "")
        assert "turned off by" in err
