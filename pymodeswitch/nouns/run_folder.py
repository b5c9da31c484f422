"""Names below /run/pymodeswitch, which is gone after a boot; whoever looks for a file there asks here.

PORT          state of a port: its lock, its last switches, the last verdict (switching/port_state.py)
marks/PORT    what the sender has done for the stick on that port (switching/marks.py)
.PORT.*       a mark that is being written, or the last one that was judged
judge         the lock of the judge, of which there is one at a time (switching/judge.py)
at-work       a link that leads somewhere while a judge is at work (switching/newcomers.py)
boot          a judge has looked at everything since the system started
links/LINK    the serial port that has a link such as gsmmodem (modem/port_link.py)
links.lock    the lock of those that make links
"""

from __future__ import annotations

import os

RUN_FOLDER = "/run/pymodeswitch"
MARKS, JUDGE, AT_WORK, BOOT, LINKS, LINKS_LOCK = "marks", "judge", "at-work", "boot", "links", "links.lock"

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
