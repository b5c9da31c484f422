"""The guest under systemd: booted in good order, and the stick that was in at power-on is switched."""

from __future__ import annotations

import json
from pathlib import Path

from tests.kernel.guest import linux
from tests.kernel.guest.linux import EJECT
from tests.kernel.guest.systemd.conftest import JUDGE, Journal, state

PLUGGED = Path("/run/plugged")  # by guest.sh, before systemd took over


def test_systemd_runs_the_guest() -> None:
    """As the init, with udevd as a service; the boot has ended and no unit has failed."""
    assert Path("/proc/1/comm").read_text().strip() == "systemd"
    booted = linux.run_command("systemctl", "is-system-running", "--wait")
    failed = linux.run_command("systemctl", "--failed", "--no-legend").stdout
    assert (booted.stdout.strip(), failed) == ("running", "")
    assert state("systemd-udevd.service")[0] == "active"


def test_plugged_in_at_power_on() -> None:
    """Switched by the sender or the judge: sent once, told once, and both ports answer."""
    port = PLUGGED.read_text().strip()
    linux.wait_for("the modem", lambda: linux.usb_id(port) == "19d2:1203")
    linux.wait_for("the judge's end", lambda: state(JUDGE)[0] == "inactive")
    assert state(JUDGE)[1:] == ("success", 0)
    assert state("pymodeswitch.path")[0] == "active"
    linux.says_ok(port)
    transfers = [json.loads(line) for line in Path(f"/run/{port}.jsonl").read_text().splitlines()]
    assert [transfer["data"] for transfer in transfers].count(EJECT.hex()) == 1
    outcomes = [entry["PYMODESWITCH_OUTCOME"] for entry in Journal(since_boot=True).verdicts(port)]
    assert outcomes.count("switched") == 1
    assert set(outcomes) <= {"switched", "already"}
