"""`explain`: an entry, why it was chosen, and its plan in words."""

from __future__ import annotations

import argparse
from typing import Any

from ...catalog.catalog import default_catalog, entry_from_file, nothing_fits, read_entry
from ...catalog.device_state import state_by, state_text
from ...catalog.matching import Reason
from ...host.linux import LinuxHost, default_host
from ...nouns.errors import ModeSwitchError, NoLibusbError, NotAttachedError
from ...nouns.model import AttachedDevice, DeviceFile, Entry, UsbId, parse_port
from ...nouns.protocols import Host
from ...nouns.record import Record, replace
from ...nouns.steps import Plan
from ...planning.plan import make_plan, other_way, typical_device
from ...planning.policy import Decision, decide_by, mode_names
from ...planning.settings import Settings, read_settings
from ...switching.connector import device_at, ports_of
from ...transport.inquiry import scsi_strings
from ..arguments import add_common, add_data, add_entry, data_folders, initial_id
from ..console import complain, print_json, say
from ..results import device_data, entry_data

TEXT_HANG, STEP_HANG = 10, 5  # behind a heading; behind the number of a step
COLOURS = {"warning:": "doubt"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    add_entry(parser)
    add_data(parser)
    add_common(parser)


class Explanation(Record):
    """One entry, what was decided about it, and its plan; or the problem that leaves it without one.

    fallback: the plan where that one is barred.
    """

    entry: Entry
    decision: Decision
    plan: Plan | None
    problem: str = ""
    fallback: Plan | None = None


def run(options: argparse.Namespace) -> int:
    """The entry of an ID, where it is from, why it was chosen, and its plan in words."""
    if options.serial is not None:
        from ..choosing import port_of_serial

        options.port = port_of_serial(options)
    host = _host()
    usb_id = _asked_for(options, host)
    catalog = default_catalog(data_folders(options))
    if options.config is None and not catalog.candidates(usb_id):
        raise catalog.no_entry_error(usb_id)
    device, beside = _attached(usb_id, options.port, host)
    reasons: tuple[Reason, ...] = ()
    if options.config is not None:
        entries = [entry_from_file(options.config, usb_id)]
    elif device is not None:
        # Only what the kernel has read: explaining sends nothing.
        choice = catalog.choose(device, lambda: scsi_strings(host, device, ask=False), thorough=True)
        reasons = choice.reasons
        if choice.candidate is None:
            raise nothing_fits(device, choice)
        entries = [read_entry(choice.candidate)]
    else:
        reasons = catalog.without_device(usb_id)
        entries = [read_entry(reason.candidate) for reason in reasons if reason.fits]
    settings = read_settings()
    found = [_explanation(entry, device, options, host, settings) for entry in entries]
    if options.json:
        choice_data = [{"path": r.candidate.path, "reason": r.text} for r in reasons]
        data = [_explanation_data(explanation, device) for explanation in found]
        print_json(
            {
                "id": str(usb_id),
                "device": device_data(device),
                "switching": settings.switching,
                "choice": choice_data,
                "entries": data,
            }
        )
        return 0
    where = device.describe() if device else f"{usb_id}, not attached: endpoints are assumed"
    _say(f"device:   {where}")
    for port in beside:
        _say(f"          another one is on port {port}: choose with --port")
    if not settings.switching:
        _say(f"setting:  not switched by itself, by {settings.source('switching')}")
    for reason in reasons:
        _say(f"file:     {reason}")
    for explanation in found:
        for line in _explanation_lines(explanation, device):
            _say(line)
    return 0


def _say(line: str) -> None:
    """A line; its heading is made to stand out."""
    heading = line.partition(" ")[0]
    if not heading.endswith(":"):
        say(line, hang=STEP_HANG)  # of a plan
    else:
        say(line, heading, COLOURS.get(heading, "head"), TEXT_HANG)


def _asked_for(options: argparse.Namespace, host: Host) -> UsbId:
    """The ID that is given, or what is on the port."""
    if options.id is not None or options.config is not None or options.port is None:
        return initial_id(options)
    device = device_at(host, parse_port(options.port))
    if device is None:
        raise NotAttachedError(f"nothing is attached to port {options.port}")
    return device.id


def _host() -> Host:
    """This computer; one without sysfs and without libusb shows no device, and can explain all the same."""
    try:
        return default_host()
    except NoLibusbError as error:
        complain(str(error))
        return LinuxHost()


def _explanation(
    entry: Entry,
    device: AttachedDevice | None,
    options: argparse.Namespace,
    host: Host,
    settings: Settings,
) -> Explanation:
    planned_for = device or typical_device(entry.id, entry.device_file)
    decision = decide_by(
        settings,
        entry.device_file,
        planned_for,
        mode=options.mode,
        mbim=False if options.no_mbim else None,
        has_driver=host.has_driver,
    )
    try:
        plan = make_plan(decision.device_file, planned_for)
    except ModeSwitchError as error:  # it is still worth to see which entry that is
        return Explanation(entry, decision, None, str(error))
    other = other_way(decision.device_file, planned_for)
    return Explanation(entry, decision, plan, fallback=other and other[1])


def _explanation_data(explanation: Explanation, device: AttachedDevice | None) -> dict[str, Any]:
    from ...planning.description import plan_data

    entry, plan = explanation.entry, explanation.plan
    return {
        **(entry_data(replace(entry, device_file=explanation.decision.device_file)) or {}),
        "modes": list(mode_names(entry.device_file, device)),
        "reasons": list(explanation.decision.reasons),
        "method": plan.method if plan else None,
        "plan": plan_data(plan),
        "fallback": plan_data(explanation.fallback),
        "problem": explanation.problem or None,
        "warnings": [
            *filter(None, [explanation.decision.warning]),
            *(str(diagnostic) for diagnostic in entry.diagnostics),
        ],
    }


def _explanation_lines(explanation: Explanation, device: AttachedDevice | None) -> list[str]:
    from ...planning.description import plan_lines

    entry, decision = explanation.entry, explanation.decision
    names, shared = mode_names(entry.device_file, device), entry.device_file.shared
    lines = [
        f"entry:    {entry.name} ({entry.path})",
        f"product:  {entry.device_file.product_name or '-'}",
        f"source:   {entry.device_file.source or '-'}",
        *([f"shared:   this ID is also that of {shared}"] if shared else []),
        f"targets:  {_targets(entry.id, decision.device_file)}",
        *([f"modes:    {', '.join(names)}"] if names else []),
        *(f"decided:  {reason}" for reason in decision.reasons),
        *([f"warning:  {decision.warning}"] if decision.warning else []),
        *(f"warning:  {diagnostic}" for diagnostic in entry.diagnostics),
    ]
    if device is not None:
        state, way = state_by(device, entry, decision.device_file)
        lines.append(f"state:    {state_text(state, way)}")
    if explanation.plan is None:
        return [*lines, f"plan:     none: {explanation.problem}"]
    return [
        *lines,
        f"method:   {explanation.plan.method}",
        *plan_lines(explanation.plan, explanation.fallback),
    ]


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
    for wanted in ports_of(host, parse_port(port)):
        for device in found:
            if device.port == wanted:
                return device, ()
    raise NotAttachedError(f"{usb_id} is not attached to port {port}")
