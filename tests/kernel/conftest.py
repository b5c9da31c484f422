"""Keeps the two halves of this folder apart: outside the guest its tests are not collected."""

from __future__ import annotations

import os
from collections.abc import Mapping

import pytest

from tests.kernel.prepare import Kit, RigError, cache_folder, prepare

IN_GUEST = "PYMODESWITCH_RIG_GUEST" in os.environ

collect_ignore = ["test_rig.py", "test_public_data.py", "test_systems.py"] if IN_GUEST else ["guest"]


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known; `-m "not kernel"` leaves the slow tier out."""
    config.addinivalue_line("markers", "kernel: runs on a real Linux kernel in qemu, takes minutes")


def unavailable(reason: str, environment: Mapping[str, str] = os.environ) -> None:
    """Skip, or fail where the tier is wanted."""
    if environment.get("CI") or environment.get("PYMODESWITCH_KERNEL") == "require":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def kit() -> Kit:
    """What a boot needs; this is where a test is skipped when the rig cannot run."""
    try:
        return prepare(cache_folder())
    except RigError as error:
        unavailable(str(error))
        raise
