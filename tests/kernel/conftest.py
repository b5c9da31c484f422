"""Keeps the two halves of this folder apart: outside the guest its tests are not collected."""

from __future__ import annotations

import os

import pytest

IN_GUEST = "PYMODESWITCH_RIG_GUEST" in os.environ

collect_ignore = ["test_rig.py"] if IN_GUEST else ["guest"]


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known; `-m "not kernel"` leaves the slow tier out."""
    config.addinivalue_line("markers", "kernel: runs on a real Linux kernel in qemu, takes minutes")
