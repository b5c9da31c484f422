"""Files below a root folder: read, compared, written atomically, never through a link, never outside.

Paths are absolute as the installed system will see them (`/etc/udev/rules.d`); the root is `/`, or a
folder in which a package or an image is made. Folders may be links, as `/lib` is, as long as they stay in
the root.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from ..device_files.files import read_bytes
from ..device_files.writing import OutputFolder
from ..nouns.errors import DeviceFileError, InstallationError

MAX_SYSTEM_FILE_BYTES = 4 << 20  # of a file that is compared; rules with 10,000 IDs have 1 MB


class Root:
    """The folder that stands for `/`. InstallationError, with the path, for all that goes wrong."""

    def __init__(self, folder: str = "/") -> None:
        self.folder = os.path.abspath(folder)

    @property
    def is_this_system(self) -> bool:
        """Whether it is the running system itself."""
        return os.path.realpath(self.folder) == "/"

    def at(self, path: str) -> str:
        """Where a path of the installed system is now."""
        return os.path.join(self.folder, path.lstrip("/"))

    def exists(self, path: str) -> bool:
        """Whether there is anything, be it a link to nowhere. InstallationError where that is not seen."""
        try:
            os.lstat(self.at(path))
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise InstallationError(f"{self.at(path)}: cannot be looked at: {error.strerror}") from error
        return True

    def is_link(self, path: str) -> bool:
        """Whether it is a link."""
        return os.path.islink(self.at(path))

    def link_target(self, path: str) -> str | None:
        """What a link says, None when there is no link."""
        try:
            return os.readlink(self.at(path))
        except OSError:
            return None

    def names(self, folder: str) -> list[str]:
        """Names in a folder, sorted; none in one that is not there."""
        try:
            return sorted(os.listdir(self.at(folder)))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise InstallationError(f"{self.at(folder)}: cannot be read: {error.strerror}") from error

    def same_folder(self, one: str, other: str) -> bool:
        """Whether two folders are one and the same, as /lib and /usr/lib often are."""
        return os.path.realpath(self.at(one)) == os.path.realpath(self.at(other))

    def read(self, path: str) -> bytes | None:
        """The content of a file, through links; None when there is none.

        Nothing of a mask (a link to /dev/null). InstallationError for other devices, pipes, and what is
        larger than MAX_SYSTEM_FILE_BYTES.
        """
        place = self.at(path)
        try:
            data = read_bytes(place, MAX_SYSTEM_FILE_BYTES)
        except DeviceFileError as error:
            if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
                return None
            if os.path.realpath(place) == os.devnull:
                return b""
            raise InstallationError(str(error)) from error
        if len(data) > MAX_SYSTEM_FILE_BYTES:
            raise InstallationError(
                f"{place}: cannot be read: larger than {MAX_SYSTEM_FILE_BYTES >> 20} MiB"
            )
        return data

    def write(self, path: str, data: bytes) -> None:
        """Write a file for all to read, in one step: nobody ever sees half of it."""

        def write() -> None:
            with self._folder_of(path) as folder:
                folder.write(os.path.basename(path), data)

        self._change(path, "written", write)

    def link(self, path: str, target: str) -> None:
        """Make a link, in one step, in the place of another link or of nothing."""

        def link() -> None:
            with self._folder_of(path) as folder:
                folder.link(os.path.basename(path), target)

        self._change(path, "written", link)

    def remove(self, path: str) -> None:
        """Remove a file or a link itself."""

        def remove() -> None:
            with self._folder_of(path, make=False) as folder:
                folder.remove(os.path.basename(path))

        self._change(path, "removed", remove)

    def remove_folder(self, path: str) -> None:
        """Remove a folder if it is empty."""
        try:
            os.rmdir(self.at(path))
        except OSError:  # somebody else's files are in it, or it is not there
            pass

    def _folder_of(self, path: str, *, make: bool = True) -> OutputFolder:
        """The folder of a path, for all to read whatever the umask where it has to be made.

        A folder of an image may be a link to one of this system: that is not ours to write to. What was
        checked is what is opened: a link that is made meanwhile is not followed.
        """
        root = os.path.realpath(self.folder)
        folder = os.path.realpath(os.path.dirname(self.at(path)))
        if os.path.commonpath([root, folder]) != root:
            raise InstallationError(f"{self.at(path)}: leads out of {self.folder}, to {folder}: left alone")
        return OutputFolder(folder, is_real=True, make=make)

    def _change(self, path: str, what: str, action: Callable[[], None]) -> None:
        try:
            action()
        except OSError as error:
            if isinstance(error, InstallationError):
                raise
            hint = " (run this as root)" if isinstance(error, PermissionError) and os.geteuid() else ""
            raise InstallationError(
                f"{self.at(path)}: cannot be {what}: {error.strerror or error}{hint}"
            ) from error
