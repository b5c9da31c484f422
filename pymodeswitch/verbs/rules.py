"""`rules`: the udev rules for all entries."""

from __future__ import annotations

import argparse

from ..arguments import add_common, add_data, data_folders
from ..catalog import default_catalog
from ..console import print_json, show
from ..udev import STARTS, default_command, rules


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("--command", metavar="CMD", help="what udev starts")
    parser.add_argument(
        "--start",
        choices=STARTS,
        default="run",
        help="who starts: udev (run), systemd, or systemd where it runs (auto)",
    )
    add_data(parser)
    add_common(parser)


def run(options: argparse.Namespace) -> int:
    """Print the udev rules for all entries."""
    catalog = default_catalog(data_folders(options))
    command = default_command() if options.command is None else options.command
    text = rules(
        catalog.initial_ids(), command, whole_vendors=catalog.fallback_vendors(), start=options.start
    )
    if options.json:
        print_json({"rules": text, "command": command, "start": options.start})
    else:
        show(text, end="")
    return 0
