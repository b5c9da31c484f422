"""`system install`, `check` and `uninstall`: rules, units, man pages and completions of this system."""

from __future__ import annotations

import argparse
import shlex
from typing import Any

from ...device_files.writing import remove
from ...early import sender
from ...early.table import write_table
from ...nouns.errors import DeviceFileError, InstallationError, SettingsError, UsageError, printable
from ...system import daemons
from ...system.inspection import inspect
from ...system.installation import (
    PREFIX,
    Change,
    Layout,
    install,
    layout,
    packaged_files,
    system_catalog,
    system_files,
    uninstall,
)
from ...system.ownership import ownership_warnings
from ...system.root import Root
from ...system.udev_rules import own_command
from ...system.units import PATH_UNIT
from ..arguments import add_actions, add_common
from ..console import complain, note, print_json, show, show_table, warn

COLOURS = {
    **{"ok": "good", "written": "good", "removed": "good", "kept": "doubt"},
    **{"missing": "bad", "stale": "bad", "masked": "doubt", "fighting": "bad"},
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its actions, and their options."""
    actions = add_actions(parser)
    for name, text in (
        ("install", "install udev rules, systemd units, man pages and completions"),
        ("check", "compare what is installed with what would be installed now"),
        ("uninstall", "remove what was installed"),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument("--root", default="/", metavar="DIR", help="the folder that stands for /")
        action.add_argument(
            "--prefix", default=PREFIX, metavar="DIR", help=f"where in it (default: {PREFIX})"
        )
        action.add_argument("--rules-dir", metavar="DIR", help="where udev's rules are, if not there")
        action.add_argument("--unit-dir", metavar="DIR", help="where systemd's units are, if not there")
        if name == "install":
            action.add_argument(
                "--package",
                action="store_true",
                help="for packagers, with --root: nothing is enabled, no list is kept",
            )
        if name != "uninstall":
            action.add_argument("--command", metavar="CMD", help="how pymodeswitch is started there")
        if name != "check":
            action.add_argument(
                "--dry-run", action="store_true", help="show what would be done, do nothing"
            )
            action.add_argument("--force", action="store_true", help="also files that others have changed")
        add_common(action)


def run(options: argparse.Namespace) -> int:
    """Install, check or uninstall."""
    root = Root(options.root)
    if options.action != "install" and not root.exists("/"):
        raise UsageError(f"--root {options.root}: no such folder")
    places = layout(root, options.prefix, options.rules_dir, options.unit_dir)
    if options.action == "uninstall":
        return _uninstall(options, root, places)
    try:
        command = own_command() if options.command is None else tuple(shlex.split(options.command))
    except ValueError as error:  # a quote without its other half
        raise UsageError(f"bad command {options.command!r}: {error}") from None
    if options.action == "check":
        return _check(options, root, places, command)
    return _install(options, root, places, command)


def _install(options: argparse.Namespace, root: Root, places: Layout, command: tuple[str, ...]) -> int:
    files = system_files(root, places, command)
    if options.package:
        if root.is_this_system:
            raise UsageError(
                "--package goes with --root: in a running system a list says what can be removed"
            )
        files = [file for file in files if file.target is None]
        places = places._replace(list="")
    here = root.is_this_system and not options.dry_run
    if here and (problem := daemons.start_problem(command)):
        raise InstallationError(
            f"{problem}: nothing is installed (install it for all users, or give --command)"
        )
    changes = install(
        root,
        places,
        files,
        packaged=packaged_files(root, command),
        force=options.force,
        dry_run=options.dry_run,
    )
    warnings = _set_to_work() if here else []
    if here:
        warnings += ownership_warnings(command)
    if here and not daemons.udev_runs():
        warnings.append("udev does not run here: no stick is switched when it is plugged in")
    _report(options, root, changes, warnings, 0)
    if here and daemons.udev_runs() and not options.quiet and not options.json:
        note("sticks that are plugged in from now on are switched; for those that are: pymodeswitch scan")
    return 0


def _set_to_work() -> list[str]:
    """Have the sender's table made, and udev and systemd read what is new."""
    try:
        write_table()
        problems = []
    except (DeviceFileError, SettingsError) as error:
        problems = [f"the sender has no table, and leaves all to the judge: {error}"]
    return [*problems, *daemons.reload(start=PATH_UNIT)]


def _uninstall(options: argparse.Namespace, root: Root, places: Layout) -> int:
    changes = uninstall(root, places, force=options.force, dry_run=options.dry_run)
    kept = [change for change in changes if change.what == "kept"]
    removed = any(change.what == "removed" for change in changes)
    warnings = []
    if removed and root.is_this_system and not options.dry_run:
        warnings = daemons.reload(stop=PATH_UNIT)
        remove(sender.TABLE)
    code = InstallationError.exit_code if kept else 0
    _report(options, root, changes, warnings, code)
    if kept and not options.json:
        complain(
            f"{len(kept)} of {len(changes)} files were changed since, and are kept (--force removes them)"
        )
    return code


def _report(
    options: argparse.Namespace, root: Root, changes: list[Change], warnings: list[str], code: int
) -> None:
    if options.json:
        data: dict[str, Any] = {
            "files": [{"path": root.at(change.path), "change": change.what} for change in changes],
            "warnings": warnings,
            "dry_run": options.dry_run,
            "exit_code": code,
        }
        print_json(data)
        return
    if not options.quiet:
        _show_files("CHANGE", [(change.what, root.at(change.path)) for change in changes])
        if options.dry_run:
            show("dry run, nothing was changed")
        elif not changes:
            show("nothing was installed")
    warn(warnings)


def _show_files(what: str, rows: list[tuple[str, str]]) -> None:
    """A line for each file, with a word for it."""
    plain = [f"{word:<10} {text}" for word, text in rows]
    show_table((what, "FILE"), rows, plain, [COLOURS.get(word, "") for word, _ in rows])


def _check(options: argparse.Namespace, root: Root, places: Layout, command: tuple[str, ...]) -> int:
    files = system_files(root, places, command)
    packaged = packaged_files(root, command)
    findings = inspect(root, places, files, packaged, system_catalog(root).initial_ids())
    wrong = [finding for finding in findings if finding.state != "ok"]
    code = InstallationError.exit_code if wrong else 0
    warnings = ownership_warnings(command) if root.is_this_system else []
    if options.json:
        data = [{**finding._asdict(), "path": root.at(finding.path)} for finding in findings]
        print_json({"files": data, "warnings": warnings, "exit_code": code})
        return code
    rows = []
    for finding in wrong if options.quiet else findings:
        detail = f": {finding.detail}" if finding.detail else ""
        rows.append((finding.state, f"{root.at(finding.path)}{detail}"))
    _show_files("STATE", rows)
    if any(finding.state in ("missing", "stale") for finding in wrong) and not options.quiet:
        words = ["pymodeswitch", "system", "install"]
        if options.root != "/":
            words += ["--root", options.root]
        if options.prefix != PREFIX:
            words += ["--prefix", options.prefix]
        note(f"`{printable(shlex.join(words))}` installs what is missing or stale")
    warn(warnings)
    return code
