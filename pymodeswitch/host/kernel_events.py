"""Kernel events as a wake-up: sysfs is the truth, an event only says that it is time to look.

Source: the kernel's NETLINK_KOBJECT_UEVENT, group 1 (the kernel itself, so no udev is needed).
"""

from __future__ import annotations

import _socket as socket  # the C part; what `socket` adds takes 2 ms to load
import select
import time

from ..nouns.log import Logger

logger = Logger(__name__)

NETLINK_KOBJECT_UEVENT = 15
KERNEL_GROUP = 1
KERNEL_PID = 0
# An event may be lost, and a container may get none: so a look at sysfs comes at least this often.
LOOK_AGAIN_S = 0.25


class KernelEvents:
    """A socket that becomes readable when the kernel adds, removes or binds something."""

    def __init__(self) -> None:
        self._socket = _open()

    def wait(self, seconds: float, *wanted: str) -> None:
        """Return when something happened, at the latest after `seconds` or LOOK_AGAIN_S.

        wanted: only what happened on these ports counts; anything when there are none.
        """
        bounded = max(0.0, min(seconds, LOOK_AGAIN_S))
        deadline = time.monotonic() + bounded
        while True:
            left = max(0.0, deadline - time.monotonic())
            ports = self.changed(left)
            if ports is None or (ports & set(wanted) if wanted else ports) or left <= 0:
                return

    def changed(self, seconds: float, also: int | None = None) -> set[str] | None:
        """Wait until events come, at most `seconds`; returns the ports (of USB devices) that they tell of.

        None: events were lost, so anything may have changed; or this system tells none, and the time has
        been slept. also: a file number that ends the wait too when it becomes readable.
        """
        try:
            waiting = select.poll()  # select() cannot take file numbers from 1,024 on
            for file in (self._socket, also):
                if file is not None:
                    waiting.register(file, select.POLLIN)
            waiting.poll(seconds * 1000)
        except OSError as error:  # the kernel has no memory for that
            logger.debug("no wait for kernel events: %s", error)
            time.sleep(min(seconds, LOOK_AGAIN_S))
            return None
        return None if self._socket is None else self._drain()

    def _drain(self) -> set[str] | None:
        """Take all waiting events of the kernel; None when some were lost."""
        ports: set[str] = set()
        while self._socket is not None:
            try:
                event, (pid, _) = self._socket.recvfrom(16384, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            except OSError as error:  # ENOBUFS: events were lost, so look
                logger.debug("kernel events were lost: %s", error)
                return None
            if pid == KERNEL_PID and (port := port_of(event)) is not None:
                ports.add(port)
        return ports

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def port_of(event: bytes) -> str | None:
    """The port that an event is about: the innermost one in its path (`add@/.../1-1/1-1.2/1-1.2:1.0`).

    None for what is not on a USB port.
    """
    path = event.partition(b"\0")[0].decode("ascii", "replace")
    for name in reversed(path.split("/")):
        bus, dash, rest = name.partition("-")
        if dash and bus.isdigit() and rest[:1].isdigit():
            return name.partition(":")[0]
    return None


def _open() -> socket.socket | None:
    family = getattr(socket, "AF_NETLINK", None)
    if family is None:
        return None
    try:
        events = socket.socket(family, socket.SOCK_DGRAM, NETLINK_KOBJECT_UEVENT)
        events.bind((0, KERNEL_GROUP))
    except OSError as error:
        logger.debug("no kernel events here: %s", error)
        return None
    return events
