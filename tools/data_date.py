"""The date of the device files, for --version: the day when one of them changed last."""

from __future__ import annotations

import hashlib
import os
import re
from datetime import UTC, date, datetime
from pathlib import Path

from tools.project import ROOT

MODULE = ROOT / "pymodeswitch/catalog/data_date.py"


def digest(folder: Path = ROOT / "data") -> str:
    """SHA-256 over names and contents of the device files, in the order of their names."""
    found = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        found.update(f"{path.name}\0{len(content)}\0".encode() + content)
    return found.hexdigest()


def today() -> date:
    """The day of the build; SOURCE_DATE_EPOCH says which where builds have to be repeatable."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    return datetime.fromtimestamp(int(epoch), UTC).date() if epoch else datetime.now(UTC).date()


def generated() -> dict[Path, str]:
    """The module by its path; the date stays where no device file has changed."""
    text = MODULE.read_text("utf-8") if MODULE.exists() else ""
    known = re.search(r'DATE = "(.*)"', text)
    day = known[1] if known and digest() in text else today().isoformat()
    return {MODULE: module(day, digest())}


def module(day: str, of: str) -> str:
    """Text of the module."""
    return f'''"""The day when a shipped device file changed last; written by `python -m tools`."""

from __future__ import annotations

DATE = "{day}"
DIGEST = "{of}"  # SHA-256 over the device files
'''
