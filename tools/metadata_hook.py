"""Metadata made at build time: project URLs, and a README whose links work on PyPI. Called by hatchling.

Both are made of the project's address, [tool.pymodeswitch] in pyproject.toml. As long as there is none,
there are no URLs, links of the README become their text, pictures are left out. It imports nothing of ours,
as hatchling loads it by its path.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

# A link or a picture whose target is a path in this repository: neither an address nor a place on the page.
RELATIVE_LINK = re.compile(r"(?P<picture>!?)\[(?P<text>[^\]]*)\]\((?!\w+:|#)(?P<target>[^)\s]+)\)")


class PublishedMetadata(MetadataHookInterface):
    """What pyproject.toml calls dynamic, beside the version."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Fill in `readme` and `urls`. metadata: the table [project], its version resolved."""
        root = Path(self.root)
        settings = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
        address = settings["tool"]["pymodeswitch"]["address"].rstrip("/")
        text = (root / "README.md").read_text("utf-8")
        version = metadata["version"]
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": with_absolute_links(text, address, f"v{version}"),
        }
        metadata["urls"] = project_urls(address, f"v{version}")


def project_urls(address: str, tag: str) -> dict[str, str]:
    """The project's URLs by their label; none without an address."""
    if not address:
        return {}
    return {
        "Homepage": address,
        "Documentation": f"{address}/blob/{tag}/docs/index.md",
        "Supported devices": f"{address}/blob/{tag}/docs/devices.md",
        "Changelog": f"{address}/blob/{tag}/CHANGELOG.md",
        "Issues": f"{address}/issues",
        "Source": address,
    }


def with_absolute_links(text: str, address: str, tag: str) -> str:
    """Markdown with each relative link pointing to the file at a tag; outside of indented code."""

    def absolute(found: re.Match[str]) -> str:
        if not address:
            return "" if found["picture"] else found["text"]
        kind = "raw" if found["picture"] else "blob"
        return f"{found['picture']}[{found['text']}]({address}/{kind}/{tag}/{found['target']})"

    lines = text.splitlines(keepends=True)
    code = "    "
    blocks: list[str] = []  # alternately: text, whose links may go over several lines, and code
    for line in lines:
        if blocks and blocks[-1].startswith(code) == line.startswith(code):
            blocks[-1] += line
        else:
            blocks.append(line)
    return "".join(b if b.startswith(code) else RELATIVE_LINK.sub(absolute, b) for b in blocks)
