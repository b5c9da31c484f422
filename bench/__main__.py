"""`python -m bench`: all comparisons, in the rig and on this machine; writes docs/speed.md.

It takes about a quarter of an hour. Nothing else should run meanwhile: the guest's two CPUs are emulated
by two of this machine's.
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
import venv
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench import host, table
from tests.kernel.prepare import Kit, cache_folder, prepare
from tests.kernel.rig import UDEVD_ALONE, Flavour, boot

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/speed.md"
MARK = "<!-- written by python -m bench -->"
BOOT_LIMIT_S = 3000.0


def scenarios(plugs: int, sticks: int) -> list[tuple[Flavour, list[str]]]:
    """What is measured in the guest, a boot for each list: under udev alone, or under systemd."""
    ours, theirs = table.OURS, table.THEIRS
    few = max(1, plugs // 5)  # each takes the reference three quarters of a minute
    numbers = (1, sticks // 2, sticks)
    return [
        (
            UDEVD_ALONE,
            [
                f"plug:{ours}:{plugs}",
                f"plug:{theirs}:{plugs}",
                f"hang:{ours}:{plugs}",
                f"hang:{theirs}:{few}",
            ],
        ),
        (Flavour("systemd", ""), [f"unit:{ours}:{plugs}", f"unit:{theirs}:{plugs}"]),
        (UDEVD_ALONE, [f"many:{ours}:{sticks}", f"many:{theirs}:{sticks}"]),
        (UDEVD_ALONE, [f"{one}:{ours}:{number}" for one in ("scan", "watch") for number in numbers]),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.partition("\n")[0])
    parser.add_argument("--plugs", type=int, default=10, help="plugs for each contender")
    parser.add_argument("--sticks", type=int, default=64, help="sticks at once")
    parser.add_argument("--starts", type=int, default=40, help="starts on this machine")
    parser.add_argument("--figures", type=Path, help="keep the figures in this file")
    parser.add_argument("--dry-run", action="store_true", help="print the table, write no page")
    options = parser.parse_args(argv)
    kit = prepare(cache_folder())
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        lines: list[dict[str, Any]] = []
        python = installed(Path(name) / "environment")
        for number, (flavour, words) in enumerate(scenarios(options.plugs, options.sticks)):
            results = Path(name) / f"results-{number}"
            results.mkdir()
            lines += in_guest(kit, python, flavour, words, results)
    starts: dict[str, list[host.Cost]] = {}
    for what, cost in host.starts(options.starts):
        starts.setdefault(what, []).append(cost)
    lookups = host.lookups(5)
    if options.figures is not None:
        data = {"guest": lines, "starts": starts, "lookups": lookups}
        options.figures.write_text(json.dumps(data, indent=1) + "\n")
    text = "\n".join([table.HEAD, *(row.markdown for row in table.rows(lines, starts, lookups))])
    print(text)
    if not options.dry_run:
        before, mark, _ = PAGE.read_text().partition(MARK)
        PAGE.write_text(f"{before}{mark}\n\n{machine(kit)}\n\n{text}\n")
    return 0


def installed(folder: Path) -> str:
    """A Python with pymodeswitch in it as users have it: from the wheel, compiled."""
    venv.create(folder, with_pip=True)
    python = str(folder / "bin/python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", str(ROOT)], check=True)
    return python


def in_guest(
    kit: Kit, python: str, flavour: Flavour, words: Sequence[str], results: Path
) -> list[dict[str, Any]]:
    """Boot the rig and measure there."""
    command = [sys.executable, "-m", "bench.guest", "/run/rig/figures", *words]
    line = f"BENCH_PYTHON={shlex.quote(python)} {shlex.join(command)}"
    if code := boot(kit, line, results, flavour, timeout=BOOT_LIMIT_S):
        raise SystemExit(f"bench: the guest's part ended with {code}")
    return [json.loads(line) for line in (results / "figures").read_text().splitlines()]


def machine(kit: Kit) -> str:
    """What the figures were taken on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    cpu = models[0] if models else platform.machine()
    names = ", ".join(f"{name} {version(name)}" for name in ("pyusb", "libusb-package"))
    reference = kit.reference.name.partition("_")
    qemu = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True, check=True)
    return (
        f"Taken on {os.cpu_count()} CPUs ({cpu}), {platform.freedesktop_os_release()['PRETTY_NAME']}, "
        f"Python {platform.python_version()}, {names}; the guest: Linux {kit.release}, emulated by "
        f"{qemu.stdout.split(' (')[0].strip()} without KVM, {reference[0]} {reference[2]}. "
        "Medians, smallest and largest in parentheses."
    )


if __name__ == "__main__":
    sys.exit(main())
