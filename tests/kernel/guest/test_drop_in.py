"""Command lines of usb_modeswitch, by the reference and by ours: the same effect on the stick.

Each line runs twice, on a fresh stick each time. Compared are the requests that reach the stick, the ID
that it has in the end, the exit code, and the lines for scripts. All sticks have IDs of their own, so that
many are plugged, and switched, at the same time.
"""

from __future__ import annotations

import functools
import itertools
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from pymodeswitch.virtual import (
    Leave,
    Mode,
    Request,
    Stick,
    control_stick,
    message_stick,
    mf691,
    modem_mode,
    two_configurations,
)
from pymodeswitch.virtual.descriptors import Configuration, Identity, Interface
from tests.kernel.guest import linux
from tests.kernel.guest.recorder import plugged, quiet_kernel
from tests.kernel.usbip import Plugged, UsbipServer
from tests.kernel.wire import Transfer

EJECT = "5553424397654321000000000000061b000000020000000000000000000000"
IDS = "-v 19d2 -p 1201"
TARGET = "-V 19d2 -P 1203"
PLACE = "-b BUS -g NUMBER"
TEXT = "DefaultVendor=19d2\nDefaultProduct=1201\nTargetVendor=19d2\nTargetProduct=1203\nStandardEject=1\n"
LISTED = TEXT.replace("TargetProduct=1203", 'TargetProductList="1204,1203"')
TEXTS = {
    "TEXT": TEXT,
    "LISTED": LISTED,
    "NO-DRIVER": f"{TEXT}NoDriverLoading=1\n",
    "CONFIGURATION-0": f"{TEXT}Configuration=0\nWaitBefore=30\n",
}

CHUNK = 16  # lines at once, on two sticks each
AT_WORK = 6  # commands that run at the same time


def deaf() -> Stick:
    return mf691(leave=None)


def gone() -> Stick:
    return mf691(leave=Leave(None))


def modem() -> Stick:
    return Stick([modem_mode(0x19D2, 0x1203)])


def modem_with_initial_id() -> Stick:
    return Stick([modem_mode(0x19D2, 0x1201)])


def mbim() -> Stick:
    target = Mode(Identity(0, 0, (Configuration((Interface(0, 0x02, 0x0E), Interface(1, 0x0A))),)))
    return two_configurations(0x19D2, 0x1201, target)


def controlled(*requests: Request) -> Callable[[], Stick]:
    return lambda: control_stick(0x19D2, 0x1201, requests, modem_mode(0x19D2, 0x1203), Leave(0.5))


def by_message(*commands: bytes) -> Callable[[], Stick]:
    return lambda: message_stick(0x19D2, 0x1201, commands, modem_mode(0x19D2, 0x1203), Leave(0.5))


class Line(NamedTuple):
    """A command line, for 19d2:1201, whose target is 19d2:1203; each run gets IDs of its own for them.

    BUS and NUMBER stand for the device's numbers, the words of TEXTS for device files. ends: the ID in the
    end, None for an empty port. stdin: what it reads.
    """

    words: str
    stick: Callable[[], Stick] = mf691
    ends: str | None = "19d2:1203"
    stdin: str = ""


SAME = "19d2:1201"
LINES = (
    # What the man page and the web advise, and what the dispatcher does.
    Line(f"{IDS} -K"),
    Line(f"{IDS} {TARGET} -K -Q"),
    Line(f"{IDS} -M {EJECT}"),
    Line(f"-v 0x19d2 -p 0x1201 {TARGET} -M {EJECT} -n -s 20 -D"),
    Line(f"{IDS} -K -s 20 -D"),
    Line(f"{IDS} {TARGET} -K -s 20 -D -Q"),
    Line(f"{IDS} {TARGET} -C 02 -K -s 20 -D"),
    Line(f"{IDS} {TARGET} -K -s 20 {PLACE}"),
    Line(f"{IDS} -P 9999 -K -s 4 -D"),
    Line(f"-Q -D -u -1 {PLACE} {IDS} -f TEXT"),
    Line(f"-W -D {PLACE} {IDS} -f TEXT"),
    Line(f"-W -D {PLACE} {IDS} -s 20 -f TEXT"),
    Line("-c FILE -s 20 -D"),
    Line("-t -s 20 -D", stdin=TEXT),
    Line("-f LISTED -s 20 -D"),
    Line("-f NO-DRIVER -s 20 -D"),
    Line("-f CONFIGURATION-0 -s 20 -D"),
    Line("--default-vendor=19d2 --default-product 1201 --std-eject --check-s 20 --sysmode"),
    Line(f"-DQKIs20 {IDS} -w 100 {TARGET}"),
    # Nothing comes of it.
    Line(f"{IDS} {TARGET} -K -s 3 -D", deaf, SAME),
    Line(f"{IDS} -K -s 3 -D", deaf, SAME),
    Line(f"{IDS} -K -D", deaf, SAME),
    Line(f"{IDS} {TARGET} -K -s 4 -D", gone, None),
    Line(f"{IDS} -K -s 4 -D", gone, None),
    Line(f"{IDS} -V 19d2 -P 9999 -K -s 4 -D"),
    Line(f"{IDS} -C 02 -K -s 4 -D"),
    Line(f"{IDS} {TARGET} -C ff -K -s 4 -D"),
    # Nothing is to be done.
    Line(f"-D {IDS} {TARGET} -K", modem),
    Line(f"-D {IDS} -C 08 -K", ends=SAME),
    Line(f"-Q -D -b BUS -g 99 {IDS} -f TEXT", ends=SAME),
    Line(f"-D -b BUS {IDS} -K"),
    Line(f"-D -g NUMBER {IDS} -K", ends=SAME),
    Line(f"{IDS} -u 1 -D {PLACE}", ends=SAME),
    Line(f"{IDS} -K -u 1 -D {PLACE}"),
    Line(f"{IDS} -D {PLACE}", ends=SAME),
    Line(f"{IDS} {TARGET} -s 3 -D", ends=SAME),
    Line(f"{IDS} -2 {EJECT} -D {PLACE}", ends=SAME),
    # It cannot be done.
    Line(f"{IDS} -K -D {PLACE}", modem_with_initial_id, SAME),
    Line(f"{IDS} -M 0011 -D {PLACE}", modem_with_initial_id, SAME),
    Line(f"{IDS} -i 3 -K -D", ends=SAME),
    Line(f"{IDS} -H -S -D", ends=SAME),
    Line(f"{IDS} -K -M 001 -D", ends=SAME),
    Line(f"{IDS} -M xyz", ends=SAME),
    Line("-v 19d2 -K", ends=SAME),
    Line("-c /nonexistent", ends=SAME),
    Line("-x", ends=SAME),
    Line("--bogus", ends=SAME),
    Line("--ver", ends=SAME),
    Line("-v", ends=SAME),
    # The methods.
    Line(f"{IDS} {TARGET} -J -s 20 -D", by_message(bytes.fromhex("110620000001010001"))),
    Line(f"{IDS} {TARGET} -X -D {PLACE}", by_message(bytes.fromhex("1106300000000001"))),
    Line(f"{IDS} {TARGET} -U -D {PLACE}", by_message(b"\x01")),
    Line(f"{IDS} {TARGET} -H -s 20 -D", controlled(Request(0x00, 0x03, 1, 0))),
    Line(f"{IDS} {TARGET} -H -D {PLACE}", deaf, SAME),
    Line(f"{IDS} {TARGET} -S -D {PLACE}", controlled(Request(0x40, 0x0B, 1, 0))),
    Line(f"{IDS} {TARGET} -S -D {PLACE}", deaf, SAME),
    Line(f"{IDS} {TARGET} -N -D {PLACE}", controlled(Request(0x40, 0x0B, 2, 0))),
    Line(f"{IDS} {TARGET} -N -D {PLACE}", deaf, SAME),
    Line(f"{IDS} {TARGET} -E -D {PLACE}", controlled(Request(0xC0, 0xFF, 0, 0))),
    Line(f"{IDS} {TARGET} -E -D {PLACE}", deaf, SAME),
    Line(f"{IDS} {TARGET} -B -D {PLACE}", deaf, SAME),
    Line(f"{IDS} {TARGET} -T -D {PLACE}", controlled(Request(0xC0, 0x88, 0, 0))),
    Line(f"{IDS} {TARGET} -T -D {PLACE}", deaf, SAME),
    Line(f"{IDS} {TARGET} -Z -D {PLACE}", deaf, SAME),
    Line(f"{IDS} {TARGET} -G -D {PLACE}", deaf, SAME),
    Line(f"{IDS} {TARGET} -F 2 -D {PLACE}", controlled(Request(0x40, 0x70, 2, 0))),
    Line(f"{IDS} {TARGET} -F 16 -s 3 -D", deaf, SAME),
    Line(f"{IDS} {TARGET} -F 1 -D {PLACE}", deaf, SAME),
    Line(f"{IDS} {TARGET} -O -s 3 -D", deaf, SAME),
    Line(f"{IDS} -d -D {PLACE}", deaf, SAME),
    Line(f"{IDS} -R -D {PLACE}", deaf, SAME),
    Line(f"{IDS} -u 2 -s 3 -D", mbim, SAME),
    Line(f"{IDS} -u 2 -D {PLACE}", mbim, SAME),
    Line(f"{IDS} -m 5 -r 86 -M {EJECT} -D {PLACE}", deaf, SAME),
    # Questions.
    Line(f"{IDS} -j -Q {PLACE}", mbim, SAME),
    Line(f"{IDS} -j -Q {PLACE}", deaf, SAME),
    Line(f"{IDS} -j -Q -b BUS -g 99", deaf, SAME),
)


class Seen(NamedTuple):
    """What one of the commands did."""

    traffic: list[str]
    ends: str | None
    exit_code: int
    lines: list[str]


class Run(NamedTuple):
    """One line by one command, on a stick of its own."""

    line: Line
    command: Callable[..., subprocess.CompletedProcess[str]]
    product: int

    def own(self, text: str) -> str:
        """The line's IDs by those of this run."""
        return text.replace("1201", f"{self.product:04x}").replace("1203", f"{self.product + 1:04x}")

    def stick(self) -> Stick:
        """The line's stick, with these IDs."""
        stick = self.line.stick()
        own = {0x1201: self.product, 0x1203: self.product + 1}
        stick.modes = [
            replace(mode, identity=replace(mode.identity, product=own[mode.identity.product]))
            for mode in stick.modes
        ]
        return stick

    def see(self, stick: Plugged) -> Seen:
        """Run the command on the plugged stick."""
        since = len(stick.transfers)
        places = {"BUS": stick.port.partition("-")[0], "NUMBER": str(linux.devnum(stick.port))}
        words = [self.own((TEXTS | places).get(word, word)) for word in self.line.words.split()]
        if "-c" in words:
            (file := Path(f"/run/drop-in-{self.product:04x}")).write_text(self.own(TEXT))
            words = [str(file) if word == "FILE" else word for word in words]
        done = self.command(*words, stdin=self.own(self.line.stdin))
        ends = self.line.ends and self.own(self.line.ends)
        linux.wait_for(f"{ends} after {words}", lambda: linux.usb_id(stick.port) == ends)
        lines = [line for line in done.stdout.splitlines() if line.startswith(("ok:", "fail:"))]
        if "-j" in words:
            lines = done.stdout.split()[-1:]
        return Seen(traffic(stick, since), self.line.ends, done.returncode, lines)


def traffic(stick: Plugged, since: int) -> list[str]:
    """What the stick was asked, but for GET_ requests (USB 2.0, table 9-4) and its next enumeration."""
    return [
        f"{t.endpoint:02x} {t.setup.hex()} {t.data.hex() if t.endpoint < 0x80 else ''}"
        for t in stick.transfers[since:]
        if not _is_the_kernels(t)
    ]


def _is_the_kernels(transfer: Transfer) -> bool:
    is_standard = bool(transfer.setup) and not transfer.setup[0] & 0x60
    return is_standard and (transfer.setup[0] & 0x80 != 0 or transfer.stay > 0)


OURS = functools.partial(linux.run_command, linux.PYTHON, "-m", "pymodeswitch.usb_modeswitch")


@pytest.fixture(scope="module", autouse=True)
def _quiet() -> Iterator[None]:
    """No driver talks to the sticks; udev runs, which Debian's libusb needs to see them return."""
    with quiet_kernel(udev=True):
        yield


def see(runs: list[Run]) -> list[Seen]:
    """What became of the runs, whose sticks are plugged together."""
    with UsbipServer() as usb, plugged(usb, [run.stick() for run in runs]) as places:
        linux.settle()
        with ThreadPoolExecutor(AT_WORK) as crew:
            return list(crew.map(Run.see, runs, places))


@pytest.mark.parametrize("first", range(0, len(LINES), CHUNK), ids=lambda first: f"line {first}")
def test_as_the_reference(first: int) -> None:
    lines = LINES[first : first + CHUNK]
    products = itertools.count(0x2000, 2)
    runs = [
        Run(line, command, next(products)) for command in (linux.usb_modeswitch, OURS) for line in lines
    ]
    seen = see(runs)
    different = {
        line.words: (theirs, ours)
        for line, theirs, ours in zip(lines, seen[: len(lines)], seen[len(lines) :], strict=True)
        if theirs != ours
    }
    assert different == {}
