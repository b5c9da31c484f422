"""`python -m bench`: all comparisons, in the rig and on this machine; writes docs/speed.md.

In the guests time is virtual, so the machine may do something else meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from bench import host, table
from bench.contenders import BEFORE
from tests.kernel.debian import prepare_debian
from tests.kernel.prepare import Kit, cache_folder, prepare
from tests.kernel.rig import Flavour, boot
from tools.project import ROOT

PAGE = ROOT / "docs/speed.md"
WIDTH = 118  # characters of a line there
MARK = "<!-- written by python -m bench -->"
BOOT_LIMIT_S = 5400.0
UDEV, SYSTEMD = (Flavour(init, "", before=BEFORE) for init in ("udevd", "systemd"))


class Part(NamedTuple):
    """A boot: of which system and init, and what is measured there."""

    name: str
    kit: Kit
    flavour: Flavour
    scenarios: list[str]


def parts(plugs: int, sticks: int) -> list[Part]:
    """What is measured in guests."""
    ours, theirs = table.OURS, table.THEIRS
    few = max(1, plugs // 5)  # each takes the reference three quarters of a minute
    plug = [f"plug:{ours}:{plugs}", f"plug:{theirs}:{plugs}"]
    hang = [f"hang:{ours}:{plugs}", f"hang:{theirs}:{few}"]
    many = [f"many:{ours}:1", f"many:{ours}:{sticks}", f"many:{theirs}:{sticks}"]
    here, debian = prepare(cache_folder()), prepare_debian(cache_folder())
    return [
        Part("udev", here, UDEV, plug + hang),
        Part("systemd", here, SYSTEMD, plug + hang),
        Part("many", here, SYSTEMD, many),
        Part("debian-13", debian, SYSTEMD, plug),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.partition("\n")[0])
    parser.add_argument("--plugs", type=int, default=10, help="plugs for each contender")
    parser.add_argument("--sticks", type=int, default=64, help="sticks at once")
    parser.add_argument("--starts", type=int, default=40, help="starts on this machine")
    parser.add_argument("--figures", type=Path, help="keep the figures in this file")
    parser.add_argument("--again", type=Path, help="make the table from the figures in this file")
    parser.add_argument("--only", help="parts to run, with commas: udev, systemd, many, debian-13, host")
    parser.add_argument("--dry-run", action="store_true", help="print the table, write no page")
    options = parser.parse_args(argv)
    wanted = parts(options.plugs, options.sticks)
    only = options.only.split(",") if options.only else [*(part.name for part in wanted), "host"]
    if options.again is not None:
        data = json.loads(options.again.read_text())
    else:
        data = measured(
            [part for part in wanted if part.name in only], options.starts if "host" in only else 0
        )
    if options.figures is not None:
        options.figures.write_text(json.dumps(data, indent=1) + "\n")
    costs = {what: [host.Cost(*cost) for cost in costs] for what, costs in data["costs"].items()}
    lookups = {int(number): values for number, values in data["lookups"].items()}
    text = "\n".join([table.HEAD, *(row.markdown for row in table.rows(data["guest"], costs, lookups))])
    print(text)
    if not options.dry_run:
        before, mark, _ = PAGE.read_text().partition(MARK)
        kits = dict.fromkeys(part.kit for part in wanted)
        PAGE.write_text(f"{before}{mark}\n\n{textwrap.fill(machine([*kits]), WIDTH)}\n\n{text}\n")
    return 0


def measured(wanted: Sequence[Part], starts: int) -> dict[str, Any]:
    """All figures. starts: on this machine; 0 for none."""
    lines: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        for part in wanted:
            results = Path(name) / part.name
            results.mkdir()
            lines += in_guest(part, results)
    costs: dict[str, list[host.Cost]] = {}
    if starts:
        for what, cost in (*host.starts(starts), *host.senders(starts)):
            costs.setdefault(what, []).append(cost)
    return {"guest": lines, "costs": costs, "lookups": host.lookups(5) if starts else {}}


def in_guest(part: Part, results: Path) -> list[dict[str, Any]]:
    """Boot the rig and measure there."""
    # As users have it: from the wheel. --target: whatever Python the guest has finds it.
    words = ["install", "--quiet", "--no-compile", "--target", str(results / "library"), str(ROOT)]
    subprocess.run([sys.executable, "-m", "pip", *words], check=True)
    command = [part.kit.python, "-m", "bench.guest", "/run/rig/figures", *part.scenarios]
    line = shlex.join(command)
    if code := boot(part.kit, line, results, part.flavour, timeout=BOOT_LIMIT_S, virtual_time=True):
        raise SystemExit(f"bench: the guest's part ended with {code}")
    return [json.loads(line) for line in (results / "figures").read_text().splitlines()]


def machine(kits: Sequence[Kit]) -> str:
    """What the figures were taken on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    cpu = models[0] if models else platform.machine()
    names = ", ".join(f"{name} {version(name)}" for name in ("pyusb", "libusb-package"))
    qemu = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True, check=True)
    guests = " and ".join(f"Linux {kit.release}" for kit in kits)
    return (
        f"Taken on {os.cpu_count()} CPUs ({cpu}), {platform.freedesktop_os_release()['PRETTY_NAME']}, "
        f"Python {platform.python_version()}, {names}; the guests: {guests}, in virtual time, emulated by "
        f"{qemu.stdout.split(' (')[0].strip()}, usb-modeswitch as these systems have it. "
        "Medians, smallest and largest in parentheses."
    )


if __name__ == "__main__":
    sys.exit(main())
