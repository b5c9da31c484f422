"""`watch`: what comes, until a signal ends it."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from pymodeswitch.command.verbs import list
from pymodeswitch.planning import settings
from pymodeswitch.virtual import SimulatedClock, VirtualBus, mf691


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("as_json", [False, True])
def test_watch(
    number: signal.Signals,
    as_json: bool,
    run: Any,
    bus: VirtualBus,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The usual end of this verb is a signal: exit code 0."""
    bus.plug(mf691(), "1-1")
    waited = bus.clock.sleep

    def sleep(seconds: float) -> None:
        waited(seconds)
        if bus.clock.now() > 10:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(SimulatedClock, "sleep", lambda self, seconds: sleep(seconds))
    delays: list[int] = []
    monkeypatch.setattr(
        "pymodeswitch.host.linux.LibusbHost.raise_storage_delay",
        lambda self, seconds: delays.append(seconds) or "done",
    )
    (tmp_path / "conf").write_text("storage_delay_s = 4\n")
    monkeypatch.setattr(settings, "PATH", str(tmp_path / "conf"))
    handlers = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    code, out, err = run("watch", *(["--json"] if as_json else []))
    assert (code, err) == (0, "")
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == handlers
    assert delays == [4, 4], "at its start, and before the switch"
    if as_json:
        assert [json.loads(line)["status"] for line in out.splitlines()] == ["switched"]
    else:
        assert out == "19d2:1201 on port 1-1 switched to 19d2:1203 in 0.3 s\n"
