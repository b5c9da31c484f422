"""A lock that ends with the process that holds it: flock(2) on a file.

Where the file cannot be written (not root, a read-only system), or its file system knows no locks, there is
no lock, and all works as if nobody else were there.
"""

from __future__ import annotations

import os

from ..nouns.log import Logger
from ..nouns.run_folder import make_folder, open_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

logger = Logger(__name__)


class FileLock:
    """The lock of a file, which is made with its folder. file: its number while it is open."""

    def __init__(self, path: str | None) -> None:
        self.path = path
        self.file: int | None = None

    def take(self, wait: Callable[[], bool] = lambda: False) -> bool:
        """Take it; False while somebody else has it. wait: lets time pass; False ends the wait.

        True also where there can be no lock, and when it is taken already.
        """
        if self.path is None or self.file is not None:
            return True
        try:
            make_folder(os.path.dirname(self.path))
            file = open_lock(self.path)
        except OSError as error:
            logger.debug("no lock: %s", error)
            return True
        import fcntl  # not on every system, and this is Linux

        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not wait():
                    os.close(file)
                    return False
            except OSError as error:  # a file system without locks
                logger.debug("no lock: %s: %s", self.path, error)
                break
            else:
                break
        self.file = file
        return True

    def give_back(self) -> None:
        """Let others have it."""
        if self.file is not None:
            os.close(self.file)
            self.file = None
