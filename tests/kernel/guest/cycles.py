"""Plugs sticks in, has udev, the sender and the judge switch them, pulls them out; for minutes. In the guest.

`python -m tests.soak --rig MINUTES`, on the host, starts `python -m tests.kernel.guest.cycles` here. Each
verdict has to be right, and what is held has to stay as it is: by the judge, by /run, by the system.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pymodeswitch.nouns.errors import UnchangedError
from pymodeswitch.nouns.run_folder import JUDGE
from pymodeswitch.switching.port_state import RunVerdict, verdict_in
from pymodeswitch.virtual import mf691
from tests.kernel.guest import linux
from tests.kernel.usbip import Plugged, UsbipServer

SETTINGS = Path("/etc/pymodeswitch.conf")
STICKS, DEAF = 4, 2  # at once: sticks that switch, and sticks that do not react and keep the judge alive
SAMPLE_S, LOOK_S = 3.0, 0.2
LEAST_SAMPLES = 12  # a third of them has one of a quiet moment
UDEV_IS_BUSY = Path("/run/udev/queue")  # systemd-udevd: there are events that it has not handled
# Times have more digits with every hour, and counted are the switches of a minute.
MOST_GROWTH = {"judge_kb": 1024, "used_kb": 32 * 1024, "run_bytes": 1024}


class Held(NamedTuple):
    """What is held. judge_*: by the judge. run_*: below /run/pymodeswitch. used_kb: by the whole system."""

    judge_kb: int
    judge_files: int
    judge_threads: int
    run_files: int
    run_bytes: int
    processes: int
    used_kb: int

    def __str__(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in self._asdict().items())


class Place:
    """A slot in which one stick comes after the other. done: how many were judged as they have to be."""

    def __init__(self, usb: UsbipServer, slot: int, *, deaf: bool) -> None:
        self._usb, self._slot, self._deaf = usb, slot, deaf
        self._stick: Plugged | None = None
        self._port = ""
        self._since = 0.0
        self.done = 0

    def go_on(self, *, plugs: bool) -> bool:
        """The next thing to do, if it is time for it; False for a place that is empty and stays so."""
        if self._stick is None:
            if plugs and UDEV_IS_BUSY.exists():
                return True  # more than udev can take would only wait in its queue, for minutes in the end
            if self._port and linux.usb_id(self._port) is not None:
                return True  # the kernel is not done with it yet
            if plugs:
                self._since = time.monotonic()
                self._stick = self._usb.plug(mf691(leave=None) if self._deaf else mf691(), self._slot)
                self._port = self._stick.port
            return plugs
        told = verdict(self._port, self._since)
        if told is not None:
            self._check(self._stick, told)
            self._usb.unplug(self._slot)
            self._stick = None
            self.done += 1
        elif time.monotonic() - self._since > 2 * linux.PATIENCE_S:
            raise AssertionError(self._all_that_is_known())
        return True

    def _all_that_is_known(self) -> str:
        """Of a stick that got no verdict."""
        paths = [path for path in linux.STATE.rglob(f"*{self._port}*") if path.is_file()]
        state = {path.name: path.read_text().partition("descriptors")[0] for path in paths}
        return (
            f"no verdict on {self._port}: {linux.usb_id(self._port)}, driver {linux.driver(self._port)}, "
            f"plugged in at {self._since:.1f}, now {time.monotonic():.1f}; {state}; "
            f"judges {linux.judges()}, at work {judge_at_work()}; udev is busy: {UDEV_IS_BUSY.exists()}"
        )

    def _check(self, stick: Plugged, told: RunVerdict) -> None:
        ejects = stick.written(0x01).count(linux.EJECT)
        if self._deaf:
            assert told.code == UnchangedError.exit_code, told
            assert ejects > 1, "it is tried again"
            assert linux.driver(stick.port) == "usb-storage"
        else:
            assert told.code == 0, told
            assert linux.usb_id(stick.port) == "19d2:1203"
            assert ejects == 1


class Soak(NamedTuple):
    """What came of it. samples: of judges that have loaded all that they need."""

    switched: int
    stayed: int
    judges: int
    samples: list[Held]

    @property
    def first(self) -> Held:
        """The least that was held in the first third: a moment's work is not counted."""
        return least(self.samples[: max(1, len(self.samples) // 3)])

    @property
    def last(self) -> Held:
        """The least in the last third."""
        return least(self.samples[-max(1, len(self.samples) // 3) :])

    @property
    def grown(self) -> list[str]:
        """What is more than at first, and by more than it may be, in words."""
        changes = zip(Held._fields, self.first, self.last, strict=True)
        return [f"{name}: {a}, then {b}" for name, a, b in changes if b - a > MOST_GROWTH.get(name, 0)]


def least(samples: list[Held]) -> Held:
    """The least of each."""
    return Held(*map(min, zip(*samples, strict=True)))


def verdict(port: str, since: float) -> RunVerdict | None:
    """What the judge said of a port; None while there is nothing newer than `since`."""
    try:
        lines = (linux.STATE / port).read_text().splitlines()
    except OSError:
        return None
    told = verdict_in(lines)
    return told if told is not None and told.seconds >= since else None


def judge_at_work() -> int | None:
    """The process that holds the judge's lock (proc(5): /proc/locks); each of several senders may start one."""
    try:
        wanted = f":{(linux.STATE / JUDGE).stat().st_ino}"
    except OSError:
        return None
    for line in Path("/proc/locks").read_text().splitlines():
        words = line.split()
        if words[1] == "FLOCK" and words[5].endswith(wanted):
            return int(words[4])
    return None


def held(judge: int) -> Held:
    """Now. OSError when the judge has ended."""
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{judge}/status").read_text().splitlines() if ":" in line
    )
    memory = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    # Each port has one that was judged, from its first verdict on.
    files = [path for path in linux.STATE.rglob("*") if path.is_file() and path.suffix != ".judged"]
    return Held(
        judge_kb=int(status["VmRSS"].split()[0]),
        judge_files=len(os.listdir(f"/proc/{judge}/fd")),
        judge_threads=int(status["Threads"]),
        run_files=len(files),
        run_bytes=sum(path.stat().st_size for path in files),
        processes=len([name for name in os.listdir("/proc") if name.isdigit() and is_program(name)]),
        used_kb=int(memory["MemTotal"].split()[0]) - int(memory["MemAvailable"].split()[0]),
    )


def is_program(number: str) -> bool:
    """Whether a process is none of the kernel's own, of udev's workers, of ours: these come and go."""
    try:
        words = Path(f"/proc/{number}/cmdline").read_bytes()
    except OSError:
        return False
    return bool(words) and not any(name in words for name in (b"udev", b"early/", b"judge"))


def soak(seconds: float, tell: Callable[[str], object] = lambda text: None) -> Soak:
    """Go on for so long. AssertionError for a verdict that is not right, or what is left in the end."""
    before = SETTINGS.read_text() if SETTINGS.exists() else None
    SETTINGS.write_text("switches_per_minute = 60\n")
    done = linux.pymodeswitch("system", "install")
    assert done.returncode == 0, done.stderr
    try:
        with UsbipServer() as usb:
            found = _go_on(usb, seconds, tell)
        linux.wait_for("the judge's end", lambda: not linux.judges())
        assert linux.marks() == []
    finally:
        done = linux.pymodeswitch("system", "uninstall")
        SETTINGS.unlink() if before is None else SETTINGS.write_text(before)
    assert done.returncode == 0, done.stderr
    return found


def _go_on(usb: UsbipServer, seconds: float, tell: Callable[[str], object]) -> Soak:
    places = [Place(usb, slot, deaf=slot >= STICKS) for slot in range(STICKS + DEAF)]
    begin = now = time.monotonic()
    sampled, told = begin + seconds / 10, begin  # the table is made at first
    samples: list[Held] = []
    judges: set[int] = set()
    before: int | None = None
    is_on = True
    # Of each kind one at least, however slow the machine is.
    while sum(place.go_on(plugs=is_on or not place.done) for place in places):
        usb.check()
        if is_on and now - sampled >= SAMPLE_S:
            sampled, judge = now, judge_at_work()
            if judge is not None and judge == before:  # and not a sender that looks whether there is one
                judges.add(judge)
                with contextlib.suppress(OSError, KeyError):  # it has ended just now
                    if linux.has_libusb(judge):
                        samples.append(held(judge))
            before = judge
        if samples and now - told >= 60:
            told = now
            count = sum(place.done for place in places)
            tell(f"{now - begin:.0f} s, {count} sticks: {samples[-1]}")
        time.sleep(LOOK_S)
        now = time.monotonic()
        is_on = now - begin < seconds or len(samples) < LEAST_SAMPLES
    done = [place.done for place in places]
    return Soak(sum(done[:STICKS]), sum(done[STICKS:]), len(judges), samples)


def main() -> int:
    """Run, and print first and last figures; 1 when something has grown."""
    parser = argparse.ArgumentParser(prog="python -m tests.kernel.guest.cycles", description=__doc__)
    parser.add_argument("--minutes", type=float, required=True)
    minutes = parser.parse_args().minutes
    found = soak(minutes * 60, lambda text: print(text, flush=True))
    print(
        f"{found.switched} sticks switched, {found.stayed} that stay, in {minutes:g} min; each verdict right"
    )
    print(f"{found.judges} judges; no mark, no judge is left; least of the first and of the last third:")
    print(f"first: {found.first}\nlast:  {found.last}")
    print(f"NOT FLAT: {'; '.join(found.grown)}" if found.grown else "flat")
    return 1 if found.grown else 0


if __name__ == "__main__":
    sys.exit(main())
