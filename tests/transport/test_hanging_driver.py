"""A stick that is met while its storage driver waits for it: told from a scan, cut off, waited for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pymodeswitch import (
    AccessError,
    AttachedDevice,
    BusyError,
    GoneError,
    ModeSwitchError,
    Port,
    Status,
    SwitchResult,
    UnchangedError,
    switch,
)
from pymodeswitch.nouns.model import DeviceFile
from pymodeswitch.nouns.protocols import Transport
from pymodeswitch.nouns.record import replace
from pymodeswitch.transport.hanging_driver import hangs
from pymodeswitch.virtual import MassStorage, Stick, VirtualBackend, VirtualBus, is_eject, mf691
from pymodeswitch.virtual.sticks import answer_and_leave
from tests.support.storage_host import STORAGE, StorageHost

# Given here once more: another time is another behaviour (docs/storage-driver.md).
HANGS_S, QUIET_S, RETURN_S, SCAN_S, SWITCH_S = 3.0, 0.1, 10.0, 6.0, 5.0
EJECTS = DeviceFile(target_vendor=0x19D2, target_product=0x1203, standard_eject=True)
Look = Callable[[float], tuple[str, ...] | None]


class LateHost(StorageHost):
    """look: what is under way, by the seconds since the bus began. why: what bars the switch of the port.

    comes_back: what is in the port when it is on again; the same stick by default. lag_s: until the port
    shows it, with the former stay meanwhile if `lingers`. opened: when the device was opened.
    """

    def __init__(self, look: Look, *, why: str | None = None, stick: Stick | None = None) -> None:
        self.stick = mf691() if stick is None else stick
        super().__init__(VirtualBackend(VirtualBus()))
        self.attached = self.bus.plug(self.stick)
        self.look = look
        self.why = why
        self.comes_back: Stick | None = self.stick
        self.cuts = 0
        self.lag_s, self.lingers = 0.0, False
        self.sleeping: Callable[[float], None] = lambda now: None
        self.opened: list[float] = []
        self._off: tuple[float, AttachedDevice] | None = None

    def at(self, port: Port) -> AttachedDevice | None:
        if self._off is not None and self.now() < self._off[0] + self.lag_s:
            return self._off[1] if self.lingers else None
        return super().at(port)

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.sleeping(self.now())

    def open(self, device: AttachedDevice) -> Transport:
        self.opened.append(self.now())
        return super().open(device)

    @property
    def storage(self) -> MassStorage:
        (storage,) = self.stick.modes[0].functions
        assert isinstance(storage, MassStorage)
        return storage

    def storage_command(self, device: AttachedDevice) -> tuple[str, ...] | None:
        return self.look(self.now()) if self._same(device) is self.attached else None

    def cut_off(self, device: AttachedDevice) -> str | None:
        self.cuts += 1
        if self.why is None:
            self.sleep(2.0)
            self.bus.unplug(device.port)
            if self.comes_back is not None:
                self.bus.plug(self.comes_back, device.port)
            self._off = self.now(), device
        return self.why


def for_ever(_now: float) -> tuple[str, ...]:
    return ("host3",)


def device_of(host: LateHost) -> AttachedDevice:
    (device,) = host.devices()
    return device


def switched(host: LateHost, device_file: DeviceFile = EJECTS, **options: object) -> SwitchResult:
    return switch(0x19D2, 0x1201, config=device_file, host=host, **options)  # type: ignore[arg-type]


def refused(host: LateHost, **options: object) -> ModeSwitchError:
    with pytest.raises(ModeSwitchError) as caught:
        switched(host, **options)  # type: ignore[arg-type]
    return caught.value


def untouched(host: LateHost) -> bool:
    return not host.storage.commands and host.attached.drivers == {0: STORAGE}


# Told from a scan


def test_a_command_that_does_not_end_hangs() -> None:
    host = LateHost(for_ever)
    assert hangs(host, device_of(host))
    assert HANGS_S <= host.now() < HANGS_S + 0.1


def test_a_scan_is_waited_for() -> None:
    """With moments in between where nothing is under way."""

    def look(now: float) -> tuple[str, ...] | None:
        return None if now > 0.7 or 0.3 < now < 0.36 else ("host3",)

    host = LateHost(look)
    assert not hangs(host, device_of(host))
    assert 0.7 + QUIET_S <= host.now() < 0.7 + QUIET_S + 0.2


def test_a_moment_of_quiet_before_the_command_that_hangs() -> None:
    host = LateHost(lambda now: None if 0.3 < now < 0.36 else ("host3",))
    assert hangs(host, device_of(host))


def test_each_command_gets_its_time() -> None:
    """Three of 0.8 s are no hang; those that follow for ever are no scan, either."""
    host = LateHost(lambda now: None if now > 2.4 else ("host3", str(now // 0.8)))
    assert not hangs(host, device_of(host))
    assert host.now() < SCAN_S
    host = LateHost(lambda now: ("host3", str(now // 0.8)))
    assert not hangs(host, device_of(host))
    assert SCAN_S <= host.now() < SCAN_S + 0.1


# In a call


def test_met_early_costs_nothing() -> None:
    host = LateHost(lambda now: None)
    result = switched(host)
    assert (result.status, result.warnings, host.cuts) == (Status.SWITCHED, (), 0)
    early = host.now()
    host = LateHost(lambda now: ("host3",) if now < 0.2 else None)
    result = switched(host)
    assert (result.status, result.warnings, host.cuts) == (Status.SWITCHED, (), 0)
    assert host.now() < early + 0.2 + QUIET_S + 0.1


@pytest.mark.parametrize("wait", [True, False])
def test_cut_off_and_switched(wait: bool) -> None:
    host = LateHost(for_ever)
    seen: list[str] = []
    result = switched(host, wait=wait, observer=lambda progress: seen.append(progress.text))
    assert result.status is (Status.SWITCHED if wait else Status.SENT)
    assert result.tries == 1
    assert result.before is not None
    assert result.before.device_number == host.attached.address
    assert result.warnings == (
        "the storage driver hung on 19d2:1201 on port 1-1: its port was switched off and on",
    )
    assert host.cuts == 1
    words = "19d2:1201 on port 1-1: the storage driver hangs in a command that the stick does not answer"
    assert words in seen
    assert [is_eject(command) for command in host.storage.commands].count(True) == 1


def test_the_cure_does_not_cost_the_stick_its_time() -> None:
    """It takes 3 s here, and the stick 1 s: within a time of 2 s all the same."""
    stick = mf691()
    host = LateHost(for_ever, stick=stick)
    assert switched(host, timeout=2.0).status is Status.SWITCHED
    assert host.now() > 3.0


def test_cut_off_once_a_call() -> None:
    """It hangs again when it is back: nothing is sent, and that is the result."""
    host = LateHost(for_ever)
    host.storage_command = lambda device: ("host3",)  # type: ignore[method-assign]
    error = refused(host)
    assert isinstance(error, BusyError)
    assert host.cuts == 1
    assert str(error).endswith("that the stick does not answer; unplug the stick (nothing was sent)")
    assert not host.storage.commands
    assert error.result is not None
    assert error.result.tries == 0
    assert error.result.after is not None
    assert error.result.after.device_number != host.attached.address
    assert len(error.result.warnings) == 1


@pytest.mark.parametrize("lingers", [True, False])
def test_it_takes_time_to_come_back(lingers: bool) -> None:
    """The port shows nothing for a while, or still what was there before."""
    host = LateHost(for_ever)
    host.lag_s, host.lingers = RETURN_S - 0.5, lingers
    seen: list[str] = []
    assert switched(host, observer=lambda progress: seen.append(progress.text)).status is Status.SWITCHED
    assert not [text for text in seen if "did not come back" in text]
    assert len(host.opened) == 2
    assert host.opened[1] >= HANGS_S + 2.0 + host.lag_s


def test_it_does_not_come_back() -> None:
    host = LateHost(for_ever)
    host.comes_back = None
    error = refused(host)
    assert isinstance(error, GoneError)
    assert (
        str(error) == "19d2:1201 on port 1-1 did not come back when its port was on again: plug it in again"
    )
    assert not host.storage.commands
    assert HANGS_S + 2.0 + RETURN_S <= host.now() < 20.5, "its port is watched to the end of the time"


def test_it_comes_back_switched() -> None:
    """Some sticks do at a reset; nothing is sent, and it is what was wanted."""
    stick = mf691()
    host = LateHost(for_ever)
    stick.mode_index = 1
    host.comes_back = stick
    result = switched(host)
    assert (result.status, result.tries) == (Status.SWITCHED, 0)
    assert len(result.warnings) == 1
    assert not host.storage.commands


def test_no_cure() -> None:
    """Told within the call's time, with the reason, and nothing was touched."""
    host = LateHost(for_ever, why="no permission (as root: echo)")
    error = refused(host, timeout=20.0)
    assert type(error) is BusyError
    assert error.driver_hangs
    assert str(error) == (
        "19d2:1201 on port 1-1: the storage driver hangs in a command that the stick does not answer; "
        "no permission (as root: echo); unplug the stick (nothing was sent)"
    )
    assert 20.0 - SWITCH_S <= host.now() < 20.0
    assert host.cuts == 1
    assert untouched(host)
    assert error.result is not None
    assert error.result.warnings == ()


@pytest.mark.parametrize("options", [{"wait": False}, {"timeout": SWITCH_S}])
def test_no_cure_and_no_time(options: dict[str, object]) -> None:
    host = LateHost(for_ever, why="no permission")
    assert isinstance(refused(host, **options), BusyError)
    assert host.now() < HANGS_S + 0.1
    assert untouched(host)


def test_the_driver_comes_free() -> None:
    """By the kernel's own time-out; the scan that follows it is waited for, too."""

    def look(now: float) -> tuple[str, ...] | None:
        return ("host3",) if now < 8.0 or 8.06 < now < 8.5 else None

    host = LateHost(look, why="no permission")
    result = switched(host, timeout=20.0)
    assert (result.status, result.tries, result.warnings) == (Status.SWITCHED, 1, ())
    assert host.opened[0] == 0.0
    assert 8.5 + QUIET_S <= host.opened[1] < 9.0


def test_the_driver_comes_free_and_the_usual_way_is_barred() -> None:
    """As ever: through the driver, which hangs no more."""
    host = LateHost(lambda now: ("host3",) if now < 8.0 else None, why="no permission")

    def barred_from_now_on(now: float) -> None:
        if now > 8.0:
            host.barred = AccessError("no permission to open it")

    host.sleeping = barred_from_now_on
    result = switched(host)
    assert (result.status, host.cuts) == (Status.SWITCHED, 1)
    assert host.commands


# Through the driver


THROUGH = replace(EJECTS, through_driver=True)


def test_through_a_driver_that_hangs_it_goes_past_it() -> None:
    host = LateHost(for_ever)
    result = switched(host, THROUGH)
    assert (result.status, host.cuts, host.commands) == (Status.SWITCHED, 1, [])


def test_through_a_driver_that_hangs_and_no_cure() -> None:
    host = LateHost(for_ever, why="no permission")
    with pytest.raises(BusyError, match="the storage driver hangs"):
        switched(host, THROUGH, timeout=20.0)
    assert untouched(host)
    assert host.commands == []


def test_through_a_driver_that_is_at_work() -> None:
    """Its scan is waited for; then the commands go through it."""
    host = LateHost(lambda now: ("host3",) if now < 1.5 else None)
    result = switched(host, THROUGH)
    assert (result.status, host.cuts) == (Status.SWITCHED, 0)
    assert host.commands


def test_a_second_try_does_not_cut_it_off_again() -> None:
    """It came back as it was after the first one, and hangs: the first one's result stands."""
    stick = mf691()
    stick.modes = (stick.modes[0],)
    host = LateHost(for_ever, stick=stick)
    known = host.attached

    def look(device: AttachedDevice) -> tuple[str, ...] | None:
        first = host.bus.at("1-1")
        again = first is not None and len(stays) > 1 and first is not known
        if first is not None and first not in stays:
            stays.append(first)
        return ("host3",) if first is known or (again and first is not stays[1]) else None

    stays: list[object] = []
    host.storage_command = look  # type: ignore[method-assign]
    error = refused(host)
    assert (type(error), host.cuts) == (UnchangedError, 1)
    assert error.result is not None
    assert any("switching its port off and on did not help" in w for w in error.result.warnings)


def test_a_claimed_interface_is_no_driver_that_hangs() -> None:
    """BusyError as ever, without a look at the port's switch."""
    host = LateHost(lambda now: None)
    host.attached.taken.add(0)
    assert "another program or driver holds it" in str(refused(host))
    assert host.cuts == 0


def test_a_stick_that_stays_is_not_cut_off_for_that() -> None:
    stick = mf691()
    (storage,) = stick.modes[0].functions
    assert isinstance(storage, MassStorage)
    storage.hook = lambda command: answer_and_leave(stick, None) if is_eject(command) else None
    host = LateHost(lambda now: None, stick=stick)
    assert refused(host).exit_code == 11
    assert host.cuts == 0
