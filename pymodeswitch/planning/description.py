"""A plan in words: SCSI commands, endpoints, times. For `explain`, `--dry-run`, `-v` and the demo."""

from __future__ import annotations

from ..nouns.steps import (
    AwaitReturn,
    AwaitUnits,
    BulkOut,
    Claim,
    ClearHalt,
    Control,
    Detach,
    InterruptIn,
    InterruptOut,
    Pause,
    Plan,
    ReadStatus,
    Release,
    Reset,
    ScsiCommand,
    SetAltSetting,
    SetConfiguration,
    Step,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

try:
    from .bulk_only import describe_command, describe_message
except ImportError:  # no construct: the words are plainer, and all else is the same

    def describe_message(message: bytes) -> str:
        """A message in hex."""
        return f"{len(message)} bytes {message.hex()}"

    def describe_command(command: bytes) -> str:
        """A command in hex."""
        return f"SCSI command {command.hex()}"


REQUEST_KINDS = ("standard", "class", "vendor", "reserved")
CDB_LENGTH, NUL = 16, b"\0"  # of a command in a CBW
RECIPIENTS = {0: "device", 1: "interface", 2: "endpoint", 3: "other"}
# By kind (bits 5 and 6 of bmRequestType) and bRequest: USB 2.0, table 9-4; HID 1.11, section 7.2;
# Bulk-Only Transport 1.0, section 3.
REQUESTS = {(0x00, 0x03): "SET_FEATURE", (0x20, 0x09): "SET_REPORT", (0x20, 0xFE): "GET MAX LUN"}


def describe_step(step: Step) -> str:
    """One step in one line."""
    match step:
        case Detach():
            return "detach the kernel drivers from all interfaces"
        case Claim(interface):
            return f"claim interface {interface}"
        case Release(interface):
            return f"release interface {interface}"
        case BulkOut(endpoint, data):
            return f"bulk OUT 0x{endpoint:02x}: {describe_message(data)}"
        case ReadStatus(endpoint, length, _, attempts):
            times = f", up to {attempts} times" if attempts > 1 else ""
            return f"bulk IN 0x{endpoint:02x}: read the CSW ({length} bytes){times}, whatever it says"
        case InterruptOut(endpoint, data):
            return f"interrupt OUT 0x{endpoint:02x}: {data.hex(' ')}"
        case InterruptIn(endpoint, length, times):
            often = f", {times} times" if times > 1 else ""
            return f"interrupt IN 0x{endpoint:02x}: read {length} bytes{often}"
        case Control():
            return f"control request: {describe_request(step)}"
        case SetConfiguration(value):
            return f"SET_CONFIGURATION {value}" + ("" if value else " (unconfigured)")
        case SetAltSetting(interface, altsetting):
            return f"SET_INTERFACE: altsetting {altsetting} of interface {interface}"
        case Reset():
            return "reset the port"
        case AwaitReturn(_, timeout_ms):
            return f"wait until the stick has left and is back, at most {timeout_ms // 1000} s"
        case AwaitUnits(interface, _, timeout_ms):
            seconds = f"at most {timeout_ms // 1000} s"
            return f"wait for the storage driver's units of interface {interface}, {seconds}"
        case ScsiCommand(_, lun, cdb, length):
            command = f"{describe_command(cdb.ljust(CDB_LENGTH, NUL))}, LUN {lun}"
            phase = f", {length} bytes from the device" if length else ""
            return f"through the storage driver: {command}{phase}"
        case ClearHalt(endpoint):
            return f"clear the halt of endpoint 0x{endpoint:02x}"
        case Pause(milliseconds, reason):
            return f"wait {milliseconds} ms: {reason}"


def describe_request(step: Control) -> str:
    """A control request in words: kind, recipient, number, value, index, data (USB 2.0, table 9-2)."""
    kind = REQUEST_KINDS[step.request_type >> 5 & 3]
    recipient = RECIPIENTS.get(step.request_type & 0x1F, "unknown recipient")
    name = REQUESTS.get((step.request_type & 0x60, step.request), f"0x{step.request:02x}")
    words = [
        f"{kind} request {name} to the {recipient}",
        f"wValue 0x{step.value:04x}",
        f"wIndex 0x{step.index:04x}",
    ]
    if step.data:
        words.append(f"sends {step.data.hex()}")
    elif step.request_type & 0x80:
        words.append(f"reads {step.length} bytes")
    return ", ".join(words)


def step_data(step: Step) -> dict[str, Any]:
    """One step as data: its name, its fields (bytes as hex), its words."""
    fields = {name: getattr(step, name) for name in step.__dataclass_fields__}
    values = {k: v.hex() if isinstance(v, bytes) else v for k, v in fields.items()}
    return {"step": type(step).__name__, **values, "text": describe_step(step)}


def plan_data(plan: Plan | None) -> list[dict[str, Any]] | None:
    """The steps of a plan as data."""
    return None if plan is None else [step_data(step) for step in plan.steps]


def plan_lines(plan: Plan, other: Plan | None = None) -> list[str]:
    """A plan in words, a line each step, messages with their bytes below.

    other: what goes the other way where this one is barred (`plan.other_way`).
    """
    if plan.by_itself:
        return ["the stick switches by itself; its port is watched"]
    if not plan.steps:
        return ["nothing is done, on purpose"]
    lines = []
    for number, step in enumerate(plan.steps, 1):
        lines.append(f"{number:3}. {describe_step(step)}")
        if isinstance(step, BulkOut | ScsiCommand):
            lines.append(f"     {(step.data if isinstance(step, BulkOut) else step.cdb).hex()}")
    if other is not None:
        barred = "the interface cannot be had" if plan.opens_device else "no storage driver takes it"
        lines.append(f"     where {barred}: {other.method}")
        lines += [f"     - {describe_step(step)}" for step in other.steps]
    return lines
