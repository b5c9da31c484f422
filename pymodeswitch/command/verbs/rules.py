"""`rules`: the udev rules for all entries."""

from __future__ import annotations

import argparse
import os

from ...catalog.catalog import Catalog, default_catalog
from ...modem.port_link import modem_ids
from ...system.installation import LINK_SCRIPT, shipped_system_folder
from ...system.link_rules import link_rules
from ...system.udev_rules import STARTS, default_command, own_command, rules, run_command
from ..arguments import add_common, add_data, data_folders
from ..console import print_json, show


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("--command", metavar="CMD", help="how pymodeswitch is started")
    add_start(parser, "run")
    parser.add_argument(
        "--links", action="store_true", help="the rules for the link gsmmodem to a modem's port instead"
    )
    add_data(parser)
    add_common(parser)


def add_start(parser: argparse.ArgumentParser, default: str) -> None:
    """--start: one of udev.STARTS."""
    parser.add_argument(
        "--start",
        choices=STARTS,
        default=default,
        help=f"who starts: udev (run), systemd, or systemd where it runs (auto); default: {default}",
    )


def run(options: argparse.Namespace) -> int:
    """Print the udev rules for all entries."""
    catalog = default_catalog(data_folders(options))
    if options.links:
        return _links(options, catalog)
    command = default_command() if options.command is None else options.command
    if "%k" not in command:  # else it has its arguments already
        command = run_command(command.split())
    text = rules(
        catalog.initial_ids(), command, whole_vendors=catalog.fallback_vendors(), start=options.start
    )
    if options.json:
        print_json({"rules": text, "command": command, "start": options.start})
    else:
        show(text, end="")
    return 0


def _links(options: argparse.Namespace, catalog: Catalog) -> int:
    """The rules for the links."""
    command = own_command() if options.command is None else tuple(options.command.split())
    script = os.path.join(shipped_system_folder(), "lib/udev", LINK_SCRIPT)
    text = link_rules(modem_ids(catalog.entries()), command, script)
    if options.json:
        print_json({"rules": text, "command": " ".join(command)})
    else:
        show(text, end="")
    return 0
