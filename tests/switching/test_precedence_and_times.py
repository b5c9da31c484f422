"""What wins (arguments, settings, the device file), and how long each wait is: no longer, no shorter."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import pymodeswitch
from pymodeswitch import (
    DeviceFile,
    GoneError,
    NotAttachedError,
    Port,
    Settings,
    Status,
    UnchangedError,
    UsbId,
    switch,
)
from pymodeswitch.catalog.catalog import default_catalog
from pymodeswitch.command import cli
from pymodeswitch.host import linux
from pymodeswitch.host.kernel_events import KernelEvents
from pymodeswitch.host.linux import LibusbHost
from pymodeswitch.nouns.model import AttachedDevice
from pymodeswitch.planning import settings as settings_module
from pymodeswitch.switching.fleet import Fleet, scan, switcher
from pymodeswitch.switching.port_state import PortState
from pymodeswitch.virtual import Leave, Stick, VirtualBackend, VirtualBus, mf691, modem_mode
from tests.planning.test_policy import mbim_stick
from tests.switching.test_port_state import Host

EJECT = DeviceFile(standard_eject=True, target_vendor=0x19D2, target_product=0x1203)


class Eventful(LibusbHost):
    """A virtual computer on which something happens at a time; it counts its waits."""

    def __init__(self, backend: VirtualBackend, at_s: float, event: Any) -> None:
        super().__init__(backend, backend.bus.clock)
        self.at_s, self.event, self.waits = at_s, event, 0

    def wait(self, seconds: float, port: Port | None = None) -> None:
        super().wait(seconds, port)
        self.waits += 1
        if self.event is not None and self.now() >= self.at_s:
            event, self.event = self.event, None
            event()


# MBIM: the argument before the settings, the settings where nothing is given


@pytest.fixture
def mbim_host(bus: VirtualBus, backend: VirtualBackend, monkeypatch: pytest.MonkeyPatch) -> LibusbHost:
    """A stick with an MBIM configuration, on a system that has the driver."""
    bus.plug(mbim_stick())
    host = LibusbHost(backend, bus.clock)
    monkeypatch.setattr(host, "has_driver", lambda name: name == "cdc_mbim")
    monkeypatch.setattr("pymodeswitch.switching.switch.default_host", lambda backend=None: host)
    return host


def planned(host: LibusbHost, **options: Any) -> str:
    result = switch(0x12D1, 0x1F01, host=host, dry_run=True, **options)
    assert result.plan is not None
    return result.plan.method


@pytest.mark.parametrize(
    ("argument", "setting", "wanted"),
    [
        (None, True, True),
        (None, False, False),
        (True, False, True),
        (True, True, True),
        (False, True, False),
        (False, False, False),
    ],
)
def test_mbim(argument: bool | None, setting: bool, wanted: bool, mbim_host: LibusbHost) -> None:
    method = planned(mbim_host, mbim=argument, settings=Settings(mbim=setting))
    assert ("Configuration" in method) == wanted, method


@pytest.mark.parametrize(
    ("words", "setting", "wanted"),
    [((), "true", True), ((), "false", False), (("--no-mbim",), "true", False)],
)
def test_mbim_by_command(
    words: tuple[str, ...],
    setting: str,
    wanted: bool,
    mbim_host: LibusbHost,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "conf").write_text(f"mbim = {setting}\n")
    monkeypatch.setattr(settings_module, "PATH", str(tmp_path / "conf"))
    assert cli.main(["12d1:1f01", "--dry-run", *words]) == 0
    assert ("SET_CONFIGURATION" in capsys.readouterr().out.upper().replace(" ", "_")) == wanted


# Times


def test_the_callers_timeout_before_check_success(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(mf691(leave=None))
    with pytest.raises(UnchangedError, match="after 3 s"):
        switch(
            0x19D2,
            0x1201,
            backend=backend,
            timeout=3,
            config=DeviceFile(standard_eject=True, check_success_s=40),
        )
    assert 3 <= bus.clock.now() < 3.2


@pytest.mark.parametrize("timeout", [0.05, 0.3, 1, 2, 7, 20])
def test_a_timeout_is_neither_longer_nor_shorter(
    timeout: float, bus: VirtualBus, backend: VirtualBackend
) -> None:
    bus.plug(mf691(leave=None))
    with pytest.raises(UnchangedError):
        switch(0x19D2, 0x1201, backend=backend, timeout=timeout)
    assert timeout <= bus.clock.now() + 1e-9 < timeout + 0.3


@pytest.mark.parametrize("at", [0.4, 0.95])
def test_the_only_try_gets_the_whole_time(at: float, bus: VirtualBus, backend: VirtualBackend) -> None:
    """as_written: one message, and a stick that takes its time."""
    stick = mf691(leave=None)
    bus.plug(stick)
    host = Eventful(backend, 20 * at, lambda: stick.leave(Leave(0.5)))
    result = switch(0x19D2, 0x1201, host=host, as_written=True, timeout=20)
    assert (result.status, result.tries) == (Status.SWITCHED, 1)


def test_the_drivers_stay_away_from_a_stick_that_nobody_waits_for(
    bus: VirtualBus, backend: VirtualBackend
) -> None:
    attached = bus.plug(mf691(leave=None))
    assert switch(0x19D2, 0x1201, backend=backend, wait=False).status is Status.SENT
    bus.clock.sleep(10)
    assert bus.at("1-1") is attached
    assert attached.drivers == {}


def test_an_unlisted_stay_is_counted_from_its_begin(bus: VirtualBus, backend: VirtualBackend) -> None:
    """It comes back after two seconds, passes through an ID that nobody named, and arrives."""
    stick = mf691(leave=Leave(2.0))
    stick.modes.insert(1, modem_mode(0x05C6, 0x9008))
    bus.plug(stick)
    host = Eventful(backend, 2.5, lambda: stick.leave(Leave(0.5)))
    result = switch(0x19D2, 0x1201, host=host)
    assert result.after is not None
    assert (result.status, result.unlisted, str(result.after.id)) == (Status.SWITCHED, False, "19d2:1203")


def test_an_unlisted_device_that_stays_is_taken_a_second_later(
    bus: VirtualBus, backend: VirtualBackend
) -> None:
    stick = mf691(leave=Leave(2.0))
    stick.modes[1] = modem_mode(0x05C6, 0x9008)
    bus.plug(stick)
    result = switch(0x19D2, 0x1201, backend=backend)
    assert result.unlisted
    assert 3.0 <= bus.clock.now() < 3.4


@pytest.mark.parametrize(("away", "unlisted"), [(4.7, False), (5.3, True)])
def test_an_unlisted_device_that_leaves_is_followed_so_long(
    away: float, unlisted: bool, bus: VirtualBus, backend: VirtualBackend
) -> None:
    """It shows itself for half a second, and leaves again: back in time, it counts as what it is then."""
    stick = mf691(leave=Leave(1.0))
    stick.modes.insert(1, modem_mode(0x05C6, 0x9008))
    bus.plug(stick)
    host = Eventful(backend, 1.5, lambda: stick.leave(Leave(away)))
    result = switch(0x19D2, 0x1201, host=host, timeout=30)
    assert result.after is not None
    now = "05c6:9008" if unlisted else "19d2:1203"
    assert (result.status, result.unlisted, str(result.after.id)) == (Status.SWITCHED, unlisted, now)


def test_a_wait_for_events_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """In seconds: a wrong unit would be a busy loop, and nothing else would tell."""
    import socket
    import time

    quiet, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with quiet, other:
        events = KernelEvents()
        events.close()
        events._socket = quiet  # type: ignore[assignment]
        for wait in (events.changed, events.wait):
            begin = time.monotonic()
            wait(0.2)
            assert 0.19 <= time.monotonic() - begin < 20
        events._socket = None


def test_scan_and_watch_do_not_look_in_a_busy_loop(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(mf691(leave=None))
    host = Eventful(backend, 0, None)
    scan(host=host, timeout=20)
    assert bus.clock.now() >= 20
    assert host.waits <= bus.clock.now() / linux.POLL_S + 5
    host.waits, begin = 0, bus.clock.now()
    fleet = Fleet(host, default_catalog(), switcher(settings=Settings(), timeout=1), lambda outcome: None)
    host.event, host.at_s = fleet.stop, begin + 60
    fleet.run(forever=True)
    assert host.waits <= 60 / linux.POLL_S + 5


# Exit codes


@pytest.mark.parametrize("order", [(11, 12), (12, 11)])
def test_the_exit_code_of_a_scan_is_that_of_the_first_port(
    order: tuple[int, int], bus: VirtualBus, backend: VirtualBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """11 stays, 12 never comes back."""
    for port, code in zip(("1-1", "1-2"), order, strict=True):
        bus.plug(mf691(leave=None if code == 11 else Leave(None)), port)
    host = LibusbHost(backend, bus.clock)
    monkeypatch.setattr("pymodeswitch.switching.fleet.default_host", lambda backend=None: host)
    assert cli.main(["scan", "-q"]) == order[0]


@pytest.mark.parametrize(("code", "error"), [(11, UnchangedError), (12, GoneError)])
def test_who_waits_for_another_run_gets_its_exit_code(
    code: int, error: type[Exception], bus: VirtualBus, backend: VirtualBackend, tmp_path: Path
) -> None:
    bus.plug(mf691(leave=None))
    host = Host(backend, tmp_path / "state")
    other = PortState(host, Port("1-1"))
    assert other.lock(0)

    def end() -> None:
        other.write_verdict(code, "it said so")
        other.unlock()

    host.meanwhile = end
    with pytest.raises(error, match="it said so") as caught:
        switch(0x19D2, 0x1201, host=host)
    assert caught.value.exit_code == code  # type: ignore[attr-defined]


# The state of a port


def test_a_shorter_state_leaves_nothing_of_the_longer_one(backend: VirtualBackend, tmp_path: Path) -> None:
    host = Host(backend, tmp_path)
    state = PortState(host, Port("1-1"))
    state.lock(0)
    state.write_verdict(11, "x" * 500)
    state.write_verdict(0, "y")
    assert (tmp_path / "1-1").read_text() == "verdict 0.000 0 y\n"
    state.unlock()


def test_a_lock_that_is_not_had_leaves_no_file_open(backend: VirtualBackend, tmp_path: Path) -> None:
    host = Host(backend, tmp_path)
    first, second = PortState(host, Port("1-1")), PortState(host, Port("1-1"))
    first.lock(0)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        assert not second.lock(0)
    assert len(os.listdir("/proc/self/fd")) == before
    first.unlock()
    assert len(os.listdir("/proc/self/fd")) == before - 1


def test_each_switch_is_one_line_of_the_ports_state(
    bus: VirtualBus, backend: VirtualBackend, tmp_path: Path
) -> None:
    """However often the message is sent; a run that only looks has none."""
    host = Host(backend, tmp_path)
    bus.plug(mf691(leave=None))
    for count in (1, 2):
        with pytest.raises(UnchangedError):
            switch(0x19D2, 0x1201, host=host, timeout=5)
        lines = (tmp_path / "1-1").read_text().splitlines()
        assert [line.split()[0] for line in lines] == ["switch"] * count + ["verdict"]
    switch(0x19D2, 0x1201, host=host, dry_run=True)
    assert (tmp_path / "1-1").read_text().splitlines() == lines


# What is asked of a stick


def test_no_inquiry_where_no_file_asks_for_it(bus: VirtualBus, backend: VirtualBackend) -> None:
    attached = bus.plug(mf691(leave=None))
    attached.drivers.clear()
    with pytest.raises(UnchangedError):
        switch(0x19D2, 0x1201, backend=backend, timeout=1)
    sent = [bytes(data) for kind, _, data in backend.transfers if kind == "out"]
    assert len(sent) >= 4
    assert not [data for data in sent if data[15] == 0x12]


def test_settings_do_not_change_what_is_carried_out_as_written(
    bus: VirtualBus, backend: VirtualBackend
) -> None:
    bus.plug(mf691(leave=None))
    wanted = DeviceFile(huawei_new_mode=True)
    settings = Settings(huawei_alt_mode=True, mbim=True)
    with pytest.raises(UnchangedError) as caught:
        switch(
            0x19D2, 0x1201, backend=backend, config=wanted, as_written=True, settings=settings, timeout=1
        )
    assert caught.value.result is not None
    assert caught.value.result.plan is not None
    assert caught.value.result.plan.method == "HuaweiNewMode"


def test_the_settled_mode_does_not_count_for_what_is_carried_out_as_written(
    bus: VirtualBus, backend: VirtualBackend
) -> None:
    """The modem is the target of what is given, whatever mode the settings want."""
    bus.plug(Stick([modem_mode(0x19D2, 0x1203)]))
    settings = Settings(modes={UsbId(0x19D2, 0x1201): "mbim"})
    options = {"backend": backend, "config": EJECT, "settings": settings}
    assert switch(0x19D2, 0x1201, as_written=True, **options).status is Status.ALREADY
    with pytest.raises(NotAttachedError, match="else than mode mbim"):
        switch(0x19D2, 0x1201, **options)


def test_a_stay_is_the_same_by_all_of_its_marks(bus: VirtualBus, backend: VirtualBackend) -> None:
    from pymodeswitch.nouns.record import replace

    bus.plug(mf691())
    (device,) = LibusbHost(backend, bus.clock).devices()
    assert device.same_stay(replace(device, configuration=0, interfaces=()))
    for other in (
        replace(device, port=Port("1-2")),
        replace(device, bus=9),
        replace(device, device_number=99),
        replace(device, id=pymodeswitch.UsbId(1, 2)),
    ):
        assert not device.same_stay(other)


def test_a_stick_that_another_bus_has_with_that_number(bus: VirtualBus, backend: VirtualBackend) -> None:
    """-b and -g belong together."""
    from pymodeswitch.nouns.record import replace
    from pymodeswitch.usb_modeswitch import front

    sticks: list[Stick] = [mf691(), mf691()]
    for number, stick in enumerate(sticks, 1):
        bus.plug(stick, f"1-{number}")

    class TwoBuses(LibusbHost):
        """The second stick has the number of the first one, on another bus."""

        def devices(self) -> tuple[AttachedDevice, ...]:
            first, *others = super().devices()
            return first, *(replace(d, bus=2, device_number=first.device_number) for d in others)

    host = TwoBuses(backend, bus.clock)
    number = host.devices()[0].device_number
    words = ("-v", "19d2", "-p", "1201", "-K", "-b", "2", "-g", str(number), "-D")
    front.main(words, host)
    bus.clock.sleep(1)
    assert [stick.mode_index for stick in sticks] == [0, 1]
