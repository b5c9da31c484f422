"""What any input may cost: so much CPU, so much memory, and no exception but ours."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from typing import TypeVar

from pymodeswitch import ModeSwitchError

T = TypeVar("T")

MOST_CPU_S = 0.5
MOST_BYTES = 64 << 20


def within_bounds(read: Callable[[], object]) -> ModeSwitchError | None:
    """Read twice: for its time (CPU, so that a busy machine does not count) and for its memory.

    Returns the error of ours that it ends with, if any; any other exception passes.
    """
    seconds, error = cpu_of(lambda: _error_of(read))
    assert len(str(error)) < 2000, "one line that a person can read"
    tracemalloc.start()
    try:
        _error_of(read)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert seconds <= MOST_CPU_S, f"{seconds:.2f} s"
    assert peak <= MOST_BYTES, f"{peak >> 20} MiB"
    return error


def cpu_of(read: Callable[[], T]) -> tuple[float, T]:
    """The seconds of CPU that a call takes, and what it returns.

    Where it is too much, of a second call: what is slow by itself is slow again, while collecting the
    garbage of all tests before it, or a CPU that is shared, is not.
    """
    for _ in range(2):
        begin = time.process_time()
        found = read()
        seconds = time.process_time() - begin
        if seconds <= MOST_CPU_S:
            break
    return seconds, found


def _error_of(read: Callable[[], object]) -> ModeSwitchError | None:
    try:
        read()
    except ModeSwitchError as error:
        return error
    return None
