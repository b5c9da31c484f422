"""What a test needs beside pymodeswitch and pytest: in a test run of a distribution it is skipped without.

Where everything has to run (tests/run.sh), PYMODESWITCH_TESTS=all makes what is missing a failure.
"""

from __future__ import annotations

import importlib.util
import os

import pytest

ALL = os.environ.get("PYMODESWITCH_TESTS") == "all"


def needs(module: str, reason: str) -> pytest.MarkDecorator:
    """Skip a test where a Python module is not installed."""
    missing = not ALL and importlib.util.find_spec(module) is None
    return pytest.mark.skipif(missing, reason=f"without {module}: {reason}")
