"""The README as PyPI shows it, and the project's URLs: absolute links, or none without an address."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.support import CHECKOUT
from tests.support.needs import ALL

if not ALL:
    pytest.importorskip("hatchling", reason="without hatchling: it builds the package and calls the hook")

from tools.metadata_hook import RELATIVE_LINK, PublishedMetadata, project_urls, with_absolute_links

ADDRESS = "https://example.org/sticks"
README = (CHECKOUT / "README.md").read_text("utf-8")


def fresh(address: str, tmp_path: Path) -> dict[str, Any]:
    """What the hook makes in a tree with that address."""
    (tmp_path / "README.md").write_text(README, "utf-8")
    (tmp_path / "pyproject.toml").write_text(f'[tool.pymodeswitch]\naddress = "{address}"\n')
    metadata: dict[str, Any] = {"version": "1.2.3"}
    PublishedMetadata(str(tmp_path), {}).update(metadata)
    return metadata


def test_every_link_of_the_readme_is_absolute(tmp_path: Path) -> None:
    text = fresh(f"{ADDRESS}/", tmp_path)["readme"]["text"]
    assert RELATIVE_LINK.search(README)
    assert not RELATIVE_LINK.search(text)
    assert f"]({ADDRESS}/blob/v1.2.3/docs/exit-codes.md)" in text


def test_every_link_of_the_readme_leads_to_a_file() -> None:
    targets = [found["target"].partition("#")[0] for found in RELATIVE_LINK.finditer(README)]
    assert [target for target in targets if not (CHECKOUT / target).exists()] == []


def test_without_an_address_links_are_their_text(tmp_path: Path) -> None:
    metadata = fresh("", tmp_path)
    assert metadata["urls"] == {}
    text = metadata["readme"]["text"]
    assert not re.search(r"\]\((docs|[A-Z]+\.md)", text)
    assert "exit code" in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see [a\nb](docs/a.md#c).", "see [a\nb](A/blob/T/docs/a.md#c)."),
        ("![demo](docs/demo.svg)", "![demo](A/raw/T/docs/demo.svg)"),
        ("[x](https://example.org) [y](#place) [z](mailto:a@b)",) * 2,
        ("    a[0](b) in code\n", "    a[0](b) in code\n"),
        ("[x](y)\n    [x](y)\n[x](y)\n", "[x](A/blob/T/y)\n    [x](y)\n[x](A/blob/T/y)\n"),
    ],
)
def test_links(text: str, expected: str) -> None:
    assert with_absolute_links(text, "A", "T") == expected


def test_urls_lead_to_files_of_the_project() -> None:
    urls = project_urls(ADDRESS, "v1")
    assert {"Homepage", "Documentation", "Changelog", "Issues", "Source"} <= set(urls)
    for url in urls.values():
        assert url.startswith(ADDRESS)
        _, inside, path = url.partition("/blob/v1/")
        assert not inside or (CHECKOUT / path).exists()
