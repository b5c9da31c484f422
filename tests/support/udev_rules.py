"""udev in small: carries a rules file out for one event, strictly. Only what our rules use is known."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from typing import NamedTuple

# Within a line udev matches in this order, whatever the line's own, and acts only then.
MATCHES = ("ACTION", "KERNEL", "ENV", "SUBSYSTEM", "ATTR", "TEST", "ATTRS", "IMPORT", "PROGRAM")
TOKEN = re.compile(r'([A-Z]+)(?:\{([^}]*)\})?\s*(==|!=|\+=|=)\s*"([^"]*)"\s*(?:,\s*|$)')


class Event(NamedTuple):
    """One event as udev sees it. attributes: sysfs; interfaces: what usb_id finds in the descriptors.

    parents: attributes of the devices that it hangs on; parent: what %b is where ATTRS has matched. says: what
    PROGRAM prints. devlinks: that it has.
    """

    attributes: Mapping[str, str]
    action: str = "add"
    devtype: str = "usb_device"
    subsystem: str = "usb"
    kernel: str = "1-1.2"
    interfaces: str = ":080650:"
    exists: tuple[str, ...] = ()
    parents: tuple[Mapping[str, str], ...] = ()
    parent: str = "1-1.2"
    path: str = "/devices/usb1/1-1.2"
    says: str = ""
    devlinks: str = ""


class Outcome(NamedTuple):
    """What the rules asked for."""

    run: tuple[str, ...]
    wants: tuple[str, ...]
    tags: tuple[str, ...]
    links: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()


def carry_out(text: str, event: Event) -> Outcome:
    """Process a rules file; AssertionError for anything that is not understood."""
    lines = [_tokens(line) for line in text.splitlines() if line and not line.startswith("#")]
    properties = {"DEVTYPE": event.devtype, "DEVLINKS": event.devlinks}
    run: list[str] = []
    wants: list[str] = []
    tags: list[str] = []
    links: list[str] = []
    programs: list[str] = []
    at = 0
    while at < len(lines):
        target = None
        if not _parent_matches(lines[at], event):
            at += 1
            continue
        for key, name, operator, value in lines[at]:
            if key == "IMPORT":
                assert (name, operator, value) == ("builtin", "=", "usb_id")
                properties["ID_USB_INTERFACES"] = event.interfaces
            elif key == "PROGRAM":
                assert operator == "="
                programs.append(_substituted(value, event))
            elif key == "ATTRS":
                continue  # see _parent_matches
            elif operator in ("==", "!="):
                if _matches(key, name, value, event, properties) != (operator == "=="):
                    break
            elif key == "GOTO":
                target = value
            elif key == "RUN" and operator == "+=":
                run.append(_substituted(value, event))
            elif (key, operator) == ("SYMLINK", "+="):
                assert value == "%c"
                links += event.says.split()
            elif key == "TAG" and operator == "+=":
                tags.append(value)
            elif (key, name, operator) == ("ENV", "SYSTEMD_WANTS", "+="):
                wants.append(_substituted(value, event))
            else:
                assert key == "LABEL", f"{key}{operator} is not known"
        else:
            if target is not None:
                labels = [number for number, line in enumerate(lines) if ("LABEL", "", "=", target) in line]
                assert len(labels) == 1, f"label {target}"
                assert labels[0] > at, "udev only jumps forward"
                at = labels[0]
                continue
        at += 1
    return Outcome(tuple(run), tuple(wants), tuple(tags), tuple(links), tuple(programs))


def _tokens(line: str) -> list[tuple[str, str, str, str]]:
    tokens = [match.groups(default="") for match in TOKEN.finditer(line)]
    assert "".join(match.group() for match in TOKEN.finditer(line)) == line, line
    rank = {match: number for number, match in enumerate(MATCHES)}
    return sorted(
        ((key, name, operator, value) for key, name, operator, value in tokens),
        key=lambda token: rank[token[0]] if _is_match(token[0], token[2]) else len(rank),
    )


def _is_match(key: str, operator: str) -> bool:
    return operator in ("==", "!=") or key in ("IMPORT", "PROGRAM")


def _matches(key: str, name: str, pattern: str, event: Event, properties: Mapping[str, str]) -> bool:
    value: str | None
    if key == "TEST":
        return _substituted(pattern, event) in event.exists
    if key == "ATTR":
        value = event.attributes.get(name)
    elif key == "ENV":
        value = properties.get(name, "")
    else:
        value = {"ACTION": event.action, "SUBSYSTEM": event.subsystem, "KERNEL": event.kernel}[key]
    return value is not None and any(fnmatch.fnmatchcase(value, part) for part in pattern.split("|"))


def _parent_matches(line: list[tuple[str, str, str, str]], event: Event) -> bool:
    """All ATTRS of a line have to fit one and the same device, the event's own or one above it."""
    wanted = [(name, operator, pattern) for key, name, operator, pattern in line if key == "ATTRS"]
    return any(
        all(
            name in device
            and any(fnmatch.fnmatchcase(device[name], part) for part in pattern.split("|"))
            == (operator == "==")
            for name, operator, pattern in wanted
        )
        for device in (event.attributes, *event.parents)
    )


def _substituted(value: str, event: Event) -> str:
    return value.replace("%k", event.kernel).replace("%p", event.path).replace("%b", event.parent)
