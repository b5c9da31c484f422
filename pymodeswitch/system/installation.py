"""What belongs into a system: rules, units, man pages, completions. Installed, updated, and removed.

A list of what was written (in the form of sha256sum) lies beside it, so that an update replaces its own
files, and removing takes exactly those that nobody has changed since.

Where: udev and systemd read below /etc, /run, /usr/local/lib and /usr/lib (udev(7), systemd.unit(5)); the
udev of other systems does not know /usr/local.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import NamedTuple

from ..catalog import sources
from ..catalog.catalog import Catalog
from ..modem.port_link import modem_ids
from ..nouns.errors import InstallationError, UsageError
from .link_rules import link_rules
from .root import Root
from .udev_rules import rules
from .units import JUDGE_UNIT, PATH_UNIT, WANTED_BY, judge_unit, path_unit

RULES = "41-pymodeswitch.rules"
LINK_SCRIPT = "pymodeswitch-modem-port.sh"
LINK_RULES = "42-pymodeswitch-gsmmodem.rules"  # on its own, so that it can be masked
UDEVD = ("/usr/lib/systemd/systemd-udevd", "/lib/systemd/systemd-udevd")  # the one that knows /usr/local

MAX_PATH = 1_024  # characters of a path in the list
MAX_LISTED = 1_000  # lines of the list: some thirty files, with two digests each while it is written

PREFIX = "/usr/local"
# Where a package of the system has the files, and how it starts pymodeswitch.
PACKAGE_PREFIX, PACKAGE_COMMAND = "/usr", ("/usr/bin/pymodeswitch",)

# What hides from a service (systemd.exec(5): ProtectHome=, PrivateTmp=).
HOMES = ("/home", "/root", "/run/user")
TEMPORARY = ("/tmp", "/var/tmp")


class SystemFile(NamedTuple):
    """A file of the installed system; with `target` a link to another one, whose content it shows."""

    path: str
    content: bytes
    target: str | None = None


class Layout(NamedTuple):
    """Folders of the installed system, and the list of what is in them: empty where none is kept."""

    rules: str
    units: str
    share: str
    list: str


class Change(NamedTuple):
    """What was, or would be, done to a file: written, unchanged, removed, or kept as it is not ours."""

    path: str
    what: str


def layout(
    root: Root, prefix: str, rules_folder: str | None = None, unit_folder: str | None = None
) -> Layout:
    """Where the files go. prefix: /usr, /usr/local, or any other; rules and units then lie in /etc.

    rules_folder, unit_folder: where they lie instead. UsageError for a path that is not absolute.
    """
    for what, path in (("prefix", prefix), ("rules folder", rules_folder), ("unit folder", unit_folder)):
        if path is not None and not os.path.isabs(path):
            raise UsageError(f"bad {what} {path!r}: it has to be an absolute path")
    prefix = os.path.normpath(prefix)
    read = prefix in ("/usr", "/usr/local")
    udev_reads = read and (prefix == "/usr" or any(root.exists(path) for path in UDEVD))
    return Layout(
        rules=rules_folder or (f"{prefix}/lib/udev/rules.d" if udev_reads else "/etc/udev/rules.d"),
        units=unit_folder or (f"{prefix}/lib/systemd/system" if read else "/etc/systemd/system"),
        share=f"{prefix}/share",
        list=f"{prefix}/lib/pymodeswitch/installed",
    )


def system_catalog(root: Root) -> Catalog:
    """The device files of that system, and those that come with us and with other packages."""
    folders, last = map(root.at, sources.SYSTEM_FOLDERS), tuple(map(root.at, sources.LAST_FOLDERS))
    return Catalog((*folders, *sources.pack_folders(), sources.shipped_folder(), *last), last)


def system_files(root: Root, places: Layout, command: Sequence[str]) -> list[SystemFile]:
    """All files as they would be installed now.

    command: how pymodeswitch is started, as words, with an absolute path. UsageError.
    """
    script = f"{os.path.dirname(places.rules)}/{LINK_SCRIPT}"
    known = system_catalog(root)
    links = link_rules(modem_ids(known.entries()), command, script)
    return [
        *starting_files(known, places, command),
        SystemFile(f"{places.rules}/{LINK_RULES}", links.encode()),
        SystemFile(script, link_script()),
        *_shared_files(places),
    ]


def starting_files(known: Catalog, places: Layout, command: Sequence[str]) -> list[SystemFile]:
    """Those of them that start pymodeswitch: its rules and units. Of the device files the names will do."""
    if not command or not os.path.isabs(command[0]):
        raise UsageError(f"bad command {' '.join(command)!r}: it has to begin with an absolute path")
    text = rules(known.initial_ids(), command, whole_vendors=known.fallback_vendors())
    hidden = {"in_home": _is_below(command, HOMES), "in_tmp": _is_below(command, TEMPORARY)}
    units = {JUDGE_UNIT: judge_unit(command, **hidden), PATH_UNIT: path_unit()}
    files = [SystemFile(f"{places.rules}/{RULES}", text.encode())]
    for name, text in units.items():
        unit = SystemFile(f"{places.units}/{name}", text.encode())
        # What `systemctl enable` would make.
        link = f"/etc/systemd/system/{WANTED_BY[name]}.wants/{name}"
        files += [unit, SystemFile(link, unit.content, unit.path)]
    return files


def packaged_files(root: Root, command: Sequence[str]) -> list[SystemFile]:
    """The same as a package of the system would have them: with its usual command, or with this one."""
    places = layout(root, PACKAGE_PREFIX)
    return [file for words in package_commands(command) for file in system_files(root, places, words)]


def package_commands(command: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """How a package of the system may start pymodeswitch."""
    return tuple(dict.fromkeys((PACKAGE_COMMAND, tuple(command))))


def _is_below(command: Sequence[str], folders: Sequence[str]) -> bool:
    """Whether the program, or a file that it runs, lies below one of the folders."""
    named = [word for word in command if os.path.isabs(word)]
    paths = [*named, *map(os.path.realpath, named)]
    below = {name for folder in folders for name in (folder, os.path.realpath(folder))}
    return any(os.path.commonpath([path, folder]) == folder for path in paths for folder in below)


def shipped_system_folder() -> str:
    """The folder of generated files that comes with pymodeswitch."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "files")


def link_script() -> bytes:
    """What the rules for the link start."""
    with open(os.path.join(shipped_system_folder(), "lib/udev", LINK_SCRIPT), "rb") as file:
        return file.read()


def _shared_files(places: Layout) -> list[SystemFile]:
    """Man pages and completions, which are the same everywhere."""
    top = os.path.join(shipped_system_folder(), "share")
    files = []
    for folder, _, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                files.append(SystemFile(f"{places.share}/{os.path.relpath(path, top)}", file.read()))
    return sorted(files)


def install(
    root: Root,
    places: Layout,
    files: Sequence[SystemFile],
    *,
    packaged: Sequence[SystemFile] = (),
    force: bool = False,
    dry_run: bool = False,
) -> list[Change]:
    """Write what is not there yet, and remove what an older version had and this one has not.

    packaged: as pip puts the wheel's shared data in the same place, if that is /usr/local: these may be
    written over. force: so may files that are not ours, or were changed since. InstallationError, before
    anything is written, for such files; and for what cannot be written.
    """
    before = _read_list(root, places)
    of_wheel = {_digest(file.content) for file in packaged}
    changes = [Change(file.path, _change(root, file, before, of_wheel, force)) for file in files]
    foreign = [change.path for change in changes if change.what == "kept"]
    if foreign:
        more = f" (and {len(foreign) - 1} more)" if foreign[1:] else ""
        raise InstallationError(
            f"{root.at(foreign[0])}{more}: not installed by pymodeswitch, or changed since: nothing is "
            "written (--force replaces it)"
        )
    now = {file.path: {_digest(file.content)} for file in files if not _is_enabled_by_others(root, file)}
    old = [_removal(root, path, before, force) for path in before if path not in now]
    changes += [change for change in old if change is not None]
    if not dry_run:
        # First all that may be there when this is interrupted, last what is there.
        both = {path: before.get(path, set()) | now.get(path, set()) for path in {**before, **now}}
        _write_list(root, places, both)
        for file, change in zip(files, changes, strict=False):
            if change.what == "written":
                if file.target is None:
                    root.write(file.path, file.content)
                else:
                    root.link(file.path, file.target)
        _remove(root, changes)
        _write_list(root, places, now)
    return changes


def _change(
    root: Root, file: SystemFile, before: dict[str, set[str]], of_wheel: set[str], force: bool
) -> str:
    """What `install` does to one file."""
    target = root.link_target(file.path)
    if not root.exists(file.path):
        return "written"
    if target == file.target and (target is not None or root.read(file.path) == file.content):
        return "unchanged"
    if _is_enabled_by_others(root, file):
        return "unchanged"
    if force or _is_ours(root, file.path, before):
        return "written"
    is_of_wheel = target is None and _digest(root.read(file.path) or b"") in of_wheel
    return "written" if is_of_wheel else "kept"


def _is_enabled_by_others(root: Root, file: SystemFile) -> bool:
    """Whether a link leads to a unit of that name elsewhere, such as a package's: then it is not ours."""
    target = root.link_target(file.path)
    if file.target is None or target in (None, file.target):
        return False
    return os.path.basename(target or "") == os.path.basename(file.target)


def uninstall(root: Root, places: Layout, *, force: bool = False, dry_run: bool = False) -> list[Change]:
    """Remove what `install` wrote and nobody has changed since; with force the changed ones, too.

    What was kept stays in the list. InstallationError for what cannot be removed.
    """
    before = _read_list(root, places)
    changes = [change for path in before if (change := _removal(root, path, before, force)) is not None]
    if not dry_run:
        _remove(root, changes)
        kept = {change.path: before[change.path] for change in changes if change.what == "kept"}
        if kept:
            _write_list(root, places, kept)
        elif root.exists(places.list):
            root.remove(places.list)
            root.remove_folder(os.path.dirname(places.list))
    return changes


def _removal(root: Root, path: str, before: dict[str, set[str]], force: bool) -> Change | None:
    """What removing does to a file of the list; None when it is gone already."""
    if not root.exists(path):
        return None
    return Change(path, "removed" if force or _is_ours(root, path, before) else "kept")


def _remove(root: Root, changes: Sequence[Change]) -> None:
    for change in changes:
        if change.what == "removed":
            root.remove(change.path)


def _is_ours(root: Root, path: str, before: dict[str, set[str]]) -> bool:
    """Whether a file is as it was installed; a link, whether it leads to another one of the list."""
    target = root.link_target(path)
    if target is not None:
        return path in before and target in before
    return _digest(root.read(path) or b"") in before.get(path, ())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read_list(root: Root, places: Layout) -> dict[str, set[str]]:
    """Digests by path; two of a path while an installation is under way, or was interrupted.

    The list of an image may be anybody's: InstallationError for one that is far too long.
    """
    known: dict[str, set[str]] = {}
    if not places.list:
        return known
    lines = (root.read(places.list) or b"").decode("utf-8", "replace").splitlines()
    if len(lines) > MAX_LISTED:
        path = root.at(places.list)
        raise InstallationError(
            f"{path}: cannot be read: more than {MAX_LISTED} lines, which is no list of ours"
        )
    for line in lines:
        digest, _, path = line.partition("  ")
        if os.path.isabs(path) and "\0" not in path and len(path) <= MAX_PATH:
            known.setdefault(path, set()).add(digest)
    return known


def _write_list(root: Root, places: Layout, known: dict[str, set[str]]) -> None:
    lines = [f"{digest}  {path}\n" for path in sorted(known) for digest in sorted(known[path])]
    data = "".join(lines).encode()
    if places.list and root.read(places.list) != data:
        root.write(places.list, data)
