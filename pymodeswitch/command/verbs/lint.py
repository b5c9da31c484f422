"""`lint`: check device files."""

from __future__ import annotations

import argparse
import os

from ...catalog.catalog import entry_from_file
from ...catalog.sources import Folder
from ...device_files.files import list_folder, read_bytes
from ...device_files.names import fallback_vendor, looks_misnamed, name_problem, parse_name
from ...device_files.syntax import MAX_DEVICE_FILE_BYTES, diagnose
from ...nouns.errors import DeviceFileError, ModeSwitchError, printable
from ...nouns.model import DeviceFile, Diagnostic, Severity, UsbId
from ...planning.plan import make_plan, typical_device
from ..arguments import add_common
from ..console import print_json, say, show
from ..results import diagnostic_data

COLOURS = {Severity.ERROR: "bad", Severity.WARNING: "doubt"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("files", nargs="+", metavar="FILE")
    add_common(parser)


def run(options: argparse.Namespace) -> int:
    """Check device files strictly; the exit code of DeviceFileError when one has an error."""
    paths = [path for name in options.files for path in _device_files(name)]
    findings = [finding for name in options.files for finding in _misnamed(name)]
    findings += [finding for path in paths for finding in lint_file(path)]
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    code = DeviceFileError.exit_code if errors else 0
    if options.json:
        data = list(map(diagnostic_data, findings))
        print_json({"files": len(paths), "findings": data, "exit_code": code})
        return code
    for finding in findings:
        first, *place = finding.with_caret().splitlines()
        say(first, f"{finding.severity.value}:", COLOURS[finding.severity])
        for line in place:
            show("\t".join(map(printable, line.split("\t"))))  # tabs keep the caret in its place
    if not options.quiet:
        counts = (len(paths), "file"), (len(errors), "error"), (len(findings) - len(errors), "warning")
        show(", ".join(f"{n} {word}{'' if n == 1 else 's'}" for n, word in counts))
    return code


def _device_files(path: str) -> list[str]:
    """A file as it is; of a folder all files that are named like device files, but for masks."""
    if not os.path.isdir(path):
        return [path]
    names = [name for name in list_folder(path) if parse_name(name) or fallback_vendor(name)]
    if not names:
        raise DeviceFileError(f"{path}: no device file in this folder")
    folder = Folder(path)
    return [os.path.join(path, name) for name in names if not folder.mask(name)]


def _misnamed(path: str) -> list[Diagnostic]:
    """A warning for each file, in a folder or named itself, that nobody will ever look at in a folder."""
    folder, name = os.path.split(path)
    names = [name]
    if os.path.isdir(path):
        folder, names = path, list_folder(path)
    return [
        Diagnostic(Severity.WARNING, f"not looked at: {name_problem(name)}", os.path.join(folder, name))
        for name in names
        if looks_misnamed(name)
    ]


def lint_file(path: str) -> list[Diagnostic]:
    """All findings in one file, by line: what the parser says, and whether a plan can be made of it."""
    try:
        data = read_bytes(path, MAX_DEVICE_FILE_BYTES)
    except DeviceFileError as error:
        return [_whole(path, error)]
    if data.lstrip().startswith(b"{"):
        text = "it looks like OpenWrt's usb-mode.json: `pymodeswitch data import` reads that"
        return [Diagnostic(Severity.ERROR, f"not a device file: {text}", path)]
    device_file, diagnostics = diagnose(data, path, strict=True)
    findings = list(diagnostics)
    if not any(finding.severity is Severity.ERROR for finding in findings):
        try:
            entry = entry_from_file(path, None)
            named = parse_name(os.path.basename(path))
            if named is not None and named[0] != entry.id:
                raise DeviceFileError(f"named for {named[0]}, and says that it is for {entry.id}")
            for way in (device_file, *device_file.modes):
                make_plan(way, typical_device(entry.id, way))
                if _leads_nowhere(way, entry.id):
                    text = f"its only target is {entry.id} itself, without TargetClass or Configuration"
                    findings.append(Diagnostic(Severity.WARNING, f"{text}: no success could be seen", path))
        except ModeSwitchError as error:
            findings.append(_whole(path, error))
    return sorted(findings, key=lambda finding: (finding.line, finding.column))


def _leads_nowhere(way: DeviceFile, initial: UsbId) -> bool:
    """Whether a way names targets, and all of them are the initial ID, which tells nothing alone."""
    tells = way.target_class is not None or way.configuration is not None
    names_one = way.target_product is not None or way.target_product_list or way.target_id_list
    return bool(names_one) and not tells and not way.targets(initial)


def _whole(path: str, error: ModeSwitchError) -> Diagnostic:
    return Diagnostic(Severity.ERROR, str(error).removeprefix(f"{path}: "), path)
