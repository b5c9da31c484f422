"""What any input may cost: so much CPU, so much memory, and no exception but ours."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable

from pymodeswitch import ModeSwitchError

MOST_CPU_S = 0.5
MOST_BYTES = 64 << 20


def within_bounds(read: Callable[[], object]) -> ModeSwitchError | None:
    """Read twice: for its time (CPU, so that a busy machine does not count) and for its memory.

    Returns the error of ours that it ends with, if any; any other exception passes.
    """
    begin = time.process_time()
    error = _error_of(read)
    assert len(str(error)) < 2000, "one line that a person can read"
    seconds = time.process_time() - begin
    tracemalloc.start()
    try:
        _error_of(read)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert seconds <= MOST_CPU_S, f"{seconds:.2f} s"
    assert peak <= MOST_BYTES, f"{peak >> 20} MiB"
    return error


def _error_of(read: Callable[[], object]) -> ModeSwitchError | None:
    try:
        read()
    except ModeSwitchError as error:
        return error
    return None
