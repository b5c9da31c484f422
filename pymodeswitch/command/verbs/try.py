"""`try`: find out what switches an unknown stick, one step after the other."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from ...catalog.catalog import Catalog, default_catalog
from ...device_files.names import canonical_name
from ...device_files.syntax import write
from ...host.linux import default_host
from ...learning.checks import check, choose
from ...learning.drive import configurations, descriptors
from ...learning.facts import of_device
from ...learning.known import Knowledge
from ...learning.ladder import OF_OTHERS, Rung, UnknownStick, ladder
from ...learning.trying import Trial, TrialOutcome
from ...learning.trying import run as climb
from ...nouns.errors import GoneError, UnchangedError, UnexpectedDeviceError, UsageError, printable
from ...nouns.model import AttachedDevice, UsbId, parse_port
from ...nouns.record import replace
from ...planning.description import plan_lines
from ...planning.plan import make_plan
from ...transport.inquiry import scsi_strings
from ..arguments import add_common, add_data, add_place, data_folders, on_port
from ..console import complain, note, print_json, show, terminating
from ..results import device_data

MAX_ANSWER = 16  # characters
ANSWERS = "yes, no (skip it), quit"
FURTHER = (
    "Nothing switched it. Record what its Windows driver sends, and let `pymodeswitch learn` read that"
    " (docs: an unknown stick). The report helps us, too."
)

KEEP = "The lines above the report are its device file: save them as /etc/pymodeswitch.d/"
SEND = "please send us both."


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("id", nargs="?", metavar="ID", help="the stick's ID, such as 19d2:1201")
    add_place(parser)
    parser.add_argument("--yes", action="store_true", help="do the harmless steps without a question")
    parser.add_argument(
        "--yes-really", action="store_true", help="go on though it looks like a drive that holds data"
    )
    parser.add_argument("--dry-run", action="store_true", help="show the steps, send nothing")
    add_data(parser)
    add_common(parser)


def run(options: argparse.Namespace) -> int:
    """Try; print a device file and a report. The exit code is that of `switch` for what came of it."""
    asks = sys.stdin is not None and sys.stdin.isatty()
    if not (asks or options.yes or options.dry_run):
        raise UsageError("each step is asked for, and nobody is there to answer: give --yes or --dry-run")
    catalog = default_catalog(data_folders(options))
    host = default_host()
    try:
        usb_id = None if options.id is None else UsbId.parse(options.id)
        device = on_port(
            options, lambda port: choose(host, catalog, usb_id, None if port is None else parse_port(port))
        )
        ask = not options.dry_run
        drive, notes = check(host, catalog, device, really=options.yes_really, ask=ask)
        device = host.at(device.port) or device
        trial = Trial(device, drive, notes)
        raw = descriptors(host, device, ask=ask)
        scsi = scsi_strings(host, device, ask=ask)
        steps = _ladder(catalog, device, trial, raw, scsi)
        dialogue = Terminal(options, asks=asks)
        _introduce(dialogue, trial, steps)
        if options.dry_run:
            _show_ladder(options, trial, steps)
            return 0
        try:
            with terminating():
                climb(host, trial, steps, dialogue)
        finally:
            if trial.tried:
                others = len(host.devices()) - 1
                report = of_device(
                    device, descriptors=raw, drive=drive, scsi=scsi, trial=trial, others=max(0, others)
                )
                _finish(options, trial, report)
    finally:
        host.close()
    return _exit_code(trial)


def _exit_code(trial: Trial) -> int:
    """That of the error that `switch` raises for the last step."""
    if trial.succeeded:
        return 0
    if trial.after is not None:
        return UnexpectedDeviceError.exit_code
    is_gone = bool(trial.tried) and trial.tried[-1].outcome is TrialOutcome.GONE
    return GoneError.exit_code if is_gone else UnchangedError.exit_code


def _ladder(
    catalog: Catalog,
    device: AttachedDevice,
    trial: Trial,
    raw: bytes,
    scsi: tuple[str, str, str] | None,
) -> list[Rung]:
    stick = UnknownStick(
        device.id,
        (device.manufacturer, device.product, *(scsi or ())),
        scsi[0] if scsi else "",
        configurations(raw, device.configuration),
        trial.drive.is_disk,
    )
    return ladder(Knowledge.of(catalog), stick)


class Terminal:
    """The user at a terminal: told on stderr, asked there, answering on stdin."""

    def __init__(self, options: argparse.Namespace, *, asks: bool) -> None:
        self._yes = options.yes
        self._asks = asks
        self._quiet = options.quiet

    def tell(self, text: str) -> None:
        """Say what goes on."""
        if not self._quiet:
            note(printable(f"   {text}"))

    def allows(self, number: int, step: Rung) -> bool | None:
        """Ask for a step; the harmless ones, and those of the vendor, are answered by --yes."""
        text = f"{number:2}. [{step.harm}] {step.name} ({step.why})"
        if self._yes and step.harm != OF_OTHERS:
            if not self._quiet:
                note(printable(text))
            return True
        if not self._asks:
            self.tell(f"{step.name}: skipped, as --yes does not answer for other vendors' commands")
            return False
        answer = self._answer(f"{text}\n    {ANSWERS}? ")
        return None if answer.startswith("q") else answer.startswith("y")

    def replugs(self, why: str) -> bool:
        """Ask to plug it in again."""
        if not self._asks:
            return False
        note(
            printable(f"   {why[:1].upper()}{why[1:]}: unplug the stick, wait a moment, plug it in again.")
        )
        return True

    def _answer(self, question: str) -> str:
        note(printable(question.replace("\n", "\0")).replace("\\x00", "\n"), end="")
        line = sys.stdin.readline(1 << 10)
        return line[:MAX_ANSWER].strip().lower() if line else "quit"


def _introduce(dialogue: Terminal, trial: Trial, steps: list[Rung]) -> None:
    device = trial.device
    name = " ".join(filter(None, (device.describe(), device.manufacturer, device.product)))
    dialogue.tell(f"{name}: {len(steps)} steps, the harmless ones first")
    for text in trial.notes:
        dialogue.tell(f"note: {text}")


def _show_ladder(options: argparse.Namespace, trial: Trial, steps: list[Rung]) -> None:
    if options.json:
        data = [{"harm": step.harm, "name": step.name, "why": step.why} for step in steps]
        print_json({"device": device_data(trial.device), "notes": trial.notes, "steps": data})
        return
    for number, step in enumerate(steps, 1):
        show(printable(f"{number:2}. [{step.harm}] {step.name} ({step.why})"))
        if options.verbose and step.device_file is not None:
            for line in plan_lines(make_plan(step.device_file, trial.device)):
                show(printable(f"      {line}"))


def _finish(options: argparse.Namespace, trial: Trial, report: str) -> None:
    text = _file_text(trial)
    if options.json:
        print_json(
            {
                "ended": trial.ended,
                "switched": trial.succeeded,
                "before": device_data(trial.device),
                "after": device_data(trial.after),
                "tried": [_tried_data(tried) for tried in trial.tried],
                "file_name": canonical_name(trial.device.id) if text else None,
                "device_file": text or None,
                "report": report,
            }
        )
        return
    if text:
        for line in text.splitlines():
            show(printable(line))
        show()
    for line in report.splitlines():
        show(printable(line))
    if options.quiet:
        return
    if not text:
        complain(FURTHER)
    elif trial.device_file is not None:
        note(f"{KEEP}{canonical_name(trial.device.id)}, then run `pymodeswitch system install`; {SEND}")


def _tried_data(tried: Any) -> dict[str, Any]:
    return {
        "harm": tried.step.harm,
        "name": tried.step.name,
        "outcome": tried.outcome.name.lower(),
        "seconds": round(tried.seconds, 2),
        "detail": tried.detail or None,
    }


def _file_text(trial: Trial) -> str:
    """The device file that switched it, with what else was tried; empty where nothing did."""
    device_file = trial.device_file
    if trial.after is None:
        return ""
    from ...learning.privacy import masked

    device = trial.device
    comments = [
        masked(f"{device.manufacturer} {device.product}", device.serial) or "unknown stick",
        "source: found by `pymodeswitch try`",
        f"file name: {canonical_name(device.id)}",
        *(f"tried before: {t.step.name}: {t.outcome.value}" for t in trial.tried[:-1] if t.step.sends),
    ]
    if device_file is None:  # it only had to be waited for
        comments.append("it switches by itself: no device file is needed")
        return "".join(f"# {comment}\n" for comment in comments)
    return write(replace(device_file, comments=tuple(comments)))
