"""`doctor`: what is wrong with a stick or with the system, and what cures it."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from ..arguments import add_common, add_data, data_folders
from ..catalog import default_catalog
from ..console import print_json, printable, show
from ..doctor import Finding, Level, examine, has_problems
from ..model import UsbId, parse_port

EXIT_PROBLEMS = 20


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("id", nargs="?", metavar="ID", help="sticks with this ID, or a target of it")
    parser.add_argument("--port", help="the device on this port, such as 1-1.2, whatever it is")
    add_data(parser)
    add_common(parser)


def run(options: argparse.Namespace) -> int:
    """Print all findings; those that are fine only with -v, hints not with -q."""
    findings = examine(
        None if options.id is None else UsbId.parse(options.id),
        None if options.port is None else parse_port(options.port),
        catalog=default_catalog(data_folders(options)),
    )
    code = EXIT_PROBLEMS if has_problems(findings) else 0
    if options.json:
        print_json({"findings": list(map(finding_data, findings)), "exit_code": code})
        return code
    hidden = {Level.OK} if not options.verbose else set()
    if options.quiet:
        hidden = {Level.OK, Level.HINT}
    for line in lines([finding for finding in findings if finding.level not in hidden]):
        show(printable(line))
    if not options.quiet:
        show(_summary(findings))
        for finding in findings:
            if finding.name == "modem":  # the next question, which only the modem can answer
                show(printable(f"next: {finding.text}"))
    return code


def lines(findings: Sequence[Finding]) -> Iterable[str]:
    """Findings as text, grouped by what they are about."""
    for subject, group in groupby(findings, key=lambda finding: finding.subject):
        yield subject
        for finding in group:
            yield f"  {finding.level.value + ':':<9}{finding.text}"
            if finding.cure is not None:
                yield f"           {finding.cure}"


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
