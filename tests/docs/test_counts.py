"""No page written by hand counts what a new device file would make one more."""

from __future__ import annotations

import re

from pymodeswitch.catalog.catalog import Catalog
from pymodeswitch.catalog.sources import shipped_folder
from tests.support import CHECKOUT

GENERATED = {"devices.md"}


def test_no_page_counts_the_shipped_files() -> None:
    catalog = Catalog((shipped_folder(),))
    counts = {len(list(catalog.all())), len(catalog.initial_ids())}
    number = re.compile(rf"\b(?:{'|'.join(map(str, sorted(counts)))})\b|\bof \d{{3}} IDs\b")
    pages = [page for page in (CHECKOUT / "docs").glob("*.md") if page.name not in GENERATED]
    assert len(pages) > 10
    for page in (*pages, *CHECKOUT.glob("*.md")):
        for line_number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
            assert not number.search(line), f"{page.name}:{line_number}: {line}"
