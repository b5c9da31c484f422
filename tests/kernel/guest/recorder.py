"""The guest's half of `python -m tests.kernel.record`: the reference, run on one recording stick a case.

What a stick notes is the tool's doing alone: no USB driver is there to talk to it, and noting begins when
it is configured and the tool is about to start.
"""

from __future__ import annotations

import functools
import itertools
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pymodeswitch.catalog.importing import read_source
from tests.kernel.guest import linux
from tests.kernel.prepare import UDEVD
from tests.kernel.usbip import Plugged, UsbipServer, place
from tests.support.polite_stick import PoliteStick
from tests.support.traffic import (
    EXTRA,
    LEAVING_SONY,
    PUBLIC,
    Case,
    Outcome,
    extra_cases,
    public_cases,
    save,
)

DRIVERS = (
    "sr_mod",
    "usb-storage",
    "option",
    "cdc_acm",
    "huawei_cdc_ncm",
    "cdc_mbim",
    "qmi_wwan",
    "cdc_ether",
)
LOADED_BY_UDEV = ("uas", "usbhid")  # by sticks of other tests
BLACKLIST = Path("/etc/modprobe.d/quiet.conf")
PACK = "usr/share/usb_modeswitch/configPack.tar.gz"
PANTECH_WAIT = 3
AT_ONCE = 16  # plugged together, as much of enumerating is waiting


@contextmanager
def quiet_kernel(*, udev: bool = False) -> Iterator[None]:
    """Without USB drivers. udev: it runs, which Debian's libusb needs to see a stick return."""
    linux.settle()
    linux.run_command("udevadm", "control", "--exit")
    try:
        linux.wait_for("the USB drivers unloaded", _unload)
        if udev:
            BLACKLIST.write_text("".join(f"blacklist {name}\n" for name in (*LOADED_BY_UDEV, *DRIVERS)))
            linux.run_command(UDEVD, "--daemon")
        yield
    finally:
        if BLACKLIST.exists():
            linux.settle()
            linux.run_command("udevadm", "control", "--exit")
            BLACKLIST.unlink()
        linux.run_command("modprobe", "-a", *DRIVERS)
        linux.run_command(UDEVD, "--daemon")


def _unload() -> bool:
    """True once they are gone; one that is in use still, a moment after an unplug, is tried again."""
    linux.run_command("modprobe", "-r", *LOADED_BY_UDEV, *DRIVERS)
    return not any(Path("/sys/module", name).exists() for name in ("usb_storage", "usbhid"))


@contextmanager
def plugged(usb: UsbipServer, sticks: Sequence[PoliteStick]) -> Iterator[list[Plugged]]:
    """The sticks in slots, enumerated and configured; afterwards the slots are empty."""
    places = [usb.plug(stick, slot) for stick, slot in zip(sticks, slots(), strict=False)]
    for at in places:
        linux.wait_for(f"a configured device on {at.port}", functools.partial(configured, at))
    usb.check()
    yield places
    for at in places:
        usb.unplug(at.slot)
    for at in places:
        linux.wait_for(f"{at.port} empty", functools.partial(empty, at))
    usb.check()


@functools.cache
def slots() -> list[int]:
    """Slots of different controllers first: a controller enumerates one stick after the other, slowly."""
    by_bus: dict[str, list[int]] = {}
    for slot in itertools.count():
        try:
            port, _ = place(slot)
        except LookupError:
            break
        by_bus.setdefault(port.partition("-")[0], []).append(slot)
    return [slot for row in zip(*by_bus.values(), strict=True) for slot in row]


def configured(at: Plugged) -> bool:
    """Whether the kernel is done with it: the interfaces are made after SET_CONFIGURATION."""
    return any(linux.DEVICES.glob(f"{at.port}:*/bInterfaceNumber"))


def empty(at: Plugged) -> bool:
    """Whether the kernel is done with the unplugging."""
    return linux.usb_id(at.port) is None


def run_reference(case: Case, at: Plugged, stick: PoliteStick) -> Outcome:
    """The C tool, with the arguments that the dispatcher gives it."""
    if case.device_file.configuration == 0 or case.device_file.pantech_mode == PANTECH_WAIT:
        return Outcome((), None)  # the dispatcher never runs the tool then
    several = len(stick.identity.configurations) > 1
    bus = at.port.partition("-")[0]
    vendor, product = case.file_name[:4], case.file_name[5:9]
    words = (
        *("-Q", "-D", *(() if several else ("-u", "-1"))),
        *("-b", bus, "-g", str(linux.devnum(at.port)), "-v", vendor, "-p", product, "-f", case.text),
    )
    stick.start()
    try:
        done = linux.usb_modeswitch(*words)
    finally:
        stick.stop()
    # Its last line is what the dispatcher goes by; warnings may stand before it.
    report = done.stdout.strip().rpartition("\n")[2]
    return Outcome(tuple(stick.trace), done.returncode, report)


def record(usb: UsbipServer, cases: Sequence[Case]) -> dict[str, Outcome]:
    """The reference's outcome for each case."""
    outcomes = {}
    # Neighbours in the list are often each other's targets: never plug those together.
    stride = -(-len(cases) // AT_ONCE)
    for first in range(stride):
        batch = cases[first::stride]
        sticks = [case.stick() for case in batch]
        with plugged(usb, sticks) as places:
            for case, at, stick in zip(batch, places, sticks, strict=True):
                begun = time.monotonic()
                outcomes[case.name] = run_reference(case, at, stick)
                print(f"{case.name}: {outcome_line(outcomes[case.name])}, {time.monotonic() - begun:.1f} s")
                if "RECORD_TIMES" in os.environ:
                    for note in stick.notes:
                        print(f"   {note.seconds - begun:7.3f} {note.text}")
    return outcomes


def outcome_line(outcome: Outcome) -> str:
    return f"{len(outcome.trace)} notes, exit {outcome.exit_code}, {outcome.report!r}"


def main(arguments: Sequence[str]) -> int:
    """Record everything, or only the cases named; the arguments: versions of the reference, names."""
    reference, *names = arguments
    packed = public_cases(read_source(str(linux.REFERENCE / PACK)))
    for kind, cases in ((EXTRA, extra_cases()), (PUBLIC, packed)):
        chosen = [case for case in cases if not names or case.name in names or kind in names]
        returning = [case for case in chosen if case.name == LEAVING_SONY]
        with quiet_kernel(), UsbipServer() as usb:
            outcomes = record(usb, [case for case in chosen if case not in returning])
        if returning:
            with quiet_kernel(udev=True), UsbipServer() as usb:
                outcomes |= record(usb, returning)
        save(kind, reference, outcomes, Path("/run/rig"))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
