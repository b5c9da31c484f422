"""What any input may cost: so much CPU, so much memory, and no exception but ours."""

from __future__ import annotations

import gc
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
    """The seconds of CPU that a call takes, and what it returns; the garbage of other tests is not its own."""
    gc.disable()
    try:
        begin = time.process_time()
        found = read()
        return time.process_time() - begin, found
    finally:
        gc.enable()


def _error_of(read: Callable[[], object]) -> ModeSwitchError | None:
    try:
        read()
    except ModeSwitchError as error:
        return error
    return None
