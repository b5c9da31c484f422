"""`modem`: whether a switched modem is any good, and what cures it; or a text to dial with."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any

from ...catalog.catalog import Catalog, default_catalog, read_entry
from ...host.linux import default_host
from ...modem import KINDS, Report, configuration, examine, look_at
from ...modem.port_link import ModemPort
from ...nouns.errors import DeviceFileError, NotAttachedError, UsageError, printable
from ...nouns.model import AttachedDevice, UsbId, parse_port
from ...switching.connector import ports_of
from ..arguments import add_common, add_data, data_folders
from ..console import complain, note, print_json, say, show

TTY = "tty"
CURE = " " * 4  # what stands before one


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("which", nargs="?", metavar="PORT|ID|TTY", help="such as 1-1, 19d2:1203, ttyACM0")
    parser.add_argument("--conf", choices=KINDS, help="print what to write down for dialling; ask nothing")
    parser.add_argument("--apn", help="with --conf: the name of the operator's access point")
    parser.add_argument("--user", help="with --conf: the user name, where the operator wants one")
    parser.add_argument("--password", help="with --conf: the password")
    add_data(parser)
    add_common(parser)


def run(options: argparse.Namespace) -> int:
    """Ask every modem that is meant; the exit code is that of the first one that cannot be used."""
    if options.conf is None and (options.apn or options.user or options.password):
        raise UsageError("--apn, --user and --password go with --conf")
    if options.conf is not None and options.apn is None:
        raise UsageError("--conf needs --apn NAME: the operator tells the name of its access point")
    devices, tty = _meant(options.which, default_catalog(data_folders(options)))
    if options.conf is not None:
        return _print_configuration(options, look_at(devices[0], tty))
    reports = [examine(device, tty) for device in devices]
    code = next((report.exit_code for report in reports if report.exit_code), 0)
    if options.json:
        print_json({"modems": list(map(report_data, reports)), "exit_code": code})
        return code
    for line, colour in lines(reports, verbose=options.verbose):
        if options.quiet:
            break
        if line.startswith(CURE):
            show(printable(line))  # a command stays whole, to be copied
        else:
            say(line, line.strip(), colour)
    return code


def _print_configuration(options: argparse.Namespace, report: Report) -> int:
    if report.port is None:
        raise NotAttachedError(
            f"{report.device.describe()} has no port to dial with: see pymodeswitch doctor"
        )
    text = configuration(options.conf, report.port, options.apn, options.user, options.password)
    if options.json:
        print_json({"conf": options.conf, "port": report.port, "text": text})
    else:
        show(text, end="")
        if report.link is None and not options.quiet:
            note(f"{report.tty} may be another one later; `pymodeswitch system install` makes a link")
    return 0


def _meant(which: str | None, catalog: Catalog) -> tuple[list[AttachedDevice], str | None]:
    """The devices that are meant, and the tty where one was named. NotAttachedError."""
    name = (which or "").removeprefix("/dev/")
    if name.startswith(TTY):
        port = ModemPort(name)
        return [port.device], port.tty
    host = default_host()
    attached = host.devices()
    if which is None:
        found = [device for device in attached if not device.is_storage and _is_ours(device, catalog)]
        what = "no modem is attached"
    elif ":" in which:
        usb_id = UsbId.parse(which)
        wanted = {usb_id, *_targets(usb_id, catalog)}
        found = [device for device in attached if device.id in wanted]
        what = f"neither {usb_id} nor one of its targets is attached"
    else:
        place = parse_port(which)
        places = ports_of(host, place)
        found = [device for device in attached if device.port in places]
        what = f"nothing is attached to port {place}"
    if not found:
        raise NotAttachedError(f"{what}{_hint(attached, catalog)}")
    return found, None


def _is_ours(device: AttachedDevice, catalog: Catalog) -> bool:
    """Whether device files know it: as a stick, or as what one becomes."""
    return bool(catalog.choose(device, lambda: None).reasons or catalog.leading_to(device.id))


def _targets(usb_id: UsbId, catalog: Catalog) -> set[UsbId]:
    found: set[UsbId] = set()
    for candidate in catalog.candidates(usb_id):
        try:
            found.update(read_entry(candidate).all_targets)
        except DeviceFileError as error:
            complain(str(error))
    return found


def _hint(attached: Iterable[AttachedDevice], catalog: Catalog) -> str:
    """Whether there is a stick that only wants to be switched."""
    for device in attached:
        if device.is_storage and catalog.choose(device, lambda: None).reasons:
            return f"; {device.describe()} is not switched yet: pymodeswitch {device.id}"
    return ""


def lines(reports: Iterable[Report], *, verbose: bool = False) -> Iterable[tuple[str, str]]:
    """Reports as text: a headline each, then findings with their cures; with -v all answers. And colours."""
    for report in reports:
        link = f", {report.link}" if report.link else ""
        where = f" ({report.tty}{link})" if report.tty else ""
        yield f"{report.device.describe()}{where}", "head"
        for finding in report.findings:
            yield f"  {finding.text}", "bad" if finding.exit_code else "good"
            yield from ((f"{CURE}{cure}", "") for cure in finding.cures)
        if verbose and report.state is not None:
            for question, answer in report.state.raw.items():
                yield f"  {question}: {' | '.join(answer)}", ""


def report_data(report: Report) -> dict[str, Any]:
    """A report as JSON types."""
    state = report.state
    return {
        "port": report.device.port,
        "id": str(report.device.id),
        "tty": report.tty,
        "link": report.link,
        "findings": [
            {"name": finding.name, "text": finding.text, "cures": list(finding.cures)}
            for finding in report.findings
        ],
        "state": None
        if state is None
        else {
            "answers": state.answers,
            "about": list(state.about),
            "sim": state.sim,
            "radio": state.functionality,
            "dbm": state.dbm,
            "registered": state.is_registered,
            "operator": state.operator,
            "contexts": [{"cid": cid, "type": kind, "apn": apn} for cid, kind, apn in state.contexts],
            "raw": {question: list(answer) for question, answer in state.raw.items()},
        },
        "cards": [card._asdict() for card in report.cards],
        "exit_code": report.exit_code,
    }
