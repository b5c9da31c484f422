"""The guards of a port: one run at a time, so many switches a minute, and state that may be anything."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import pymodeswitch
from pymodeswitch import (
    BusyError,
    ModeSwitchError,
    Port,
    Settings,
    Status,
    SwitchResult,
    TooOftenError,
    UnchangedError,
)
from pymodeswitch.host.linux import LibusbHost
from pymodeswitch.nouns.errors import error_for_code
from pymodeswitch.switching.port_state import WINDOW_S, PortState, RunVerdict
from pymodeswitch.virtual import Stick, VirtualBackend, VirtualBus, mf691, modem_mode

PORT = Port("1-1")


class Host(LibusbHost):
    """A virtual computer that keeps state; `meanwhile` is called at each wait."""

    def __init__(self, backend: VirtualBackend, folder: Path) -> None:
        super().__init__(backend, backend.bus.clock)
        self.state_folder = str(folder)
        self.meanwhile: Callable[[], None] = lambda: None

    def wait(self, seconds: float, port: Port | None = None) -> None:
        super().wait(seconds, port)
        self.meanwhile()


@pytest.fixture
def host(backend: VirtualBackend, tmp_path: Path) -> Host:
    return Host(backend, tmp_path / "state")


def rocket(host: Host, **options: object) -> SwitchResult:
    return pymodeswitch.switch(0x19D2, 0x1201, host=host, **options)  # type: ignore[arg-type]


def test_one_at_a_time_and_each_wait_is_bounded(host: Host) -> None:
    first, second = PortState(host, PORT), PortState(host, PORT)
    assert first.lock(0)
    assert first.lock(0), "one's own"
    assert not second.lock(5)
    assert 5 <= host.now() < 5.2
    assert PortState(host, Port("1-2")).lock(0), "another port"
    first.unlock()
    first.unlock()
    assert second.lock(0)
    second.unlock()


def test_the_lock_ends_with_its_process(host: Host, tmp_path: Path) -> None:
    state = PortState(host, PORT)
    assert state.lock(0)
    code = (
        "import os, sys; from pymodeswitch.switching.port_state import PortState;"
        "from pymodeswitch.host.linux import LinuxHost;"
        f"print(PortState(LinuxHost(state_folder={host.state_folder!r}), '1-1').lock(0), flush=True);"
        "os._exit(9)"
    )
    words = [sys.executable, "-c", code]
    assert subprocess.run(words, capture_output=True, text=True, timeout=60).stdout == "False\n"
    state.unlock()
    assert subprocess.run(words, capture_output=True, text=True, timeout=60).stdout == "True\n"
    assert state.lock(0)
    state.unlock()


def test_so_many_switches_a_minute(host: Host, bus: VirtualBus) -> None:
    state = PortState(host, PORT)
    state.lock(0)
    for _ in range(3):
        state.count(3)
        bus.clock.sleep(10)
    with pytest.raises(TooOftenError, match="port 1-1 was switched 3 times within a minute") as caught:
        state.count(3)
    assert caught.value.retry_s == pytest.approx(WINDOW_S - 30)
    bus.clock.sleep(caught.value.retry_s + 0.01)
    state.count(3)
    with pytest.raises(TooOftenError):
        state.count(3)
    state.unlock()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "switch\n",
        "switch x\nverdict\n",
        "verdict x y z\n",
        "\udcff\udcfe\n",
        "switch 1e999\nswitch nan\n",
    ],
)
def test_state_that_is_not_ours_is_no_state(content: str, host: Host, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state/1-1").write_bytes(content.encode("utf-8", "surrogateescape"))
    state = PortState(host, PORT)
    assert state.lock(0)
    assert state.read_verdict() is None
    state.count(1)
    with pytest.raises(TooOftenError):
        state.count(1)
    state.write_verdict(11, "two\nlines of\ttext")
    assert state.read_verdict() == RunVerdict(0.0, 11, "two lines of text")
    with pytest.raises(TooOftenError):
        state.count(1)
    state.unlock()


def test_state_that_cannot_be_written_is_harmless(host: Host, bus: VirtualBus, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    bus.plug(mf691())
    assert rocket(host).status is Status.SWITCHED


def test_a_link_is_not_followed(host: Host, bus: VirtualBus, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "state/1-1").symlink_to(tmp_path / "precious")
    bus.plug(mf691())
    assert rocket(host).status is Status.SWITCHED
    assert (tmp_path / "precious").read_text() == "precious"


def test_a_full_disk_is_harmless(host: Host, bus: VirtualBus, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "ftruncate", full)
    bus.plug(mf691())
    assert rocket(host).status is Status.SWITCHED


def test_a_stick_that_always_falls_back_is_left_alone_after_a_while(
    host: Host, bus: VirtualBus, backend: VirtualBackend
) -> None:
    for _ in range(2):
        bus.plug(mf691())
        assert rocket(host, settings=Settings(switches_per_minute=2)).status is Status.SWITCHED
        bus.unplug("1-1")
    bus.plug(mf691())
    sent = len(backend.transfers)
    with pytest.raises(TooOftenError) as caught:
        rocket(host, settings=Settings(switches_per_minute=2))
    assert len(backend.transfers) == sent
    assert caught.value.result is not None
    bus.clock.sleep(WINDOW_S)
    assert rocket(host, settings=Settings(switches_per_minute=2)).status is Status.SWITCHED


@pytest.mark.parametrize("port", [None, "1-1"])
def test_the_verdict_of_the_other_run_is_ours(port: str | None, host: Host, bus: VirtualBus) -> None:
    bus.plug(mf691())
    other = PortState(host, PORT)
    other.lock(0)

    def switched() -> None:
        host.meanwhile = lambda: None
        bus.unplug("1-1")
        bus.plug(Stick([modem_mode(0x19D2, 0x1203)]))  # what the other run made of it
        other.write_verdict(0, "switched")
        other.unlock()

    host.meanwhile = switched
    result = rocket(host, port=port)
    assert result.status is Status.ALREADY
    assert str(result.after and result.after.id) == "19d2:1203"
    assert result.tries == 0


@pytest.mark.parametrize("port", [None, "1-1"])
def test_the_failure_of_the_other_run_is_ours(
    port: str | None, host: Host, bus: VirtualBus, backend: VirtualBackend
) -> None:
    bus.plug(mf691())
    other = PortState(host, PORT)
    other.lock(0)

    def failed() -> None:
        other.write_verdict(11, "19d2:1201 on port 1-1 is unchanged")
        other.unlock()

    host.meanwhile = failed
    with pytest.raises(UnchangedError, match=r"is unchanged \(so said another run"):
        rocket(host, port=port)
    assert backend.transfers == []


@pytest.mark.parametrize("port", [None, "1-1"])
def test_another_run_that_ends_without_a_word(port: str | None, host: Host, bus: VirtualBus) -> None:
    bus.plug(mf691())
    other = PortState(host, PORT)
    other.lock(0)
    other.write_verdict(11, "what was said before we began to wait does not count")
    bus.clock.sleep(1)
    host.meanwhile = other.unlock
    assert rocket(host, port=port).status is Status.SWITCHED


def test_another_run_that_does_not_end(host: Host, bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(mf691())
    other = PortState(host, PORT)
    other.lock(0)
    with pytest.raises(BusyError, match="port 1-1 is busy: another run"):
        rocket(host, timeout=3)
    assert 13 <= host.now() < 14
    with pytest.raises(BusyError):
        rocket(host, wait=False)
    assert host.now() < 14, "who does not wait for a verdict does not wait here"
    assert rocket(host, dry_run=True).status is Status.PLANNED
    assert backend.transfers == []
    other.unlock()


def test_errors_by_their_exit_codes() -> None:
    for kind in ModeSwitchError.__subclasses__():
        assert type(error_for_code(kind.exit_code, "text")) is kind
    assert type(error_for_code(99, "text")) is ModeSwitchError
