"""Threads of `scan` and `watch` have no heaps of their own."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

SCRIPT = """
import ctypes, sys, threading
from pymodeswitch.host.malloc import share_one_heap
if sys.argv[1] == "shared":
    share_one_heap()
meeting = threading.Barrier(5)
def work():
    kept = bytes(2000)  # more than Python takes from heaps of its own
    meeting.wait(30)
    meeting.wait(30)
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
meeting.wait(30)
libc = ctypes.CDLL(None)
libc.fdopen.restype = ctypes.c_void_p
out = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, out)
libc.fflush(out)
meeting.wait(30)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="the C library is not glibc")
def test_one_heap_for_all_threads() -> None:
    def heaps(how: str) -> int:
        words = [sys.executable, "-c", SCRIPT, how]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.count("<heap nr=")

    assert heaps("shared") == 1
    assert heaps("as usual") > 1


@pytest.mark.parametrize("verb", ["scan", "watch"])
def test_the_verbs_share_it_before_their_threads_start(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pymodeswitch.command.cli import main

    def shared() -> None:
        raise KeyboardInterrupt  # nothing of the rest is of interest

    monkeypatch.setattr(f"pymodeswitch.command.verbs.{verb}.share_one_heap", shared)
    monkeypatch.setattr(
        "pymodeswitch.switching.fleet.Fleet.run", lambda self, **_: pytest.fail("threads start")
    )
    assert main([verb, "-q"]) == 130
