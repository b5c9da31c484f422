"""The kernel tier, from outside: boots each flavour once, reports each guest test as a test of its own.

Where the rig cannot run (no qemu, no Debian packages) its tests are skipped with the reason; with CI set,
or PYMODESWITCH_KERNEL=require, they fail instead, so that a missing package cannot hide the tier.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.kernel.conftest import unavailable
from tests.kernel.prepare import Kit, RigError
from tests.kernel.rig import (
    DEFAULT_TIMEOUT,
    GUEST_TESTS,
    RIG_FAILED,
    Flavour,
    boot,
    flavour_of,
    main,
    pytest_command,
)
from tests.support import CHECKOUT

pytestmark = pytest.mark.kernel

TIMEOUT_S = float(os.environ.get("PYMODESWITCH_RIG_TIMEOUT", DEFAULT_TIMEOUT))


@dataclass(slots=True)
class Verdict:
    """What the guest says of one test; `ended` once its last phase was reported."""

    outcome: str = "passed"
    text: str = ""
    ended: bool = False


@dataclass(slots=True)
class GuestRun:
    """One boot with all selected tests of a flavour. problem: why it did not get to its end, or empty."""

    verdicts: dict[str, Verdict] = field(default_factory=dict)
    problem: str = ""


@functools.cache
def collected() -> tuple[str, ...]:
    """Names of all guest tests, as pytest in the guest will call them."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-o",
        "addopts=",
        "-p",
        "no:cacheprovider",
        "--collect-only",
        "-q",
    ]
    done = subprocess.run(
        [*command, GUEST_TESTS],
        cwd=CHECKOUT,
        env=os.environ | {"PYMODESWITCH_RIG_GUEST": "collecting"},
        capture_output=True,
        text=True,
        check=False,
    )
    names = tuple(
        line for line in done.stdout.splitlines() if line.startswith(GUEST_TESTS) and "::" in line
    )
    if done.returncode != 0 or not names:
        raise RuntimeError(f"the guest's tests cannot be collected:\n{done.stdout}{done.stderr}")
    return names


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test here for each one in the guest."""
    if "guest_test" in metafunc.fixturenames:
        names = collected()
        metafunc.parametrize(
            "guest_test", names, ids=[name.removeprefix(f"{GUEST_TESTS}/") for name in names]
        )


@pytest.fixture(scope="session")
def guest_run(request: pytest.FixtureRequest, kit: Kit) -> Callable[[Flavour], GuestRun]:
    """Boot a flavour, once, and run those of its tests that were selected here."""
    calls = [getattr(item, "callspec", None) for item in request.session.items]
    wanted = [
        call.params["guest_test"] for call in calls if call is not None and "guest_test" in call.params
    ]
    return functools.cache(
        lambda flavour: run_tests(kit, flavour, [test for test in wanted if flavour_of(test) is flavour])
    )


def run_tests(kit: Kit, flavour: Flavour, tests: Sequence[str]) -> GuestRun:
    """Boot a flavour and run tests there, which is bounded; whatever happens is in what is returned."""
    run = GuestRun()
    with tempfile.TemporaryDirectory(prefix="rig-results-") as name:
        results = Path(name)
        try:
            status = boot(
                kit, pytest_command(tests, flavour, kit.python), results, flavour, timeout=TIMEOUT_S
            )
        except RigError as error:
            run.problem = str(error)
        else:
            # 0 and 1 are verdicts on tests; the rest means that pytest itself gave up.
            run.problem = (
                "" if status in (0, 1) else f"pytest in the guest ended with {status}, see its output"
            )
        if (results / "reports").exists():
            read_reports((results / "reports").read_text(), run.verdicts)
    return run


def read_reports(lines: str, verdicts: dict[str, Verdict]) -> None:
    """Sum up the guest's report lines: the worst phase of a test is its outcome."""
    for line in lines.splitlines():
        report = json.loads(line)
        verdict = verdicts.setdefault(report["test"], Verdict())
        if report["outcome"] != "passed" and verdict.outcome != "failed":
            verdict.outcome, verdict.text = report["outcome"], report["text"]
        verdict.ended = verdict.ended or report["phase"] == "teardown"


def test_in_guest(guest_test: str, guest_run: Callable[[Flavour], GuestRun]) -> None:
    """The guest's verdict on one of its tests."""
    run = guest_run(flavour_of(guest_test))
    verdict = run.verdicts.get(guest_test)
    if verdict is None or not (verdict.ended or verdict.outcome == "failed"):
        pytest.fail(f"{guest_test} did not run to its end in the guest: {run.problem}", pytrace=False)
    if verdict.outcome == "skipped":
        pytest.skip(verdict.text)
    if verdict.outcome != "passed":
        pytest.fail(f"in the guest:\n{verdict.text}", pytrace=False)


def test_a_missing_program_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names the package, and nothing is fetched or booted."""
    monkeypatch.setattr(
        "tests.kernel.prepare.tool", lambda name: None if "qemu" in name else f"/bin/{name}"
    )
    assert main(["--cache", str(tmp_path)]) == RIG_FAILED
    assert (
        capsys.readouterr().err == "rig: the kernel rig lacks programs: apt-get install qemu-system-x86\n"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("environment", "raised"),
    [
        ({}, pytest.skip.Exception),
        ({"PYMODESWITCH_KERNEL": "require"}, pytest.fail.Exception),
        ({"CI": "true"}, pytest.fail.Exception),
    ],
)
def test_a_missing_rig_skips_or_fails(environment: dict[str, str], raised: type[BaseException]) -> None:
    """Skipped by default, a failure where the tier is required."""
    with pytest.raises(raised, match="no qemu"):
        unavailable("no qemu", environment)


@pytest.fixture
def small_boot(tmp_path: Path, kit: Kit) -> Callable[[str, float], int]:
    """Boot the guest with a shell command and a bound."""
    return lambda command, timeout: boot(kit, command, tmp_path, timeout=timeout)


def test_the_exit_code_comes_through(small_boot: Callable[[str, float], int]) -> None:
    """Whatever the command returns; and nothing crosses over, from the host's data or to its files."""
    assert (
        small_boot("test ! -e /usr/share/usb_modeswitch && touch /etc/of-the-guest && exit 42", 300) == 42
    )
    assert not Path("/etc/of-the-guest").exists()


def test_a_crash_of_the_guest_is_no_success(small_boot: Callable[[str, float], int]) -> None:
    """A kernel panic leaves no exit code behind."""
    with pytest.raises(RigError, match="ended without a result"):
        small_boot("echo c >/proc/sysrq-trigger; sleep 60", 300)


@pytest.mark.parametrize("crashes", [1, 2])
def test_a_kernel_that_crashes_while_it_starts(
    crashes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is booted once more; a second crash is a failure."""
    made: list[str] = []

    def run(command: Sequence[str], lines: deque[str], *_others: object) -> bool:
        made.append("boot")
        if len(made) <= crashes:
            lines.append("[    1.287550] Kernel panic - not syncing: Fatal exception in interrupt")
        else:
            (tmp_path / "exit-code").write_text("0\n")
        return True

    monkeypatch.setattr("tests.kernel.rig.initramfs", lambda *arguments: None)
    monkeypatch.setattr("tests.kernel.rig._run", run)
    kit = Kit(tmp_path / "kernel", "7.3", tmp_path, tmp_path, root=tmp_path)
    said: list[str] = []
    if crashes == 1:
        assert boot(kit, "true", tmp_path, echo=said.append) == 0
    else:
        with pytest.raises(RigError, match="Kernel panic"):
            boot(kit, "true", tmp_path, echo=said.append)
    assert len(made) == 2
    assert len(said) == 1


def test_a_hanging_guest_is_ended(small_boot: Callable[[str, float], int]) -> None:
    """The bound holds, and the console's last words are in the message."""
    with pytest.raises(RigError, match=r"did not end within 30 s(?s:.)*the guest is up"):
        small_boot("sleep 1000", 30)
