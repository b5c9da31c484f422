"""The pytest plugin: a stick from a device file, for each method and for every shipped file."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import pymodeswitch
from pymodeswitch import DeviceFile, Status, UnchangedError, UsbId, switch
from pymodeswitch.catalog.catalog import Catalog, entry_from_file
from pymodeswitch.catalog.sources import shipped_folder
from pymodeswitch.device_files.syntax import write
from pymodeswitch.planning.settings import Settings
from pymodeswitch.virtual import VirtualBackend, VirtualBus, stick_from
from pymodeswitch.virtual.pytest_plugin import VirtualStick
from tests.support import CHECKOUT
from tests.support.method_sticks import METHODS, PRODUCT, VENDOR, Method

ROOT = Path(pymodeswitch.__file__).parent.parent
DOCS = CHECKOUT / "docs"
SILENT = ("ThroughDriver",)  # needs a storage driver
SHOWN = [method for method in METHODS if method.name not in SILENT]


@pytest.mark.parametrize("method", SHOWN, ids=lambda method: method.name)
def test_each_method(method: Method, bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(stick_from(method.device_file, UsbId(VENDOR, PRODUCT)))
    result = switch(VENDOR, PRODUCT, config=method.device_file, backend=backend)
    assert result.status is Status.SWITCHED


@pytest.mark.parametrize("method", SHOWN, ids=lambda method: method.name)
def test_another_method_does_not_switch_it(
    method: Method, bus: VirtualBus, backend: VirtualBackend
) -> None:
    bus.plug(stick_from(method.device_file, UsbId(VENDOR, PRODUCT)))
    wrong = DeviceFile(quanta_mode=True) if method.name != "QuantaMode" else DeviceFile(kobil_mode=True)
    with pytest.raises(UnchangedError):
        switch(VENDOR, PRODUCT, config=wrong, backend=backend)


def test_every_shipped_file_that_sends_something() -> None:
    """What a packager may try with any of them."""
    switched = 0
    for entry in Catalog([shipped_folder()]).entries():
        try:
            stick = stick_from(entry.device_file, entry.id)
        except (ValueError, pymodeswitch.ModeSwitchError):
            continue  # it waits, or only detaches
        bus = VirtualBus()
        bus.plug(stick)
        result = switch(
            entry.id.vendor,
            entry.id.product,
            config=entry.device_file,
            as_written=True,
            settings=Settings(),
            backend=VirtualBackend(bus),
        )
        assert result.status is Status.SWITCHED, entry.name
        assert not result.unlisted, entry.name
        switched += 1
    assert switched > 400


def test_one_that_stays(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(stick_from(DeviceFile(standard_eject=True), UsbId(1, 2), leave=None))
    with pytest.raises(UnchangedError):
        switch(1, 2, config=DeviceFile(standard_eject=True), backend=backend)


def test_a_file_that_sends_nothing() -> None:
    with pytest.raises(ValueError, match="sends nothing"):
        stick_from(DeviceFile(detach_storage_only=True), UsbId(1, 2))


def run_pytest(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    plugin = ("-p", "pymodeswitch.virtual.pytest_plugin", "-p", "no:cacheprovider")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugin, *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_example_in_the_docs(tmp_path: Path) -> None:
    page = (DOCS / "testing-device-files.md").read_text()
    blocks = re.findall(r"^```(\w+) \{?(\S*?)\}?\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    named = {name: text for _, name, text in blocks if name}
    assert set(named) == {"1234-5678", "test_files.py"}
    for name, text in named.items():
        (tmp_path / name).write_text(text)
    done = run_pytest(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout
    # A byte that is wrong in the file shows in the test that knows the maker's bytes.
    wrong = named["1234-5678"].replace("ff02", "ff03")
    (tmp_path / "1234-5678").write_text(wrong)
    done = run_pytest(tmp_path)
    assert "UnchangedError" in done.stdout
    assert "2 failed, 1 passed" in done.stdout


def test_what_is_left_open_fails_the_test(tmp_path: Path) -> None:
    (tmp_path / "1234-5678").write_text("StandardEject=1\n")
    (tmp_path / "test_it.py").write_text(
        "def test_it(virtual_stick):\n"
        "    stick = virtual_stick('1234-5678')\n"
        "    stick.backend.open_device(stick.bus.at('1-1'))\n"
    )
    done = run_pytest(tmp_path)
    assert "a device was left open" in done.stdout


def test_a_bad_file_is_told_by_its_line(tmp_path: Path) -> None:
    (tmp_path / "1234-5678").write_text("StandardEjekt=1\n")
    with pytest.raises(pymodeswitch.DeviceFileError, match="did you mean StandardEject"):
        entry_from_file(str(tmp_path / "1234-5678"), None)
    assert write(DeviceFile(standard_eject=True)) == "StandardEject=1\n"


def test_the_fixture_itself(virtual_stick: Callable[..., VirtualStick], tmp_path: Path) -> None:
    path = tmp_path / "1234-5678"
    path.write_text("TargetVendor=0x1234\nTargetProduct=0x5679\nOptionMode=1\n")
    stick = virtual_stick(path)
    assert stick.switch().status is Status.SWITCHED
    assert [message[15] for message in stick.sent if message[:4] == b"USBC"] == [0x01]
    deaf = virtual_stick(path, leave=None)
    with pytest.raises(UnchangedError):
        deaf.switch()
    other = virtual_stick(
        path, switches_on=("55534243000000000000000000000011062000000101000100000000000000",)
    )
    with pytest.raises(UnchangedError):
        other.switch()
    assert other.switch(DeviceFile(huawei_new_mode=True)).status is Status.SWITCHED
