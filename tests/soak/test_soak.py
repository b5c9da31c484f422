"""A short soak with every run of the tests; `python -m tests.soak` is the long one."""

from __future__ import annotations

from tests.soak.soak import rounds


def test_nothing_grows() -> None:
    first, *_, last = rounds(switches=360, number=4)
    assert (last.files, last.threads) == (first.files, first.threads)
    assert last.objects - first.objects < 300
    assert last.memory_kb - first.memory_kb < 2048
