"""The journal: an entry with fields where it reads us, a plain line where it does not."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pymodeswitch import UnchangedError, switch
from pymodeswitch.command import journal
from pymodeswitch.virtual import VirtualBackend, VirtualBus, mf691


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "socket"))
        server.settimeout(10)
        yield server


def heard(listener: socket.socket) -> dict[str, str]:
    """The fields of one entry, by the description of the protocol."""
    data = listener.recv(65536)
    found = {}
    while data:
        line, _, data = data.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            length = int.from_bytes(data[:8], "little")
            value, data = data[8 : 8 + length], data[8 + length + 1 :]
        found[name.decode()] = value.decode()
    return found


def test_an_entry(listener: socket.socket) -> None:
    assert journal.send_entry("text", journal.ERROR, {"X": "one\ntwo=2", "Y": "="}, listener.getsockname())
    assert heard(listener) == {
        "MESSAGE": "text",
        "PRIORITY": "3",
        "SYSLOG_IDENTIFIER": "pymodeswitch",
        "X": "one\ntwo=2",
        "Y": "=",
    }


def test_no_journal_is_no_error(tmp_path: Path) -> None:
    assert not journal.send_entry("text", journal.INFO, {}, str(tmp_path / "nothing"))


def test_fields_of_a_result_and_of_an_error(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(mf691())
    result = switch(0x19D2, 0x1201, backend=backend)
    assert result.entry is not None
    assert journal.fields(result) == {
        "PYMODESWITCH_ID": "19d2:1201",
        "PYMODESWITCH_PORT": "1-1",
        "PYMODESWITCH_ENTRY": result.entry.path,
        "PYMODESWITCH_NOW": "19d2:1203",
        "PYMODESWITCH_TRIES": "1",
        "PYMODESWITCH_OUTCOME": "switched",
    }
    bus.unplug("1-1")
    bus.plug(mf691(leave=None))
    with pytest.raises(UnchangedError) as caught:
        switch(0x19D2, 0x1201, backend=backend)
    fields = journal.fields(caught.value.result, caught.value)
    assert fields["PYMODESWITCH_OUTCOME"] == "UnchangedError"
    assert fields["PYMODESWITCH_EXIT_CODE"] == "11"
    assert fields["PYMODESWITCH_TRIES"] == "3"


def test_is_reading(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    assert not journal.is_reading(2)
    with (tmp_path / "stream").open("w") as file:
        status = os.fstat(file.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        assert journal.is_reading(file.fileno())
        assert not journal.is_reading(2)
        number = file.fileno()
    monkeypatch.setenv("JOURNAL_STREAM", "rubbish")
    assert not journal.is_reading(2)
    assert not journal.is_reading(number), "closed"


@pytest.mark.parametrize("there", [True, False], ids=["journal", "no journal"])
def test_the_command_tells_the_journal_or_prints(
    there: bool, listener: socket.socket, tmp_path: Path
) -> None:
    """A verdict is told once: to the journal with its fields, or else on standard error."""
    path = listener.getsockname() if there else str(tmp_path / "nothing")
    code = (
        "import os, sys; from pymodeswitch.command import cli, journal;"
        "s = os.fstat(2); os.environ['JOURNAL_STREAM'] = f'{s.st_dev}:{s.st_ino}';"
        "send = journal.send_entry;"
        f"journal.send_entry = lambda *a: send(*a, {path!r});"
        "sys.exit(cli.main(['ffff:fffe']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 5
    text = "no device file for ffff:fffe"
    if there:
        entry = heard(listener)
        assert text in entry["MESSAGE"]
        assert entry["PYMODESWITCH_OUTCOME"] == "NoEntryError"
        assert entry["PYMODESWITCH_ID"] == "ffff:fffe"
        assert done.stderr == ""
    else:
        assert text in done.stderr


def fill(path: str) -> None:
    """Send to a socket until it takes no more."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other, contextlib.suppress(BlockingIOError):
        while other.sendto(b"x", socket.MSG_DONTWAIT, path):
            pass


def test_a_journal_that_does_not_read(listener: socket.socket, tmp_path: Path) -> None:
    """Nobody waits for it: the line is printed instead."""
    fill(str(tmp_path / "socket"))
    assert not journal.send_entry("a line", journal.INFO, {}, str(tmp_path / "socket"))
