"""`learn`: a device file from a capture of the stick's switch under Windows or Linux."""

from __future__ import annotations

import argparse
import os
from typing import Any

from ...catalog.catalog import default_catalog
from ...host.linux import default_host
from ...learning import lesson as lessons
from ...learning.facts import of_capture
from ...learning.known import Knowledge
from ...learning.learn import Learned, learn
from ...learning.recording import DEFAULT_S, MAX_S, UsbMonitor, record
from ...nouns.errors import CaptureError, ModeSwitchError, UsageError, printable
from ...nouns.model import UsbId, parse_port
from ..arguments import add_common, add_data, data_folders, seconds
from ..console import complain, note, print_json, show

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
    parser.add_argument(
        "--record", metavar="PORT", help="record this port by usbmon, then learn (Linux, root)"
    )
    parser.add_argument("--to", metavar="FILE", help="where the recording goes (default: PORT.pcap)")
    parser.add_argument(
        "--seconds", type=seconds, default=DEFAULT_S, metavar="S", help="record for so long at most"
    )
    parser.add_argument("--write", metavar="DIR", help="write what was learned into this folder, too")
    add_data(parser)
    add_common(parser)


def run(options: argparse.Namespace) -> int:
    """Read captures; print what each teaches. The exit code is that of the best answer."""
    if options.record is not None:
        if options.captures:
            raise UsageError("--record takes a new capture: give no other")
        path, target = _record(options)
        options.captures, options.target = [path], options.target or target
    elif not options.captures:
        raise UsageError("learn from what? give a capture, or record one (--record PORT)")
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


def _record(options: argparse.Namespace) -> tuple[str, str | None]:
    """Record; returns the path, and the ID of what came back, which may be on another bus (USB 3).

    CaptureError, AccessError.
    """
    if not 0 < options.seconds <= MAX_S:
        raise UsageError(f"--seconds {options.seconds:g}: expected over 0 to {MAX_S:.0f}")
    port = parse_port(options.record)
    path = str(options.to or f"{port}.pcap")
    host = default_host()
    monitor = UsbMonitor(int(port.partition("-")[0]))
    try:
        with open(path, "xb") as file:
            done = record(
                *(host, port, monitor, file),
                seconds=options.seconds,
                tell=lambda text: _say(options, text),
            )
    except OSError as error:  # of the file: a full disk, or it is there
        if isinstance(error, ModeSwitchError):
            raise
        raise CaptureError(f"{path}: {error.strerror}") from error
    finally:
        monitor.close()
        host.close()
    _say(options, f"{done.packets} packets are in {path}: {done.ended}")
    return path, None if done.switched is None else str(done.switched.id)


def _say(options: argparse.Namespace, text: str) -> None:
    if not options.quiet:
        note(printable(text))


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
