"""Every call that the sender makes, with every fault: bounded, no traceback, and the judge sets it right.

The table is method x call x fault x (a stick that switches, a stick that stays). Which calls a method makes is
found out by a run without faults, so the table grows with the methods.
"""

from __future__ import annotations

import pytest

from pymodeswitch import DeviceFile
from pymodeswitch.catalog.catalog import Catalog
from pymodeswitch.device_files.syntax import write
from pymodeswitch.early.usbfs import MOST_S, TRANSFER_MS
from pymodeswitch.virtual import Leave, VirtualBackend, VirtualBus
from tests.behaviour.test_faults import FAULTS, Fault, Injection
from tests.behaviour.test_reacting import released
from tests.support.method_sticks import METHODS, Method
from tests.switching.test_judge import Computer

# A pause of a step, and a transfer that is under way when the time is over.
LONGEST_S = MOST_S + TRANSFER_MS / 1000 + 3


def computer(
    tmp_path_factory: pytest.TempPathFactory, patch: pytest.MonkeyPatch, device_file: DeviceFile
) -> Computer:
    folder = tmp_path_factory.mktemp("computer")
    computer = Computer(VirtualBackend(VirtualBus()), folder, patch)
    (folder / "devices").mkdir()
    (folder / "devices/1111-2222").write_text(write(device_file))
    computer.catalog = Catalog([str(folder / "devices")])
    computer.make_table()
    return computer


def calls_of(method: Method, factory: pytest.TempPathFactory) -> list[str]:
    """What the sender calls for a stick that stays; nothing where it leaves it to the judge."""
    with pytest.MonkeyPatch.context() as patch:
        one = computer(factory, patch, method.device_file)
        injection = Injection(one.bus, one.backend, -1, None)
        one.plug(method.build(None))
        return injection.calls


def each_fault(calls: list[str]) -> list[tuple[int, str, Fault]]:
    return [(at, call, f) for at, call in enumerate(calls) for f in FAULTS if f.applies_to(call)]


@pytest.mark.parametrize("stays", [True, False], ids=["stays", "switches"])
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_each_call_fails_in_each_way(
    method: Method, stays: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for at, call, fault in each_fault(calls_of(method, tmp_path_factory)):
        what = f"{at}: {call}: {fault.name}"
        with pytest.MonkeyPatch.context() as patch:
            one = computer(tmp_path_factory, patch, method.device_file)
            Injection(one.bus, one.backend, at, fault)
            outcome = one.plug(method.build(None if stays else Leave(0.5)))
            assert outcome in ("asked", "sent", "failed"), what
            assert one.bus.clock.now() <= LONGEST_S, what
            assert all(time <= TRANSFER_MS / 1000 for time in one.kernel.times), what
            assert one.marks == ["1-1"], what
            one.backend.before_call = one.backend.alter_read = None
            one.judge()
            (told,) = one.outcomes
            assert one.marks == [], what
            if stays or fault.unplug:
                attached = one.bus.at("1-1")
                assert told.error is not None or attached is None or not stays, what
                assert attached is None or released(attached), what
            else:
                assert told.error is None, f"{what}: {told.error}"


@pytest.mark.parametrize("name", ["broken off", "unplug"])
def test_nothing_more_is_sent_to_a_stick_that_is_on_its_way_out(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """EIO is what a stick gives that leaves while it is spoken to: the rest has no addressee."""
    (method,) = (method for method in METHODS if method.name == "StandardEject")
    calls = calls_of(method, tmp_path_factory)
    first = calls.index("bulk_write")
    assert calls[first:].count("bulk_write") > 1
    (fault,) = (fault for fault in FAULTS if fault.name == name)
    with pytest.MonkeyPatch.context() as patch:
        one = computer(tmp_path_factory, patch, method.device_file)
        injection = Injection(one.bus, one.backend, first, fault)
        assert one.plug(method.build(None)) == "sent"
        assert not {"bulk_write", "bulk_read"} & set(injection.calls[first + 1 :])
