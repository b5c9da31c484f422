"""The verbs beside `switch`: each takes the parsed arguments, prints, and returns the exit code."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass, replace
from typing import Any

from .catalog import (
    Catalog,
    Reason,
    default_catalog,
    entry_from_file,
    fallback_vendor,
    nothing_fits,
    parse_name,
    read_bytes,
    read_entry,
)
from .console import complain, data_folders, initial_id, note, print_json, printable, show
from .device_file import diagnose
from .errors import DeviceFileError, ModeSwitchError, NoLibusbError, NotAttachedError
from .host import Host, LinuxHost, default_host
from .model import AttachedDevice, DeviceFile, Diagnostic, Entry, Severity, UsbId, parse_port
from .plan import make_plan, typical_device
from .policy import Decision, decide_by, mode_names
from .report import device_data, diagnostic_data, entry_data
from .scsi import scsi_strings
from .settings import read_settings
from .steps import Plan
from .verdict import is_target


def run_list(options: argparse.Namespace) -> int:
    """What is attached: switchable, switched already, storage without an entry, or something else."""
    catalog = default_catalog(data_folders(options))
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
        show(printable(f"{device.port:<10} {device.id}  {state:<20} {name}").rstrip())
    if not rows and not options.quiet:
        note("no USB device is attached")
    return 0


def _state(device: AttachedDevice, catalog: Catalog, host: Host) -> tuple[str, Entry | None]:
    """The state in words, and the entry that says so. Nothing is sent to the device for it."""
    choice = catalog.choose(device, lambda: host.scsi_strings(device))
    if choice.candidate is not None:
        try:
            entry = read_entry(choice.candidate)
        except DeviceFileError as error:
            complain(str(error))
            return "bad device file", None
        if is_target(device, entry):
            return "already switched", entry
        return ("switchable" if device.is_storage else "not in storage mode"), entry
    if choice.undecided:
        return "perhaps switchable", None
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
    catalog = default_catalog(data_folders(options))
    if options.config is None and not catalog.candidates(usb_id):
        raise catalog.no_entry_error(usb_id)
    host = _host()
    device, beside = _attached(usb_id, options.port, host)
    reasons: tuple[Reason, ...] = ()
    if options.config is not None:
        entries = [entry_from_file(options.config, usb_id)]
    elif device is not None:
        # Only what the kernel has read: explaining sends nothing.
        choice = catalog.choose(device, lambda: scsi_strings(host, device, ask=False))
        reasons = choice.reasons
        if choice.candidate is None:
            raise nothing_fits(device, choice)
        entries = [read_entry(choice.candidate)]
    else:
        reasons = catalog.without_device(usb_id)
        entries = [read_entry(reason.candidate) for reason in reasons if reason.fits]
    found = [_explanation(entry, device, options, host) for entry in entries]
    if options.json:
        choice_data = [{"path": r.candidate.path, "reason": r.text} for r in reasons]
        data = [_explanation_data(explanation, device) for explanation in found]
        print_json(
            {"id": str(usb_id), "device": device_data(device), "choice": choice_data, "entries": data}
        )
        return 0
    where = device.describe() if device else f"{usb_id}, not attached: endpoints are assumed"
    show(f"device:   {where}")
    for port in beside:
        show(f"          another one is on port {port}: choose with --port")
    for reason in reasons:
        show(printable(f"file:     {reason}"))
    for explanation in found:
        for line in _explanation_lines(explanation, device):
            show(printable(line))
    return 0


def _host() -> Host:
    """This computer; one without sysfs and without libusb shows no device, and can explain all the same."""
    try:
        return default_host()
    except NoLibusbError as error:
        complain(str(error))
        return LinuxHost()


def _explanation(
    entry: Entry, device: AttachedDevice | None, options: argparse.Namespace, host: Host
) -> Explanation:
    planned_for = device or typical_device(entry.id, entry.device_file)
    decision = decide_by(
        read_settings(),
        entry.device_file,
        planned_for,
        mode=options.mode,
        mbim=False if options.no_mbim else None,
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
        **(entry_data(replace(entry, device_file=explanation.decision.device_file)) or {}),
        "modes": list(mode_names(entry.device_file, device)),
        "reasons": list(explanation.decision.reasons),
        "method": plan.method if plan else None,
        "plan": [step_data(step) for step in plan.steps] if plan else None,
        "problem": explanation.problem or None,
        "warnings": [str(diagnostic) for diagnostic in entry.diagnostics],
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
        *(f"warning:  {diagnostic}" for diagnostic in entry.diagnostics),
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


def _attached(usb_id: UsbId, port: str | None, host: Host) -> tuple[AttachedDevice | None, tuple[str, ...]]:
    """The device to plan for, if it is attached, and the ports of others like it."""
    found = [device for device in host.devices() if device.id == usb_id]
    if port is None:
        return (found[0] if found else None), tuple(device.port for device in found[1:])
    wanted = parse_port(port)
    for device in found:
        if device.port == wanted:
            return device, ()
    raise NotAttachedError(f"{usb_id} is not attached to port {port}")


def run_lint(options: argparse.Namespace) -> int:
    """Check device files strictly; the exit code of DeviceFileError when one has an error."""
    paths = [path for name in options.files for path in _device_files(name)]
    findings = [finding for path in paths for finding in lint_file(path)]
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    code = DeviceFileError.exit_code if errors else 0
    if options.json:
        data = list(map(diagnostic_data, findings))
        print_json({"files": len(paths), "findings": data, "exit_code": code})
        return code
    for finding in findings:
        for line in finding.with_caret().splitlines():
            show("\t".join(map(printable, line.split("\t"))))  # tabs keep the caret in its place
    if not options.quiet:
        counts = (len(paths), "file"), (len(errors), "error"), (len(findings) - len(errors), "warning")
        show(", ".join(f"{n} {word}{'' if n == 1 else 's'}" for n, word in counts))
    return code


def _device_files(path: str) -> list[str]:
    """A file as it is; of a folder all files that are named like device files."""
    if not os.path.isdir(path):
        return [path]
    names = [name for name in sorted(os.listdir(path)) if parse_name(name) or fallback_vendor(name)]
    if not names:
        raise DeviceFileError(f"{path}: no device file in this folder")
    return [os.path.join(path, name) for name in names]


def lint_file(path: str) -> list[Diagnostic]:
    """All findings in one file, by line: what the parser says, and whether a plan can be made of it."""
    try:
        data = read_bytes(path)
    except DeviceFileError as error:
        return [_whole(path, error)]
    device_file, diagnostics = diagnose(data, path, strict=True)
    findings = list(diagnostics)
    if not any(finding.severity is Severity.ERROR for finding in findings):
        try:
            entry = entry_from_file(path, None)
            named = parse_name(os.path.basename(path))
            if named is not None and named[0] != entry.id:
                raise DeviceFileError(f"named for {named[0]}, and says that it is for {entry.id}")
            for way in (device_file, *device_file.modes):
                make_plan(way, typical_device(entry.id, way))
        except ModeSwitchError as error:
            findings.append(_whole(path, error))
    return sorted(findings, key=lambda finding: (finding.line, finding.column))


def _whole(path: str, error: ModeSwitchError) -> Diagnostic:
    return Diagnostic(Severity.ERROR, str(error).removeprefix(f"{path}: "), path)


def run_rules(options: argparse.Namespace) -> int:
    """Print the udev rules for all entries."""
    from .udev import default_command, rules

    catalog = default_catalog(data_folders(options))
    command = default_command() if options.command is None else options.command
    text = rules(catalog.initial_ids(), command, whole_vendors=catalog.fallback_vendors())
    if options.json:
        print_json({"rules": text, "command": command})
    else:
        show(text, end="")
    return 0


def run_demo(options: argparse.Namespace) -> int:
    """The whole job on a virtual stick."""
    from .demo import run

    return run(quiet=options.quiet, as_json=options.json)


def run_data(options: argparse.Namespace) -> int:
    """Import device files."""
    from .data_import import import_device_files

    done = import_device_files(options.source, options.to, source_name=options.source_name)
    code = DeviceFileError.exit_code if done.errors else 0
    if options.json:
        data: dict[str, Any] = {
            "written": list(done.written),
            "unchanged": list(done.unchanged),
            "errors": list(done.errors),
            "exit_code": code,
        }
        print_json(data)
    elif not options.quiet:
        show(
            f"{len(done.written)} files written, {len(done.unchanged)} unchanged, "
            f"{len(done.errors)} errors in {printable(os.path.abspath(options.to))}"
        )
    for error in done.errors:
        complain(error)
    return code
