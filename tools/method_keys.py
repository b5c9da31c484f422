"""The row of docs/device-files.md that names the keys of the makers' methods, from the table of keys."""

from __future__ import annotations

import re
from pathlib import Path

from pymodeswitch.device_files.keys import SPECIAL_METHODS
from tools.project import ROOT

PAGE = ROOT / "docs/device-files.md"
MEANING = "the methods of these makers, one at most"
ROW = re.compile(rf"^\| .* \| bool \| {MEANING} \|$", re.MULTILINE)


def generated() -> dict[Path, str]:
    """The page, with the row as it would be written now. ValueError when the page has no such row."""
    names = [key.name for key in SPECIAL_METHODS if key.kind == "bool" and key.attribute.endswith("_mode")]
    row = f"| {', '.join(f'`{name}`' for name in names)} | bool | {MEANING} |"
    text, rows = ROW.subn(row, PAGE.read_text("utf-8"))
    if rows != 1:
        raise ValueError(f"{PAGE}: {rows} rows with {MEANING!r}, not one")
    return {PAGE: text}
