"""The udev rules that make the link /dev/gsmmodem to a modem's serial port.

The rules know modems by their IDs: what device files name as target, and the ID of those that keep theirs.
So a modem gets its link also when somebody else has switched it, or when it was switched before the system
started. They start a shell script, which does for a first modem what `pymodeswitch symlink` does, and
starts that for others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..modem.port_link import LINK_NAME
from ..nouns.model import UsbId
from .udev_rules import id_matches, program

END, FOUND, ASK = "pymodeswitch_modem_end", "pymodeswitch_modem", "pymodeswitch_modem_ask"


def link_rules(ids: Iterable[UsbId], command: Sequence[str], script: str) -> str:
    """The text of a rules file that makes the links. command: the words that start pymodeswitch.

    script: where `pymodeswitch-modem-port.sh` is, which udev starts for each serial port of a known modem,
    and for no other. UsageError when it cannot be written into a rule.
    """
    words = ("/bin/sh", script, "%p", *command, "symlink", "--known")
    gone = program(("/bin/sh", script, "--gone", "%p"))
    lines = [
        f"# Written by pymodeswitch from its device files: the link {LINK_NAME} to the port to dial with.",
        f'SUBSYSTEM!="tty", GOTO="{END}"',
        f'ACTION=="remove", ENV{{DEVLINKS}}=="*/dev/{LINK_NAME}*", RUN+="{gone}"',
        f'ACTION=="remove", GOTO="{END}"',
        f'KERNEL!="ttyUSB*|ttyACM*", GOTO="{END}"',
        "",
        "# IDs of modems, a line for each vendor",
        *id_matches(ids, FOUND, key="ATTRS"),
        f'GOTO="{END}"',
        "",
        f'LABEL="{FOUND}"',
        "# An ACM port always has an interrupt endpoint: where interface 0 is one, that is the first",
        f'KERNEL!="ttyACM*", GOTO="{ASK}"',
        f'TEST!="../../../%b:1.0/tty", GOTO="{ASK}"',
        f'ATTRS{{bInterfaceNumber}}!="00", GOTO="{END}"',
        f'LABEL="{ASK}"',
        f'PROGRAM="{program(words)}", SYMLINK+="%c"',
        f'LABEL="{END}"',
    ]
    return "\n".join(lines) + "\n"
