"""`demo`: the whole job on a virtual stick."""

from __future__ import annotations

import argparse

from .. import demo
from ..arguments import add_common


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    add_common(parser)


def run(options: argparse.Namespace) -> int:
    """Plug, switch, ask the modem."""
    return demo.run(quiet=options.quiet, as_json=options.json)
