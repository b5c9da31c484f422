"""udev and systemd as an installation meets them: told to read their files again, and whether they will be
able to start pymodeswitch."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence

from .udev_rules import SYSTEMD_RUNS

PATIENCE_S = 60.0
UDEV_RUNS = "/run/udev/control"
ADMIN_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"


def reload(*, start: str = "", stop: str = "") -> list[str]:
    """Make udev and systemd read their files again, those that run. What went wrong, a line each.

    start, stop: a unit that systemd is to start behind that, or to stop before.
    """
    problems = []
    if udev_runs():
        problems.append(_told("udev", "udevadm", "control", "--reload"))
    if os.path.isdir(SYSTEMD_RUNS):
        if stop:
            _run(("systemctl", "stop", stop))  # whether it was there or not
        problems.append(_told("systemd", "systemctl", "daemon-reload"))
        if start:
            problems.append(_told("systemd", "systemctl", "start", start))
    return [problem for problem in problems if problem]


def udev_runs() -> bool:
    """Whether there is an udev to start anything."""
    return os.path.exists(UDEV_RUNS)


def _told(whom: str, *words: str) -> str:
    output, code = _run(words)
    if code == 0:
        return ""
    return f"{whom} could not be told to do `{' '.join(words)}`: {output}"


def start_problem(command: Sequence[str]) -> str:
    """Why udev and systemd, which know nothing of a user's settings, cannot start it; empty if they can."""
    output, code = _run([*command, "--version"])
    return "" if code == 0 else f"`{' '.join(command)}` cannot be started: {output}"


def _run(words: Sequence[str]) -> tuple[str, int]:
    """Run a program with nothing of the user's; the last line it says, and its exit code."""
    program = words[0] if os.path.isabs(words[0]) else shutil.which(words[0], path=ADMIN_PATH)
    if program is None:
        return f"there is no {words[0]}", 127
    try:
        done = subprocess.run(
            [program, *words[1:]],
            cwd="/",
            env={"PATH": ADMIN_PATH},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return str(error), 126
    text = (done.stderr or done.stdout).decode("utf-8", "replace").strip()
    return (text.splitlines() or [f"exit code {done.returncode}"])[-1], done.returncode
