"""A plan in words: SCSI commands, endpoints, times. For `explain`, `--dry-run`, `-v` and the demo."""

from __future__ import annotations

from typing import Any

from .bulk_only import describe_message
from .steps import BulkOut, Claim, ClearHalt, Detach, Pause, Plan, ReadStatus, Release, Step


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
        case ReadStatus(endpoint, length):
            return f"bulk IN 0x{endpoint:02x}: read the CSW ({length} bytes), whatever it says"
        case ClearHalt(endpoint):
            return f"clear the halt of endpoint 0x{endpoint:02x}"
        case Pause(milliseconds, reason):
            return f"wait {milliseconds} ms: {reason}"


def step_data(step: Step) -> dict[str, Any]:
    """One step as data: its name, its fields (bytes as hex), its words."""
    fields = {name: getattr(step, name) for name in step.__dataclass_fields__}
    values = {k: v.hex() if isinstance(v, bytes) else v for k, v in fields.items()}
    return {"step": type(step).__name__, **values, "text": describe_step(step)}


def plan_lines(plan: Plan) -> list[str]:
    """A plan in words, a line each step, messages with their bytes below."""
    if not plan.steps:
        return [f"{plan.method}: nothing is done, on purpose"]
    lines = []
    for number, step in enumerate(plan.steps, 1):
        lines.append(f"{number:3}. {describe_step(step)}")
        if isinstance(step, BulkOut):
            lines.append(f"     {step.data.hex()}")
    return lines
