"""Many sticks at once: the first start that udev makes sends to all, the others find that done."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import pymodeswitch
from pymodeswitch import Port, Settings, Status, burst, sent
from pymodeswitch.burst import Burst
from pymodeswitch.catalog.catalog import Catalog
from pymodeswitch.command.cli import main
from pymodeswitch.switching.port_state import Guard
from pymodeswitch.virtual import Leave, Mode, Stick, VirtualBackend, VirtualBus, mf691, modem_mode
from pymodeswitch.virtual.descriptors import Identity
from tests.switching.test_port_state import Host

OFF = Settings(switching=False)


@pytest.fixture
def host(backend: VirtualBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(burst, "UDEV", str(tmp_path / "udev"))
    return Host(backend, tmp_path / "state")


def ejects(stick: Stick) -> int:
    (storage,) = stick.modes[0].functions
    return sum(command.cdb[0] == 0x1B for command in storage.commands)  # type: ignore[attr-defined]


def plug(bus: VirtualBus, number: int) -> list[Stick]:
    """Sticks that take a moment to leave, as most do."""
    sticks = [mf691(leave=None) for _ in range(number)]
    for place, stick in enumerate(sticks, 1):
        bus.plug(stick, f"1-{place}")
    return sticks


def start(host: Host, port: str, settings: Settings | None = None) -> Status | None:
    """What udev starts for a port."""
    settings = Settings() if settings is None else settings
    result = pymodeswitch.switch(port=port, wait=False, host=host, settings=settings)
    if result.status is Status.SENT:
        Burst(host, settings, []).send_to_others(result.port)
    return result.status


def test_one_start_sends_to_all_and_the_others_find_it_done(host: Host, bus: VirtualBus) -> None:
    sticks = plug(bus, 5)
    for port in range(1, 6):
        assert start(host, f"1-{port}") is Status.SENT
    # StandardEject is two ejects, one for each of two units.
    assert [ejects(stick) for stick in sticks] == [2] * 5


def test_what_follows_is_sent_to(host: Host, bus: VirtualBus, tmp_path: Path) -> None:
    """They come one after the other; udev is told by the link that it need not start anybody."""
    first = plug(bus, 2)
    later: list[Stick] = []
    link = tmp_path / "state/burst"
    told = []

    def plugged_in_meanwhile() -> None:
        told.append(link.exists())
        if len(later) < 8:
            later.append(mf691(leave=None))
            bus.plug(later[-1], f"1-{2 + len(later)}")

    host.meanwhile = plugged_in_meanwhile
    start(host, "1-1")
    assert [ejects(stick) for stick in (*first, *later)] == [2] * 10
    assert all(told)
    assert not os.path.lexists(link)
    assert host.now() < burst.MOST_S + 1


def test_one_stick_alone_is_not_waited_with(host: Host, bus: VirtualBus) -> None:
    plug(bus, 1)
    start(host, "1-1")
    assert host.now() < 0.2


def test_only_one_lingers(host: Host, bus: VirtualBus, tmp_path: Path) -> None:
    plug(bus, 2)
    (tmp_path / "state").mkdir()
    (tmp_path / "state/burst").symlink_to(f"/proc/{os.getpid()}/fd/0")
    start(host, "1-1")
    assert host.now() < 0.3
    assert os.path.lexists(tmp_path / "state/burst"), "another's link"


def test_the_link_ends_with_its_process(host: Host, bus: VirtualBus, tmp_path: Path) -> None:
    """Killed in the middle: udev starts again, and that start goes on as if nothing had been."""
    code = (
        "import sys; sys.path.insert(0, '.');"
        "from pathlib import Path; from tests.switching.test_port_state import Host;"
        "from pymodeswitch import burst;"
        "from pymodeswitch.virtual import *; folder = Path(sys.argv[1]); folder.mkdir();"
        "print(burst._open(Host(VirtualBackend(VirtualBus()), folder)), flush=True); input()"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "state")]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    link = tmp_path / "state/burst"
    assert link.exists(), "what udev's TEST looks at"
    process.kill()
    process.communicate(timeout=60)
    assert os.path.lexists(link)
    assert not link.exists()
    sticks = plug(bus, 3)
    start(host, "1-1")
    assert [ejects(stick) for stick in sticks] == [2] * 3
    assert not os.path.lexists(link)


def test_one_that_comes_just_before_the_end_is_not_missed(
    host: Host, bus: VirtualBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """udev has looked at the link, which was still there, and starts nobody."""
    plug(bus, 2)
    last = mf691(leave=None)
    close = burst._close

    def plugged_in(host: Host) -> None:
        bus.plug(last, "1-9")
        close(host)

    monkeypatch.setattr(burst, "_close", plugged_in)
    start(host, "1-1")
    assert ejects(last) == 2


def test_marks_are_for_one_stay_and_for_a_moment(host: Host, bus: VirtualBus, tmp_path: Path) -> None:
    plug(bus, 1)
    (device,) = host.devices()
    sent.mark(host, device)
    mark = tmp_path / "state/sent/1-1@2"
    for age in (sent.RECENT_S + 1, -5):  # also a clock that was set back
        when = time.time() - age
        os.utime(mark, (when, when), follow_symlinks=False)
        assert not sent.is_marked(host, device)
    bus.unplug("1-1")
    bus.plug(mf691(leave=None), "1-1")
    (again,) = host.devices()
    sent.mark(host, device)
    assert not sent.is_marked(host, again)
    sent.mark(host, again)
    assert [path.name for path in mark.parent.iterdir()] == ["1-1@3"], "no old ones are left"


def test_a_start_that_finds_the_stick_switched_reads_no_files(
    host: Host, bus: VirtualBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one's start has sent to it: which of all the entries it was does not matter."""
    bus.plug(mf691(leave=None), "1-1")
    bus.plug(mf691(), "1-2")
    start(host, "1-1")
    host.sleep(1)
    monkeypatch.setattr(Catalog, "leading_to", None)
    assert start(host, "1-2") is Status.ALREADY


def test_who_names_a_stick_wants_it_sent_again(host: Host, bus: VirtualBus) -> None:
    (stick,) = plug(bus, 1)
    for _ in range(2):
        assert pymodeswitch.switch(0x19D2, 0x1201, wait=False, host=host).status is Status.SENT
    assert ejects(stick) == 4


def test_what_is_no_stick_or_busy_or_gone_is_left_alone(host: Host, bus: VirtualBus) -> None:
    first, busy = plug(bus, 2)
    bus.plug(Stick([modem_mode(0x19D2, 0x1203)]), "1-3")
    another = Guard(host, Port("1-2"))
    assert another.lock(0)
    assert start(host, "1-1") is Status.SENT
    assert (ejects(first), ejects(busy)) == (2, 0)
    another.unlock()
    assert start(host, "1-2") is Status.SENT
    assert (ejects(first), ejects(busy)) == (2, 2)


def test_what_goes_wrong_with_another_is_told(host: Host, bus: VirtualBus, tmp_path: Path) -> None:
    """Nobody else will: udev does not start anybody for it."""
    plug(bus, 1)
    bus.plug(mf691(), "1-2", permitted=False)
    (tmp_path / "state").mkdir()
    (error,) = Burst(host, Settings(), []).send_to_others(Port("1-1"))
    assert isinstance(error, pymodeswitch.AccessError)


def test_a_stick_that_a_program_holds_is_told(host: Host, bus: VirtualBus) -> None:
    plug(bus, 1)
    bus.plug(mf691(), "1-2").taken.add(0)
    pymodeswitch.switch(port="1-1", wait=False, host=host, settings=Settings())
    (error,) = Burst(host, Settings(), []).send_to_others(Port("1-1"))
    assert isinstance(error, pymodeswitch.BusyError)


@pytest.mark.parametrize("handled", ["before", "by the initial RAM disk", "since", "never"])
def test_what_had_a_start_of_its_own_is_left_alone(
    handled: str, host: Host, bus: VirtualBus, tmp_path: Path
) -> None:
    """A modem may be in use, in a mode that somebody has chosen. Events still to come are served."""
    plug(bus, 1)
    other = mf691(leave=None)
    bus.plug(other, "1-2")
    (device,) = [device for device in host.devices() if device.port == "1-2"]
    (tmp_path / "udev/data").mkdir(parents=True)
    control = tmp_path / "udev/control"
    control.touch()
    now = time.time()
    os.utime(control, (now - 100, now - 100))
    if handled != "never":
        entry = tmp_path / f"udev/data/c189:{(device.bus - 1) * 128 + device.device_number - 1}"
        entry.touch()
        when = now + {"before": -50, "by the initial RAM disk": -150, "since": 50}[handled]
        os.utime(entry, (when, when))
    start(host, "1-1")
    assert ejects(other) == (0 if handled == "before" else 2)
    if handled == "before":
        assert host.now() < 0.2, "nor is it waited with"


def test_a_stick_that_is_plugged_again_while_another_start_is_at_work_there(
    host: Host, bus: VirtualBus, tmp_path: Path
) -> None:
    """That one is about the stay before, and udev starts nobody for the new one."""
    plug(bus, 3)
    another = Guard(host, Port("1-2"))
    assert another.lock(0)
    again: list[Stick] = []

    def meanwhile() -> None:
        if not again:
            bus.unplug("1-2")
            again.append(mf691(leave=None))
            bus.plug(again[0], "1-2")
            assert (tmp_path / "state/burst").exists()
        elif host.now() > 2:
            another.unlock()

    host.meanwhile = meanwhile
    start(host, "1-1")
    assert ejects(again[0]) == 2


def test_ended_from_outside_it_begins_nothing_more(host: Host, bus: VirtualBus, tmp_path: Path) -> None:
    plug(bus, 2)
    later: list[Stick] = []

    def meanwhile() -> None:
        if not later:
            later.append(mf691(leave=None))
            bus.plug(later[0], "1-9")
            raise KeyboardInterrupt

    host.meanwhile = meanwhile
    with pytest.raises(KeyboardInterrupt):
        start(host, "1-1")
    assert ejects(later[0]) == 0
    assert not os.path.lexists(tmp_path / "state/burst")


def test_only_who_is_asked_to_sends_to_others(
    bus: VirtualBus, host: Host, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A person who names a port means that one."""
    sticks = plug(bus, 3)
    monkeypatch.setattr("pymodeswitch.command.verbs.switch.direct_host", lambda: host)
    assert main(["--no-wait", "--port", "1-1"]) == 0
    assert [ejects(stick) for stick in sticks] == [2, 0, 0]
    assert main(["--no-wait", "--and-others", "--port", "1-2"]) == 0
    assert [ejects(stick) for stick in sticks] == [2, 2, 2]
    for words in (
        ("--port", "1-1"),
        ("--no-wait", "19d2:1201"),
        ("--no-wait", "--port", "1-1", "19d2:1201"),
    ):
        assert main(["--and-others", *words]) == 2
    assert "--and-others goes with --no-wait and --port alone" in capsys.readouterr().err


@pytest.mark.parametrize("wait", [True, False])
def test_whatever_else_comes_to_a_port_that_was_sent_to_is_not_taken_for_switched(
    wait: bool, host: Host, bus: VirtualBus
) -> None:
    plug(bus, 1)
    start(host, "1-1")
    bus.unplug("1-1")
    strange = Mode(Identity(0x1209, 0x9999, mf691().identity.configurations))
    bus.plug(Stick([strange]) if wait is False else Stick([modem_mode(0x046D, 0xC077)]), "1-1")
    with pytest.raises(pymodeswitch.NoEntryError):
        pymodeswitch.switch(port="1-1", wait=wait, host=host)


def test_a_run_with_a_verdict_waits_for_what_another_has_sent(host: Host, bus: VirtualBus) -> None:
    """As scan does right behind udev. A stick that stays is sent to all the same, later."""
    slow, staying = plug(bus, 2)
    for port in ("1-1", "1-2"):
        pymodeswitch.switch(port=port, wait=False, host=host)

    def meanwhile() -> None:
        if host.now() > 2:
            host.meanwhile = lambda: None
            slow.leave(Leave(0.5))

    host.meanwhile = meanwhile
    result = pymodeswitch.switch(0x19D2, 0x1201, port="1-1", host=host)
    assert (result.status, result.tries, ejects(slow)) == (Status.SWITCHED, 0, 2)
    with pytest.raises(pymodeswitch.UnchangedError, match="tried 2 times"):
        pymodeswitch.switch(port="1-2", host=host)
    assert ejects(staying) == 6


def test_it_ends(host: Host, bus: VirtualBus) -> None:
    """However many come: the later ones have starts of their own."""
    plug(bus, 2)
    ports = iter(range(3, 200))
    host.meanwhile = lambda: bus.plug(mf691(leave=None), f"1-{next(ports)}") and None
    start(host, "1-1")
    assert burst.MOST_S <= host.now() < burst.MOST_S + 3


def test_without_a_place_for_marks(host: Host, bus: VirtualBus, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    (stick,) = plug(bus, 1)
    assert start(host, "1-1") is Status.SENT
    assert ejects(stick) == 2
