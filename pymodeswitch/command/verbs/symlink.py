"""`symlink`: the name of the link for a modem's serial port, for a udev rule."""

from __future__ import annotations

import argparse

from ...catalog.catalog import default_catalog
from ...modem.port_link import ModemPort, link_name, modem_ids
from ..arguments import add_common, add_data, data_folders
from ..console import print_json, show


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("port", metavar="PORT", help="udev's %%p, or a name such as ttyUSB0")
    parser.add_argument("--known", action="store_true", help="it is a modem: do not ask the device files")
    add_data(parser)
    add_common(parser)


def run(options: argparse.Namespace) -> int:
    """Print the name when it is the port to dial with, and nothing otherwise."""
    port = ModemPort(options.port)
    known = options.known or port.device.id in modem_ids(default_catalog(data_folders(options)).entries())
    name = link_name(port) if known and port.is_to_dial_with() else ""
    if options.json:
        print_json({"port": port.tty, "id": str(port.device.id), "link": name or None})
    elif name:
        show(name)
    return 0
