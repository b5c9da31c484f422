"""Names below /run/pymodeswitch, which is gone after a boot; whoever looks for a file there asks here.

PORT                state of a port: its lock, its last switches and the last verdict (port_state.py)
sent/PORT@NUMBER    the stick with that device number has its messages (sent.py)
links/LINK          the serial port that has a link such as gsmmodem (port_link.py); links/.lock is its lock
burst               a start that sends to what else is plugged in (burst.py)
"""

from __future__ import annotations

import os

FOLDER = "/run/pymodeswitch"
SENT, LINKS, BURST = "sent", "links", "burst"
LINKS_LOCK = ".lock"

FOLDER_MODE, FILE_MODE, LOCK_MODE = 0o755, 0o644, 0o600  # who may open a lock may hold it


def make_folder(path: str) -> None:
    """Make a folder of state, and those above: for root to write, whatever the umask. OSError."""
    if os.path.isdir(path):
        return
    make_folder(os.path.dirname(path))
    try:
        os.mkdir(path, FOLDER_MODE)
        os.chmod(path, FOLDER_MODE)
    except FileExistsError:  # another start was faster
        if not os.path.isdir(path):
            raise


def open_lock(path: str) -> int:
    """Open the file that a lock is held on, made if need be; root alone can. OSError."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, LOCK_MODE)
