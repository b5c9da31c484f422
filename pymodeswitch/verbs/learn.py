"""`learn`: a device file from a capture of the stick's switch under Windows or Linux."""

from __future__ import annotations

import argparse
import os
from typing import Any

from ..arguments import add_common, add_data, data_folders
from ..catalog import default_catalog
from ..console import complain, note, print_json, printable, show
from ..errors import CaptureError, UsageError
from ..learning import lesson as lessons
from ..learning.bus import Bus
from ..learning.captures import open_packets
from ..learning.inference import Lesson, infer
from ..learning.known import Knowledge
from ..learning.packets import CaptureInfo
from ..model import UsbId

EXIT_CODES = {"learned": 0, "candidates": 21, "nothing": 22, "incomplete": 23}
NOTHING = (
    "no stick in it was switched: it has to be plugged in after the recording begins, and to be switched before it ends"
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("captures", nargs="*", metavar="CAPTURE", help="pcap, pcapng, usbmon text, SniffUSB log")
    parser.add_argument("--id", help="the stick's ID before the switch, where the capture does not show it")
    parser.add_argument("--target", metavar="ID", help="its ID after the switch, where the capture does not show it")
    parser.add_argument("--write", metavar="DIR", help="write what was learned into this folder, too")
    add_data(parser)
    add_common(parser)


def run(options: argparse.Namespace) -> int:
    """Read captures; print what each teaches. The exit code is that of the best answer."""
    if not options.captures:
        raise UsageError("learn from what? give a capture (docs: recording a capture)")
    given = [None if text is None else UsbId.parse(text) for text in (options.id, options.target)]
    folder = options.write
    if folder is not None and not os.path.isdir(folder):
        raise UsageError(f"--write {folder}: no such folder")
    knowledge = Knowledge.of(default_catalog(data_folders(options)))
    found: list[tuple[str, CaptureInfo, list[Lesson], list[str]]] = []
    for path in options.captures:
        bus, notes = _read(path)
        found.append((path, bus.info, infer(bus, *given), notes))
    verdict = lessons.verdict([lesson for _, _, learned, _ in found for lesson in learned])
    code = EXIT_CODES[verdict]
    if options.json:
        print_json({"verdict": verdict, "captures": [_data(*one, knowledge) for one in found], "exit_code": code})
    else:
        for one in found:
            _tell(*one, knowledge, quiet=options.quiet)
    if folder is not None:
        _write(folder, found, knowledge)
    return code


def _read(path: str) -> tuple[Bus, list[str]]:
    """Follow a capture to its end; CaptureError."""
    with open_packets(path) as capture:
        bus = Bus(capture.info)
        for packet in capture.packets:
            bus.see(packet)
        return bus, capture.notes


def _data(
    path: str, info: CaptureInfo, learned: list[Lesson], notes: list[str], knowledge: Knowledge
) -> dict[str, Any]:
    return {
        "path": path,
        "format": info.format,
        "notes": notes,
        "sticks": [lessons.data(lesson, info, knowledge) for lesson in learned],
    }


def _tell(
    path: str, info: CaptureInfo, learned: list[Lesson], notes: list[str], knowledge: Knowledge, *, quiet: bool
) -> None:
    for text in notes:
        complain(f"{path}: {text}")
    if not learned and not quiet:
        complain(f"{path}: {NOTHING}")
    for number, lesson in enumerate(learned):
        if number:
            show()
        for line in lessons.text(lesson, info, knowledge).splitlines():
            show(printable(line))


def _write(folder: str, found: list[tuple[str, CaptureInfo, list[Lesson], list[str]]], knowledge: Knowledge) -> None:
    """A file for each stick that was learned; none is overwritten. CaptureError."""
    for _, info, learned, _ in found:
        for lesson in learned:
            if not lesson.is_learned:
                continue
            path = os.path.join(folder, lessons.file_name(lesson))
            try:
                with open(path, "x", encoding="utf-8") as file:
                    file.write(lessons.text(lesson, info, knowledge))
            except OSError as error:
                raise CaptureError(f"{path}: {error.strerror}") from error
            note(f"written: {printable(path)}")
