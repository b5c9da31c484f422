"""Results as text and as data (`--json`). The shapes are documented in docs/json.md."""

from __future__ import annotations

from ..nouns.errors import ModeSwitchError, SeveralDevicesError
from ..nouns.model import AttachedDevice, Diagnostic, Entry, Node, Status, SwitchResult

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def result_line(result: SwitchResult) -> str:
    """One line for a result that did not raise."""
    before, after = result.before, result.after
    nodes = f": {', '.join(map(_node_text, result.nodes))}" if result.nodes else ""
    match result.status:
        case Status.SWITCHED if before is not None and after is not None:
            where = "" if after.port == before.port else f" on port {after.port}"
            what = f"{_became(before, after)}{where}"
            return f"{before.describe()} switched to {what} in {result.seconds:.1f} s{nodes}"
        case Status.SENT if before is not None:
            return f"{before.describe()}: message sent, not waiting for what comes of it"
        case Status.PLANNED if before is not None:
            return f"{before.describe()}: dry run, nothing was sent"
    if after is None:
        return f"{result.id}: {result.status.value if result.status else 'failed'}"
    entry = result.entry
    if entry is not None and entry.id != after.id:
        mode = f", in mode {result.mode}" if result.mode else ""
        if result.id != after.id:
            return f"{result.id} is switched already: {after.describe()}{mode}{nodes}"
        return f"{after.describe()} is switched already{mode} ({entry.id} leads to it){nodes}"
    if entry is not None and result.plan is not None:
        return f"{after.describe()}: nothing to do, says its device file"
    return f"{result.id} is switched already: {after.describe()}, {_shown(result, after)}{nodes}"


def _became(before: AttachedDevice, after: AttachedDevice) -> str:
    """What is new: the ID, or what has changed behind an ID that is the same in all modes."""
    if after.id != before.id:
        return str(after.id)
    if after.interface_class == before.interface_class and after.configuration != before.configuration:
        return f"configuration {after.configuration}"
    shown = "no interface" if after.interface_class is None else f"class 0x{after.interface_class:02x}"
    return f"{shown} (its ID stays {after.id})"


def _shown(result: SwitchResult, after: AttachedDevice) -> str:
    """What tells the mode of a device that keeps its ID."""
    if result.mode:
        return f"in mode {result.mode}"
    by_class = result.entry is not None and result.entry.device_file.target_class is not None
    return (
        f"class 0x{after.interface_class or 0:02x}" if by_class else f"configuration {after.configuration}"
    )


def _node_text(node: Node) -> str:
    return f"{node.name} ({node.driver or 'no driver'})"


def result_data(result: SwitchResult) -> dict[str, Any]:
    """A result as JSON types."""
    return {
        "status": result.status.value if result.status else None,
        "id": str(result.id),
        "port": result.port,
        "before": device_data(result.before),
        "after": device_data(result.after),
        "entry": entry_data(result.entry),
        "nodes": [
            {"kind": n.kind, "name": n.name, "driver": n.driver, "interface": n.interface}
            for n in result.nodes
        ],
        "seconds": result.seconds,
        "tries": result.tries,
        "unlisted": result.unlisted,
        "warnings": list(result.warnings),
        "mode": result.mode or None,
    }


def device_data(device: AttachedDevice | None) -> dict[str, Any] | None:
    """An attached device as JSON types; classes are two hex digits."""
    if device is None:
        return None
    return {
        "id": str(device.id),
        "port": device.port,
        "bus": device.bus,
        "device_number": device.device_number,
        "class": f"{device.device_class:02x}",
        "configuration": device.configuration,
        "manufacturer": device.manufacturer,
        "product": device.product,
        "serial": device.serial,
        "interfaces": [
            {"number": i.number, "class": f"{i.interface_class:02x}", "driver": i.driver}
            for i in device.interfaces
        ],
    }


def entry_data(entry: Entry | None) -> dict[str, Any] | None:
    """A catalogue entry as JSON types."""
    if entry is None:
        return None
    return {
        "id": str(entry.id),
        "name": entry.name,
        "path": entry.path,
        "product_name": entry.device_file.product_name,
        "source": entry.device_file.source,
        "shared": entry.device_file.shared or None,
        "targets": [str(target) for target in entry.targets],
        "other_targets": [str(target) for target in entry.all_targets if target not in entry.targets],
        "target_class": _class_text(entry.device_file.target_class),
    }


def _class_text(value: int | None) -> str | None:
    return None if value is None else f"{value:02x}"


def error_data(error: ModeSwitchError) -> dict[str, Any]:
    """An error with its result so far, as JSON types."""
    data: dict[str, Any] = {
        "error": type(error).__name__,
        "message": str(error),
        "exit_code": error.exit_code,
    }
    if isinstance(error, SeveralDevicesError):
        data["ports"] = list(error.ports)
    if error.result is not None:
        data = {**result_data(error.result), **data}
    return data


def diagnostic_data(diagnostic: Diagnostic) -> dict[str, Any]:
    """A finding in a device file as JSON types."""
    return {
        "severity": diagnostic.severity.value,
        "message": diagnostic.message,
        "path": diagnostic.path,
        "line": diagnostic.line,
        "column": diagnostic.column,
    }
