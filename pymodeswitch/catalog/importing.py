"""Imports device files into a folder in this project's form: from a folder, a tar archive, a usb-mode.json.

Facts come along (ID, keys, values, the product name in the first comment line, `source:`, `shared:`);
other comments do not. File names lose their `:`, which Windows cannot store.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from ..device_files.files import list_folder, read_bytes
from ..device_files.names import (
    FALLBACK,
    canonical_name,
    fallback_vendor,
    looks_misnamed,
    name_problem,
    parse_name,
)
from ..device_files.syntax import MAX_DEVICE_FILE_BYTES, parse, write
from ..device_files.writing import DeviceFileFolder
from ..nouns.errors import DeviceFileError
from ..nouns.model import DeviceFile
from ..nouns.record import Record, replace
from . import openwrt
from .archive import Archive
from .openwrt import read_json
from .sources import ARCHIVE


class Import(Record):
    """What an import did: names written, names that were the same already, and errors by name."""

    written: tuple[str, ...]
    unchanged: tuple[str, ...]
    errors: tuple[str, ...]


def import_device_files(source: str, folder: str, *, source_name: str = "") -> Import:
    """Write the device files of `source` (a folder, a tar archive, OpenWrt's usb-mode.json) into `folder`.

    source_name: noted in each file that names no source itself. A file of the same name is replaced; one
    with an error is left out and reported. DeviceFileError when the source cannot be read or has no device
    file, or the folder cannot be written.
    """
    errors: list[str] = []
    if source.endswith(".json") and not os.path.isdir(source):
        found = read_json(read_bytes(source, openwrt.MAX_JSON_BYTES), source)
        files = [(name, write(device_file).encode()) for name, device_file in found.device_files]
        errors += found.errors
    else:
        files = list(read_source(source))
    if not errors and not any(_target_name(name) for name, _ in files):
        raise DeviceFileError(f"{source}: no device file in it")
    with DeviceFileFolder(folder) as output:
        done = _write(files, output, source_name, errors)
    written = tuple(name for name, new in done.items() if new)
    unchanged = tuple(name for name, new in done.items() if not new)
    return Import(written, unchanged, tuple(errors))


def _write(
    files: Iterable[tuple[str, bytes]], output: DeviceFileFolder, source_name: str, errors: list[str]
) -> dict[str, bool]:
    """Write what can be read; whether it was written, by name. The others are added to `errors`."""
    done: dict[str, bool] = {}
    for name, data in files:
        target = _target_name(name)
        if target is None:
            if looks_misnamed(name):
                errors.append(f"{name}: left out: {name_problem(name)}")
            continue
        try:
            if target in done:
                raise DeviceFileError(f"{name}: another file is for {target}, too: left out")
            text = write(normalized(parse(data, name, strict=True)[0], source_name))
            done[target] = output.put(target, text.encode())
        except DeviceFileError as error:
            errors.append(str(error))
    return done


def _target_name(name: str) -> str | None:
    vendor = fallback_vendor(name)
    if vendor is not None:
        return f"{vendor:04x}-{FALLBACK}"
    parsed = parse_name(name)
    return canonical_name(*parsed) if parsed is not None else None


def normalized(device_file: DeviceFile, source_name: str) -> DeviceFile:
    """The device file with the comments that are facts: product name, source, what else has the ID."""
    source = device_file.source or " ".join(source_name.split())
    shared = f"shared: {device_file.shared}" if device_file.shared else ""
    comments = (device_file.product_name, f"source: {source}" if source else "", shared)
    return replace(device_file, comments=tuple(comment for comment in comments if comment))


def read_source(source: str) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the files in a folder or a tar archive, sorted by name.

    A configPack.tar.gz in a folder is read after the files beside it, for what they do not have.
    DeviceFileError for anything else.
    """
    if os.path.isdir(source):
        names = list_folder(source)
        for name in names:
            path = os.path.join(source, name)
            if _target_name(name) is None:
                yield name, b""  # of others the name alone is looked at
            elif not os.path.isdir(path):
                yield name, read_bytes(path, MAX_DEVICE_FILE_BYTES)
        if ARCHIVE in names:
            beside = {_target_name(name) for name in names}
            for name, data in _read_archive(os.path.join(source, ARCHIVE)):
                if _target_name(name) not in beside:
                    yield name, data
    else:
        yield from _read_archive(source)


def _read_archive(path: str) -> Iterator[tuple[str, bytes]]:
    try:
        archive = Archive(path, any_packer=True)
    except DeviceFileError as error:
        raise DeviceFileError(f"{error} (neither a folder nor a tar archive)") from error
    for name in sorted(archive.places):
        yield name, archive.read(name, MAX_DEVICE_FILE_BYTES + 1)
