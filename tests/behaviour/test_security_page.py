"""SECURITY.md: each row of its table names a test that there is."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from tests.fuzz.targets import TARGETS
from tests.support import CHECKOUT

PAGE = (CHECKOUT / "SECURITY.md").read_text()
ROWS = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| ")]
NAMES = [name.strip("` ") for row in ROWS[1:] for name in row[-1].split(", ")]


@cache
def names_of_tests() -> set[str]:
    found = set()
    for path in (CHECKOUT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found.add(node.name)
    return found


def test_there_are_rows() -> None:
    assert len(NAMES) > 20


@pytest.mark.parametrize("name", NAMES)
def test_the_test_of_a_row(name: str) -> None:
    function, _, parameter = name.partition("[")
    assert function in names_of_tests()
    assert not parameter or parameter.strip("]") in TARGETS


def test_lines_that_can_be_read() -> None:
    text = re.sub(r"(?m)^\|.*$", "", PAGE)
    assert max(map(len, text.splitlines())) <= 120
