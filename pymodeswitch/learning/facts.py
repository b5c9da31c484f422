"""The report: one block of text about a stick, to paste into an issue.

It holds what helps to write a device file and nothing that is one person's: IDs, classes, endpoints, masked
names, the commands that were tried or recorded, times from the start. No serial number, no data, no paths,
no clock, no other device but their number.
"""

from __future__ import annotations

import platform
import sys
from typing import TYPE_CHECKING

from .. import __version__
from ..device_files.syntax import write
from ..nouns.record import replace
from .doubts import why
from .known import method_of
from .lesson import device_files, product_name
from .privacy import masked
from .recognition import describe_cbw

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..nouns.model import AttachedDevice, DeviceFile, Entry
    from .drive import Drive
    from .inference import Lesson
    from .learn import Learned
    from .stays import Stay
    from .trying import Trial, Tried

BEGIN, END = "--- pymodeswitch report ---", "--- end of report ---"
OS_RELEASE = "/etc/os-release"
MAX_OS_RELEASE = 1 << 16
KINDS = {0x00: "disk", 0x05: "CD"}
INTERFACE, ENDPOINT, CONFIGURATION = 4, 5, 2
TRANSFERS = ("control", "isochronous", "bulk", "interrupt")
MOST_LINES = 64  # of descriptors


def of_device(
    device: AttachedDevice,
    *,
    descriptors: bytes = b"",
    drive: Drive | None = None,
    scsi: tuple[str, str, str] | None = None,
    entry: Entry | None = None,
    trial: Trial | None = None,
    others: int = 0,
) -> str:
    """The report on an attached device, and on what was tried on it."""
    lines = [
        BEGIN,
        *_system(),
        f"device: {device.id}{_release(descriptors)}, class {device.device_class:02x}",
    ]
    name = masked(f"{device.manufacturer} {device.product}", device.serial)
    lines += [f"name: {name or '-'}", f"scsi: {_scsi_text(scsi, device.serial)}"]
    if drive is not None and drive.kind is not None:
        size = f", {drive.size >> 20} MiB" if drive.size else ""
        lines.append(f"drive: {KINDS.get(drive.kind, f'type {drive.kind:02x}')}{size}")
    lines += _descriptor_lines(descriptors, device) if descriptors else _interface_lines(device)
    lines.append(f"device file: {_entry_text(entry)}")
    if trial is not None:
        lines += _tried_lines(trial)
    lines += [f"other devices: {others}", END]
    return "\n".join(lines) + "\n"


def of_capture(learned: Learned, lesson: Lesson | None) -> str:
    """The report on a capture, and on what was learned of one stick in it."""
    info = learned.info
    lines = [BEGIN, *_system()]
    lines.append(f"capture: {info.format}, {info.system or 'unknown system'}, {learned.packets} packets")
    lines += [f"note: {note}" for note in learned.notes]
    if lesson is None:
        lines.append("stick: none that was switched")
    else:
        lines += _lesson_lines(lesson)
    lines += [f"other devices: {learned.devices}", END]
    return "\n".join(lines) + "\n"


def _system() -> Iterator[str]:
    """Versions; of the kernel only its number, as builders put their names into the rest."""
    number = platform.release().split("-")[0] if sys.platform == "linux" else platform.release()
    yield f"pymodeswitch: {__version__}, Python {platform.python_version()}"
    yield f"system: {platform.system()} {masked(number)} {platform.machine()}{_distribution()}"


def _distribution() -> str:
    try:
        with open(OS_RELEASE, encoding="utf-8", errors="replace") as file:
            text = file.read(MAX_OS_RELEASE)
    except OSError:
        return ""
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    words = [values.get(key, "").strip("\"'") for key in ("ID", "VERSION_ID")]
    return f", {masked(' '.join(words))}" if words[0] else ""


def _release(descriptors: bytes) -> str:
    if len(descriptors) < 14:
        return ""
    return f", release {descriptors[13]:x}.{descriptors[12]:02x}"


def _scsi_text(scsi: tuple[str, str, str] | None, serial: str = "") -> str:
    return "-" if scsi is None else " | ".join(masked(text, serial) or "-" for text in scsi)


def _entry_text(entry: Entry | None) -> str:
    if entry is None:
        return "none"
    return f"{masked(entry.name)} ({method_of(entry.device_file) or 'no method'})"


def _interface_lines(device: AttachedDevice) -> Iterator[str]:
    yield f"configuration: {device.configuration} (active)"
    for i in device.interfaces:
        ends = [f"{end:02x} bulk" for end in (i.bulk_out, i.bulk_in) if end is not None]
        driver = f", driver {masked(i.driver)}" if i.driver else ""
        yield (
            f"  interface {i.number}: class {i.interface_class:02x}/{i.subclass:02x}/{i.protocol:02x},"
            f" endpoints {', '.join(ends) or '-'}{driver}"
        )


def _descriptor_lines(descriptors: bytes, device: AttachedDevice) -> list[str]:
    """Configurations, interfaces and endpoints (USB 2.0, 9.6); what is cut or odd ends it."""
    drivers = {i.number: i.driver for i in device.interfaces if i.driver}
    lines: list[str] = []
    active = False
    at = 0
    while at + 2 <= len(descriptors) and len(lines) < MOST_LINES:
        size, kind = descriptors[at], descriptors[at + 1]
        body = descriptors[at : at + size]
        if size < 2 or len(body) < size:
            break
        if kind == CONFIGURATION and size >= 9:
            active = body[5] == device.configuration
            lines.append(f"configuration: {body[5]}{' (active)' if active else ''}")
        elif kind == INTERFACE and size >= 9:
            setting = f" setting {body[3]}" if body[3] else ""
            driver = f", driver {masked(drivers[body[2]])}" if active and body[2] in drivers else ""
            shown = f"{body[5]:02x}/{body[6]:02x}/{body[7]:02x}"
            lines.append(f"  interface {body[2]}{setting}: class {shown}{driver}")
        elif kind == ENDPOINT and size >= 7:
            lines.append(f"    endpoint {body[2]:02x} {TRANSFERS[body[3] & 3]}")
        at += size
    return lines


def _tried_lines(trial: Trial) -> Iterator[str]:
    yield f"tried: {len(trial.tried)} steps; {trial.ended or 'interrupted'}"
    for number, tried in enumerate(trial.tried, 1):
        yield f"  {number}. {tried.step.harm} {tried.step.name}: {_outcome(tried)}"
    if trial.after is not None:
        shown = trial.after.interface_class
        same = "the same port" if trial.after.port == trial.device.port else "another port"
        text = "unknown" if shown is None else f"{shown:02x}"
        yield f"became: {trial.after.id}, class {text}, on {same}"
        name = masked(f"{trial.after.manufacturer} {trial.after.product}", trial.after.serial)
        yield f"  name: {name or '-'}"
    yield from _file_lines(trial.device_file)


def _outcome(tried: Tried) -> str:
    # Of the details only those are shown that are an ID and a class.
    return f"{tried.outcome.value} ({tried.seconds:.1f} s)"


def _file_lines(device_file: DeviceFile | None) -> Iterator[str]:
    if device_file is None:
        return
    yield "entry:"
    for line in write(replace(device_file, comments=())).splitlines():
        yield f"  {line}"


def _lesson_lines(lesson: Lesson) -> Iterator[str]:
    before = lesson.before
    release = f"{before.release >> 8:x}.{before.release & 0xFF:02x}"
    yield f"device: {lesson.initial or 'unknown'}, release {release}"
    yield f"name: {product_name(lesson)}"
    yield f"scsi: {_scsi_text(before.inquiry)}"
    yield from _stay_lines(before)
    yield f"confidence: {lesson.confidence.value}"
    yield from why(lesson)
    yield from _message_lines(lesson)
    if lesson.after is not None and lesson.after is not before:
        yield "became:"
        yield from _stay_lines(lesson.after)
    yield from (f"doubt: {doubt}" for doubt in lesson.doubts)
    files = device_files(lesson)
    yield from _file_lines(files[0] if files and lesson.is_learned else None)


def _message_lines(lesson: Lesson) -> Iterator[str]:
    """The commands as bytes: without tags, and without the data of requests."""
    for candidate in lesson.candidates:
        for sent in candidate.commands:
            if sent.cdb:
                head, words = sent.message[8:15].hex(" "), describe_cbw(sent.message)
                yield f"  command: {head} | {sent.cdb.hex(' ')} ({words})"


def _stay_lines(stay: Stay) -> Iterator[str]:
    for value in sorted(stay.descriptors):
        yield f"configuration: {value}"
        for number, shown, subclass, protocol, out, in_ in stay.interfaces(value):
            ends: Sequence[str] = [f"{end:02x} bulk" for end in (out, in_) if end is not None]
            yield (
                f"  interface {number}: class {shown:02x}/{subclass:02x}/{protocol:02x},"
                f" endpoints {', '.join(ends) or '-'}"
            )
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(stay.counts.items()))
    yield f"traffic: {kinds or '-'}"
