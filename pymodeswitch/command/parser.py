"""argparse as this command uses it; apart, as loading it takes 5 ms (quick_parser.py does without)."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from ..nouns.errors import UsageError

# argparse takes the square of their number, of words or of letters behind one dash: half a second for 6,000,
# which nobody writes.
MOST_WORDS = 2000


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises UsageError, so that every error leaves in the same form."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{"allow_abbrev": False, **options})

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """As argparse does, within a bounded time; UsageError for more than MOST_WORDS."""
        if args is not None and len(args) > MOST_WORDS:
            self.error(f"{len(args)} words; at most {MOST_WORDS} are read")
        for word in args or ():
            if len(word) > MOST_WORDS and word.startswith("-") and not word.startswith("--"):
                self.error(f"{len(word)} letters behind one dash; at most {MOST_WORDS} are read")
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and where help is."""
        raise UsageError(f"{message} (see {self.prog} --help)")
