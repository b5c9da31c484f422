"""Imports device files from a folder or a configPack.tar.gz into a folder in this project's form.

Facts come along (ID, keys, values, the product name in the first comment line, the line `source:`);
other comments do not. File names lose their `:`, which Windows cannot store.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace

from .catalog import canonical_name, parse_name, read_bytes
from .device_file import MAX_BYTES, parse, write
from .errors import DeviceFileError
from .model import DeviceFile


@dataclass(frozen=True, slots=True)
class Import:
    """What an import did: names written, names that were the same already, and errors by name."""

    written: tuple[str, ...]
    unchanged: tuple[str, ...]
    errors: tuple[str, ...]


def import_device_files(source: str, folder: str, *, source_name: str = "") -> Import:
    """Write the device files of `source` (a folder, or a tar archive) into `folder`.

    source_name: noted in each file that names no source itself. A file of the same name is overwritten;
    a file with an error is left out and reported. DeviceFileError when the source cannot be read.
    """
    os.makedirs(folder, exist_ok=True)
    written, unchanged, errors = [], [], []
    for name, data in read_source(source):
        parsed = parse_name(name)
        if parsed is None:
            continue
        target = canonical_name(*parsed)
        try:
            text = write(normalized(parse(data, name, strict=True)[0], source_name))
        except DeviceFileError as error:
            errors.append(str(error))
            continue
        path = os.path.join(folder, target)
        if os.path.exists(path) and read_bytes(path) == text.encode():
            unchanged.append(target)
            continue
        with open(path, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        written.append(target)
    return Import(tuple(written), tuple(unchanged), tuple(errors))


def normalized(device_file: DeviceFile, source_name: str) -> DeviceFile:
    """The device file with two comments: product name and source."""
    source = device_file.source or source_name
    comments = (device_file.product_name, f"source: {source}" if source else "")
    return replace(device_file, comments=tuple(comment for comment in comments if comment))


def read_source(source: str) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the files in a folder or a tar archive, sorted by name."""
    if os.path.isdir(source):
        for name in sorted(os.listdir(source)):
            path = os.path.join(source, name)
            if os.path.isfile(path):
                yield name, read_bytes(path)
        return
    try:
        with tarfile.open(source) as archive:
            for member in sorted(archive.getmembers(), key=lambda m: m.name):
                file = archive.extractfile(member) if member.isfile() else None
                if file is not None:
                    yield os.path.basename(member.name), file.read(MAX_BYTES + 1)
    except (OSError, tarfile.TarError, EOFError) as error:
        raise DeviceFileError(f"{source}: neither a folder nor a tar archive: {error}") from error
