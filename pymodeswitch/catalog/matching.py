"""A file that may be for a device: its name, where it is, and whether it fits that device."""

from __future__ import annotations

import os

from ..device_files.names import (
    FALLBACK,
    SCSI_QUALIFIERS,
    USB_QUALIFIERS,
    canonical_name,
    fallback_vendor,
    parse_name,
)
from ..nouns.model import AttachedDevice, UsbId
from ..nouns.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .sources import Source


class Candidate(Record):
    """A file that may be for an ID: not read yet."""

    id: UsbId
    qualifiers: tuple[tuple[str, str], ...]
    source: Source
    file_name: str

    @property
    def path(self) -> str:
        """Where it is; in an archive, its name there behind the archive's path."""
        return os.path.join(self.source.path, self.file_name)

    @property
    def is_fallback(self) -> bool:
        """Whether it is for all products of the vendor."""
        return self.file_name[5:] == FALLBACK

    @property
    def name(self) -> str:
        """Its name in the one spelling that all systems can store."""
        if self.is_fallback:
            return f"{self.id.vendor:04x}-{FALLBACK}"
        return canonical_name(self.id, self.qualifiers)

    @property
    def is_plain(self) -> bool:
        """Whether it fits every device of its ID."""
        return not self.qualifiers and not self.is_fallback

    def mask(self) -> str:
        """What makes it a mask (`an empty file`, `a link to /dev/null`); empty when it is none."""
        return self.source.mask(self.file_name)

    def reason_for(self, device: AttachedDevice) -> Reason:
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
        if self.is_fallback:
            return "the fallback for this vendor"
        return " and ".join(f"{key}={value}" for key, value in self.qualifiers) or "the plain name"


class Reason(Record):
    """What was found of one candidate: whether it fits (None: only SCSI strings could tell), in words."""

    candidate: Candidate
    fits: bool | None
    text: str

    def __str__(self) -> str:
        return f"{self.candidate.path}: {self.text}"


class Choice(Record):
    """What the catalogue says to a device: the candidate that fits, or None; and what was found of all.

    mask: the reason for None, when a mask fits.
    """

    candidate: Candidate | None
    reasons: tuple[Reason, ...]
    mask: Reason | None = None

    @property
    def undecided(self) -> bool:
        """Whether none fits, and SCSI strings that are not known might change that."""
        decided = self.candidate is not None or self.mask is not None
        return not decided and any(reason.fits is None for reason in self.reasons)


class RankedFile(Record):
    """A file by its rank. hidden_by: what is chosen before it. mask: what makes it a mask, or empty."""

    candidate: Candidate
    hidden_by: Candidate | None
    mask: str


def candidate_for(source: Source, name: str) -> Candidate | None:
    """The candidate that a file is, None when it is no device file's name."""
    vendor = fallback_vendor(name)
    parsed = (UsbId(vendor, 0), ()) if vendor is not None else parse_name(name)
    return Candidate(*parsed, source, name) if parsed is not None else None
