"""Sticks that come back on the SuperSpeed port of their connector: at once, after a probe, or never.

Reports: a MediaTek 0e8d:2870 on bus 5 that comes back as 0e8d:7612 at 5000 Mbit/s on bus 6 (an Ubuntu
forum, 2019); rtw89's "switching to USB 3 mode" (linux-wireless, May 2026), where the driver's probe makes
the card leave once more. They are A1 and A2 in tests/public/reports.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pymodeswitch import (
    AttachedDevice,
    DeviceFile,
    GoneError,
    ModeSwitchError,
    Node,
    Port,
    Progress,
    Settings,
    Status,
    SwitchResult,
    TooOftenError,
    UnchangedError,
    UnexpectedDeviceError,
    switch,
)
from pymodeswitch.catalog.catalog import default_catalog
from pymodeswitch.command.results import result_line
from pymodeswitch.switching.connector import device_at, name_of, ports_of
from pymodeswitch.switching.fleet import Fleet, Outcome, switcher
from pymodeswitch.switching.port_state import PortState
from pymodeswitch.switching.port_watch import FOLLOW_S, MOST_STAYS
from pymodeswitch.virtual import (
    Leave,
    Mode,
    Stick,
    VirtualBackend,
    VirtualBus,
    mf691,
    modem_mode,
    storage_mode,
)
from pymodeswitch.virtual.descriptors import HIGH_SPEED, SUPER_SPEED
from tests.support.method_sticks import PRODUCT, TARGET, VENDOR, sony
from tests.support.storage_host import StorageHost

PROBE_S = 1.0  # until a card has its node
INITIAL, CARD = (0x0E8D, 0x2870), (0x0E8D, 0x7612)
LISTED = DeviceFile(standard_eject=True, target_vendor=CARD[0], target_product=CARD[1])
ELSEWHERE = DeviceFile(standard_eject=True, target_vendor=0x0E8D, target_product=0x0001)


def mode(usb_id: tuple[int, int], *, storage: bool = False, **options: Any) -> Mode:
    made = storage_mode(*usb_id) if storage else modem_mode(*usb_id)
    for name, value in options.items():
        setattr(made, name, value)
    return made


def stick(*modes: Mode, leave: Leave | None = Leave(0.4)) -> Stick:  # noqa: B008
    """A CD that an eject sends on to these modes."""
    made = mf691(leave=leave)
    first = storage_mode(*INITIAL, made.modes[0].functions[0])  # type: ignore[arg-type]
    made.modes = [first, *modes]
    return made


class Kernel(StorageHost):
    """A computer that tells of drivers and nodes, and keeps state."""

    def __init__(self, backend: VirtualBackend, folder: Path) -> None:
        super().__init__(backend)
        self.state_folder = str(folder)

    def nodes(self, device: AttachedDevice) -> tuple[Node, ...]:
        attached = self.bus.at(device.port)
        probed = attached is not None and self.now() >= attached.since + PROBE_S
        return (Node("tty", "ttyACM0", "cdc_acm", 0),) if probed and not device.is_storage else ()


@pytest.fixture
def bus() -> VirtualBus:
    """USB 2 on bus 5, SuperSpeed on bus 6."""
    return VirtualBus(number=5, super_speed=6)


@pytest.fixture
def host(backend: VirtualBackend, tmp_path: Path) -> Kernel:
    return Kernel(backend, tmp_path / "state")


def run(host: Kernel, device_file: DeviceFile = LISTED, **options: Any) -> SwitchResult:
    return switch(*INITIAL, host=host, config=device_file, settings=Settings(), **options)


@pytest.mark.parametrize("port", ["5-1", "5-2.3", "5-2.3.4"])
@pytest.mark.parametrize("device_file", [LISTED, ELSEWHERE, DeviceFile(standard_eject=True)])
def test_it_comes_back_on_the_peer(
    port: str, device_file: DeviceFile, bus: VirtualBus, host: Kernel
) -> None:
    bus.plug(stick(mode(CARD, speed=SUPER_SPEED)), port)
    result = run(host, device_file)
    peer = port.replace("5-", "6-")
    assert (result.status, result.port, result.tries) == (Status.SWITCHED, peer, 1)
    assert result.unlisted is (device_file is ELSEWHERE)
    assert [node.name for node in result.nodes] == ["ttyACM0"]
    assert f"0e8d:2870 on port {port} switched to 0e8d:7612 on port {peer} in " in result_line(result)
    for either in (port, peer):  # the connector is meant
        assert run(host, LISTED, port=either).status is Status.ALREADY


@pytest.mark.parametrize("stay_s", [0.0, 0.05, 0.14, 0.3, 0.9, 2.5])
@pytest.mark.parametrize("device_file", [LISTED, ELSEWHERE])
@pytest.mark.parametrize("away_s", [0.2, 3.0])
def test_its_drivers_probe_makes_it_leave_once_more(
    stay_s: float, away_s: float, device_file: DeviceFile, bus: VirtualBus, host: Kernel
) -> None:
    """USB 2 first, then the card at SuperSpeed: what is told is where it is in the end."""
    probed = mode(CARD, stay_s=stay_s, stay_away_s=away_s)
    bus.plug(stick(probed, mode(CARD, speed=SUPER_SPEED)), "5-1")
    result = run(host, device_file)
    assert (result.status, result.unlisted) == (Status.SWITCHED, device_file is ELSEWHERE)
    late = stay_s > 1.0  # its drivers and nodes were all there by then
    assert result.port == ("5-1" if late else "6-1")


@pytest.mark.parametrize("device_file", [LISTED, ELSEWHERE])
def test_one_that_has_shown_itself_and_left_has_switched(
    device_file: DeviceFile, bus: VirtualBus, host: Kernel
) -> None:
    """Gone is only said when nothing ever was there."""
    made = stick(mode(CARD, stay_s=0.15))
    bus.plug(made, "5-1")

    def never(progress: Progress) -> None:
        if "0e8d:7612" in progress.text:
            made.modes[-1].stay_away_s = 1000

    result = run(host, device_file, observer=never)
    assert (result.status, result.after and str(result.after.id)) == (Status.SWITCHED, "0e8d:7612")
    assert result.seconds < FOLLOW_S + 2
    if device_file is ELSEWHERE:
        assert "0e8d:7612 has left port 5-1 again, and nothing has come back" in result.warnings


def test_a_stick_that_never_rests_is_followed_for_a_bounded_time(bus: VirtualBus, host: Kernel) -> None:
    bus.plug(stick(*[mode(CARD, stay_s=0.2, speed=speed) for speed in (3, 5) * 10]), "5-1")
    result = run(host)
    assert result.status is Status.SWITCHED
    assert result.seconds < 2 + MOST_STAYS * 1.5


def test_gone_when_nothing_comes_to_either_port(bus: VirtualBus, host: Kernel) -> None:
    bus.plug(stick(leave=Leave(None)), "5-1")
    with pytest.raises(GoneError, match="left and did not come back within 20 s"):
        run(host)


@pytest.mark.parametrize("other", ["5-2", "6-2", "5-1.1"])
def test_a_neighbour_is_never_taken_for_it(other: str, bus: VirtualBus, host: Kernel) -> None:
    """The very target, plugged into another connector just then."""
    bus.plug(stick(leave=Leave(None)), "5-1")
    speed = SUPER_SPEED if other.startswith("6") else 3

    def neighbour(progress: Progress) -> None:
        if progress.text.startswith("gone") and bus.at(other) is None:
            bus.plug(Stick([mode(CARD, speed=speed)]), other)

    with pytest.raises(GoneError):
        run(host, observer=neighbour)


def test_what_was_on_the_peer_before_is_not_it(
    bus: VirtualBus, backend: VirtualBackend, tmp_path: Path
) -> None:
    """A kernel that has the wrong peers: its neighbour was there before, and stays."""
    bus.plug(stick(leave=Leave(None)), "5-1")
    bus.plug(Stick([mode(CARD, speed=SUPER_SPEED)]), "6-7")

    class Wrong(Kernel):
        def peer(self, port: Port) -> Port | None:
            return Port({"5-1": "6-7", "6-7": "5-1"}.get(port, ""))

    with pytest.raises(GoneError):
        run(Wrong(backend, tmp_path))


@pytest.mark.parametrize(
    ("last", "error"),
    [(mode(INITIAL, storage=True), UnchangedError), (mode((1, 2), storage=True), UnexpectedDeviceError)],
)
def test_a_card_that_falls_back_has_not_switched(
    last: Mode, error: type[ModeSwitchError], bus: VirtualBus, host: Kernel
) -> None:
    bus.plug(stick(mode(CARD, stay_s=0.1), last), "5-1")
    with pytest.raises(error, match="switched to 0e8d:7612, left again and came back as"):
        run(host)


def test_a_cd_that_moves_to_the_peer_is_tried_again_there(bus: VirtualBus, host: Kernel) -> None:
    made = stick(leave=Leave(0.2))
    second = replace_storage(made)
    made.modes = [made.modes[0], second, mode(CARD, speed=SUPER_SPEED)]
    bus.plug(made, "5-1")
    result = run(host)
    assert (result.status, result.port, result.tries) == (Status.SWITCHED, "6-1", 2)


@pytest.mark.parametrize("back", [False, True])
def test_a_stick_of_two_requests_may_take_the_second_one_on_the_peer(
    back: bool, bus: VirtualBus, backend: VirtualBackend, host: Kernel
) -> None:
    """SonyMode: it comes back as it was in between, here at SuperSpeed."""
    made = sony(Leave(0.5))
    _, second, last = made.modes
    second.speed, last.speed = SUPER_SPEED, HIGH_SPEED if back else SUPER_SPEED
    bus.plug(made, "5-1")
    device_file = DeviceFile(sony_mode=True, target_vendor=VENDOR, target_product=TARGET)
    result = switch(VENDOR, PRODUCT, host=host, config=device_file, settings=Settings())
    assert (result.status, result.tries) == (Status.SWITCHED, 1)
    assert result.port == ("5-1" if back else "6-1")
    requests = [setup for kind, setup, _ in backend.transfers if kind == "control"]
    assert requests == [bytes.fromhex("c011020000000300")] * 2


def replace_storage(made: Stick) -> Mode:
    """The same CD, at SuperSpeed."""
    first = made.modes[0]
    return Mode(first.identity, first.functions, speed=SUPER_SPEED)


def test_locks_and_counters_are_the_connectors(bus: VirtualBus, host: Kernel) -> None:
    bus.plug(stick(leave=None), "5-1")
    assert [name_of(host, Port(port)) for port in ("5-1", "6-1", "6-2.3")] == ["5-1", "5-1", "5-2.3"]
    assert ports_of(host, Port("6-1")) == ("6-1", "5-1")
    first, second = PortState(host, Port("5-1")), PortState(host, Port("6-1"))
    assert first.lock(0)
    assert not second.lock(0)
    first.count(1)
    first.unlock()
    assert second.lock(0)
    with pytest.raises(TooOftenError):
        second.count(1)
    second.unlock()
    device = device_at(host, Port("6-1"))
    assert device is not None
    assert device.port == "5-1"
    assert device_at(host, Port("6-2")) is None


def watch(host: Kernel, tmp_path: Path, device_file: str) -> list[Outcome]:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "0e8d-2870").write_text(device_file)
    outcomes: list[Outcome] = []
    fleet = Fleet(host, default_catalog([str(folder)]), switcher(settings=Settings()), outcomes.append)
    real = host.wait

    def wait(seconds: float, port: Port | None = None) -> None:
        real(seconds, port)
        if host.now() > 60:
            fleet.stop()

    host.wait = wait  # type: ignore[method-assign]
    fleet.run(forever=True)
    return outcomes


def test_a_watcher_switches_it_once(bus: VirtualBus, host: Kernel, tmp_path: Path) -> None:
    bus.plug(stick(mode(CARD, stay_s=0.2), mode(CARD, speed=SUPER_SPEED)), "5-1")
    outcomes = watch(host, tmp_path, "TargetVendor=0x0e8d\nTargetProduct=7612\nStandardEject=1\n")
    assert [(o.exit_code, o.result and o.result.port) for o in outcomes] == [(0, "6-1")]


def test_a_watcher_leaves_an_id_that_stays_the_same_alone_on_the_peer(
    bus: VirtualBus, host: Kernel, tmp_path: Path
) -> None:
    """The ID of the card is the initial one: its new place is known, so nobody starts for it again."""
    bus.plug(stick(mode(INITIAL, speed=SUPER_SPEED)), "5-1")
    outcomes = watch(host, tmp_path, "TargetClass=0x02\nStandardEject=1\n")
    assert [(o.exit_code, o.result and o.result.port) for o in outcomes] == [(0, "6-1")]


def test_a_virtual_connector_holds_one_stick(bus: VirtualBus) -> None:
    attached = bus.plug(Stick([mode(CARD, speed=SUPER_SPEED)]), "5-3")
    assert attached.port == "6-3"
    assert attached.stick.speed == SUPER_SPEED
    for port in ("5-3", "6-3"):
        with pytest.raises(ValueError, match="taken"):
            bus.plug(mf691(), port)
    bus.unplug("5-3")
    assert bus.plug(mf691(), "6-3").port == "5-3"
