"""Rounds of switches on virtual sticks, and what the process holds after each."""

from __future__ import annotations

import gc
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from pymodeswitch import Port, Settings, Status, UnchangedError, switch
from pymodeswitch.catalog.catalog import default_catalog
from pymodeswitch.host.linux import LibusbHost
from pymodeswitch.nouns.run_folder import BOOT, JUDGE, MARKS
from pymodeswitch.switching import fleet as fleet_module
from pymodeswitch.switching.fleet import Fleet, Outcome, switcher
from pymodeswitch.virtual import Leave, RealClock, VirtualBackend, VirtualBus, mf691
from tests.switching.test_fleet import SafeBackend, SafeHost
from tests.switching.test_judge import Computer

SETTINGS = Settings(switches_per_minute=60)
USUAL = fleet_module.MEMBER_POLL_S, fleet_module.POLL_S
STAYS_EACH = 50  # one stick in so many does not react
CREW = 16
POLL_S = 0.02  # no events come from virtual sticks; the usual second would be all that is measured
MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None  # as /run is


class Held(NamedTuple):
    """What the process holds. memory_kb: resident. files, threads, objects: how many."""

    memory_kb: int
    files: int
    threads: int
    objects: int


def held() -> Held:
    """Now, with all garbage collected."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    files = len(os.listdir("/proc/self/fd"))
    kilobytes = pages * os.sysconf("SC_PAGE_SIZE") // 1024
    return Held(kilobytes, files, threading.active_count(), len(gc.get_objects()))


class _StateHost(LibusbHost):
    """A virtual computer with locks and counters in a real folder; time passes only in waits."""

    def __init__(self, bus: VirtualBus, backend: VirtualBackend, folder: str) -> None:
        super().__init__(backend, bus.clock)
        self.state_folder = folder
        self.meanwhile: Callable[[], None] = lambda: None

    def wait(self, seconds: float, port: Port | None = None) -> None:
        super().wait(seconds, port)
        self.meanwhile()


def _drivers(bus: VirtualBus) -> dict[int, str]:
    (attached,) = bus.attached()
    return attached.drivers


def by_switch(number: int) -> None:
    """So many calls of `switch()`, on one bus; each verdict has to be right."""
    bus = VirtualBus()
    backend = VirtualBackend(bus)
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        host = _StateHost(bus, backend, folder)
        for count in range(number):
            stays = count % STAYS_EACH == STAYS_EACH - 1
            bus.plug(mf691(leave=None if stays else Leave(0.3)), "1-1")
            try:
                result = switch(0x19D2, 0x1201, host=host, settings=SETTINGS, timeout=5)
                assert (result.status, stays) == (Status.SWITCHED, False)
            except UnchangedError:
                assert stays
                assert _drivers(bus) == {0: "usb-storage"}
            bus.unplug("1-1")
            bus.clock.sleep(2)
            backend.transfers.clear()
    assert backend.open_handles == 0


def by_watch(number: int) -> None:
    """So many plugs under one `Fleet` that watches, one after the other."""
    bus = VirtualBus()
    backend = VirtualBackend(bus)
    outcomes = plugged = 0
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        host = _StateHost(bus, backend, folder)

        def report(outcome: Outcome) -> None:
            nonlocal outcomes
            assert outcome.error is None, outcome.error
            outcomes += 1
            backend.transfers.clear()
            bus.unplug("1-1")
            if outcomes == number:
                fleet.stop()

        def plug() -> None:
            nonlocal plugged
            if plugged == outcomes < number:
                plugged += 1
                bus.clock.sleep(2)
                bus.plug(mf691(), "1-1")

        host.meanwhile = plug
        fleet = Fleet(host, default_catalog(), switcher(settings=SETTINGS), report)
        fleet.run(forever=True)
    assert outcomes == number


def by_judge(number: int) -> None:
    """So many plugs that the sender sees first, each with its mark, its judge and its verdict."""
    bus = VirtualBus()
    backend = VirtualBackend(bus)
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder, pytest.MonkeyPatch.context() as patch:
        computer = Computer(backend, Path(folder), patch)
        for count in range(number):
            stays = count % STAYS_EACH == STAYS_EACH - 1
            assert computer.plug(mf691(leave=None if stays else Leave(0.3))) == "sent"
            assert computer.judge()
            (outcome,) = computer.outcomes
            assert isinstance(outcome.error, UnchangedError) if stays else outcome.error is None
            assert not stays or _drivers(bus) == {0: "usb-storage"}
            assert computer.marks == []
            computer.outcomes.clear()
            bus.unplug("1-1")
            bus.clock.sleep(60)
            backend.transfers.clear()
            computer.kernel.calls.clear()
            computer.kernel.times.clear()
        assert sorted(os.listdir(computer.kernel.state)) == [".1-1.judged", "1-1", BOOT, JUDGE, MARKS]
    assert backend.open_handles == 0


def by_crew(number: int) -> None:
    """So many switches in threads, CREW sticks at a time, on real time."""
    done = 0
    fleet_module.MEMBER_POLL_S = fleet_module.POLL_S = POLL_S
    while done < number:
        bus = VirtualBus(RealClock())
        host = SafeHost(SafeBackend(bus), bus.clock)
        sticks = min(CREW, number - done)
        for port in range(1, sticks + 1):
            bus.plug(mf691(leave=Leave(0.01)), f"1-{port}")
        outcomes: list[Outcome] = []
        Fleet(host, default_catalog(), switcher(settings=SETTINGS), outcomes.append, crew=CREW).run(
            forever=False
        )
        assert [outcome.error for outcome in outcomes] == [None] * sticks
        done += sticks
    fleet_module.MEMBER_POLL_S, fleet_module.POLL_S = USUAL


WAYS: dict[str, tuple[Callable[[int], None], float]] = {
    # How, and which share of the switches goes this way.
    "switch()": (by_switch, 0.7),
    "Fleet, watching": (by_watch, 0.1),
    "sender and judge": (by_judge, 0.1),
    "Fleet, threads": (by_crew, 0.1),
}


def rounds(switches: int, number: int) -> Iterator[Held]:
    """So many rounds of them all; what is held after each. The first round warms up."""
    fleet_module.logger.debug("soak")  # the logger is made once
    for _ in range(number):
        for way, share in WAYS.values():
            way(max(1, round(switches * share / number)))
        yield held()
