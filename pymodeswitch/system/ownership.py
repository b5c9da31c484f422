"""Who can change what root runs: every part of every path to it, up to `/`.

udev and systemd run pymodeswitch as root, so root runs whatever somebody writes into its folders. Looked at
are the words of the command, the interpreter and its environment, the folders that modules come from, this
package and pyusb with all their files (a compiled one counts as well as its source), libusb, and what says
what is sent: settings, folders of device files, indexes.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from typing import NamedTuple

from ..catalog import sources
from ..planning import settings
from .udev_rules import own_command

MOST_LINKS = 40  # as the kernel has it for one path (MAXSYMLINKS)
MOST_TOLD = 5
MOST_FILES = 20_000  # in one folder with all that is below it
PACKAGES = ("pymodeswitch", "usb", "libusb_package")


class Changeable(NamedTuple):
    """A file or folder that others than root can change, and how."""

    path: str
    how: str

    def __str__(self) -> str:
        return f"{self.path} can be changed by others than root ({self.how}), and root runs what is there"


class Runs(NamedTuple):
    """What root runs. paths: files and folders, each with all folders above. trees: with all below, too."""

    paths: tuple[str, ...]
    trees: tuple[str, ...]


def ownership_warnings(command: Sequence[str], libraries: Iterable[str] = ()) -> list[str]:
    """A line for each thing that others can change, a few at most. libraries: that are loaded beside."""
    found = changeable(what_root_runs(command, libraries))
    lines = [str(one) for one in found[:MOST_TOLD]]
    if len(found) > MOST_TOLD:
        lines.append(f"{len(found) - MOST_TOLD} more files and folders can be changed by others than root")
    return lines


def what_root_runs(command: Sequence[str], libraries: Iterable[str] = ()) -> Runs:
    """What a start by that command runs and reads, as far as this Python can tell."""
    paths = [*filter(os.path.isabs, command), *libraries]
    trees = [*sources.SYSTEM_FOLDERS, *sources.pack_folders(), sources.shipped_folder()]
    paths += [settings.PATH, *settings.REFERENCE_PATHS]
    if tuple(command) == own_command():
        inner = [os.path.dirname(os.__file__), os.path.dirname(os.path.dirname(os.path.dirname(__file__)))]
        paths += [os.path.join(sys.prefix, "pyvenv.cfg"), sys.base_prefix, *inner]
        paths += [path for path in sys.path if os.path.isabs(path)]
        trees.append(os.path.dirname(sources.PACKS_INDEX))
        for package in PACKAGES:
            spec = find_spec(package)
            trees += (spec.submodule_search_locations or ()) if spec is not None else ()
    return Runs(tuple(dict.fromkeys(paths)), tuple(dict.fromkeys(trees)))


def changeable(runs: Runs) -> list[Changeable]:
    """What of it others can change; nothing below a folder that is told already."""
    told: dict[str, Changeable] = {}
    seen: set[str] = set()
    for path in (*runs.paths, *runs.trees, *(below for tree in runs.trees for below in _below(tree))):
        for one in _steps(path):
            if one in seen:
                continue
            seen.add(one)
            how = _how(one)
            if how and not any(_is_below(one, folder) for folder in told):
                told[one] = Changeable(one, how)
    return list(told.values())


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip("/") + "/")


def _below(tree: str) -> Iterator[str]:
    count = 0
    for folder, folders, names in os.walk(tree):
        for name in (*folders, *names):
            count += 1
            if count > MOST_FILES:
                return
            yield os.path.join(folder, name)


def _steps(path: str) -> Iterator[str]:
    """Each folder and link on the way to a path, from `/` on, and what it leads to; links are followed."""
    waiting = [part for part in reversed(os.path.abspath(path).split("/")) if part]
    at, links = "/", 0
    yield at
    while waiting:
        part = waiting.pop()
        if part in (".", ".."):
            at = os.path.dirname(at) if part == ".." else at
            continue
        step = os.path.join(at, part)
        yield step
        try:
            target = os.readlink(step)
        except OSError:  # no link, or not there
            at = step
            continue
        links += 1
        if links > MOST_LINKS:
            return
        waiting += [inner for inner in reversed(target.split("/")) if inner]
        at = "/" if target.startswith("/") else at


def _how(path: str) -> str:
    """How others than root can change it; empty when they cannot, or when it is not there."""
    try:
        found = os.lstat(path)
    except OSError:
        return ""
    if found.st_uid != 0:
        return f"it belongs to user {found.st_uid}"
    if stat.S_ISLNK(found.st_mode):  # whose mode says nothing
        return ""
    sticky = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX  # as /tmp: each only his own
    if found.st_mode & 0o002 and not sticky and not stat.S_ISCHR(found.st_mode):
        return "all may write"
    if found.st_mode & 0o020 and not sticky:
        return f"group {found.st_gid} may write"
    return ""
