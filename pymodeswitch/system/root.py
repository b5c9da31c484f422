"""Files below a root folder: read, compared, written atomically, never through a link, never outside.

Paths are absolute as the installed system will see them (`/etc/udev/rules.d`); the root is `/`, or a
folder in which a package or an image is made. Folders may be links, as `/lib` is, as long as they stay in
the root.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable

from ..nouns.errors import InstallationError

FILE_MODE, FOLDER_MODE = 0o644, 0o755


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
        """Whether there is anything, be it a link to nowhere."""
        return os.path.lexists(self.at(path))

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
        """The content of a file, through links; None when there is none."""
        try:
            with open(self.at(path), "rb") as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise InstallationError(f"{self.at(path)}: cannot be read: {error.strerror}") from error

    def write(self, path: str, data: bytes) -> None:
        """Write a file for all to read, in one step: nobody ever sees half of it."""

        def write() -> None:
            place = self._folder_for(path)
            descriptor, part = tempfile.mkstemp(prefix=".pymodeswitch-", dir=place)
            try:
                with open(descriptor, "wb") as file:
                    file.write(data)
                    os.fchmod(descriptor, FILE_MODE)
                os.replace(part, self.at(path))
            except BaseException:
                os.unlink(part)
                raise

        self._change(path, "written", write)

    def link(self, path: str, target: str) -> None:
        """Make a link, in one step, in the place of another link or of nothing."""

        def link() -> None:
            place = self._folder_for(path)
            with tempfile.TemporaryDirectory(prefix=".pymodeswitch-", dir=place) as beside:
                part = os.path.join(beside, "link")
                os.symlink(target, part)
                os.replace(part, self.at(path))

        self._change(path, "written", link)

    def remove(self, path: str) -> None:
        """Remove a file or a link itself."""

        def remove() -> None:
            self._stay_inside(path)
            os.unlink(self.at(path))

        self._change(path, "removed", remove)

    def remove_folder(self, path: str) -> None:
        """Remove a folder if it is empty."""
        try:
            os.rmdir(self.at(path))
        except OSError:  # somebody else's files are in it, or it is not there
            pass

    def _folder_for(self, path: str) -> str:
        """The folder of a path, made if need be, for all to read whatever the umask."""
        self._stay_inside(path)
        missing = []
        folder = os.path.dirname(self.at(path))
        while not os.path.isdir(folder):
            missing.append(folder)
            folder = os.path.dirname(folder)
        for folder in reversed(missing):
            os.mkdir(folder)
            os.chmod(folder, FOLDER_MODE)
        return os.path.dirname(self.at(path))

    def _stay_inside(self, path: str) -> None:
        """A folder of an image may be a link to one of this system: that is not ours to write to."""
        root = os.path.realpath(self.folder)
        folder = os.path.realpath(os.path.dirname(self.at(path)))
        if os.path.commonpath([root, folder]) != root:
            raise InstallationError(f"{self.at(path)}: leads out of {self.folder}, to {folder}: left alone")

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
