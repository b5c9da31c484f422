"""Loggers of the standard library's `logging`, which they do not load.

Loading it takes 6 ms, on a small board twenty times that, and what udev starts has none to lose. While
nobody has loaded `logging`, nobody can have asked for our records, so they are dropped; from then on these
are the usual loggers below "pymodeswitch".
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from typing import Any

ROOT = "pymodeswitch"

# Warnings for the command to print, which has no handler of its own; more than so many say nothing new.
MOST_UNHEARD = 20
unheard: list[str] = []


class Logger:
    """The logger of a module, by the module's name."""

    __slots__ = ("_name", "_real")

    def __init__(self, name: str) -> None:
        self._name = name
        self._real: logging.Logger | None = None

    def _loaded(self) -> logging.Logger | None:
        if self._real is None:
            loaded = sys.modules.get("logging")
            if not hasattr(loaded, "NullHandler"):  # not loaded, or another thread is just loading it
                return None
            logging: Any = loaded
            root = logging.getLogger(ROOT)
            if not root.handlers:
                # A library does not print: whoever wants its log adds a handler.
                root.addHandler(logging.NullHandler())
            self._real = logging.getLogger(self._name)
        return self._real

    def _log(self, kind: str, text: str, values: tuple[object, ...], **options: Any) -> None:
        real = self._loaded()
        if real is not None:
            getattr(real, kind)(text, *values, stacklevel=3, **options)

    def debug(self, text: str, *values: object) -> None:
        """As logging has it, like the others."""
        self._log("debug", text, values)

    def info(self, text: str, *values: object, extra: dict[str, Any] | None = None) -> None:
        """extra: attributes of the record."""
        self._log("info", text, values, extra=extra)

    def warning(self, text: str, *values: object) -> None:
        """What the user should know. Not for what is told in another way as well."""
        if len(unheard) < MOST_UNHEARD:
            unheard.append(text % values)
        self._log("warning", text, values)

    def told(self, text: str) -> None:
        """A warning that the command prints as it is in the result."""
        self._log("warning", "%s", (text,))

    def exception(self, text: str, *values: object) -> None:
        """An error, with its traceback."""
        self._log("exception", text, values)
