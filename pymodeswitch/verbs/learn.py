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
from ..learning.facts import of_capture
from ..learning.known import Knowledge
from ..learning.learn import Learned, learn
from ..model import UsbId

EXIT_CODES = {"learned": 0, "candidates": 21, "nothing": 22, "incomplete": 23}
NOTHING = (
    "no stick in it was switched: it has to be plugged in after the recording begins, and to be switched"
    " before it ends"
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument(
        "captures", nargs="*", metavar="CAPTURE", help="pcap, pcapng, usbmon text, SniffUSB log"
    )
    parser.add_argument("--id", help="the stick's ID before the switch, where the capture does not show it")
    parser.add_argument(
        "--target", metavar="ID", help="its ID after the switch, where the capture does not show it"
    )
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
    learned = [learn(path, *given) for path in options.captures]
    verdict = lessons.verdict([lesson for one in learned for lesson in one.lessons])
    code = EXIT_CODES[verdict]
    if options.json:
        captures = [_data(one, knowledge) for one in learned]
        print_json({"verdict": verdict, "captures": captures, "exit_code": code})
    else:
        for one in learned:
            _tell(one, knowledge, quiet=options.quiet)
    if folder is not None:
        _write(folder, learned, knowledge)
    return code


def _data(learned: Learned, knowledge: Knowledge) -> dict[str, Any]:
    return {
        "path": learned.path,
        "format": learned.info.format,
        "packets": learned.packets,
        "notes": learned.notes,
        "reports": _reports(learned),
        "sticks": [lessons.data(lesson, learned.info, knowledge) for lesson in learned.lessons],
    }


def _tell(learned: Learned, knowledge: Knowledge, *, quiet: bool) -> None:
    for text in learned.notes:
        complain(f"{learned.path}: {text}")
    if not learned.lessons and not quiet:
        complain(f"{learned.path}: {NOTHING}")
    for number, lesson in enumerate(learned.lessons):
        if number:
            show()
        for line in lessons.text(lesson, learned.info, knowledge).splitlines():
            show(printable(line))
    if not quiet:  # beside the device file, which may go into a file
        for report in _reports(learned):
            for line in report.splitlines():
                note(printable(line))


def _reports(learned: Learned) -> list[str]:
    return [of_capture(learned, lesson) for lesson in learned.lessons] or [of_capture(learned, None)]


def _write(folder: str, learned: list[Learned], knowledge: Knowledge) -> None:
    """A file for each stick that was learned; none is overwritten. CaptureError."""
    for one in learned:
        for lesson in one.lessons:
            if not lesson.is_learned:
                continue
            path = os.path.join(folder, lessons.file_name(lesson))
            try:
                with open(path, "x", encoding="utf-8") as file:
                    file.write(lessons.text(lesson, one.info, knowledge))
            except OSError as error:
                raise CaptureError(f"{path}: {error.strerror}") from error
            note(f"written: {printable(path)}")
