"""`data import`: device files from elsewhere. `data refresh`: where they are."""

from __future__ import annotations

import argparse
import os
from typing import Any

from ..arguments import add_actions, add_common, add_data, data_folders
from ..console import complain, print_json, printable, show
from ..errors import DeviceFileError


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its actions, and their options."""
    actions = add_actions(parser)
    action = actions.add_parser("import", help="import a folder or a tar archive")
    action.add_argument("source", metavar="SOURCE", help="a folder or a configPack.tar.gz")
    action.add_argument("--to", required=True, metavar="DIR", help="folder to write into")
    action.add_argument("--source-name", default="", metavar="TEXT", help="where the facts are from")
    add_common(action)
    action = actions.add_parser("refresh", help="note where device files are: packs, large folders")
    add_data(action)
    add_common(action)


def run(options: argparse.Namespace) -> int:
    """What the action says; the exit code of DeviceFileError when a part of it failed."""
    return _refresh(options) if options.action == "refresh" else _import(options)


def _import(options: argparse.Namespace) -> int:
    from ..data_import import import_device_files

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


def _refresh(options: argparse.Namespace) -> int:
    from .. import sources
    from ..large import refresh_large
    from ..packs import installed_packs, refresh_index

    packs = installed_packs()
    changed = refresh_index(packs)
    large = refresh_large(sources.default_folders(data_folders(options)))
    code = DeviceFileError.exit_code if any(pack.problem for pack in packs) else 0
    if options.json:
        data = [{**pack._asdict(), "problem": pack.problem or None} for pack in packs]
        print_json(
            {
                "index": sources.PACKS_INDEX,
                "changed": changed,
                "packs": data,
                "large_folders": list(large),
                "exit_code": code,
            }
        )
    elif not options.quiet:
        for pack in packs:
            for folder in pack.folders:
                show(printable(f"{pack.distribution}: {pack.files} files in {folder}"))
        what = "written" if changed else "unchanged"
        show(printable(f"{sources.PACKS_INDEX}: {what}, {len(packs)} packs"))
        for folder in large:
            show(printable(f"{folder}: large, is not listed while it is as it is now"))
    for pack in packs:
        if pack.problem:
            complain(f"{pack.distribution}: {pack.name}: {pack.problem}")
    return code
