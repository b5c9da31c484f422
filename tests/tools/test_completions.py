"""Completions: bash carries its own out; zsh's and fish's are compared with the grammar, word by word."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pymodeswitch.command.cli import VERBS
from tools import completions
from tools.command_line import CommandOption, Positional, Verb, verbs

needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("completions") / "pymodeswitch"
    path.write_text(completions.bash(verbs()))
    return path


def complete(script: Path, *words: str, cwd: Path | None = None) -> list[str]:
    """What bash offers for the last word."""
    code = (
        'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _pymodeswitch; '
        '((${#COMPREPLY[@]} == 0)) || printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-u", "-c", code, "bash", str(script), "pymodeswitch", *words],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=cwd,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@needs_bash
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("sys",), ["system"]),
        (("system", ""), ["install", "check", "uninstall", "-h", "--help"]),
        (("system", "check", "--roo"), ["--root"]),
        (("data", "export", "--format", ""), ["classic", "openwrt"]),
        (("data", "export", "--format", "o"), ["openwrt"]),
        (("--no-w",), ["--no-wait"]),
        (("--vers",), ["--version"]),
        (("19d2", ":", "1201", "--no-w"), ["--no-wait"]),
        (("--port", "1-1", "--no-w"), ["--no-wait"]),
        (("list", "--no-w"), []),
        (("-q", "list", "--so"), ["--sources"]),
        (("switch", "--mode", ""), []),
        (("explain", "list", "--so"), []),
        (("data", "import", "--source-n"), ["--source-name"]),
    ],
)
def test_bash(words: tuple[str, ...], offered: list[str], script: Path) -> None:
    assert complete(script, *words) == offered


@needs_bash
def test_bash_offers_every_verb(script: Path) -> None:
    offered = complete(script, "")
    assert offered[: len(VERBS)] == list(VERBS)
    assert "--port" in offered


@needs_bash
def test_bash_offers_files_and_folders(script: Path, tmp_path: Path) -> None:
    (tmp_path / "a folder").mkdir()
    (tmp_path / "a file").touch()
    assert sorted(complete(script, "lint", "a", cwd=tmp_path)) == ["a file", "a folder"]
    assert complete(script, "list", "--data", "a", cwd=tmp_path) == ["a folder"]
    assert "--json" in complete(script, "lint", "-", cwd=tmp_path)


@needs_bash
def test_bash_offers_ports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("1-1.2", "1-1.2:1.0", "2-1", "usb1"):
        (tmp_path / "devices" / name).mkdir(parents=True)
    for folder, offered in (("devices", ["1-1.2", "2-1"]), ("none", [])):
        monkeypatch.setattr(completions, "PORTS", str(tmp_path / folder))
        (tmp_path / "script").write_text(completions.bash(verbs()))
        assert complete(tmp_path / "script", "--port", "") == offered


IDS = ("19d2:1201", "19d2:1207", "12d1:1f01")


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("19d2:12",), ["19d2:1201", "19d2:1207"]),  # where ":" breaks no words
        (("12",), ["12d1:1f01"]),
        (("19d2", ":"), ["1201", "1207"]),  # as bash breaks them
        (("19d2", ":", "1207"), ["1207"]),
        (("explain", "12d1", ":", "1"), ["1f01"]),
        (("explain", ""), ["0bda:1a2b", "-h"]),
        (("",), ["0bda:1a2b", "switch"]),
        (("0b",), ["0bda:1a2b"]),
        (("list", "19"), []),
    ],
)
def test_bash_offers_ids(
    words: tuple[str, ...], offered: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those attached; once something is typed, all that are known."""
    port = tmp_path / "devices/1-1"
    port.mkdir(parents=True)
    (port / "idVendor").write_text("0bda\n")
    (port / "idProduct").write_text("1a2b\n")
    (tmp_path / "devices/1-1:1.0").mkdir()
    monkeypatch.setattr(completions, "PORTS", str(tmp_path / "devices"))
    (tmp_path / "script").write_text(completions.bash(verbs(), IDS))
    found = complete(tmp_path / "script", *words)
    assert (found[:2] if words[-1] == "" else found) == offered


@pytest.mark.parametrize("shell", [completions.zsh, completions.fish])
def test_the_other_shells_have_the_ids_where_an_id_stands(shell: Any) -> None:
    text = shell(verbs(), IDS)
    assert " ".join(IDS) in text
    takers = [verb for verb in verbs() if any(place.kind == "id" for place in verb.positionals)]
    options = [option for verb in leaves() for option in verb.options if option[3] == "id"]
    # Beside them, where it is made; the first word.
    assert text.count("_pymodeswitch_ids") == 2 + len(takers) + len(options)
    assert " ".join(IDS) not in shell(verbs())


def leaves() -> Iterator[Verb]:
    for verb in verbs():
        yield from verb.actions or (verb,)


def test_zsh_knows_every_verb_and_option() -> None:
    text = completions.zsh(verbs())
    assert text.startswith("#compdef pymodeswitch\n")
    for verb in leaves():
        block = re.search(rf'    "{verb.name}"\)\n(.*?)        ;;', text, re.DOTALL)
        assert block is not None, verb.name
        found = set(re.findall(r"(?<=['{,*])--?[\w-]+", block[1]))
        assert found == {flag for option in verb.options for flag in option.flags}
    assert r"(classic openwrt)" in text
    assert "'explain:show an ID'\\''s entry and plan'" in text


def test_fish_knows_every_verb_and_option() -> None:
    lines = completions.fish(verbs()).splitlines()
    for verb in leaves():
        if verb.name == "switch":
            mine = [line for line in lines if "-n 'not __fish_seen_subcommand_from" in line]
        else:
            seen = "; and ".join(f"__fish_seen_subcommand_from {word}" for word in verb.words)
            mine = [line for line in lines if f"-n '{seen}'" in line]
        found = {flag for line in mine for flag in re.findall(r" -(?:l|s) (\S+)", line)}
        assert found == {flag.lstrip("-") for option in verb.options for flag in option.flags}, verb.name
    assert "-d 'show an ID\\'s entry and plan'" in "\n".join(lines)


def test_the_grammar() -> None:
    by_name = {verb.name: verb for verb in verbs()}
    assert list(by_name) == list(VERBS)
    switch = by_name["switch"]
    flags = {option.flags[-1]: option for option in switch.options}
    assert flags["--port"] == CommandOption(("--port",), flags["--port"].text, "PORT", "port", (), False)
    assert flags["--data"][2:] == ("DIR", "folder", (), True)
    assert flags["--no-wait"][2:] == ("", "", (), False)
    assert switch.positionals == (Positional("ID", switch.positionals[0].text, "id", True, False),)
    install = by_name["system"].actions[0]
    assert (install.name, install.words) == ("system install", ("system", "install"))
    export = next(action for action in by_name["data"].actions if action.name == "data export")
    form = next(option for option in export.options if option.flags == ("--format",))
    assert form[2:] == ("classic|openwrt", "choice", ("classic", "openwrt"), False)
    assert by_name["lint"].positionals[0][2:] == ("file", False, True)
