"""The verbs beside `switch`: each takes the parsed arguments, prints, and returns the exit code."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from typing import Any

from .catalog import Candidate, Catalog, default_catalog, entry_from_file, read_bytes, read_entry
from .console import initial_id, print_json
from .device_file import diagnose
from .errors import DeviceFileError, ModeSwitchError
from .host import Host, default_host
from .model import AttachedDevice, DeviceFile, Diagnostic, Entry, Severity, UsbId, parse_port
from .plan import make_plan, typical_device
from .policy import Decision, decide, mode_names
from .report import device_data, diagnostic_data, entry_data
from .settings import read_settings
from .steps import Plan
from .verdict import is_target


def run_list(options: argparse.Namespace) -> int:
    """What is attached: switchable, switched already, storage without an entry, or something else."""
    catalog = default_catalog(options.data)
    host = default_host()
    rows = [(device, *_state(device, catalog, host)) for device in host.devices()]
    if options.json:
        devices = [
            {**(device_data(device) or {}), "state": state, "entry": entry_data(entry)}
            for device, state, entry in rows
        ]
        print_json({"devices": devices})
        return 0
    for device, state, entry in rows:
        name = f"{device.manufacturer} {device.product}".strip()
        if not name and entry is not None:
            name = entry.device_file.product_name
        print(f"{device.port:<10} {device.id}  {state:<20} {name}".rstrip())
    if not rows and not options.quiet:
        print("no USB device is attached", file=sys.stderr)
    return 0


def _state(device: AttachedDevice, catalog: Catalog, host: Host) -> tuple[str, Entry | None]:
    """The state in words, and the entry that says so."""
    candidate = catalog.choose(device, lambda: host.scsi_strings(device)).candidate
    if candidate is not None:
        entry = read_entry(candidate)
        if is_target(device, entry) or not device.is_storage:
            return "already switched", entry
        return "switchable", entry
    entries = catalog.leading_to(device.id)
    if entries:
        return "already switched", entries[0]
    return ("storage, no entry" if device.is_storage else "unknown"), None


@dataclass(frozen=True, slots=True)
class Explanation:
    """One entry, what was decided about it, and its plan; or the problem that leaves it without one."""

    entry: Entry
    decision: Decision
    plan: Plan | None
    problem: str = ""


def run_explain(options: argparse.Namespace) -> int:
    """The entry of an ID, where it is from, why it was chosen, and its plan in words."""
    usb_id = initial_id(options)
    catalog = default_catalog(options.data)
    if options.config is None and not catalog.candidates(usb_id):
        raise catalog.no_entry_error(usb_id)
    host = default_host()
    device = _attached(usb_id, options.port, host)
    reasons: tuple[tuple[Candidate, str], ...] = ()
    if options.config is not None:
        entries = [entry_from_file(options.config, usb_id)]
    elif device is not None:
        choice = catalog.choose(device, lambda: host.scsi_strings(device))
        reasons = choice.reasons
        entries = [read_entry(choice.candidate)] if choice.candidate is not None else []
    else:
        entries = [read_entry(candidate) for candidate in catalog.candidates(usb_id)]
    found = [_explanation(entry, device, options, host) for entry in entries]
    if options.json:
        choice_data = [{"path": c.path, "reason": reason} for c, reason in reasons]
        data = [_explanation_data(explanation, device) for explanation in found]
        print_json(
            {"id": str(usb_id), "device": device_data(device), "choice": choice_data, "entries": data}
        )
        return 0
    where = device.describe() if device else f"{usb_id}, not attached: endpoints are assumed"
    print(f"device:   {where}")
    for candidate, reason in reasons:
        print(f"file:     {candidate.path}: {reason}")
    for explanation in found:
        print("\n".join(_explanation_lines(explanation, device)))
    return 0


def _explanation(
    entry: Entry, device: AttachedDevice | None, options: argparse.Namespace, host: Host
) -> Explanation:
    settings = read_settings()
    planned_for = device or typical_device(entry.id)
    decision = decide(
        entry.device_file,
        planned_for,
        mode=options.mode or settings.modes.get(entry.id),
        mbim=settings.mbim and not options.no_mbim,
        has_driver=host.has_driver,
    )
    try:
        return Explanation(entry, decision, make_plan(decision.device_file, planned_for))
    except ModeSwitchError as error:  # it is still worth to see which entry that is
        return Explanation(entry, decision, None, str(error))


def _explanation_data(explanation: Explanation, device: AttachedDevice | None) -> dict[str, Any]:
    from .explain import step_data

    entry, plan = explanation.entry, explanation.plan
    return {
        **(entry_data(entry) or {}),
        "modes": list(mode_names(entry.device_file, device)),
        "reasons": list(explanation.decision.reasons),
        "method": plan.method if plan else None,
        "plan": [step_data(step) for step in plan.steps] if plan else None,
        "problem": explanation.problem or None,
    }


def _explanation_lines(explanation: Explanation, device: AttachedDevice | None) -> list[str]:
    from .explain import plan_lines

    entry, decision = explanation.entry, explanation.decision
    names = mode_names(entry.device_file, device)
    lines = [
        f"entry:    {entry.name} ({entry.path})",
        f"product:  {entry.device_file.product_name or '-'}",
        f"source:   {entry.device_file.source or '-'}",
        f"targets:  {_targets(entry.id, decision.device_file)}",
        *([f"modes:    {', '.join(names)}"] if names else []),
        *(f"decided:  {reason}" for reason in decision.reasons),
    ]
    if device is not None and is_target(device, entry):
        lines.append("state:    already switched")
    if explanation.plan is None:
        return [*lines, f"plan:     none: {explanation.problem}"]
    return [*lines, f"method:   {explanation.plan.method}", *plan_lines(explanation.plan)]


def _targets(initial: UsbId, device_file: DeviceFile) -> str:
    words = [str(target) for target in device_file.targets(initial)]
    if device_file.target_class is not None:
        words.append(f"class 0x{device_file.target_class:02x}")
    return ", ".join(words) or "not stated: anything that is no longer storage"


def _attached(usb_id: UsbId, port: str | None, host: Host) -> AttachedDevice | None:
    """The device to plan for, if it is attached; the first one when there are several."""
    wanted = None if port is None else parse_port(port)
    found = [d for d in host.devices() if d.id == usb_id and wanted in (None, d.port)]
    return found[0] if found else None


def run_lint(options: argparse.Namespace) -> int:
    """Check device files strictly; the exit code of DeviceFileError when one has an error."""
    findings: list[Diagnostic] = []
    for path in options.files:
        findings += lint_file(path)
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    if options.json:
        print_json({"files": len(options.files), "findings": list(map(diagnostic_data, findings))})
    else:
        for finding in findings:
            print(finding.with_caret())
        if not options.quiet:
            print(
                f"{len(options.files)} files, {len(errors)} errors, {len(findings) - len(errors)} warnings"
            )
    return DeviceFileError.exit_code if errors else 0


def lint_file(path: str) -> list[Diagnostic]:
    """All findings in one file: what the parser says, and whether a plan can be made of it."""
    try:
        data = read_bytes(path)
    except DeviceFileError as error:
        message = str(error).removeprefix(f"{path}: ")
        return [Diagnostic(Severity.ERROR, message, path)]
    device_file, diagnostics = diagnose(data, path, strict=True)
    findings = list(diagnostics)
    if not any(finding.severity is Severity.ERROR for finding in findings):
        try:
            entry = entry_from_file(path, None)
            for way in (device_file, *device_file.modes):
                make_plan(way, typical_device(entry.id))
        except ModeSwitchError as error:
            message = str(error).removeprefix(f"{path}: ")
            findings.append(Diagnostic(Severity.ERROR, message, path))
    return findings


def run_rules(options: argparse.Namespace) -> int:
    """Print the udev rules for all entries."""
    from .udev import default_command, rules

    catalog = default_catalog(options.data)
    command = default_command() if options.command is None else options.command
    text = rules(catalog.initial_ids(), command, whole_vendors=catalog.fallback_vendors())
    if options.json:
        print_json({"rules": text, "command": command})
    else:
        print(text, end="")
    return 0


def run_demo(options: argparse.Namespace) -> int:
    """The whole job on a virtual stick."""
    from .demo import run

    return run(quiet=options.quiet, as_json=options.json)


def run_data(options: argparse.Namespace) -> int:
    """Import device files."""
    from .data_import import import_device_files

    done = import_device_files(options.source, options.to, source_name=options.source_name)
    if options.json:
        data: dict[str, Any] = {
            "written": list(done.written),
            "unchanged": list(done.unchanged),
            "errors": list(done.errors),
        }
        print_json(data)
    elif not options.quiet:
        print(
            f"{len(done.written)} files written, {len(done.unchanged)} unchanged, "
            f"{len(done.errors)} errors in {os.path.abspath(options.to)}"
        )
    for error in done.errors:
        print(f"pymodeswitch: {error}", file=sys.stderr)
    return DeviceFileError.exit_code if done.errors else 0
