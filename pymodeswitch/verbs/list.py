"""`list`: what is attached."""

from __future__ import annotations

import argparse

from ..arguments import add_common, add_data, data_folders
from ..catalog import Catalog, default_catalog, read_entry
from ..console import complain, note, print_json, printable, show
from ..errors import DeviceFileError
from ..host import Host, default_host
from ..model import AttachedDevice, Entry
from ..report import device_data, entry_data
from ..verdict import is_target


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    add_data(parser)
    add_common(parser)


def run(options: argparse.Namespace) -> int:
    """What is attached: switchable, switched already, storage without an entry, or something else."""
    catalog = default_catalog(data_folders(options))
    host = default_host()
    rows = [(device, *_state(device, catalog, host)) for device in host.devices()]
    if options.json:
        devices = [
            {**(device_data(device) or {}), "state": state, "entry": entry_data(entry)}
            for device, state, entry in rows
        ]
        print_json({"devices": devices})
        return 0
    for device, state, entry in rows:
        name = f"{device.manufacturer} {device.product}".strip()
        if not name and entry is not None:
            name = entry.device_file.product_name
        show(printable(f"{device.port:<10} {device.id}  {state:<20} {name}").rstrip())
    if not rows and not options.quiet:
        note("no USB device is attached")
    return 0


def _state(device: AttachedDevice, catalog: Catalog, host: Host) -> tuple[str, Entry | None]:
    """The state in words, and the entry that says so. Nothing is sent to the device for it."""
    choice = catalog.choose(device, lambda: host.scsi_strings(device))
    if choice.candidate is not None:
        try:
            entry = read_entry(choice.candidate)
        except DeviceFileError as error:
            complain(str(error))
            return "bad device file", None
        if is_target(device, entry):
            return "already switched", entry
        return ("switchable" if device.is_storage else "not in storage mode"), entry
    if choice.undecided:
        return "perhaps switchable", None
    entries = catalog.leading_to(device.id)
    if entries:
        return "already switched", entries[0]
    return ("storage, no entry" if device.is_storage else "unknown"), None
