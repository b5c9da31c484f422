"""The units: what they start, how the words are quoted, what they may touch."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

import pytest

from pymodeswitch import UsageError
from pymodeswitch.catalog.catalog import default_catalog
from pymodeswitch.nouns import errors
from pymodeswitch.planning.methods import SONY_LEAVE_MS, SONY_RETURN_MS
from pymodeswitch.switching.switch import DEFAULT_TIMEOUT_S, LOCK_GRACE_S
from pymodeswitch.system.units import START_TIMEOUT_S, port_unit, scan_unit
from pymodeswitch.transport.inquiry import KERNEL_WAIT_S

Unit = Callable[..., str]
COMMAND = ("/usr/bin/pymodeswitch",)


def directives(text: str) -> dict[str, list[str]]:
    """Values by directive, in order."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line and line[0] not in "#[":
            name, equals, value = line.partition("=")
            assert equals, line
            assert re.fullmatch(r"[A-Z]\w+", name), line
            found.setdefault(name, []).append(value)
    return found


def test_the_port_unit_takes_its_port_as_it_is() -> None:
    """%i, not %I: unescaping would make 1/1.2 of 1-1.2."""
    unit = directives(port_unit(COMMAND))
    assert unit["ExecStart"] == ["/usr/bin/pymodeswitch --port %i"]
    assert unit["StartLimitIntervalSec"] == ["0"]
    assert unit["RuntimeDirectory"] == ["pymodeswitch"]
    assert unit["RuntimeDirectoryPreserve"] == ["yes"]
    assert "BindsTo" not in unit
    assert "WantedBy" not in unit


def test_nothing_to_do_is_no_failure() -> None:
    codes = {int(code) for code in directives(port_unit(COMMAND))["SuccessExitStatus"][0].split()}
    names = {kind.__name__ for kind in errors.ModeSwitchError.__subclasses__() if kind.exit_code in codes}
    assert names == {"NotAttachedError", "NoEntryError", "NotStorageError", "SwitchingOffError"}


def test_the_scan_starts_at_boot_and_does_not_hold_it_up() -> None:
    unit = directives(scan_unit(COMMAND))
    assert unit["ExecStart"] == ["/usr/bin/pymodeswitch scan"]
    assert unit["SuccessExitStatus"] == [str(errors.SwitchingOffError.exit_code)]
    assert unit["WantedBy"] == ["multi-user.target"]
    assert unit["DefaultDependencies"] == ["no"]
    assert "multi-user.target" not in unit["Before"][0]


@pytest.mark.parametrize("unit", [port_unit, scan_unit])
def test_no_directive_twice(unit: Unit) -> None:
    several = {name for name, values in directives(unit(COMMAND)).items() if len(values) > 1}
    assert several == {"DeviceAllow", "SystemCallFilter"}


@pytest.mark.parametrize(
    ("word", "quoted"),
    [
        ("/opt/my env/python", '"/opt/my env/python"'),
        ("/opt/100%", "/opt/100%%"),
        ("/opt/$HOME", "/opt/$$HOME"),
        ('/opt/"x', '"/opt/\\"x"'),
        ("/opt/it's", '"/opt/it\'s"'),
        ("/opt/a\\b", "/opt/a\\\\b"),
    ],
)
def test_words_that_systemd_would_read_otherwise(word: str, quoted: str) -> None:
    assert directives(port_unit([word, ""]))["ExecStart"] == [f'{quoted} "" --port %i']


def test_control_characters() -> None:
    with pytest.raises(UsageError, match="control characters"):
        port_unit(["/opt/a\nExecStartPre=/bin/sh"])


@pytest.mark.parametrize("unit", [port_unit, scan_unit])
def test_homes_and_temporary_folders_are_seen_only_when_python_lies_there(unit: Unit) -> None:
    usual = directives(unit(COMMAND))
    assert (usual["ProtectHome"], usual["PrivateTmp"], usual["PrivateUsers"]) == (["yes"], ["yes"], ["yes"])
    assert usual["CapabilityBoundingSet"] == [""]
    home = directives(unit(COMMAND, in_home=True))
    assert home["ProtectHome"] == ["read-only"]
    assert home["CapabilityBoundingSet"] == ["CAP_DAC_READ_SEARCH"]
    assert "PrivateUsers" not in home
    assert "PrivateTmp" not in directives(unit(COMMAND, in_tmp=True))


def test_the_time_limit_is_above_our_own_bounds() -> None:
    """The longest that any shipped device file takes, behind another run that takes as long."""
    longest = 0.0
    for entry in default_catalog().entries():
        file = entry.device_file
        asked = (file.wait_before_s or 0) + (file.release_delay_ms or 0) / 1000
        sony = (SONY_LEAVE_MS + SONY_RETURN_MS) / 1000
        verdict = file.check_success_s or DEFAULT_TIMEOUT_S
        longest = max(longest, 3 * (asked + sony) + KERNEL_WAIT_S + verdict + LOCK_GRACE_S)
    assert 60 < longest < START_TIMEOUT_S


def test_lines_are_short_enough_to_read() -> None:
    for text in (port_unit(COMMAND), scan_unit(COMMAND)):
        assert max(map(len, text.splitlines())) <= 110
        assert all(one or other for one, other in pairwise(text.splitlines())), "no two empty lines"
