"""A serial line to a modem, and a question that is asked through it. Every wait has an end.

termios is enough for this: pyserial would be one more thing to install (0.9 MB, 3 ms to load) for 50 lines.
"""

from __future__ import annotations

import errno
import os
import select
import time
from typing import NamedTuple, Protocol

from ..nouns.errors import AccessError, BusyError, GoneError

# V.250, 5.7.1, and 27.007, 9.2; what CONNECT leads to is nothing for us.
FINAL = ("OK", "ERROR", "NO CARRIER", "+CME ERROR", "+CMS ERROR", "COMMAND NOT SUPPORT")
MOST_BYTES = 1 << 16  # a port that talks without end, as one for diagnosis does


class Line(Protocol):
    """Characters to a modem and from it."""

    def send(self, data: bytes, seconds: float) -> None:
        """Send all of it within that time; what cannot be sent then is dropped."""

    def receive(self, seconds: float) -> bytes:
        """Return what has come, at the latest after that time with nothing."""


class Answer(NamedTuple):
    """What came for one question: information lines, and the final result, which is empty without one."""

    lines: tuple[str, ...]
    result: str

    @property
    def is_ok(self) -> bool:
        """Whether the modem did it."""
        return self.result == "OK"

    def value(self, prefix: str) -> str | None:
        """What stands behind `PREFIX:` in the first line that has it."""
        for line in self.lines:
            if line.startswith(f"{prefix}:"):
                return line.partition(":")[2].strip()
        return None


def ask(line: Line, question: str, seconds: float) -> Answer:
    """Ask one question and wait for its final result, for that long at most.

    Lines that come unasked are taken for a part of the answer; the readers of answers look for theirs.
    """
    deadline = time.monotonic() + seconds
    line.send(f"{question}\r".encode("ascii"), seconds)
    lines: list[str] = []
    rest, size = bytearray(), 0  # what may be half a line yet; all that came
    while size < MOST_BYTES and (left := deadline - time.monotonic()) > 0:
        heard = line.receive(left)
        size += len(heard)
        rest += heard
        if b"\r" not in heard and b"\n" not in heard:
            continue
        whole = max(rest.rfind(b"\r"), rest.rfind(b"\n")) + 1
        for text in _lines(rest[:whole], question):
            if text.startswith(FINAL):
                return Answer(tuple(lines), text)
            lines.append(text)
        del rest[:whole]
    return Answer((*lines, *_lines(rest, question)), "")


def _lines(heard: bytes | bytearray, question: str) -> list[str]:
    text = heard.decode("utf-8", "replace").replace("\r", "\n")
    lines = [line.strip() for line in text.split("\n")]
    return [line for line in lines if line and line != question]


class SerialPort:
    """A tty as a line: raw, 115200 baud, 8N1; `with SerialPort("/dev/ttyACM0") as line`.

    AccessError, BusyError when a program has it for itself, GoneError when it is not there or leaves.
    """

    def __init__(self, path: str) -> None:
        import termios  # not on every system, and this is Linux

        self.path = path
        try:
            # Without O_NONBLOCK an open waits for the carrier.
            self._file = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError as error:
            raise _error(path, error) from error
        try:
            self._before = termios.tcgetattr(self._file)
            characters: list[int] = [0] * len(self._before[6])  # VMIN and VTIME too: a read never waits
            flags = termios.CS8 | termios.CREAD | termios.CLOCAL | termios.HUPCL
            speed = termios.B115200  # means nothing to USB
            raw = [0, 0, flags, 0, speed, speed, characters]
            termios.tcsetattr(self._file, termios.TCSANOW, raw)  # type: ignore[arg-type]  # as documented
            termios.tcflush(self._file, termios.TCIOFLUSH)
        except (OSError, termios.error) as error:
            os.close(self._file)
            raise GoneError(f"{path} is no serial port that can be used: {error.args[-1]}") from error

    def __enter__(self) -> SerialPort:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the port back as it was; DTR goes off."""
        import termios

        try:
            termios.tcflush(self._file, termios.TCIOFLUSH)
            termios.tcsetattr(self._file, termios.TCSANOW, self._before)
        except (OSError, termios.error):  # it has left
            pass
        os.close(self._file)

    def send(self, data: bytes, seconds: float) -> None:
        """See `Line`. GoneError."""
        deadline = time.monotonic() + seconds
        while data:
            _, ready, _ = select.select([], [self._file], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                return
            try:
                data = data[os.write(self._file, data) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise _error(self.path, error) from error

    def receive(self, seconds: float) -> bytes:
        """See `Line`. GoneError."""
        ready, _, _ = select.select([self._file], [], [], max(0.0, seconds))
        if not ready:
            return b""
        try:
            data = os.read(self._file, 4096)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise _error(self.path, error) from error
        if not data:
            raise GoneError(f"{self.path} has left: is the stick still plugged in?")
        return data


def _error(path: str, error: OSError) -> Exception:
    if error.errno in (errno.EACCES, errno.EPERM):
        return AccessError(f"{path} may not be opened: run this as root, or as a member of its group")
    if error.errno == errno.EBUSY:
        return BusyError(f"{path} is held by a program that wants it alone; as root this says which")
    return GoneError(f"{path} cannot be used: {error.strerror}; is the stick still plugged in?")
