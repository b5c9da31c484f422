"""Plugs MF691 sticks into the guest's ports until standard input ends: `python -m tests.kernel.plug`.

For a look around by hand (`python -m tests.kernel.rig --shell ...`), for tests that want the sticks in a
process of their own, and for sticks that are there at power-on. Prints one line a stick, the kernel's name
of its port, once it is in.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from pymodeswitch.virtual import mf691
from tests.kernel.guest import linux
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
    parser.add_argument(
        "--ready",
        type=Path,
        help="stay plugged whatever standard input says; this file appears, with the ports, once the "
        "kernel knows all sticks",
    )
    options = parser.parse_args(argv)
    with UsbipServer() as usb:
        ports = []
        for slot in range(options.slot, options.slot + options.sticks):
            log = options.log / f"{place(slot)[0]}.jsonl" if options.log else None
            ports.append(usb.plug(mf691(), slot, log=log).port)
            print(ports[-1], flush=True)
        if options.ready is None:
            sys.stdin.read()
        else:
            for port in ports:
                linux.wait_for(f"a stick on {port}", lambda port=port: linux.usb_id(port))  # type: ignore[misc]
            options.ready.write_text("".join(f"{port}\n" for port in ports))
            signal.pause()
        usb.check()
    return 0


if __name__ == "__main__":
    sys.exit(main())
