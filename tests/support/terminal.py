"""A pseudo terminal of a size, with a program on it that is answered as a person would."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

# Runs the command on a virtual bus; `plugged` is Python that plugs sticks into `bus`.
PROGRAM = """
import sys
from pymodeswitch.command import cli
from pymodeswitch.host import linux as host
from pymodeswitch.virtual import *
bus = VirtualBus(RealClock())
{plugged}
host.Sysfs.exists = lambda self: False
virtual = host.default_host(VirtualBackend(bus))
host.LibusbHost = lambda: virtual
code = cli.main({words!r})
{afterwards}
sys.exit(code)
"""
COLOUR = re.compile(r"\033\[\d*m")


class Shown(NamedTuple):
    """What came of a program: its exit code, and what it put on the terminal, with `\\n` for line ends."""

    code: int
    text: str

    @property
    def plain(self) -> str:
        """Without colours."""
        return COLOUR.sub("", self.text)

    @property
    def lines(self) -> list[str]:
        """The lines, without colours."""
        return self.plain.splitlines()


def run(
    words: Sequence[str],
    plugged: str = "",
    *,
    afterwards: str = "",
    columns: int = 80,
    typed: str = "",
    interrupt_at: str = "",
    flags: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    timeout: float = 60,
) -> Shown:
    """Run pymodeswitch on a terminal with a virtual bus.

    typed: what a person types; the terminal keeps it until it is read. environment: besides one without
    anything that says a word of colours or sizes. interrupt_at: what is on the terminal when the person
    presses Ctrl-C. afterwards: Python to run before it exits.
    """
    code = PROGRAM.format(plugged=plugged, words=list(words), afterwards=afterwards)
    near, far = os.openpty()
    fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    if typed:
        os.write(near, typed.encode())
    unsaid = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM", "JOURNAL_STREAM", "PYTHONPROFILEIMPORTTIME")
    known = {name: value for name, value in os.environ.items() if name not in unsaid}
    known |= {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **(environment or {})}
    process = subprocess.Popen(
        [sys.executable, *flags, "-c", code], stdin=far, stdout=far, stderr=far, env=known
    )
    os.close(far)
    shown, deadline = b"", time.monotonic() + timeout
    try:
        while (left := deadline - time.monotonic()) > 0 and select.select([near], [], [], left)[0]:
            try:
                shown += os.read(near, 65536)
            except OSError:  # EIO: nobody has the other end any more
                break
            if interrupt_at and interrupt_at.encode() in shown:
                process.send_signal(signal.SIGINT)
                interrupt_at = ""
        else:
            raise AssertionError(f"not done in {timeout:g} s: {shown!r}")
        return Shown(process.wait(10), shown.decode().replace("\r\n", "\n"))
    finally:
        process.kill()
        process.wait()
        os.close(near)
