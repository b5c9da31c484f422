"""udev in small: carries a rules file out for one event, strictly. Only what our rules use is known."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from typing import NamedTuple

# Within a line udev matches in this order, whatever the line's own, and acts only then.
MATCHES = ("ACTION", "ENV", "SUBSYSTEM", "ATTR", "TEST", "IMPORT")
TOKEN = re.compile(r'([A-Z]+)(?:\{([^}]*)\})?\s*(==|!=|\+=|=)\s*"([^"]*)"\s*(?:,\s*|$)')


class Event(NamedTuple):
    """One event as udev sees it. attributes: sysfs; interfaces: what usb_id finds in the descriptors."""

    attributes: Mapping[str, str]
    action: str = "add"
    devtype: str = "usb_device"
    subsystem: str = "usb"
    kernel: str = "1-1.2"
    interfaces: str = ":080650:"
    exists: tuple[str, ...] = ()


class Outcome(NamedTuple):
    """What the rules asked for."""

    run: tuple[str, ...]
    wants: tuple[str, ...]
    tags: tuple[str, ...]


def carry_out(text: str, event: Event) -> Outcome:
    """Process a rules file; AssertionError for anything that is not understood."""
    lines = [_tokens(line) for line in text.splitlines() if line and not line.startswith("#")]
    properties = {"DEVTYPE": event.devtype}
    run: list[str] = []
    wants: list[str] = []
    tags: list[str] = []
    at = 0
    while at < len(lines):
        target = None
        for key, name, operator, value in lines[at]:
            if key == "IMPORT":
                assert (name, operator, value) == ("builtin", "=", "usb_id")
                properties["ID_USB_INTERFACES"] = event.interfaces
            elif operator in ("==", "!="):
                if _matches(key, name, value, event, properties) != (operator == "=="):
                    break
            elif key == "GOTO":
                target = value
            elif key == "RUN" and operator == "+=":
                run.append(_substituted(value, event))
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
    return Outcome(tuple(run), tuple(wants), tuple(tags))


def _tokens(line: str) -> list[tuple[str, str, str, str]]:
    tokens = [match.groups(default="") for match in TOKEN.finditer(line)]
    assert "".join(match.group() for match in TOKEN.finditer(line)) == line, line
    rank = {match: number for number, match in enumerate(MATCHES)}
    return sorted(
        ((key, name, operator, value) for key, name, operator, value in tokens),
        key=lambda token: rank[token[0]] if token[2] in ("==", "!=") or token[0] == "IMPORT" else len(rank),
    )


def _matches(key: str, name: str, pattern: str, event: Event, properties: Mapping[str, str]) -> bool:
    value: str | None
    if key == "TEST":
        return pattern in event.exists
    if key == "ATTR":
        value = event.attributes.get(name)
    elif key == "ENV":
        value = properties.get(name, "")
    else:
        value = {"ACTION": event.action, "SUBSYSTEM": event.subsystem}[key]
    return value is not None and any(fnmatch.fnmatchcase(value, part) for part in pattern.split("|"))


def _substituted(value: str, event: Event) -> str:
    return value.replace("%k", event.kernel)
