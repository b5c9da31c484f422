"""`list`: what is attached, and where device files come from."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pymodeswitch.catalog.sources import shipped_folder
from pymodeswitch.virtual import Stick, VirtualBackend, VirtualBus, mf691, modem_mode
from tests.catalog.test_packs import install
from tests.transport.test_inquiry import lgx


def test_list_does_not_ask_the_device(run: Any, bus: VirtualBus, backend: VirtualBackend) -> None:
    """A stick whose SCSI strings decide, and nobody has read them."""
    bus.plug(lgx())
    assert "perhaps switchable" in run("list")[1]
    code, _, err = run("explain", "1111:1111")
    assert code == 5
    assert "sVe=LGX: the SCSI strings are not known" in err
    assert backend.transfers == []


def test_list_goes_on_after_a_bad_device_file(run: Any, bus: VirtualBus, tmp_path: Path) -> None:
    (tmp_path / "19d2-1201").write_text("MessageContent=zz\n")
    bus.plug(mf691(), "1-1")
    bus.plug(Stick([modem_mode(0x1234, 0x5678)]), "1-2")
    code, out, err = run("list", "--data", tmp_path)
    assert code == 0
    assert "bad device file" in out
    assert "1234:5678" in out
    assert "'z' is not a hex digit" in err


def test_list(run: Any, bus: VirtualBus) -> None:
    assert run("list") == (0, "", "no USB device is attached\n")
    bus.plug(mf691(), "1-1")
    bus.plug(Stick([modem_mode(0x19D2, 0x1203)]), "1-2")
    bus.plug(Stick([modem_mode(0x1234, 0x5678)]), "1-3")
    code, out, err = run("list")
    assert (code, err) == (0, "")
    words = [line.split()[2] for line in out.splitlines()]
    assert words == ["switchable", "already", "unknown"]
    data = json.loads(run("list", "--json")[1])
    assert [device["state"] for device in data["devices"]] == [
        "switchable",
        "already switched",
        "unknown",
    ]


def test_list_sources(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = tmp_path / "packs"
    index.write_text(f"{tmp_path}/gone\n")
    monkeypatch.setattr("pymodeswitch.catalog.sources.PACKS_INDEX", str(index))
    monkeypatch.syspath_prepend(tmp_path)
    install(tmp_path, "acme", "acme", "acme/1209-0001")
    etc, shipped = tmp_path / "etc", shipped_folder()
    etc.mkdir()
    (etc / "12d1:1f01").write_text("StandardEject=1\n")
    (etc / "19d2-1201").touch()
    (etc / "1209-0002").write_text("StandardEject=1\n")
    words = ("list", "--sources", "--data", etc)
    code, out, err = run(*words)
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        f"{etc}: 3 device files",
        f"  12d1-1f01        hides {shipped}/12d1-1f01",
        f"  19d2-1201        a mask (an empty file); hides {shipped}/19d2-1201",
        f"{tmp_path}/gone: does not exist (a pack that is gone: run `pymodeswitch data refresh`)",
        f"{shipped}: {len(os.listdir(shipped))} device files, 2 of them hidden",
        "acme 1.0: not in the index of packs: run `pymodeswitch data refresh`",
    ]
    out = run(*words, "-v")[1]
    assert "\n  1209-0002\n" in out
    assert f"\n  19d2-1201        masked by {etc}/19d2-1201\n" in out
    assert f"\n  12d1-1f01        replaced by {etc}/12d1:1f01\n" in out
    data = json.loads(run(*words, "--json")[1])
    assert data["index"] == str(index)
    assert [pack["distribution"] for pack in data["packs_not_in_index"]] == ["acme 1.0"]
    assert [source["missing"] for source in data["sources"]] == [False, True, False]
    assert data["sources"][0]["files"][2] == {
        "name": "19d2-1201",
        "path": f"{etc}/19d2-1201",
        "state": "mask",
        "by": None,
        "mask": "an empty file",
        "hides": [f"{shipped}/19d2-1201"],
        "problem": None,
    }
