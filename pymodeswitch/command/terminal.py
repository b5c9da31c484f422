"""What a person at a terminal gets beyond plain text: colour, lines folded to the width, tables, a spinner.

Loaded where a stream is a terminal or colour is asked for; by a switch only when its message is out.
"""

from __future__ import annotations

import _thread
import os
import time
from unicodedata import category, east_asian_width

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

# By what it says (ECMA-48, SGR): of the eight colours that every terminal has, and bold.
COLOURS = {"good": "32", "doubt": "33", "bad": "31", "head": "1"}
USUAL_WIDTH = 80  # of a terminal that does not know its own
NARROWEST = 16  # a column that text is folded into; below that the lines start further left
TURN_S = 0.1


def is_coloured(stream: TextIO) -> bool:
    """Whether colour is wanted: NO_COLOR and FORCE_COLOR count where they are not empty, in that order."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (stream.isatty() and os.environ.get("TERM") != "dumb")


def width(stream: TextIO) -> int:
    """Columns of a terminal, or what COLUMNS says of it; 0 for anything else, where nothing is folded."""
    if not stream.isatty():
        return 0
    told = os.environ.get("COLUMNS", "")
    if told.isascii() and told.isdecimal() and int(told):
        return int(told)
    try:
        return os.get_terminal_size(stream.fileno()).columns or USUAL_WIDTH
    except OSError:  # it has gone
        return USUAL_WIDTH


def cells(text: str) -> int:
    """How many columns a text takes: two for each wide character, none for one that combines."""
    if text.isascii():
        return len(text)
    return sum(0 if category(c) in ("Mn", "Me") else 1 + (east_asian_width(c) in "WF") for c in text)


def folded(line: str, columns: int, hang: int) -> list[str]:
    """A line as lines of at most `columns`, the further ones indented by `hang`; words stay whole."""
    if hang > columns - NARROWEST:
        hang = min(4, hang)
    lines = []
    while cells(line) > columns:
        fitting = [
            at for at, c in enumerate(line) if c == " " and at > hang and cells(line[:at]) <= columns
        ]
        cut = fitting[-1] if fitting else line.find(" ", hang + 1)
        if cut < 0:
            break
        lines.append(line[:cut].rstrip())
        line = " " * hang + line[cut:].lstrip()
    return [*lines, line]


def dressed(text: str, stream: TextIO, part: str = "", colour: str = "", hang: int = 4) -> str:
    """A line for a stream: folded where that is a terminal, the first `part` of it in a colour."""
    columns = width(stream)
    lines = folded(text, columns, hang) if columns else [text]
    text = "\n".join(lines)
    if part and colour and is_coloured(stream):
        text = text.replace(part, painted(part, colour), 1)
    return text


def painted(text: str, colour: str) -> str:
    """A text in a colour, named as in COLOURS."""
    return f"\033[{COLOURS[colour]}m{text}\033[0m"


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], colours: Sequence[str], column: int, stream: TextIO
) -> list[str]:
    """Lines with a header; the last column is folded.

    colours: one for each row, of what it has in `column`; empty for none.
    """
    widths = [max(map(cells, texts)) for texts in zip(head, *rows, strict=True)][:-1]
    start = sum(widths) + 2 * len(widths)

    def line(row: Sequence[str]) -> str:
        padded = [text + " " * (space - cells(text)) for text, space in zip(row, widths, strict=False)]
        return "  ".join([*padded, row[-1]]).rstrip()

    first = line(head)
    return [
        dressed(first, stream, first, "head", start),
        *(
            dressed(line(row), stream, row[column], colour, start)
            for row, colour in zip(rows, colours, strict=True)
        ),
    ]


class Spinner:
    """A line on a terminal that turns while something is awaited, and is wiped when it has come.

    A thread turns it, as what waits may be told nothing for a second. shown: how many characters of an
    older line are there.
    """

    def __init__(self, stream: TextIO, shown: int = 0) -> None:
        self._stream = stream
        encoding = (stream.encoding or "").lower().replace("-", "")
        plain = encoding != "utf8" or os.environ.get("TERM") in ("linux", "dumb")
        self._frames = "|/-\\" if plain else "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
        self._lock = _thread.allocate_lock()  # held by who writes, or changes what is written
        self._text, self._since, self._shown, self._turns = "", 0.0, shown, 0
        self._round = 0  # counts the threads; an older one ends

    def show(self, text: str, seconds: float) -> None:
        """Say what is awaited, `seconds` after the start; from now on it turns."""
        with self._lock:
            is_new = not self._text
            self._text, self._since = text, time.monotonic() - seconds
            self._draw()
            if is_new:
                self._round += 1
                _thread.start_new_thread(self._turn, (self._round,))

    def _turn(self, number: int) -> None:
        while True:
            time.sleep(TURN_S)
            with self._lock:
                if not self._text or number != self._round:
                    return
                self._draw()

    def _draw(self) -> None:
        self._turns += 1
        frame = self._frames[self._turns % len(self._frames)]
        text = f"{frame} {self._text} ... {time.monotonic() - self._since:.0f} s"
        text = text[: width(self._stream) - 1]  # one that fills the line would scroll
        self._write(f"\r{text}{' ' * (self._shown - len(text))}")
        self._shown = len(text)

    def clear(self) -> None:
        """Wipe the line, and end the turning."""
        with self._lock:
            self._text = ""
            if self._shown:
                self._write(f"\r{' ' * self._shown}\r")
                self._shown = 0

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # the terminal has gone; the switch goes on
            self._text = ""
