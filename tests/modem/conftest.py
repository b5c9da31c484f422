"""A computer as a tree of files, with a switched MF691 on it; and lines to virtual modems."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pymodeswitch.host.sysfs import Sysfs
from pymodeswitch.modem.places import Places
from pymodeswitch.virtual import AcmPort, Radio, mf691
from tests.doctor.tree import PORT, Tree

OpenDirect = Callable[[str], "Direct"]


class Direct:
    """A virtual modem as a line, without a terminal between; `opened` lists the ports."""

    def __init__(self, radio: Radio) -> None:
        self.port = AcmPort(radio=radio)
        self.opened: list[str] = []
        self.is_open = False

    def __call__(self, path: str) -> Direct:
        self.opened.append(path)
        self.is_open = True
        return self

    def send(self, data: bytes, seconds: float) -> None:
        self.port.write(1, data)

    def receive(self, seconds: float) -> bytes:
        return self.port.read(0x81, 4096) or b""

    def close(self) -> None:
        self.is_open = False


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Nothing is attached; processes of an ordinary system run."""
    tree = Tree(tmp_path / "root")
    tree.process(300, "bash", opens=["/dev/tty1"])
    return tree


@pytest.fixture
def modem(tree: Tree) -> Tree:
    """A switched MF691 on port 1-1: ttyACM0 and ttyACM1."""
    tree.plug(mf691().modes[1].identity)
    for number in (0, 2):
        interface = f"/sys/bus/usb/devices/{PORT}:1.{number}"
        tree.folder(f"{interface}/tty/ttyACM{number // 2}")
        tree.write(f"{interface}/ep_8{number + 2}/type", "Interrupt\n")
        tree.bind(f"{PORT}:1.{number}", "cdc_acm")
        tree.write(f"/dev/ttyACM{number // 2}")
    return tree


@pytest.fixture
def places(tree: Tree) -> Places:
    """The tree, as the examination sees it."""
    return Places(str(tree.root))


@pytest.fixture
def sysfs(tree: Tree) -> Sysfs:
    """Its devices."""
    return Sysfs(str(tree.root / "sys"))


@pytest.fixture
def line() -> Direct:
    """A line to a modem that is registered."""
    return Direct(Radio())
