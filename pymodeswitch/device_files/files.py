"""Reads files that anybody may have put there: bounded, and no pipes or devices. writing.py writes."""

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
        data = read_open(descriptor, limit)
    except IsADirectoryError as error:
        raise DeviceFileError(f"{path}: cannot be read: Is a directory") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or error
        raise DeviceFileError(f"{path}: cannot be read: {reason}") from error
    if data is None:
        raise DeviceFileError(f"{path}: cannot be read: not a regular file")
    return data


def read_open(descriptor: int, limit: int) -> bytes | None:
    """What an open file holds, `limit` bytes and one at most; closes it. None for pipes and devices."""
    with open(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return None
        # Memory is taken for as much as is asked for; files of the kernel's own have no size.
        return file.read(min(found.st_size or limit, limit) + 1)


def list_folder(folder: str) -> list[str]:
    """Names of all that is in a folder that a user names, sorted. DeviceFileError."""
    try:
        return sorted(os.listdir(folder))
    except OSError as error:
        raise DeviceFileError(f"{folder}: cannot be read: {error.strerror}") from error


def index_lines(path: str, limit: int) -> list[str]:
    """The lines of an index of ours, from `limit` bytes at most; none when there is no index.

    One that cannot be read is a warning: everything works without it.
    """
    try:
        lines = os.fsdecode(read_bytes(path, limit)[:limit]).split("\n")
    except DeviceFileError as error:
        if not isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            logger.warning("%s", error)
        return []
    return lines[:-1]  # behind the last line end is nothing, or a line that is cut off
