"""`devices`: what there are device files for, searched by words."""

from __future__ import annotations

import argparse
from typing import Any

from ...catalog.catalog import default_catalog
from ...catalog.supported import HEAD, SupportedDevice, row, supported_devices, table
from ...nouns.errors import NoEntryError
from ..arguments import add_common, add_data, data_folders
from ..console import note, print_json, show_table
from ..results import entry_data


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument(
        "words",
        nargs="*",
        metavar="WORD",
        help="all of them: part of a maker, a product's name, an ID or a method",
    )
    add_data(parser)
    add_common(parser)


def run(options: argparse.Namespace) -> int:
    """A table of the devices that fit all words; NoEntryError when none does."""
    known = list(supported_devices(default_catalog(data_folders(options))))
    found = [device for device in known if device.fits(options.words)]
    if not found:
        words = " ".join(options.words)
        raise NoEntryError(
            f"no device file fits {words!r}: try fewer words, or the guide to an unknown stick"
            if words
            else "there is no device file: `pymodeswitch list --sources` shows where they are looked for"
        )
    if options.json:
        print_json({"devices": [_data(device) for device in found]})
        return 0
    show_table(HEAD, list(map(row, found)), table(found))
    if not options.quiet:
        note(f"{len(found)} of {len(known)} device files; `pymodeswitch explain ID` shows one")
    return 0


def _data(device: SupportedDevice) -> dict[str, Any]:
    return {
        **(entry_data(device.entry) or {}),
        "maker": device.maker or None,
        "method": device.method or None,
        "modes": list(device.modes),
    }
