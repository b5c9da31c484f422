"""docs/_static/demo.svg: the session of `pymodeswitch demo`, run for it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from pymodeswitch.catalog.sources import shipped_folder
from tools.project import ROOT
from tools.terminal_picture import picture

PICTURE = ROOT / "docs/_static/demo.svg"
TIMES = re.compile(r"\d+\.\d+ s")  # measured, so they differ each time
# Lines that say something of the computer it runs on, not of the stick.
OF_THIS_COMPUTER = ("avoid_reset_quirk",)


def session() -> list[str]:
    """The command and what it prints, both streams as they come."""
    words = [sys.executable, "-m", "pymodeswitch", "demo"]
    done = subprocess.run(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=True, cwd=ROOT
    )
    text = done.stdout.replace(f"{shipped_folder()}/", "data/")
    lines = [line for line in text.splitlines() if not any(word in line for word in OF_THIS_COMPUTER)]
    return ["$ pymodeswitch demo", *lines]


def generated() -> dict[Path, str]:
    """The picture by its path; the one that is there, where only times differ."""
    now = picture(
        session(),
        title="A session of pymodeswitch demo: a virtual stick is switched, and its modem answers",
        good=("switched:", "Done in", "    OK"),
        faint=("bulk ", "detach ", "claim ", "fits:"),
    )
    there = PICTURE.read_text("utf-8") if PICTURE.exists() else ""
    return {PICTURE: there if TIMES.sub("s", there) == TIMES.sub("s", now) else now}
