"""The catalogue of device files: which files are for a device, and the choice of one of them.

Sources (sources.py) are tried in order, names within one source in descending order, so that qualified
names come before the plain one; the first that fits wins. So a file hides those of the same name behind
it, and a plain one all other files of its ID. A mask (an empty file, a link to /dev/null) is chosen like
any other file, and then nothing is done.
"""

from __future__ import annotations

import os

from ..device_files import syntax as device_file
from ..device_files.files import read_bytes
from ..device_files.names import (
    canonical_name,
    fallback_names,
    fallback_vendor,
    name_problem,
    parse_name,
    sort_names,
)
from ..nouns.errors import DeviceFileError, NoEntryError
from ..nouns.log import Logger
from ..nouns.model import AttachedDevice, Entry, UsbId
from ..nouns.record import replace
from ..planning.modes import way_of
from . import sources
from .matching import Candidate, Choice, RankedFile, Reason, candidate_for
from .sources import Folder, Source, default_folders, sources_in_order

__all__ = ["Catalog", "default_catalog"]  # public, as names of pymodeswitch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

logger = Logger(__name__)


class Catalog:
    """Device files in `folders`, the first folder first. Folders that do not exist are fine.

    last: those of them whose files count for IDs that no other source knows.

    Each folder is listed once, when it is its turn: `afresh` sees what has changed since. Threads may share
    one.
    """

    def __init__(self, folders: Iterable[str], last: Iterable[str] = ()) -> None:
        self.folders = tuple(folders)
        last = frozenset(last)
        self._folders = tuple(Folder(path, is_last=path in last) for path in self.folders)
        self._found: tuple[RankedFile, ...] | None = None
        self._entries: tuple[Entry, ...] | None = None

    def afresh(self) -> Catalog:
        """The same folders as they are now; listed anew where something may have come or gone."""
        catalog = Catalog(())
        catalog.folders = self.folders
        catalog._folders = tuple(folder.afresh() for folder in self._folders)
        return catalog

    def sources(self) -> Iterator[Source]:
        """The folders and the archives in them, in order of precedence."""
        return sources_in_order(self._folders)

    def _tried(self, usb_id: UsbId) -> Iterator[tuple[Candidate, ...]]:
        """The files for an ID in the order they are tried, by source; last the vendor's fallbacks."""
        is_known = False
        for source in self.sources():
            if is_known and source.is_last:
                continue
            candidates = (candidate_for(source, name) for name in source.names_for(usb_id))
            found = tuple(candidate for candidate in candidates if candidate is not None)
            is_known = is_known or bool(found)
            yield found
        yield tuple(
            Candidate(usb_id, (), source, name)
            for source in self.sources()
            for name in fallback_names(usb_id.vendor)
            if source.has(name)
        )

    def candidates(self, usb_id: UsbId) -> tuple[Candidate, ...]:
        """The files that may be chosen for a device, in the order they are tried; last the fallback.

        Neither masks nor hidden files: the first plain name is the last one.
        """
        found: dict[str, Candidate] = {}
        for group in self._tried(usb_id):
            for candidate in group:
                found.setdefault(candidate.name, candidate)
                if candidate.is_plain:
                    return _without_masks(found)
        return _without_masks(found)

    def choose(
        self,
        device: AttachedDevice,
        read_scsi: Callable[[], tuple[str, str, str] | None] = lambda: None,
        *,
        thorough: bool = False,
    ) -> Choice:
        """The first candidate that fits a device, and the reasons.

        read_scsi: reads the SCSI vendor, model and revision; called once at most, and only when all
        earlier candidates have failed and they alone decide on the next one. thorough: give a reason also
        for the files in sources behind the one that decided, which need not be looked at.
        """
        first: Reason | None = None
        mask = ""
        tried: dict[str, Candidate] = {}
        reasons = []
        asked = device.scsi is not None
        for group in self._tried(device.id):
            for candidate in group:
                if first is not None:
                    text = f"not looked at: {first.candidate.file_name} fits before it"
                    reasons.append(Reason(candidate, False, text))
                    continue
                if candidate.name in tried:
                    text = f"replaced by {tried[candidate.name].path}"
                    reasons.append(Reason(candidate, False, text))
                    continue
                tried[candidate.name] = candidate
                reason = candidate.reason_for(device)
                if reason.fits is None and not asked:
                    asked = True
                    device = replace(device, scsi=read_scsi())
                    reason = candidate.reason_for(device)
                if reason.fits:
                    mask = candidate.mask()
                    if mask:
                        reason = Reason(candidate, False, f"masks this device: it is {mask}")
                    first = reason
                reasons.append(reason)
            if first is not None and not thorough:
                break
        if first is None or mask:
            return Choice(None, tuple(reasons), first)
        return Choice(first.candidate, tuple(reasons))

    def without_device(self, usb_id: UsbId) -> tuple[Reason, ...]:
        """What each file for an ID is for, when no device is there to choose by."""
        reasons: list[Reason] = []
        tried: dict[str, Candidate] = {}
        last: Candidate | None = None
        for candidate in (candidate for group in self._tried(usb_id) for candidate in group):
            words = " and ".join(f"{key}={value}" for key, value in candidate.qualifiers)
            what = f"a device with {words}" if words else "any such device"
            if last is not None:
                text, fits = f"never looked at: {last.path} fits before it", False
            elif candidate.name in tried:
                text, fits = f"replaced by {tried[candidate.name].path}", False
            else:
                mask = candidate.mask()
                text, fits = f"masks {what}: it is {mask}" if mask else f"fits {what}", not mask
                last = None if words else candidate
            tried.setdefault(candidate.name, candidate)
            reasons.append(Reason(candidate, fits, text))
        return tuple(reasons)

    def ranked_files(self) -> tuple[RankedFile, ...]:
        """Every file in every source, in order, with what hides it. Looks at all files, once."""
        if self._found is None:
            self._found = tuple(self._ranked_files())
        return self._found

    def _ranked_files(self) -> Iterator[RankedFile]:
        first: dict[str, Candidate] = {}
        plain: dict[UsbId, Candidate] = {}
        known: dict[UsbId, Candidate] = {}  # the first one for each ID, before a source that is last
        for source in self.sources():
            for name in sort_names(source.names()):
                candidate = candidate_for(source, name)
                if candidate is None:
                    continue
                hidden_by = first.setdefault(candidate.name, candidate)
                if hidden_by is candidate and not candidate.is_fallback:
                    hidden_by = plain.get(candidate.id, candidate)
                    if source.is_last:
                        hidden_by = known.get(candidate.id, hidden_by)
                if not source.is_last and not candidate.is_fallback:
                    known.setdefault(candidate.id, candidate)
                if candidate.is_plain:
                    plain.setdefault(candidate.id, candidate)
                yield RankedFile(candidate, None if hidden_by is candidate else hidden_by, candidate.mask())

    def _visible(self) -> Iterator[Candidate]:
        return (found.candidate for found in self.ranked_files() if not found.hidden_by and not found.mask)

    def all(self) -> Iterator[Candidate]:
        """Every file that may be chosen; neither masks nor hidden files, nor fallbacks."""
        return (candidate for candidate in self._visible() if not candidate.is_fallback)

    def fallback_vendors(self) -> set[int]:
        """Vendors that there is a fallback for."""
        return {candidate.id.vendor for candidate in self._visible() if candidate.is_fallback}

    def initial_ids(self) -> list[UsbId]:
        """All IDs that there is a file for, sorted."""
        return sorted({candidate.id for candidate in self.all()})

    def entries(self) -> Iterator[Entry]:
        """Every entry that can be read; a bad file is logged and left out."""
        for candidate in self.all():
            try:
                yield read_entry(candidate)
            except DeviceFileError as error:
                logger.warning("%s", error)

    def leading_to(self, target: UsbId) -> tuple[Entry, ...]:
        """The entries that name an ID as a target, by any way. Reads all files, once: not the usual way."""
        if self._entries is None:
            self._entries = tuple(self.entries())
        return tuple(entry for entry in self._entries if target in entry.all_targets)

    def origins(self, device: AttachedDevice) -> tuple[Entry, ...]:
        """The entries that lead to a device, by any of their ways, those of its own vendor first.

        Reads all device files, once.
        """
        found = [entry for entry in self.leading_to(device.id) if way_of(device, entry) is not None]
        return tuple(sorted(found, key=lambda entry: (entry.id.vendor != device.id.vendor, entry.id)))

    def no_entry_error(self, usb_id: UsbId) -> NoEntryError:
        """The error for an ID without a file; says so when it is masked, or the target of another."""
        for reason in self.without_device(usb_id):
            if reason.candidate.mask():
                return masked_error(usb_id, reason)
        sources = [str(entry.id) for entry in self.leading_to(usb_id)]
        if sources:
            return NoEntryError(
                f"{usb_id} is what {_join(sources)} switches to: already in modem mode? "
                "(give the ID that the stick has before)"
            )
        return NoEntryError(
            f"no device file for {usb_id} in {', '.join(self.folders)}: "
            f"`pymodeswitch try {usb_id}` finds out what switches it"
        )


def _without_masks(found: dict[str, Candidate]) -> tuple[Candidate, ...]:
    return tuple(candidate for candidate in found.values() if not candidate.mask())


def masked_error(usb_id: UsbId, mask: Reason) -> NoEntryError:
    """The error for a device that the administrator has masked."""
    return NoEntryError(f"{usb_id} is masked by {mask.candidate.path}, {mask.candidate.mask()}")


def nothing_fits(device: AttachedDevice, choice: Choice) -> NoEntryError:
    """The error for a device that no candidate fits, with all reasons."""
    if choice.mask is not None:
        return masked_error(device.id, choice.mask)
    reasons = "; ".join(reason.text for reason in choice.reasons)
    return NoEntryError(f"no device file for {device.id} fits {device.describe()}: {reasons}")


def _join(words: list[str], most: int = 4) -> str:
    words = sorted(set(words))
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more


def default_catalog(extra: Iterable[str] = ()) -> Catalog:
    """Extra folders first, then all that are read by themselves (sources.py)."""
    return Catalog(default_folders(extra), sources.LAST_FOLDERS)


def read_entry(candidate: Candidate, *, strict: bool = False) -> Entry:
    """Read a candidate's file; DeviceFileError when it cannot be read or has an error."""
    data = candidate.source.read(candidate.file_name)
    parsed, diagnostics = device_file.parse(data, candidate.path, strict=strict)
    name = canonical_name(candidate.id, candidate.qualifiers)
    return Entry(candidate.id, name, candidate.path, parsed, candidate.qualifiers, diagnostics)


def entry_from_file(path: str, usb_id: UsbId | None) -> Entry:
    """An entry from a file that the user names, read strictly.

    usb_id: the initial ID asked for; None takes it from the file (DefaultVendor, DefaultProduct) or its
    name. DeviceFileError, also when the file is for another ID.
    """
    data = read_bytes(path, device_file.MAX_DEVICE_FILE_BYTES)
    parsed, diagnostics = device_file.parse(data, path, strict=True)
    name = os.path.basename(path)
    named = parse_name(name)
    written = None
    if parsed.default_vendor is not None and parsed.default_product is not None:
        written = UsbId(parsed.default_vendor, parsed.default_product)
    vendor = fallback_vendor(name)
    own = written or (named[0] if named else None)
    if own is None and vendor is not None:
        own = UsbId(vendor, 0)  # a fallback is for all of them
    if usb_id is None and own is None:
        raise DeviceFileError(
            f"{path}: no ID: DefaultVendor and DefaultProduct are not set, and {name_problem(name)}"
        )
    if usb_id is not None and written is not None and written != usb_id:
        raise DeviceFileError(f"{path}: is for {written}, not for {usb_id}")
    chosen = usb_id or own
    assert chosen is not None
    return Entry(chosen, name, path, parsed, (), diagnostics)
