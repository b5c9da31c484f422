"""Runs the steps of a plan on an opened device, and tolerates what a stick does that is just leaving."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from .model import AttachedDevice
from .steps import BulkOut, Claim, ClearHalt, Detach, Pause, Plan, ReadStatus, Release, Step
from .transport import Fault, Transport, UsbFault, error_for

logger = logging.getLogger(__name__)

# After these the device is on its way out (or stuck for good): the rest of the plan has no addressee.
LEAVING = (Fault.GONE, Fault.IO)


@dataclass(slots=True)
class Execution:
    """What came of a plan.

    started: something that may switch the stick was tried, so only its port can tell what came of it.
    detached: interfaces whose kernel driver was taken away. claimed: interfaces still claimed.
    faults: the steps that met an error and were tolerated, with that error.
    """

    started: bool = False
    detached: set[int] = field(default_factory=set)
    claimed: set[int] = field(default_factory=set)
    faults: list[tuple[Step, Fault]] = field(default_factory=list)


def execute(
    plan: Plan,
    device: AttachedDevice,
    transport: Transport,
    execution: Execution,
    *,
    sleep: Callable[[float], None],
    expired: Callable[[], bool],
    on_step: Callable[[Step, Fault | None], None],
) -> None:
    """Run the steps in order, noting in `execution` what happens; claimed interfaces are always released.

    sleep: waits for seconds. expired: tells that the time for the whole switch is over; the rest of the
    plan is left out then. on_step: called after each step with the fault it met. Raises AccessError,
    BusyError, GoneError or TransferError only when nothing was sent.
    """
    try:
        for step in plan.steps:
            if execution.started and expired() and not isinstance(step, Release):
                logger.debug("no time left for %s", step)
                continue
            fault = _carry_out(step, plan, device, transport, execution, sleep)
            on_step(step, fault)
            if fault is not None:
                logger.debug("%s: %s", step, fault.value)
                execution.faults.append((step, fault))
                if fault in LEAVING:
                    break
    finally:
        for interface in sorted(execution.claimed):
            _tolerate(transport.release, interface)
        execution.claimed.clear()


def give_back(transport: Transport, execution: Execution) -> list[Fault]:
    """Attach the kernel drivers again that were detached, of a device that stays; what failed."""
    faults: list[Fault] = []
    for interface in sorted(execution.detached):
        fault = _tolerate(transport.attach, interface)
        if fault is not None and fault is not Fault.NOT_SUPPORTED:
            faults.append(fault)
    execution.detached.clear()
    return faults


def _carry_out(
    step: Step,
    plan: Plan,
    device: AttachedDevice,
    transport: Transport,
    execution: Execution,
    sleep: Callable[[float], None],
) -> Fault | None:
    """One step; returns the fault that it met and that is tolerated."""
    match step:
        case Detach():
            return _detach(plan, device, transport, execution)
        case Claim(interface):
            try:
                transport.claim(interface)
            except UsbFault as fault:
                raise error_for(fault, device) from fault
            execution.claimed.add(interface)
            return None
        case BulkOut():
            execution.started = True
            return _send(step, transport)
        case ReadStatus(endpoint, length, timeout_ms):
            # Bulk-Only Transport, 6.7: sticks that switch often answer nothing, rubbish, or "failed".
            return _tolerate(transport.bulk_in, endpoint, length, timeout_ms)
        case ClearHalt(endpoint):
            return _tolerate(transport.clear_halt, endpoint)
        case Pause(milliseconds):
            sleep(milliseconds / 1000)
            return None
        case Release(interface):
            execution.claimed.discard(interface)
            return _tolerate(transport.release, interface)


def _detach(plan: Plan, device: AttachedDevice, transport: Transport, execution: Execution) -> Fault | None:
    """Every interface: claiming and SET_CONFIGURATION fail while any of them has a driver."""
    if plan.method == "DetachStorageOnly":
        execution.started = True
    met = None
    for interface in device.interfaces:
        fault = _tolerate(transport.detach, interface.number)
        if fault is None:
            execution.detached.add(interface.number)
        elif fault is Fault.NOT_FOUND or fault is Fault.NOT_SUPPORTED:
            continue  # nothing was bound, or this system has no such drivers: claiming will tell
        else:
            met = fault
    return met


def _send(step: BulkOut, transport: Transport) -> Fault | None:
    """Send; a stalled endpoint is cleared and the message sent again, once."""
    fault = _tolerate(transport.bulk_out, step.endpoint, step.data, step.timeout_ms)
    if fault is Fault.STALL:
        _tolerate(transport.clear_halt, step.endpoint)
        fault = _tolerate(transport.bulk_out, step.endpoint, step.data, step.timeout_ms)
    return fault


def _tolerate(call: Callable[..., object], *arguments: object) -> Fault | None:
    """Make a call whose failure decides nothing; returns the fault."""
    try:
        call(*arguments)
    except UsbFault as fault:
        return fault.fault
    return None
