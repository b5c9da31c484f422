"""`list`: what is attached. `list --sources`: where device files are, and which of them count."""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

from ...catalog.catalog import Catalog, default_catalog
from ...catalog.device_state import state_of
from ...catalog.precedence import ListedFile, ListedSource, sources_with_files
from ...host.linux import default_host
from ...nouns.errors import SettingsError, printable
from ...planning.policy import decider
from ...planning.settings import Settings, read_settings
from ..arguments import add_common, add_data, data_folders
from ..console import complain, note, print_json, show
from ..results import device_data, entry_data


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
        device, entry = row.device, row.entry
        if row.complaint:
            complain(row.complaint)
        name = f"{device.manufacturer} {device.product}".strip()
        if not name and entry is not None:
            name = entry.device_file.product_name
        if entry is not None and entry.device_file.shared:
            name = f"{name} (the ID is also that of {entry.device_file.shared})".strip()
        show(printable(f"{device.port:<10} {device.id}  {row.text:<20} {name}").rstrip())
    if not rows and not options.quiet:
        note("no USB device is attached")
    return 0


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
        show(printable(f"{source.path}: {_about_source(source)}"))
        for file in source.files:
            if options.verbose or file.mask or file.problem or not last.issuperset(file.hides):
                show(printable(f"  {_about_file(file)}"))
    for pack in unknown:
        what = pack.problem or "not in the index of packs: run `pymodeswitch data refresh`"
        show(printable(f"{pack.distribution}: {what}"))
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
