"""udev rules, generated from the catalogue: one line per vendor, one start per stick.

`DEVTYPE usb_device` matches once per stick, not once per interface. The event of the stick is handled
before those of its interfaces, so a short program started here is early. udev kills what RUN starts when
the event ends, so the command must not wait for the outcome.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from .errors import UsageError
from .model import UsbId

# udev reads a rule into a line of 16 KiB (UDEV_LINE_SIZE); longer ones are ignored with an error.
MAX_LINE = 16_000


def default_command() -> str:
    """This very Python, which looks for modules in no folder of the user (-I); `%k` is the port's name."""
    python = sys.executable
    if " " in python:
        python = f"'{python}'"  # udev splits at blanks, and knows single quotes
    return f"{python} -I -m pymodeswitch --no-wait --port %k $attr{{idVendor}}:$attr{{idProduct}}"


def rules(initial_ids: Iterable[UsbId], command: str, *, whole_vendors: Iterable[int] = ()) -> str:
    """The text of a rules file that starts `command` for each of the IDs.

    whole_vendors: vendors of which any product starts it. command: what RUN starts, with an absolute path
    and udev's substitutions (udev(7)). UsageError when it cannot be written into a rule.
    """
    if not command.strip():
        raise UsageError("bad command: it is empty")
    if '"' in command or not command.isprintable() or command.endswith("\\"):
        raise UsageError(
            f"bad command {command!r}: a udev rule holds no double quotes, no control characters and no "
            "backslash at its end"
        )
    by_vendor: dict[int, list[int]] = {}
    for usb_id in initial_ids:
        by_vendor.setdefault(usb_id.vendor, []).append(usb_id.product)
    lines = [
        "# Written by `pymodeswitch rules`: starts pymodeswitch once for each stick that it knows.",
        'ACTION!="add", GOTO="pymodeswitch_end"',
        'SUBSYSTEM!="usb", GOTO="pymodeswitch_end"',
        'ENV{DEVTYPE}!="usb_device", GOTO="pymodeswitch_end"',
    ]
    whole = set(whole_vendors)
    for vendor in sorted(by_vendor.keys() | whole):
        products = sorted(set(by_vendor.get(vendor, ())))
        alternatives = "*" if vendor in whole else "|".join(f"{product:04x}" for product in products)
        line = f'ATTR{{idVendor}}=="{vendor:04x}", ATTR{{idProduct}}=="{alternatives}", RUN+="{command}"'
        if len(line) > MAX_LINE:
            raise UsageError(f"the rule for vendor {vendor:04x} is longer than udev reads")
        lines.append(line)
    lines.append('LABEL="pymodeswitch_end"')
    return "\n".join(lines) + "\n"
