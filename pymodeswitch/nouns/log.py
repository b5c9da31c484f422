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

MOST_WARNINGS = 20  # more say nothing new


class Warnings:
    """Collects the texts of warnings inside a `with`, for a command that has no handler of `logging`."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def __enter__(self) -> Warnings:
        _collectors.append(self)
        return self

    def __exit__(self, *error: object) -> None:
        _collectors.remove(self)

    def add(self, text: str) -> None:
        """Keep a text, while there are fewer than MOST_WARNINGS."""
        if len(self._texts) < MOST_WARNINGS:
            self._texts.append(text)

    def take(self) -> list[str]:
        """The texts since the last call, each once, in their order."""
        texts, self._texts = self._texts, []
        return list(dict.fromkeys(texts))


_collectors: list[Warnings] = []  # those that are inside their `with`, as handlers of `logging` are kept


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
        for collector in _collectors:
            collector.add(text % values)
        self._log("warning", text, values)

    def told(self, text: str) -> None:
        """A warning that the command prints as it is in the result."""
        self._log("warning", "%s", (text,))

    def exception(self, text: str, *values: object) -> None:
        """An error, with its traceback."""
        self._log("exception", text, values)
