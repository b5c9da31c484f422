"""Whole files, written at once or not at all: the one writer of this project.

The folder is held open and all goes by its descriptor, so nobody who owns it, or a folder above it, can
lead a write elsewhere by a link. A file is on the disk before it gets its name: after a power cut there is
the old file or the new one, never an empty one (which would be a mask).
"""

from __future__ import annotations

import errno
import os
import stat
from types import TracebackType

from ..nouns.errors import DeviceFileError
from .files import read_open

FILE_MODE, FOLDER_MODE = 0o644, 0o755  # for all to read, whatever the umask is

HAS_DIR_FD = os.open in os.supports_dir_fd and os.rename in os.supports_dir_fd  # not on Windows
OPEN_FOLDER = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
PASSING = OPEN_FOLDER | getattr(
    os, "O_PATH", os.O_RDONLY
)  # to pass through a folder it need not be readable
NEW = (
    os.O_WRONLY
    | os.O_CREAT
    | os.O_EXCL
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


class OutputFolder:
    """A folder that files are written into. All methods raise OSError.

    path: links in it are followed once, at the start; not at all where it `is_real` already. make: whether
    the folder is made where it is missing.
    """

    def __init__(self, path: str, *, is_real: bool = False, make: bool = True) -> None:
        self.path = path if is_real else os.path.realpath(path)
        self._descriptor: int | None = None
        if HAS_DIR_FD:
            self._descriptor = _open_folder(self.path, make)
        elif make:
            os.makedirs(self.path, exist_ok=True)

    def __enter__(self) -> OutputFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Have the names written to the disk, too, and close the folder."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            try:
                os.fsync(descriptor)
            except OSError:  # some file systems know this for files alone
                pass
            finally:
                os.close(descriptor)

    def write(self, name: str, data: bytes) -> None:
        """Write a file in one step, in the place of any file or link of that name."""
        part = self._part(name)
        descriptor = os.open(self._at(part), NEW, 0o600, dir_fd=self._descriptor)
        try:
            try:
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
                if hasattr(os, "fchmod"):
                    os.fchmod(descriptor, FILE_MODE)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            self._rename(part, name)
        except BaseException:
            self._discard(part)
            raise

    def put(self, name: str, data: bytes) -> bool:
        """Write a file unless it is there with the same content; whether it was written."""
        if self.read(name, len(data)) == data:
            return False
        self.write(name, data)
        return True

    def read(self, name: str, limit: int) -> bytes | None:
        """A file's bytes, `limit` and one at most; None when there is none, or no regular one."""
        self._check(name)
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
        try:
            descriptor = os.open(
                self._at(name), flags | getattr(os, "O_BINARY", 0), dir_fd=self._descriptor
            )
        except OSError:  # a link, or nothing; writing tells what is wrong
            return None
        return read_open(descriptor, limit)

    def link(self, name: str, target: str) -> None:
        """Make a link in one step, in the place of any file or link of that name."""
        part = self._part(name)
        os.symlink(target, self._at(part), dir_fd=self._descriptor)
        try:
            self._rename(part, name)
        except BaseException:
            self._discard(part)
            raise

    def remove(self, name: str) -> None:
        """Remove a file, or a link itself."""
        self._check(name)
        os.unlink(self._at(name), dir_fd=self._descriptor)

    def _rename(self, part: str, name: str) -> None:
        os.replace(self._at(part), self._at(name), src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)

    def _discard(self, part: str) -> None:
        try:
            os.unlink(self._at(part), dir_fd=self._descriptor)
        except OSError:  # what went wrong before this is what counts
            pass

    def _part(self, name: str) -> str:
        self._check(name)
        return f".pymodeswitch-{os.urandom(8).hex()}"  # hidden: no rule, no unit, no device file

    def _at(self, name: str) -> str:
        return name if self._descriptor is not None else os.path.join(self.path, name)

    @staticmethod
    def _check(name: str) -> None:
        """A name alone, which stays in the folder."""
        if name in ("", ".", "..") or name != os.path.basename(name) or "\0" in name:
            raise OSError(errno.EINVAL, f"{name!r} is no name for a file")


def _open_folder(real: str, make: bool) -> int:
    """Open a folder by its real path, no link followed."""
    parts = [part for part in real.split("/") if part]
    descriptor = os.open("/", PASSING if parts else OPEN_FOLDER)
    for number, part in enumerate(parts, 1):
        try:
            below = _open_below(part, PASSING if number < len(parts) else OPEN_FOLDER, descriptor, make)
        finally:
            os.close(descriptor)
        descriptor = below
    return descriptor


def _open_below(name: str, flags: int, above: int, make: bool) -> int:
    try:
        return os.open(name, flags, dir_fd=above)
    except FileNotFoundError:
        if not make:
            raise
    try:
        os.mkdir(name, FOLDER_MODE, dir_fd=above)
    except FileExistsError:  # somebody was faster
        return os.open(name, flags, dir_fd=above)
    descriptor = os.open(name, OPEN_FOLDER, dir_fd=above)
    try:
        os.fchmod(descriptor, FOLDER_MODE)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def write_bytes(path: str, data: bytes) -> None:
    """Write a file that all may read; its folders are made. DeviceFileError."""
    path = os.path.abspath(path)
    try:
        with OutputFolder(os.path.dirname(path)) as folder:
            folder.write(os.path.basename(path), data)
    except OSError as error:
        raise DeviceFileError(f"{path}: cannot be written: {error.strerror}") from error


def write_where_named(path: str, data: bytes) -> None:
    """Write to what a user names: a link is followed, a device or a pipe written to. DeviceFileError.

    Not through a link of another user, who may lead root to any file.
    """
    try:
        found = os.lstat(path)
    except OSError:  # nothing is there yet; writing tells what else is wrong
        found = None
    if found is None or stat.S_ISREG(found.st_mode):
        write_bytes(path, data)
        return
    if stat.S_ISLNK(found.st_mode) and hasattr(os, "geteuid") and found.st_uid not in (0, os.geteuid()):
        raise DeviceFileError(f"{path}: cannot be written: a link of another user")
    try:
        with open(path, "wb") as file:
            file.write(data)
    except OSError as error:
        raise DeviceFileError(f"{path}: cannot be written: {error.strerror}") from error


def remove(path: str) -> bool:
    """Remove a file; whether it was there. DeviceFileError."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise DeviceFileError(f"{path}: cannot be removed: {error.strerror}") from error
    return True


class DeviceFileFolder:
    """A folder that device files are written into. DeviceFileError for what cannot be written."""

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self._folder = OutputFolder(path)
        except OSError as error:
            raise DeviceFileError(f"{path}: cannot be written: {error.strerror}") from error

    def __enter__(self) -> DeviceFileFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._folder.close()

    def put(self, name: str, data: bytes) -> bool:
        """Write a file unless it is there with the same content; whether it was written."""
        try:
            return self._folder.put(name, data)
        except OSError as error:
            path = os.path.join(self.path, name)
            raise DeviceFileError(f"{path}: cannot be written: {error.strerror}") from error
