"""The two that are compared in the guest: each installs its own udev rule, as its users have it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.kernel.guest import linux

NAMES = ("pymodeswitch", "usb_modeswitch")


@contextmanager
def installed(name: str) -> Iterator[None]:
    """One of the two, with its rule in force; gone afterwards."""
    if name == "pymodeswitch":
        _done("system", "install", "--quiet")
        yield
        _done("system", "uninstall", "--quiet")
        return
    files = _reference_files()
    # Logging off, as the file in the package has it.
    for source, target in files:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)
    linux.reload_rules()
    yield
    for _, target in files:
        target.unlink()
    linux.reload_rules()


# The Python whose pymodeswitch is measured: one that has it installed, not this checkout.
PYTHON = os.environ.get("BENCH_PYTHON", linux.PYTHON)


def _done(*words: str) -> None:
    done = linux.run_command(PYTHON, "-I", "-m", "pymodeswitch", *words)
    if done.returncode:
        raise RuntimeError(f"pymodeswitch {' '.join(words)}: {done.stderr}")


def _reference_files() -> list[tuple[Path, Path]]:
    """What the rig unpacked, and where it belongs; libraries that the system has already are left out."""
    found = []
    for source in linux.REFERENCE.rglob("*"):
        target = Path("/") / source.relative_to(linux.REFERENCE)
        if not source.is_dir() and "/share/doc/" not in str(target) and not target.exists():
            found.append((source, target))
    return found


def busy() -> list[str]:
    """The command lines of both that are still running."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
        except OSError:  # it ended meanwhile
            continue
        # What a rule of ours starts has the package's __main__.py as its program.
        names = {os.path.basename(word.removesuffix("/__main__.py")) for word in words}
        if int(folder.name) != os.getpid() and names & {*NAMES, "usb_modeswitch_dispatcher"}:
            found.append(" ".join(words))
    return found


def is_tool(process: str) -> bool:
    """Whether a process of that name (acct(5)) belongs to one of the two: shells and their helpers too."""
    return process.startswith(("usb_modeswitch", "python")) or process in HELPERS


# What the reference's scripts start, a thread that its process may be named after, and what ours starts.
HELPERS = (
    *("sh", "dash", "expr", "readlink", "basename", "gzip", "tar", "logger", "echo", "systemctl", "mkdir"),
    "libusb_event",
)


def run(*words: str) -> subprocess.Popen[bytes]:
    """Start pymodeswitch beside us."""
    return subprocess.Popen([PYTHON, "-I", "-m", "pymodeswitch", *words])
