"""The current folder, which `python -m` takes modules from before any other; it may be anybody's."""

from __future__ import annotations

import os
import sys

PARENT = os.path.abspath(__file__).rsplit(os.sep, 3)[0]  # of the package


def leave_current_folder() -> None:
    """`python -m` takes modules from the current folder first, be it anybody's. From here on it does not.

    Unless pymodeswitch itself is there, as in a checkout: where root runs what others can change, that is
    said.
    """
    try:
        current = os.getcwd()
    except OSError:  # the folder is gone
        return
    if not sys.path or sys.path[0] not in ("", current):
        return
    if current != PARENT:
        del sys.path[0]
    elif hasattr(os, "geteuid") and os.geteuid() == 0 and sys.stderr is not None:
        found = os.stat(current)
        if found.st_uid or found.st_mode & 0o022:
            sys.stderr.write(
                f"pymodeswitch: warning: root runs modules of the current folder, {current!a}, "
                "which others can change\n"
            )
