"""docs/devices.md, "Is my stick supported?": a table of all devices, made from data/."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pymodeswitch.catalog.catalog import Catalog
from pymodeswitch.catalog.sources import shipped_folder
from pymodeswitch.catalog.supported import SupportedDevice, supported_devices
from pymodeswitch.device_files.names import SCSI_QUALIFIERS, USB_QUALIFIERS
from tools.project import ROOT

PAGE = ROOT / "docs/devices.md"

HEAD = """\
<!-- Written by `python -m tools` from data/; a test compares. -->
# Is my stick supported?

Plug it in, and run `pymodeswitch list`: it says of everything attached whether it can be switched. Without
the command, `lsusb` shows the ID of the stick. It has to be the ID from *before* the switch, while it is
still a CD-ROM.

This page has all {count} device files that come with pymodeswitch, of {vendors} vendor IDs.
`pymodeswitch devices WORDS` searches them on the command line; there your own device files are among them.
A stick that is not here may work all the same: see [an unknown stick](unknown-stick.md).

One ID can have several lines: many makers have used it, and a string of the device decides. *Becomes* is
the ID after the switch, or the class of its interfaces; "-" means that the device file does not say.

"""
MOST_TARGETS = 4  # some device files name twenty: `explain` shows all
COLUMNS = ("ID", "Maker", "Product", "Only where", "Method", "Becomes")
STRINGS = {
    **{key: f"USB {name}" for key, name in USB_QUALIFIERS.items()},
    **dict(zip(SCSI_QUALIFIERS, ("SCSI vendor", "SCSI model", "SCSI revision"), strict=True)),
}


def generated() -> dict[Path, str]:
    """The page by its path."""
    devices = list(supported_devices(Catalog((shipped_folder(),))))
    vendors = {device.entry.id.vendor for device in devices}
    lines = [_row(COLUMNS), _row(["---"] * len(COLUMNS)), *map(_device, devices)]
    table = "\n".join(lines)
    return {PAGE: HEAD.format(count=len(devices), vendors=len(vendors)) + table + "\n"}


def _device(device: SupportedDevice) -> str:
    where = " and ".join(f"{STRINGS[key]} is “{value}”" for key, value in device.entry.qualifiers)
    return _row(
        [
            f"`{device.entry.id}`",
            *map(_plain, (device.maker, device.product, where, device.method)),
            _becomes(device),
        ]
    )


def _becomes(device: SupportedDevice) -> str:
    targets = device.entry.targets
    words = [f"`{target}`" for target in targets[:MOST_TARGETS]]
    if len(targets) > MOST_TARGETS:
        words.append(f"and {len(targets) - MOST_TARGETS} more")
    target_class = device.entry.device_file.target_class
    if target_class is not None:
        words.append(f"class {target_class:02x}")
    return ", ".join(words) or "-"


def _plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    return "".join(f"\\{c}" if c in r"\`*_{}[]<>#|~" else c for c in text) or "-"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
