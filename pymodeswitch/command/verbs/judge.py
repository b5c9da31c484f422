"""`judge`: what comes of the sticks that the sender has dealt with. Started by systemd, or by the sender."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # the C part: `signal` loads enum, and that half a judge
import gc
from functools import partial

from ...catalog.catalog import default_catalog
from ...early import sender
from ...early.lookup import Table
from ...early.table import write_table
from ...host.linux import LinuxHost
from ...host.malloc import share_one_heap
from ...host.sysfs import Sysfs
from ...nouns.errors import ModeSwitchError
from ...nouns.run_folder import RUN_FOLDER
from ...switching.fleet import Outcome, put_off_storage_scan
from ...switching.judge import Judge
from ...switching.newcomers import IDLE_S, Newcomers
from ..arguments import add_common, settings_for
from ..console import complain, flush, print_json_line
from .scan import observer, outcome_data, tell_outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    add_common(parser)


def run(options: argparse.Namespace) -> int:
    """Until no stick is left to wait for; a line for each, in the journal where that reads it."""
    settings = settings_for(options)
    gc.enable()  # which a start leaves off; many sticks leave much
    share_one_heap()
    host, catalog = LinuxHost(), default_catalog()

    def tell(outcome: Outcome) -> None:
        if options.json:
            print_json_line(outcome_data(outcome))
        else:
            tell_outcome(outcome, quiet=options.quiet, verbose=options.verbose)
        flush()

    judge = Judge(
        host,
        catalog,
        settings,
        tell,
        observer=observer(options),
        refresh=refresh_table,
        newcomers=Newcomers(Sysfs(), catalog, RUN_FOLDER, partial(sender.handle, idle_s=IDLE_S)),
    )
    signals = (_signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP)
    before = [_signal.signal(number, lambda *_: judge.stop()) for number in signals]
    try:
        put_off_storage_scan(host, settings)
        judge.run()
    finally:
        for number, handler in zip(signals, before, strict=True):
            _signal.signal(number, handler)
        host.close()
    return 0


def refresh_table() -> None:
    """Make a table for the sender unless the one that there is is of today."""
    try:
        table = Table(sender.TABLE)
        try:
            if table.is_of_today():
                return
        finally:
            table.close()
    except (OSError, ValueError):  # there is none, or it cannot be read
        pass
    try:
        write_table()
    except ModeSwitchError as error:  # without one the sender leaves all to us, which only takes longer
        complain(f"warning: no table for the sender: {error}")
