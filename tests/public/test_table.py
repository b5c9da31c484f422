"""reports.md names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TESTS = HERE.parent
ROWS = [
    (section.partition("\n")[0], [cell.strip() for cell in line.strip("| ").split(" | ")])
    for section in (HERE / "reports.md").read_text().split("\n## ")[1:]
    for line in section.splitlines()
    if line.startswith("| ") and not line.startswith("| no ")
]


def named(cell: str, default: str) -> list[tuple[Path, str]]:
    """The tests of a cell: file and function, an empty one for a file as a whole."""
    found, path = [], default
    for word in re.findall(r"[\w/]+\.py|\btest_\w+", cell):
        if word.endswith(".py"):
            path = word.replace("guest/", "kernel/guest/")
        found.append((TESTS / path, "" if word.endswith(".py") else word))
    return found


@pytest.mark.parametrize(
    ("section", "cells"), [row for row in ROWS if row[0] != "Found since"], ids=lambda v: str(v)[:8]
)
def test_each_row_names_tests(section: str, cells: list[str]) -> None:
    tests = named(cells[-1], "public/test_files.py")
    assert tests
    for path, function in tests:
        assert f"def {function}(" in path.read_text() if function else path.exists(), (path, function)


def test_each_further_report_has_its_test() -> None:
    text = (HERE / "test_reports.py").read_text()
    tested: set[int] = set()
    for first, last in re.findall(r"(?:test_|_|# )[rR](\d+)(?:_to_r(\d+))?(?!\d)", text):
        tested |= set(range(int(first), int(last or first) + 1))
    rows = [cells for section, cells in ROWS if section == "Found since"]
    numbers = {int(cells[0].removeprefix("R")) for cells in rows}
    elsewhere = {int(cells[0].removeprefix("R")) for cells in rows if named(cells[-1], "")}
    assert numbers == set(range(1, len(rows) + 1))
    assert numbers - elsewhere <= tested
    assert len(numbers) >= 20
