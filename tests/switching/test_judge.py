"""The judge behind the sender: what comes of each mark, what it gives back, when it ends."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pymodeswitch import BusyError, DeviceFile, GoneError, Port, Settings, UnchangedError, switch
from pymodeswitch.catalog.catalog import Catalog
from pymodeswitch.catalog.sources import shipped_folder
from pymodeswitch.device_files.syntax import write
from pymodeswitch.early import sender
from pymodeswitch.early.plugged_stick import PluggedStick
from pymodeswitch.early.table import make_table
from pymodeswitch.host.file_lock import FileLock
from pymodeswitch.nouns.model import AttachedDevice
from pymodeswitch.nouns.protocols import Transport
from pymodeswitch.nouns.run_folder import BOOT, JUDGE, MARKS
from pymodeswitch.switching.fleet import Outcome
from pymodeswitch.switching.judge import LINGER_S, Judge
from pymodeswitch.switching.marks import read_marks, remove_mark
from pymodeswitch.virtual import Leave, Stick, VirtualBackend, VirtualBus, mf691, modem_mode
from pymodeswitch.virtual.descriptors import SUPER_SPEED
from tests.support.method_sticks import METHODS, Method
from tests.support.virtual_kernel import VirtualKernel
from tests.switching.test_fleet import summary
from tests.switching.test_port_state import Host

PORT = Port("1-1")


class Computer:
    """A virtual computer as after a boot: sender, marks and judge. outcomes: what the judge has told."""

    def __init__(self, backend: VirtualBackend, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.bus, self.backend = backend.bus, backend
        self.kernel = VirtualKernel(backend, folder, patch)
        self.host = Host(backend, self.kernel.state)
        self.folder = str(self.kernel.state)
        self.outcomes: list[Outcome] = []
        self.settings = Settings()
        devices = folder / "shipped"
        devices.mkdir()
        shutil.copy(os.path.join(shipped_folder(), "19d2-1201"), devices)
        self.catalog = Catalog([str(devices)])
        self.make_table()
        self.kernel.state.mkdir()
        (self.kernel.state / BOOT).touch()

    def make_table(self) -> None:
        self.kernel.table.write_bytes(make_table(self.catalog, self.settings))
        self.kernel.table.chmod(0o644)

    def plug(self, stick: Stick, port: str = "1-1") -> str:
        """As udev: the sender is started; returns what it made of the stick."""
        self.bus.plug(stick, port)
        return self.kernel.send(port)

    def judge(self, **options: object) -> bool:
        judge = Judge(self.host, self.catalog, self.settings, self.outcomes.append, **options)  # type: ignore[arg-type]
        return judge.run()

    @property
    def marks(self) -> list[str]:
        folder = self.kernel.state / MARKS
        return sorted(os.listdir(folder)) if folder.exists() else []


@pytest.fixture
def computer(backend: VirtualBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Computer:
    return Computer(backend, tmp_path, monkeypatch)


def ejects(backend: VirtualBackend) -> int:
    return sum(kind == "out" and b"\x06\x1b\x00\x00\x00\x02" in data for kind, _, data in backend.transfers)


def test_sent_and_switched(computer: Computer) -> None:
    """One message, one verdict, no mark left; it ends by itself within seconds."""
    assert computer.plug(mf691()) == "sent"
    assert computer.marks == ["1-1"]
    assert computer.judge()
    assert summary(computer.outcomes) == [("1-1", "switched")]
    (outcome,) = computer.outcomes
    assert outcome.result is not None
    assert (str(outcome.result.id), outcome.result.tries) == ("19d2:1201", 1)
    assert outcome.result.before is not None
    assert ejects(computer.backend) == 1
    assert computer.marks == []
    ended = computer.host.now()
    assert LINGER_S <= ended < LINGER_S + 10


def test_it_has_left_before_the_judge_comes(computer: Computer, bus: VirtualBus) -> None:
    """The mark tells what was there."""
    computer.plug(mf691(leave=Leave(3.0)))
    assert bus.at("1-1") is None
    computer.judge()
    assert summary(computer.outcomes) == [("1-1", "switched")]


@pytest.mark.parametrize("seconds", [0.0, 0.2, 5.0])
def test_it_comes_back_on_the_peer(seconds: float, computer: Computer, bus: VirtualBus) -> None:
    """Before the judge comes, or after it has: at SuperSpeed, on the other port of the connector."""
    bus.super_speed = 2
    stick = mf691(leave=Leave(0.4))
    stick.modes[1].speed = SUPER_SPEED
    assert computer.plug(stick) == "sent"
    bus.clock.sleep(seconds)
    computer.judge()
    assert summary(computer.outcomes) == [("1-1", "switched")]
    (outcome,) = computer.outcomes
    assert outcome.result is not None
    assert outcome.result.port == "2-1"
    assert computer.marks == []


def test_it_has_switched_before_the_judge_comes(computer: Computer, bus: VirtualBus) -> None:
    computer.plug(mf691())
    bus.clock.sleep(5)
    computer.judge()
    assert summary(computer.outcomes) == [("1-1", "switched")]


def test_a_stick_that_stays_is_tried_again_and_gets_its_driver_back(
    computer: Computer, bus: VirtualBus
) -> None:
    assert computer.plug(mf691(leave=None)) == "sent"
    attached = bus.at("1-1")
    assert attached is not None
    assert attached.drivers == {}, "the sender has taken it"
    computer.judge()
    (outcome,) = computer.outcomes
    assert isinstance(outcome.error, UnchangedError)
    assert "tried 3 times" in str(outcome.error)
    assert attached.drivers == {0: "usb-storage"}
    text = (computer.kernel.state / "1-1").read_text()
    assert text.count("switch ") == 1, "a try again counts no more than the first one"
    assert "verdict " in text


def test_what_is_carried_out_as_written_sends_though_the_sender_has_sent(computer: Computer) -> None:
    """A switch takes the sender's message for its first try; who gives the messages has them sent."""
    assert computer.plug(mf691(leave=None)) == "sent"
    own, sent = DeviceFile(standard_eject=True), ejects(computer.backend)
    with pytest.raises(UnchangedError, match="tried once"):
        switch(0x19D2, 0x1201, host=computer.host, config=own, as_written=True, timeout=1)
    assert ejects(computer.backend) == 2 * sent
    with pytest.raises(UnchangedError, match="tried once"):
        switch(0x19D2, 0x1201, host=computer.host, catalog=computer.catalog, timeout=0.5)
    assert ejects(computer.backend) == 2 * sent, "the mark of the sender's stands for the first try"


def test_a_stick_that_leaves_for_good(computer: Computer) -> None:
    computer.plug(mf691(leave=Leave(None)))
    computer.judge()
    (outcome,) = computer.outcomes
    assert isinstance(outcome.error, GoneError)
    assert computer.marks == []


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_every_method(method: Method, computer: Computer, tmp_path: Path) -> None:
    """Sent by the one or by the other, it comes to the same."""
    folder = tmp_path / "devices"
    folder.mkdir()
    (folder / "1111-2222").write_text(write(method.device_file))
    computer.catalog = Catalog([str(folder)])
    computer.make_table()
    assert computer.plug(method.build(Leave(0.5))) in ("sent", "asked")
    computer.judge()
    assert summary(computer.outcomes) == [("1-1", "switched")]


def test_without_a_table_the_judge_does_it_all(computer: Computer) -> None:
    """And sees to it that there is one the next time."""
    computer.kernel.table.unlink()
    refreshed: list[str] = []
    assert computer.plug(mf691()) == "asked"
    computer.judge(refresh=lambda: refreshed.append("table"))
    assert summary(computer.outcomes) == [("1-1", "switched")]
    assert refreshed == ["table"]


@pytest.mark.parametrize("by_judge", [True, False])
def test_the_run_before_was_killed(by_judge: bool, computer: Computer, bus: VirtualBus) -> None:
    """By SIGKILL, with the driver taken away, and nothing says so: it is given one all the same."""
    computer.kernel.table.unlink()
    assert computer.plug(mf691(leave=None)) == "asked"
    attached = bus.at("1-1")
    assert attached is not None
    attached.drivers.clear()
    if by_judge:
        computer.judge()
        (outcome,) = computer.outcomes
        assert isinstance(outcome.error, UnchangedError)
    else:
        with pytest.raises(UnchangedError):
            switch(0x19D2, 0x1201, host=computer.host, catalog=computer.catalog)
    assert attached.drivers == {0: "usb-storage"}


def test_a_stick_that_another_program_holds_gets_no_driver(computer: Computer, bus: VirtualBus) -> None:
    """That program has taken it away, and has it."""
    computer.kernel.table.unlink()
    computer.plug(mf691(leave=None))
    attached = bus.at("1-1")
    assert attached is not None
    attached.drivers.clear()
    attached.taken.add(0)
    computer.judge()
    (outcome,) = computer.outcomes
    assert isinstance(outcome.error, BusyError)
    assert attached.drivers == {}


def test_no_entry_is_told_to_nobody(computer: Computer) -> None:
    """Without a table any device that a rule starts it for has a mark."""
    computer.kernel.table.unlink()
    assert computer.plug(Stick([modem_mode(0x1, 0x2)])) == "asked"
    computer.judge()
    assert [outcome.is_left_alone for outcome in computer.outcomes] == [True]
    assert computer.marks == []


def test_switching_turned_off(computer: Computer) -> None:
    computer.kernel.table.unlink()
    computer.settings = Settings(switching=False)
    assert computer.plug(mf691()) == "asked"
    computer.judge()
    assert [outcome.is_left_alone for outcome in computer.outcomes] == [True]
    assert (computer.marks, ejects(computer.backend)) == ([], 0)
    computer.make_table()
    computer.bus.unplug("1-1")
    assert computer.plug(mf691()) == "nothing"


@pytest.mark.parametrize("port", ["1-1", "1-1.2"])
def test_udev_replays_its_events(port: str, computer: Computer) -> None:
    """While the mark is there nothing more is sent; nor to the modem that it has become."""
    computer.plug(mf691(leave=None), port)
    assert computer.kernel.send(port) == "asked"
    assert ejects(computer.backend) == 2
    computer.bus.unplug(port)
    computer.plug(mf691(), port)
    computer.judge()
    assert computer.kernel.send(port) == "nothing"
    assert computer.marks == []


def test_a_stick_that_falls_back_to_storage(computer: Computer) -> None:
    """A new stay is a new event, and a new mark."""
    for _ in range(3):
        computer.plug(mf691())
        computer.judge()
        computer.bus.unplug("1-1")
    assert summary(computer.outcomes) == [("1-1", "switched")] * 3


@pytest.mark.parametrize("is_locked", [True, False])
def test_another_sender_is_as_quick(
    is_locked: bool, computer: Computer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """udev's and the judge's own: one of them sends, and its mark stays."""
    real = sender.flock

    def lock(file: int, how: int) -> None:
        monkeypatch.setattr(sender, "flock", real)
        assert computer.kernel.send() == "sent"
        if is_locked:
            raise BlockingIOError
        real(file, how)

    monkeypatch.setattr(sender, "flock", lock)
    assert computer.plug(mf691(leave=None)) == "asked"
    assert ejects(computer.backend) == 2  # what one of them sends
    assert [mark.state for mark in read_marks(computer.folder)] == ["sent"]


@pytest.mark.parametrize("is_older", [True, False])
def test_nothing_done_is_not_written_over_what_was_done(
    is_older: bool, computer: Computer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other sender's mark comes at the last moment; one of a stay before counts no more."""
    computer.plug(mf691(leave=None))
    if is_older:
        computer.bus.unplug("1-1")
        computer.bus.plug(mf691(leave=None), "1-1")
    lock = FileLock(str(computer.kernel.state / "1-1"))
    assert lock.take()
    real = sender.Port.is_marked
    looks: list[bool] = []

    def is_marked(port: sender.Port, stick: PluggedStick) -> bool:
        looks.append(real(port, stick))
        return looks[-1] and len(looks) > 1

    monkeypatch.setattr(sender.Port, "is_marked", is_marked)
    assert computer.kernel.send() == "asked"
    lock.give_back()
    assert [mark.state for mark in read_marks(computer.folder)] == ["asked" if is_older else "sent"]
    assert sorted(os.listdir(computer.folder)) == ["1-1", "boot", "marks"]


def test_not_too_often(computer: Computer) -> None:
    """Nobody is asked: a stick that falls back again and again is left alone."""
    said = [computer.plug(mf691(leave=None), f"1-{number}") for number in (1, 1, 1)[:1]]
    for _ in range(4):
        computer.bus.unplug("1-1")
        said.append(computer.plug(mf691(leave=None)))
    computer.bus.unplug("1-1")
    assert said == ["sent"] * 5
    assert computer.plug(mf691(leave=None)) == "too often"
    computer.bus.clock.sleep(61)
    computer.bus.unplug("1-1")
    assert computer.plug(mf691()) == "sent"


def test_another_run_is_at_work_on_the_port(computer: Computer) -> None:
    """The judge waits for it, as any other run does."""
    lock = FileLock(str(computer.kernel.state / "1-1"))
    assert lock.take()
    assert computer.plug(mf691()) == "asked"
    computer.host.meanwhile = lock.give_back
    computer.judge()
    assert summary(computer.outcomes) == [("1-1", "switched")]


def test_the_first_judge_after_a_boot_looks_at_everything(computer: Computer, bus: VirtualBus) -> None:
    """What the initial RAM disk's kernel has found has no event of its own."""
    (computer.kernel.state / BOOT).unlink()
    bus.plug(mf691(), "1-1")
    bus.plug(Stick([modem_mode(0x1, 0x2)]), "1-2")
    comers = Comers(computer)
    comers.notes = [("begin", False)] * 2  # nothing comes
    computer.judge(newcomers=comers)
    assert comers.left, "those are the judge's"
    assert summary(computer.outcomes) == [("1-1", "switched")]
    computer.outcomes.clear()
    bus.plug(mf691(), "1-3")
    computer.judge()
    assert computer.outcomes == [], "that has an event"


def test_one_at_a_time(computer: Computer) -> None:
    lock = FileLock(str(computer.kernel.state / JUDGE))
    assert lock.take()
    computer.plug(mf691())
    assert not computer.judge()
    lock.give_back()
    assert computer.judge()


@pytest.mark.parametrize(
    "text", ["", "stick", "stick 19d2:1201 1 2\nstate sent\n", "\0\xff", "state " * 40000], ids=repr
)
def test_what_is_no_mark_is_removed(text: str, computer: Computer) -> None:
    (computer.kernel.state / MARKS).mkdir()
    (computer.kernel.state / MARKS / "1-1").write_text(text)
    (computer.kernel.state / MARKS / "nonsense").write_text("")
    assert computer.judge()
    assert computer.marks == []
    assert computer.outcomes == []


def test_a_mark_that_cannot_be_removed(computer: Computer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Judged once, and the judge ends all the same."""
    computer.plug(mf691())

    def refuse(*paths: str) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("pymodeswitch.switching.marks.os.rename", refuse)
    assert computer.judge()
    assert summary(computer.outcomes) == [("1-1", "switched")]


@pytest.mark.parametrize("newer", [0, 1, 2])
def test_a_mark_that_comes_while_another_one_is_removed(
    newer: int, computer: Computer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stick was plugged in again just then, once or twice: the newest one stays."""
    computer.plug(mf691())
    folder = str(computer.kernel.state)
    (mark,) = read_marks(folder)
    path = computer.kernel.state / MARKS / "1-1"
    text = path.read_text()

    def put(number: int) -> None:
        path.write_text(text.replace(f" {mark.device.device_number}\n", f" {number}\n", 1))

    real = os.rename

    def rename(one: str, other: str) -> None:
        if newer:
            put(100)
        real(one, other)
        if newer == 2:
            put(101)

    monkeypatch.setattr("pymodeswitch.switching.marks.os.rename", rename)
    assert remove_mark(folder, mark)
    left = [found.device.device_number for found in read_marks(folder)]
    assert left == {0: [], 1: [100], 2: [101]}[newer]
    aside = [] if newer else [".1-1.judged"]
    assert sorted(os.listdir(folder)) == [*aside, "1-1", "boot", "marks"]


def test_a_sender_that_was_killed(computer: Computer, bus: VirtualBus) -> None:
    """In the middle of its messages: the mark says what it has taken, and that something may be out."""

    def killed(call: str) -> None:
        if call == "bulk_write":
            raise KeyboardInterrupt

    computer.backend.before_call = killed
    with pytest.raises(KeyboardInterrupt):
        computer.plug(mf691(leave=None))
    computer.backend.before_call = None
    computer.backend.unreleased.clear()  # the kernel has released what the process had
    attached = bus.at("1-1")
    assert attached is not None
    assert attached.drivers == {}
    computer.judge()
    assert [type(outcome.error) for outcome in computer.outcomes] == [UnchangedError]
    assert attached.drivers == {0: "usb-storage"}


def test_a_judge_that_was_stopped_gives_back_what_the_sender_took(
    computer: Computer, bus: VirtualBus
) -> None:
    """Its mark stays for the next one."""
    computer.plug(mf691(leave=None))
    judge = Judge(computer.host, computer.catalog, computer.settings, computer.outcomes.append)
    computer.host.meanwhile = judge.stop
    judge.run()
    attached = bus.at("1-1")
    assert attached is not None
    computer.host.meanwhile = lambda: None
    computer.judge()
    assert attached.drivers == {0: "usb-storage"}
    assert computer.marks == []


class Comers:
    """Stands for Newcomers: notes whether the judge's lock is held, and plugs a stick in at the first end."""

    def __init__(self, computer: Computer) -> None:
        self._computer = computer
        self.notes: list[tuple[str, bool]] = []
        self.looks, self.left = 0, False

    def _note(self, what: str) -> None:
        lock = FileLock(str(self._computer.kernel.state / JUDGE))
        self.notes.append((what, not lock.take()))
        lock.give_back()

    def send(self, port: Port) -> str:
        return self._computer.kernel.send(port)

    def look(self, ports: object, *, leave: bool) -> None:
        self.left = self.left or leave
        if ports is None:
            self.looks += 1

    def begin(self) -> None:
        self._note("begin")

    def end(self) -> None:
        self._note("end")
        if len(self.notes) == 2:
            self._computer.plug(mf691(), "1-2")


def test_what_comes_at_the_end_is_judged_as_well(computer: Computer) -> None:
    """It is sent to while the lock is held, so no other judge begins; the mark has this one begin again."""
    comers = Comers(computer)
    computer.plug(mf691())
    computer.judge(newcomers=comers)
    assert summary(computer.outcomes) == [("1-1", "switched"), ("1-2", "switched")]
    assert comers.notes == [("begin", True), ("end", True)] * 2
    assert comers.looks == 4, "when it begins to hear events: not at each look at the marks"
    assert not comers.left


@pytest.mark.parametrize("is_busy", [True, False])
def test_what_the_sender_has_left_is_sent_again(
    is_busy: bool, computer: Computer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The storage driver was at work; where it still is, all that a switch knows is tried."""
    with monkeypatch.context() as patch:
        patch.setattr(PluggedStick, "stays_busy", lambda stick, seconds: True)
        assert computer.plug(mf691()) == "asked"
    if is_busy:
        monkeypatch.setattr(PluggedStick, "stays_busy", lambda stick, seconds: True)
    opened: list[str] = []
    real = computer.host.open

    def note(device: AttachedDevice) -> Transport:
        opened.append(device.port)
        return real(device)

    monkeypatch.setattr(computer.host, "open", note)
    computer.judge(newcomers=Comers(computer))
    assert summary(computer.outcomes)[0] == ("1-1", "switched")
    assert ("1-1" in opened) == is_busy


class Clock:
    """Calls `at` once, at the n-th look at the time; counts them."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now, self.calls, self.number = now, 0, -1
        self.at: Callable[[], None] = lambda: None

    def __call__(self) -> float:
        self.calls += 1
        if self.calls == self.number:
            self.at()
        return self.now()


def test_a_plug_at_any_moment_around_the_end_is_not_missed(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """At each look at the clock of a whole run, and at each step between lock and last look."""
    number = 0
    while True:
        number += 1
        with pytest.MonkeyPatch.context() as patch:
            computer = Computer(VirtualBackend(VirtualBus()), tmp_path_factory.mktemp("computer"), patch)
            judged_after: list[bool] = []

            def plug_another(computer: Computer = computer, after: list[bool] = judged_after) -> None:
                computer.plug(mf691(), "1-2")
                # What the sender does behind that: is a judge at work?
                lock = FileLock(str(computer.kernel.state / JUDGE))
                after.append(lock.take())
                lock.give_back()

            clock = Clock(computer.host.now)
            clock.number, clock.at = number, plug_another
            patch.setattr(computer.host, "now", clock)
            patch.setattr("pymodeswitch.switching.judge.read_marks", _ticking(read_marks, clock))
            computer.plug(mf691())
            computer.judge()
            if not judged_after:
                break
            if judged_after[0]:
                computer.judge()  # the one that the sender has started
            assert summary(sorted(computer.outcomes, key=lambda o: o.device.port)) == [
                ("1-1", "switched"),
                ("1-2", "switched"),
            ], number
            assert computer.marks == []
    assert number > 100


def _ticking(function: Callable[..., list[object]], clock: Clock) -> Callable[..., list[object]]:
    """A look at the marks is a moment, too: before it and behind it."""

    def ticking(*arguments: object) -> list[object]:
        clock()
        found = function(*arguments)
        clock()
        return found

    return ticking
