"""Which sticks have got their messages a moment ago, for those that are started for the same stick.

A file in a folder below /run for each, named PORT@DEVICE_NUMBER. Only its time counts.
"""

from __future__ import annotations

import os
import time

from .nouns.log import Logger
from .nouns.run_folder import SENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .nouns.model import AttachedDevice, Port
    from .nouns.protocols import Host

logger = Logger(__name__)

# How long a stick may take to leave once it has its message; the reference gives it twice that.
RECENT_S = 10.0
# How long a start may have been held up, by many others, when it finds that its stick has left.
LATE_S = 60.0


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
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as error:  # not root, or a read-only system: then each start sends for itself
        logger.debug("%s cannot be marked: %s", name, error)


def is_marked(host: Host, device: AttachedDevice) -> bool:
    """Whether somebody has just sent to this very stay of a device."""
    path = _path(host, device)
    try:
        return path is not None and _age_s(path) < RECENT_S
    except OSError:
        return False


def was_sent_to(host: Host, port: Port) -> bool:
    """Whether somebody has just sent to what was on a port."""
    if host.state_folder is None:
        return False
    folder = os.path.join(host.state_folder, SENT)
    try:
        marks = [name for name in os.listdir(folder) if name.startswith(f"{port}@")]
        return any(_age_s(os.path.join(folder, name)) < LATE_S for name in marks)
    except OSError:
        return False


def _age_s(path: str) -> float:
    """Its age; a clock that was set back makes a file as old as can be."""
    age = time.time() - os.lstat(path).st_mtime
    return age if age >= 0 else float("inf")


def _path(host: Host, device: AttachedDevice) -> str | None:
    if host.state_folder is None:
        return None
    return os.path.join(host.state_folder, SENT, f"{device.port}@{device.device_number}")
