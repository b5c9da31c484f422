"""The main job on other kernels, with another systemd, udev and Python: whole Debians, booted.

The full tier runs on this system (test_rig.py); here what hangs on those: the switch itself, the start by udev
and by systemd, a connector with two ports, a stick that hangs the storage driver, and the unit's sandbox.
"""

from __future__ import annotations

import pytest

from tests.kernel.conftest import unavailable
from tests.kernel.debian import SUITES, prepare_debian
from tests.kernel.prepare import RigError, cache_folder
from tests.kernel.rig import FLAVOURS, GUEST_TESTS, Flavour
from tests.kernel.test_rig import run_tests

pytestmark = pytest.mark.kernel

# By what the guest starts with.
CHOSEN = {
    "udevd": (
        "test_switch.py::test_command_switches",
        "test_switch.py::test_library_switches",
        "test_switch.py::test_udev_rule_switches_on_plug[shipped]",
        "test_system.py::test_installed_and_plugged_in",
        "test_system.py::test_udev_understands_the_rule",
        "test_usb3.py::test_the_kernel_links_the_ports_of_a_connector",
        "test_usb3.py::test_it_comes_back_on_the_peer_at_once",
        "test_late.py::test_it_is_cut_off_and_switched[INQUIRY]",
    ),
    "systemd": (
        "systemd/test_boot.py",
        "systemd/test_units.py::test_plugged_in",
        "systemd/test_sandbox.py::test_what_a_service_may_touch[usual]",
        "systemd/test_sandbox.py::test_it_switches_inside",
        "systemd/test_sandbox.py::test_systemd_has_no_complaint",
    ),
}


@pytest.mark.parametrize("system", SUITES)
@pytest.mark.parametrize("flavour", [f for f in FLAVOURS if f.init in CHOSEN], ids=lambda f: f.init)
def test_on(system: str, flavour: Flavour) -> None:
    try:
        kit = prepare_debian(cache_folder(), system)
    except RigError as error:
        unavailable(str(error))
        raise
    chosen = [f"{GUEST_TESTS}/{name}" for name in CHOSEN[flavour.init]]
    run = run_tests(kit, flavour, chosen)
    wrong = {name: verdict.text for name, verdict in run.verdicts.items() if verdict.outcome != "passed"}
    assert (run.problem, wrong) == ("", {})
    for name in chosen:
        assert any(test.startswith(name) for test in run.verdicts), f"{name} did not run"
