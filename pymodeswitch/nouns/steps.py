"""The steps that a plan is made of: pure data, one class each.

One plan, three readers: `execution.py` runs it, `description.py` puts it into words, tests compare it with
recorded traffic. Times are milliseconds; request fields are those of USB 2.0, table 9-2.
"""

from __future__ import annotations

from .record import Record

BULK_TIMEOUT_MS = 3000  # the reference's, for messages and their CSWs
CONTROL_TIMEOUT_MS = 1000  # the reference's, for control requests
# Bulk-Only Transport 1.0, tables 5.1 and 5.2: signatures as they go over the wire, lengths in bytes.
CBW_SIGNATURE, CBW_LENGTH = b"USBC", 31
CSW_SIGNATURE, CSW_LENGTH = b"USBS", 13
INQUIRY_LENGTH = 36  # standard data up to the revision (SPC-4, 6.4.2)


class Detach(Record):
    """Detach the kernel drivers from all interfaces of the active configuration; none bound is fine."""


class Claim(Record):
    """Claim an interface; when that fails nothing may be sent."""

    interface: int


class Release(Record):
    """Release a claimed interface."""

    interface: int


class BulkOut(Record):
    """Send a message to an OUT endpoint. A stall is cleared and the message sent again, once."""

    endpoint: int
    data: bytes
    timeout_ms: int = BULK_TIMEOUT_MS


class ReadStatus(Record):
    """Read a CSW. Whatever comes, or does not, proves nothing: only the port tells.

    attempts: how often to read until a whole CSW has come.
    """

    endpoint: int
    length: int = CSW_LENGTH
    timeout_ms: int = BULK_TIMEOUT_MS
    attempts: int = 1


class InterruptOut(Record):
    """Send data to an interrupt OUT endpoint."""

    endpoint: int
    data: bytes
    timeout_ms: int = CONTROL_TIMEOUT_MS


class InterruptIn(Record):
    """Read from an interrupt IN endpoint, `times` times in a row; what comes is not looked at."""

    endpoint: int
    length: int
    times: int = 1
    timeout_ms: int = CONTROL_TIMEOUT_MS


class Control(Record):
    """A control request: OUT with `data` (or none), or IN of `length` bytes, by bit 7 of request_type."""

    request_type: int
    request: int
    value: int
    index: int
    data: bytes = b""
    length: int = 0
    timeout_ms: int = CONTROL_TIMEOUT_MS


class SetConfiguration(Record):
    """SET_CONFIGURATION; 0 leaves the device unconfigured."""

    value: int


class SetAltSetting(Record):
    """SET_INTERFACE on a claimed interface."""

    interface: int
    altsetting: int


class Reset(Record):
    """Reset the port of the device."""


class AwaitReturn(Record):
    """Wait until the device has left and come back to its port; what follows goes to the new stay.

    leave_ms: the bound for leaving; timeout_ms: for both.
    """

    leave_ms: int
    timeout_ms: int


class ClearHalt(Record):
    """Clear the halt of an endpoint; errors are harmless."""

    endpoint: int


class Pause(Record):
    """Wait; `reason` says why."""

    milliseconds: int
    reason: str


class AwaitUnits(Record):
    """Wait until the storage driver has made the SCSI units of an interface: it scans 1 s after it binds.

    driver_ms: the bound for a driver to bind; timeout_ms: for both.
    """

    interface: int
    driver_ms: int = 3_000
    timeout_ms: int = 10_000


class ScsiCommand(Record):
    """Have the storage driver send a command to a unit, and take its status, whatever that says.

    cdb: 6 to 16 bytes. length: bytes that the device sends in the data phase, 0 for no data phase.
    """

    interface: int
    lun: int
    cdb: bytes
    length: int = 0
    timeout_ms: int = BULK_TIMEOUT_MS


Step = (
    Detach
    | Claim
    | Release
    | BulkOut
    | ReadStatus
    | InterruptOut
    | InterruptIn
    | ClearHalt
    | Control
    | SetConfiguration
    | SetAltSetting
    | Reset
    | AwaitReturn
    | AwaitUnits
    | ScsiCommand
    | Pause
)


class Plan(Record):
    """What will be done to a device.

    method: name of the method as device files spell it. steps: empty when nothing is to be done on
    purpose. by_itself: the device switches without being told; its port is watched all the same.
    """

    method: str
    steps: tuple[Step, ...]
    by_itself: bool = False

    @property
    def opens_device(self) -> bool:
        """Whether a step speaks to the device itself, past the kernel's drivers."""
        return any(not isinstance(step, AwaitUnits | ScsiCommand | Pause) for step in self.steps)

    @property
    def waits_s(self) -> int:
        """Whole seconds that the plan itself waits, at most."""
        total = 0
        for step in self.steps:
            if isinstance(step, Pause):
                total += step.milliseconds
            elif isinstance(step, AwaitReturn):
                total += step.timeout_ms
        return total // 1000
