"""`watch`: for systems without udev (OpenWrt, containers): switches what is there and what comes."""

from __future__ import annotations

import argparse
import gc
import signal
import sys

from ...catalog.catalog import default_catalog
from ...host.linux import default_host
from ...host.malloc import share_one_heap
from ...nouns.model import Status
from ...switching.fleet import Fleet, Outcome, put_off_storage_scan, switcher
from ...switching.switch import check_timeout
from ..arguments import add_common, add_data, data_folders, seconds, settings_for
from ..console import flush, note, print_json_line, tell_warnings
from .scan import observer, outcome_data, tell_outcome


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("--timeout", type=seconds, metavar="S", help="seconds for each verdict")
    add_data(parser)
    add_common(parser)


def run(options: argparse.Namespace) -> int:
    """Until SIGTERM or Ctrl-C, which is its usual end; a line for each stick."""
    gc.enable()  # which a start leaves off; this one may run for months
    check_timeout(options.timeout)
    settings = settings_for(options)
    tell_warnings(options)
    settings.require_switching()
    folders = data_folders(options)
    share_one_heap()
    host = default_host()

    def tell(outcome: Outcome) -> None:
        if options.json:
            print_json_line(outcome_data(outcome))
        elif options.verbose or outcome.result is None or outcome.result.status is not Status.ALREADY:
            tell_outcome(outcome, quiet=options.quiet, verbose=options.verbose)
        flush()

    switch_one = switcher(observer(options), timeout=options.timeout, settings=settings)
    fleet = Fleet(host, default_catalog(folders), switch_one, tell)
    known = (signal.SIGTERM, signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGTERM))
    # What is ignored since the start, as by nohup, stays ignored.
    signals = [number for number in known if signal.getsignal(number) != signal.SIG_IGN]
    before = [signal.signal(number, lambda *_: fleet.stop()) for number in signals]
    try:
        put_off_storage_scan(host, settings)
        if not options.quiet and sys.stderr.isatty():
            note("watching; Ctrl-C ends it")
        fleet.run(forever=True)
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
        host.close()
    return 0
