"""The command line as data, read from its parsers: for completions and the docs' list of options."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import NamedTuple

from pymodeswitch.command.cli import VERBS, parser_for

# What a value is, by the name that help gives it; any other is for the user to know.
KINDS = {"FILE": "file", "SOURCE": "file", "DIR": "folder", "PORT": "port", "ID": "id"}


class CommandOption(NamedTuple):
    """An option. value: its name, empty if it takes none. kind: file, folder, port, id, choice, or none."""

    flags: tuple[str, ...]
    text: str
    value: str
    kind: str
    choices: tuple[str, ...]
    repeats: bool


class Positional(NamedTuple):
    """An argument that is no option; kind as in `CommandOption`."""

    name: str
    text: str
    kind: str
    optional: bool
    repeats: bool


class Verb(NamedTuple):
    """A verb with its arguments; or one with actions, which then have the arguments."""

    words: tuple[str, ...]
    text: str
    options: tuple[CommandOption, ...]
    positionals: tuple[Positional, ...]
    actions: tuple[Verb, ...]

    @property
    def name(self) -> str:
        """As it is typed."""
        return " ".join(self.words)


def verbs() -> tuple[Verb, ...]:
    """All verbs, in the order of the overview."""
    return tuple(_verb((name,), text, parser_for(name)) for name, text in VERBS.items())


def _verb(words: tuple[str, ...], text: str, parser: argparse.ArgumentParser) -> Verb:
    actions = [action for action in parser._actions if action.help is not argparse.SUPPRESS]
    return Verb(
        words,
        text,
        tuple(_option(action) for action in actions if action.option_strings),
        tuple(
            _positional(action) for action in actions if not action.option_strings and not _inner(action)
        ),
        tuple(verb for action in actions for verb in _nested(words, action)),
    )


def _inner(action: argparse.Action) -> bool:
    return isinstance(action, argparse._SubParsersAction)


def _nested(words: tuple[str, ...], action: argparse.Action) -> Iterator[Verb]:
    if isinstance(action, argparse._SubParsersAction):
        texts = {choice.dest: choice.help or "" for choice in action._get_subactions()}
        for name, parser in action.choices.items():
            yield _verb((*words, name), texts[name], parser)


def _option(action: argparse.Action) -> CommandOption:
    takes = action.nargs != 0
    value = ("|".join(action.choices) if action.choices else _name(action)) if takes else ""
    kind = "choice" if action.choices else KINDS.get(value, "")
    repeats = isinstance(action, argparse._AppendAction)
    choices = tuple(map(str, action.choices or ()))
    return CommandOption(tuple(action.option_strings), action.help or "", value, kind, choices, repeats)


def _positional(action: argparse.Action) -> Positional:
    name = _name(action)
    return Positional(
        name, action.help or "", KINDS.get(name, ""), action.nargs in ("?", "*"), action.nargs in ("+", "*")
    )


def _name(action: argparse.Action) -> str:
    return str(action.metavar or action.dest.upper())
