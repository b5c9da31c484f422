"""`list`: what is attached. `list --sources`: where device files are, and which of them count."""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

from ...catalog.catalog import Catalog, default_catalog
from ...catalog.device_state import DeviceState, State, state_of
from ...catalog.precedence import ListedFile, ListedSource, sources_with_files
from ...host.linux import default_host
from ...nouns.errors import SettingsError
from ...planning.policy import decider
from ...planning.settings import Settings, read_settings
from ..arguments import add_common, add_data, data_folders
from ..console import complain, note, print_json, say, show_table
from ..results import device_data, entry_data

SOURCES_HANG = 19  # behind the name of a file
COLOURS = {
    State.SWITCHED: "good",
    State.SWITCHED_ELSE: "good",
    State.SWITCHABLE: "doubt",
    State.UNDECIDED: "doubt",
    State.STORAGE: "doubt",
    State.BAD_FILE: "bad",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument(
        "--sources",
        action="store_true",
        help="show the folders of device files, and which files replace others (-v: every file)",
    )
    add_data(parser)
    add_common(parser)


def run(options: argparse.Namespace) -> int:
    """What is attached: switchable, switched already, storage without an entry, or something else."""
    catalog = default_catalog(data_folders(options))
    if options.sources:
        return _show_sources(catalog, options)
    host = default_host()
    decide = decider(host, _settings())
    rows = [
        state_of(device, catalog, partial(host.scsi_strings, device), decide) for device in host.devices()
    ]
    if options.json:
        devices = [
            {
                **(device_data(row.device) or {}),
                "peer": host.peer(row.device.port),
                "state": row.state.value,
                "mode": (row.way and row.way.mode) or None,
                "entry": entry_data(row.entry),
            }
            for row in rows
        ]
        print_json({"devices": devices})
        return 0
    for row in rows:
        if row.complaint:
            complain(row.complaint)
    texts = [(row.device.port, str(row.device.id), row.text, _name(row, options.verbose)) for row in rows]
    show_table(
        ("PORT", "ID", "STATE", "NAME"),
        texts,
        [f"{port:<10} {usb_id}  {state:<20} {name}".rstrip() for port, usb_id, state, name in texts],
        [COLOURS.get(row.state, "") for row in rows],
        2,
    )
    if not rows and not options.quiet:
        note("no USB device is attached")
    return 0


def _name(row: DeviceState, verbose: bool) -> str:
    """What it calls itself, or its device file does; with -v the serial number, too."""
    device, entry = row.device, row.entry
    name = f"{device.manufacturer} {device.product}".strip()
    if not name and entry is not None:
        name = entry.device_file.product_name
    if entry is not None and entry.device_file.shared:
        name = f"{name} (the ID is also that of {entry.device_file.shared})".strip()
    return f"{name} serial {device.serial}".strip() if verbose and device.serial else name


def _settings() -> Settings:
    """The settings; what is attached can be listed without them, too."""
    try:
        return read_settings()
    except SettingsError as error:
        complain(str(error))
        return Settings()


def _show_sources(catalog: Catalog, options: argparse.Namespace) -> int:
    """Every source in order, and in each the files that hide others or have a problem; with -v all."""
    from ...catalog.packs import installed_packs
    from ...catalog.sources import PACKS_INDEX

    found = sources_with_files(catalog)
    indexed = {source.path for source in found if source.in_index}
    unknown = [pack for pack in installed_packs() if not indexed.issuperset(pack.folders) or pack.problem]
    if options.json:
        sources = [{**_data(source), "files": list(map(_data, source.files))} for source in found]
        packs = list(map(_data, unknown))
        print_json({"sources": sources, "index": PACKS_INDEX, "packs_not_in_index": packs})
        return 0
    # That ours come before what a distribution has for usb_modeswitch is no news, for hundreds of files.
    last = {file.path for source in found if source.is_last for file in source.files}
    for source in found:
        say(f"{source.path}: {_about_source(source)}", source.path, "head")
        for file in source.files:
            if options.verbose or file.mask or file.problem or not last.issuperset(file.hides):
                say(f"  {_about_file(file)}", file.problem or "", "bad", SOURCES_HANG)
    for pack in unknown:
        what = pack.problem or "not in the index of packs: run `pymodeswitch data refresh`"
        say(f"{pack.distribution}: {what}", what, "doubt")
    return 0


def _data(found: Any) -> dict[str, Any]:
    return {key: None if value == "" else value for key, value in found._asdict().items()}


def _about_source(source: ListedSource) -> str:
    if source.missing:
        stale = " (a pack that is gone: run `pymodeswitch data refresh`)" if source.in_index else ""
        return f"does not exist{stale}"
    hidden = f", {source.hidden} of them hidden" if source.hidden else ""
    if source.is_last and source.hidden:
        hidden += " (this folder counts for IDs that nobody else knows)"
    return source.problem or f"{len(source.files)} device files{hidden}"


def _about_file(file: ListedFile) -> str:
    words = [f"a mask ({file.mask})"] if file.mask else []
    if file.by is not None:
        words.append(f"{file.state if file.state != 'mask' else 'hidden'} by {file.by}")
    if file.hides or file.mask:
        words.append(f"hides {', '.join(file.hides) or 'nothing'}")
    if file.problem:
        words.append(file.problem)
    return f"{file.name:<16} {'; '.join(words)}".rstrip()
