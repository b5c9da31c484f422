"""udev rules, generated from the catalogue: one line per vendor, one start per stick.

`DEVTYPE usb_device` matches once per stick, not once per interface. `ACTION add` comes when a stick is
plugged in, and once more when udev replays events at boot; `bind` follows each `add`, and `change` is what
`udevadm trigger` sends without any plug, so neither starts anything. The rules know initial IDs only: the
event of a switched stick passes them.

What RUN starts is killed when the event ends, so it only sends (early/), and somebody else waits for what
comes of it: where systemd runs, its path unit starts the judge; elsewhere the sender does.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence

from ..nouns.errors import UsageError
from ..nouns.model import UsbId
from ..nouns.run_folder import AT_WORK, RUN_FOLDER

# udev reads a rule into a line of 16 KiB (UDEV_LINE_SIZE); longer ones are ignored with an error.
MAX_LINE = 16_000

SYSTEMD_RUNS = "/run/systemd/system"  # sd_booted(3)
# Milliseconds that a device has been there (Documentation/ABI/testing/sysfs-bus-usb): less than 100 s.
RECENT = "?|??|???|????|?????"

END, START = "pymodeswitch_end", "pymodeswitch_start"


def own_command() -> tuple[str, ...]:
    """This very Python, which looks for modules in no folder of the user (-I)."""
    if not sys.executable:
        raise UsageError("this Python does not know where it is: say with --command how it is started")
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return (os.path.abspath(sys.executable), "-I", os.path.join(package, "__main__.py"))


def sender_command(command: Sequence[str]) -> tuple[str, ...]:
    """How the sender is started, given the words that start pymodeswitch.

    Where these name the package's own file, the sender's is started the quickest way: without `site`, as it
    needs no other package.
    """
    package, _, main = command[-1].rpartition("/")
    if main != "__main__.py":
        return (*command, "early")
    return (command[0], "-I", "-S", f"{package}/early/__main__.py")


def program(words: Sequence[str]) -> str:
    """What PROGRAM starts; words with a `%` in front are udev's own."""
    text = " ".join(word if word.startswith("%") else _quoted(word) for word in words)
    _check(text)
    return text


def _quoted(word: str) -> str:
    if "'" in word:
        raise UsageError(f"bad command {word!r}: a udev rule holds no single quotes within a word")
    word = word.replace("%", "%%").replace("$", "$$")
    return f"'{word}'" if " " in word else word  # udev splits at blanks, and knows single quotes


def rules(
    initial_ids: Iterable[UsbId], command: Sequence[str], *, whole_vendors: Iterable[int] = ()
) -> str:
    """The text of a rules file that starts pymodeswitch for each of the IDs.

    whole_vendors: vendors of which any product starts it whose interface 0 is mass storage. command: the
    words that start pymodeswitch, with an absolute path. UsageError when they cannot be written into a rule.
    """
    lines = [
        "# Written by pymodeswitch from its device files: one start for each stick that it knows.",
        f'ACTION!="add", GOTO="{END}"',
        f'SUBSYSTEM!="usb", GOTO="{END}"',
        f'ENV{{DEVTYPE}}!="usb_device", GOTO="{END}"',
        "",
        "# IDs before the switch, a line for each vendor",
        *id_matches(initial_ids, START),
    ]
    for vendor in sorted(set(whole_vendors)):
        # usb_id reads the descriptors, so the interfaces need not be there yet; within one line udev would
        # match before it imports. Phones stay what they are, as in the reference's rule; with != a stick
        # without that string would not match.
        one = f'ATTR{{idVendor}}=="{vendor:04x}", '
        lines += [
            f"# Any other stick of {vendor:04x} whose interface 0 is mass storage",
            f'{one}ATTR{{manufacturer}}=="Android", GOTO="{END}"',
            f'{one}IMPORT{{builtin}}="usb_id"',
            f'{one}ENV{{ID_USB_INTERFACES}}==":08????:*", GOTO="{START}"',
        ]
    lines += [f'GOTO="{END}"', "", f'LABEL="{START}"', *_start_lines(command), f'LABEL="{END}"']
    return "\n".join(lines) + "\n"


def id_matches(ids: Iterable[UsbId], label: str, key: str = "ATTR") -> list[str]:
    """Lines that jump to a label for each of the IDs, one for a vendor. UsageError for a line too long.

    key: ATTR for the event's device, ATTRS for one that it hangs on.
    """
    by_vendor: dict[int, set[int]] = {}
    for usb_id in ids:
        by_vendor.setdefault(usb_id.vendor, set()).add(usb_id.product)
    lines = []
    for vendor in sorted(by_vendor):
        alternatives = "|".join(f"{product:04x}" for product in sorted(by_vendor[vendor]))
        line = f'{key}{{idVendor}}=="{vendor:04x}", {key}{{idProduct}}=="{alternatives}", GOTO="{label}"'
        if len(line) > MAX_LINE:
            raise UsageError(f"the rule for vendor {vendor:04x} is longer than udev reads")
        lines.append(line)
    return lines


def _check(command: str) -> None:
    if not command.strip():
        raise UsageError("bad command: it is empty")
    if '"' in command or not command.isprintable() or command.endswith("\\"):
        raise UsageError(
            f"bad command {command!r}: a udev rule holds no double quotes, no control characters and no "
            "backslash at its end"
        )


def _start_lines(command: Sequence[str]) -> list[str]:
    sender = sender_command(command)
    return [
        "# A judge that is at work sends, too, and hears of it earlier; but not of an event that udev replays",
        f'ATTR{{power/connected_duration}}=="{RECENT}", TEST=="{RUN_FOLDER}/{AT_WORK}", GOTO="{END}"',
        f'TEST=="{SYSTEMD_RUNS}", RUN+="{program((*sender, "%k"))}", GOTO="{END}"',
        f'RUN+="{program((*sender, "--start-judge", "%k"))}"',
    ]
