"""`report`: one block of text about a stick, to paste into an issue."""

from __future__ import annotations

import argparse

from ...catalog.catalog import Catalog, default_catalog, read_entry
from ...host.linux import default_host
from ...learning.checks import choose
from ...learning.drive import descriptors, look
from ...learning.facts import of_device
from ...nouns.errors import DeviceFileError, ModeSwitchError, printable
from ...nouns.model import AttachedDevice, Entry, UsbId, parse_port
from ...nouns.protocols import Host
from ...transport.inquiry import scsi_strings
from ..arguments import add_common, add_data, add_place, data_folders, on_port
from ..console import print_json, show


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("id", nargs="?", metavar="ID", help="the stick's ID, such as 19d2:1201")
    add_place(parser, "the device on this port, such as 1-1.2")
    add_data(parser)
    add_common(parser)


def run(options: argparse.Namespace) -> int:
    """Print the report; nothing is sent to the stick."""
    catalog = default_catalog(data_folders(options))
    host = default_host()
    try:
        usb_id = None if options.id is None else UsbId.parse(options.id)
        device = on_port(
            options, lambda port: choose(host, catalog, usb_id, None if port is None else parse_port(port))
        )
        text = report(host, catalog, device)
    finally:
        host.close()
    if options.json:
        print_json({"id": str(device.id), "report": text})
    else:
        show_block(text)
    return 0


def show_block(text: str) -> None:
    """Print a report to stdout."""
    for line in text.splitlines():
        show(printable(line))


def report(host: Host, catalog: Catalog, device: AttachedDevice) -> str:
    """The report on a device, by what the kernel knows of it."""
    try:
        scsi = scsi_strings(host, device, ask=False)
    except ModeSwitchError:
        scsi = None
    return of_device(
        device,
        descriptors=descriptors(host, device, ask=False),
        drive=look(host, device, ask=False),
        scsi=scsi,
        entry=_entry(catalog, device),
        others=len(host.devices()) - 1,
    )


def _entry(catalog: Catalog, device: AttachedDevice) -> Entry | None:
    """The device file for it, or one that leads to it."""
    candidate = catalog.choose(device).candidate
    try:
        if candidate is not None:
            return read_entry(candidate)
    except DeviceFileError:
        return None
    return next(iter(catalog.leading_to(device.id)), None)
