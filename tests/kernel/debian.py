"""A whole Debian for the guest, made by debootstrap: its own kernel, systemd, Python, and reference tool.

Kept in the rig's cache, in a folder that is named after the versions in it; a second run needs no network.
To have it made anew, remove that folder.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from tests.kernel.prepare import Kit, RigError, missing, output, tool

# By name: the suite, and the one that its kernel is taken from, where a newer one is there.
SUITES = {"debian-13": ("trixie", "trixie"), "debian-sid": ("sid", "trixie-backports")}
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
    release = _release(tree)
    # Linux 7 of Debian has it beside its modules.
    places = (tree / "boot" / f"vmlinuz-{release}", tree / "usr/lib/modules" / release / "vmlinuz")
    return Kit(
        kernel=next(path for path in places if path.exists()),
        release=release,
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
    suite, kernel_suite = SUITES[system]
    with tempfile.TemporaryDirectory(prefix="debootstrap-", dir=cache) as name:
        tree = Path(name) / "tree"
        words = ["--variant=minbase", f"--include={','.join(INCLUDED)}", suite, str(tree)]
        output([program, *words])
        if kernel_suite != suite:
            _add_source(tree, suite, kernel_suite)
        _add_kernel(tree, kernel_suite)
        _add_reference(tree)
        tree.chmod(0o755)
        return tree.replace(cache / _name(system, tree))


def _name(system: str, tree: Path) -> str:
    versions = [f"{package}-{_version(tree, package)}" for package in NAMED]
    return "_".join([system, f"linux-{_release(tree)}", *versions])


def _release(tree: Path) -> str:
    """Of its one kernel."""
    return next((tree / "usr/lib/modules").iterdir()).name


def _version(tree: Path, package: str) -> str:
    return _inside(tree, "dpkg-query", "-W", "-f", "${Version}", package).replace(":", "%3a")


def _add_source(tree: Path, suite: str, other: str) -> None:
    """Have its apt know another suite of the same archive."""
    sources = tree / "etc/apt/sources.list"
    lines = [line for line in sources.read_text().splitlines() if f" {suite} " in line]
    sources.write_text(
        "\n".join([*lines, *(line.replace(f" {suite} ", f" {other} ") for line in lines), ""])
    )
    # A mirror may be behind; what is signed is good enough for a test.
    options = ("-o", "APT::Sandbox::User=", "-o", "Acquire::Check-Valid-Until=no")
    _inside(tree, "apt-get", "-q", *options, "update")


def _add_kernel(tree: Path, suite: str) -> None:
    """Unpacked, not installed: nobody needs its initramfs. From Linux 7 on its modules are a package beside."""
    image = _depends(tree, suite, "linux-image-amd64", "linux-image-")
    if not image:
        raise RigError(f"{suite} has no linux-image-amd64")
    parts = [*image, *_depends(tree, suite, image[0], "linux-(?:base|binary|modules)-")]
    _unpack(tree, parts, "/")
    _inside(tree, "depmod", _release(tree))


def _depends(tree: Path, suite: str, package: str, wanted: str) -> list[str]:
    """Names of packages, by a pattern of how they begin, that one of a suite depends on."""
    told = _inside(tree, "apt-cache", "-o", f"APT::Default-Release={suite}", "depends", package)
    return re.findall(rf"^\s*Depends: ({wanted}\S+)$", told, re.MULTILINE)


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
