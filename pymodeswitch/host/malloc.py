"""Tells malloc to share one arena: glibc gives each thread one of its own, which holds hardly anything here.

For programs of ours, not for the library: the heap is the whole process's.
"""

from __future__ import annotations

import os
import sys

# The same, said before the process starts (mallopt(3)); who starts the judge does, and spares it ctypes.
VARIABLE, ONE = "MALLOC_ARENA_MAX", "1"
M_ARENA_MAX = -8  # glibc's malloc.h; mallopt(3)


def share_one_heap() -> None:
    """Before the first thread is started; elsewhere than on glibc there is nothing to do."""
    if sys.platform != "linux" or os.environ.get(VARIABLE) == ONE:
        return
    import ctypes  # which pyusb needs as well

    try:
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)
    except (OSError, AttributeError):  # another C library
        pass
