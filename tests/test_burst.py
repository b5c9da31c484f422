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
from pymodeswitch.burst import send_to_others
from pymodeswitch.guard import Guard
from pymodeswitch.virtual import Stick, VirtualBackend, VirtualBus, mf691, modem_mode
from tests.test_guard import Host

OFF = Settings(switching=False)


@pytest.fixture
def host(backend: VirtualBackend, tmp_path: Path) -> Host:
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
    send_to_others(host, result.port, settings, [])
    return result.status


def test_one_start_sends_to_all_and_the_others_find_it_done(host: Host, bus: VirtualBus) -> None:
    sticks = plug(bus, 5)
    for port in range(1, 6):
        assert start(host, f"1-{port}") is Status.SENT
    # StandardEject is two ejects, one for each of two units.
    assert [ejects(stick) for stick in sticks] == [2] * 5


def test_a_mark_is_there_while_its_process_works(host: Host, bus: VirtualBus, tmp_path: Path) -> None:
    plug(bus, 1)
    code = (
        "import sys; sys.path.insert(0, '.');"
        "from pathlib import Path; from tests.test_guard import Host; from pymodeswitch import sent;"
        "from pymodeswitch.virtual import *; bus = VirtualBus(); bus.plug(mf691(leave=None), '1-1');"
        f"host = Host(VirtualBackend(bus), Path({str(tmp_path / 'state')!r}));"
        "(device,) = host.devices(); sent.mark(host, device); print('marked', flush=True); input()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "marked\n"
    (mark,) = (tmp_path / "state/sent").iterdir()
    assert mark.name == "1-1@2"
    assert mark.exists(), "what udev's TEST looks at"
    process.communicate("\n", timeout=60)
    assert not mark.exists(), "udev would start again"
    (device,) = host.devices()
    assert sent.is_marked(host, device), "but that start knows"


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


def test_it_ends(host: Host, bus: VirtualBus, monkeypatch: pytest.MonkeyPatch) -> None:
    """udev waits for it; and the sticks that are left have starts of their own."""
    sticks = plug(bus, 40)
    monkeypatch.setattr(burst, "MOST_S", 0.3)  # each takes 0.05 s
    start(host, "1-1")
    assert 5 <= sum(ejects(stick) > 0 for stick in sticks) <= 12


def test_without_a_place_for_marks(host: Host, bus: VirtualBus, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    (stick,) = plug(bus, 1)
    assert start(host, "1-1") is Status.SENT
    assert ejects(stick) == 2
