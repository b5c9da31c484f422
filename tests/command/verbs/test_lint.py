"""`lint`: what is wrong with a device file, and where."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pymodeswitch.catalog.sources import shipped_folder
from pymodeswitch.virtual import VirtualBus, mf691
from tests.conftest import FILES
from tests.support.udev_rules import Event, carry_out


def test_a_pipe_is_no_device_file(run: Any, bus: VirtualBus, tmp_path: Path) -> None:
    bus.plug(mf691())
    os.mkfifo(tmp_path / "19d2-1201")
    for words in (("lint", tmp_path / "19d2-1201"), ("19d2:1201", "--data", tmp_path)):
        code, out, err = run(*words)
        assert code == 6
        assert "not a regular file" in out + err


def test_lint_a_folder(run: Any) -> None:
    code, out, _ = run("lint", shipped_folder())
    files = len(os.listdir(shipped_folder()))
    # Two public entries name their own ID as target: that is what they say.
    assert (code, out.splitlines()[-1]) == (0, f"{files} files, 0 errors, 2 warnings")


def test_lint_a_fallback(run: Any, tmp_path: Path) -> None:
    (tmp_path / "12d1:#linux").write_text("HuaweiNewMode=1\n")
    assert run("lint", tmp_path / "12d1:#linux")[0] == 0
    text = run("rules", "--data", tmp_path)[1]
    assert carry_out(text, Event({"idVendor": "12d1", "idProduct": "9999"})).run


def test_lint_of_a_folder_leaves_masks_out(run: Any, tmp_path: Path) -> None:
    (tmp_path / "19d2-1201").touch()
    assert run("lint", tmp_path)[:2] == (0, "0 files, 0 errors, 0 warnings\n")


def test_lint_of_a_folder_names_what_nobody_will_look_at(run: Any, tmp_path: Path) -> None:
    for name in ("1234-5678", "1234_5678", "1234-567g", "README", "configPack.tar.gz"):
        (tmp_path / name).write_text("StandardEject=1\n")
    code, out, _ = run("lint", tmp_path)
    assert code == 0
    assert out.splitlines() == [
        f"{tmp_path}/1234-567g: warning: not looked at: the name is not like 19d2-1201",
        f"{tmp_path}/1234_5678: warning: not looked at: the name is not like 19d2-1201",
        "1 file, 0 errors, 2 warnings",
    ]


def test_lint_of_a_name_says_what_is_wrong_with_it(run: Any, tmp_path: Path) -> None:
    (tmp_path / "2001-0023@uma=Foo").write_text("StandardEject=1\n")
    assert "'@uma=Foo', which is no qualifier" in run("lint", tmp_path / "2001-0023@uma=Foo")[1]


def test_lint(run: Any) -> None:
    code, out, _ = run("lint", FILES / "good/rocket-2011")
    assert (code, out) == (0, "1 file, 0 errors, 0 warnings\n")
    code, out, _ = run("lint", FILES / "good/rocket-2011", "--json")
    assert json.loads(out) == {"files": 1, "findings": [], "exit_code": 0}


def test_lint_shows_the_place(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "19d2-1201"
    path.write_text("WaitBefore=soon\n")
    code, out, _ = run("lint", path)
    assert code == 6
    assert out.splitlines()[1:3] == ["  WaitBefore=soon", "             ^~~~"]
