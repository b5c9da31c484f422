"""udev and systemd: is there somebody who starts us when a stick is plugged in, and what came of it?

What is installed is compared by `inspection.py`, as `pymodeswitch system check` does.
"""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterator

from ..host.sysfs import Sysfs
from ..nouns.errors import ModeSwitchError
from ..nouns.run_folder import RUN_FOLDER
from ..switching.connector import name_of
from ..switching.port_state import MAX_STATE_BYTES, WINDOW_S, switches_in, verdict_in
from ..system.inspection import InspectedFile, inspect, stop_command
from ..system.installation import (
    PACKAGE_PREFIX,
    PREFIX,
    RULES,
    layout,
    package_commands,
    starting_files,
    system_catalog,
)
from ..system.root import Root
from ..system.udev_rules import own_command
from ..system.units import JUDGE_UNIT, PATH_UNIT
from .computer import Computer
from .examined_stick import ExaminedStick
from .findings import Finding

INSTALL = "pymodeswitch system install"


def check_system(computer: Computer) -> Iterator[Finding]:
    """Rules and units."""
    if not computer.has_udev:
        text = "udev does not run, so nothing switches sticks when they are plugged in"
        yield Finding("no-udev", text, "pymodeswitch watch")
        return
    try:
        found = _inspected(Root(computer.root))
    except ModeSwitchError as error:
        yield Finding("rules-unread", str(error), "sudo pymodeswitch system check")
        return
    fighting = [file for file in found if file.state == "fighting"]
    rules = next(file for file in found if os.path.basename(file.path) == RULES)
    yield _rules(rules, fighting)
    if rules.state in ("ok", "stale"):
        for file in fighting:
            what = file.detail.partition("; ")[0]
            text = f"{file.path} is active beside {rules.path}: it {what}"
            yield Finding("rules-fight", text, stop_command(file.path))
        if computer.has_systemd:
            yield from _units(found)


def _inspected(root: Root) -> list[InspectedFile]:
    """What is installed, compared with what would be."""
    known, places, usr = system_catalog(root), layout(root, PREFIX), layout(root, PACKAGE_PREFIX)
    files = starting_files(known, places, own_command())
    packaged = [
        file for command in package_commands(own_command()) for file in starting_files(known, usr, command)
    ]
    return inspect(root, places, files, packaged, known.initial_ids())


def _rules(rules: InspectedFile, fighting: list[InspectedFile]) -> Finding:
    if rules.state == "ok":
        return Finding("rules", f"{rules.path} is active")
    if rules.state == "masked":
        text = f"{rules.path} masks the rules of pymodeswitch ({rules.detail})"
        return Finding("rules-masked", text, f"rm {shlex.quote(rules.path)}")
    if rules.state == "stale":
        return Finding("rules-stale", f"{rules.path}: {rules.detail}", INSTALL)
    others = ", ".join(file.path for file in fighting)
    by = f"; {others} is active" if others else ""
    text = f"no rules of pymodeswitch are installed: sticks are switched only by hand{by}"
    return Finding("no-rules", text, INSTALL)


def _units(found: list[InspectedFile]) -> Iterator[Finding]:
    for file in found:
        name = os.path.basename(file.path)
        if file.state == "ok" or name not in (JUDGE_UNIT, PATH_UNIT):
            continue
        text = f"{file.path} is {file.state}" + (f": {file.detail}" if file.detail else "")
        cure = f"rm {shlex.quote(file.path)}" if file.state == "masked" else INSTALL
        if file.state == "stale":
            yield Finding("rules-stale", text, cure)
        else:
            yield Finding("unit-missing", f"{text}; without it nobody sees what comes of a message", cure)


def check(stick: ExaminedStick, computer: Computer, *, limit: int) -> Iterator[Finding]:
    """What the last runs on the port of a stick said. limit: switches per minute."""
    port, now = stick.device.port, time.monotonic()
    connector = name_of(Sysfs(computer.path("/sys")), port)
    lines = computer.read(f"{RUN_FOLDER}/{connector}", MAX_STATE_BYTES).splitlines()
    times = [t for t in switches_in(lines) if now - WINDOW_S < t <= now]
    if len(times) >= limit:
        seconds = times[-limit] + WINDOW_S - now
        text = f"it was switched {len(times)} times within a minute: not again for {seconds:.0f} s"
        cure = "switches_per_minute in /etc/pymodeswitch.conf"
        yield stick.finding("switched-too-often", text, cure)
    last = verdict_in(lines)
    if last is not None:
        if last.code != 0 and last.seconds >= _attached_since(stick, computer, now):
            text = f"the last run on this port said (exit code {last.code}): {last.text}"
            yield stick.finding("last-run-failed", text, f"pymodeswitch --port {port} -v")
        return
    state = computer.run(("systemctl", "is-failed", JUDGE_UNIT)) if computer.has_systemd else None
    if (state or "").strip() == "failed":
        cure = f"journalctl -u {JUDGE_UNIT}; systemctl reset-failed {JUDGE_UNIT}"
        yield stick.finding("last-run-failed", f"{JUDGE_UNIT} has failed", cure)


def _attached_since(stick: ExaminedStick, computer: Computer, now: float) -> float:
    """When it was plugged in, on the monotonic clock; long ago where the kernel does not tell."""
    duration = computer.read(f"{stick.folder()}/power/connected_duration", 64)
    return now - int(duration) / 1000 if duration.isascii() and duration.isdigit() else 0.0
