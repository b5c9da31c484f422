"""Folders of device files in other packages: found, noted in the index, used."""

from __future__ import annotations

import os
import sys
import types
from pathlib import Path

import pytest

from pymodeswitch import DeviceFileError, UsbId
from pymodeswitch.catalog import sources
from pymodeswitch.catalog.catalog import default_catalog, read_entry
from pymodeswitch.catalog.packs import GROUP, Pack, installed_packs, refresh_index

ACME = UsbId(0x1209, 0x0001)
EJECT = "# Acme Stick\nStandardEject=1\n"


@pytest.fixture(autouse=True)
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "share/pymodeswitch/packs"
    monkeypatch.setattr(sources, "PACKS_INDEX", str(path))
    return path


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that Python looks for packages in."""
    path = tmp_path / "site-packages"
    path.mkdir()
    monkeypatch.syspath_prepend(path)
    return path


def install(site: Path, name: str, value: str, *files: str) -> None:
    """A distribution with an entry point, and with device files; its code must not run."""
    info = site / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nsticks = {value}\n")
    for file in files:
        path = site / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("raise SystemExit('run')\n" if file.endswith(".py") else EJECT)


def test_without_packs(index: Path) -> None:
    assert installed_packs() == ()
    assert refresh_index(()) is False
    assert not index.parent.exists()


@pytest.mark.parametrize(
    ("package", "folder"),
    [("acme_sticks", "acme_sticks"), ("acme.modems.devices", "acme/modems/devices")],
)
def test_a_pack_is_found_noted_and_used(package: str, folder: str, site: Path, index: Path) -> None:
    outermost = folder.partition("/")[0]
    install(site, "acme", package, f"{outermost}/__init__.py", f"{folder}/1209-0001", f"{folder}/README")
    packs = installed_packs()
    assert packs == (Pack("sticks", "acme 1.0", package, (str(site / folder),), 1),)
    assert default_catalog().candidates(ACME) == ()  # not before a refresh
    assert refresh_index(packs) is True
    assert index.read_text().splitlines()[1:] == [str(site / folder)]
    assert index.stat().st_mode & 0o777 == 0o644
    (candidate,) = default_catalog().candidates(ACME)
    assert read_entry(candidate).path == str(site / folder / "1209-0001")
    assert refresh_index(packs) is False


def test_a_pack_comes_after_the_system_and_before_the_shipped_files(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(site, "acme", "acme", "acme/19d2-1201")
    refresh_index(installed_packs())
    (candidate,) = default_catalog().candidates(UsbId(0x19D2, 0x1201))
    assert candidate.path == str(site / "acme/19d2-1201")
    (tmp_path / "19d2:1201").write_text(EJECT)
    monkeypatch.setattr(sources, "SYSTEM_FOLDERS", (str(tmp_path),))
    (candidate,) = default_catalog().candidates(UsbId(0x19D2, 0x1201))
    assert candidate.path == str(tmp_path / "19d2:1201")


def test_packs_are_in_the_order_of_their_distributions(site: Path) -> None:
    install(site, "zebra", "zebra", "zebra/1209-0001")
    install(site, "acme", "acme", "acme/1209-0001")
    refresh_index(installed_packs())
    assert sources.pack_folders() == (str(site / "acme"), str(site / "zebra"))


def test_a_pack_that_is_gone_does_no_harm_until_the_next_refresh(site: Path, index: Path) -> None:
    install(site, "acme", "acme", "acme/1209-0001")
    refresh_index(installed_packs())
    os.rename(site / "acme-1.0.dist-info", site / "old")
    os.rename(site / "acme", site / "gone")
    assert default_catalog().candidates(ACME) == ()
    assert len(default_catalog().candidates(UsbId(0x19D2, 0x1201))) == 1
    assert refresh_index(installed_packs()) is True
    assert not index.exists()


@pytest.mark.parametrize(
    ("value", "files", "problem"),
    [
        ("acme:devices", ("acme/1209-0001",), "'acme:devices' is no name of a package"),
        ("../etc", (), "'../etc' is no name of a package"),
        (".acme", (), "'.acme' is no name of a package"),
        ("nothing_like_it", (), "there is no package nothing_like_it"),
        ("acme", ("acme.py",), "there is no package acme"),
        ("acme.devices", ("acme/__init__.py",), "acme.devices has no folder: looked for "),
        ("acme", ("acme/README",), "acme: no device file in it"),
    ],
)
def test_what_is_no_pack(value: str, files: tuple[str, ...], problem: str, site: Path) -> None:
    install(site, "acme", value, *files)
    (pack,) = installed_packs()
    assert (pack.package, pack.folders) == (value, ())
    assert problem in pack.problem
    assert refresh_index((pack,)) is False


def test_a_loaded_module_that_says_not_where_it_is(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "acme", types.ModuleType("acme"))  # its __spec__ is None
    install(site, "acme", "acme", "acme/1209-0001")
    (pack,) = installed_packs()
    assert (pack.package, pack.folders) == ("acme", ())
    assert pack.problem.startswith("acme cannot be found: ")
    assert refresh_index((pack,)) is False


def test_an_index_that_cannot_be_written(site: Path, tmp_path: Path) -> None:
    install(site, "acme", "acme", "acme/1209-0001")
    (tmp_path / "share").touch()
    with pytest.raises(DeviceFileError, match=r"packs: cannot be written: (File exists|Not a directory)"):
        refresh_index(installed_packs())
