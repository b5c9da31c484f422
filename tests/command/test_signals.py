"""Signals: the first ends what is under way, the second waits for the giving back, the third kills."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from pymodeswitch.command import cli
from pymodeswitch.command.console import Terminated, terminating
from pymodeswitch.host import linux
from pymodeswitch.virtual import VirtualBackend, VirtualBus, mf691

ENDINGS = [
    (signal.SIGINT, 130, "interrupted"),
    (signal.SIGTERM, 143, "terminated"),
    (signal.SIGHUP, 129, "terminated"),
]


@pytest.fixture
def host(bus: VirtualBus, backend: VirtualBackend, monkeypatch: pytest.MonkeyPatch) -> linux.LibusbHost:
    """A stick that stays, on what the command takes for this computer."""
    bus.plug(mf691(leave=None))
    host = linux.LibusbHost(backend, bus.clock)
    monkeypatch.setattr(linux, "default_host", lambda backend=None: host)
    monkeypatch.setattr("pymodeswitch.switching.switch.default_host", lambda backend=None: host)
    return host


@pytest.mark.parametrize(("number", "code", "word"), ENDINGS)
@pytest.mark.parametrize("times", [1, 2])
def test_all_is_given_back(
    number: signal.Signals,
    code: int,
    word: str,
    times: int,
    host: linux.LibusbHost,
    bus: VirtualBus,
    backend: VirtualBackend,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    killed: list[int] = []
    wait = host.wait

    def waits(seconds: float, port: Any = None) -> None:
        wait(seconds, port)
        if not killed:
            killed.append(number)
            os.kill(os.getpid(), number)

    def before(kind: str) -> None:
        if kind == "attach_kernel_driver" and 0 < len(killed) < times:
            killed.append(number)
            os.kill(os.getpid(), number)

    monkeypatch.setattr(host, "wait", waits)
    backend.before_call = before
    handlers = [signal.getsignal(one) for one, *_ in ENDINGS]
    assert cli.main(["19d2:1201"]) == code
    assert len(killed) == times
    assert bus.at("1-1").drivers == {0: "usb-storage"}
    assert capsys.readouterr().err.splitlines()[-1] == f"pymodeswitch: {word}"
    assert [signal.getsignal(one) for one, *_ in ENDINGS] == handlers


def test_the_third_one_kills() -> None:
    code = (
        "import os, signal, time\n"
        "from pymodeswitch.command.console import terminating\n"
        "with terminating():\n"
        "    try:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "    finally:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        print('giving back', flush=True)\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        print('never')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (-signal.SIGINT, "giving back\n")


def test_what_is_ignored_stays_ignored() -> None:
    """nohup ignores SIGHUP, a shell's `&` in a script SIGINT."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with terminating():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    with pytest.raises(Terminated), terminating():
        os.kill(os.getpid(), signal.SIGHUP)


def test_a_closed_terminal_ends_a_watch(
    host: linux.LibusbHost, bus: VirtualBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait = host.wait

    def waits(seconds: float, port: Any = None) -> None:
        wait(seconds, port)
        assert bus.clock.now() < 60
        if bus.clock.now() > 40:
            os.kill(os.getpid(), signal.SIGHUP)

    monkeypatch.setattr(host, "wait", waits)
    monkeypatch.setattr("pymodeswitch.command.verbs.watch.default_host", linux.default_host)
    before = signal.getsignal(signal.SIGHUP)
    assert cli.main(["watch", "-q"]) == 0
    assert signal.getsignal(signal.SIGHUP) == before
