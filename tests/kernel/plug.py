"""Plugs MF691 sticks into the guest's ports until standard input ends: `python -m tests.kernel.plug`.

For a look around by hand (`python -m tests.kernel.rig --shell ...`), and for tests that want the sticks in
a process of their own. Prints one line a stick, the kernel's name of its port, once it is in.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pymodeswitch.virtual import mf691
from tests.kernel.usbip import UsbipServer, place


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.kernel.plug", description="Plug virtual sticks in."
    )
    parser.add_argument("--slot", type=int, default=0, help="first slot, counted from 0")
    parser.add_argument(
        "--sticks", type=int, default=1, help="how many equal sticks, in slots one after the other"
    )
    parser.add_argument(
        "--log", type=Path, help="folder for one file of transfers a stick, named after its port"
    )
    options = parser.parse_args(argv)
    with UsbipServer() as usb:
        for slot in range(options.slot, options.slot + options.sticks):
            log = options.log / f"{place(slot)[0]}.jsonl" if options.log else None
            print(usb.plug(mf691(), slot, log=log).port, flush=True)
        sys.stdin.read()
        usb.check()
    return 0


if __name__ == "__main__":
    sys.exit(main())
