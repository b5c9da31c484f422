"""The day when a shipped device file changed last; written by `python -m tools`."""

from __future__ import annotations

DATE = "2026-11-26"
DIGEST = "02f9b42e8e272930a8f22e86a33f4408a9b57c9d487c72fe90633cb489b443dc"  # SHA-256 over the device files
