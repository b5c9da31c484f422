"""Reading files that anybody may have put there, bounded and no pipes or devices; writing whole files."""

from __future__ import annotations

import os
import stat

from ..nouns.errors import DeviceFileError
from ..nouns.log import Logger

logger = Logger(__name__)


def read_bytes(path: str, limit: int) -> bytes:
    """The file's bytes, `limit` and one at most, so that the reader sees what is too large.

    DeviceFileError for what cannot be read, and for pipes and devices, which might never end.
    """
    try:
        # Non-blocking: opening a pipe would wait for somebody to write.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise DeviceFileError(f"{path}: cannot be read: not a regular file")
            # Memory is taken for as much as is asked for; files of the kernel's own have no size.
            return file.read(min(found.st_size or limit, limit) + 1)
    except IsADirectoryError as error:
        raise DeviceFileError(f"{path}: cannot be read: Is a directory") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        if isinstance(error, DeviceFileError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise DeviceFileError(f"{path}: cannot be read: {reason}") from error


def index_lines(path: str, limit: int) -> list[str]:
    """The lines of an index of ours, from `limit` bytes at most; none when there is no index.

    One that cannot be read is a warning: everything works without it.
    """
    try:
        with open(path, "rb") as file:
            lines = os.fsdecode(file.read(limit)).split("\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        logger.warning("%s: cannot be read: %s", path, error.strerror)
        return []
    return lines[:-1]  # behind the last line end is nothing, or a line that is cut off


def write_bytes(path: str, data: bytes) -> None:
    """Write a file that all may read, at once or not at all; its folders are made. DeviceFileError."""
    part = f"{path}.{os.getpid()}.part"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        try:
            with open(part, "xb") as file:  # not through a link that somebody has put there
                file.write(data)
            os.chmod(part, 0o644)  # whatever the umask is
            os.replace(part, path)
        except BaseException:
            remove(part)
            raise
    except OSError as error:
        raise DeviceFileError(f"{path}: cannot be written: {error.strerror}") from error


def write_where_named(path: str, data: bytes) -> None:
    """Write to what a user names: a link is followed, a device or a pipe written to. DeviceFileError."""
    if os.path.islink(path) or (os.path.exists(path) and not os.path.isfile(path)):
        try:
            with open(path, "wb") as file:
                file.write(data)
        except OSError as error:
            raise DeviceFileError(f"{path}: cannot be written: {error.strerror}") from error
    else:
        write_bytes(os.path.abspath(path), data)


def remove(path: str) -> bool:
    """Remove a file; whether it was there. DeviceFileError."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise DeviceFileError(f"{path}: cannot be removed: {error.strerror}") from error
    return True


def put_bytes(path: str, data: bytes) -> bool:
    """Write a file unless it is there with the same content; whether it was written. DeviceFileError.

    A link is replaced, not followed.
    """
    if os.path.isfile(path) and not os.path.islink(path) and read_bytes(path, len(data)) == data:
        return False
    write_bytes(os.path.abspath(path), data)
    return True


def make_folder(path: str) -> None:
    """Make a folder that may be there already. DeviceFileError."""
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise DeviceFileError(f"{path}: cannot be written: {error.strerror}") from error
