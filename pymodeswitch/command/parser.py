"""argparse as this command uses it; apart, as loading it takes 5 ms (quick.py does without)."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from ..nouns.errors import UsageError


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises UsageError, so that every error leaves in the same form."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{"allow_abbrev": False, **options})

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and where help is."""
        raise UsageError(f"{message} (see {self.prog} --help)")
