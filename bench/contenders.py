"""The two that are compared in the guest: each installs its own udev rule, as its users have it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.kernel.guest import linux

NAMES = ("pymodeswitch", "usb_modeswitch")
# Where the guest has pymodeswitch and what it needs, copied from the rig's shared folder and compiled there:
# not in a home, nor below /tmp, which would take a wider sandbox. PYTHON: the system's own.
LIBRARY = "/opt/pymodeswitch"
PYTHON = "/usr/bin/python3"
OURS = (PYTHON, "-I", f"{LIBRARY}/pymodeswitch/__main__.py")
# What either of them opens at each start. From the host's disk even what is cached costs a round trip at each
# open, in real time, which on a busy host takes longer than all the rest: setting modes as they are has the
# overlay copy it into memory.
OPENED = (
    *("/usr/lib/python3*", "/usr/bin/python3*", "/usr/lib/x86_64-linux-gnu/*.so*", "/etc/ld.so.cache"),
    *("/usr/lib/udev", "/usr/lib/systemd", "/usr/bin/udevadm", "/bin/dash", "/bin/systemctl"),
)
# What is done before the guest's init starts: the default installation.
BEFORE = f"""\
chmod -R u+r {" ".join(OPENED)}
cp -r /run/rig/library {LIBRARY} && {PYTHON} -m compileall -q {LIBRARY}/pymodeswitch {LIBRARY}/usb
{shlex.join(OURS)} system install --quiet
"""


@contextmanager
def installed(name: str) -> Iterator[None]:
    """One of the two, with its rule in force; gone afterwards. The other one is taken away before."""
    if name == "pymodeswitch":
        _done("system", "install", "--quiet")
        yield
        return
    _done("system", "uninstall", "--quiet")
    files = _reference_files()
    # Logging off, as the file in the package has it.
    for source, target in files:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)
    _reload()
    yield
    for _, target in files:
        target.unlink()
    _reload()


def _reload() -> None:
    linux.reload_rules()
    if linux.runs_systemd():
        subprocess.run(["systemctl", "daemon-reload"], check=True, timeout=60)


def _done(*words: str) -> None:
    done = linux.run_command(*OURS, *words)
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


def processes() -> dict[int, str]:
    """The command lines of both that are still running, by process."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
        except OSError:  # it ended meanwhile
            continue
        # What a rule of ours starts has a __main__.py as its program.
        names = {os.path.basename(word.removesuffix("/__main__.py")) for word in words}
        if int(folder.name) != os.getpid() and names & {*NAMES, "early", "usb_modeswitch_dispatcher"}:
            found[int(folder.name)] = " ".join(words)
    return found


def judge() -> int | None:
    """The process of the judge, while there is one."""
    return next((number for number, words in processes().items() if words.strip().endswith(" judge")), None)


def is_tool(process: str) -> bool:
    """Whether a process of that name (acct(5)) belongs to one of the two: shells and their helpers too."""
    return process.startswith(("usb_modeswitch", "python")) or process in HELPERS


# What the reference's scripts start, and threads that their processes may be named after.
HELPERS = (
    *("sh", "dash", "expr", "readlink", "basename", "gzip", "tar", "logger", "echo", "systemctl", "mkdir"),
    "libusb_event",
)
