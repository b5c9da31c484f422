"""`demo`: the whole job without a stick."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import Any

import pytest

from pymodeswitch.command import demo_session


def test_demo(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_session, "missing", lambda: ("pppd and chat (apt-get install ppp)",))
    code, out, err = run("demo")
    assert (code, err) == (0, "")
    assert "START STOP UNIT (eject), LUN 0" in out
    assert "Model: MF691" in out
    assert "registered with Test Network (at home)" in out
    assert "there is missing: pppd and chat (apt-get install ppp).\n" in out
    assert out.rstrip().endswith("19d2:1201 became a modem, and it answers.")
    code, out, _ = run("demo", "--json")
    data = json.loads(out)
    assert (data["status"], data["ready"]) == ("switched", True)
    assert data["session"] == {"missing": ["pppd and chat (apt-get install ppp)"]}
    assert run("demo", "-q") == (0, "", "")


def test_interrupted() -> None:
    """Ctrl-C in the middle: the first line is out, the stick is away for a third of a second yet."""
    words = [sys.executable, "-u", "-m", "pymodeswitch", "demo"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "pymodeswitch: interrupted\n")
