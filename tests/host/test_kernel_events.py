"""Kernel events: the wake-up, its bound, and systems that tell none."""

from __future__ import annotations

import errno
import os
import socket
import sys
import time
from typing import Any

import pytest

from pymodeswitch.host import kernel_events as uevents
from pymodeswitch.host.kernel_events import LOOK_AGAIN_S, KernelEvents, port_of
from pymodeswitch.host.linux import LinuxHost


def test_a_wait_is_bounded() -> None:
    events = KernelEvents()
    start = time.monotonic()
    events.wait(60)
    assert LOOK_AGAIN_S * 0.9 < time.monotonic() - start < 30
    events.close()
    events.close()


def test_systems_without_events_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "AF_NETLINK")
    host = LinuxHost()
    start = time.monotonic()
    host.wait(0.05)
    assert 0.04 < time.monotonic() - start < 20
    host.close()


def test_systems_that_refuse_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "no")

    monkeypatch.setattr(uevents.socket, "socket", refuse)
    assert uevents._open() is None


ADDED = b"add@/devices/platform/vhci_hcd.0/usb1/1-1/1-1.2/1-1.2:1.0\0ACTION=add\0"
LOST = OSError(errno.ENOBUFS, "No buffer space available")


class FakeSocket:
    """Gives what it is told to, then nothing; always readable."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.file = open(os.devnull, "rb")  # noqa: SIM115

    def fileno(self) -> int:
        return self.file.fileno()

    def recvfrom(self, size: int, flags: int) -> tuple[bytes, tuple[int, int]]:
        if not self.answers:
            raise BlockingIOError
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return ADDED, (answer, 1)

    def close(self) -> None:
        self.file.close()


def events_of(*answers: Any) -> KernelEvents:
    events = KernelEvents()
    events.close()
    events._socket = FakeSocket(*answers)  # type: ignore[assignment]
    return events


@pytest.mark.parametrize(
    ("answers", "ports"),
    [
        ((0,), {"1-1.2"}),
        ((4711,), set()),  # not the kernel: anybody may send
        ((4711, 0), {"1-1.2"}),
        ((), set()),
        ((LOST,), None),  # events were lost: look at everything
    ],
)
def test_only_the_kernel_and_lost_events_tell(answers: tuple[Any, ...], ports: set[str] | None) -> None:
    events = events_of(*answers)
    assert events.changed(0) == ports
    events.close()


@pytest.mark.parametrize(
    ("answer", "port", "wakes"),
    [(0, None, True), (0, "1-1.2", True), (0, "1-1", False), (0, "1-2", False), (LOST, "1-2", True)],
)
def test_a_wait_for_one_port_goes_on_when_another_stirs(
    answer: Any, port: str | None, wakes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = 30.0 if wakes else 0.1
    monkeypatch.setattr(uevents, "LOOK_AGAIN_S", seconds)
    events = events_of(answer)
    start = time.monotonic()
    events.wait(60, *filter(None, [port]))
    assert (time.monotonic() - start < seconds) is wakes
    events.close()


@pytest.mark.parametrize(
    ("path", "port"),
    [
        ("add@/devices/pci0000:00/0000:00:14.0/usb1/1-1", "1-1"),
        ("bind@/devices/platform/vhci_hcd.0/usb1/1-1/1-1.4/1-1.4:1.0", "1-1.4"),
        ("add@/devices/pci0000:00/usb2/2-3/2-3:1.0/host4/target4:0:0/4:0:0:0/block/sr0", "2-3"),
        ("add@/devices/virtual/net/lo", None),
        ("add@/devices/pci0000:00/0000:00:14.0/usb1", None),
        ("", None),
        ("\udcff@/x", None),
    ],
)
def test_the_port_of_an_event(path: str, port: str | None) -> None:
    assert (
        port_of(path.encode("utf-8", "surrogateescape") + b"\0ACTION=add\0DEVPATH=/devices/9-9\0") == port
    )


def test_another_file_ends_the_wait() -> None:
    events = KernelEvents()
    read, write = os.pipe()
    os.write(write, b"x")
    start = time.monotonic()
    events.changed(60, also=read)
    assert time.monotonic() - start < 10
    os.close(read)
    os.close(write)
    events.close()


@pytest.mark.skipif(sys.platform != "linux", reason="kernel events are Linux's")
def test_the_socket_opens_here() -> None:
    events = KernelEvents()
    assert events._socket is not None
    events.close()
