"""The text of a device file and its name, read and written, with diagnostics. Imports nouns.

Public: `parse`, `diagnose` and `write`.
"""

from __future__ import annotations

from .syntax import diagnose, parse, write

__all__ = ["diagnose", "parse", "write"]
