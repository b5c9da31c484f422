"""The example captures give the answers that are expected of them, and no more than may be shown."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pymodeswitch.command import cli
from pymodeswitch.device_files.syntax import parse
from tests.learning.conftest import CAPTURES

EXPECTED = json.loads((CAPTURES / "expected.json").read_text())
VERDICTS = {"no-switch": ("nothing", 22), "learned": ("learned", 0)}


@pytest.mark.parametrize("name", EXPECTED)
def test_expected_answer(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    expected = EXPECTED[name]
    verdict, code = VERDICTS[expected["verdict"]]
    assert cli.main(["learn", str(CAPTURES / name), "--json"]) == code
    answer = json.loads(capsys.readouterr().out)
    assert answer["verdict"] == verdict
    sticks = answer["captures"][0]["sticks"]
    for secret in expected.get("must_not_contain", ()):
        assert secret not in json.dumps(answer)
    if expected["entry"] is None:
        assert not sticks
        return
    (stick,) = sticks
    assert stick["confidence"] == expected["confidence"]
    assert stick["initial"] == expected["initial"]
    assert stick["target"] == expected["target"]
    assert stick["target_class"] == expected["target_class"]
    sent = {key: value for key, value in stick["entry"].items() if not key.startswith("Target")}
    assert sent in [_texts(entry) for entry in (expected["entry"], *expected["accept"])]


def _texts(entry: dict[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in entry.items()}


@pytest.mark.parametrize("name", [name for name, expected in EXPECTED.items() if expected["entry"]])
def test_what_is_printed_is_a_device_file(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["learn", str(CAPTURES / name)]) == 0
    device_file, diagnostics = parse(capsys.readouterr().out, strict=True)
    assert not diagnostics
    assert device_file.source.startswith("learned from a capture")


def test_there_is_an_answer_for_each_capture() -> None:
    files = {path.name for path in CAPTURES.iterdir()} - {"README.md", "expected.json"}
    assert files == set(EXPECTED)
