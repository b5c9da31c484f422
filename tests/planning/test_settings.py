"""The administrator's settings: pymodeswitch.conf, usb_modeswitch.conf, and which of them counts."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pymodeswitch import Settings, SettingsError, Status, SwitchingOffError, UsbId, switch
from pymodeswitch.planning import settings
from pymodeswitch.planning.settings import (
    MOST_WARNINGS,
    RANGES,
    REFERENCE_DELAY,
    REFERENCE_SWITCHES,
    SETTING_KEYS,
    read_settings,
)
from pymodeswitch.virtual import VirtualBackend, VirtualBus, mf691
from tests.support import CHECKOUT

HUAWEI = UsbId(0x12D1, 0x1F01)


def own(path: Path, text: str | bytes) -> Settings:
    """The settings of a pymodeswitch.conf with that text, and no other file."""
    file = path / "pymodeswitch.conf"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_settings(str(file))


def reference(path: Path, text: str) -> Settings:
    """The settings of a usb_modeswitch.conf with that text, and no other file."""
    file = path / "usb_modeswitch.conf"
    file.write_text(text, encoding="latin-1")
    return read_settings(str(path / "none"), (str(file),))


def test_no_file(tmp_path: Path) -> None:
    assert read_settings(str(tmp_path / "none"), (str(tmp_path / "none"),)) == Settings()
    assert Settings() == Settings({}, True)


def test_own_file(tmp_path: Path) -> None:
    path = str(tmp_path / "pymodeswitch.conf")
    settings = own(tmp_path, 'mbim = false\n[modes]\n"12d1:1f01" = "modem" # serial ports\n')
    where = {"mbim": path, "modes": path}
    assert settings == Settings({HUAWEI: "modem"}, False, path, where=where)
    assert settings.source("mbim") == path
    assert settings.source("verbose") == path  # its default, as that file leaves it
    assert Settings().source("mbim") == "the settings"


def test_every_key(tmp_path: Path) -> None:
    settings = own(
        tmp_path,
        "\ufeffswitching = false\nmbim = false\nhuawei_alt_mode = true\nstorage_delay_s = 4\n"
        "avoid_reset_quirk = false\nswitches_per_minute = 2\nverbose = true\n"
        'modes = {"19d2:1201" = "modem"}\n',
    )
    path = str(tmp_path / "pymodeswitch.conf")
    assert settings == Settings(
        modes={UsbId(0x19D2, 0x1201): "modem"},
        mbim=False,
        path=path,
        switching=False,
        huawei_alt_mode=True,
        storage_delay_s=4,
        avoid_reset_quirk=False,
        switches_per_minute=2,
        verbose=True,
        where=dict.fromkeys(SETTING_KEYS, path),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mbim = 1", "1: mbim has to be true or false"),
        ("# more\n\nnbim = false", "3: unknown key 'nbim': did you mean mbim?"),
        ("zebra = 1", "1: unknown key 'zebra': there are modes, mbim, switching, "),
        ("path = 'x'", "1: unknown key 'path'"),
        ("switching = 'no'", "1: switching has to be true or false"),
        ("\nstorage_delay_s = 0", "2: storage_delay_s has to be a whole number, 1 to 60"),
        ("storage_delay_s = 61", "1: storage_delay_s has to be"),
        ("storage_delay_s = true", "1: storage_delay_s has to be"),
        ("storage_delay_s = 1.5", "1: storage_delay_s has to be"),
        ("switches_per_minute = 0", "1: switches_per_minute has to be a whole number, 1 to 60"),
        ("verbose = false\nmodes = 3", "2: modes has to be a table"),
        ("[[modes]]", "1: modes has to be a table"),
        ("[modes]\n1 = 2", "2: modes has to be a table"),
        ('[modes]\n"zebra" = "x"', "2: modes: bad ID 'zebra'"),
        ('[modes]\n"12d1:1f01" = ""', "2: modes has to be a table"),
        ('[modes]\n"12d1:1f01" = "a"\n# x\n"12D1:1F01" = "b"', "4: modes: 12d1:1f01 is there already"),
        ('modes."12d1:1f01" = "a"\nmodes.x = "b"', "2: modes: bad ID 'x'"),
        ('modes = { "19d2:1201" = "a", "x" = "b"}', "1: modes: bad ID 'x'"),
        ("mbim = true\n[logging]\nlevel = 3", "2: unknown key 'logging'"),
        ("mbim = true\n[a.b]\nc = 3", "2: unknown key 'a'"),
        ("verbose = '''\n[x]\nmbim = 1\n'''\n", "1: verbose has to be true or false"),
        ("x = [\n1,\n2]\n", "1: unknown key 'x'"),
        ("mbim = [\n1,\n2]\nverbose = 1", "1: mbim has to be true or false"),
        ("mbim = \n", "1:8: Invalid value"),
        ("mbim = ", "1: Invalid value (at the end of the file)"),
        ("mbim = true\n\nmbim = true\n", "3:12: Cannot overwrite a value"),
        ("verbose = true\nmbim = [\n", "2: Invalid value (at the end of the file)"),
        ("x = " + "[" * 30_000, " maximum recursion depth exceeded"),
        ("x = " + "9" * 5000, " Exceeds the limit"),
        ("mbim = true\nverbose = 'x", "2:"),
        ("mbim = true\n[", "2:"),
        (b"# tea\n# caf\xe9", "2: byte 0xe9 is not UTF-8"),
        (b"\xff\xfem\0", "1: byte 0xff is not UTF-8"),
    ],
)
def test_mistakes_have_a_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        own(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path}/pymodeswitch.conf:{message}")
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 15


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Is a directory"):
        read_settings(str(tmp_path))
    with pytest.raises(SettingsError, match="Is a directory"):
        read_settings(str(tmp_path / "none"), (str(tmp_path),))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SettingsError, match="not a regular file"):
        read_settings(str(tmp_path / "pipe"))
    assert read_settings(os.devnull, (os.devnull,)) == Settings()
    with pytest.raises(SettingsError, match="larger than 65536 bytes"):
        own(tmp_path, "#" * 70_000)


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("", {}),
        ("DisableSwitching=0\nDisableMBIMGlobal=0\nEnableLogging=0\nHuaweiAltModeGlobal=0\n", {}),
        ("DisableSwitching=1", {"switching": False}),
        ("  DisableSwitching = YES  # for now", {"switching": False}),
        ("DisableSwitching='True'\r\n", {"switching": False}),
        ("#DisableSwitching=1", {}),
        ("DisableSwitching=enable", {}),  # everything else counts as no
        ("disableswitching=1", {}),
        ("DisableMBIMGlobal=yes", {"mbim": False}),
        ("EnableLogging=true", {"verbose": True}),
        ("HuaweiAltModeGlobal=1", {"huawei_alt_mode": True}),
        ("SetStorageDelay=4", {"storage_delay_s": 4}),
        ("SetStorageDelay=0", {}),
        ("SetStorageDelay=soon", {}),
        ("SetStorageDelay=" + "9" * 5000, {}),
        ("caf\xe9\nTea=1\n=\nEnableLogging=1", {"verbose": True}),
    ],
)
def test_reference_file(tmp_path: Path, text: str, changed: dict[str, Any]) -> None:
    settings = reference(tmp_path, text)
    assert replace(settings, where={}) == Settings(**changed)
    for key in changed:
        assert settings.source(key) == str(tmp_path / "usb_modeswitch.conf")


def test_what_the_reference_ignores_is_only_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reference(tmp_path, "\nTea=1\nSetStorageDelay=soon\n")
    assert "usb_modeswitch.conf:2: unknown key 'Tea': ignored" in caplog.text
    assert "usb_modeswitch.conf:3: SetStorageDelay has to be 1 to 60 seconds: ignored" in caplog.text


def test_a_file_of_something_else_does_not_fill_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reference(tmp_path, "Tea=1\n" * 9_000 + "EnableLogging=1\n")
    assert len(caplog.messages) == MOST_WARNINGS + 1
    assert caplog.messages[-1].endswith(
        f"usb_modeswitch.conf: {9_000 - MOST_WARNINGS} more lines are ignored"
    )


def test_the_first_of_its_places_counts(tmp_path: Path) -> None:
    places = tuple(str(tmp_path / name) for name in ("etc", "sysconfig", "default"))
    (tmp_path / "sysconfig").write_text("EnableLogging=1\n")
    (tmp_path / "default").write_text("DisableSwitching=1\n")
    settings = read_settings(str(tmp_path / "none"), places)
    assert (settings.verbose, settings.switching) == (True, True)
    assert settings.where["verbose"] == places[1]


def test_own_file_wins_key_by_key(tmp_path: Path) -> None:
    (tmp_path / "usb_modeswitch.conf").write_text("EnableLogging=1\nDisableSwitching=1\n")
    (tmp_path / "pymodeswitch.conf").write_text("switching = true\n")
    path, theirs = str(tmp_path / "pymodeswitch.conf"), str(tmp_path / "usb_modeswitch.conf")
    settings = read_settings(path, (theirs,))
    assert (settings.switching, settings.verbose) == (True, True)
    assert settings.where == {"switching": path, "verbose": theirs}


def test_every_key_has_its_paragraph_with_default_and_range(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # conftest.py hides this computer's files
    text = (CHECKOUT / "docs/configuration.md").read_text()
    sections = dict(re.findall(r"^### (\w+)\n\n(.*?)(?=\n##|\Z)", text, flags=re.M | re.S))
    assert sections.keys() == set(SETTING_KEYS)
    for key, paragraph in sections.items():
        default = getattr(Settings(), key)
        if isinstance(default, bool):
            assert paragraph.startswith(f"`true` or `false`; by default `{str(default).lower()}`.")
        if key in RANGES:
            assert "{} to {}".format(*RANGES[key]) in paragraph
            assert default is None or f"by default {default}." in paragraph
    for name, (ours, when_true) in REFERENCE_SWITCHES.items():
        assert f"| `{name}=1` | `{ours} = {str(when_true).lower()}` |" in text
    assert f"`{REFERENCE_DELAY}=" in text
    for path in (settings.PATH, *settings.REFERENCE_PATHS):
        assert f"`{path}`" in text


# What they do


def test_switching_turned_off(
    tmp_path: Path, bus: VirtualBus, backend: VirtualBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What starts by itself has a port; who gives an ID means this stick."""
    conf = tmp_path / "usb_modeswitch.conf"
    conf.write_text("DisableSwitching=1")
    monkeypatch.setattr("pymodeswitch.planning.settings.REFERENCE_PATHS", (str(conf),))
    bus.plug(mf691())
    with pytest.raises(SwitchingOffError, match=f"turned off by {conf} ") as caught:
        switch(port="1-1", backend=backend)
    assert caught.value.exit_code == 17
    assert caught.value.result is not None
    assert caught.value.result.tries == 0
    assert switch(port="1-1", backend=backend, dry_run=True).status is Status.PLANNED
    assert switch(0x19D2, 0x1201, backend=backend, dry_run=True).status is Status.PLANNED
    assert switch(0x19D2, 0x1201, port="1-1", backend=backend).status is Status.SWITCHED
    assert switch(port="1-1", backend=backend).status is Status.ALREADY  # nothing was to be switched


def test_settings_of_a_program_count_instead(
    tmp_path: Path, bus: VirtualBus, backend: VirtualBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = tmp_path / "pymodeswitch.conf"
    conf.write_text("switching = false")
    monkeypatch.setattr("pymodeswitch.planning.settings.PATH", str(conf))
    bus.plug(mf691())
    assert switch(port="1-1", backend=backend, settings=Settings()).status is Status.SWITCHED


@pytest.mark.parametrize(("verbose", "level"), [(False, "DEBUG"), (True, "INFO")])
def test_verbose_logs_the_reasons(
    verbose: bool, level: str, bus: VirtualBus, backend: VirtualBackend, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "pymodeswitch")
    bus.plug(mf691())
    switch(0x19D2, 0x1201, backend=backend, settings=Settings(verbose=verbose))
    levels = {record.levelname for record in caplog.records if "fits: the plain name" in record.message}
    assert levels == {level}
