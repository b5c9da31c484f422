"""Ours beside the recorded reference: plan, execution and transport, on the same stick for every entry."""

from __future__ import annotations

from typing import Any

import pytest

from pymodeswitch import DeviceFileError, switch
from pymodeswitch.planning.settings import Settings
from pymodeswitch.virtual import VirtualBackend, VirtualBus
from tests.support.differences import DIFFERENCES, expected
from tests.support.polite_stick import PoliteStick
from tests.support.traffic import EXTRA, PUBLIC, Case, Outcome, extra_cases, load, save, shipped_cases

RECORD = load(PUBLIC) | load(EXTRA)
CASES = shipped_cases() + extra_cases()


class LinuxBackend(VirtualBackend):
    """Sets an alternate setting back on release, as Linux does: drivers/usb/core/driver.c."""

    def release_interface(self, dev_handle: Any, intf: int) -> None:
        super().release_interface(dev_handle, intf)
        if dev_handle.device.stick.altsettings.get(intf):
            dev_handle.device.stick.control(bytes([0x01, 11, 0, 0, intf, 0, 0, 0]))


def our_trace(case: Case) -> tuple[str, ...]:
    """What `switch()` asks of the case's stick."""
    bus = VirtualBus()
    stick = case.stick()
    bus.plug(stick)
    stick.start()
    switch(
        stick.identity.vendor,
        stick.identity.product,
        config=case.device_file,
        wait=False,
        settings=Settings(),
        backend=LinuxBackend(bus),
    )
    return tuple(stick.trace)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_as_recorded(case: Case) -> None:
    wanted = expected(case.name, RECORD[case.name])
    if wanted is None:
        with pytest.raises(DeviceFileError):
            our_trace(case)
    else:
        assert our_trace(case) == wanted


def test_every_entry_is_compared() -> None:
    """The record holds the public entries and the extra cases, and nothing else."""
    assert set(load(PUBLIC)) == {case.name for case in shipped_cases()}
    assert set(load(EXTRA)) == {case.name for case in extra_cases()}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_differences_are_real(name: str) -> None:
    """A line that has become wrong has to go."""
    assert expected(name, RECORD[name]) != RECORD[name].trace
    assert name in RECORD


def test_the_reference_crashes_on_sony_alone() -> None:
    """Known of the reference: SIGSEGV when a Sony stick does not leave. Ours ends in peace."""
    assert [name for name in RECORD if RECORD[name].exit_code not in (0, None)] == [
        "0fce-d0e1",
        "0fce-d103",
    ]
    assert RECORD["0fce-d0e1"].exit_code == -11


def test_record_is_the_same_when_written_again(tmp_path: Any) -> None:
    """What `python -m tests.kernel.record` writes does not depend on the order of things."""
    for kind in (PUBLIC, EXTRA):
        outcomes = load(kind)
        first, second = tmp_path / "first", tmp_path / "second"
        first.mkdir(exist_ok=True)
        second.mkdir(exist_ok=True)
        save(kind, "some version", outcomes, first)
        save(kind, "some version", dict(reversed(outcomes.items())), second)
        assert (first / f"{kind}.json").read_bytes() == (second / f"{kind}.json").read_bytes()


def test_polite_stick() -> None:
    """What the comparison stands on: the stick notes everything, in order, and refuses nothing."""
    (case,) = (case for case in extra_cases() if case.name == "AltSetting 2 of interface 1")
    stick: PoliteStick = case.stick()
    bus = VirtualBus()
    bus.plug(stick)
    assert stick.trace == [], "nothing is noted before `start`"
    stick.start()
    stick.control(bytes([0x80, 6, 0, 2, 0, 0, 9, 0]))  # GET_DESCRIPTOR
    stick.control(bytes([0x21, 9, 0, 3, 0, 0, 2, 0]), b"\x12\x34")
    assert stick.control(bytes([0xC0, 0x11, 2, 0, 1, 0, 3, 0])) == bytes(3)
    stick.control(bytes([0x01, 11, 2, 0, 1, 0, 0, 0]))
    stick.control(bytes([0x02, 1, 0, 0, 0x81, 0, 0, 0]))
    stick.write(0x01, bytes.fromhex("5553424312345678000000000000061b000000020000000000000000000000"))
    assert stick.read(0x81, 13) == bytes.fromhex("55534253123456780000000000")
    assert stick.read(0x81, 8) == bytes(8)
    stick.control(bytes([0x00, 9, 0, 0, 0, 0, 0, 0]))
    stick.control(bytes([0x80, 6, 0, 1, 0, 0, 18, 0]))  # as after a port reset:
    stick.control(bytes([0x00, 9, 1, 0, 0, 0, 0, 0]))
    stick.stop()
    stick.write(0x01, b"unseen")
    assert stick.trace == [
        "control 21 09 0300 0000 2 1234",
        "control c0 11 0002 0001 3",
        "altsetting 1 2",
        "clear-halt 81",
        "out 01 5553424312345678000000000000061b000000020000000000000000000000",
        "in 81 13",
        "in 81 8",
        "configuration 0",
        "reset",
    ]


def test_folded_lines(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeated lines stand once in the file, with their number."""
    outcome = Outcome(("in 81 8",) * 3 + ("out 02 aa", "in 81 8"), -11, "report")
    save("some", "some version", {"a": outcome, "b": outcome}, tmp_path)
    assert '"3 x in 81 8"' in (tmp_path / "some.json").read_text()
    monkeypatch.setattr("tests.support.traffic.FOLDER", tmp_path)
    assert load("some") == {"a": outcome, "b": outcome}
