"""Which sticks have got their messages a moment ago, for those that are started for the same stick.

udev starts one process for each stick. The first of them sends to all sticks that it finds, and leaves a
mark for each: a link in a folder below /run, named PORT@DEVICE_NUMBER, which leads to an open file of the
process below /proc. So for udev's rule it is there as long as that process works, and no longer; a start
that has begun by then looks at the link itself, and how old it is.
"""

from __future__ import annotations

import os
import time

from .log import Logger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .host import Host
    from .model import AttachedDevice

logger = Logger(__name__)

FOLDER = "sent"
# How long a stick may take to leave once it has its message; the reference gives it twice that.
RECENT_S = 10.0
LEAST_FILE = 200  # a number that no other process is likely to have open


def mark(host: Host, device: AttachedDevice) -> None:
    """Note that this stay of a device has its messages; what was noted of earlier ones is forgotten."""
    path = _path(host, device)
    if path is None:
        return
    folder, name = os.path.split(path)
    try:
        os.makedirs(folder, mode=0o755, exist_ok=True)
        for other in os.listdir(folder):
            if other.startswith(f"{device.port}@"):
                os.unlink(os.path.join(folder, other))
        os.symlink(f"/proc/{os.getpid()}/fd/{_file(folder)}", path)
    except OSError as error:  # not root, or a read-only system: then each start sends for itself
        logger.debug("%s cannot be marked: %s", name, error)


def is_marked(host: Host, device: AttachedDevice) -> bool:
    """Whether another process has just sent to this very stay of a device."""
    path = _path(host, device)
    try:
        return path is not None and 0 <= time.time() - os.lstat(path).st_mtime < RECENT_S
    except OSError:
        return False


def _path(host: Host, device: AttachedDevice) -> str | None:
    if host.state_folder is None:
        return None
    return os.path.join(host.state_folder, FOLDER, f"{device.port}@{device.device_number}")


_files: list[int] = []


def _file(folder: str) -> int:
    """An open file that lasts as long as this process."""
    if not _files:
        import fcntl  # not on every system, and this is Linux

        opened = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        _files.append(fcntl.fcntl(opened, fcntl.F_DUPFD_CLOEXEC, LEAST_FILE))
        os.close(opened)
    return _files[0]
