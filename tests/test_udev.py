"""The generated rules: their shape, and that every shipped ID is in them once."""

from __future__ import annotations

import re

import pytest

from pymodeswitch import UsageError, UsbId
from pymodeswitch.catalog import default_catalog
from pymodeswitch.udev import default_command, rules

COMMAND = "/usr/bin/pymodeswitch --no-wait --port %k $attr{idVendor}:$attr{idProduct}"
LINE = re.compile(r'ATTR\{idVendor\}=="(\w{4})", ATTR\{idProduct\}=="([\w|]+)", RUN\+="([^"]+)"')


def test_one_line_per_vendor_and_every_id_once() -> None:
    ids = default_catalog().initial_ids()
    lines = [m for line in rules(ids, COMMAND).splitlines() if (m := LINE.fullmatch(line))]
    found = [UsbId(int(m[1], 16), int(p, 16)) for m in lines for p in m[2].split("|")]
    assert found == ids
    assert len(lines) == len({usb_id.vendor for usb_id in ids})
    assert {m[3] for m in lines} == {COMMAND}


def test_once_per_stick_and_only_when_it_is_added() -> None:
    text = rules([UsbId(0x19D2, 0x1201)], COMMAND)
    assert 'ACTION!="add", GOTO="pymodeswitch_end"' in text
    assert 'ENV{DEVTYPE}!="usb_device", GOTO="pymodeswitch_end"' in text
    assert text.endswith('LABEL="pymodeswitch_end"\n')


def test_default_command_is_absolute_and_does_not_wait() -> None:
    command = default_command()
    assert command.startswith("/")
    assert "--no-wait --port %k" in command


def test_a_vendor_with_a_fallback_is_there_as_a_whole() -> None:
    text = rules([UsbId(0x12D1, 1), UsbId(0x12D1, 2)], COMMAND, whole_vendors=[0x12D1, 0x05C6])
    lines = [
        m for line in text.splitlines() if (m := re.match(r'ATTR{idVendor}=="(.*?)".*?=="(.*?)"', line))
    ]
    assert [m.groups() for m in lines] == [("05c6", "*"), ("12d1", "*")]


def test_a_python_with_a_blank_in_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/opt/my env/bin/python")
    assert default_command().startswith("'/opt/my env/bin/python' -I -m pymodeswitch ")


@pytest.mark.parametrize("command", ["", " ", 'say "hi"', "a\nb", "x\\"])
def test_commands_that_fit_in_no_rule(command: str) -> None:
    with pytest.raises(UsageError, match="bad command"):
        rules([UsbId(1, 2)], command)


def test_a_line_that_udev_would_not_read() -> None:
    with pytest.raises(UsageError, match="longer than udev reads"):
        rules([UsbId(1, product) for product in range(4000)], COMMAND)
