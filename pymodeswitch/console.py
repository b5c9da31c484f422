"""What the verbs of the command share: its ID argument, JSON on stdout, progress on stderr."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from .errors import UsageError


def print_json(data: dict[str, Any]) -> None:
    """One JSON object on stdout."""
    import json

    print(json.dumps(data, indent=2))


def initial_id(options: argparse.Namespace) -> Any:
    """The UsbId from the arguments: given, or from the device file that --config names."""
    from .model import UsbId

    if options.id is not None:
        return UsbId.parse(options.id)
    if options.config is None:
        raise UsageError("which stick? give its ID, such as 19d2:1201")
    from .catalog import entry_from_file

    return entry_from_file(options.config, None).id


class Console:
    """Shows progress on stderr: every event with -v, else on a terminal that it is waiting."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.verbose: bool = options.verbose
        self.live = not (options.quiet or options.json or self.verbose) and sys.stderr.isatty()
        self.shown = ""

    @property
    def wanted(self) -> bool:
        """Whether there is anything to show at all."""
        return self.verbose or self.live

    def observe(self, progress: Any) -> None:
        """The observer for `switch()`."""
        if self.live and progress.kind in ("waiting", "try"):
            text = f"{progress.text} ... {progress.seconds:.0f} s"
            if text != self.shown:
                print(f"\r{text:<{len(self.shown)}}", end="", file=sys.stderr, flush=True)
                self.shown = text
        elif self.verbose and progress.kind != "waiting":
            text = progress.text
            if progress.step is not None:
                from .explain import describe_step

                text = f"{describe_step(progress.step)}: {text}"
            print(f"{progress.seconds:7.3f} s  {text}", file=sys.stderr)

    def clear(self) -> None:
        """Wipe the waiting line."""
        if self.shown:
            print(f"\r{'':<{len(self.shown)}}\r", end="", file=sys.stderr, flush=True)
            self.shown = ""
