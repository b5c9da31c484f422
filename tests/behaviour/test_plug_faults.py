"""What udev and systemd start, with each call to the system failing: the sender, the judge, its start.

As test_system_faults.py, which has what a user starts. Allowed is a stick that nobody has touched, with its
driver; else there is a mark, and a judge that comes of it sets all right. Nothing half written stays.
"""

from __future__ import annotations

import errno
import os
import posix
import socket
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from pymodeswitch.command import cli
from pymodeswitch.command.verbs import judge as judge_verb
from pymodeswitch.early import sender, table
from pymodeswitch.nouns.run_folder import BOOT, JUDGE, MARKS
from pymodeswitch.switching import fleet
from pymodeswitch.switching import judge as judging
from pymodeswitch.virtual import Leave, VirtualBackend, VirtualBus, mf691
from tests.behaviour.test_system_faults import TreeHost, each
from tests.command.test_journal import fill
from tests.support.system_faults import Call, SystemCalls
from tests.switching.test_judge import Computer, ejects

# What may be below /run/pymodeswitch; the last one is a mark that could not be removed, until the next one.
OWN = {MARKS, JUDGE, BOOT, "1-1", ".1-1.judged"}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> SystemCalls:
    return SystemCalls(monkeypatch)


@pytest.fixture
def factory(tmp_path_factory: pytest.TempPathFactory) -> pytest.TempPathFactory:
    return tmp_path_factory


class Events:
    """Tells of no event, and lets time pass; those of the kernel have their faults in test_several."""

    def __init__(self, bus: VirtualBus) -> None:
        self._bus = bus

    def changed(self, seconds: float, also: int | None = None) -> None:
        self._bus.clock.sleep(max(seconds, 0.05))

    def close(self) -> None:
        pass


def computer(
    factory: pytest.TempPathFactory, patch: pytest.MonkeyPatch, *, has_table: bool = True
) -> Computer:
    """One with real files: sysfs as a folder, the state, the table."""
    folder = factory.mktemp("computer")
    one = Computer(VirtualBackend(VirtualBus()), folder, patch)
    one.host = TreeHost(one.bus, one.backend, folder)  # type: ignore[assignment]
    patch.setattr(sender, "TABLE", str(one.kernel.table))
    patch.setattr(table, "default_catalog", lambda: one.catalog)
    patch.setattr(judge_verb, "default_catalog", lambda: one.catalog)
    patch.setattr(judge_verb, "LinuxHost", lambda: one.host)
    patch.setattr(fleet, "KernelEvents", lambda: Events(one.bus))
    patch.setattr(judge_verb, "Newcomers", lambda *words: None)  # test_newcomers has its faults
    patch.setattr(judging, "CREW", 1)  # simulated time is for one thread
    if not has_table:
        one.kernel.table.unlink()
    return one


def judge() -> int:
    """As systemd starts it; its exit code."""
    return cli.main(["judge"])


def settled(one: Computer) -> str:
    """What has become of the stick once all is done: switched, or back with its driver."""
    assert one.marks == []
    assert set(os.listdir(one.kernel.state)) <= OWN
    assert one.backend.open_handles == 0
    attached = one.bus.at("1-1")
    assert attached is not None
    if attached.stick.mode_index:
        return "switched"
    assert attached.drivers == {0: "usb-storage"}
    return "stays"


@pytest.mark.parametrize("leave", [Leave(0.5), None], ids=["switches", "stays"])
@pytest.mark.parametrize("has_table", [True, False], ids=["table", "no table"])
def test_the_sender(
    has_table: bool, leave: Leave | None, calls: SystemCalls, factory: pytest.TempPathFactory
) -> None:
    outcomes: Counter[str] = Counter()

    def run(call: Call | None, fault: int) -> None:
        with pytest.MonkeyPatch.context() as patch:
            one = computer(factory, patch, has_table=has_table)
            one.bus.plug(mf691(leave=leave), "1-1")
            one.kernel.update()
            calls.start(call, fault)
            try:
                outcome = one.kernel.send()
            except (OSError, ValueError) as error:  # which `run` tells in one line
                outcome = type(error).__name__
            finally:
                calls.stop()
            if not one.marks:
                assert ejects(one.backend) == 0, outcome
            else:
                assert judge() == 0
            outcomes[f"{outcome}, {settled(one)}"] += 1
            if call is None:
                assert outcome == ("sent" if has_table else "asked")

    print(f"{each(calls, run)} faults: {outcomes}")


@pytest.mark.parametrize("leave", [Leave(0.5), None], ids=["switches", "stays"])
@pytest.mark.parametrize("has_table", [True, False], ids=["table", "no table"])
def test_the_judge(
    has_table: bool,
    leave: Leave | None,
    calls: SystemCalls,
    factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With a stick that has got its message, or waits for the judge. What is left, the next start does."""
    outcomes: Counter[str] = Counter()

    def run(call: Call | None, fault: int) -> None:
        with pytest.MonkeyPatch.context() as patch:
            one = computer(factory, patch, has_table=has_table)
            one.plug(mf691(leave=leave))
            calls.start(call, fault)
            try:
                code = judge()
            finally:
                calls.stop()
            said = capsys.readouterr().err
            assert "internal error" not in said
            again = bool(one.marks)
            if again:
                assert judge() == 0
            outcome = settled(one)
            assert outcome == "stays" or leave
            assert outcome == "switched" or not leave or not has_table, "it has its message"
            outcomes[f"exit code {code}, {outcome}{', by the next one' * again}"] += 1

    print(f"{each(calls, run)} faults: {outcomes}")


class Ended(BaseException):
    """Instead of the end of the process."""


@pytest.mark.parametrize("is_child", [False, True], ids=["sender", "judge to be"])
def test_the_start_of_the_judge(
    is_child: bool,
    factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No traceback, and the mark is there for the next one; standard streams of the test are left alone."""
    started: list[str] = []

    def end(code: int) -> None:
        raise Ended(code)

    for name in ("setsid", "dup2"):
        monkeypatch.setattr(posix, name, lambda *arguments: None)
    monkeypatch.setattr(posix, "fork", lambda: 0 if is_child else 1)
    monkeypatch.setattr(posix, "execve", lambda path, words, environment: started.append(words[-1]))
    monkeypatch.setattr(posix, "_exit", end)
    calls = SystemCalls(monkeypatch)

    def run(call: Call | None, fault: int) -> None:
        with pytest.MonkeyPatch.context() as patch:
            one = computer(factory, patch)
            one.bus.plug(mf691(), "1-1")
            sent = one.kernel.send()
            patch.setattr(sender, "handle", lambda port: sent)
            patch.setattr(sender, "start_judge", partial(sender.start_judge, str(one.kernel.state)))
            started.clear()
            calls.start(call, fault)
            try:
                with pytest.raises(Ended) as ended:
                    sender.run(["--start-judge", "1-1"])
            finally:
                calls.stop()
            said = capsys.readouterr().err
            assert said.count("\n") == ended.value.args[0] == (call is not None), said
            assert started == (["judge"] if is_child and call is None else [])
            assert one.marks == ["1-1"]
            assert judge() == 0
            assert settled(one) == "switched"

    print(f"{each(calls, run)} faults")


def test_a_log_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither a log that does not read nor a socket that cannot be had is a reason to wait, or to end."""
    path = str(tmp_path / "log")
    monkeypatch.setattr(sender, "LOG", path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(path)
        sender._log("a line")
        assert log.recv(100) == b"<28>pymodeswitch: a line"
        fill(path)
        sender._log("a line")

    def refuse(*arguments: int) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr("_socket.socket", refuse)
    sender._log("a line")
