"""The devices that there are device files for, as a person looks for them: by maker, name, ID or method."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ..nouns.errors import ModeSwitchError
from ..nouns.model import Entry
from ..planning.plan import make_plan, typical_device
from .catalog import Catalog
from .makers import maker


class SupportedDevice(NamedTuple):
    """A device file, and what a person knows the device by.

    maker: who has its vendor ID, empty where that is not known. method: as `explain` names it, for a device
    as it usually is; empty where no plan can be made without the device.
    """

    entry: Entry
    maker: str
    method: str

    @property
    def product(self) -> str:
        """Name of the product, from the first comment line; empty where there is none."""
        return self.entry.device_file.product_name

    @property
    def modes(self) -> tuple[str, ...]:
        """Names of the ways of switching, where there are several."""
        return self.entry.device_file.mode_names

    def fits(self, words: Iterable[str]) -> bool:
        """Whether each word is a part of the ID, maker, product, method or a mode, in either case.

        The ID is also searched as `19d2-1201` and as `0x19d2`: as file names and programs have it.
        """
        usb_id = self.entry.id
        texts = (
            str(usb_id),
            str(usb_id).replace(":", "-"),
            f"0x{usb_id.vendor:04x} 0x{usb_id.product:04x}",
            self.maker,
            self.product,
            self.method,
            *self.modes,
        )
        where = "\n".join(texts).casefold()
        return all(word.casefold() in where for word in words)


def supported_devices(catalog: Catalog) -> Iterator[SupportedDevice]:
    """Every device that may be chosen, by ID. A device file with an error is logged and left out."""
    for entry in sorted(catalog.entries(), key=lambda entry: (entry.id, entry.name)):
        yield SupportedDevice(entry, maker(entry.id.vendor), _method(entry))


def _method(entry: Entry) -> str:
    try:
        return make_plan(entry.device_file, typical_device(entry.id, entry.device_file)).method
    except ModeSwitchError:  # it names an endpoint or an interface that only the device itself can show
        return ""


HEAD = ("ID", "MAKER", "METHOD", "PRODUCT")


def row(device: SupportedDevice) -> tuple[str, str, str, str]:
    """What a table says of a device, by HEAD."""
    return str(device.entry.id), device.maker or "-", device.method or "-", device.product or "-"


def table(devices: Sequence[SupportedDevice]) -> list[str]:
    """Lines with a header; the columns are as wide as their longest text."""
    rows = [HEAD, *map(row, devices)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD) - 1)]
    return [
        "  ".join([*(f"{text:<{width}}" for text, width in zip(row, widths, strict=False)), row[-1]])
        for row in rows
    ]
