"""A method is in four files (CONTRIBUTING.md names them): what is forgotten is named here."""

from __future__ import annotations

import re

import pytest

from pymodeswitch import DeviceFile
from pymodeswitch.device_files.keys import KEYS, SPECIAL_METHODS
from pymodeswitch.planning.methods import CONTROL_METHODS, STORAGE_METHODS
from tests.support import CHECKOUT
from tests.support.method_sticks import METHODS

SENDS_NOTHING = {"DetachStorageOnly"}  # no virtual stick can tell it from the steps of the others
NO_KEYS = {"comments", "mode", "modes"}
FILES = ("planning/methods.py", "nouns/model.py", "device_files/keys.py", "tests/support/method_sticks.py")


@pytest.mark.parametrize("name", sorted({*CONTROL_METHODS, *STORAGE_METHODS}))
def test_each_method_has_a_key(name: str) -> None:
    known = {key.attribute for key in KEYS}
    assert name in known, f"{name} of planning/methods.py has no line in device_files/keys.py"


@pytest.mark.parametrize("key", SPECIAL_METHODS, ids=lambda key: key.name)
def test_each_key_of_a_method_has_a_method_and_a_stick(key: object) -> None:
    name, attribute = key.name, key.attribute  # type: ignore[attr-defined]
    assert attribute in {**CONTROL_METHODS, **STORAGE_METHODS}, (
        f"{name} has no method in planning/methods.py"
    )
    sticks = {method.name for method in METHODS} | SENDS_NOTHING
    assert name in sticks, f"{name} has no stick in tests/support/method_sticks.py"


def test_each_key_is_a_field_of_a_device_file() -> None:
    fields = set(DeviceFile.__annotations__) - NO_KEYS
    keys = {key.attribute for key in KEYS}
    assert not keys - fields, "in device_files/keys.py, and no field of DeviceFile (nouns/model.py)"
    assert not fields - keys, "fields of DeviceFile without a line in device_files/keys.py"


def test_contributing_names_the_files() -> None:
    page = " ".join((CHECKOUT / "CONTRIBUTING.md").read_text("utf-8").split())
    (rule,) = re.findall(r"- A new method is .*?(?= - A )", page)
    assert [file for file in FILES if f"`{file}`" not in rule] == []


def test_each_key_is_described() -> None:
    page = (CHECKOUT / "docs/device-files.md").read_text("utf-8")
    rows = "".join(re.findall(r"^\| `.*$", page, re.MULTILINE))
    assert [key.name for key in KEYS if f"`{key.name}`" not in rows] == []
