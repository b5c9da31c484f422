"""The steps that a plan is made of: pure data, one class each.

One plan, three readers: `execution.py` runs it, `explain.py` puts it into words, tests compare it with
recorded traffic. Times are milliseconds; request fields are those of USB 2.0, table 9-2.
"""

from __future__ import annotations

from dataclasses import dataclass

BULK_TIMEOUT_MS = 3000  # the reference's, for messages and their CSWs
CONTROL_TIMEOUT_MS = 1000  # the reference's, for control requests
CSW_LENGTH = 13  # Bulk-Only Transport 1.0, table 5.2


@dataclass(frozen=True, slots=True)
class Detach:
    """Detach the kernel drivers from all interfaces of the active configuration; none bound is fine."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Claim an interface; when that fails nothing may be sent."""

    interface: int


@dataclass(frozen=True, slots=True)
class Release:
    """Release a claimed interface."""

    interface: int


@dataclass(frozen=True, slots=True)
class BulkOut:
    """Send a message to an OUT endpoint. A stall is cleared and the message sent again, once."""

    endpoint: int
    data: bytes
    timeout_ms: int = BULK_TIMEOUT_MS


@dataclass(frozen=True, slots=True)
class ReadStatus:
    """Read a CSW. Whatever comes, or does not, proves nothing: only the port tells."""

    endpoint: int
    length: int = CSW_LENGTH
    timeout_ms: int = BULK_TIMEOUT_MS


@dataclass(frozen=True, slots=True)
class ClearHalt:
    """Clear the halt of an endpoint; errors are harmless."""

    endpoint: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait; `reason` says why."""

    milliseconds: int
    reason: str


Step = Detach | Claim | Release | BulkOut | ReadStatus | ClearHalt | Pause


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done to a device.

    method: name of the method as device files spell it. steps: empty when nothing is to be done on
    purpose. warnings: what the device file asks for and will not get.
    """

    method: str
    steps: tuple[Step, ...]
    warnings: tuple[str, ...] = ()
