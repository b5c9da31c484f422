"""The day when a shipped device file changed last; written by `python -m tools`."""

from __future__ import annotations

DATE = "2026-11-23"
DIGEST = "4235c5c8f45d33906202eb555db11be7d93b9aed4810f1a7d1b9eb9d532724db"  # SHA-256 over the device files
