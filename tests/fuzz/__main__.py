"""`python -m tests.fuzz TARGET ... [--runs N] [--seconds S]`: fuzz these targets, one after the other, or all.

Guided by coverage where atheris is installed, each target in a process of its own; else, or with --unguided
(several times faster), with inputs from generate.py. New inputs that reach something new go into --work;
`--merge` puts the few that matter into the corpus. A finding ends the run of its target with exit code 1 and
leaves its input there, too.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MAX_LENGTH = 8192  # of the corpus the longest, a whole capture, have 6,000
MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None
MOST_S = 10  # for one input, here; 0.5 s of CPU is what test_fuzz.py allows
MOST_MEMORY_MB = 512  # of the whole process, with what atheris itself needs


def main() -> int:
    """All the targets that are asked for; 1 when there is a finding."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--runs", type=int, default=200_000, help="inputs for each target")
    parser.add_argument("--seconds", type=int, default=900, help="for each target at most")
    parser.add_argument("--work", type=Path, help="a folder for new inputs and findings")
    parser.add_argument("--merge", action="store_true", help="take what reaches more into the corpus")
    parser.add_argument(
        "--unguided", action="store_true", help="without atheris, also where it is installed"
    )
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        _fuzz_here(options)
        return 0
    from tests.fuzz.targets import TARGETS

    unknown = set(options.targets) - TARGETS.keys()
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    work = options.work or Path(tempfile.mkdtemp(prefix="fuzz-work-"))
    code = 0
    for name in options.targets or TARGETS:
        (work / name).mkdir(parents=True, exist_ok=True)
        words = [sys.executable, "-m", "tests.fuzz", name, "--here"]
        words += [
            "--runs",
            str(options.runs),
            "--seconds",
            str(options.seconds),
            "--work",
            str(work / name),
        ]
        words += ["--merge"] if options.merge else []
        words += ["--unguided"] if options.unguided else []
        begin = time.monotonic()
        with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
            done = subprocess.run(
                words, capture_output=True, text=True, check=False, env={**os.environ, "TMPDIR": folder}
            )
        seconds = time.monotonic() - begin
        found = "" if done.returncode == 0 else f": a finding, see {work / name}"
        inputs = _inputs(done.stderr)
        print(
            f"{name:<22} {inputs:>7} inputs in {seconds:4.0f} s, {inputs / seconds:6.0f}/s{found}",
            flush=True,
        )
        if done.returncode:
            said = [*done.stdout.splitlines()[-25:], *done.stderr.splitlines()[-15:]]
            print("\n".join(line[:200] for line in said), flush=True)
            code = 1
    return code


def _inputs(log: str) -> int:
    """How many inputs a run says that it has tried: as libFuzzer says it, or as we do."""
    found = re.findall(r"^(?:Done |#|stat::number_of_executed_units: *)(\d+)", log, re.MULTILINE)
    return int(found[-1]) if found else 0


def _fuzz_here(options: argparse.Namespace) -> None:
    name, runs, work = options.targets[0], options.runs, options.work
    if options.unguided or importlib.util.find_spec("atheris") is None:
        from tests.fuzz.generate import generated
        from tests.fuzz.targets import CORPUS, clean_up, run

        corpus = [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]
        end, count = time.monotonic() + options.seconds, 0
        for data in generated(corpus, seed=runs):
            if count == runs or time.monotonic() > end:
                break
            count += 1
            try:
                run(name, data)
            except BaseException:
                (work / "finding").write_bytes(data)
                raise
        clean_up()
        print(f"Done {count} runs", file=sys.stderr)
        return
    import atheris  # type: ignore[import-not-found]

    with atheris.instrument_imports(include=["pymodeswitch"]):
        from tests.fuzz.targets import CORPUS, run
    words = [sys.argv[0], f"-runs={runs}", f"-max_total_time={options.seconds}", f"-max_len={MAX_LENGTH}"]
    words += [f"-timeout={MOST_S}", f"-rss_limit_mb={MOST_MEMORY_MB}", f"-artifact_prefix={work}/finding-"]
    folders = [str(CORPUS / name), str(work)] if options.merge else [str(work), str(CORPUS / name)]
    words += ["-merge=1"] if options.merge else []
    atheris.Setup([*words, *folders], lambda data: run(name, bytes(data)))
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
