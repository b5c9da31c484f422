"""`python -m tools.release VERSION`: set the version, date the changelog's section; RELEASING.md."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tools.data_date import today
from tools.project import ROOT

UNRELEASED = "## Unreleased\n"


def prepare(version: str, root: Path = ROOT) -> None:
    """Write the version to its one place, and give what is unreleased its number and the day of today.

    ValueError: no such version (`1.2.3`, `1.2.3rc1`), nothing to release, or released before.
    """
    if not re.fullmatch(r"\d+\.\d+\.\d+(rc\d+)?", version):
        raise ValueError(f"bad version {version!r}: expected such as 1.2.3 or 1.2.3rc1")
    changelog, module = root / "CHANGELOG.md", root / "pymodeswitch/__init__.py"
    text = changelog.read_text("utf-8")
    before, found, after = text.partition(UNRELEASED)
    if not found or not after.partition("\n## ")[0].strip():
        raise ValueError("CHANGELOG.md: nothing below '## Unreleased'")
    if f"\n## {version} " in text:
        raise ValueError(f"CHANGELOG.md: {version} is there already")
    code, count = re.subn(
        r'(?m)^__version__ = ".*"$', f'__version__ = "{version}"', module.read_text("utf-8")
    )
    if count != 1:
        raise ValueError(f"{module}: no line with __version__")
    module.write_text(code, "utf-8")
    changelog.write_text(f"{before}{UNRELEASED}\n## {version} - {today()}\n{after}", "utf-8")


if __name__ == "__main__":
    try:
        prepare(sys.argv[1] if len(sys.argv) == 2 else "")
    except ValueError as problem:
        sys.exit(f"release: {problem}")
