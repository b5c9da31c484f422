"""The command: arguments, output, exit codes. The library returns or raises; only this prints.

stdout has what was asked for (with --json one object and nothing else), stderr the rest. Exit codes are
those of errors.py; docs/exit-codes.md has the table.
"""

from __future__ import annotations

import sys

from ..nouns.errors import ModeSwitchError, UsageError, missing_package
from ..nouns.log import Warnings
from .console import (
    EXIT_BY_SIGNAL,
    EXIT_INTERNAL,
    EXIT_INTERRUPTED,
    OutputError,
    Terminated,
    complain,
    guarded,
    print_json,
    say,
    show,
    tell_warnings,
    verdict,
    warn,
)
from .quick_parser import read_quickly

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .parser import Parser

# Each verb is a module in verbs/; only the one that is asked for is loaded.
VERBS = {
    "switch": "switch a stick (what an ID alone does)",
    "scan": "switch everything attached that wants it",
    "watch": "switch everything that comes, for systems without udev",
    "judge": "see what comes of sticks that udev has had switched (started by systemd)",
    "list": "show what is attached",
    "devices": "show the devices that are known, searched by words",
    "explain": "show an ID's entry and plan",
    "lint": "check device files",
    "rules": "print udev rules",
    "symlink": "the name of the link for a modem's serial port, for udev",
    "demo": "the whole job on a virtual stick",
    "data": "import and export device files; note where they are",
    "system": "install, check or remove udev rules, systemd units, man pages and completions",
    "modem": "ask a switched modem how it is, and say what cures it; print what to dial with",
    "doctor": "say what is wrong, and what cures it",
    "learn": "a device file from a capture of the switch",
    "try": "find out what switches an unknown stick, one step after the other",
    "report": "what to tell us of a stick, as a block of text",
}
WITH_ACTIONS = ("data", "system")

DESCRIPTION = "Switches USB sticks that show up as a CD-ROM into the modem or Wi-Fi card they are."


def parser_for(verb: str) -> Parser:
    """The grammar of one verb."""
    from .parser import Parser

    parser = Parser(prog=f"pymodeswitch {verb}", description=VERBS[verb])
    _module(verb).arguments(parser)
    return parser


def _module(verb: str) -> Any:
    # As import_module, which takes longer to load.
    return getattr(__import__("verbs", globals(), fromlist=[verb], level=1), verb)


def overview() -> str:
    """What `pymodeswitch --help` prints."""
    lines = [
        "usage: pymodeswitch ID [OPTIONS]",
        "       pymodeswitch VERB [OPTIONS]",
        "",
        DESCRIPTION,
        "",
        "verbs:",
        *(f"  {verb:<10}  {text}" for verb, text in VERBS.items()),
        "",
        "options:",
        "  -h, --help  show this text; `pymodeswitch VERB --help` shows the options of a verb",
        "  --version   show the version, and the date of the device files",
    ]
    return "\n".join(lines)


def with_verb(arguments: Sequence[str]) -> list[str]:
    """`19d2:1201` alone means `switch 19d2:1201`; flags may stand before the verb."""
    flags: list[str] = []
    rest = list(arguments)
    while rest and (rest[0] in ("--json", "--verbose", "--quiet") or _is_short_flags(rest[0])):
        flags.append(rest.pop(0))
    if rest and (rest[0] in VERBS or rest[0] in ("-h", "--help", "--version")):
        return [rest[0], *flags, *rest[1:]] if rest[0] not in WITH_ACTIONS else [*rest, *flags]
    if not rest and not flags:
        return ["--help"]
    return ["switch", *flags, *rest]


def _is_short_flags(word: str) -> bool:
    return len(word) > 1 and word[0] == "-" and not set(word[1:]) - set("vq")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    words = with_verb(sys.argv[1:] if arguments is None else arguments)
    return guarded(lambda: _run(words))


def _run(words: list[str]) -> int:
    """Run and report what goes wrong."""
    as_json = "--json" in words
    try:
        with Warnings() as warnings:
            code = _dispatch(words, warnings)
    except SystemExit as exit_:  # --help and --version
        code = exit_.code if isinstance(exit_.code, int) else 0
    except ModeSwitchError as error:
        if isinstance(error, UsageError) or any(":" in word for word in words[1:]):
            from .hints import add_hint

            add_hint(error, words, VERBS)
        code = _fail(error, as_json=as_json)
    except ImportError as error:
        known = missing_package(error)
        if known is None:
            raise
        code = _fail(known, as_json=as_json)
    except Terminated as end:
        code = _tell("Terminated", "terminated", EXIT_BY_SIGNAL + end.number, as_json=as_json)
    except KeyboardInterrupt:
        code = _tell("KeyboardInterrupt", "interrupted", EXIT_INTERRUPTED, as_json=as_json)
    except (OutputError, BrokenPipeError):
        raise
    except Exception as error:  # the last resort: a bug of ours becomes one line, not a traceback
        if "-v" in words or "--verbose" in words:
            raise
        name = type(error).__name__
        message = f"internal error: {name}: {error} (-v shows where; please report it)"
        code = _tell(name, message, EXIT_INTERNAL, as_json=as_json)
    return code


def _check_verb(words: Sequence[str]) -> None:
    """UsageError for a first word that is neither an ID nor a verb: a misspelt verb, mostly."""
    rest = list(words[1:])
    while rest and (rest[0] in ("--json", "--verbose", "--quiet") or _is_short_flags(rest[0])):
        rest.pop(0)
    if words[0] != "switch" or not rest or rest[0].startswith("-") or ":" in rest[0]:
        return
    raise UsageError(
        f"bad ID {rest[0]!r}: expected VENDOR:PRODUCT in hex, such as 19d2:1201, or a verb: see --help"
    )


def _dispatch(words: list[str], warnings: Warnings) -> int:
    _check_verb(words)
    if words[0] in ("-h", "--help"):
        for line in overview().splitlines():
            say(line, hang=14)
        return 0
    if words[0] == "--version":
        from .. import __version__
        from ..catalog.data_date import DATE

        show(f"pymodeswitch {__version__}, device files of {DATE}")
        return 0
    verb = _module(words[0])
    options: Any = read_quickly(verb.arguments, words[1:])
    if options is None:
        options = parser_for(words[0]).parse_args(words[1:])
    options.warnings = warnings
    try:
        return int(verb.run(options))
    finally:
        tell_warnings(options)


def _tell(name: str, message: str, code: int, *, as_json: bool) -> int:
    if as_json:
        print_json({"error": name, "message": message, "exit_code": code})
    complain(message)
    return code


def _fail(error: ModeSwitchError, *, as_json: bool) -> int:
    if as_json:
        from .results import error_data

        print_json(error_data(error))
    elif error.result is not None:
        warn(error.result.warnings)
    verdict(str(error), error.result, error)
    return error.exit_code
