"""A virtual computer with the sender's table."""

from __future__ import annotations

from pathlib import Path

import pytest

from pymodeswitch.virtual import VirtualBackend, VirtualBus
from tests.support.virtual_kernel import VirtualKernel


@pytest.fixture
def kernel(
    bus: VirtualBus, backend: VirtualBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> VirtualKernel:
    return VirtualKernel(backend, tmp_path, monkeypatch)
