"""udev rules, generated from the catalogue: one line per vendor, one start per stick.

`DEVTYPE usb_device` matches once per stick, not once per interface. `ACTION add` comes when a stick is
plugged in, and once more when udev replays events at boot; `bind` follows each `add`, and `change` is what
`udevadm trigger` sends without any plug, so neither starts anything. The rules know initial IDs only: the
event of a switched stick passes them.

With systemd the device wants a unit, which lives as long as it needs. udev itself kills what RUN starts
when the event ends, so there the command must not wait for the outcome.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence

from ..nouns.errors import UsageError
from ..nouns.model import UsbId
from ..nouns.run_folder import BURST, FOLDER

# udev reads a rule into a line of 16 KiB (UDEV_LINE_SIZE); longer ones are ignored with an error.
MAX_LINE = 16_000

# Who starts: udev by RUN, systemd by a unit, or whichever of them runs when the stick comes.
STARTS = ("run", "systemd", "auto")
UNIT = "pymodeswitch@%k.service"  # its name has the port, which is the stable handle of a stick
SYSTEMD_RUNS = "/run/systemd/system"  # sd_booted(3)

END, START = "pymodeswitch_end", "pymodeswitch_start"


def own_command() -> tuple[str, ...]:
    """This very Python, which looks for modules in no folder of the user (-I), and starts quickly (-S)."""
    if not sys.executable:
        raise UsageError("this Python does not know where it is: say with --command how it is started")
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return (os.path.abspath(sys.executable), "-I", "-S", os.path.join(here, "__main__.py"))


def run_command(command: Sequence[str]) -> str:
    """What RUN starts, given the words that start pymodeswitch itself; `%k` is the port's name.

    Without an ID: who names one wants the stick switched, also where switching by itself is turned off.
    """
    return " ".join([*map(_quoted, command), "--no-wait", "--and-others", "--port", "%k"])


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


def default_command() -> str:
    """What RUN starts by default."""
    return run_command(own_command())


def rules(
    initial_ids: Iterable[UsbId], command: str, *, whole_vendors: Iterable[int] = (), start: str = "run"
) -> str:
    """The text of a rules file that starts pymodeswitch for each of the IDs.

    whole_vendors: vendors of which any product starts it whose interface 0 is mass storage. start: one of
    STARTS. command: what RUN starts, with an absolute path and udev's substitutions (udev(7)); not used
    when systemd starts. UsageError when it cannot be written into a rule.
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
    lines += [f'GOTO="{END}"', "", f'LABEL="{START}"', *_start_lines(command, start), f'LABEL="{END}"']
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


def _start_lines(command: str, start: str) -> list[str]:
    wants = f'TAG+="systemd", ENV{{SYSTEMD_WANTS}}+="{UNIT}"'
    if start == "systemd":
        return [wants]
    _check(command)
    run = [
        "# Another start is at work, and sends to this stick, too",
        f'TEST=="{FOLDER}/{BURST}", GOTO="{END}"',
        f'RUN+="{command}"',
    ]
    if start == "run":
        return run
    return [f'TEST=="{SYSTEMD_RUNS}", {wants}, GOTO="{END}"', *run]
