"""docs/api.md and the public names: each is documented, and nothing that is not public."""

from __future__ import annotations

import importlib
import re

import pytest

from tests.support import CHECKOUT

PAGE = (CHECKOUT / "docs/api.md").read_text("utf-8")
PUBLIC = re.findall(r"`(pymodeswitch[\w.]*)`", PAGE.partition("```")[0])
DOCUMENTED = re.findall(r"^\.\. (?:auto(?!module)\w+|data):: (\S+)$", PAGE, re.MULTILINE)
WHOLE = re.findall(r"^\.\. automodule:: (\S+)\n   :members:$", PAGE, re.MULTILINE)


def names(package: str) -> list[str]:
    """Those that its `__all__` says; the version needs no description."""
    return [name for name in importlib.import_module(package).__all__ if name != "__version__"]


def test_the_page_says_what_is_public() -> None:
    assert "pymodeswitch" in PUBLIC
    assert set(PUBLIC) == {path.rpartition(".")[0] for path in DOCUMENTED} | set(WHOLE)
    assert set(re.findall(r"automodule:: (\S+)", PAGE)) <= set(PUBLIC)


@pytest.mark.parametrize("path", DOCUMENTED)
def test_what_is_documented_is_public(path: str) -> None:
    package, _, name = path.rpartition(".")
    assert name in names(package)
    assert getattr(importlib.import_module(package), name) is not None


@pytest.mark.parametrize("package", PUBLIC)
def test_what_is_public_is_documented_once(package: str) -> None:
    public = names(package)
    assert public, f"{package} has nothing"
    if package not in WHOLE:
        documented = [path.rpartition(".")[2] for path in DOCUMENTED if path.rpartition(".")[0] == package]
        assert sorted(documented) == sorted(public)


def test_other_pages_import_what_is_public() -> None:
    """In examples of code, here and in README.md."""
    found = 0
    for page in (*sorted((CHECKOUT / "docs").glob("*.md")), CHECKOUT / "README.md"):
        text = page.read_text("utf-8")
        for package, listed in re.findall(
            r"^\s*from (pymodeswitch[\w.]*) import (.+)$", text, re.MULTILINE
        ):
            found += 1
            assert package in PUBLIC, f"{page.name}: {package}"
            assert {name.strip() for name in listed.split(",")} <= set(names(package)), page.name
    assert found
