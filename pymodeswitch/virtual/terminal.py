"""A pseudo terminal with a virtual modem behind it: for programs that want the path of a serial port."""

from __future__ import annotations

import os
import select
import threading

from .modem import DTR, AcmPort
from .stick import Setup

LOOK_S = 0.02  # how soon what the modem says by itself is passed on
READ_BYTES = 4096
SET_CONTROL_LINE_STATE = 0x22


def raw_terminal() -> tuple[int, int]:
    """Both ends of a new pseudo terminal; raw from the start, else it would echo what it is told."""
    import pty  # not on every system
    import tty

    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    return ours, theirs


class ModemTerminal:
    """Carries characters between a pseudo terminal and a virtual port, as a serial driver does.

    `with ModemTerminal(AcmPort()) as terminal:` and give `terminal.path` to a program. DTR is on all that
    time: a pseudo terminal has no such line. It goes off at the end, which hangs up.
    """

    def __init__(self, port: AcmPort) -> None:
        self.port = port
        self._ours, self._theirs = raw_terminal()
        self.path = os.ttyname(self._theirs)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._carry, name="modem-terminal", daemon=True)

    def __enter__(self) -> ModemTerminal:
        self._set_lines(DTR)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()
        self._set_lines(0)
        os.close(self._ours)
        os.close(self._theirs)

    def _set_lines(self, lines: int) -> None:
        self.port.control(Setup(0x21, SET_CONTROL_LINE_STATE, lines, self.port.first_interface, 0), b"")

    def _carry(self) -> None:
        number = self.port.endpoint_data
        while not self._stop.is_set():
            if select.select([self._ours], [], [], LOOK_S)[0]:
                self.port.write(number, os.read(self._ours, READ_BYTES))
            while (data := self.port.read(0x80 | number, READ_BYTES)) is not None:
                os.write(self._ours, data)
