"""The demo's last part: a PPP session through the virtual modem, to a peer on this machine.

Both ends are pppd: one dials through the modem, the other one is "the network" behind its call. Only the
modem between them is virtual. The system stays as it is: no route, no name server; afterwards all is gone.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from ..system.daemons import ADMIN_PATH
from ..virtual import AcmPort, Call, ModemTerminal
from ..virtual.terminal import raw_terminal

SESSION_S = 30.0  # a session on a small board takes a few seconds
LOOK_S, READ_BYTES = 0.02, 4096

LOCAL, REMOTE = "10.64.64.65", "10.64.64.64"
COMMON = ("115200", "local", "noauth", "nodetach", "nolock", "noipv6", "nodefaultroute", "noaccomp")
CHAT = "ABORT ERROR ABORT 'NO CARRIER' '' ATZ OK 'ATE1V1&C1&D2' OK 'ATD*99***1#' CONNECT ''"


class Session(NamedTuple):
    """How it went: `lines` of the pppd that dialled; connected: whether both had their addresses."""

    connected: bool
    lines: tuple[str, ...]


def program(name: str) -> str | None:
    """Where a program is, looking at the administrator's folders too."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{ADMIN_PATH}")


def missing() -> tuple[str, ...]:
    """What this computer lacks for a PPP session, each with what brings it; empty when it can be had."""
    if not sys.platform.startswith("linux"):
        return ("Linux",)
    lacks = []
    if os.geteuid() != 0:
        lacks.append("root (sudo pymodeswitch demo)")
    if program("pppd") is None or program("chat") is None:
        lacks.append("pppd and chat (apt-get install ppp)")
    if not os.path.exists("/dev/ppp"):
        lacks.append("/dev/ppp (modprobe ppp_generic)")
    return tuple(lacks)


def hold(port: AcmPort, seconds: float = SESSION_S) -> Session:
    """Dial through a virtual port, wait until both sides have an address, and hang up again.

    seconds: for all of it. `missing` must be empty.
    """
    peers: list[subprocess.Popen[bytes]] = []

    def take(call: Call) -> None:
        peers.append(_answer(call, pumps))

    pumps: list[threading.Thread] = []
    port.radio.on_call = take
    with ModemTerminal(port) as terminal:
        chat = f"{program('chat')} -t 10 {CHAT}"
        words = [str(program("pppd")), terminal.path, *COMMON, "noipdefault", "connect", chat]
        dialler = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        try:
            lines = _lines_until(dialler, "remote IP address", seconds)
        finally:
            for process in (dialler, *peers):
                _end(process)
            for call in port.radio.calls:
                call.hang_up()
            for pump in pumps:
                pump.join(SESSION_S)
    return Session(any(line.startswith("remote IP address") for line in lines), tuple(lines))


def _answer(call: Call, pumps: list[threading.Thread]) -> subprocess.Popen[bytes]:
    """The network's pppd behind a call."""
    ours, theirs = raw_terminal()
    words = [str(program("pppd")), os.ttyname(theirs), *COMMON, f"{REMOTE}:{LOCAL}"]
    peer = subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    def hear(data: bytes) -> None:
        with contextlib.suppress(OSError):  # the call has just ended
            os.write(ours, data)

    call.connect(hear)

    def listen() -> None:
        while peer.poll() is None and not call.ended:
            if select.select([ours], [], [], LOOK_S)[0]:
                call.write(os.read(ours, READ_BYTES))
        call.hang_up()
        call.connect(lambda data: None)
        _end(peer)
        os.close(ours)
        os.close(theirs)

    pumps.append(_start(listen))
    return peer


def _start(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def _lines_until(process: subprocess.Popen[bytes], end: str, seconds: float) -> list[str]:
    """Lines of a program until one begins with `end`, the program ends, or the time is up."""
    assert process.stdout is not None
    file, deadline, heard = process.stdout.fileno(), time.monotonic() + seconds, b""
    while (left := deadline - time.monotonic()) > 0:
        data = os.read(file, READ_BYTES) if select.select([file], [], [], left)[0] else b""
        heard += data
        lines = heard.decode("utf-8", "replace").splitlines()
        if not data or any(line.startswith(end) for line in lines):
            break
    process.stdout.close()
    return [line for line in heard.decode("utf-8", "replace").splitlines() if line.strip()]


def _end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, as `pkill pppd` sends it: pppd ends the session in order; SIGKILL if it does not."""
    process.terminate()
    try:
        process.wait(SESSION_S / 3)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
