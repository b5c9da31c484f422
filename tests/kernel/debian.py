"""A whole Debian for the guest, made by debootstrap: its own kernel, systemd, Python, and reference tool.

Kept in the rig's cache, in a folder that is named after the versions in it; a second run needs no network.
To have it made anew, remove that folder.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from tests.kernel.prepare import Kit, RigError, missing, output, tool

SUITES = {"debian-13": "trixie", "debian-sid": "sid"}
INCLUDED = (
    *("systemd", "systemd-sysv", "udev", "kmod", "busybox-static", "procps", "usbutils"),
    *("python3", "python3-venv", "python3-usb", "python3-construct", "python3-pytest"),
)
NAMED = ("systemd", "python3")  # packages whose versions are in the folder's name, beside the kernel's
REFERENCE = "opt/usb-modeswitch"


def prepare_debian(cache: Path, system: str = "debian-13") -> Kit:
    """What a boot of that Debian, one of SUITES, needs, from the cache or freshly made.

    Raises:
        RigError: a program is missing, this is not root, or a package cannot be fetched.
    """
    if problem := missing():
        raise RigError(problem)
    tree = next(iter(sorted(cache.glob(f"{system}_*"), reverse=True)), None) or _make(cache, system)
    kernel = next((tree / "boot").glob("vmlinuz-*"))
    return Kit(
        kernel=kernel,
        release=kernel.name.removeprefix("vmlinuz-"),
        modules=tree / "usr/lib/modules",
        reference=tree / REFERENCE,
        root=tree,
        python="/usr/bin/python3",
    )


def _make(cache: Path, system: str) -> Path:
    program = tool("debootstrap")
    if program is None:
        raise RigError("the kernel rig lacks programs: apt-get install debootstrap")
    cache.mkdir(parents=True, exist_ok=True)
    # Renamed when it is whole: an interrupted run leaves no half a system in the cache.
    with tempfile.TemporaryDirectory(prefix="debootstrap-", dir=cache) as name:
        tree = Path(name) / "tree"
        words = ["--variant=minbase", f"--include={','.join(INCLUDED)}", SUITES[system], str(tree)]
        output([program, *words])
        _add_kernel(tree)
        _add_reference(tree)
        tree.chmod(0o755)
        return tree.replace(cache / _name(system, tree))


def _name(system: str, tree: Path) -> str:
    kernel = next((tree / "boot").glob("vmlinuz-*")).name.removeprefix("vmlinuz-")
    versions = [f"{package}-{_version(tree, package)}" for package in NAMED]
    return "_".join([system, f"linux-{kernel}", *versions])


def _version(tree: Path, package: str) -> str:
    return _inside(tree, "dpkg-query", "-W", "-f", "${Version}", package).replace(":", "%3a")


def _add_kernel(tree: Path) -> None:
    """Unpacked, not installed: nobody needs its initramfs."""
    depends = _inside(tree, "apt-cache", "depends", "linux-image-amd64")
    found = re.search(r"Depends: (linux-image-\S+)", depends)
    if found is None:
        raise RigError(f"{tree}: there is no linux-image-amd64 in that suite")
    _unpack(tree, [found[1]], "/")
    release = next((tree / "usr/lib/modules").iterdir()).name
    _inside(tree, "depmod", release)


def _add_reference(tree: Path) -> None:
    """The reference tool, beside the system; the bench puts it in place. libusb comes with python3-usb."""
    depends = _inside(tree, "apt-cache", "depends", "--recurse", "--important", "usb-modeswitch")
    names = set(re.findall(r"^(libjim[\w.+-]+)$", depends, re.MULTILINE))
    _unpack(tree, ["usb-modeswitch", "usb-modeswitch-data", *sorted(names)], f"/{REFERENCE}")


def _unpack(tree: Path, packages: list[str], target: str) -> None:
    debs = tree / "tmp/debs"
    debs.mkdir()
    script = 'cd /tmp/debs && apt-get -q -o APT::Sandbox::User= download "$@"'
    _inside(tree, "sh", "-c", script, "sh", *packages)
    # /lib is a link, which has to stay.
    script = 'mkdir -p "$2" && dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2"'
    for deb in sorted(debs.glob("*.deb")):
        _inside(tree, "sh", "-c", script, "sh", f"/tmp/debs/{deb.name}", target)
    _inside(tree, "rm", "-r", "/tmp/debs")


def _inside(tree: Path, *words: str) -> str:
    return output(["chroot", str(tree), *words])
