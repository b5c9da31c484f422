"""The command: arguments, output, exit codes. The library returns or raises; only this prints.

stdout has what was asked for (with --json one object and nothing else), stderr the rest. Exit codes are
those of errors.py; docs/exit-codes.md has the table.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from .console import (
    OutputError,
    Progress,
    complain,
    data_folders,
    drop,
    flush,
    initial_id,
    open_streams,
    print_json,
    printable,
    show,
)
from .errors import ModeSwitchError, UsageError

VERBS = ("switch", "list", "explain", "lint", "rules", "demo", "data")

EXIT_INTERNAL = 1
EXIT_INTERRUPTED, EXIT_BROKEN_PIPE, EXIT_TERMINATED = 130, 141, 143  # 128 + the signal's number

DESCRIPTION = "Switches USB sticks that show up as a CD-ROM into the modem or Wi-Fi card they are."


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises, so that every error leaves in the same form; no abbreviations."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{"allow_abbrev": False, **options})

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def parser() -> argparse.ArgumentParser:
    """The grammar of the command line."""
    common = _Parser(add_help=False)
    common.add_argument("--json", action="store_true", help="print one JSON object")
    common.add_argument("-v", "--verbose", action="store_true", help="say what is done, and why")
    common.add_argument("-q", "--quiet", action="store_true", help="print only errors")
    source = _Parser(add_help=False)
    source.add_argument(
        "--data", action="append", default=[], metavar="DIR", help="a folder looked at first"
    )
    entry = _Parser(add_help=False)
    entry.add_argument("id", nargs="?", metavar="ID", help="initial ID, such as 19d2:1201")
    entry.add_argument("--port", help="the stick on this port, such as 1-1.2")
    entry.add_argument("--mode", help="the way of switching, where there are several (see explain)")
    entry.add_argument("--no-mbim", action="store_true", help="do not prefer MBIM configurations")
    entry.add_argument("--config", metavar="FILE", help="use this device file")

    main = _Parser(prog="pymodeswitch", description=DESCRIPTION)
    main.add_argument("--version", action="version", version=_version())
    verbs = main.add_subparsers(dest="verb", metavar="VERB", required=True)

    verb = verbs.add_parser(
        "switch", parents=[entry, source, common], help="switch a stick (what an ID alone does)"
    )
    verb.add_argument("--no-wait", action="store_true", help="send, do not wait for the verdict")
    verb.add_argument("--timeout", type=_seconds, metavar="S", help="seconds for the verdict")
    verb.add_argument("--dry-run", action="store_true", help="show what would be sent, send nothing")
    verbs.add_parser("list", parents=[source, common], help="show what is attached")
    verbs.add_parser("explain", parents=[entry, source, common], help="show an ID's entry and plan")
    verb = verbs.add_parser("lint", parents=[common], help="check device files")
    verb.add_argument("files", nargs="+", metavar="FILE")
    verb = verbs.add_parser("rules", parents=[source, common], help="print udev rules")
    verb.add_argument("--command", metavar="CMD", help="what the rules start")
    verbs.add_parser("demo", parents=[common], help="the whole job on a virtual stick")
    verb = verbs.add_parser("data", help="import device files")
    actions = verb.add_subparsers(dest="action", metavar="ACTION", required=True)
    action = actions.add_parser("import", parents=[common], help="import a folder or a tar archive")
    action.add_argument("source", metavar="SOURCE", help="a folder or a configPack.tar.gz")
    action.add_argument("--to", required=True, metavar="DIR", help="folder to write into")
    action.add_argument("--source-name", default="", metavar="TEXT", help="where the facts are from")
    return main


def _version() -> str:
    from . import __version__

    return f"pymodeswitch {__version__}"


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds") from None


def with_verb(arguments: Sequence[str]) -> list[str]:
    """`19d2:1201` alone means `switch 19d2:1201`; flags may stand before the verb."""
    flags: list[str] = []
    rest = list(arguments)
    while rest and (rest[0] in ("--json", "--verbose", "--quiet") or _is_short_flags(rest[0])):
        flags.append(rest.pop(0))
    if rest and (rest[0] in VERBS or rest[0] in ("-h", "--help", "--version")):
        return [rest[0], *flags, *rest[1:]] if rest[0] != "data" else [*rest, *flags]
    if not rest and not flags:
        return ["--help"]
    return ["switch", *flags, *rest]


def _is_short_flags(word: str) -> bool:
    return len(word) > 1 and word[0] == "-" and not set(word[1:]) - set("vq")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    open_streams()
    words = with_verb(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(words)
    except OutputError as error:
        complain(f"cannot write the output: {error}")
        code = EXIT_INTERNAL
    except BrokenPipeError:  # whoever read us has what he wanted
        code = EXIT_BROKEN_PIPE
    drop(sys.stdout)
    return code


def _run(words: list[str]) -> int:
    """Run and report what goes wrong."""
    as_json = "--json" in words
    try:
        code = _dispatch(words)
    except SystemExit as exit_:  # --help and --version
        code = exit_.code if isinstance(exit_.code, int) else 0
    except ModeSwitchError as error:
        code = _fail(error, as_json=as_json)
    except Terminated:
        code = _tell("Terminated", "terminated", EXIT_TERMINATED, as_json=as_json)
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
    flush()
    return code


class Terminated(BaseException):
    """SIGTERM: as with Ctrl-C, a stick that stays gets its interface and its drivers back."""


def _on_sigterm(signum: int, frame: object) -> NoReturn:
    raise Terminated


def _dispatch(words: list[str]) -> int:
    options = parser().parse_args(words)
    if options.verb == "switch":
        return _switch(options)
    # Everything but the switch itself lives elsewhere: udev's way need not load it.
    from . import verbs

    verb: Any = getattr(verbs, f"run_{options.verb}")
    return int(verb(options))


def _tell(name: str, message: str, code: int, *, as_json: bool) -> int:
    if as_json:
        print_json({"error": name, "message": message, "exit_code": code})
    complain(message)
    return code


def _fail(error: ModeSwitchError, *, as_json: bool) -> int:
    if as_json:
        from .report import error_data

        print_json(error_data(error))
    elif error.result is not None:
        _warn(error.result.warnings)
    complain(str(error))
    return error.exit_code


def _warn(warnings: Sequence[str]) -> None:
    for warning in warnings:
        complain(warning if ": warning: " in warning else f"warning: {warning}")


def _switch(options: argparse.Namespace) -> int:
    import signal

    from .switching import switch

    usb_id = initial_id(options)
    folders = data_folders(options)
    progress = Progress(options)
    before = signal.signal(signal.SIGTERM, _on_sigterm)
    try:
        result = switch(
            usb_id.vendor,
            usb_id.product,
            port=options.port,
            config=options.config,
            timeout=options.timeout,
            wait=not options.no_wait,
            dry_run=options.dry_run,
            mode=options.mode,
            mbim=False if options.no_mbim else None,
            data=folders,
            observer=progress.observe if progress.wanted else None,
        )
    finally:
        signal.signal(signal.SIGTERM, before)
        progress.clear()
    if options.json:
        from .report import result_data

        data = result_data(result)
        if options.dry_run:
            from .explain import step_data

            data["plan"] = [step_data(step) for step in result.plan.steps] if result.plan else []
        print_json(data)
        return 0
    if not options.quiet:
        from .report import result_line

        show(printable(result_line(result)))
        if options.dry_run and result.plan is not None:
            from .explain import plan_lines

            show("\n".join(plan_lines(result.plan)))
        _warn(result.warnings)
    return 0
