"""Records what the reference does with each public device file: `python -m tests.kernel.record`.

Debian's usb_modeswitch runs in the rig's guest, as a black box, on sticks that note down what they are
asked (tests/recording.py). The record is tests/recorded/*.json; the same versions give the same files.
Arguments are names of cases (`19d2-1201`, `AltSetting`) to look at; then nothing is written.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.kernel.prepare import RigError, cache_folder, prepare
from tests.kernel.rig import RIG_FAILED, boot
from tests.support.traffic import EXTRA, FOLDER, PUBLIC


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.kernel.record", description="Record the reference's traffic."
    )
    parser.add_argument(
        "cases", nargs="*", help="only look at these, with times; `extra` for all extra ones"
    )
    parser.add_argument("--timeout", type=float, default=3600, help="seconds until the guest is given up")
    options = parser.parse_args(argv)
    try:
        kit = prepare(cache_folder())
        words = [
            sys.executable,
            "-u",
            "-m",
            "tests.kernel.guest.recorder",
            kit.reference.name,
            *options.cases,
        ]
        command = shlex.join(words)
        with tempfile.TemporaryDirectory(prefix="rig-record-") as name:
            results = Path(name)
            status = boot(
                kit,
                f"RECORD_TIMES=1 {command}" if options.cases else command,
                results,
                timeout=options.timeout,
            )
            if status == 0 and not options.cases:
                FOLDER.mkdir(exist_ok=True)
                for kind in (PUBLIC, EXTRA):
                    shutil.copyfile(results / f"{kind}.json", FOLDER / f"{kind}.json")
        return status
    except RigError as error:
        print(f"record: {error}", file=sys.stderr)
        return RIG_FAILED


if __name__ == "__main__":
    sys.exit(main())
