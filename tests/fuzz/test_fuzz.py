"""The corpus and some seconds of generated inputs for each target: errors of ours alone, within bounds.

PYMODESWITCH_FUZZ_S: seconds for each target. PYMODESWITCH_FUZZ_SEED: other inputs; without it they are the same
each time, so that no build fails for what it did not change.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from pymodeswitch import ModeSwitchError
from tests.fuzz import targets
from tests.fuzz.generate import generated
from tests.fuzz.targets import CORPUS, TARGETS, run
from tests.support.bounds import MOST_CPU_S, cpu_of, within_bounds

SECONDS = float(os.environ.get("PYMODESWITCH_FUZZ_S", "3"))
SEED = int(os.environ.get("PYMODESWITCH_FUZZ_SEED", "0"))


@pytest.fixture(autouse=True, scope="module")
def _folder() -> Iterator[None]:
    yield
    targets.clean_up()
    targets.folder.cache_clear()


def corpus(name: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]


def test_each_target_has_its_corpus() -> None:
    assert {path.name for path in CORPUS.iterdir()} == TARGETS.keys()
    assert all(corpus(name) for name in TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_corpus(name: str) -> None:
    for data in corpus(name):
        within_bounds(lambda data=data: run(name, data))  # type: ignore[misc]


@pytest.mark.parametrize("name", TARGETS)
def test_generated(name: str) -> None:
    begin, count = time.monotonic(), 0
    for data in generated(corpus(name), SEED):
        count += 1
        try:
            seconds, _ = cpu_of(lambda data=data: run(name, data))  # type: ignore[misc]
        except BaseException as error:
            error.add_note(f"input {count} of seed {SEED}: {data[:2000]!r}")
            raise
        assert seconds <= MOST_CPU_S, f"{seconds:.2f} s for input {count} of seed {SEED}: {data[:2000]!r}"
        if time.monotonic() - begin > SECONDS:
            break
    assert count > 1


def test_what_is_raised_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of ours is none; anything else, and a message without an end, is."""

    def read(data: bytes) -> None:
        raise ModeSwitchError("x" * len(data)) if data else ZeroDivisionError

    monkeypatch.setitem(TARGETS, "name", read)
    run("name", b"x")
    with pytest.raises(ZeroDivisionError):
        run("name", b"")
    with pytest.raises(AssertionError, match="a message of 5000 characters"):
        run("name", b"x" * 5000)


def test_generated_inputs_are_the_same_again() -> None:
    one, two = generated([b"abc", b"defg"], 1), generated([b"abc", b"defg"], 1)
    assert [next(one) for _ in range(50)] == [next(two) for _ in range(50)]
