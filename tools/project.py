"""The address of the project: the one place is pyproject.toml, [tool.pymodeswitch] address."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent


def address() -> str:
    """URL of the project's page without a slash at its end; empty as long as the publisher has set none."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return str(settings["tool"]["pymodeswitch"]["address"]).rstrip("/")
