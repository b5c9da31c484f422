"""What the verbs of the command share: stdout and stderr, progress."""

from __future__ import annotations

import os
import sys

from ..nouns.errors import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, TextIO

    from ..nouns.errors import ModeSwitchError
    from ..nouns.model import AttachedDevice, SwitchResult
    from .terminal import Spinner


EXIT_INTERNAL = 1
EXIT_BY_SIGNAL = 128  # and the number of the signal
EXIT_INTERRUPTED, EXIT_BROKEN_PIPE = 130, 141


class OutputError(Exception):
    """Standard output cannot be written: a full disk, say."""


class Terminated(BaseException):
    """SIGTERM or SIGHUP: as with Ctrl-C, a stick that stays gets its interface and its drivers back.

    number: of the signal.
    """

    def __init__(self, number: int = 15) -> None:
        super().__init__(number)
        self.number = number


class terminating:  # noqa: N801  # used as a function is
    """SIGTERM, SIGHUP (the terminal is closed) and Ctrl-C end what is under way, with all given back.

    A second signal waits for that; a third one kills, in case it hangs. What is ignored since the start,
    as by nohup, stays ignored.
    """

    def __enter__(self) -> None:
        # The C part; what `signal` adds takes 1 ms to load.
        import _signal  # type: ignore[import-not-found]

        self._count = 0
        self._before = []
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(_signal, name, None)  # no SIGHUP on Windows
            before = None if number is None else _signal.getsignal(number)
            if before is not None and before != _signal.SIG_IGN:
                self._before.append((number, _signal.signal(number, self._end)))

    def _end(self, number: int, frame: object) -> None:
        import _signal

        self._count += 1
        if self._count == 1:
            raise KeyboardInterrupt if number == _signal.SIGINT else Terminated(number)
        if self._count > 2:
            _signal.signal(number, _signal.SIG_DFL)
            os.kill(os.getpid(), number)

    def __exit__(self, *error: object) -> None:
        import _signal

        for number, before in self._before:
            _signal.signal(number, before)


def open_streams() -> None:
    """Make both streams usable, whatever they were started with.

    A closed one (`>&-`) is None in Python, and printing to None goes to the other one; characters that
    the terminal's encoding lacks are shown as escapes instead of ending the program.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  # kept to the end
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def show(text: str = "", end: str = "\n") -> None:
    """Print to stdout. OutputError; BrokenPipeError when nobody reads any more."""
    try:
        print(text, end=end)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(error.strerror) from error


def is_for_a_person(stream: TextIO) -> bool:
    """Whether terminal.py has anything to add: on a terminal, or where colour is asked for."""
    return stream.isatty() or bool(os.environ.get("FORCE_COLOR"))


def say(text: str, part: str = "", colour: str = "", hang: int = 4) -> None:
    """Print a line to stdout, control characters as escapes; for a person folded, and a part in colour.

    colour: `good`, `doubt`, `bad` or `head`. hang: how far further lines are indented.
    """
    text = printable(text)
    if is_for_a_person(sys.stdout):
        from .terminal import dressed

        text = dressed(text, sys.stdout, printable(part), colour, hang)
    show(text)


def show_table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    plain: Iterable[str],
    colours: Sequence[str] = (),
    column: int = 0,
) -> None:
    """Print a table to stdout: with a header where a person reads; elsewhere the lines of `plain`.

    colours: for each row that of what it has in `column`. Control characters are shown as escapes.
    """
    lines: Iterable[str] = map(printable, plain)
    if rows and is_for_a_person(sys.stdout):
        from .terminal import table

        texts = [[printable(text) for text in row] for row in rows]
        lines = table(head, texts, colours or [""] * len(rows), column, sys.stdout)
    for line in lines:
        show(line)


def flush() -> None:
    """Have all of stdout written: what fails, fails now."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(error.strerror) from error


def guarded(command: Callable[[], int]) -> int:
    """Run a command and have its output written; its exit code, or the one for output that cannot be."""
    open_streams()
    try:
        code = command()
        flush()
        return code
    except OutputError as error:
        complain(f"cannot write the output: {error}")
        code = EXIT_INTERNAL
    except BrokenPipeError:  # whoever read us has what he wanted
        code = EXIT_BROKEN_PIPE
    drop(sys.stdout)
    return code


def note(text: str, end: str = "\n") -> None:
    """Print to stderr; when that fails there is nobody to tell, and the work goes on."""
    try:
        # In one piece: several threads may be telling.
        print(f"{text}{end}", end="", file=sys.stderr, flush=True)
    except OSError:
        drop(sys.stderr)


def drop(stream: TextIO) -> None:
    """Send what a stream still holds nowhere: Python flushes it once more at exit, and would fail again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def complain(text: str) -> None:
    """One line of complaint, whatever is in it."""
    line = f"pymodeswitch: {printable(' '.join(text.splitlines()))}"
    if is_for_a_person(sys.stderr):
        from .terminal import dressed

        marked = ("warning:", "doubt") if "warning: " in line else ("pymodeswitch:", "bad")
        line = dressed(line, sys.stderr, *marked)
    note(line)


def print_json_line(data: dict[str, Any]) -> None:
    """One JSON object a line, for a verb that has no end at which it could print one for all."""
    import json

    show(json.dumps(data))


def print_json(data: dict[str, Any]) -> None:
    """One JSON object on stdout, in ASCII."""
    import json

    show(json.dumps(data, indent=2))


def verdict(
    line: str,
    result: SwitchResult | None,
    error: ModeSwitchError | None = None,
    device: AttachedDevice | None = None,
) -> None:
    """Print a verdict (an error to stderr); where the journal reads us, as an entry with fields instead."""
    if "JOURNAL_STREAM" in os.environ:
        from . import journal

        priority = journal.INFO if error is None else journal.ERROR
        fields = journal.fields(result, error, device)
        if journal.is_reading(1 if error is None else 2) and journal.send_entry(line, priority, fields):
            return
    if error is None:
        say(line, "switched", "good")
    else:
        complain(line)


def warn(warnings: Iterable[str]) -> None:
    """A line for each warning."""
    for warning in warnings:
        complain(warning if ": warning: " in warning else f"warning: {warning}")


def tell_warnings(options: Any) -> None:
    """Print the warnings of the library's log since the last call: of settings, of folders."""
    texts = options.warnings.take()
    if not (options.json or options.quiet):
        warn(texts)


def event_text(event: Any) -> str:
    """What happened in a switch, without the time; behind the step that it is about."""
    if event.step is None:
        return str(event.text)
    from ..planning.description import describe_step

    return f"{describe_step(event.step)}: {event.text}"


def event_line(event: Any) -> str:
    """What happened in a switch, behind the seconds since its start."""
    return f"{event.seconds:7.3f} s  {event_text(event)}"


def tell(event: Any, port: str = "") -> None:
    """A line on stderr for what happened in a switch, but for its waits; behind `port`, for several."""
    if event.kind != "waiting":
        note(printable(f"{port}{event_line(event)}"))


class ProgressLine:
    """Shows progress on stderr: every event with -v, else on a terminal that it is waiting."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.verbose: bool = options.verbose
        self.live = not (options.quiet or options.json or self.verbose) and sys.stderr.isatty()
        self._spinner: Spinner | None = None
        self._shown = 0  # characters of the line before it turns

    @property
    def wanted(self) -> bool:
        """Whether there is anything to show at all."""
        return self.verbose or self.live

    def observe(self, event: Any) -> None:
        """The observer for `switch()`."""
        if self.live and event.kind in ("waiting", "try"):
            if self._spinner is None and event.kind == "try":  # loading the spinner would delay the message
                text = f"{event.text} ..."
                note(f"\r{text:<{self._shown}}", end="")
                self._shown = len(text)
                return
            if self._spinner is None:
                from .terminal import Spinner

                self._spinner = Spinner(sys.stderr, self._shown)
            self._spinner.show(event.text, event.seconds)
        elif self.verbose:
            tell(event)

    def clear(self) -> None:
        """Wipe the waiting line."""
        if self._spinner is not None:
            self._spinner.clear()
        elif self._shown:
            note(f"\r{'':<{self._shown}}\r", end="")
            self._shown = 0
