"""`data import`: device files from elsewhere."""

from __future__ import annotations

import argparse
import os
from typing import Any

from ..arguments import add_actions, add_common
from ..console import complain, print_json, printable, show
from ..data_import import import_device_files
from ..errors import DeviceFileError


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its actions, and their options."""
    actions = add_actions(parser)
    action = actions.add_parser("import", help="import a folder or a tar archive")
    action.add_argument("source", metavar="SOURCE", help="a folder or a configPack.tar.gz")
    action.add_argument("--to", required=True, metavar="DIR", help="folder to write into")
    action.add_argument("--source-name", default="", metavar="TEXT", help="where the facts are from")
    add_common(action)


def run(options: argparse.Namespace) -> int:
    """Import device files."""
    done = import_device_files(options.source, options.to, source_name=options.source_name)
    code = DeviceFileError.exit_code if done.errors else 0
    if options.json:
        data: dict[str, Any] = {
            "written": list(done.written),
            "unchanged": list(done.unchanged),
            "errors": list(done.errors),
            "exit_code": code,
        }
        print_json(data)
    elif not options.quiet:
        show(
            f"{len(done.written)} files written, {len(done.unchanged)} unchanged, "
            f"{len(done.errors)} errors in {printable(os.path.abspath(options.to))}"
        )
    for error in done.errors:
        complain(error)
    return code
