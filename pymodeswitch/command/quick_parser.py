"""Reads the usual command lines without argparse, which takes 5 ms to load and to set up.

A verb declares its options once, to whatever has `add_argument`. `QuickParser` takes the declarations and reads
lines of plain words and whole options with it; for anything else (help, abbreviations, mistakes) it says
None, and argparse has the same declarations and the last word.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import SimpleNamespace
    from typing import Any
else:
    SimpleNamespace = type(sys.implementation)  # the same, without loading `types`


class _NeedsArgparse(Exception):
    """A declaration or a line that argparse has to see."""


class _Declared:
    """What one add_argument declares."""

    def __init__(
        self,
        action: str = "store",
        default: Any = None,
        type: Callable[[str], Any] = str,
        nargs: str | None = None,
        metavar: str = "",
        help: str = "",
    ) -> None:
        if action not in ("store", "store_true", "append") or nargs not in (None, "?"):
            raise _NeedsArgparse
        self.action = action
        self.default = False if action == "store_true" else default
        self.type = type
        self.needed = nargs is None


class QuickParser:
    """Stands for an ArgumentParser while a verb declares its options."""

    def __init__(self) -> None:
        self._options: dict[
            str, tuple[str, _Declared]
        ] = {}  # by `--name` and `-n`: the attribute, the option
        self._places: list[tuple[str, _Declared]] = []

    def add_argument(self, *names: str, **declared: Any) -> None:
        """As argparse has it, as far as this reader goes."""
        try:
            option = _Declared(**declared)
        except TypeError:  # a keyword that this reader does not know
            raise _NeedsArgparse from None
        if not names[0].startswith("-"):
            self._places.append((names[0], option))
            return
        long = next(name for name in names if name.startswith("--"))
        for name in names:
            self._options[name] = (long[2:].replace("-", "_"), option)

    def __getattr__(self, name: str) -> Any:
        raise _NeedsArgparse  # subparsers, groups

    def read(self, words: Sequence[str]) -> SimpleNamespace | None:
        """The options of a line; None when argparse has to read it."""
        declared = [*self._options.values(), *self._places]
        found: dict[str, Any] = {attribute: option.default for attribute, option in declared}
        places = list(self._places)
        rest = list(words)
        try:
            while rest:
                word = rest.pop(0)
                if not word.startswith("-"):
                    attribute, option = places.pop(0)
                    found[attribute] = option.type(word)
                    continue
                attribute, option = self._options[word]
                if option.action == "store_true":
                    found[attribute] = True
                    continue
                value = rest.pop(0)
                if value.startswith("-"):
                    return None
                made = option.type(value)
                found[attribute] = [*found[attribute], made] if option.action == "append" else made
        except Exception:  # an unknown option, too many words, a bad value: argparse says which
            return None
        return None if any(option.needed for _, option in places) else SimpleNamespace(**found)


def read_quickly(declare: Callable[[Any], None], words: Sequence[str]) -> SimpleNamespace | None:
    """The options of a line by a verb's declarations, None when argparse has to read it."""
    quick = QuickParser()
    try:
        declare(quick)
    except _NeedsArgparse:
        return None
    return quick.read(words)
