"""`data`: import, export and refresh."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pymodeswitch.catalog.sources import shipped_folder
from tests.catalog.test_packs import install


def test_data_import(run: Any, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/1111:2222").write_text("StandardEject=1\n")
    (tmp_path / "in/1111:3333").write_text("Zebra=1\n")
    words = ("data", "import", tmp_path / "in", "--to", tmp_path / "out", "--source-name", "me")
    code, out, err = run(*words)
    assert code == 6
    assert "1 files written, 0 unchanged, 1 errors" in out
    assert "unknown key 'Zebra'" in err
    assert (tmp_path / "out/1111-2222").read_text() == "# source: me\nStandardEject=1\n"
    assert json.loads(run(*words, "--json")[1])["unchanged"] == ["1111-2222"]


def test_data_export(run: Any, tmp_path: Path) -> None:
    """For usb_modeswitch and for OpenWrt; what is lost has a line each, and the import takes both back."""
    (tmp_path / "in").mkdir()
    text = "TargetIdList=19d2:1203,19d2:1204\nStandardEject=1\n"
    (tmp_path / "in/19d2:1201").write_text(text)
    classic = ("data", "export", "--data", tmp_path / "in", "--to", tmp_path / "out", "--format", "classic")
    code, out, err = run(*classic)
    assert code == 0
    count = len(os.listdir(shipped_folder()))
    losses = len([line for line in err.splitlines() if "usb_modeswitch ignores" in line])
    assert out == f"{count} entries written, {losses} losses, 0 errors: {tmp_path / 'out'}\n"
    assert err.splitlines()[-1] == "pymodeswitch: warning: a69c-5724: usb_modeswitch ignores TargetIdList"
    assert (tmp_path / "out/19d2:1201").read_text().startswith("TargetIdList=")
    file = tmp_path / "usb-mode.json"
    words = ("data", "export", "--data", tmp_path / "in", "--to", file, "--format", "openwrt")
    code, out, err = run(*words, "--json")
    data = json.loads(out)
    assert (code, err, data["written"], data["errors"], data["exit_code"]) == (0, "", count - 11, [], 0)
    assert "19d2-1201: TargetIdList is lost" in data["losses"]
    assert run(*words, "-q") == (0, "", "")
    code, out, err = run("data", "import", file, "--to", tmp_path / "back")
    assert (code, err) == (0, "")
    assert out.startswith(f"{count - 11} files written, 0 unchanged, 0 errors")
    (tmp_path / "in/19d2:1201").write_text("Bogus=1\nMessageContent=0\n")
    code, _, err = run(*classic, "-q")
    assert code == 6
    assert "MessageContent: odd number" in err
    assert run("data", "export", "--format", "bogus", "--to", "x")[0] == 2


def test_data_refresh(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = tmp_path / "share/packs"
    monkeypatch.setattr("pymodeswitch.catalog.sources.PACKS_INDEX", str(index))
    monkeypatch.syspath_prepend(tmp_path)
    assert run("data", "refresh") == (0, f"{index}: unchanged, 0 packs\n", "")
    install(tmp_path, "acme", "acme", "acme/1209-0001")
    install(tmp_path, "zebra", "zebra")
    code, out, err = run("data", "refresh")
    assert code == 6
    assert out == f"acme 1.0: 1 files in {tmp_path}/acme\n{index}: written, 2 packs\n"
    assert err == "pymodeswitch: zebra 1.0: sticks: there is no package zebra\n"
    code, out, err = run("-q", "data", "refresh", "--json")
    data = json.loads(out)
    assert (code, data["changed"], data["index"]) == (6, False, str(index))
    assert data["table"] is None, "nobody has installed a sender here"
    monkeypatch.setattr("pymodeswitch.early.sender.TABLE", str(tmp_path / "cache/table"))
    (tmp_path / "cache").mkdir()
    assert f"{tmp_path}/cache/table: written\n" in run("data", "refresh")[1]
    assert (tmp_path / "cache/table").read_bytes().startswith(b"table 1 ")
    data = json.loads(run("data", "refresh", "--json")[1])
    assert data["table"] == str(tmp_path / "cache/table")
    assert data["packs"][0] == {
        "name": "sticks",
        "distribution": "acme 1.0",
        "package": "acme",
        "folders": [f"{tmp_path}/acme"],
        "files": 1,
        "problem": None,
    }
