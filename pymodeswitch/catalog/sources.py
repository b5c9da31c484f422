"""Where device files are: folders in order of precedence, archives in them, folders of other packages.

What an administrator has written (/etc, /run, and by hand into /usr/local) comes first, then what a
distribution has made for pymodeswitch, packs, and the files that come with pymodeswitch. What was made for
usb_modeswitch, and not by the administrator, comes last, and counts for IDs that nobody else knows: a
distribution installs it unasked (Debian's modemmanager brings it), it is older than ours, and knows neither
modes nor the targets that came since. A configPack.tar.gz in a folder comes right behind that folder.
"""

from __future__ import annotations

import os
import stat
import sys
import time

from ..device_files import syntax as device_file
from ..device_files.files import index_lines, read_bytes
from ..device_files.names import names_for
from ..nouns.errors import DeviceFileError
from ..nouns.log import Logger
from ..nouns.model import UsbId

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .archive import Archive

logger = Logger(__name__)

SYSTEM_FOLDERS = (
    "/etc/pymodeswitch.d",
    "/etc/usb_modeswitch.d",
    "/run/pymodeswitch.d",
    "/run/usb_modeswitch.d",
    "/usr/local/share/pymodeswitch",
    "/usr/share/pymodeswitch",
)
LAST_FOLDERS = ("/usr/local/share/usb_modeswitch", "/usr/share/usb_modeswitch")

# Written by `pymodeswitch data refresh`: the folders of other packages, one a line. It belongs to the
# environment that those packages are in, as they do.
PACKS_INDEX = os.path.join(sys.prefix, "share", "pymodeswitch", "packs")

MAX_INDEX = 16_384  # bytes: some 200 folders

ARCHIVE = "configPack.tar.gz"
# A folder that was changed a moment ago may be changed again at the same time, as file systems count it.
SETTLED_S = 2.0


class Folder:
    """A folder of device files; listed once, when it is asked for.

    missing: there is no such folder. problem: why it cannot be read; both are known once it is listed.
    is_last: its files count for IDs that no source before it knows.
    """

    def __init__(self, path: str, *, is_last: bool = False) -> None:
        self.path = path
        self.is_last = is_last
        self.missing = False
        self.problem = ""
        self._names: list[str] | None = None
        self._known: frozenset[str] = frozenset()
        self._as_of_ns = 0  # when something came or went the last time, if that is long ago enough
        self._for: dict[UsbId, list[str]] = {}
        self._packed: Packed | None = None

    def names(self) -> list[str]:
        """Names of all that is in it; none for a folder that cannot be read."""
        if self._names is None:
            names: list[str] = []
            try:
                changed_ns = os.stat(self.path).st_ctime_ns
                names = os.listdir(self.path)
                if time.time() - changed_ns / 1e9 > SETTLED_S:
                    self._as_of_ns = changed_ns
            except (FileNotFoundError, NotADirectoryError):
                self.missing = True
            except (OSError, ValueError) as error:
                self.problem = f"cannot be read: {getattr(error, 'strerror', None) or error}"
                logger.warning("%s: %s", self.path, self.problem)
            self._known = frozenset(names)
            self._names = names  # last: other threads may ask meanwhile
        return self._names

    def afresh(self) -> Folder:
        """Itself where it is certain that nothing has come or gone since it was listed, else a new one."""
        if self._as_of_ns and (self._packed is None or self._packed.is_fresh()):
            try:
                if os.stat(self.path).st_ctime_ns == self._as_of_ns:
                    return self
            except OSError:
                pass
        return Folder(self.path, is_last=self.is_last)

    def names_for(self, usb_id: UsbId) -> list[str]:
        """Names for an ID, in the order in which they are tried."""
        if usb_id not in self._for:
            self._for[usb_id] = names_for(usb_id, self.names())
        return self._for[usb_id]

    def has(self, name: str) -> bool:
        """Whether there is a file of that name."""
        self.names()
        return name in self._known

    def read(self, name: str) -> bytes:
        """A file in it, and one byte more than the largest device file has at most. DeviceFileError."""
        return read_bytes(os.path.join(self.path, name), device_file.MAX_DEVICE_FILE_BYTES)

    def mask(self, name: str) -> str:
        """What makes a file a mask, empty when it is none: an empty file, or a link to /dev/null."""
        path = os.path.join(self.path, name)
        try:
            found = os.stat(path)
        except OSError:  # reading it will tell
            return ""
        if stat.S_ISREG(found.st_mode):
            return "" if found.st_size else "an empty file"
        return "a link to /dev/null" if os.path.realpath(path) == os.devnull else ""

    def packed(self) -> Packed | None:
        """The archive in it."""
        if self._packed is None and self.has(ARCHIVE):
            self._packed = Packed(os.path.join(self.path, ARCHIVE), is_last=self.is_last)
        return self._packed


class Packed:
    """The device files in an archive; unpacked once, when it is asked for. Otherwise as Folder."""

    missing = False

    def __init__(self, path: str, *, is_last: bool = False) -> None:
        self.path = path
        self.is_last = is_last
        self.problem = ""
        self._archive: Archive | None = None
        self._stamp: tuple[int, ...] = ()

    def names(self) -> list[str]:
        """Names of the files in it; none for an archive that cannot be read."""
        if self._archive is None and not self.problem:
            from .archive import Archive  # not every system has one

            self._stamp = _stamp(self.path)
            try:
                self._archive = Archive(self.path)
            except DeviceFileError as error:
                self.problem = str(error).removeprefix(f"{self.path}: ")
                logger.warning("%s", error)
        return list(self._archive.places) if self._archive is not None else []

    def is_fresh(self) -> bool:
        """Whether the archive, if it has been unpacked, is the one that is there now, for certain."""
        stamp = self._stamp
        settled = bool(stamp) and time.time() - stamp[0] / 1e9 > SETTLED_S
        unread = self._archive is None and not self.problem
        return unread or (settled and stamp == _stamp(self.path))

    def names_for(self, usb_id: UsbId) -> list[str]:
        """Names for an ID, in the order in which they are tried."""
        return names_for(usb_id, self.names())

    def has(self, name: str) -> bool:
        """Whether there is a file of that name."""
        return name in self.names()

    def read(self, name: str) -> bytes:
        """A file in it, and one byte more than the largest device file has at most. DeviceFileError."""
        if name not in self.names() or self._archive is None:
            raise DeviceFileError(f"{self.path}: {self.problem or f'has no {name}'}")
        return self._archive.read(name, device_file.MAX_DEVICE_FILE_BYTES + 1)

    def mask(self, name: str) -> str:
        """What makes a file a mask; empty when it is none."""
        return "" if self.read(name) else "an empty file"


Source = Folder | Packed


def _stamp(path: str) -> tuple[int, ...]:
    """What tells a file from the one that was there before: when it changed, which one it is, its size."""
    try:
        found = os.stat(path)
    except OSError:
        return ()
    return found.st_ctime_ns, found.st_ino, found.st_size


def sources_in_order(folders: Iterable[Folder]) -> Iterator[Source]:
    """The folders, each with the archive in it behind it. Nothing is read before it is its turn."""
    for folder in folders:
        yield folder
        packed = folder.packed()
        if packed is not None:
            yield packed


def shipped_folder() -> str:
    """The folder of device files that comes with pymodeswitch (in a checkout: data/ beside the package)."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    inside = os.path.join(here, "data")
    return inside if os.path.isdir(inside) else os.path.join(os.path.dirname(here), "data")


def default_folders(extra: Iterable[str] = ()) -> tuple[str, ...]:
    """Extra folders, then the system's, those of other packages, the shipped one, and LAST_FOLDERS."""
    folders = (*extra, *SYSTEM_FOLDERS, *pack_folders(), shipped_folder(), *LAST_FOLDERS)
    return tuple(dict.fromkeys(folders))


def pack_folders() -> tuple[str, ...]:
    """The folders in the index of packs, in its order; none without an index."""
    lines = dict.fromkeys(index_lines(PACKS_INDEX, MAX_INDEX))
    return tuple(line for line in lines if line.startswith("/"))
