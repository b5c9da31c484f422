"""`devices`: those that are known, searched by words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pymodeswitch.catalog.catalog import default_catalog


def test_devices(run: Any) -> None:
    code, out, err = run("devices", "t-mobile", "rocket")
    assert code == 0
    head, line = out.splitlines()
    assert head.split() == ["ID", "MAKER", "METHOD", "PRODUCT"]
    assert line.split() == [
        *("19d2:1201", "ZTE", "StandardEject"),
        *("ZTE", "MF691", "(T-Mobile", "Rocket", "2.0)"),
    ]
    assert err.startswith(f"1 of {len(list(default_catalog().all()))} device files;")
    assert run("devices", "rocket", "t-mobile", "-q") == (0, out, "")


def test_all_devices(run: Any) -> None:
    _, out, _ = run("devices")
    assert len(out.splitlines()) == 1 + len(list(default_catalog().all()))


def test_devices_as_json(run: Any) -> None:
    code, out, err = run("devices", "19d2:1201", "--json")
    assert (code, err) == (0, "")
    (device,) = json.loads(out)["devices"]
    found = {key: device[key] for key in ("id", "maker", "method", "modes", "targets")}
    assert found == {
        "id": "19d2:1201",
        "maker": "ZTE",
        "method": "StandardEject",
        "modes": [],
        "targets": ["19d2:1203"],
    }


def test_no_such_device(run: Any) -> None:
    code, out, err = run("devices", "nokia", "huawei")
    assert (code, out) == (5, "")
    assert err.startswith("pymodeswitch: no device file fits 'nokia huawei': try fewer words")
    code, out, _ = run("devices", "nokia", "huawei", "--json")
    assert (code, json.loads(out)["error"]) == (5, "NoEntryError")


def test_own_device_files_are_searched(run: Any, tmp_path: Path) -> None:
    (tmp_path / "1209-0001").write_text("# Acme\x1b[31m stick\nStandardEject=1\n")
    _, out, _ = run("devices", "acme", "--data", tmp_path)
    assert out.splitlines()[1] == "1209:0001  -      StandardEject  Acme\\x1b[31m stick"
