"""Compares a system with what would be installed now: what udev and systemd read, not what lies about.

The first file of a name, in the order of precedence, is the one that counts (udev(7), systemd.unit(5)); an
empty one, or a link to /dev/null, masks.
"""

from __future__ import annotations

import gzip
import os
import shlex
import zlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..nouns.model import UsbId
from .foreign_rules import starts
from .installation import Layout, SystemFile
from .root import Root

UDEV_FOLDERS = tuple(
    f"{folder}/udev/rules.d" for folder in ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib")
)
UNIT_FOLDERS = tuple(
    f"{folder}/systemd/system" for folder in ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib")
)
SHARE_FOLDERS = ("/usr/local/share", "/usr/share")
ZSH_OF_DEBIAN = "/usr/share/zsh/vendor-completions"  # where packages have theirs
OF_PACKAGES = ("/usr/lib", "/lib", "/usr/share")


class Finding(NamedTuple):
    """One file: `ok`, `missing`, `stale`, `masked` or `fighting`, and why if it is not obvious."""

    path: str
    state: str
    detail: str = ""


def inspect(
    root: Root,
    places: Layout,
    files: Sequence[SystemFile],
    packaged: Sequence[SystemFile],
    initial_ids: Iterable[UsbId],
) -> list[Finding]:
    """A finding for each file, and one for each other rules file that starts something for our IDs.

    files: as they would be installed now. packaged: the same as a package of the system may have them, fine
    in the folders of packages.
    """
    as_packaged: dict[str, set[bytes]] = {}
    for file in packaged:
        as_packaged.setdefault(os.path.basename(file.path), set()).add(file.content)
    findings = [
        _enabled(root, file)
        if file.target is not None
        else _compared(root, file, _folders(places, file.path), as_packaged)
        for file in files
    ]
    own = {os.path.basename(file.path) for file in files}
    return [*findings, *_fighting(root, list(initial_ids), own)]


def _enabled(root: Root, file: SystemFile) -> Finding:
    """A link that starts a unit at boot; it may lead to any unit of that name."""
    target = root.link_target(file.path)
    if target is not None and os.path.basename(target) == os.path.basename(file.path):
        return Finding(file.path, "ok")
    if root.exists(file.path):
        return Finding(file.path, "stale", f"it does not lead to {file.target}")
    return Finding(file.path, "missing", f"{os.path.basename(file.path)} does not start at boot")


def _folders(places: Layout, path: str) -> list[str]:
    """The folders that a file of this kind is looked up in, in order of precedence."""
    folder = os.path.dirname(path)
    for folders in (UDEV_FOLDERS, UNIT_FOLDERS):
        if folder in folders:
            return list(folders)
    below = os.path.relpath(folder, places.share)
    others = [share for share in SHARE_FOLDERS if share != places.share]
    elsewhere = [ZSH_OF_DEBIAN] if below == "zsh/site-functions" else []
    return [os.path.normpath(os.path.join(share, below)) for share in (places.share, *others)] + elsewhere


def _compared(
    root: Root, file: SystemFile, folders: Sequence[str], as_packaged: dict[str, set[bytes]]
) -> Finding:
    name = os.path.basename(file.path)
    own = os.path.dirname(file.path)
    shadowing = True
    for folder in folders:
        shadowing = shadowing and not root.same_folder(folder, own)
        path = f"{folder}/{name}"
        content = root.read(path)
        if content is None:
            path, content = f"{path}.gz", _unzipped(root.read(f"{path}.gz"))
        if content is None:
            if root.is_link(f"{folder}/{name}"):
                return Finding(f"{folder}/{name}", "stale", "a link that leads nowhere")
            continue
        if not content:
            return Finding(path, "masked", _how(root, path))
        if content == file.content:
            return Finding(path, "ok")
        if folder.startswith(OF_PACKAGES) and content in as_packaged.get(name, ()):
            return Finding(path, "ok")
        if shadowing:
            return Finding(path, "masked", f"another file in the place of {file.path}")
        return Finding(path, "stale", "it is not what would be installed now")
    return Finding(file.path, "missing")


def _how(root: Root, path: str) -> str:
    return "a link to /dev/null" if root.is_link(path) else "an empty file"


def _unzipped(data: bytes | None) -> bytes | None:
    """Packages compress man pages."""
    try:
        return None if data is None else gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        return data


def _fighting(root: Root, initial_ids: Sequence[UsbId], seen: set[str]) -> list[Finding]:
    """Active rules that would switch the same sticks, in any file that udev reads. seen: names that are not
    looked at."""
    findings = []
    for folder in UDEV_FOLDERS:
        for name in root.names(folder):
            if name in seen or not name.endswith(".rules"):
                continue
            seen.add(name)
            path = f"{folder}/{name}"
            text = (root.read(path) or b"").decode("utf-8", "replace")
            met = starts(text, initial_ids, root)
            if met:
                programs = " and ".join(start.program for start in met)
                ids = frozenset().union(*(start.ids for start in met))
                text = f"starts {programs} for {len(ids)} of {len(initial_ids)} IDs, too; to stop it: "
                findings.append(Finding(path, "fighting", text + stop_command(path)))
    return findings


def stop_command(path: str) -> str:
    """What makes udev pass over a rules file: one in /etc is moved away, another one masked from there."""
    if os.path.dirname(path) == UDEV_FOLDERS[0]:
        return f"mv {shlex.quote(path)} {shlex.quote(f'{path}.off')}"
    return f"ln -s /dev/null {shlex.quote(f'{UDEV_FOLDERS[0]}/{os.path.basename(path)}')}"
