"""Sees whether the storage driver hangs in a command, and gets rid of one that does.

A stick may be met late, while a command of the driver is under way.
Taking the driver away waits in the kernel until the command has ended. A stick that is being scanned is
through in a moment; with one that has stopped answering this takes 30 s and more for each command. So
it is looked at first.
"""

from __future__ import annotations

from ..nouns.errors import GoneError
from ..nouns.model import AttachedDevice
from ..nouns.protocols import Host, Reporter
from .storage_driver import HANGS, error_for_hang

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Watched(Protocol):
        """What is asked while a command is waited for; a Host has it."""

        def storage_command(self, device: AttachedDevice) -> tuple[str, ...] | None:
            """As Host.storage_command."""

        def now(self) -> float:
            """Seconds."""

        def sleep(self, seconds: float) -> object:
            """Let time pass."""


LOOK_S = 0.05
# A stick answers a command of the scan within milliseconds, but for one that still starts up itself. One
# that needs longer than this is cut off although it may still answer; that costs it a new start.
HANGS_S = 3.0
# A scan is many commands, with moments in between: it is over when nothing was under way for this long.
QUIET_S = 0.1
# Commands that come and go for longer than this are no scan: somebody reads, and the driver works.
SCAN_S = 6.0
# Until the stick is back at a port that is on again: enumerating takes less than a second, unless it fails
# and is tried again.
RETURN_S = 10.0
# What a stick needs to switch: who waits for the driver to come free stops that long before the deadline.
SWITCH_S = 5.0


def hangs(host: Watched, device: AttachedDevice) -> bool:
    """Wait until the storage driver's commands are through; True when one does not end."""
    start = since = host.now()
    quiet_since: float | None = None
    command = host.storage_command(device)
    while (now := host.now()) - start < SCAN_S:
        if command is not None and now - since >= HANGS_S:
            return True
        if command is not None:
            quiet_since = None
        elif quiet_since is None:
            quiet_since = now
        elif now - quiet_since >= QUIET_S:
            return False
        host.sleep(LOOK_S)
        before, command = command, host.storage_command(device)
        if command != before:
            since = host.now()
    return False


def check(host: Host, device: AttachedDevice) -> None:
    """BusyError where the driver hangs: taking it away and commands wait until the one under way has ended."""
    if hangs(host, device):
        raise error_for_hang(device)


def free(
    host: Host,
    device: AttachedDevice,
    *,
    may_cut: bool,
    deadline: float,
    reporter: Reporter,
) -> AttachedDevice:
    """Get rid of a storage driver that hangs; returns the device as it is to be spoken to now.

    may_cut: its port may be switched off and on, which gives it another stay. Where that cannot be done,
    the kernel's own time-out is waited for, until the deadline (on the host's clock) draws near; without a
    deadline, not at all. BusyError: it still hangs. GoneError: it did not come back as it was.
    """
    reporter.tell("kernel", f"{device.describe()}: {HANGS}")
    why = host.cut_off(device) if may_cut else "switching its port off and on did not help"
    if why is None:
        reporter.warn(f"the storage driver hung on {device.describe()}: its port was switched off and on")
        return _next_stay(host, device)
    until = host.now() if deadline == float("inf") else deadline - SWITCH_S
    reporter.tell(
        "kernel", f"{why}; waiting {max(0.0, until - host.now()):.0f} s for the driver to give up"
    )
    while host.now() < until:
        host.sleep(LOOK_S)
        if host.storage_command(device) is None and not hangs(host, device):
            return device
    raise error_for_hang(device, f"; {why}")


def _next_stay(host: Host, device: AttachedDevice) -> AttachedDevice:
    """Follow a stick that was cut off; GoneError when it comes back as something else, or not at all."""
    until = host.now() + RETURN_S
    while True:
        now = host.at(device.port)
        if now is not None and not now.same_stay(device) and now.interfaces:
            if now.id == device.id and now.interface_class == device.interface_class:
                return now
            raise GoneError(f"{device.describe()} came back as {now.id} when its port was on again")
        left = until - host.now()
        if left <= 0:
            raise GoneError(
                f"{device.describe()} did not come back when its port was on again: plug it in again"
            )
        host.wait(left, device.port)
