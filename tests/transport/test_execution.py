"""What comes of a plan is a record, and what was taken from the stick is noted as it happens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import FrozenInstanceError

import pytest

from pymodeswitch import AttachedDevice, Port
from pymodeswitch.host.linux import LibusbHost
from pymodeswitch.nouns.model import DeviceFile
from pymodeswitch.nouns.protocols import Transport
from pymodeswitch.nouns.record import replace
from pymodeswitch.nouns.steps import BulkOut, Plan, Step
from pymodeswitch.planning.plan import make_plan
from pymodeswitch.transport.execution import Execution, execute
from pymodeswitch.transport.faults import Fault, UsbFault
from pymodeswitch.transport.taken import Taken
from pymodeswitch.virtual import VirtualBackend, VirtualBus, mf691

EJECTS = DeviceFile(target_vendor=0x19D2, target_product=0x1203, standard_eject=True)


class Heard:
    """What a reporter was told."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, Step | None]] = []
        self.warnings: list[str] = []

    def tell(self, kind: str, text: str, step: Step | None = None) -> None:
        assert kind == "step"
        self.steps.append((text, step))

    def warn(self, text: str) -> None:
        self.warnings.append(text)


class Detacher:
    """A transport of which only the drivers matter. error: raised by the call for interface 1."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error

    def detach(self, interface: int) -> None:
        if interface == 1 and self.error is not None:
            raise self.error

    def set_configuration(self, value: int) -> None:
        pass


@pytest.fixture
def bus() -> VirtualBus:
    bus = VirtualBus()
    bus.plug(mf691())
    return bus


@pytest.fixture
def host(bus: VirtualBus) -> Iterator[LibusbHost]:
    host = LibusbHost(VirtualBackend(bus), bus.clock)
    yield host
    host.close()


def device_of(host: LibusbHost) -> AttachedDevice:
    device = host.at(Port("1-1"))
    assert device is not None
    return device


def run(host: LibusbHost, plan: Plan, deadline: float = 60.0) -> tuple[Execution, Taken, Heard]:
    taken, heard = Taken(device_of(host)), Heard()
    return execute(plan, host, taken, heard, deadline=deadline), taken, heard


def test_a_plan_that_gets_through(host: LibusbHost) -> None:
    plan = make_plan(EJECTS, device_of(host))
    came, _, heard = run(host, plan)
    assert (came.started, came.delivered, came.unsent) == (True, True, ())
    assert [step for _, step in heard.steps] == list(plan.steps[: len(heard.steps)])
    assert [(step, fault.value) for step, fault in came.faults] == [
        (step, text) for text, step in heard.steps if text != "ok"
    ]
    with pytest.raises(FrozenInstanceError):
        came.started = False  # type: ignore[misc]


def test_what_is_left_out_at_the_deadline_is_unsent(host: LibusbHost) -> None:
    """The first message goes out in any case; then it is too late."""
    plan = make_plan(EJECTS, device_of(host))
    messages = [step for step in plan.steps if isinstance(step, BulkOut)]
    assert len(messages) > 1
    came, _, _ = run(host, plan, deadline=host.now())
    assert (came.started, came.delivered) == (True, True)
    assert came.unsent == tuple(messages[1:])


def two_interfaces(host: LibusbHost) -> AttachedDevice:
    device = device_of(host)
    return replace(device, interfaces=tuple(replace(device.interfaces[0], number=n) for n in (0, 1)))


@pytest.mark.parametrize(
    ("error", "taken_away"),
    [
        (None, {0, 1}),
        (UsbFault(Fault.NOT_FOUND, "detach"), {0}),
        (UsbFault(Fault.BUSY, "detach"), {0}),
        (KeyboardInterrupt(), {0, 1}),
    ],
)
def test_drivers_are_noted_before_they_are_gone(
    host: LibusbHost, error: BaseException | None, taken_away: set[int]
) -> None:
    """After an interrupt nobody knows how far the call came, so that one is given back, too."""
    taken = Taken(two_interfaces(host))
    transport: Transport = Detacher(error)  # type: ignore[assignment]
    if isinstance(error, KeyboardInterrupt) or (isinstance(error, UsbFault) and error.fault is Fault.BUSY):
        with pytest.raises(type(error)):
            taken.detach(transport)
    else:
        taken.detach(transport)
    assert taken.drivers == taken_away


def test_one_that_was_taken_at_an_earlier_try_stays_noted(host: LibusbHost) -> None:
    taken = Taken(two_interfaces(host))
    taken.detach(Detacher(None))  # type: ignore[arg-type]
    taken.detach(Detacher(UsbFault(Fault.NOT_FOUND, "detach")))  # type: ignore[arg-type]
    assert taken.drivers == {0, 1}


@pytest.mark.parametrize("how", ["leave_drivers_off", "follow", "configure"])
def test_one_that_had_no_driver_is_forgotten_with_the_others(how: str, host: LibusbHost) -> None:
    """The kernel has bound drivers anew, or is not to."""
    device = two_interfaces(host)
    taken = Taken(device)
    transport = Detacher(UsbFault(Fault.NOT_FOUND, "detach"))
    taken.detach(transport)  # type: ignore[arg-type]
    taken.note_bare()
    assert taken.drivers == {0, 1}
    getattr(taken, how)(*{"leave_drivers_off": (), "follow": (device,), "configure": (transport, 1)}[how])
    taken.note_bare()
    assert taken.drivers == set()


def test_nothing_is_given_back_to_another_stay(host: LibusbHost, bus: VirtualBus) -> None:
    """It has its drivers anew; and opening it might disturb it."""
    taken, heard = Taken(device_of(host), [0]), Heard()
    bus.unplug("1-1")
    bus.plug(mf691(), "1-1")
    opened: list[AttachedDevice] = []
    host.open = opened.append  # type: ignore[assignment,method-assign]
    taken.give_back(host, heard)
    assert not opened
    assert not heard.warnings
