"""The guest under systemd: booted in good order, with a stick plugged in since power-on."""

from __future__ import annotations

import os
from pathlib import Path

from tests.kernel.guest import linux


def test_systemd_runs_the_guest() -> None:
    """As the init, with udevd as a service; the boot has ended and no unit has failed."""
    assert Path("/proc/1/comm").read_text().strip() == "systemd"
    state = linux.run_command("systemctl", "is-system-running", "--wait")
    failed = linux.run_command("systemctl", "--failed", "--no-legend").stdout
    assert (state.stdout.strip(), failed) == ("running", "")
    assert linux.run_command("systemctl", "is-active", "systemd-udevd.service").stdout == "active\n"
    assert os.environ["PYMODESWITCH_RIG_GUEST"] == "systemd"
