"""The comparisons on a real kernel: `python -m bench.guest OUT SCENARIO:CONTENDER:NUMBER ...`, in the rig.

Each writes one JSON line into OUT for each plug. Scenarios:

    plug    a stick is plugged in; through the contender's udev rule
    unit    the same under systemd, where that starts the contender's unit
    hang    so is one that stops answering at the scan's first TEST UNIT READY
    many    NUMBER equal sticks at once, through the rule
    scan    NUMBER equal sticks at once that are there already (pymodeswitch only)
    watch   NUMBER equal sticks at once while `watch` runs (pymodeswitch only)

Times are the emulated guest's: they hold as ratios between contenders in one guest, not as such.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.accounting import Accounting, Cgroup
from bench.contenders import busy, installed, is_tool, run
from pymodeswitch.virtual import Reply, Stick, mf691
from tests.kernel.guest import linux
from tests.kernel.usbip import Plugged, UsbipServer

SET_CONFIGURATION = bytes([0x00, 0x09])
TEST_UNIT_READY = 0x00
# PREVENT ALLOW MEDIUM REMOVAL and START STOP UNIT with the tags of StandardEject; the kernel's are others.
TAGS = (bytes.fromhex("87654321"), bytes.fromhex("97654321"))
EJECT = linux.EJECT

NODES_LIMIT_S = 60.0  # a switch takes 5 s there
HANG_LIMIT_S = 45.0  # the first command of the scan is given up after 30 s
MANY_LIMIT_S = 400.0
QUIET_LIMIT_S = 60.0  # the reference looks for the target 20 s long
LOOK_S = 0.01


class Bench:
    """The guest with its accounts, and where the figures go."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._udev_s = 0.0

    @cached_property
    def _accounting(self) -> Accounting:
        return Accounting(Path("/run/acct"))

    @cached_property
    def _udev(self) -> Cgroup:
        udevd = linux.run_command("pidof", "systemd-udevd").stdout.split()
        return Cgroup("udev", int(udevd[-1]))

    def begin(self) -> None:
        """What was spent before does not count."""
        linux.settle()
        self._accounting.since()
        self._udev_s = self._udev.cpu_s()

    def end(self) -> dict[str, Any]:
        """What was spent since, once nobody works any more. cpu_s: by the contender's own processes."""
        linux.wait_for("the end of all processes", lambda: not busy(), QUIET_LIMIT_S)
        linux.settle()
        spent = self._accounting.since()
        cpu_s = sum(seconds for name, (_, seconds) in spent.items() if is_tool(name))
        total_s = self._udev.cpu_s() - self._udev_s
        return {"cpu_s": round(cpu_s, 3), "with_udev_s": round(total_s, 3), "processes": spent}

    def note(self, **figures: Any) -> None:
        """A line of figures."""
        line = json.dumps(figures)
        print(line, flush=True)
        with self._out.open("a") as file:
            file.write(line + "\n")


def on_the_wire(plugged: Plugged) -> dict[str, Any]:
    """What the stick saw: seconds since SET_CONFIGURATION, and what came before the first message."""
    transfers = list(plugged.transfers)
    first = [t for t in transfers if t.stay == 0]
    configured = next((t.seconds for t in first if t.setup[:2] == SET_CONFIGURATION), None)
    commands = [t for t in first if t.endpoint == 0x01]
    ours = [number for number, t in enumerate(commands) if t.data[4:8] in TAGS]
    figures: dict[str, Any] = {"configured_s": configured, "message_s": None, "scsi_before": None}
    if ours and configured is not None:
        figures["message_s"] = commands[ours[0]].seconds - configured
        figures["scsi_before"] = ours[0]
    back = next((t.seconds for t in transfers if t.stay == 1 and t.setup[:2] == SET_CONFIGURATION), None)
    if back is not None:
        figures["away_s"] = back - first[-1].seconds
    figures["ejects"] = plugged.written(0x01).count(EJECT)
    return figures


def is_usable(plugged: Plugged) -> bool:
    """Both serial ports have their nodes."""
    nodes = linux.serial_ports(plugged.port)
    return len(nodes) == 2 and all(node.exists() for node in nodes)


def first_time(look: Callable[[], bool], start: float, limit_s: float) -> float | None:
    """Seconds from `start` until it is so; None when it is not within the limit."""
    while time.monotonic() < start + limit_s:
        if look():
            return time.monotonic() - start
        time.sleep(LOOK_S)
    return None


def gone(usb: UsbipServer, plugged: Plugged) -> None:
    """Pull it out, and wait until the kernel is through with it."""
    usb.unplug(plugged.slot)
    linux.wait_for("an empty port", lambda: linux.usb_id(plugged.port) is None, 300)
    linux.settle(300)


def forget() -> None:
    """A port may be switched five times a minute; these plugs are none of an owner's."""
    shutil.rmtree(linux.STATE, ignore_errors=True)


def plug(bench: Bench, contender: str, number: int) -> None:
    """NUMBER plugs, and what each costs."""
    _plugs("plug", bench, contender, number, bench.begin, bench.end)


def unit(bench: Bench, contender: str, number: int) -> None:
    """NUMBER plugs. What they cost is not told apart from the rest of systemd."""

    def end() -> dict[str, Any]:
        linux.wait_for("the end of all processes", lambda: not busy(), QUIET_LIMIT_S)
        return {}

    _plugs("unit", bench, contender, number, linux.settle, end)


def _plugs(
    scenario: str,
    bench: Bench,
    contender: str,
    number: int,
    begin: Callable[[], None],
    end: Callable[[], dict[str, Any]],
) -> None:
    """NUMBER plugs, and one before them that warms the caches."""
    with installed(contender), UsbipServer() as usb:
        for turn in range(-1, number):
            forget()
            begin()
            plugged = usb.plug(mf691())
            usable_s = first_time(lambda p=plugged: is_usable(p), plugged.started, NODES_LIMIT_S)  # type: ignore[misc]
            spent = end()
            seen = on_the_wire(plugged)
            if turn >= 0:
                bench.note(scenario=scenario, contender=contender, usable_s=usable_s, **seen, **spent)
            gone(usb, plugged)
        usb.check()


def hanging_stick() -> Stick:
    """Answers nothing any more from the first TEST UNIT READY on."""
    stick = mf691()
    (storage,) = stick.mode.functions
    switches = storage.hook  # type: ignore[attr-defined]
    dead = False

    def hook(command: Any) -> Reply | None:
        nonlocal dead
        dead = dead or command.cdb[0] == TEST_UNIT_READY
        return Reply(mute=True) if dead else switches(command)

    storage.hook = hook  # type: ignore[attr-defined]
    return stick


def hang(bench: Bench, contender: str, number: int) -> None:
    """Whether it is switched, and how long it takes until both ports are there."""
    with installed(contender), UsbipServer() as usb:
        for _ in range(number):
            forget()
            plugged = usb.plug(hanging_stick())
            usable_s = first_time(lambda p=plugged: is_usable(p), plugged.started, HANG_LIMIT_S)  # type: ignore[misc]
            seen = on_the_wire(plugged)
            bench.note(scenario="hang", contender=contender, usable_s=usable_s, **seen)
            if usable_s is not None:
                linux.wait_for("the end of all processes", lambda: not busy(), QUIET_LIMIT_S)
            gone(usb, plugged)
            linux.wait_for("the end of all processes", lambda: not busy(), 300)
        usb.check()


def _all_there(sticks: list[Plugged]) -> bool:
    return all(linux.usb_id(stick.port) == "19d2:1201" for stick in sticks)


def _all_switched(sticks: list[Plugged]) -> bool:
    # Asked of the sticks: the kernel need not be asked sixty-four times each 10 ms.
    return all(stick.stay >= 1 and stick.present for stick in sticks) and all(map(is_usable, sticks))


def many(bench: Bench, contender: str, number: int) -> None:
    """All at once through the rule."""
    with installed(contender), UsbipServer() as usb:
        forget()
        bench.begin()
        start = time.monotonic()
        sticks = [usb.plug(mf691(), slot) for slot in range(number)]
        all_s = first_time(lambda: _all_switched(sticks), start, MANY_LIMIT_S)
        spent = bench.end()
        _note_many(bench, "many", contender, sticks, all_s, spent)


def _note_many(
    bench: Bench,
    scenario: str,
    contender: str,
    sticks: list[Plugged],
    all_s: float | None,
    spent: dict[str, Any],
) -> None:
    switched = sum(map(is_usable, sticks))
    ejects = [stick.written(0x01).count(EJECT) for stick in sticks]
    twice = sum(count > 1 for count in ejects)
    messages = sorted(m for s in sticks if (m := on_the_wire(s)["message_s"]) is not None)
    bench.note(
        scenario=scenario,
        contender=contender,
        sticks=len(sticks),
        switched=switched,
        twice=twice,
        all_s=all_s,
        last_message_s=messages[-1] if messages else None,
        **spent,
    )


def scan(bench: Bench, contender: str, number: int) -> None:
    """All are there already when `scan` starts."""
    with UsbipServer() as usb:
        forget()
        sticks = [usb.plug(mf691(), slot) for slot in range(number)]
        linux.wait_for("all sticks", lambda: _all_there(sticks), MANY_LIMIT_S)
        linux.settle(300)
        bench.begin()
        start = time.monotonic()
        process = run("scan", "-q")
        memory = _Memory(process.pid)
        all_s = first_time(lambda: memory.look() and _all_switched(sticks), start, MANY_LIMIT_S)
        process.wait(MANY_LIMIT_S)
        _note_many(bench, "scan", contender, sticks, all_s, bench.end() | memory.figures())


def watch(bench: Bench, contender: str, number: int) -> None:
    """`watch` runs already when they come, all at once."""
    with UsbipServer() as usb:
        forget()
        bench.begin()
        process = run("watch", "-q")
        memory = _Memory(process.pid)
        linux.wait_for("watch", lambda: _hears(process.pid))
        start = time.monotonic()
        sticks = [usb.plug(mf691(), slot) for slot in range(number)]
        all_s = first_time(lambda: memory.look() and _all_switched(sticks), start, MANY_LIMIT_S)
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        _note_many(bench, "watch", contender, sticks, all_s, bench.end() | memory.figures())


def _hears(pid: int) -> bool:
    """Whether a process has its socket for kernel events (proc(5): the port ID is the process's)."""
    lines = Path("/proc/net/netlink").read_text().splitlines()[1:]
    return any(line.split()[1] == "15" and line.split()[2] == str(pid) for line in lines)


class _Memory:
    """The most memory that a process has had, and its most threads."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        self._peak_kb = self._threads = 0

    def look(self) -> bool:
        """Look; always true, also when the process has ended."""
        try:
            fields = dict(
                line.split(":", 1) for line in self._status.read_text().splitlines() if ":" in line
            )
        except OSError:
            return True
        if "VmHWM" in fields:
            self._peak_kb = max(self._peak_kb, int(fields["VmHWM"].split()[0]))
            self._threads = max(self._threads, int(fields["Threads"]))
        return True

    def figures(self) -> dict[str, int]:
        """What was seen."""
        return {"peak_kb": self._peak_kb, "threads": self._threads}


SCENARIOS = {"plug": plug, "unit": unit, "hang": hang, "many": many, "scan": scan, "watch": watch}


@contextmanager
def _ended() -> Iterator[None]:
    """No scenario holds up the guest for ever."""
    signal.alarm(1800)
    yield
    signal.alarm(0)


def main(words: list[str]) -> int:
    """Run scenarios, given as `name:contender:number`."""
    out, *scenarios = words
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    bench = Bench(Path(out))
    for scenario in scenarios:
        name, contender, number = scenario.split(":")
        with _ended():
            SCENARIOS[name](bench, contender, int(number))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
