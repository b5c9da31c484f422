"""The schema that comes with pymodeswitch, for the tests that look at what a verb prints with --json."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pymodeswitch
from pymodeswitch.command.cli import VERBS, with_verb
from tests.support.needs import ALL

PATH = Path(pymodeswitch.__file__).parent / "schema.json"
SCHEMA = json.loads(PATH.read_text("utf-8"))


def check_output(words: Sequence[str], out: str) -> None:
    """What a line with --json has printed is as its verb's definition says; else nothing is looked at."""
    verb = with_verb(words)[0]
    if (
        "--json" in words and verb in VERBS and verb not in ("watch", "judge")
    ):  # that one prints many objects
        check(verb, json.loads(out))


def check(verb: str, data: Any) -> None:
    """What a verb prints is as its definition says, or an error. All is fine without jsonschema."""
    if not ALL and importlib.util.find_spec("jsonschema") is None:
        return
    import jsonschema

    definition = verb
    if "error" in data and data.get("status", data) is not None:  # before there was anything to tell
        definition = "error"
    wanted = {"$ref": f"#/$defs/{definition}", "$defs": SCHEMA["$defs"]}
    jsonschema.validate(data, wanted, jsonschema.Draft202012Validator)
