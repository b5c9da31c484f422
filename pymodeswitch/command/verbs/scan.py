"""`scan`: everything attached that wants to be switched, at once."""

from __future__ import annotations

from ...host.malloc import share_one_heap
from ...nouns.errors import ModeSwitchError
from ...switching.fleet import FleetObserver, Outcome, scan
from ..arguments import add_common, add_data, data_folders, seconds, settings_for
from ..console import ProgressLine, complain, print_json, tell, terminating, verdict, warn
from ..results import error_data, result_data, result_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("--timeout", type=seconds, metavar="S", help="seconds for each verdict")
    parser.add_argument("--dry-run", action="store_true", help="show what would be done, send nothing")
    add_data(parser)
    add_common(parser)


def run(options: argparse.Namespace) -> int:
    """Switch; a line for each stick. The exit code is that of the first one that failed."""

    settings = settings_for(options)
    progress = ProgressLine(options)

    def report(outcome: Outcome) -> None:
        progress.clear()
        if not options.json:
            tell_outcome(outcome, quiet=options.quiet, verbose=options.verbose)

    share_one_heap()
    try:
        with terminating():
            outcomes = scan(
                timeout=options.timeout,
                dry_run=options.dry_run,
                settings=settings,
                data=data_folders(options),
                report=report,
                observer=(lambda device, event: progress.observe(event))
                if progress.live
                else observer(options),
            )
    finally:
        progress.clear()
    code = next((outcome.exit_code for outcome in outcomes if outcome.exit_code), 0)
    if options.json:
        print_json({"sticks": [outcome_data(outcome) for outcome in outcomes], "exit_code": code})
    elif not options.quiet and all(outcome.is_left_alone for outcome in outcomes):
        complain("nothing is attached that wants to be switched")
    return code


def observer(options: argparse.Namespace) -> FleetObserver | None:
    """With -v a line for each decision and step."""
    return (lambda device, event: tell(event, f"{device.port:<10}")) if options.verbose else None


def tell_outcome(outcome: Outcome, *, quiet: bool, verbose: bool) -> None:
    """One line, to stdout or stderr; for what is left alone only with -v."""
    device, result, error = outcome.device, outcome.result, outcome.error
    if error is None and result is not None:
        if not quiet:
            verdict(result_line(result), result, device=device)
            warn(result.warnings)
    elif error is not None and (verbose or not outcome.is_left_alone):
        if error.result is not None:
            warn(error.result.warnings)
        verdict(_about(outcome, error), error.result, error, device)


def _about(outcome: Outcome, error: ModeSwitchError) -> str:
    """The error's text, with its stick where it does not name it."""
    text, port = str(error), outcome.device.port
    return text if port in text else f"{outcome.device.describe()}: {text}"


def outcome_data(outcome: Outcome) -> dict[str, object]:
    """An outcome as JSON types: that of a switch, or of its error."""
    if outcome.result is not None:
        return {**result_data(outcome.result), "left_alone": False, "exit_code": 0}
    assert outcome.error is not None
    return {
        "id": str(outcome.device.id),
        "port": outcome.device.port,
        **error_data(outcome.error),
        "left_alone": outcome.is_left_alone,
        "exit_code": outcome.exit_code,
    }
