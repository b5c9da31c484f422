"""Reading in bounds, and asking programs that only tell."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from pymodeswitch.doctor import computer
from pymodeswitch.doctor.computer import Computer, Process, in_time, run_program
from tests.doctor.tree import Tree


def test_reading_is_bounded(tree: Tree) -> None:
    tree.write("/long", b"x" * 100)
    assert tree.computer().read_bytes("/long", 10) == b"x" * 10
    os.mkfifo(tree.at("/pipe"))
    assert tree.computer().read("/pipe") == ""  # nobody writes: it does not wait
    assert (
        tree.computer().read("/nothing")
        == tree.computer().read("/proc")
        == tree.computer().read("\0")
        == ""
    )
    assert not tree.computer().is_empty("/proc")


def test_processes_of_any_name(tree: Tree) -> None:
    tree.process(7, "a) S (b", "D")
    tree.write("/proc/8/stat", "8 (cut")
    tree.folder("/proc/self/fd")
    assert tree.computer().processes == (Process(1, "systemd", "S"), Process(7, "a) S (b", "D"))


def test_own_process_is_seen() -> None:
    """On this very computer."""
    with open("/dev/null") as file:
        me = Computer()
        assert os.getpid() in [process.pid for process in me.processes]
        assert os.getpid() in [process.pid for process in me.open_nodes[file.name]]
        assert me.may_open("/dev/null")


def test_container_marks(tree: Tree) -> None:
    assert not tree.computer().in_container
    tree.write("/proc/1/environ", "HOME=/\0container=podman\0")
    assert tree.computer().in_container


def test_programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    python = sys.executable
    assert run_program((python, "-c", "print('failed')")) == "failed\n"
    assert run_program((python, "-c", "raise SystemExit(3)")) is None
    assert run_program((str(tmp_path / "nothing"),)) is None
    monkeypatch.setattr(computer, "PATIENCE_S", 0.05)
    assert run_program((python, "-c", "input() or __import__('time').sleep(60)")) is None


def test_in_time() -> None:
    blocked = threading.Event()
    assert in_time(lambda: 3, 60.0) == (True, 3)
    assert in_time(lambda: None, 60.0) == (True, None)
    assert in_time(blocked.wait, 0.01) == (False, None)
    blocked.set()
