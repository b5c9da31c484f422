"""`switch`: what udev starts, and what an ID alone does."""

from __future__ import annotations

from ...switching.switch import switch
from ..arguments import (
    add_common,
    add_data,
    add_entry,
    data_folders,
    initial_id,
    on_port,
    seconds,
    settings_for,
)
from ..console import ProgressLine, print_json, show, terminating, verdict, warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from ...nouns.model import SwitchResult
    from ...nouns.steps import Plan


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    add_entry(parser)
    parser.add_argument("--no-wait", action="store_true", help="send, do not wait for the verdict")
    parser.add_argument("--timeout", type=seconds, metavar="S", help="seconds for the verdict")
    parser.add_argument("--dry-run", action="store_true", help="show what would be sent, send nothing")
    add_data(parser)
    add_common(parser)


def run(options: argparse.Namespace) -> int:
    """Switch one stick; errors are raised."""
    by_port = options.id is None and options.config is None and bool(options.port or options.serial)
    usb_id = None if by_port else initial_id(options)
    folders = data_folders(options)
    settings = settings_for(options)
    progress = ProgressLine(options)

    def act(port: str | None) -> SwitchResult:
        return switch(
            usb_id.vendor if usb_id else None,
            usb_id.product if usb_id else None,
            port=port,
            config=options.config,
            timeout=options.timeout,
            wait=not options.no_wait,
            dry_run=options.dry_run,
            mode=options.mode,
            mbim=False if options.no_mbim else None,
            settings=settings,
            data=folders,
            observer=progress.observe if progress.wanted else None,
        )

    try:
        with terminating():
            result = on_port(options, act)
    finally:
        progress.clear()
    if options.json:
        from ..results import result_data

        data = result_data(result)
        if options.dry_run:
            from ...planning.description import plan_data

            data["plan"] = plan_data(result.plan) or []
            data["fallback"] = plan_data(_fallback(result))
        print_json(data)
        return 0
    if not options.quiet:
        from ..results import result_line

        verdict(result_line(result), result)
        if options.dry_run and result.plan is not None:
            from ...planning.description import plan_lines

            show("\n".join(plan_lines(result.plan, _fallback(result))))
        warn(result.warnings)
    return 0


def _fallback(result: SwitchResult) -> Plan | None:
    """What a dry run would do where the way of its plan is barred."""
    from ...planning.plan import other_way

    if result.entry is None or result.before is None:
        return None
    other = other_way(result.entry.device_file, result.before)
    return other and other[1]
