"""Marks of the sender: read back as they were left, and only for the port and the stay that they are of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pymodeswitch import Port
from pymodeswitch.nouns.model import AttachedDevice
from pymodeswitch.nouns.record import replace
from pymodeswitch.nouns.run_folder import MARKS
from pymodeswitch.switching import marks
from pymodeswitch.switching.marks import RECENT_S, mark_of, read_marks, remove_mark, was_judged
from pymodeswitch.virtual import VirtualBackend, VirtualBus, mf691
from tests.support.virtual_kernel import VirtualKernel
from tests.switching.test_port_state import Host


@pytest.fixture
def host(backend: VirtualBackend, bus: VirtualBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """With a stick behind a hub, on port 1-1.2, that the sender could not look up: it has asked."""
    kernel = VirtualKernel(backend, tmp_path, monkeypatch)
    kernel.state.mkdir()
    bus.plug(mf691(), "1-1.2")
    kernel.send("1-1.2")
    return Host(backend, kernel.state)


def leave(host: Host, **changes: Any) -> AttachedDevice:
    """Write the mark of 1-1.2 anew, as if its message was out; returns the device that it is of."""
    (mark,) = read_marks(str(host.state_folder))
    path = Path(str(host.state_folder)) / MARKS / mark.device.port
    lines = dict(line.partition(" ")[::2] for line in path.read_text().splitlines())
    lines |= {"state": "sent", "when": f"{host.now():.3f}", **changes}
    path.write_text("".join(f"{word} {value}\n" for word, value in lines.items()))
    return mark.device


def test_the_mark_of_a_port_of_a_hub_is_not_that_of_the_hub(host: Host) -> None:
    device = leave(host)
    assert device.port == "1-1.2"
    found = mark_of(host, device)
    assert found is not None
    assert (found.device, found.is_sent) == (device, True)
    assert mark_of(host, replace(device, port=Port("1-1"))) is None
    assert mark_of(host, replace(device, port=Port("1-1.20"))) is None


@pytest.mark.parametrize("changes", [{"device_number": 99}, {"bus": 2}, {"id": None}], ids=str)
def test_another_stay_has_no_mark(changes: dict[str, Any], host: Host) -> None:
    device = leave(host)
    if "id" in changes:
        changes = {"id": replace(device.id, product=0x1203)}
    other = replace(device, **changes)
    assert mark_of(host, other) is None
    (mark,) = read_marks(str(host.state_folder))
    assert remove_mark(str(host.state_folder), replace(mark, device=other)), "another one's is left alone"
    assert [mark.device for mark in read_marks(str(host.state_folder))] == [device]
    assert remove_mark(str(host.state_folder), mark)
    assert read_marks(str(host.state_folder)) == []


@pytest.mark.parametrize(
    ("state", "age_s", "counts"),
    [
        ("sent", RECENT_S - 0.1, True),
        ("sending", 0.0, True),
        ("sent", RECENT_S, False),
        ("sent", -1.0, False),
        ("asked", 0.0, False),
        ("failed", 0.0, False),
    ],
)
def test_what_was_sent_a_moment_ago_counts(state: str, age_s: float, counts: bool, host: Host) -> None:
    """From another boot's clock there is nothing: /run is empty then; a later time is none of ours."""
    host.sleep(RECENT_S + 1)
    device = leave(host, state=state, when=f"{host.now() - age_s:.3f}")
    assert (mark_of(host, device) is not None) == counts


def test_ports_that_are_busy_are_not_read(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks, "_read", lambda *_: pytest.fail("read"))
    assert read_marks(str(host.state_folder), busy={"1-1.2"}) == []


@pytest.mark.parametrize(
    ("number", "later_s", "is_judged"), [(0, 0.0, True), (1, 0.0, False), (0, 5.0, False)]
)
def test_what_was_judged(number: int, later_s: float, is_judged: bool, host: Host) -> None:
    """This very stay, and not one that has its device number again, 127 others later."""
    device = leave(host)
    folder = host.state_folder
    assert folder is not None
    assert not was_judged(folder, device, 0.0), "it has its mark still"
    (mark,) = read_marks(folder)
    assert remove_mark(folder, mark)
    other = replace(device, device_number=device.device_number + number)
    assert was_judged(folder, other, mark.seconds + later_s) == is_judged
