"""`python -m tests.fuzz TARGET ... [--runs N]`: fuzz targets, one after the other; all without a name.

Guided by coverage where atheris is installed, each target in a process of its own; else with inputs from
generate.py. New inputs that reach something new go into --work; `--merge` puts the few that matter into the
corpus. A finding ends the run with exit code 1 and leaves its input there, too.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MAX_LENGTH = 4096
MOST_S = 10  # for one input, here; 0.5 s of CPU is what test_fuzz.py allows
MOST_MEMORY_MB = 512  # of the whole process, with what atheris itself needs


def main() -> int:
    """All the targets that are asked for; 1 when there is a finding."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--runs", type=int, default=200_000, help="inputs for each target")
    parser.add_argument("--work", type=Path, help="a folder for new inputs and findings")
    parser.add_argument("--merge", action="store_true", help="take what reaches more into the corpus")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        _fuzz_here(options.targets[0], options.runs, options.work, options.merge)
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
        words += ["--runs", str(options.runs), "--work", str(work / name)]
        words += ["--merge"] if options.merge else []
        begin = time.monotonic()
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - begin
        found = "" if done.returncode == 0 else f": a finding, see {work / name}"
        print(f"{name:<22} {options.runs} inputs, {options.runs / seconds:.0f}/s{found}", flush=True)
        if done.returncode:
            print("\n".join(line[:200] for line in done.stderr.splitlines()[-40:]), flush=True)
            code = 1
    return code


def _fuzz_here(name: str, runs: int, work: Path, merge: bool) -> None:
    if importlib.util.find_spec("atheris") is None:
        from tests.fuzz.generate import generated
        from tests.fuzz.targets import CORPUS, clean_up, run

        corpus = [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]
        for _, data in zip(range(runs), generated(corpus, seed=runs), strict=False):
            try:
                run(name, data)
            except BaseException:
                (work / "finding").write_bytes(data)
                raise
        clean_up()
        return
    import atheris  # type: ignore[import-not-found]

    with atheris.instrument_imports(include=["pymodeswitch"]):
        from tests.fuzz.targets import CORPUS, run
    words = [sys.argv[0], f"-runs={runs}", f"-max_len={MAX_LENGTH}", f"-timeout={MOST_S}"]
    words += [f"-rss_limit_mb={MOST_MEMORY_MB}", f"-artifact_prefix={work}/finding-"]
    folders = [str(CORPUS / name), str(work)] if merge else [str(work), str(CORPUS / name)]
    words += ["-merge=1"] if merge else []
    atheris.Setup([*words, *folders], lambda data: run(name, bytes(data)))
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
