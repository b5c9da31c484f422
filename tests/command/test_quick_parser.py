"""The quick reader against argparse: the same declarations, the same lines, the same answers or none."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymodeswitch.command.cli import VERBS, parser_for
from pymodeswitch.command.quick_parser import read_quickly
from pymodeswitch.command.verbs import switch
from pymodeswitch.nouns.errors import UsageError
from tests.behaviour.test_hot_path import loaded_by_pyusb

WORDS = (
    *("19d2:1201", "1-1.2", "x", "", "--port", "--no-wait", "--no-mbim", "--mode", "--timeout", "5", "1e3"),
    *("--data", "--json", "-v", "-q", "-vq", "--verbose", "--qui", "--", "-", "--port=1-1", "-h", "-5"),
)


def by_argparse(words: list[str]) -> dict[str, Any] | None:
    try:
        return vars(parser_for("switch").parse_args(words))
    except (UsageError, SystemExit):
        return None


@given(st.lists(st.sampled_from(WORDS), max_size=6))
def test_never_another_answer_than_argparse(words: list[str]) -> None:
    quick = read_quickly(switch.arguments, words)
    if quick is not None:
        assert vars(quick) == by_argparse(words)


@pytest.mark.parametrize(
    "words",
    [
        ["19d2:1201"],
        ["--port", "1-1.2"],
        ["--no-wait", "--port", "1-1.2"],
        ["-q", "19d2:1201", "--timeout", "5"],
        ["--data", "a", "--data", "b", "19d2:1201", "--json", "-v"],
        [],
    ],
)
def test_the_usual_lines_are_read(words: list[str]) -> None:
    quick = read_quickly(switch.arguments, words)
    assert quick is not None
    assert vars(quick) == by_argparse(words)


@pytest.mark.parametrize(
    "words", [["-h"], ["--port"], ["--port", "--json"], ["a", "b"], ["--timeout", "x"]]
)
def test_the_others_are_left_to_argparse(words: list[str]) -> None:
    assert read_quickly(switch.arguments, words) is None


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_can_declare_to_it(verb: str) -> None:
    module = __import__(f"pymodeswitch.command.verbs.{verb}", fromlist=["arguments"])
    read_quickly(module.arguments, [])


def test_a_list_is_not_shared_between_lines() -> None:
    for _ in range(2):
        quick = read_quickly(switch.arguments, ["--data", "a"])
        assert quick is not None
        assert quick.data == ["a"]


def test_argparse_is_not_loaded_for_a_usual_line() -> None:
    code = (
        "import sys, pymodeswitch.command.cli; pymodeswitch.command.cli.main(['-q', 'ffff:fffe']);"
        "print(*{'argparse', 'gettext', 'dataclasses', 'inspect'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert set(done.stdout.split()) <= loaded_by_pyusb() - {"argparse", "gettext"}, done.stderr
