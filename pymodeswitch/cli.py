"""The command: arguments, output, exit codes. The library returns or raises; only this prints.

stdout has what was asked for (with --json one object and nothing else), stderr the rest. Exit codes are
those of errors.py; docs/exit-codes.md has the table.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from .console import Console, initial_id, print_json
from .errors import ModeSwitchError, UsageError

VERBS = ("switch", "list", "explain", "lint", "rules", "demo", "data")

EXIT_INTERNAL, EXIT_INTERRUPTED, EXIT_BROKEN_PIPE = 1, 130, 141  # 128 + SIGINT, 128 + SIGPIPE

DESCRIPTION = "Switches USB sticks that show up as a CD-ROM into the modem or Wi-Fi card they are."


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises, so that every error leaves in the same form."""

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
    while rest and rest[0] in ("--json", "-v", "--verbose", "-q", "--quiet"):
        flags.append(rest.pop(0))
    if rest and (rest[0] in VERBS or rest[0] in ("-h", "--help", "--version")):
        return [rest[0], *flags, *rest[1:]] if rest[0] != "data" else [*rest, *flags]
    if not rest and not flags:
        return ["--help"]
    return ["switch", *flags, *rest]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    words = with_verb(sys.argv[1:] if arguments is None else arguments)
    try:
        code = _run(words)
        sys.stdout.flush()
        return code
    except SystemExit as exit_:  # --help and --version
        return exit_.code if isinstance(exit_.code, int) else 0
    except ModeSwitchError as error:
        return _fail(error, as_json="--json" in words)
    except KeyboardInterrupt:
        print("pymodeswitch: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read us has what he wanted. Python would complain when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except Exception as error:  # the last resort: a bug of ours becomes one line, not a traceback
        if "-v" in words or "--verbose" in words:
            raise
        print(
            f"pymodeswitch: internal error: {type(error).__name__}: {error} (-v shows where; "
            "please report it)",
            file=sys.stderr,
        )
        return EXIT_INTERNAL


def _run(words: list[str]) -> int:
    options = parser().parse_args(words)
    if options.verb == "switch":
        return _switch(options)
    # Everything but the switch itself lives elsewhere: udev's way need not load it.
    from . import verbs

    verb: Any = getattr(verbs, f"run_{options.verb}")
    return int(verb(options))


def _fail(error: ModeSwitchError, *, as_json: bool) -> int:
    if as_json:
        from .report import error_data

        print_json(error_data(error))
    else:
        for warning in error.result.warnings if error.result else ():
            print(f"pymodeswitch: warning: {warning}", file=sys.stderr)
    # One line, whatever an ID or a path may hold.
    print(f"pymodeswitch: {' '.join(str(error).splitlines())}", file=sys.stderr)
    return error.exit_code


def _switch(options: argparse.Namespace) -> int:
    from .switching import switch

    usb_id = initial_id(options)
    console = Console(options)
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
            data=options.data,
            observer=console.observe if console.wanted else None,
        )
    finally:
        console.clear()
    if options.json:
        from .report import result_data

        data = result_data(result)
        if options.dry_run:
            from .explain import step_data

            data["plan"] = [step_data(step) for step in result.plan.steps] if result.plan else []
        print_json(data)
    elif not options.quiet:
        from .report import result_line

        print(result_line(result))
        if options.dry_run and result.plan is not None:
            from .explain import plan_lines

            print("\n".join(plan_lines(result.plan)))
    if not options.json:
        for warning in result.warnings:
            print(f"pymodeswitch: warning: {warning}", file=sys.stderr)
    return 0
