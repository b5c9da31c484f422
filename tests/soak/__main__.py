"""`python -m tests.soak [--switches 20000] [--rounds 10]`: prints what is held; 1 when it grows.

`--rig MINUTES` does so on a real kernel with udev, the sender and the judge (tests/kernel/guest/cycles.py).
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.kernel import rig
from tests.soak.soak import WAYS, rounds

MOST_GROWTH_KB = 1024
BOOT_S = 600  # until the guest is up, and until its last stick is judged


def main() -> int:
    """Run, print a line a round."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--switches", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--rig", type=float, metavar="MINUTES", help="in the guest, for so long")
    parser.add_argument("--results", help="the rig's results, such as the kernel's log, are kept there")
    options = parser.parse_args()
    if options.rig is not None:
        words = ["--timeout", str(options.rig * 60 + BOOT_S)]
        words += ["--results", options.results] if options.results else []
        command = f'"$RIG_PYTHON" -m tests.kernel.guest.cycles --minutes {options.rig}'
        return rig.main([*words, "--shell", command])
    begin = time.monotonic()
    print(f"{options.switches} switches: {', '.join(f'{w} {s:.0%}' for w, (_, s) in WAYS.items())}")
    found = []
    for number, now in enumerate(rounds(options.switches, options.rounds), 1):
        found.append(now)
        print(
            f"round {number:>2}, {time.monotonic() - begin:4.0f} s: {now.memory_kb} KB, {now.files} files, "
            f"{now.threads} threads, {now.objects} objects",
            flush=True,
        )
    first, last = found[0], found[-1]
    grown = last.memory_kb - first.memory_kb
    flat = grown <= MOST_GROWTH_KB and (first.files, first.threads) == (last.files, last.threads)
    print(f"{'flat' if flat else 'NOT FLAT'}: {grown:+} KB from the first round to the last")
    return 0 if flat else 1


if __name__ == "__main__":
    sys.exit(main())
