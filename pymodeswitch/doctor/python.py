"""What our own process is made of: compiled files, and libusb."""

from __future__ import annotations

import ctypes
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.util import cache_from_source, find_spec
from typing import Any

from ..nouns.errors import NoLibusbError
from ..system.ownership import MOST_TOLD, changeable, what_root_runs
from ..system.udev_rules import own_command
from ..transport.libusb import load_backend
from .computer import Computer
from .findings import Finding

NEEDED = ("pymodeswitch", "usb")  # what each switch imports
OF_A_CHECKSUM = 1  # flags of a .pyc (PEP 552): it holds a hash, not the time of its source


def check_compiled(
    folders: Iterable[str], environment: Mapping[str, str], *, writing: bool
) -> Iterator[Finding]:
    """Whether the modules in folders are compiled, or will be at their first import.

    writing: whether Python writes compiled files.
    """
    missing: dict[str, int] = {}
    modules = 0
    for folder in folders:
        sources = [os.path.join(at, name) for at, _, names in os.walk(folder) for name in names]
        sources = [path for path in sources if path.endswith(".py")]
        lacking = [path for path in sources if not is_compiled(path)]
        modules += len(sources)
        if lacking and not (writing and all(_can_write(path) for path in lacking)):
            missing[folder] = len(lacking)
    if not missing:
        yield Finding("compiled", f"{modules} modules are compiled, or will be when they are first used")
        return
    why = (
        "PYTHONDONTWRITEBYTECODE is set"
        if environment.get("PYTHONDONTWRITEBYTECODE")
        else "they are never written"
    )
    places = ", ".join(f"{count} of {folder}" for folder, count in missing.items())
    command = " ".join(map(shlex.quote, (sys.executable, "-m", "compileall", "-q", *missing)))
    text = f"compiled files are missing ({places}), and {why}: each start takes twice as long"
    yield Finding("not-compiled", text, command)


def package_folders(names: Iterable[str] = NEEDED) -> list[str]:
    """Folders of installed packages; nothing is imported."""
    specs = map(find_spec, names)
    return [
        folder for spec in specs if spec is not None for folder in spec.submodule_search_locations or ()
    ]


def is_compiled(path: str) -> bool:
    """Whether a source file has a compiled file that Python takes."""
    try:
        with open(cache_from_source(path), "rb") as file:
            header = file.read(16)
        status = os.stat(path)
    except (OSError, NotImplementedError):
        return False
    if int.from_bytes(header[4:8], "little") & OF_A_CHECKSUM:
        return True
    made_from = int.from_bytes(header[8:12], "little"), int.from_bytes(header[12:16], "little")
    return made_from == (int(status.st_mtime) & 0xFFFFFFFF, status.st_size & 0xFFFFFFFF)


def _can_write(path: str) -> bool:
    """Whether the compiled file of a source could be made."""
    folder = os.path.dirname(cache_from_source(path))
    while not os.path.isdir(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    return os.access(folder, os.W_OK)


def check_libusb(computer: Computer, load: Callable[[], Any] = load_backend) -> Iterator[Finding]:
    """Which libusb is loaded, from where, and whether it hears of new devices."""
    try:
        library = load().lib
    except NoLibusbError as error:
        yield Finding(
            "no-libusb", str(error), f"{shlex.quote(sys.executable)} -m pip install libusb-package"
        )
        return
    path = _loaded_from(str(library._name), computer)
    source = "libusb-package" if "libusb_package" in path else "the system"
    by_udev = b"libudev.so" in computer.read_bytes(path, 8 << 20)
    listens = "built with udev" if by_udev else "hears the kernel itself"
    yield Finding("libusb", f"libusb {_version(library)} of {source}: {path} ({listens})")
    # From 1.0.23 on a stick is opened by its node, and libusb's own list of devices is not asked.
    if by_udev and not computer.has_udev and not hasattr(library, "libusb_wrap_sys_device"):
        text = "this libusb needs udev, which does not run: it sees no stick that is plugged in later"
        cure = f"{shlex.quote(sys.executable)} -m pip install libusb-package"
        yield Finding("libusb-needs-udev", text, cure)


def check_ownership(load: Callable[[], Any] = load_backend) -> Iterator[Finding]:
    """Whether others than root can change what root runs when a stick is plugged in."""
    try:
        library = [_loaded_from(str(load().lib._name), Computer())]
    except NoLibusbError:
        library = []
    for one in changeable(what_root_runs(own_command(), library))[:MOST_TOLD]:
        path = shlex.quote(one.path)
        yield Finding("changeable", str(one), f"chown root: {path}; chmod go-w {path}")


def _loaded_from(name: str, computer: Computer) -> str:
    """The path of a loaded library; it may have been loaded by its name alone."""
    if os.path.isabs(name):
        return name
    for line in computer.read("/proc/self/maps", 1 << 24).splitlines():
        path = line.rpartition(" ")[2]
        if "/libusb-1.0" in path:
            return path
    return name


class _Version(ctypes.Structure):
    """struct libusb_version of libusb.h; what is behind the numbers is not looked at."""

    _fields_ = [(name, ctypes.c_uint16) for name in ("major", "minor", "micro", "nano")]


def _version(library: Any) -> str:
    function = library.libusb_get_version
    function.restype = ctypes.POINTER(_Version)
    version = function().contents
    return f"{version.major}.{version.minor}.{version.micro}"
