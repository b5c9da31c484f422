"""Kernel events: the wake-up, its bound, and systems that tell none."""

from __future__ import annotations

import errno
import socket
import sys
import time
from typing import Any

import pytest

from pymodeswitch import uevents
from pymodeswitch.host import LinuxHost
from pymodeswitch.uevents import LOOK_AGAIN_S, KernelEvents


def test_a_wait_is_bounded() -> None:
    events = KernelEvents()
    start = time.monotonic()
    events.wait(60)
    assert time.monotonic() - start < LOOK_AGAIN_S + 0.5
    events.close()
    events.close()


def test_systems_without_events_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "AF_NETLINK")
    host = LinuxHost()
    start = time.monotonic()
    host.wait(0.05)
    assert 0.04 < time.monotonic() - start < 1
    host.close()


def test_systems_that_refuse_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "no")

    monkeypatch.setattr(socket, "socket", refuse)
    assert uevents._open() is None


class FakeSocket:
    """Gives what it is told to, then nothing."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    def recvfrom(self, size: int, flags: int) -> tuple[bytes, tuple[int, int]]:
        if not self.answers:
            raise BlockingIOError
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return b"add@/devices/x", (answer, 1)


@pytest.mark.parametrize(
    ("answers", "heard"),
    [
        ((0,), True),
        ((4711,), False),  # not the kernel: anybody may send
        ((4711, 0), True),
        ((), False),
        ((OSError(errno.ENOBUFS, "No buffer space available"),), True),  # events were lost: look
    ],
)
def test_only_the_kernel_and_lost_events_wake(answers: tuple[Any, ...], heard: bool) -> None:
    events = KernelEvents()
    events.close()
    events._socket = FakeSocket(*answers)  # type: ignore[assignment]
    assert events._drain() is heard


@pytest.mark.skipif(sys.platform != "linux", reason="kernel events are Linux's")
def test_the_socket_opens_here() -> None:
    events = KernelEvents()
    assert events._socket is not None
    events.close()
