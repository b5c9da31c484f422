"""The units: what they start, how the words are quoted, what they may touch."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from pymodeswitch import UsageError
from pymodeswitch.early import sender
from pymodeswitch.system.units import judge_unit, path_unit

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


def test_the_judge() -> None:
    """It may be started often, ends by itself, and does not hold up the boot (Type=oneshot would)."""
    unit = directives(judge_unit(COMMAND))
    assert unit["ExecStart"] == ["/usr/bin/pymodeswitch judge"]
    assert unit["Type"] == ["exec"]
    assert unit["StartLimitIntervalSec"] == ["0"]
    assert unit["RuntimeDirectory"] == unit["CacheDirectory"] == ["pymodeswitch"]
    assert unit["RuntimeDirectoryPreserve"] == ["yes"]
    assert unit["WantedBy"] == ["multi-user.target"]


def test_the_path() -> None:
    """Where the sender leaves its marks."""
    unit = directives(path_unit())
    assert unit["DirectoryNotEmpty"] == [f"{sender.STATE}/{sender.MARKS}"]
    assert unit["WantedBy"] == ["paths.target"]


def test_no_directive_twice() -> None:
    several = {name for name, values in directives(judge_unit(COMMAND)).items() if len(values) > 1}
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
    assert directives(judge_unit([word, ""]))["ExecStart"] == [f'{quoted} "" judge']


def test_control_characters() -> None:
    with pytest.raises(UsageError, match="control characters"):
        judge_unit(["/opt/a\nExecStartPre=/bin/sh"])


def test_homes_and_temporary_folders_are_seen_only_when_python_lies_there() -> None:
    unit = judge_unit
    usual = directives(unit(COMMAND))
    assert (usual["ProtectHome"], usual["PrivateTmp"], usual["PrivateUsers"]) == (["yes"], ["yes"], ["yes"])
    assert usual["CapabilityBoundingSet"] == [""]
    home = directives(unit(COMMAND, in_home=True))
    assert home["ProtectHome"] == ["read-only"]
    assert home["CapabilityBoundingSet"] == ["CAP_DAC_READ_SEARCH"]
    assert "PrivateUsers" not in home
    assert "PrivateTmp" not in directives(unit(COMMAND, in_tmp=True))


def test_lines_are_short_enough_to_read() -> None:
    for text in (judge_unit(COMMAND), path_unit()):
        assert max(map(len, text.splitlines())) <= 110
        assert all(one or other for one, other in pairwise(text.splitlines())), "no two empty lines"
