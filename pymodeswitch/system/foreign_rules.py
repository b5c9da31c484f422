"""Other people's udev rules: which of our sticks they send something to, and what they really start.

Of udev's language (udev(7)) that is read which tells a device and starts a program: IDs in attributes and
properties, continued lines, labels and jumps. What they start is followed through a shell, a script and a
systemd unit, one step each.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ..nouns.model import UsbId
from .root import Root

# What switches a stick: the programs by their names, in whatever folder.
SWITCHERS = (
    *("usb_modeswitch", "usb_modeswitch_dispatcher", "simple_usbmodeswitch", "pymodeswitch"),
    *("eject", "sg_raw", "sg_start"),
)
SWITCHING = re.compile(
    rf"(?<![\w./@-])(?:[\w./@-]*/)?({'|'.join(sorted(SWITCHERS, key=len, reverse=True))})(?![\w-])(?!\.\w)"
)
STARTED_UNIT = re.compile(r"(?<![\w.-])systemctl\s+(?:-\S+\s+)*(?:re)?start\s+(?:-\S+\s+)*([\w@%$.\\:-]+)")
UNIT_FOLDERS = tuple(
    f"{folder}/systemd/system" for folder in ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib")
)
MAX_SCRIPT = 65_536
MAX_UNIT = 255  # characters of a name (systemd.unit(5))

# Each place is looked at once: a key begins where none is, a name in braces holds neither braces nor quotes.
ITEM = re.compile(
    r'(?<![A-Z_])([A-Z_]+)(?:\{([^{}"]*)\})?\s*(==|!=|\+=|-=|:=|=)\s*[ei]?"((?:[^"\\]|\\.)*)"'
)
# ID_USB_*: systemd's own names since 250, beside the old ones.
VENDOR_KEYS = {
    *(("ATTR", "idVendor"), ("ATTRS", "idVendor")),
    *(("ENV", "ID_VENDOR_ID"), ("ENV", "ID_USB_VENDOR_ID")),
}
PRODUCT_KEYS = {
    *(("ATTR", "idProduct"), ("ATTRS", "idProduct")),
    *(("ENV", "ID_MODEL_ID"), ("ENV", "ID_USB_MODEL_ID")),
}
NUMBERS = ("ENV", "PRODUCT")  # the kernel's: hex without leading zeros, vendor/product/release


class Item(NamedTuple):
    """One `KEY{name}=="value"` of a rule."""

    key: str
    name: str
    operator: str
    value: str


class Start(NamedTuple):
    """What a rules file starts, and for which of our IDs."""

    program: str
    ids: frozenset[UsbId]


def starts(text: str, ids: Sequence[UsbId], root: Root | None = None) -> list[Start]:
    """What a rules file starts that switches sticks, for IDs that it names; in the order of the programs.

    root: where scripts and units are looked up; None leaves them out. A rule that names no vendor is for
    none of our IDs.
    """
    rules = [rule for rule in map(_items, _lines(text)) if rule]
    found: dict[str, set[UsbId]] = {}
    for rule, met in _with_ids(rules, frozenset(ids)):
        if met:
            for program in _programs(rule, root):
                found.setdefault(program, set()).update(met)
    return [Start(program, frozenset(met)) for program, met in sorted(found.items())]


def _lines(text: str) -> Iterator[str]:
    """Lines, those that end with a backslash joined, without comments."""
    joined = ""
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            continue
        joined += line.removesuffix("\\")
        if not line.endswith("\\"):
            yield joined
            joined = ""
    yield joined


def _items(line: str) -> list[Item]:
    """The items of a rule; none of a line that udev drops as a whole, for what stands between them."""
    if ITEM.sub("", line).strip(" \t,"):
        return []
    return [Item(key, name or "", operator, value) for key, name, operator, value in ITEM.findall(line)]


def _with_ids(
    rules: Sequence[Sequence[Item]], ids: frozenset[UsbId]
) -> Iterator[tuple[Sequence[Item], frozenset[UsbId]]]:
    """Each rule with those of the IDs that reach it and that it, or a jump before it, names."""
    named: frozenset[UsbId] = frozenset()  # by a jump to the last label, or past a jump of all others
    away: dict[str, frozenset[UsbId]] = {}  # skipped until that label
    here = ids
    for rule in rules:
        label = next((item.value for item in rule if item.key == "LABEL"), None)
        if label is not None:
            back = away.pop(label, frozenset())
            named, here = named | back, here | back
        fitting, has_vendor = _fitting(rule, here, "==")
        own = named & here if fitting is None else fitting if has_vendor else fitting & named
        yield rule, own
        jump = next((item.value for item in rule if item.key == "GOTO"), None)
        if jump is None:
            continue
        others, _ = _fitting(rule, here, "!=")
        going: frozenset[UsbId] = frozenset()
        if others is not None:  # `ATTR{idVendor}!="12d1", GOTO="end"`: those who stay are named by it
            named, going = named | others, here - others
        elif fitting is not None:
            going = fitting
        elif not any(item.operator in ("==", "!=") for item in rule):
            going = here
        away[jump] = away.get(jump, frozenset()) | going
        here -= going


def _fitting(
    rule: Iterable[Item], ids: frozenset[UsbId], operator: str
) -> tuple[frozenset[UsbId] | None, bool]:
    """The IDs that fit what a rule compares by that operator, None when it compares no ID; and whether it
    names a vendor."""
    vendors, products, numbers = [], [], []
    for key, name, compared, value in rule:
        if compared != operator:
            continue
        if (key, name) in VENDOR_KEYS:
            vendors.append(value.lower())
        elif (key, name) in PRODUCT_KEYS:
            products.append(value.lower())
        elif (key, name) == NUMBERS:
            numbers.append(value.lower())
    if not (vendors or products or numbers):
        return None, False
    of_vendors = {
        vendor
        for vendor in {usb_id.vendor for usb_id in ids}
        if all(_fits(f"{vendor:04x}", pattern) for pattern in vendors)
    }
    fitting = frozenset(
        usb_id
        for usb_id in ids
        if usb_id.vendor in of_vendors
        and all(_fits(f"{usb_id.product:04x}", pattern) for pattern in products)
        and all(_fits(f"{usb_id.vendor:x}/{usb_id.product:x}/0", pattern, cut=True) for pattern in numbers)
    )
    return fitting, bool(vendors or numbers)


def _fits(value: str, alternatives: str, *, cut: bool = False) -> bool:
    """Whether one of the patterns, with `|` between them, fits. cut: only vendor and product count."""
    for pattern in alternatives.split("|"):
        if cut:
            parts = pattern.split("/")
            pattern = "/".join((*parts[:2], *["*"] * (2 - len(parts[:2])), "0"))
        if fnmatch.fnmatchcase(value, pattern):
            return True
    return False


def _programs(rule: Iterable[Item], root: Root | None) -> set[str]:
    """The switchers that a rule starts: directly, within a shell, by a script or by a unit."""
    found: set[str] = set()
    rule = list(rule)
    if any(item.key == "ACTION" and item.operator == "==" and item.value == "remove" for item in rule):
        return found
    for key, name, operator, value in rule:
        if operator in ("==", "!=") and (key, name) != ("PROGRAM", ""):
            continue
        if key in ("RUN", "IMPORT", "PROGRAM") and name in ("", "program") and "symlink" not in value:
            # Whoever asks for the name of a link for a modem's port switches nothing.
            found |= _switchers(value)
            if not found and root is not None and key == "RUN":
                found |= _of_script(value, root)
                for unit in STARTED_UNIT.findall(value):
                    found |= _of_unit(unit if unit.endswith(".service") else f"{unit}.service", root)
        elif key == "ENV" and name in ("SYSTEMD_WANTS", "SYSTEMD_USER_WANTS") and root is not None:
            for unit in value.split():
                found |= _of_unit(unit, root)
    return found


def _switchers(command: str) -> set[str]:
    return {match.group(1) for match in SWITCHING.finditer(command)}


def _of_script(command: str, root: Root) -> set[str]:
    """What a script starts that a rule runs by its path."""
    path = command.split()[0] if command.split() else ""
    if not path.startswith("/"):
        path = f"/usr/lib/udev/{path}"  # where udev looks for one without a path
    return {f"{found} (by {path})" for found in _switchers(_text(path, root))} if path else set()


def _of_unit(unit: str, root: Root) -> set[str]:
    """What a unit starts; `usb_modeswitch@%k.service` is a file `usb_modeswitch@.service`."""
    if len(unit) > MAX_UNIT:
        return set()
    name = re.sub(r"@.*\.", "@.", unit)
    for folder in UNIT_FOLDERS:
        text = _text(f"{folder}/{name}", root)
        lines = [line for line in text.splitlines() if re.match(r"\s*Exec\w+\s*=", line)]
        found = {program for line in lines for program in _switchers(line.partition("=")[2])}
        if not found:
            paths = [line.partition("=")[2].lstrip(" @-:+!") for line in lines]
            found = {program for path in paths for program in _of_script(path, root)}
        if text:
            return {f"{program} (by {name})" for program in found}
    return set()


def _text(path: str, root: Root) -> str:
    """The beginning of a file, empty where there is none or it is no text."""
    if not os.path.isfile(root.at(path)):
        return ""
    try:
        with open(root.at(path), "rb") as file:
            data = file.read(MAX_SCRIPT)
    except OSError:
        return ""
    if b"\0" in data:
        return ""
    lines = data.decode("utf-8", "replace").splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))
