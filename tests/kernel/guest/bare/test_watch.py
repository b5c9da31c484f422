"""`watch` and `scan` where nobody else starts anything; namespaces as in containers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pymodeswitch.host.kernel_events import KernelEvents
from pymodeswitch.virtual import Leave, Stick, mf691
from tests.kernel.guest import linux
from tests.kernel.guest.conftest import Plug
from tests.kernel.guest.linux import EJECT
from tests.kernel.usbip import Plugged

SETTINGS = Path("/etc/pymodeswitch.conf")

FLOOD = 5000  # a socket's buffer (net.core.rmem_default) holds some hundred


class Watch:
    """A running `watch`, its output in files."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.process = process
        self._folder = folder

    def lines(self) -> list[str]:
        """Whole lines on stdout so far."""
        return (self._folder / "out").read_text().rpartition("\n")[0].splitlines()

    def objects(self) -> list[dict[str, Any]]:
        """The same as JSON."""
        return [json.loads(line) for line in self.lines()]

    def complaints(self) -> list[str]:
        """Whole lines on stderr so far."""
        return (self._folder / "err").read_text().rpartition("\n")[0].splitlines()

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end, bounded; returns the exit code."""
        self.process.send_signal(number)
        return self.process.wait(linux.PATIENCE_S)


@contextmanager
def watching(folder: Path, *words: str, before: tuple[str, ...] = ()) -> Iterator[Watch]:
    """`watch` runs; killed afterwards if it has not ended. before: a command that starts it."""
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        process = subprocess.Popen(
            [*before, linux.PYTHON, "-m", "pymodeswitch", "watch", *words],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )
    with process:
        try:
            yield Watch(process, folder)
        finally:
            process.kill()


def is_switched(stick: Plugged) -> bool:
    """The modem is there."""
    return linux.usb_id(stick.port) == "19d2:1203"


def falling_back() -> Stick:
    """A stick that is storage again when it leaves the bus as a modem, and so on."""
    stick = mf691()
    stick.modes = (*stick.modes,) * 3
    return stick


def fall_back(stick: Plugged) -> None:
    """Make it leave at the next transfer."""
    linux.says_ok(stick.port)
    assert isinstance(stick.stick, Stick)
    stick.stick.leave(Leave())
    node = os.open(linux.serial_ports(stick.port)[0], os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        os.write(node, b"AT\r")
    except OSError:  # it has left already, when the port was set up
        pass
    finally:
        os.close(node)


@pytest.fixture
def settings() -> Iterator[Path]:
    """The administrator's settings, gone afterwards."""
    yield SETTINGS
    SETTINGS.unlink(missing_ok=True)


def test_what_is_there_and_what_comes(plug: Plug, tmp_path: Path) -> None:
    """A stick that was there first, then two at once: each switched, told and ejected once."""
    sticks = [plug()]
    with watching(tmp_path) as watch:
        linux.wait_for("the first verdict", watch.lines)
        sticks += [plug(slot=1, bound=False), plug(slot=2, bound=False)]
        linux.wait_for("all verdicts", lambda: len(watch.lines()) == 3)
        assert watch.end() == 0
        lines, complaints = watch.lines(), watch.complaints()
    assert complaints == []
    assert lines[0].startswith("19d2:1201 on port 1-1 switched to 19d2:1203 in ")
    assert lines[0].endswith(": ttyACM0 (cdc_acm), ttyACM1 (cdc_acm)")
    for stick in sticks:
        assert [f" on port {stick.port} switched to 19d2:1203" in line for line in lines].count(True) == 1
        assert stick.written(0x01).count(EJECT) == 1
        linux.says_ok(stick.port)


def test_a_stick_that_falls_back(plug: Plug, tmp_path: Path, settings: Path) -> None:
    """Switched again, as a new verdict; but only as often as the settings allow. Ctrl-C ends it, too."""
    settings.write_text("switches_per_minute = 2\n")
    stick = plug(falling_back())
    with watching(tmp_path, "--json") as watch:
        linux.wait_for("the first verdict", watch.lines)
        fall_back(stick)
        linux.wait_for("the second verdict", lambda: len(watch.lines()) == 2)
        assert is_switched(stick)
        fall_back(stick)
        linux.wait_for("the third verdict", lambda: len(watch.lines()) == 3)
        verdicts = watch.objects()
        assert watch.end(signal.SIGINT) == 0
    assert [data["status"] for data in verdicts[:2]] == ["switched", "switched"]
    assert (verdicts[2]["error"], verdicts[2]["exit_code"]) == ("TooOftenError", 16)
    assert stick.stay == 4
    assert stick.written(0x01).count(EJECT) == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_ended_midway(number: signal.Signals, plug: Plug, tmp_path: Path) -> None:
    """In the middle of a switch: exit code 0, and the storage driver has the stick back."""
    stick = plug(mf691(leave=None))
    with watching(tmp_path) as watch:
        linux.wait_for("the message", lambda: EJECT in stick.written(0x01))
        assert watch.end(number) == 0
        assert watch.complaints() == []
    linux.wait_for("usb-storage again", lambda: linux.driver(stick.port) == "usb-storage")


def test_a_stick_that_stays_does_not_hold_up_others(plug: Plug, tmp_path: Path) -> None:
    """One line of complaint for it, no second attempt; the others are switched meanwhile and after."""
    deaf = plug(mf691(leave=None))
    with watching(tmp_path, "--timeout", "12") as watch:
        linux.wait_for("the message", lambda: EJECT in deaf.written(0x01))
        other = plug(slot=1, bound=False)
        linux.wait_for("the other's verdict", watch.lines)
        assert watch.complaints() == []
        linux.wait_for("the complaint", watch.complaints)
        sent = deaf.written(0x01).count(EJECT)
        last = plug(slot=2, bound=False)
        linux.wait_for("the last verdict", lambda: len(watch.lines()) == 2)
        assert watch.end() == 0
        complaints = watch.complaints()
    assert is_switched(other)
    assert is_switched(last)
    assert len(complaints) == 1
    assert f"19d2:1201 on port {deaf.port} is unchanged after 12 s" in complaints[0]
    assert deaf.written(0x01).count(EJECT) == sent
    linux.wait_for("usb-storage again", lambda: linux.driver(deaf.port) == "usb-storage")


def test_without_kernel_events(plug: Plug, tmp_path: Path) -> None:
    """User and network namespaces of its own: the kernel tells it nothing, so it looks."""
    container = ("unshare", "--user", "--map-root-user", "--net")
    listening = (
        "import pymodeswitch.host.kernel_events as u, pathlib, sys\n"
        "events = u.KernelEvents(); pathlib.Path(sys.argv[1]).touch()\n"
        "sys.exit(bool(events.changed(float(sys.argv[2]))))"
    )
    ready = tmp_path / "ready"
    listener = subprocess.Popen([*container, linux.PYTHON, "-c", listening, ready, "5"])
    linux.wait_for("the listener", ready.exists)
    sticks = [plug()]
    assert listener.wait(linux.PATIENCE_S) == 0, "the kernel's events come through after all"
    with watching(tmp_path, before=container) as watch:
        linux.wait_for("the first verdict", watch.lines)
        sticks.append(plug(slot=1, bound=False))
        linux.wait_for("the second verdict", lambda: len(watch.lines()) == 2)
        assert watch.end() == 0
        assert watch.complaints() == []
    for stick in sticks:
        assert is_switched(stick)
        linux.says_ok(stick.port)


def test_lost_events(plug: Plug, tmp_path: Path) -> None:
    """A plug among more events than the kernel keeps for a program that sleeps: it looks for itself."""
    listener = KernelEvents()
    with watching(tmp_path) as watch:
        first = plug()
        linux.wait_for("the first verdict", watch.lines)
        watch.process.send_signal(signal.SIGSTOP)
        for _ in range(FLOOD):
            (linux.DEVICES / "usb1/uevent").write_text("change")
        second = plug(slot=1)
        watch.process.send_signal(signal.SIGCONT)
        linux.wait_for("the second verdict", lambda: len(watch.lines()) == 2)
        assert watch.end() == 0
        assert watch.complaints() == []
    assert [is_switched(stick) for stick in (first, second)] == [True, True]
    assert listener.changed(0) is None, "the kernel has kept all events"
    listener.close()


def test_without_device_nodes(plug: Plug, tmp_path: Path) -> None:
    """A container with nothing in /dev: it says so, once for each stick, and goes on."""
    script = 'mount -t tmpfs none /dev && exec "$0" "$@"'
    with watching(tmp_path, before=("unshare", "--mount", "sh", "-c", script)) as watch:
        stick = plug()
        linux.wait_for("the complaint", watch.complaints)
        plug(slot=1)
        linux.wait_for("the second complaint", lambda: len(watch.complaints()) == 2)
        assert watch.end() == 0
        complaints = watch.complaints()
    assert all("is /dev/bus/usb missing in this container?" in line for line in complaints)
    assert f"port {stick.port}" in complaints[0]
    assert EJECT not in stick.written(0x01)


def test_scan(plug: Plug) -> None:
    """Without udev, too: all that is attached is switched, and a second time does nothing."""
    sticks = [plug(), plug(slot=1)]
    done = linux.pymodeswitch("scan")
    assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (0, "", 2)
    devnums = [linux.devnum(stick.port) for stick in sticks]
    assert linux.pymodeswitch("scan").returncode == 0
    assert [linux.devnum(stick.port) for stick in sticks] == devnums
    for stick in sticks:
        assert stick.written(0x01).count(EJECT) == 1
        linux.says_ok(stick.port)
