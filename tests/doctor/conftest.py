"""A healthy computer with an MF691, before the switch or after it, and a catalogue of three entries."""

from __future__ import annotations

from pathlib import Path

import pytest

from pymodeswitch.catalog.catalog import Catalog
from pymodeswitch.doctor import udev_and_systemd
from pymodeswitch.system import installation
from pymodeswitch.virtual import mf691
from tests.doctor.tree import PORT, Tree

ENTRIES = {
    "19d2-1201": "TargetVendor=19d2\nTargetProduct=1203\nStandardEject=1\n",
    "1111-1111@sVe=LGX": "TargetClass=0xff\nStandardEject=1\n",
    "2222-2222": "",
    "0421-0622": "TargetVendor=0x0421\nTargetClass=0xff\nTargetProduct=0623\nStandardEject=1\n",
}


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """The shipped entries are many; these do."""
    folder = tmp_path / "catalog"
    folder.mkdir()
    for name, text in ENTRIES.items():
        (folder / name).write_text(text)
    return Catalog((str(folder),))


@pytest.fixture
def tree(tmp_path: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """A healthy computer without a stick."""
    for module in (installation, udev_and_systemd):
        monkeypatch.setattr(module, "system_catalog", lambda root: catalog)
    tree = Tree(tmp_path / "root")
    tree.install()
    return tree


@pytest.fixture
def stick(tree: Tree) -> Tree:
    """With an MF691 in storage mode."""
    tree.plug(mf691().modes[0].identity)
    tree.storage()
    return tree


@pytest.fixture
def modem(tree: Tree) -> Tree:
    """With a switched MF691."""
    tree.plug(mf691().modes[1].identity)
    for number in range(4):
        tree.bind(f"{PORT}:1.{number}", "cdc_acm")
    for number in (0, 2):
        tree.folder(f"/sys/bus/usb/devices/{PORT}:1.{number}/tty/ttyACM{number // 2}")
    return tree
