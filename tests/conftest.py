"""What all tests share: a virtual bus with simulated time, and a catalogue that ignores this computer's."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from pymodeswitch.catalog import sources
from pymodeswitch.early import sender, table
from pymodeswitch.nouns import run_folder
from pymodeswitch.planning import settings
from pymodeswitch.virtual import VirtualBackend, VirtualBus

FILES = Path(__file__).parent / "files"


# Started by nohup, or with `&` in a script, signals are ignored, and by all that is started from here, too.
for _number, _handler in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGHUP, signal.SIG_DFL),
    (signal.SIGTERM, signal.SIG_DFL),
):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _handler)


@pytest.fixture(autouse=True)
def _no_system_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Device files and settings that this computer happens to have must not decide a test."""
    monkeypatch.setattr(sources, "SYSTEM_FOLDERS", ())
    monkeypatch.setattr(sources, "LAST_FOLDERS", ())
    monkeypatch.setattr(sources, "PACKS_INDEX", "/nonexistent/packs")
    monkeypatch.setattr(run_folder, "RUN_FOLDER", "/dev/null/state")
    monkeypatch.setattr(sender, "TABLE", "/nonexistent/table")
    monkeypatch.setattr(table, "TICK_S", 0.0)  # nobody changes a test's folders behind its back
    monkeypatch.setattr(settings, "PATH", "/nonexistent/pymodeswitch.conf")
    monkeypatch.setattr(settings, "REFERENCE_PATHS", ())


@pytest.fixture
def bus() -> VirtualBus:
    """A bus whose time passes only in waits."""
    return VirtualBus()


@pytest.fixture
def backend(bus: VirtualBus) -> Iterator[VirtualBackend]:
    """The bus behind pyusb; whoever used it has closed and released all in the end."""
    backend = VirtualBackend(bus)
    yield backend
    assert backend.open_handles == 0
    assert backend.unreleased == []
