"""What the tests of learning share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import FILES
from tests.learning.traffic import NotingBus

CAPTURES = FILES / "captures"


@pytest.fixture
def noting() -> NotingBus:
    """A bus that notes its traffic."""
    return NotingBus()


@pytest.fixture
def capture(tmp_path: Path):  # type: ignore[no-untyped-def]
    """Writes a capture; returns its path."""

    def write(content: bytes | str, name: str = "capture") -> str:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write
