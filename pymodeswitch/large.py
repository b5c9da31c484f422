"""Large folders: an index that spares listing them on the way of a switch.

The plain name of an ID can be probed for; a name with qualifiers cannot, so a folder is listed. With 50,000
files that takes 17 ms. `pymodeswitch data refresh` notes of each large folder when it was changed last and
which names cannot be probed for; while the folder is as it was, these are all that there are. A line is
the folder's path, its ctime in nanoseconds (any file that comes or goes changes it), and the names, with
tabs between them.
"""

from __future__ import annotations

import os
import sys
import time

from .device_files.files import index_lines
from .device_files.names import fallback_names, fallback_vendor, parse_name, plain_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

INDEX = os.path.join(sys.prefix, "share", "pymodeswitch", "large-folders")

LARGE = 2000  # names; below that, listing costs little
MAX_BYTES = 4 << 20
# A folder that was changed a moment ago may be changed again at the same time, as file systems count it.
SETTLED_S = 2.0

HEADER = "# Large folders of device files. Written by `pymodeswitch data refresh`.\n"


class LargeFolders:
    """The index, read when it is asked for."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] | None = None

    def odd_names(self, folder: str) -> list[str] | None:
        """The names in a folder that cannot be probed for; None when only listing it tells."""
        if self._lines is None:
            self._lines = _read()
        line = self._lines.get(os.path.abspath(folder))
        return line[1:] if line is not None and line[0] == _changed(folder) else None


def _read() -> dict[str, list[str]]:
    lines = (line.split("\t") for line in index_lines(INDEX, MAX_BYTES))
    return {words[0]: words[1:] for words in lines if len(words) > 1}


def _changed(folder: str) -> str:
    """The ctime of a folder as the index has it; empty when there is none."""
    try:
        return str(os.stat(folder).st_ctime_ns)
    except OSError:
        return ""


def refresh_large(folders: Iterable[str]) -> tuple[str, ...]:
    """Write the index anew (none when no folder is large); returns the large folders.

    Waits SETTLED_S at most for a folder that was changed just now. DeviceFileError.
    """
    from .device_files.writing import remove, write_bytes

    lines = {folder: line for folder in map(os.path.abspath, folders) if (line := _line(folder))}
    if lines:
        write_bytes(INDEX, os.fsencode(HEADER + "".join(lines.values())))
    else:
        remove(INDEX)
    return tuple(lines)


def _line(folder: str) -> str:
    """The line for a folder, empty when it is not large, or has a name that cannot be written."""
    before = _changed(folder)
    if not before or not folder.isprintable():
        return ""
    young_s = time.time() - int(before) / 1e9
    try:
        if len(os.listdir(folder)) < LARGE:
            return ""
        time.sleep(min(SETTLED_S, max(0.0, SETTLED_S - young_s)))
        names = os.listdir(folder)
    except OSError:
        return ""
    if _changed(folder) != before:  # somebody is at work there: it will be listed
        return ""
    return "\t".join((folder, before, *sorted(filter(_is_odd, names)))) + "\n"


def _is_odd(name: str) -> bool:
    """Whether it is the name of a device file and not one of the spellings that are probed for."""
    vendor = fallback_vendor(name)
    if vendor is not None:
        return name not in fallback_names(vendor)
    parsed = parse_name(name)
    return parsed is not None and name not in plain_names(parsed[0])
