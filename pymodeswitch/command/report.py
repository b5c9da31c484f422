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
            return f"{before.describe()} switched to {after.id}{where} in {result.seconds:.1f} s{nodes}"
        case Status.SENT if before is not None:
            return f"{before.describe()}: message sent, not waiting for what comes of it"
        case Status.PLANNED if before is not None:
            return f"{before.describe()}: dry run, nothing was sent"
    if after is not None and after.id == result.id and not _has_target_class(result):
        return f"{after.describe()}: nothing to do, says its device file"
    if after is not None:
        return f"{result.id} is switched already: {after.describe()}{nodes}"
    return f"{result.id}: {result.status.value if result.status else 'failed'}"


def _has_target_class(result: SwitchResult) -> bool:
    return result.entry is not None and result.entry.device_file.target_class is not None


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
        "targets": [str(target) for target in entry.targets],
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
