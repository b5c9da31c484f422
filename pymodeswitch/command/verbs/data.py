"""`data import`, `data export`: device files from and to elsewhere. `data refresh`: where they are."""

from __future__ import annotations

import argparse
import os
from typing import Any

from ...nouns.errors import DeviceFileError, printable
from ..arguments import add_actions, add_common, add_data, data_folders
from ..console import complain, print_json, show

FORMATS = ("classic", "openwrt")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its actions, and their options."""
    actions = add_actions(parser)
    action = actions.add_parser("import", help="import device files")
    action.add_argument(
        "source", metavar="SOURCE", help="a folder, a configPack.tar.gz, OpenWrt's usb-mode.json"
    )
    action.add_argument("--to", required=True, metavar="DIR", help="folder to write into")
    action.add_argument("--source-name", default="", metavar="TEXT", help="where the facts are from")
    add_common(action)
    action = actions.add_parser("export", help="write the catalogue for another program")
    action.add_argument("--format", required=True, choices=FORMATS, help="for usb_modeswitch, or usbmode")
    action.add_argument("--to", required=True, metavar="PATH", help="folder (classic) or file to write")
    add_data(action)
    add_common(action)
    action = actions.add_parser("refresh", help="note where device files are: packs, large folders")
    add_data(action)
    add_common(action)


def run(options: argparse.Namespace) -> int:
    """What the action says; the exit code of DeviceFileError when a part of it failed."""
    actions = {"import": _import, "export": _export, "refresh": _refresh}
    return actions[options.action](options)


def _import(options: argparse.Namespace) -> int:
    from ...catalog.importing import import_device_files

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


def _export(options: argparse.Namespace) -> int:
    from ...catalog.catalog import default_catalog
    from ...catalog.exporting import export_classic, export_openwrt

    export = export_openwrt if options.format == "openwrt" else export_classic
    done = export(default_catalog(data_folders(options)), options.to)
    code = DeviceFileError.exit_code if done.errors else 0
    if options.json:
        print_json({**done._asdict(), "exit_code": code})
    elif not options.quiet:
        show(
            f"{done.written} entries written, {len(done.losses)} losses, {len(done.errors)} errors: "
            f"{printable(os.path.abspath(options.to))}"
        )
        for loss in done.losses:
            complain(f"warning: {loss}")
    for error in done.errors:
        complain(error)
    return code


def _refresh(options: argparse.Namespace) -> int:
    from ...catalog import sources
    from ...catalog.packs import installed_packs, refresh_index
    from ...early import sender
    from ...early.table import has_place, write_table

    packs = installed_packs()
    changed = refresh_index(packs)
    table = sender.TABLE if has_place() else None
    if table is not None:
        write_table()
    code = DeviceFileError.exit_code if any(pack.problem for pack in packs) else 0
    if options.json:
        data = [{**pack._asdict(), "problem": pack.problem or None} for pack in packs]
        print_json(
            {
                "index": sources.PACKS_INDEX,
                "changed": changed,
                "packs": data,
                "table": table,
                "exit_code": code,
            }
        )
    elif not options.quiet:
        for pack in packs:
            for folder in pack.folders:
                show(printable(f"{pack.distribution}: {pack.files} files in {folder}"))
        what = "written" if changed else "unchanged"
        show(printable(f"{sources.PACKS_INDEX}: {what}, {len(packs)} packs"))
        if table is not None:
            show(f"{table}: written")
    for pack in packs:
        if pack.problem:
            complain(f"{pack.distribution}: {pack.name}: {pack.problem}")
    return code
