"""`doctor`: what is wrong with a stick or with the system, and what cures it."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from ...catalog.catalog import Catalog, default_catalog
from ...doctor import Finding, Level, examine, has_problems
from ...host.linux import default_host
from ...nouns.errors import ModeSwitchError, printable
from ...nouns.model import Port, UsbId, parse_port
from ..arguments import add_common, add_data, data_folders
from ..console import print_json, say, show

EXIT_PROBLEMS = 20
CURE = " " * 11  # what stands before one, as wide as before the text of a finding
COLOURS = {Level.PROBLEM: "bad", Level.HINT: "doubt", Level.OK: "good"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("id", nargs="?", metavar="ID", help="sticks with this ID, or a target of it")
    parser.add_argument("--port", help="the device on this port, such as 1-1.2, whatever it is")
    parser.add_argument(
        "--report", action="store_true", help="print a report on the stick, too (see report)"
    )
    add_data(parser)
    add_common(parser)


def run(options: argparse.Namespace) -> int:
    """Print all findings; those that are fine only with -v, hints not with -q."""
    usb_id = None if options.id is None else UsbId.parse(options.id)
    port = None if options.port is None else parse_port(options.port)
    catalog = default_catalog(data_folders(options))
    findings = examine(usb_id, port, catalog=catalog)
    code = EXIT_PROBLEMS if has_problems(findings) else 0
    report = _report(catalog, usb_id, port) if options.report else None
    if options.json:
        more = {} if report is None else {"report": report}
        print_json({"findings": list(map(finding_data, findings)), "exit_code": code, **more})
        return code
    hidden = {Level.OK} if not options.verbose else set()
    if options.quiet:
        hidden = {Level.OK, Level.HINT}
    for line, level in lines([finding for finding in findings if finding.level not in hidden]):
        if level is None:
            say(line, line, "head")
        elif line.startswith(CURE):
            show(printable(line))  # a command stays whole, to be copied
        else:
            say(line, f"{level.value}:", COLOURS[level], len(CURE))
    if not options.quiet:
        say(_summary(findings))
        for finding in findings:
            if finding.name == "modem":  # the next question, which only the modem can answer
                say(f"next: {finding.text}", "next:", "head")
    if report is not None:
        show()
        for line in report.splitlines():
            show(printable(line))
    return code


def _report(catalog: Catalog, usb_id: UsbId | None, port: Port | None) -> str:
    """The report on the stick that is meant; a line that says why there is none."""
    from ...learning.checks import choose
    from .report import report

    host = default_host()
    try:
        return report(host, catalog, choose(host, catalog, usb_id, port))
    except ModeSwitchError as error:
        return f"no report: {error}"
    finally:
        host.close()


def lines(findings: Sequence[Finding]) -> Iterable[tuple[str, Level | None]]:
    """Findings as text, grouped by what they are about; with their level, None for what they are about."""
    for subject, group in groupby(findings, key=lambda finding: finding.subject):
        yield subject, None
        for finding in group:
            yield f"  {finding.level.value + ':':<9}{finding.text}", finding.level
            if finding.cure is not None:
                yield f"{CURE}{finding.cure}", finding.level


def _summary(findings: Sequence[Finding]) -> str:
    counts = [sum(finding.level is level for finding in findings) for level in Level]
    words = [(counts[0], "problem"), (counts[1], "hint")]
    text = ", ".join(f"{count or 'no'} {word}{'' if count == 1 else 's'}" for count, word in words)
    return f"{text}, {counts[2]} check{'' if counts[2] == 1 else 's'} without complaint"


def finding_data(finding: Finding) -> dict[str, Any]:
    """A finding as JSON types."""
    return {
        "level": finding.level.value,
        "name": finding.name,
        "port": finding.port,
        "id": None if finding.id is None else str(finding.id),
        "text": finding.text,
        "cure": finding.cure,
    }
