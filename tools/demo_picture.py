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
OF_THIS_COMPUTER = ("avoid_reset_quirk", "For a PPP session")
# Without the session: whether there is one, and what is missing for it, differs from computer to computer.
DEMO = """
import sys
from pymodeswitch.command import cli, demo_session
demo_session.missing = lambda: ("nothing",)
sys.exit(cli.main(["demo"]))
"""


def session() -> list[str]:
    """The command and what it prints, both streams as they come."""
    words = [sys.executable, "-c", DEMO]
    done = subprocess.run(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=True, cwd=ROOT
    )
    text = done.stdout.replace(f"{shipped_folder()}/", "data/")
    lines = ["$ pymodeswitch demo"]
    for line in text.splitlines():
        # An empty line before one that is left out would be a second one.
        if not any(word in line for word in OF_THIS_COMPUTER) and (line or lines[-1]):
            lines.append(line)
    return lines


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
