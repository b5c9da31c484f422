"""What scripts read: every field of the JSON, and of the journal, by its name and its form."""

from __future__ import annotations

import re

from pymodeswitch import (
    AttachedDevice,
    DeviceFile,
    Entry,
    Interface,
    Node,
    Port,
    SeveralDevicesError,
    Status,
    SwitchResult,
    UnchangedError,
    UsbId,
)
from pymodeswitch.command import journal
from pymodeswitch.command.results import error_data, result_data
from tests.support import CHECKOUT

DOCS = CHECKOUT / "docs/json.md"

BEFORE = AttachedDevice(
    port=Port("1-1.2"),
    id=UsbId(0x19D2, 0x1201),
    bus=1,
    device_number=7,
    device_class=0,
    configuration=1,
    interfaces=(Interface(0, 8, 6, 0x50, 1, 0x81, "usb-storage"),),
    manufacturer="ZTE",
    product="USB Storage",
    serial="P1",
)
AFTER = AttachedDevice(
    port=Port("1-1.2"),
    id=UsbId(0x19D2, 0x1203),
    bus=1,
    device_number=8,
    device_class=2,
    configuration=1,
    interfaces=(Interface(0, 0x0A, 0, 0, None, None, None),),
)
ENTRY = Entry(
    UsbId(0x19D2, 0x1201),
    "19d2-1201",
    "/etc/pymodeswitch.d/19d2-1201",
    DeviceFile(
        comments=("ZTE MF691", "source: a lab"),
        standard_eject=True,
        target_vendor=0x19D2,
        target_product=0x1203,
        target_class=0x02,
    ),
)
NODES = (Node("tty", "ttyACM0", "cdc_acm", 0), Node("net", "wwan0", None, 3))
RESULT = SwitchResult(
    status=Status.SWITCHED,
    id=UsbId(0x19D2, 0x1201),
    port=Port("1-1.2"),
    before=BEFORE,
    after=AFTER,
    entry=ENTRY,
    nodes=NODES,
    seconds=1.25,
    tries=2,
    unlisted=True,
    warnings=("careful",),
    plan=None,
)
DATA = {
    "status": "switched",
    "id": "19d2:1201",
    "port": "1-1.2",
    "before": {
        "id": "19d2:1201",
        "port": "1-1.2",
        "bus": 1,
        "device_number": 7,
        "class": "00",
        "configuration": 1,
        "manufacturer": "ZTE",
        "product": "USB Storage",
        "serial": "P1",
        "interfaces": [{"number": 0, "class": "08", "driver": "usb-storage"}],
    },
    "after": {
        "id": "19d2:1203",
        "port": "1-1.2",
        "bus": 1,
        "device_number": 8,
        "class": "02",
        "configuration": 1,
        "manufacturer": "",
        "product": "",
        "serial": "",
        "interfaces": [{"number": 0, "class": "0a", "driver": None}],
    },
    "entry": {
        "id": "19d2:1201",
        "name": "19d2-1201",
        "path": "/etc/pymodeswitch.d/19d2-1201",
        "product_name": "ZTE MF691",
        "source": "a lab",
        "targets": ["19d2:1203"],
        "target_class": "02",
        "shared": None,
        "other_targets": [],
    },
    "nodes": [
        {"kind": "tty", "name": "ttyACM0", "driver": "cdc_acm", "interface": 0},
        {"kind": "net", "name": "wwan0", "driver": None, "interface": 3},
    ],
    "seconds": 1.25,
    "tries": 2,
    "unlisted": True,
    "warnings": ["careful"],
    "mode": None,
}


def test_a_result() -> None:
    assert result_data(RESULT) == DATA


def test_an_error() -> None:
    error = UnchangedError("it stays", result=RESULT)
    assert error_data(error) == {
        **DATA,
        "error": "UnchangedError",
        "message": "it stays",
        "exit_code": 11,
    }
    several = SeveralDevicesError("two", ports=("1-1", "1-2"))
    assert error_data(several) == {
        "error": "SeveralDevicesError",
        "message": "two",
        "exit_code": 4,
        "ports": ["1-1", "1-2"],
    }


def test_each_field_is_documented() -> None:
    """In the table of `switch`, by its name."""
    table = DOCS.read_text().partition("## switch")[2].partition("## Other")[0]
    named = set(re.findall(r"`([a-z_]+)`", table))

    def fields(data: object) -> set[str]:
        if isinstance(data, dict):
            return set(data) | {name for value in data.values() for name in fields(value)}
        return {name for value in data for name in fields(value)} if isinstance(data, list) else set()

    assert fields(DATA) | {"error", "message", "exit_code", "ports", "plan", "fallback"} <= named


def test_the_journal() -> None:
    assert journal.fields(RESULT) == {
        "PYMODESWITCH_ID": "19d2:1201",
        "PYMODESWITCH_PORT": "1-1.2",
        "PYMODESWITCH_ENTRY": "/etc/pymodeswitch.d/19d2-1201",
        "PYMODESWITCH_NOW": "19d2:1203",
        "PYMODESWITCH_NODES": "ttyACM0 wwan0",
        "PYMODESWITCH_TRIES": "2",
        "PYMODESWITCH_OUTCOME": "switched",
    }
    assert journal.fields(None, UnchangedError("x"), BEFORE) == {
        "PYMODESWITCH_ID": "19d2:1201",
        "PYMODESWITCH_PORT": "1-1.2",
        "PYMODESWITCH_OUTCOME": "UnchangedError",
        "PYMODESWITCH_EXIT_CODE": "11",
    }
