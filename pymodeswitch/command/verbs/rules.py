"""`rules`: the udev rules for all entries."""

from __future__ import annotations

import argparse
import os

from ...catalog.catalog import Catalog, default_catalog
from ...modem.port_link import modem_ids
from ...system.installation import LINK_SCRIPT, shipped_system_folder
from ...system.link_rules import link_rules
from ...system.udev_rules import own_command, rules
from ..arguments import add_common, add_data, data_folders
from ..console import print_json, show


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("--command", metavar="CMD", help="how pymodeswitch is started")
    parser.add_argument(
        "--links", action="store_true", help="the rules for the link gsmmodem to a modem's port instead"
    )
    add_data(parser)
    add_common(parser)


def run(options: argparse.Namespace) -> int:
    """Print the udev rules for all entries."""
    catalog = default_catalog(data_folders(options))
    if options.links:
        return _links(options, catalog)
    command = _command(options)
    text = rules(catalog.initial_ids(), command, whole_vendors=catalog.fallback_vendors())
    if options.json:
        print_json({"rules": text, "command": " ".join(command)})
    else:
        show(text, end="")
    return 0


def _command(options: argparse.Namespace) -> tuple[str, ...]:
    return own_command() if options.command is None else tuple(options.command.split())


def _links(options: argparse.Namespace, catalog: Catalog) -> int:
    """The rules for the links."""
    command = _command(options)
    script = os.path.join(shipped_system_folder(), "lib/udev", LINK_SCRIPT)
    text = link_rules(modem_ids(catalog.entries()), command, script)
    if options.json:
        print_json({"rules": text, "command": " ".join(command)})
    else:
        show(text, end="")
    return 0
