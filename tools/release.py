"""`python -m tools.release VERSION`: set the version, here and in recipes, date its section; RELEASING.md."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tools.data_date import today
from tools.project import ROOT

UNRELEASED = "## Unreleased\n"
VERSION = r"\d+\.\d+\.\d+(?:rc\d+)?"
# The one place of the version, and recipes of distributions, which cannot read it there. What `{}` stands for:
PLACES = {
    "pymodeswitch/__init__.py": '__version__ = "{}"\n',
    "packaging/alpine/APKBUILD": "pkgver={}\n",
    "packaging/openwrt/Makefile": "PKG_VERSION:={}\n",
    "packaging/debian/changelog": "pymodeswitch ({}-1) UNRELEASED;",
}


def prepare(version: str, root: Path = ROOT) -> None:
    """Write the version to its places, and give what is unreleased its number and the day of today.

    A section that was prepared for the version gets the day of today, if nothing came after it. ValueError:
    no such version (`1.2.3`, `1.2.3rc1`), nothing to release, or released before.
    """
    if not re.fullmatch(VERSION, version):
        raise ValueError(f"bad version {version!r}: expected such as 1.2.3 or 1.2.3rc1")
    written = {root / "CHANGELOG.md": _dated((root / "CHANGELOG.md").read_text("utf-8"), version)}
    for name, line in PLACES.items():
        pattern = "(?m)^" + VERSION.join(map(re.escape, line.split("{}")))
        text, count = re.subn(pattern, line.format(version), (root / name).read_text("utf-8"), count=1)
        if count != 1:
            raise ValueError(f"{name}: no line such as {line.format('1.2.3').strip()!r}")
        if name.endswith("__init__.py") and text == (root / name).read_text("utf-8"):
            raise ValueError(f"{name}: it is {version} already")
        written[root / name] = text
    for path, text in written.items():
        path.write_text(text, "utf-8")


def _dated(changelog: str, version: str) -> str:
    """The changelog with the version's section, of today."""
    before, found, after = changelog.partition(UNRELEASED)
    news, _, older = after.partition("\n## ")
    head = f"## {version} - {today()}\n"
    if found and not news.strip() and older.startswith(f"{version} - "):
        return f"{before}{UNRELEASED}\n{head}{older.partition(chr(10))[2]}"
    if not found or not news.strip():
        raise ValueError("CHANGELOG.md: nothing below '## Unreleased'")
    if f"\n## {version} " in changelog:
        raise ValueError(f"CHANGELOG.md: {version} is there already, with news above it")
    return f"{before}{UNRELEASED}\n{head}{after}"


if __name__ == "__main__":
    try:
        prepare(sys.argv[1] if len(sys.argv) == 2 else "")
    except ValueError as problem:
        sys.exit(f"release: {problem}")
