"""Precedence of device files: which file hides which, in all sources. For `list --sources`."""

from __future__ import annotations

from typing import NamedTuple

from ..nouns.errors import DeviceFileError
from .catalog import Catalog, read_entry
from .matching import RankedFile
from .sources import Packed, pack_folders


class ListedFile(NamedTuple):
    """A file named like a device file.

    state: `used`; `mask`; `replaced` by one of the same name, or `hidden` by a plain name for its ID, or
    `masked` by either: `by` is then the path of that one. mask: what makes it a mask, or empty. hides:
    paths of what is replaced, hidden or masked by it. problem: why it cannot be used, or empty.
    """

    name: str
    path: str
    state: str
    by: str | None
    mask: str
    hides: tuple[str, ...]
    problem: str


class ListedSource(NamedTuple):
    """A folder, or an archive. missing: it is not there. problem: why it cannot be read, or empty.

    in_index: it is the folder of a pack, by the index. is_last: its files count for IDs that no other
    source knows.
    """

    path: str
    is_archive: bool
    missing: bool
    problem: str
    in_index: bool
    is_last: bool
    files: tuple[ListedFile, ...]

    @property
    def hidden(self) -> int:
        """How many files in it never count."""
        return sum(1 for file in self.files if file.by is not None)


def sources_with_files(catalog: Catalog) -> tuple[ListedSource, ...]:
    """All sources of a catalogue, in order. Reads all files."""
    found = list(catalog.ranked_files())
    hides: dict[str, list[str]] = {}
    masks = {one.candidate.path for one in found if one.mask}
    by_source: dict[str, list[RankedFile]] = {}
    for one in found:
        by_source.setdefault(one.candidate.source.path, []).append(one)
        if one.hidden_by is not None:
            hides.setdefault(one.hidden_by.path, []).append(one.candidate.path)
    indexed = pack_folders()
    return tuple(
        ListedSource(
            path=source.path,
            is_archive=isinstance(source, Packed),
            missing=source.missing,
            problem=source.problem,
            in_index=source.path in indexed,
            is_last=source.is_last,
            files=tuple(_file(one, masks, hides) for one in reversed(by_source.get(source.path, []))),
        )
        for source in catalog.sources()
    )


def _file(found: RankedFile, masks: set[str], hides: dict[str, list[str]]) -> ListedFile:
    candidate, by, mask = found.candidate, found.hidden_by, found.mask
    state, problem = "mask" if mask else "used", ""
    if by is not None:
        same = by.name == candidate.name
        state = "masked" if by.path in masks else "replaced" if same else "hidden"
    if not mask:
        try:
            read_entry(candidate)
        except DeviceFileError as error:
            problem = str(error)
    return ListedFile(
        name=candidate.name,
        path=candidate.path,
        state=state,
        by=by.path if by is not None else None,
        mask=mask,
        hides=tuple(hides.get(candidate.path, ())),
        problem=problem,
    )
