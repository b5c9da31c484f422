"""`explain`: which entry, why, and what would be sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pymodeswitch.planning import settings
from pymodeswitch.virtual import Stick, VirtualBus, mf691, modem_mode


def test_explain(run: Any, bus: VirtualBus) -> None:
    code, out, err = run("explain", "19d2:1201")
    assert (code, err) == (0, "")
    assert "not attached: endpoints are assumed" in out
    assert "ZTE MF691 (T-Mobile Rocket 2.0)" in out
    assert "usb-modeswitch-data 20191128" in out
    assert "PREVENT ALLOW MEDIUM REMOVAL (allow), LUN 0" in out
    assert "where the interface cannot be had: StandardEject (ThroughDriver)" in out
    bus.plug(mf691(), "1-7")
    code, out, _ = run("explain", "19d2:1201", "--json")
    data = json.loads(out)
    assert data["device"]["port"] == "1-7"
    (entry,) = data["entries"]
    assert (entry["method"], entry["targets"]) == ("StandardEject", ["19d2:1203"])
    assert [step["step"] for step in entry["plan"]][:3] == ["Detach", "Claim", "BulkOut"]
    assert [step["step"] for step in entry["fallback"]] == ["AwaitUnits", *(4 * ["ScsiCommand"])]


def test_explain_tells_of_the_settings(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf = tmp_path / "conf"
    conf.write_text("switching = false\nhuawei_alt_mode = true\n")
    monkeypatch.setattr(settings, "PATH", str(conf))
    code, out, _ = run("explain", "12d1:1f01")
    assert code == 0
    assert f"\nsetting:  not switched by itself, by {conf}\n" in out
    assert f"decided:  mode modem: HuaweiAltMode instead of HuaweiNewMode, by {conf}\n" in out
    assert "method:   HuaweiAltMode\n" in out
    assert json.loads(run("explain", "12d1:1f01", "--json")[1])["switching"] is False


def test_explain_a_stick_that_is_switched_already(run: Any, bus: VirtualBus) -> None:
    bus.plug(Stick([modem_mode(0x3566, 0x2001)]))
    code, out, _ = run("explain", "3566:2001")
    assert code == 0
    assert "modes:    modem, network" in out
    assert "plan:     none: 3566:2001 on port 1-1 shows class 0x02, not mass storage" in out
    code, out, _ = run("explain", "3566:2001", "--json", "--mode", "network")
    (entry,) = json.loads(out)["entries"]
    assert (entry["plan"], entry["reasons"]) == (None, ["mode network, as asked for"])
    assert entry["problem"].startswith("3566:2001 on port 1-1 shows class 0x02")
    assert run("explain", "3566:2001", "--mode", "zebra")[0] == 2


def test_explain_shows_all_candidates_of_a_stick_that_is_not_attached(run: Any) -> None:
    code, out, _ = run("explain", "0e8d:0002")
    assert code == 0
    assert out.count("entry:") == 3


def test_explain_says_which_file_hides_which(run: Any, tmp_path: Path) -> None:
    (tmp_path / "19d2-1201").write_text("TagetVendor=1\nStandardEject=1\n")
    code, out, _ = run("explain", "19d2:1201", "--data", tmp_path)
    assert code == 0
    assert out.count("entry:") == 1
    assert f"never looked at: {tmp_path}/19d2-1201 fits before it" in out
    assert "warning:" in out
    assert "did you mean TargetVendor?" in out


def test_explain_one_of_two(run: Any, bus: VirtualBus) -> None:
    bus.plug(mf691(), "1-1")
    bus.plug(mf691(), "1-2")
    assert "another one is on port 1-2" in run("explain", "19d2:1201")[1]
    assert "19d2:1201 on port 1-2" in run("explain", "19d2:1201", "--port", "1-2")[1]
    assert "19d2:1201 on port 1-2" in run("explain", "--port", "1-2")[1], "whatever is there"
