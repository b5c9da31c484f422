"""Compiled files and libusb of the running Python."""

from __future__ import annotations

import os
import py_compile
import shlex
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from pymodeswitch import NoLibusbError
from pymodeswitch.catalog.catalog import Catalog
from pymodeswitch.doctor import python
from pymodeswitch.system.ownership import Changeable
from pymodeswitch.transport.libusb import load_backend
from tests.doctor.scenes import RULES
from tests.doctor.tree import Backend, Tree


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Two modules, compiled."""
    folder = tmp_path / "some package"
    (folder / "below").mkdir(parents=True)
    for path in (folder / "__init__.py", folder / "below/part.py"):
        path.write_text("x = 1\n")
        # As Python itself does; where SOURCE_DATE_EPOCH is set, py_compile alone would take checksums.
        py_compile.compile(str(path), invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP)
    return folder


def names(folder: Path, *, writing: bool, **environment: str) -> list[str]:
    found = python.check_compiled([str(folder)], environment, writing=writing)
    return [finding.name for finding in found]


def test_compiled(package: Path) -> None:
    assert names(package, writing=False) == ["compiled"]


@pytest.mark.parametrize("how", ["gone", "stale", "cut"])
def test_a_compiled_file_that_does_not_count(package: Path, how: str) -> None:
    (compiled,) = (package / "below/__pycache__").iterdir()
    if how == "gone":
        compiled.unlink()
    elif how == "stale":
        os.utime(package / "below/part.py", (1, 1))
    else:
        compiled.write_bytes(compiled.read_bytes()[:10])
    (found,) = python.check_compiled([str(package)], {}, writing=False)
    assert found.name == "not-compiled"
    assert "never written" in found.text
    expected = f"{sys.executable} -m compileall -q {shlex.quote(str(package))}"
    assert found.cure == expected
    # The next import writes it.
    assert names(package, writing=True) == ["compiled"]


def test_the_variable_is_named(package: Path) -> None:
    (package / "below/part.py").write_text("x = 22\n")
    (found,) = python.check_compiled([str(package)], {"PYTHONDONTWRITEBYTECODE": "1"}, writing=False)
    assert "PYTHONDONTWRITEBYTECODE is set" in found.text


def test_a_folder_that_cannot_be_written(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (package / "below/part.py").write_text("x = 22\n")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert names(package, writing=True) == ["not-compiled"]


def test_compiled_by_checksum(package: Path) -> None:
    """As distributions ship them (PEP 552): the time of the source does not count."""
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(package / "below/part.py"), invalidation_mode=mode)
    os.utime(package / "below/part.py", (1, 1))
    assert names(package, writing=False) == ["compiled"]


def test_what_is_looked_at() -> None:
    ours, pyusb = python.package_folders()
    assert Path(ours, "doctor/python.py").exists()
    assert Path(pyusb, "core.py").exists()


def test_the_libusb_of_this_python(tree: Tree) -> None:
    (found,) = python.check_libusb(tree.computer(), load_backend)
    assert found.name == "libusb"
    assert found.text.startswith("libusb 1.0.")
    of_package = "/libusb_package/" in found.text
    assert (" of libusb-package: " in found.text) is of_package


def test_a_system_libusb_loaded_by_its_name(tree: Tree) -> None:
    """Where it was loaded from is in the process's maps; an old one built with udev needs it."""
    path = "/usr/lib/x86_64-linux-gnu/libusb-1.0.so.0.3.0"
    tree.write("/proc/self/maps", f"7f00-7f01 r-xp 00000000 00:17 1   {path}\n")
    tree.write(path, b"\x7fELF ... libudev.so.1\0")
    backend = Backend("libusb-1.0.so.0")
    (found,) = python.check_libusb(tree.computer(), lambda: backend)
    assert found.text == f"libusb 1.0.27 of the system: {path} (built with udev)"
    tree.remove("/run/udev")
    _, found = python.check_libusb(tree.computer(), lambda: backend)
    assert (found.name, found.cure) == (
        "libusb-needs-udev",
        f"{sys.executable} -m pip install libusb-package",
    )
    backend.lib.libusb_wrap_sys_device = None  # type: ignore[attr-defined]
    assert [f.name for f in python.check_libusb(tree.computer(), lambda: backend)] == ["libusb"]


def test_no_libusb(tree: Tree) -> None:
    def load() -> NoReturn:
        raise NoLibusbError("no libusb-1.0 found: install it")

    (found,) = python.check_libusb(tree.computer(), load)
    assert (found.name, found.text) == ("no-libusb", "no libusb-1.0 found: install it")


def test_what_others_can_change_is_a_problem_where_root_runs_it(
    tree: Tree, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [Changeable(f"/opt/{number}", "all may write") for number in range(9)]
    monkeypatch.setattr(python, "changeable", lambda runs: found)
    told = [finding for finding in tree.findings(catalog=catalog) if finding.name == "changeable"]
    assert len(told) == 5
    assert told[0].cure == "chown root: /opt/0; chmod go-w /opt/0"
    tree.remove(RULES)
    assert not [finding for finding in tree.findings(catalog=catalog) if finding.name == "changeable"]
