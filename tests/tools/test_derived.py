"""What is generated and committed is what would be generated now: else run `python -m tools.derived`."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from pymodeswitch.system.installation import LINK_SCRIPT, link_script, shipped_system_folder
from tools.derived import generated, man_pages

ANEW = "is not what is generated now: run `python -m tools.derived`"
FOLDER = Path(shipped_system_folder())


def committed() -> dict[str, str]:
    return {str(path.relative_to(FOLDER)): path.read_text() for path in FOLDER.rglob("*") if path.is_file()}


def words(page: str) -> list[str]:
    """The words of a man page, and the names of its sections: how they are set is for Sphinx to change."""
    text = []
    for line in page.partition("\n.TH ")[2].splitlines():
        if not line.startswith((".", "'")):
            text += line.split()
        elif line.startswith((".SH", ".SS", ".B", ".I")):
            text += line.split()[1:]
    return [re.sub(r"\\(f.|&|)", "", word) for word in text]


def test_rules_units_and_completions() -> None:
    there = {path: text for path, text in committed().items() if not path.startswith("share/man/")}
    assert there.pop(f"lib/udev/{LINK_SCRIPT}").encode() == link_script()  # written by hand
    now = generated()
    assert set(there) == set(now)
    for path, text in now.items():
        assert there[path] == text, f"{path} {ANEW}"


@pytest.mark.skipif(find_spec("sphinx") is None, reason="Sphinx makes the man pages (group `docs`)")
def test_man_pages() -> None:
    there = {path: text for path, text in committed().items() if path.startswith("share/man/")}
    now = man_pages()
    assert (
        set(there)
        == set(now)
        == {
            "share/man/man1/pymodeswitch.1",
            "share/man/man5/pymodeswitch.conf.5",
        }
    )
    for path, text in now.items():
        assert words(there[path]) == words(text), f"{path} {ANEW}"
        assert len(words(text)) > 300


def test_the_command_s_page_knows_every_verb_and_option() -> None:
    page = " ".join(words(committed()["share/man/man1/pymodeswitch.1"]))
    for word in (
        "pymodeswitch scan",
        "pymodeswitch system install",
        "--no-wait",
        "--prefix",
        "InstallationError",
    ):
        assert word in page
