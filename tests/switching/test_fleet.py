"""Several sticks at once: one after the other on simulated time, and in threads on the real one."""

from __future__ import annotations

import functools
import itertools
import os
import threading
import time
from collections.abc import Callable, Container, Iterable
from pathlib import Path
from typing import Any

import pytest

from pymodeswitch import ModeSwitchError, Port, Settings, TooOftenError, UsbId
from pymodeswitch.catalog import sources
from pymodeswitch.catalog.catalog import Catalog, default_catalog
from pymodeswitch.host.linux import LibusbHost, LinuxHost
from pymodeswitch.nouns.errors import SwitchingOffError, UnchangedError
from pymodeswitch.nouns.model import AttachedDevice
from pymodeswitch.nouns.protocols import Host
from pymodeswitch.nouns.record import replace
from pymodeswitch.planning.plan import typical_device
from pymodeswitch.switching.attached import AttachedSticks
from pymodeswitch.switching.fleet import Fleet, Outcome, scan, switcher
from pymodeswitch.virtual import Leave, RealClock, Stick, VirtualBackend, VirtualBus, mf691, modem_mode

QUICK = Leave(0.01)


def summary(outcomes: tuple[Outcome, ...] | list[Outcome]) -> list[tuple[str, str]]:
    return [
        (o.device.port, o.result.status.value if o.result and o.result.status else type(o.error).__name__)
        for o in outcomes
    ]


def test_scan_switches_what_wants_it_and_nothing_else(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(mf691(), "1-1")
    bus.plug(Stick([modem_mode(0x1, 0x2)]), "1-2")  # no device file
    bus.plug(mf691(), "1-3")
    bus.plug(mf691(leave=None), "1-4")
    bus.plug(Stick([modem_mode(0x19D2, 0x1201)]), "1-5")  # the ID, and no storage
    seen: list[Outcome] = []
    outcomes = scan(backend=backend, report=seen.append)
    assert summary(outcomes) == [
        ("1-1", "switched"),
        ("1-3", "switched"),
        ("1-4", "UnchangedError"),
        ("1-5", "NotStorageError"),
    ]
    assert sorted(seen, key=lambda o: o.device.port) == list(outcomes)
    assert [o.is_left_alone for o in outcomes] == [False, False, False, True]
    assert [o.exit_code for o in outcomes] == [0, 0, 11, 0]
    sent = len(backend.transfers)
    assert summary(scan(backend=backend, timeout=1)) == [
        ("1-4", "UnchangedError"),
        ("1-5", "NotStorageError"),
    ]
    assert len(backend.transfers) > sent


def test_scan_of_nothing(backend: VirtualBackend) -> None:
    assert scan(backend=backend) == ()


def test_dry_scan(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(mf691())
    assert summary(scan(backend=backend, dry_run=True)) == [("1-1", "planned")]
    assert backend.transfers == []


def test_switching_turned_off(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(mf691())
    with pytest.raises(SwitchingOffError):
        scan(backend=backend, settings=Settings(switching=False))
    assert backend.transfers == []


class Script(LibusbHost):
    """A virtual computer on which something happens at certain times."""

    def __init__(self, backend: VirtualBackend, events: dict[float, Callable[[], object]]) -> None:
        super().__init__(backend, backend.bus.clock)
        self.events = events

    def wait(self, seconds: float, port: Port | None = None) -> None:
        super().wait(seconds, port)
        for when in sorted(self.events):
            if when <= self.now():
                self.events.pop(when)()


def watch(host: Host, *, until: float, switch_one: Any = None) -> list[Outcome]:
    """Watch for so long on simulated time."""
    outcomes: list[Outcome] = []
    options = {"settings": Settings(), "timeout": 2.0}
    fleet = Fleet(host, default_catalog(), switch_one or switcher(**options), outcomes.append)
    host.events[until] = fleet.stop  # type: ignore[attr-defined]
    fleet.run(forever=True)
    return outcomes


def test_watch_switches_what_is_there_and_what_comes(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(mf691(), "1-1")
    host = Script(backend, {5: lambda: bus.plug(mf691(), "1-2"), 9: lambda: bus.unplug("1-2")})
    host.events[12] = lambda: bus.plug(mf691(), "1-2")
    outcomes = watch(host, until=20)
    assert summary(outcomes) == [("1-1", "switched"), ("1-2", "switched"), ("1-2", "switched")]


def test_a_stick_that_falls_back_is_switched_again(bus: VirtualBus, backend: VirtualBackend) -> None:
    def fall_back() -> None:
        bus.unplug("1-1")
        bus.plug(mf691(), "1-1")

    bus.plug(mf691(), "1-1")
    outcomes = watch(Script(backend, {6: fall_back, 12: fall_back}), until=20)
    assert summary(outcomes) == [("1-1", "switched")] * 3


def test_a_device_file_that_comes_while_watching(
    bus: VirtualBus, backend: VirtualBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "SYSTEM_FOLDERS", (str(tmp_path),))
    bus.plug(mf691(), "1-1")
    mask = tmp_path / "19d2-1201"
    host = Script(backend, {5: mask.touch, 6: lambda: bus.plug(mf691(), "1-2")})
    host.events |= {12: mask.unlink, 13: lambda: bus.plug(mf691(), "1-3")}
    assert summary(watch(host, until=20)) == [("1-1", "switched"), ("1-3", "switched")]


def test_a_stick_that_stays_is_not_tried_again_until_it_is_plugged_again(
    bus: VirtualBus, backend: VirtualBackend
) -> None:
    def plug_again() -> None:
        bus.unplug("1-1")
        bus.plug(mf691(leave=None), "1-1")

    bus.plug(mf691(leave=None), "1-1")
    outcomes = watch(Script(backend, {30: plug_again}), until=60)
    assert summary(outcomes) == [("1-1", "UnchangedError")] * 2
    assert isinstance(outcomes[0].error, UnchangedError)


def test_a_port_that_was_switched_too_often_is_looked_at_again_later(
    bus: VirtualBus, backend: VirtualBackend
) -> None:
    bus.plug(mf691())
    calls: list[float] = []

    def switch_one(device: AttachedDevice, host: Host, catalog: Catalog) -> Outcome:
        calls.append(host.now())
        return Outcome(device, None, TooOftenError("too often", retry_s=30))

    watch(Script(backend, {}), until=100, switch_one=switch_one)
    assert len(calls) == 4
    assert all(30 <= later - earlier < 32 for earlier, later in itertools.pairwise(calls))


class SafeBackend(VirtualBackend):
    """One thread at a time, as a kernel would have it."""

    lock = threading.RLock()

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        if not callable(value) or name.startswith("_"):
            return value

        @functools.wraps(value)
        def locked(*arguments: Any) -> Any:
            with SafeBackend.lock:
                found = value(*arguments)
                return iter(list(found)) if name == "enumerate_devices" else found

        return locked


class SafeHost(LibusbHost):
    """As above, for what the host itself does; its waits are not under the lock."""

    def devices(self) -> tuple[AttachedDevice, ...]:
        with SafeBackend.lock:
            return super().devices()

    def at(self, port: Port) -> AttachedDevice | None:
        with SafeBackend.lock:
            return super().at(port)


@pytest.fixture
def threads() -> tuple[VirtualBus, SafeHost]:
    bus = VirtualBus(RealClock())
    return bus, SafeHost(SafeBackend(bus), bus.clock)


@pytest.mark.parametrize("crew", [2, 32])
def test_all_sticks_at_once(crew: int, threads: tuple[VirtualBus, SafeHost]) -> None:
    """None twice, none forgotten, and the waits are side by side."""
    bus, host = threads
    for number in range(1, 13):
        bus.plug(mf691(leave=QUICK), f"1-{number}")
    outcomes: list[Outcome] = []
    switch_one = switcher(settings=Settings())
    Fleet(host, default_catalog(), switch_one, outcomes.append, crew=crew).run(forever=False)
    assert sorted(summary(outcomes)) == sorted((f"1-{n}", "switched") for n in range(1, 13))
    assert all(o.result is not None and o.result.tries == 1 for o in outcomes)
    assert threading.active_count() == 1


def test_threads_wait_side_by_side(threads: tuple[VirtualBus, SafeHost]) -> None:
    bus, host = threads
    for number in range(1, 9):
        bus.plug(mf691(), f"1-{number}")
    meeting = threading.Barrier(8)

    def switch_one(device: AttachedDevice, host: Host, catalog: Catalog) -> Outcome:
        meeting.wait(timeout=30)  # breaks unless all eight are here at once
        return Outcome(device, None, ModeSwitchError("done"))

    outcomes: list[Outcome] = []
    Fleet(host, default_catalog(), switch_one, outcomes.append, crew=8).run(forever=False)
    assert [str(o.error) for o in outcomes] == ["done"] * 8


def test_an_error_of_ours_does_not_end_the_others(threads: tuple[VirtualBus, SafeHost]) -> None:
    bus, host = threads
    bus.plug(mf691(leave=QUICK), "1-1")
    bus.plug(mf691(leave=QUICK), "1-2")
    usual = switcher(settings=Settings())

    def switch_one(device: AttachedDevice, host: Host, catalog: Catalog) -> Outcome:
        if device.port == "1-1":
            raise ZeroDivisionError("a bug")
        return usual(device, host, catalog)

    outcomes: list[Outcome] = []
    Fleet(host, default_catalog(), switch_one, outcomes.append, crew=4).run(forever=False)
    assert sorted(summary(outcomes)) == [("1-1", "ModeSwitchError"), ("1-2", "switched")]
    assert "internal error: ZeroDivisionError: a bug" in str(outcomes[0].error or outcomes[1].error)


def test_a_stop_gives_the_drivers_back(threads: tuple[VirtualBus, SafeHost]) -> None:
    """In the middle of the wait for a stick that stays, and soon."""
    bus, host = threads
    attached = bus.plug(mf691(leave=None), "1-1")
    outcomes: list[Outcome] = []
    fleet = Fleet(host, default_catalog(), switcher(settings=Settings()), outcomes.append, crew=4)
    start = time.monotonic()

    def stop_when_detached() -> None:
        while not (host_backend(host).transfers or time.monotonic() - start > 30):
            time.sleep(0.01)
        fleet.stop()

    stopper = threading.Thread(target=stop_when_detached)
    stopper.start()
    fleet.run(forever=True)
    stopper.join()
    assert outcomes == []
    assert attached.drivers == {0: "usb-storage"}
    assert host_backend(host).open_handles == 0
    assert time.monotonic() - start < 15


def host_backend(host: LibusbHost) -> VirtualBackend:
    backend = host._backend
    assert isinstance(backend, VirtualBackend)
    return backend


def test_a_stick_that_is_plugged_again_while_it_waits_for_its_turn(
    threads: tuple[VirtualBus, SafeHost],
) -> None:
    """It waits once: two threads for one port would get in each other's way."""
    bus, host = threads
    for number in (1, 2, 3):
        bus.plug(mf691(), f"1-{number}")
    go = threading.Event()
    calls: list[str] = []

    def switch_one(device: AttachedDevice, host: Host, catalog: Catalog) -> Outcome:
        calls.append(device.port)
        go.wait(timeout=30)
        return Outcome(device, None, ModeSwitchError("done"))

    fleet = Fleet(host, default_catalog(), switch_one, lambda outcome: None, crew=2)
    fleet._look(None)
    with SafeBackend.lock:
        bus.unplug("1-3")
        bus.plug(mf691(), "1-3")
    fleet._look([Port("1-3")])
    go.set()
    fleet.run(forever=False)
    assert sorted(calls) == ["1-1", "1-2", "1-3"]


def test_a_finder_that_tells_of_those_that_wait_again(threads: tuple[VirtualBus, SafeHost]) -> None:
    """As marks do, which stay until the verdict: each of them is switched once."""
    bus, host = threads
    for number in range(1, 13):
        bus.plug(mf691(), f"1-{number}")

    class Marks(AttachedSticks):
        def look(self, ports: Iterable[Port] | None, busy: Container[Port]) -> list[AttachedDevice]:
            return [device for device in host.devices() if device.port not in {*busy, *done}]

        def note(self, outcome: Outcome) -> None:
            done.append(outcome.device.port)

    done: list[str] = []

    def switch_one(device: AttachedDevice, host: Host, catalog: Catalog) -> Outcome:
        return Outcome(device, None, ModeSwitchError("done"))

    catalog = default_catalog()
    Fleet(host, Marks(host, catalog), switch_one, lambda outcome: None, crew=2).run(forever=False)
    assert sorted(done) == sorted(f"1-{number}" for number in range(1, 13))


def test_a_thread_that_outlives_it_writes_nowhere_else(
    threads: tuple[VirtualBus, SafeHost], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that hangs in the kernel wakes nobody any more; its pipe's number may be another file's."""
    bus, host = threads
    bus.plug(mf691(), "1-1")
    monkeypatch.setattr("pymodeswitch.switching.fleet.STOP_S", 0.05)
    go = threading.Event()
    hangs: list[threading.Thread] = []

    def switch_one(device: AttachedDevice, host: Host, catalog: Catalog) -> Outcome:
        hangs.append(threading.current_thread())
        fleet.stop()
        go.wait(timeout=30)
        return Outcome(device, None, None)

    fleet = Fleet(host, default_catalog(), switch_one, lambda outcome: None, crew=4)
    fleet.run(forever=True)
    files = [os.open(tmp_path / f"file-{number}", os.O_WRONLY | os.O_CREAT) for number in range(8)]
    go.set()
    hangs[0].join(30)
    for file in files:
        os.close(file)
    assert [path.read_bytes() for path in tmp_path.glob("file-*")] == [b""] * 8


class Told:
    """Kernel events by a script: each step is called, and says what is told."""

    def __init__(self, *steps: Callable[[], set[str] | None]) -> None:
        self.steps = list(steps)

    def changed(self, seconds: float, also: int | None = None) -> set[str] | None:
        return self.steps.pop(0)() if self.steps else set()

    def close(self) -> None:
        pass


def test_events_wake_whom_they_tell_of_and_lost_ones_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel drops events when many come: then anything may have changed, and everything is looked at."""
    device = typical_device(UsbId(0x19D2, 0x1201))
    sticks = [replace(device, port=Port(f"1-{number}")) for number in (1, 2)]
    looks: list[list[str] | None] = []
    ended: list[str] = []

    class Finder(AttachedSticks):
        def look(self, ports: Iterable[Port] | None, busy: Container[Port]) -> list[AttachedDevice]:
            looks.append(None if ports is None else sorted(ports))
            return sticks if len(looks) == 1 else []

    def switch_one(device: AttachedDevice, host: Host, catalog: Catalog) -> Outcome:
        host.wait(60, device.port)
        ended.append(device.port)
        return Outcome(device, None, ModeSwitchError("done"))

    def first_has_ended() -> None:
        until = time.monotonic() + 10
        while not ended and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.1)
        assert ended == ["1-1"]

    told = Told(lambda: {"1-1"}, lambda: first_has_ended() or None)
    monkeypatch.setattr("pymodeswitch.switching.fleet.KernelEvents", lambda: told)
    monkeypatch.setattr("pymodeswitch.switching.fleet.MEMBER_POLL_S", 60)
    host = LinuxHost()
    finder = Finder(host, default_catalog())
    Fleet(host, finder, switch_one, lambda outcome: None, crew=4).run(forever=False)
    assert ended == ["1-1", "1-2"]
    assert looks[:2] == [None, ["1-1"]]
    assert looks.count(None) == 2
