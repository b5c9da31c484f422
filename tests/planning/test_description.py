"""Every plan in words, and as data."""

from __future__ import annotations

import json

import pytest

from pymodeswitch import UsbId
from pymodeswitch.catalog.catalog import Catalog, read_entry
from pymodeswitch.catalog.matching import Candidate
from pymodeswitch.catalog.sources import shipped_folder
from pymodeswitch.nouns.steps import (
    AwaitReturn,
    AwaitUnits,
    BulkOut,
    Claim,
    ClearHalt,
    Control,
    Detach,
    InterruptIn,
    InterruptOut,
    Pause,
    ReadStatus,
    Release,
    Reset,
    ScsiCommand,
    SetAltSetting,
    SetConfiguration,
    Step,
)
from pymodeswitch.planning.description import describe_step, plan_lines, step_data
from pymodeswitch.planning.plan import make_plan, typical_device
from tests.support.method_sticks import METHODS, Method

EJECT = bytes.fromhex("5553424397654321000000000000061b000000020000000000000000000000")


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (Detach(), "detach the kernel drivers from all interfaces"),
        (Claim(1), "claim interface 1"),
        (Release(1), "release interface 1"),
        (BulkOut(5, EJECT), "bulk OUT 0x05: START STOP UNIT (eject), LUN 0, tag 0x21436597"),
        (ReadStatus(0x81), "bulk IN 0x81: read the CSW (13 bytes), whatever it says"),
        (ReadStatus(0x81, attempts=3), "read the CSW (13 bytes), up to 3 times, whatever"),
        (InterruptOut(2, b"\x37\x01"), "interrupt OUT 0x02: 37 01"),
        (InterruptIn(0x81, 8), "interrupt IN 0x81: read 8 bytes"),
        (InterruptIn(0x81, 8, times=63), "read 8 bytes, 63 times"),
        (ClearHalt(0x81), "clear the halt of endpoint 0x81"),
        (Control(0, 3, 1, 0), "standard request SET_FEATURE to the device, wValue 0x0001, wIndex 0x0000"),
        (Control(0x21, 9, 0x300, 0, b"\xb0"), "class request SET_REPORT to the interface, wValue 0x0300"),
        (Control(0xA1, 0xFE, 0, 2, length=1), "class request GET MAX LUN to the interface, wValue 0x0000"),
        (Control(0x40, 4, 0, 0, b"\x05\x8c"), "vendor request 0x04 to the device"),
        (Control(0x40, 4, 0, 0, b"\x05\x8c"), "sends 058c"),
        (Control(0xC0, 0x88, 0, 0, length=8), "reads 8 bytes"),
        (Control(0x5F, 1, 0, 0), "vendor request 0x01 to the unknown recipient"),
        (SetConfiguration(0), "SET_CONFIGURATION 0 (unconfigured)"),
        (SetConfiguration(3), "SET_CONFIGURATION 3"),
        (SetAltSetting(1, 2), "SET_INTERFACE: altsetting 2 of interface 1"),
        (Reset(), "reset the port"),
        (AwaitReturn(10_000, 35_000), "wait until the stick has left and is back, at most 35 s"),
        (AwaitUnits(1), "wait for the storage driver's units of interface 1, at most 10 s"),
        (ScsiCommand(0, 1, EJECT[15:21]), "through the storage driver: START STOP UNIT (eject), LUN 1"),
        (
            ScsiCommand(0, 0, b"\xfd" + bytes(9), 512),
            "vendor command 0xfd, LUN 0, 512 bytes from the device",
        ),
        (Pause(50, "the last answer"), "wait 50 ms: the last answer"),
    ],
)
def test_steps_in_words(step: Step, words: str) -> None:
    assert words in describe_step(step)


def test_every_kind_of_step_is_above() -> None:
    cases = test_steps_in_words.pytestmark[0].args[1]
    assert {type(step) for step, _ in cases} == set(Step.__args__)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_every_method(method: Method) -> None:
    device_file = method.device_file
    plan = make_plan(device_file, typical_device(UsbId(1, 2), device_file))
    assert method.name in plan.method
    lines = plan_lines(plan)
    assert len([line for line in lines if line[:4].strip().rstrip(".").isdigit()]) == len(plan.steps)
    data = json.loads(json.dumps([step_data(step) for step in plan.steps]))
    assert [step["text"] for step in data] == [describe_step(step) for step in plan.steps]


@pytest.mark.parametrize(
    "candidate", list(Catalog((shipped_folder(),)).all()), ids=lambda candidate: candidate.file_name
)
def test_every_entry(candidate: Candidate) -> None:
    device_file = read_entry(candidate).device_file
    for way in (device_file, *device_file.modes):
        plan = make_plan(way, typical_device(candidate.id, way))
        assert plan_lines(plan)
        assert all(describe_step(step) for step in plan.steps)
