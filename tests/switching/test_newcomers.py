"""What comes while a judge is at work: it is sent to once, whatever is just beginning or ending."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pymodeswitch.catalog.catalog import Catalog
from pymodeswitch.catalog.sources import shipped_folder
from pymodeswitch.host.sysfs import Sysfs
from pymodeswitch.nouns.run_folder import AT_WORK, JUDGE
from pymodeswitch.switching import newcomers
from pymodeswitch.switching.newcomers import CREW, FRESH_S, Newcomers
from pymodeswitch.virtual import Stick, VirtualBus, mf691, modem_mode
from tests.support.virtual_kernel import show

PATIENCE_S = 20.0


class Kernel:
    """Ports in a folder. sent: where the sender was."""

    def __init__(self, folder: Path) -> None:
        self.sysfs = folder / "sys"
        self.state = folder / "state"
        self.state.mkdir()
        (self.state / JUDGE).touch()
        (self.sysfs / "bus/usb/devices").mkdir(parents=True)
        self.bus = VirtualBus()
        self.sent: list[str] = []
        self.before_sending: Callable[[str], None] = lambda port: None
        self.newcomers = Newcomers(
            Sysfs(str(self.sysfs)), Catalog([shipped_folder()]), str(self.state), self._send
        )

    def _send(self, port: str) -> str:
        self.before_sending(port)
        self.sent.append(port)
        return "sent"

    def plug(
        self, port: str, *, age_s: float | None = 0.5, told: bool = True, stick: Stick | None = None
    ) -> None:
        show(self.sysfs, port, self.bus.plug(stick or mf691(), port))
        if age_s is not None:
            power = self.sysfs / "bus/usb/devices" / port / "power"
            power.mkdir()
            (power / "connected_duration").write_text(f"{age_s * 1000:.0f}\n")
        if told:
            self.newcomers.look([port])

    def wait_for(self, *ports: str) -> None:
        until = time.monotonic() + PATIENCE_S
        while sorted(self.sent) != sorted(ports):
            assert time.monotonic() < until, (self.sent, ports)
            time.sleep(0.01)

    @property
    def is_at_work(self) -> bool:
        """As udev's TEST looks at it."""
        return (self.state / AT_WORK).exists()


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    kernel = Kernel(tmp_path)
    yield kernel
    kernel.newcomers.end()


def test_what_comes_is_sent_to_once(kernel: Kernel) -> None:
    kernel.newcomers.begin()
    assert kernel.is_at_work
    for port in ("1-1", "1-2"):
        kernel.plug(port)
    kernel.wait_for("1-1", "1-2")
    kernel.newcomers.look(["1-1", "1-9"])  # an event of an interface of it, say; and of one that has left
    kernel.newcomers.look(None)  # some were lost
    kernel.plug("1-3")
    kernel.wait_for("1-1", "1-2", "1-3")
    kernel.bus.unplug("1-1")
    kernel.plug("1-1")
    kernel.wait_for("1-1", "1-1", "1-2", "1-3")
    kernel.newcomers.end()
    assert not os.path.lexists(kernel.state / AT_WORK)
    assert len(kernel.sent) == 4


def test_events_that_were_lost(kernel: Kernel) -> None:
    kernel.newcomers.begin()
    kernel.plug("1-1", told=False)
    kernel.newcomers.look(None)
    kernel.wait_for("1-1")


@pytest.mark.parametrize("moment", ["before", "at the end"])
def test_one_whose_event_nobody_has_heard(moment: str, kernel: Kernel) -> None:
    """udev's rules have left it to the judge, as the link was there."""
    if moment == "before":
        kernel.plug("1-1", told=False)
    kernel.newcomers.begin()
    kernel.newcomers.look(None)
    if moment == "at the end":
        kernel.plug("1-1", told=False)
    kernel.newcomers.end()
    assert kernel.sent == ["1-1"]


@pytest.mark.parametrize(
    ("age_s", "sent"), [(99.9, True), (FRESH_S + 1, False), (86_400.0, False), (None, False)]
)
def test_what_was_there_before_has_had_its_event(age_s: float | None, sent: bool, kernel: Kernel) -> None:
    """The last one: a kernel that does not tell, for which the rules leave nothing to the judge."""
    kernel.newcomers.begin()
    kernel.plug("1-1", age_s=age_s)
    kernel.newcomers.end()
    assert kernel.sent == (["1-1"] if sent else [])


def test_what_is_no_stick_is_nothing_to_the_sender(kernel: Kernel) -> None:
    """Without a table of today it would ask the judge: of the modem that has come of a stick, too."""
    kernel.newcomers.begin()
    kernel.plug("1-1", stick=Stick([modem_mode(0x19D2, 0x1203)]))
    kernel.plug("1-2")
    kernel.newcomers.end()
    assert kernel.sent == ["1-2"]


def test_what_somebody_else_switches(kernel: Kernel) -> None:
    """After a boot the judge looks at everything itself."""
    kernel.newcomers.begin()
    kernel.plug("1-1", told=False)
    kernel.newcomers.look(None, leave=True)
    kernel.newcomers.look(["1-1"])
    kernel.plug("1-2")
    kernel.newcomers.end()
    assert kernel.sent == ["1-2"]


def test_one_that_was_judged_is_not_sent_to(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newcomers, "was_judged", lambda folder, device, since: device.port == "1-1")
    kernel.newcomers.begin()
    kernel.plug("1-1")
    kernel.plug("1-2")
    kernel.newcomers.end()
    assert kernel.sent == ["1-2"]


def test_the_judge_before_was_killed(kernel: Kernel) -> None:
    """Its link leads nowhere, so udev starts senders; what was left to it is made up for at any age."""
    gone = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(gone, 0)
    (kernel.state / AT_WORK).symlink_to(f"/proc/{gone}/fd/3/{JUDGE}")
    assert not kernel.is_at_work
    kernel.plug("1-1", age_s=86_400.0, told=False)
    kernel.newcomers.begin()
    assert kernel.is_at_work
    kernel.newcomers.end()
    assert kernel.sent == ["1-1"]


def test_it_begins_again(kernel: Kernel) -> None:
    """A mark came while the judge was ending."""
    for number in (1, 2):
        kernel.newcomers.begin()
        assert kernel.is_at_work
        kernel.plug(f"1-{number}")
        kernel.newcomers.end()
        assert not kernel.is_at_work
    assert kernel.sent == ["1-1", "1-2"]


def test_many_at_once_and_one_that_hangs(kernel: Kernel) -> None:
    """So many threads and no more; the others go on."""
    hangs, most = threading.Event(), 0

    def before(port: str) -> None:
        nonlocal most
        most = max(most, kernel.newcomers._at_work)
        if port == "1-1":
            hangs.wait(PATIENCE_S)

    kernel.before_sending = before
    kernel.newcomers.begin()
    kernel.plug("1-1")
    others = [f"1-{number}" for number in range(2, 60)]
    for port in others:
        kernel.plug(port)
    kernel.wait_for(*others)
    hangs.set()
    kernel.wait_for("1-1", *others)
    assert 1 < most <= CREW


@pytest.mark.parametrize("error", [OSError(19, "No such device"), ValueError("it has no descriptors")])
def test_one_that_leaves_meanwhile(error: Exception, kernel: Kernel) -> None:
    def before(port: str) -> None:
        if port == "1-1":
            raise error

    kernel.before_sending = before
    kernel.newcomers.begin()
    for port in ("1-1", "1-2"):
        kernel.plug(port)
    kernel.wait_for("1-2")


def test_a_limit_of_threads(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that looks sends itself."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    kernel.newcomers.begin()
    for port in ("1-1", "1-2"):
        kernel.plug(port)
    assert kernel.sent == ["1-1", "1-2"]


def test_a_link_that_cannot_be_made(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full /run, or one that is gone: udev starts senders, and the judge does its work."""

    def refuse(*words: object, **more: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "symlink", refuse)
    kernel.newcomers.begin()
    assert not kernel.is_at_work
    shutil.rmtree(kernel.state)
    kernel.newcomers.end()
