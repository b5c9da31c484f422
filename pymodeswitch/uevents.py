"""Kernel events as a wake-up: sysfs is the truth, an event only says that it is time to look.

Source: the kernel's NETLINK_KOBJECT_UEVENT, group 1 (the kernel itself, so no udev is needed).
"""

from __future__ import annotations

import logging
import select
import socket
import time

logger = logging.getLogger(__name__)

NETLINK_KOBJECT_UEVENT = 15
KERNEL_GROUP = 1
KERNEL_PID = 0
# An event may be lost, and a container may get none: so a look at sysfs comes at least this often.
LOOK_AGAIN_S = 0.25


class KernelEvents:
    """A socket that becomes readable when the kernel adds, removes or binds something."""

    def __init__(self) -> None:
        self._socket = _open()

    def wait(self, seconds: float) -> None:
        """Return when something happened, at the latest after `seconds` or LOOK_AGAIN_S."""
        bounded = max(0.0, min(seconds, LOOK_AGAIN_S))
        if self._socket is None:
            time.sleep(bounded)  # nothing to wait on: this system tells no events
            return
        waiting = select.poll()  # select() cannot take file numbers from 1,024 on
        waiting.register(self._socket, select.POLLIN)
        deadline = time.monotonic() + bounded
        while True:
            left = deadline - time.monotonic()
            if not waiting.poll(max(0.0, left) * 1000) or self._drain():
                return

    def _drain(self) -> bool:
        """Take all waiting events; whether one of them came from the kernel (or some were lost)."""
        heard = False
        while self._socket is not None:
            try:
                _, (pid, _) = self._socket.recvfrom(16384, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            except OSError as error:  # ENOBUFS: events were lost, so look
                logger.debug("kernel events were lost: %s", error)
                return True
            heard = heard or pid == KERNEL_PID
        return heard

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


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
