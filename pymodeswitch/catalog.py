"""The catalogue of device files: folders in order of precedence, and the choice of one file for a device.

A file is named `19d2-1201` or `19d2:1201`, with qualifiers behind `@` or `:`, as in
`05c6-1000@uMa=AnyDATA` or `05c6:1000:uMa=AnyDATA`. Folders are tried in order, names within one folder in
descending order, so that qualified names come before the plain one; the first match wins.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from . import device_file
from .errors import DeviceFileError, NoEntryError
from .model import AttachedDevice, DeviceFile, Diagnostic, Entry, UsbId

logger = logging.getLogger(__name__)

SYSTEM_FOLDERS = ("/etc/pymodeswitch.d", "/etc/usb_modeswitch.d", "/usr/share/usb_modeswitch")

# What a qualifier is compared with: strings of the USB device, and SCSI strings of its storage.
USB_QUALIFIERS = {"uMa": "manufacturer", "uPr": "product", "uSe": "serial"}
SCSI_QUALIFIERS = {"sVe": 0, "sMo": 1, "sRe": 2}

FALLBACK = "#linux"  # the reference has #android beside it, for Android

HEX = "0123456789abcdefABCDEF"


def shipped_folder() -> str:
    """The folder of device files that comes with pymodeswitch (in a checkout: data/ beside the package)."""
    here = os.path.dirname(os.path.abspath(__file__))
    inside = os.path.join(here, "data")
    return inside if os.path.isdir(inside) else os.path.join(os.path.dirname(here), "data")


def parse_name(name: str) -> tuple[UsbId, tuple[tuple[str, str], ...]] | None:
    """ID and qualifiers from a file name, None when it is no device file's name.

    Leftovers of package managers and editors (`.dpkg-old`, `.rpmnew`, `~`) do not match.
    """
    if (
        not name.isprintable()
        or len(name) < 9
        or name[4] not in ":-"
        or any(c not in HEX for c in name[:4] + name[5:9])
    ):
        return None
    usb_id = UsbId(int(name[:4], 16), int(name[5:9], 16))
    rest = name[9:]
    qualifiers = []
    while rest:
        if rest[0] not in ":@":
            return None
        key, equals, value = rest[1:].partition("=")
        if not equals or key not in USB_QUALIFIERS.keys() | SCSI_QUALIFIERS.keys():
            return None
        # A value may hold anything, so the next qualifier begins where a known key does.
        ends = [
            at
            for mark in ":@"
            for known in USB_QUALIFIERS.keys() | SCSI_QUALIFIERS.keys()
            if (at := value.find(f"{mark}{known}=")) >= 0
        ]
        end = min(ends, default=len(value))
        value, rest = value[:end], value[end:]
        if (
            not value
            or ".dpkg-" in value
            or value.endswith(("~", ".rpmnew", ".rpmsave", ".rpmorig", ".bak"))
        ):
            return None
        qualifiers.append((key, value))
    return usb_id, tuple(qualifiers)


def fallback_vendor(name: str) -> int | None:
    """The vendor that a file `12d1:#linux` is for, None for any other name."""
    if name[4:] not in (f":{FALLBACK}", f"-{FALLBACK}") or any(c not in HEX for c in name[:4]):
        return None
    return int(name[:4], 16)


def name_problem(name: str) -> str:
    """Why a name is not that of a device file, for a message."""
    looks_right = len(name) > 9 and name[4] in ":-" and not set(name[:4] + name[5:9]) - set(HEX)
    if not looks_right:
        return "the name is not like 19d2-1201"
    known = ", ".join((*USB_QUALIFIERS, *SCSI_QUALIFIERS))
    return f"the name goes on with {name[9:]!r}, which is no qualifier (@KEY=VALUE; keys are {known})"


def canonical_name(usb_id: UsbId, qualifiers: Iterable[tuple[str, str]] = ()) -> str:
    """`19d2-1201`, `05c6-1000@uMa=AnyDATA`: without characters that Windows cannot store."""
    plain = f"{usb_id.vendor:04x}-{usb_id.product:04x}"
    return plain + "".join(f"@{key}={value}" for key, value in qualifiers)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that may be for an ID: not read yet."""

    id: UsbId
    qualifiers: tuple[tuple[str, str], ...]
    folder: str
    file_name: str

    @property
    def path(self) -> str:
        """Where it is."""
        return os.path.join(self.folder, self.file_name)

    def weigh(self, device: AttachedDevice) -> Reason:
        """Whether all qualifiers fit the device's strings, and why; the first one that does not decides."""
        for key, value in sorted(self.qualifiers, key=lambda q: q[0] in SCSI_QUALIFIERS):
            if key in USB_QUALIFIERS:
                name = f"USB {USB_QUALIFIERS[key]}"
                text = getattr(device, USB_QUALIFIERS[key])
            elif device.scsi is None:
                return Reason(self, None, f"{key}={value}: the SCSI strings are not known")
            else:
                index = SCSI_QUALIFIERS[key]
                name = f"SCSI {('vendor', 'model', 'revision')[index]}"
                text = device.scsi[index]
            # A substring; `_` also stands for a blank; `?` never fits.
            if value == "?" or (value not in text and value.replace("_", " ") not in text):
                return Reason(self, False, f"{key}={value} is not in the {name} {text!r}")
        return Reason(self, True, f"fits: {self._what_fits()}")

    def _what_fits(self) -> str:
        if self.file_name[5:] == FALLBACK:
            return "the fallback for this vendor"
        return " and ".join(f"{key}={value}" for key, value in self.qualifiers) or "the plain name"


@dataclass(frozen=True, slots=True)
class Reason:
    """What was found of one candidate: whether it fits (None: only SCSI strings could tell), in words."""

    candidate: Candidate
    fits: bool | None
    text: str

    def __str__(self) -> str:
        return f"{self.candidate.path}: {self.text}"


@dataclass(frozen=True, slots=True)
class Choice:
    """What the catalogue says to a device: the candidate that fits, or None; and what was found of all."""

    candidate: Candidate | None
    reasons: tuple[Reason, ...]

    @property
    def undecided(self) -> bool:
        """Whether none fits, and SCSI strings that are not known might change that."""
        return self.candidate is None and any(reason.fits is None for reason in self.reasons)


@dataclass(frozen=True, slots=True)
class Catalog:
    """Device files in `folders`, the first folder first. Folders that do not exist are fine."""

    folders: tuple[str, ...]

    def candidates(self, usb_id: UsbId) -> tuple[Candidate, ...]:
        """The files for an ID in the order they are tried; last the fallbacks for its vendor."""
        prefixes = (f"{usb_id.vendor:04x}:{usb_id.product:04x}", canonical_name(usb_id))
        return (*self._named(prefixes), *self._fallbacks(usb_id))

    def _fallbacks(self, usb_id: UsbId) -> Iterator[Candidate]:
        """`12d1:#linux` is for every product of a vendor that no other file is for."""
        for folder in self.folders:
            for separator in ":-":
                name = f"{usb_id.vendor:04x}{separator}{FALLBACK}"
                if os.path.isfile(os.path.join(folder, name)):
                    yield Candidate(usb_id, (), folder, name)

    def _named(self, prefixes: tuple[str, ...] | None = None) -> Iterator[Candidate]:
        for folder in self.folders:
            names = _names(folder)
            if prefixes is not None:
                names = [name for name in names if name.lower().startswith(prefixes)]
            for name in sorted(names, key=_sorting_name, reverse=True):
                parsed = parse_name(name)
                if parsed is not None:
                    yield Candidate(*parsed, folder, name)

    def choose(
        self,
        device: AttachedDevice,
        read_scsi: Callable[[], tuple[str, str, str] | None] = lambda: None,
    ) -> Choice:
        """The first candidate that fits a device, and the reasons.

        read_scsi: reads the SCSI vendor, model and revision; called once at most, and only when all
        earlier candidates have failed and they alone decide on the next one.
        """
        chosen: Candidate | None = None
        reasons = []
        asked = device.scsi is not None
        for candidate in self.candidates(device.id):
            if chosen is not None:
                text = f"not looked at: {chosen.file_name} fits before it"
                reasons.append(Reason(candidate, False, text))
                continue
            reason = candidate.weigh(device)
            if reason.fits is None and not asked:
                asked = True
                device = replace(device, scsi=read_scsi())
                reason = candidate.weigh(device)
            if reason.fits:
                chosen = candidate
            reasons.append(reason)
        return Choice(chosen, tuple(reasons))

    def without_device(self, usb_id: UsbId) -> tuple[Reason, ...]:
        """What can be said of the candidates of an ID that is not attached: whether they ever fit."""
        plain = None
        reasons = []
        for candidate in self.candidates(usb_id):
            if plain is not None:
                text = f"never looked at: {plain.path} fits before it"
                reasons.append(Reason(candidate, False, text))
                continue
            words = " and ".join(f"{key}={value}" for key, value in candidate.qualifiers)
            what = f"a device with {words}" if words else "any such device"
            reasons.append(Reason(candidate, True, f"fits {what}"))
            plain = plain if words else candidate
        return tuple(reasons)

    def all(self) -> Iterator[Candidate]:
        """Every file, with the ones that a file of the same name in an earlier folder hides left out."""
        seen = set()
        for candidate in self._named():
            name = canonical_name(candidate.id, candidate.qualifiers)
            if name not in seen:
                seen.add(name)
                yield candidate

    def fallback_vendors(self) -> set[int]:
        """Vendors that there is a fallback for."""
        found = (fallback_vendor(name) for folder in self.folders for name in _names(folder))
        return {vendor for vendor in found if vendor is not None}

    def initial_ids(self) -> list[UsbId]:
        """All IDs that there is a file for, sorted."""
        return sorted({candidate.id for candidate in self._named()})

    def entries(self) -> Iterator[Entry]:
        """Every entry that can be read; a bad file is logged and left out."""
        for candidate in self.all():
            try:
                yield read_entry(candidate)
            except DeviceFileError as error:
                logger.warning("%s", error)

    def leading_to(self, target: UsbId) -> tuple[Entry, ...]:
        """The entries that name an ID as their target. Reads all files: not for the usual way."""
        return tuple(entry for entry in self.entries() if target in entry.targets)

    def no_entry_error(self, usb_id: UsbId) -> NoEntryError:
        """The error for an ID without a file; says so when the ID is the target of another."""
        sources = [str(entry.id) for entry in self.leading_to(usb_id)]
        if sources:
            return NoEntryError(
                f"{usb_id} is what {_join(sources)} switches to: already in modem mode? "
                "(give the ID that the stick has before)"
            )
        return NoEntryError(
            f"no device file for {usb_id} in {', '.join(self.folders)}: see the guide to an unknown stick"
        )


def _sorting_name(name: str) -> str:
    """Both spellings of a name sort alike."""
    return f"{name[:4]}:{name[5:]}".lower().replace("@", ":")


def nothing_fits(device: AttachedDevice, choice: Choice) -> NoEntryError:
    """The error for a device that no candidate fits, with all reasons."""
    reasons = "; ".join(reason.text for reason in choice.reasons)
    return NoEntryError(f"no device file for {device.id} fits {device.describe()}: {reasons}")


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:  # a folder that this system does not have
        return []


def _join(words: list[str], most: int = 4) -> str:
    words = sorted(set(words))
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more


def default_catalog(extra: Iterable[str] = ()) -> Catalog:
    """Extra folders first, then the system's, then the shipped one."""
    return Catalog((*extra, *SYSTEM_FOLDERS, shipped_folder()))


def read_entry(candidate: Candidate, *, strict: bool = False) -> Entry:
    """Read a candidate's file; DeviceFileError when it cannot be read or has an error."""
    parsed, diagnostics = read_file(candidate.path, strict=strict)
    name = canonical_name(candidate.id, candidate.qualifiers)
    return Entry(candidate.id, name, candidate.path, parsed, candidate.qualifiers, diagnostics)


def read_file(path: str, *, strict: bool = False) -> tuple[DeviceFile, tuple[Diagnostic, ...]]:
    """Read one device file; returns it with warnings. DeviceFileError."""
    return device_file.parse(read_bytes(path), path, strict=strict)


def read_bytes(path: str) -> bytes:
    """The file's bytes, never more than a device file may have (plus one, so that the parser sees it).

    DeviceFileError for what cannot be read, and for pipes and devices, which might never end.
    """
    try:
        # Non-blocking: opening a pipe would wait for somebody to write.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise DeviceFileError(f"{path}: cannot be read: not a regular file")
            return file.read(device_file.MAX_BYTES + 1)
    except IsADirectoryError as error:
        raise DeviceFileError(f"{path}: cannot be read: Is a directory") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        if isinstance(error, DeviceFileError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise DeviceFileError(f"{path}: cannot be read: {reason}") from error


def entry_from_file(path: str, usb_id: UsbId | None) -> Entry:
    """An entry from a file that the user names, read strictly.

    usb_id: the initial ID asked for; None takes it from the file (DefaultVendor, DefaultProduct) or its
    name. DeviceFileError, also when the file is for another ID.
    """
    parsed, diagnostics = read_file(path, strict=True)
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
