"""Writes the catalogue in the forms of other programs: usb_modeswitch's folder, OpenWrt's usb-mode.json."""

from __future__ import annotations

from typing import NamedTuple

from ..device_files.syntax import write
from ..device_files.writing import DeviceFileFolder, write_where_named
from ..nouns.errors import DeviceFileError
from ..nouns.model import Entry
from .catalog import Catalog, read_entry
from .matching import Candidate
from .openwrt import write_json


class Export(NamedTuple):
    """What an export did.

    written: number of entries. losses: what cannot be expressed, a line each. errors: files that cannot be
    read, a line each.
    """

    written: int
    losses: tuple[str, ...]
    errors: tuple[str, ...]


OURS = (("target_id_list", "TargetIdList"), ("through_driver", "ThroughDriver"))


def export_classic(catalog: Catalog, folder: str) -> Export:
    """Write the folder that usb_modeswitch reads. DeviceFileError when it cannot be written."""
    entries, errors = _read(catalog)
    losses = []
    with DeviceFileFolder(folder) as output:
        for candidate, entry in entries:
            output.put(classic_name(candidate), write(entry.device_file).encode())
            for attribute, key in OURS:
                if getattr(entry.device_file, attribute):
                    losses.append(f"{candidate.name}: usb_modeswitch ignores {key}")
            for way in entry.device_file.modes:
                losses.append(
                    f"{candidate.name}: usb_modeswitch ignores the other way of switching, {way.mode}"
                )
    return Export(len(entries), tuple(losses), errors)


def classic_name(candidate: Candidate) -> str:
    """`05c6:1000:uMa=AnyDATA`, `12d1:#linux`."""
    if candidate.is_fallback:
        return candidate.name.replace("-", ":", 1)
    return str(candidate.id) + "".join(f":{key}={value}" for key, value in candidate.qualifiers)


def export_openwrt(catalog: Catalog, path: str) -> Export:
    """Write a usb-mode.json. DeviceFileError when it cannot be written."""
    entries, errors = _read(catalog)
    fallbacks = [candidate for candidate, _ in entries if candidate.is_fallback]
    text, count, losses = write_json(entry for candidate, entry in entries if not candidate.is_fallback)
    write_where_named(path, text.encode())
    return Export(
        count,
        (
            f"the names and sources of all {count} entries are left out",
            *(f"{candidate.name}: left out: usbmode has no fallbacks" for candidate in fallbacks),
            *map(str, losses),
        ),
        errors,
    )


def _read(catalog: Catalog) -> tuple[list[tuple[Candidate, Entry]], tuple[str, ...]]:
    """Every file that is neither hidden nor a mask, by name; and what is wrong with the others."""
    entries, errors = [], []
    for found in catalog.ranked_files():
        if found.hidden_by is None and not found.mask:
            try:
                entries.append((found.candidate, read_entry(found.candidate)))
            except DeviceFileError as error:
                errors.append(str(error))
    return sorted(entries, key=lambda pair: pair[0].name), tuple(errors)
