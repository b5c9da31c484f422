"""The comparisons on a real kernel: `python -m bench.guest OUT SCENARIO:CONTENDER:NUMBER ...`, in the rig.

Each writes one JSON line into OUT for each plug. Scenarios:

    plug    a stick is plugged in; through the contender's udev rule
    hang    so is one that stops answering at the scan's first TEST UNIT READY
    many    NUMBER equal sticks at once, through the rule

Times are the emulated guest's: they hold as ratios between contenders in one guest, not as such.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.accounting import CGROUPS, Accounting, cgroup_of, cpu_s
from bench.contenders import installed, is_tool, judge, processes
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
# The guest has one CPU, which a look takes from those that are measured.
LOOK_S, MANY_LOOK_S = 0.01, 0.25

SYSTEM = f"Debian {platform.freedesktop_os_release()['VERSION_ID']}"


class Bench:
    """The guest with its accounts, and where the figures go."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._before_s = 0.0

    @cached_property
    def _accounting(self) -> Accounting:
        return Accounting(Path("/run/acct"))

    @cached_property
    def _cgroups(self) -> tuple[list[Path], list[Path]]:
        """Those that count, and those within them that don't: under systemd all services but our own."""
        if linux.runs_systemd():
            return [CGROUPS / "system.slice", CGROUPS / "init.scope"], [
                CGROUPS / "system.slice/rig.service"
            ]
        udevd = linux.run_command("pidof", "systemd-udevd").stdout.split()
        return [cgroup_of("udev", int(udevd[-1]))], []

    def _spent_s(self) -> float:
        counted, others = self._cgroups
        return sum(map(cpu_s, counted)) - sum(map(cpu_s, others))

    def begin(self) -> None:
        """What was spent before does not count."""
        linux.settle()
        self._accounting.since()
        self._before_s = self._spent_s()

    def end(self) -> dict[str, Any]:
        """What was spent since, once nobody works any more.

        all_cpu_s: by udev (and systemd), and what they have started; exact. own_cpu_s: by the contender's own
        processes, those left out that took less than 10 ms, as most of the reference's do.
        """
        quiet()
        linux.settle()
        spent = self._accounting.since()
        own_s = sum(seconds for name, (_, seconds) in spent.items() if is_tool(name))
        total_s = self._spent_s() - self._before_s
        return {"all_cpu_s": round(total_s, 3), "own_cpu_s": round(own_s, 3), "processes": spent}

    def note(self, **figures: Any) -> None:
        """A line of figures."""
        init = "systemd" if linux.runs_systemd() else "udev"
        line = json.dumps({"system": SYSTEM, "init": init, **figures})
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


def first_time(
    look: Callable[[], bool],
    start: float,
    limit_s: float,
    pause_s: float = LOOK_S,
    meanwhile: Callable[[], object] = lambda: None,
) -> float | None:
    """Seconds from `start` until it is so; None when it is not within the limit."""
    while time.monotonic() < start + limit_s:
        if look():
            return time.monotonic() - start
        meanwhile()
        time.sleep(pause_s)
    return None


def gone(usb: UsbipServer, plugged: Plugged) -> None:
    """Pull it out, and wait until the kernel is through with it."""
    usb.unplug(plugged.slot)
    linux.wait_for("an empty port", lambda: linux.usb_id(plugged.port) is None, 300)
    linux.settle(300)


def forget() -> None:
    """A port may be switched five times a minute; these plugs are none of an owner's."""
    for file in linux.STATE.glob("*-*"):
        file.unlink()


def quiet(seconds: float = QUIET_LIMIT_S) -> None:
    """Wait until nobody works any more, and nobody is about to."""
    linux.wait_for("the end of all processes", lambda: not (linux.marks() or processes()), seconds)


def warm_up(usb: UsbipServer) -> None:
    """A plug that is not measured: udev reads new rules at the next event only, and files are in no cache."""
    forget()
    plugged = usb.plug(mf691())
    first_time(lambda: is_usable(plugged), plugged.started, NODES_LIMIT_S)
    quiet()
    gone(usb, plugged)


def plug(bench: Bench, contender: str, number: int) -> None:
    """NUMBER plugs, and what each costs."""
    with installed(contender), UsbipServer() as usb:
        warm_up(usb)
        for _ in range(number):
            forget()
            bench.begin()
            plugged = usb.plug(mf691())
            usable_s = first_time(lambda p=plugged: is_usable(p), plugged.started, NODES_LIMIT_S)  # type: ignore[misc]
            spent = bench.end()
            seen = on_the_wire(plugged)
            bench.note(scenario="plug", contender=contender, usable_s=usable_s, **seen, **spent)
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
        warm_up(usb)
        for _ in range(number):
            forget()
            plugged = usb.plug(hanging_stick())
            usable_s = first_time(lambda p=plugged: is_usable(p), plugged.started, HANG_LIMIT_S)  # type: ignore[misc]
            seen = on_the_wire(plugged)
            bench.note(scenario="hang", contender=contender, usable_s=usable_s, **seen)
            if usable_s is not None:
                quiet()
            gone(usb, plugged)
            quiet(300)
        usb.check()


def _all_switched(sticks: list[Plugged]) -> bool:
    # Asked of the sticks: the kernel need not be asked sixty-four times each look.
    return all(stick.stay >= 1 and stick.present for stick in sticks) and all(map(is_usable, sticks))


def many(bench: Bench, contender: str, number: int) -> None:
    """All at once, through the rule."""
    with installed(contender), UsbipServer() as usb:
        warm_up(usb)
        forget()
        bench.begin()
        memory = Memory()
        start = time.monotonic()
        sticks = [usb.plug(mf691(), slot) for slot in range(number)]
        all_s = first_time(lambda: _all_switched(sticks), start, MANY_LIMIT_S, MANY_LOOK_S, memory.look)
        linux.wait_for("the end of all marks", lambda: not linux.marks() or memory.look(), QUIET_LIMIT_S)
        spent = bench.end()
        messages = sorted(m for s in sticks if (m := on_the_wire(s)["message_s"]) is not None)
        bench.note(
            scenario="many",
            contender=contender,
            sticks=len(sticks),
            switched=sum(map(is_usable, sticks)),
            twice=sum(stick.written(0x01).count(EJECT) > 1 for stick in sticks),
            all_s=all_s,
            last_message_s=messages[-1] if messages else None,
            peak_kb=memory.peak_kb,
            has_libusb=memory.has_libusb,
            **spent,
        )


class Memory:
    """The most memory that the judge has had (proc(5): VmHWM). peak_kb: 0 where there was none.

    has_libusb: whether it had to send, too, for which it loads more.
    """

    def __init__(self) -> None:
        self.peak_kb = 0
        self.has_libusb = False
        self._process: int | None = None

    def look(self) -> None:
        """Look for it, or at it."""
        self._process = self._process or judge()
        if self._process is None:
            return
        try:
            lines = Path(f"/proc/{self._process}/status").read_text().splitlines()
            has_libusb = linux.has_libusb(self._process)
        except OSError:  # not any more
            self._process = None
            return
        self.has_libusb = self.has_libusb or has_libusb
        for line in lines:
            if line.startswith("VmHWM"):
                self.peak_kb = max(self.peak_kb, int(line.split()[1]))


SCENARIOS = {"plug": plug, "hang": hang, "many": many}


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
