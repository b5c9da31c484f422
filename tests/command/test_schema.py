"""The schema of what --json prints: whole, strict enough to fail, and used on what the verbs print."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from pymodeswitch.command.cli import VERBS
from tests.support.needs import needs
from tests.support.schema import SCHEMA, check

pytestmark = needs("jsonschema", "looks whether JSON is as the schema says")

DEVICE = {
    "id": "19d2:1201",
    "port": "1-1.2",
    "bus": 1,
    "device_number": 5,
    "class": "00",
    "configuration": 1,
    "manufacturer": "ZTE",
    "product": "",
    "serial": "",
    "interfaces": [{"number": 0, "class": "08", "driver": None}],
}
RESULT: dict[str, Any] = {
    "status": "switched",
    "id": "19d2:1201",
    "port": "1-1.2",
    "before": DEVICE,
    "after": None,
    "entry": None,
    "nodes": [{"kind": "tty", "name": "ttyACM0", "driver": "cdc_acm", "interface": 1}],
    "seconds": 4.1,
    "tries": 1,
    "unlisted": False,
    "warnings": [],
}


def test_every_verb_has_a_definition() -> None:
    as_switch = {"watch", "judge"}  # a line of these
    missing = set(VERBS) - set(SCHEMA["$defs"]) - as_switch
    assert not missing, f"what these print with --json has no definition in schema.json: {missing}"


def test_the_schema_is_one() -> None:
    import jsonschema

    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert "$ref" not in SCHEMA


def test_good_ones() -> None:
    check("switch", RESULT)
    check("switch", {"error": "UsageError", "message": "bad ID", "exit_code": 2})
    failed = {**RESULT, "status": None, "error": "UnchangedError", "message": "m", "exit_code": 11}
    check("switch", failed)
    check("scan", {"sticks": [{**RESULT, "left_alone": False, "exit_code": 0}], "exit_code": 0})
    check("explain", {"error": "NoEntryError", "message": "none", "exit_code": 5})


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("status",), "perhaps"),
        (("status",), None),  # then it has to say what was wrong
        (("id",), "19D2:1201"),
        (("port",), "1-1:1.0"),
        (("before", "class"), 8),
        (("before", "interfaces", 0, "number"), "0"),
        (("nodes", 0, "kind"), "disk"),
        (("seconds",), -1),
        (("warnings",), "none"),
    ],
)
def test_bad_ones(place: tuple[Any, ...], value: object) -> None:
    import jsonschema

    bad = copy.deepcopy(RESULT)
    inner: Any = bad
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        check("switch", bad)


@pytest.mark.parametrize("key", RESULT)
def test_what_is_promised_has_to_be_there(key: str) -> None:
    import jsonschema

    with pytest.raises(jsonschema.ValidationError):
        check("switch", {name: value for name, value in RESULT.items() if name != key})
