"""What the tests of learning share."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from pymodeswitch.command.verbs import doctor, report
from pymodeswitch.host.linux import LibusbHost
from pymodeswitch.virtual import VirtualBackend, VirtualBus
from pymodeswitch.virtual.pytest_plugin import virtual_stick as virtual_stick  # where it is not installed
from tests.conftest import FILES
from tests.learning.traffic import NotingBus

CAPTURES = FILES / "captures"
try_ = importlib.import_module("pymodeswitch.command.verbs.try")  # a word of Python


@pytest.fixture
def noting() -> NotingBus:
    """A bus that notes its traffic."""
    return NotingBus()


@pytest.fixture
def virtual_host(bus: VirtualBus, backend: VirtualBackend, monkeypatch: pytest.MonkeyPatch) -> LibusbHost:
    """What `try` and `report` take for this computer: the virtual bus."""
    host = LibusbHost(backend, bus.clock)
    for verb in (doctor, report, try_):
        monkeypatch.setattr(verb, "default_host", lambda: host)
    return host


@pytest.fixture
def capture(tmp_path: Path):  # type: ignore[no-untyped-def]
    """Writes a capture; returns its path."""

    def write(content: bytes | str, name: str = "capture") -> str:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write
