"""Packs: folders of device files in other Python packages, found by an entry-point group.

Looking for them takes too long on the way of a switch. So `pymodeswitch data refresh` looks, and writes
their folders into an index, one a line, which sources.py reads. Nothing of those packages is run.
"""

from __future__ import annotations

import os
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import NamedTuple

from ..device_files.names import fallback_vendor, parse_name
from ..device_files.writing import remove, write_bytes
from . import sources

GROUP = "pymodeswitch.devices"

HEADER = "# Folders of device files in other packages. Written by `pymodeswitch data refresh`.\n"


class Pack(NamedTuple):
    """A pack that is installed.

    name: of its entry point. distribution: name and version of what brought it. package: what the entry
    point names. folders: where its device files are, usually one; none when there is a problem, in words.
    files: how many device files are in them.
    """

    name: str
    distribution: str
    package: str
    folders: tuple[str, ...]
    files: int
    problem: str = ""


def installed_packs() -> tuple[Pack, ...]:
    """All packs of this environment, by the names of their distributions."""
    return tuple(sorted(map(_pack, entry_points(group=GROUP)), key=lambda p: (p.distribution, p.name)))


def refresh_index(packs: tuple[Pack, ...]) -> bool:
    """Write the index (none for no packs); whether it has changed. DeviceFileError when it cannot be."""
    index = sources.PACKS_INDEX
    folders = tuple(dict.fromkeys(folder for pack in packs for folder in pack.folders))
    if folders == sources.pack_folders():
        return False
    if not folders:
        return remove(index)
    text = HEADER + "".join(f"{folder}\n" for folder in folders)
    write_bytes(index, os.fsencode(text))
    return True


def _pack(entry: EntryPoint) -> Pack:
    brought_by = entry.dist
    distribution = f"{brought_by.name} {brought_by.version}" if brought_by is not None else ""
    pack = Pack(entry.name, distribution, entry.value, (), 0)
    try:
        folders = _folders(entry.value)
        counts = [_count(folder) for folder in folders]
    except _Unusable as error:
        return pack._replace(problem=str(error))
    return pack._replace(folders=folders, files=sum(counts))


class _Unusable(Exception):
    pass


def _folders(package: str) -> tuple[str, ...]:
    """The folders of a package, whose code is not run: only its outermost package is looked up."""
    outermost, *inner = package.strip().split(".")
    if not all(part.isidentifier() for part in (outermost, *inner)):
        raise _Unusable(f"{package!r} is no name of a package")
    try:
        spec = find_spec(outermost)
    except (ImportError, ValueError) as error:
        raise _Unusable(f"{outermost} cannot be found: {error}") from error
    if spec is None or spec.submodule_search_locations is None:
        raise _Unusable(f"there is no package {outermost}")
    places = [os.path.abspath(os.path.join(place, *inner)) for place in spec.submodule_search_locations]
    folders = tuple(place for place in places if os.path.isdir(place))
    if not folders:
        raise _Unusable(f"{package} has no folder: looked for {', '.join(places)}")
    if any("\n" in folder for folder in folders):
        raise _Unusable(f"{folders[0]!r} is no name for a folder")
    return folders


def _count(folder: str) -> int:
    try:
        names = os.listdir(folder)
    except OSError as error:
        raise _Unusable(f"{folder}: cannot be read: {error.strerror}") from error
    count = sum(1 for name in names if parse_name(name) or fallback_vendor(name) is not None)
    if not count:
        raise _Unusable(f"{folder}: no device file in it")
    return count
