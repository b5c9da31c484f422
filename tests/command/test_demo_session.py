"""The PPP session of the demo, with programs in pppd's place; with pppd itself it runs in the rig."""

from __future__ import annotations

import stat
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from pymodeswitch.command import demo_session
from pymodeswitch.command.demo_session import hold, missing
from pymodeswitch.virtual import AcmPort, Radio

# Both ends: with `connect` among its words it dials, else it is the one that is called.
PPPD = """
    import os, sys, time

    file = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)

    def chat(say, expect):
        os.write(file, say)
        heard = b""
        while expect not in heard:
            heard += os.read(file, 100)

    if "connect" in sys.argv:
        chat(b"ATZ\\r", b"OK\\r\\n")
        chat(b"ATD*99***1#\\r", b"CONNECT\\r\\n")
        chat(b"ping~\\x00\\xff", b"pong")
        print("Using interface ppp0", flush=True)
        {end}
    else:
        chat(b"", b"ping~\\x00\\xff")
        os.write(file, b"pong")
    time.sleep(60)
"""
ADDRESSES = 'print("local  IP address 10.64.64.65\\nremote IP address 10.64.64.64", flush=True)'


@pytest.fixture
def pppd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a program in pppd's place; `end` is what the dialling one does when it is through."""

    def put(end: str) -> None:
        file = tmp_path / "pppd"
        file.write_text(f"#!{sys.executable}\n" + textwrap.dedent(PPPD).replace("{end}", end))
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(demo_session, "program", lambda name: str(tmp_path / name))

    return put


def test_both_ends_talk_through_the_modem(pppd: Callable[[str], None]) -> None:
    pppd(ADDRESSES)
    port = AcmPort(radio=Radio())
    session = hold(port, 20.0)
    assert session.connected
    assert session.lines == (
        "Using interface ppp0",
        "local  IP address 10.64.64.65",
        "remote IP address 10.64.64.64",
    )
    assert port.radio.calls[0].ended
    assert not port.dtr


def test_a_session_that_does_not_come_up_is_bounded(pppd: Callable[[str], None]) -> None:
    pppd("pass")
    session = hold(AcmPort(radio=Radio()), 1.5)
    assert not session.connected


def test_a_dialler_that_ends(pppd: Callable[[str], None]) -> None:
    pppd("sys.exit(8)")
    session = hold(AcmPort(radio=Radio()), 20.0)
    assert (session.connected, session.lines) == (False, ("Using interface ppp0",))


def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_session.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(demo_session, "program", lambda name: None)
    monkeypatch.setattr(demo_session.os.path, "exists", lambda path: False)
    assert [what.partition(" (")[0] for what in missing()] == ["root", "pppd and chat", "/dev/ppp"]
    monkeypatch.setattr(demo_session.sys, "platform", "darwin")
    assert missing() == ("Linux",)
