"""Names of device files: `19d2-1201` or `19d2:1201`, with qualifiers behind `@` or `:`.

`05c6-1000@uMa=AnyDATA` and `05c6:1000:uMa=AnyDATA` are the same name. `12d1-#linux` is the fallback for all
products of a vendor.

Names come from archives, JSON and folders of others. What `parse_name` lets through is the name of a file
in one folder on any file system: no `/`, no control character, no more than MAX_NAME bytes.
"""

from __future__ import annotations

from ..nouns.errors import shown
from ..nouns.model import UsbId

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# What a qualifier is compared with: strings of the USB device, and SCSI strings of its storage.
USB_QUALIFIERS = {"uMa": "manufacturer", "uPr": "product", "uSe": "serial"}
SCSI_QUALIFIERS = {"sVe": 0, "sMo": 1, "sRe": 2}

FALLBACK = "#linux"  # the reference has #android beside it, for Android

HEX = "0123456789abcdefABCDEF"

MAX_NAME = 255  # bytes: what file systems take (NAME_MAX)
MAX_QUALIFIERS = len(USB_QUALIFIERS) + len(SCSI_QUALIFIERS)  # each once


def parse_name(name: str) -> tuple[UsbId, tuple[tuple[str, str], ...]] | None:
    """ID and qualifiers from a file name, None when it is no device file's name.

    Leftovers of package managers and editors (`.dpkg-old`, `.rpmnew`, `~`) do not match.
    """
    if (
        not name.isprintable()
        or not 9 <= len(name) <= MAX_NAME
        or "/" in name
        or name[4] not in ":-"
        or any(c not in HEX for c in name[:4] + name[5:9])
    ):
        return None
    if len(name) > 9 and len(name.encode()) > MAX_NAME:
        return None
    usb_id = UsbId(int(name[:4], 16), int(name[5:9], 16))
    rest = name[9:]
    qualifiers: list[tuple[str, str]] = []
    while rest:
        if rest[0] not in ":@" or len(qualifiers) == MAX_QUALIFIERS:
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


def looks_misnamed(name: str) -> bool:
    """Whether somebody may have meant a name to be that of a device file, which it is not."""
    begins = len(name) > 4 and not set(name[:4]) - set(HEX)
    return begins and parse_name(name) is None and fallback_vendor(name) is None


def name_problem(name: str) -> str:
    """Why a name is not that of a device file, for a message."""
    looks_right = len(name) > 9 and name[4] in ":-" and not set(name[:4] + name[5:9]) - set(HEX)
    if not looks_right:
        return "the name is not like 19d2-1201"
    if len(name.encode("utf-8", "surrogateescape")) > MAX_NAME:
        return f"the name has more than {MAX_NAME} bytes"
    known = ", ".join((*USB_QUALIFIERS, *SCSI_QUALIFIERS))
    return (
        f"the name goes on with {shown(name[9:])}, which is no qualifier "
        f"(@KEY=VALUE without '/' and control characters; keys are {known})"
    )


def canonical_name(usb_id: UsbId, qualifiers: Iterable[tuple[str, str]] = ()) -> str:
    """`19d2-1201`, `05c6-1000@uMa=AnyDATA`: without characters that Windows cannot store."""
    plain = f"{usb_id.vendor:04x}-{usb_id.product:04x}"
    return plain + "".join(f"@{key}={value}" for key, value in qualifiers)


def names_for(usb_id: UsbId, names: Iterable[str]) -> list[str]:
    """The names that are for an ID, in the order in which they are tried: the plain one is the last."""
    spellings = plain_names(usb_id)
    vendor = spellings[0][:4]
    # Of most names the vendor is another: that is the quickest to see.
    own = [name for name in names if name[:4] == vendor or name[:4].lower() == vendor]
    return sort_names(name for name in own if name[:9].lower() in spellings)


def plain_names(usb_id: UsbId) -> tuple[str, str]:
    """Both spellings of the name without qualifiers."""
    return f"{usb_id.vendor:04x}:{usb_id.product:04x}", f"{usb_id.vendor:04x}-{usb_id.product:04x}"


def fallback_names(vendor: int) -> tuple[str, str]:
    """Both spellings of the name of a vendor's fallback."""
    return f"{vendor:04x}:{FALLBACK}", f"{vendor:04x}-{FALLBACK}"


def sort_names(names: Iterable[str]) -> list[str]:
    """Names in descending order, where both spellings of a name sort alike."""
    return sorted(names, key=_sorting_name, reverse=True)


def _sorting_name(name: str) -> tuple[str, str]:
    return f"{name[:4]}:{name[5:]}".lower().replace("@", ":"), name
