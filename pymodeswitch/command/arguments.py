"""What the verbs declare alike: common options, and what is made of an ID and of folders."""

from __future__ import annotations

import os

from ..nouns.errors import SeveralDevicesError, UsageError
from ..nouns.model import UsbId
from ..planning.settings import Settings, read_settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from typing import Any, TypeVar

    T = TypeVar("T")


def add_common(parser: argparse.ArgumentParser) -> None:
    """--json, -v, -q: what every verb has."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("-v", "--verbose", action="store_true", help="say what is done, and why")
    parser.add_argument("-q", "--quiet", action="store_true", help="print only errors")


def add_data(parser: argparse.ArgumentParser) -> None:
    """--data: folders looked at before the system's."""
    parser.add_argument(
        "--data", action="append", default=[], metavar="DIR", help="a folder looked at first"
    )


def add_entry(parser: argparse.ArgumentParser) -> None:
    """Which stick, and which way of switching it."""
    parser.add_argument("id", nargs="?", metavar="ID", help="initial ID, such as 19d2:1201")
    add_place(parser)
    parser.add_argument("--mode", help="the way of switching, where there are several (see explain)")
    parser.add_argument("--no-mbim", action="store_true", help="do not prefer MBIM configurations")
    parser.add_argument("--config", metavar="FILE", help="use this device file")


def add_place(parser: argparse.ArgumentParser, port: str = "the stick on this port, such as 1-1.2") -> None:
    """--port and --serial: which of several. port: the help for a port."""
    parser.add_argument("--port", help=port)
    parser.add_argument(
        "--serial", metavar="NUMBER", help="the stick with this serial number (see list -v)"
    )


def on_port(options: argparse.Namespace, act: Callable[[str | None], T]) -> T:
    """Do something with the port that the options say; asks a person at a terminal where several may be meant.

    act: gets the port, None where none is given. UsageError, NotAttachedError, SeveralDevicesError, and what
    `act` raises.
    """
    try:
        if options.serial is not None:
            from .choosing import port_of_serial

            return act(port_of_serial(options))
        return act(options.port)
    except SeveralDevicesError as error:
        from .choosing import asked_port

        chosen = asked_port(error, options)
        if chosen is None:
            raise
    return act(chosen)


def add_actions(parser: argparse.ArgumentParser) -> Any:
    """For a verb with a second word, such as `data import`."""
    return parser.add_subparsers(dest="action", metavar="ACTION", required=True)


def seconds(text: str) -> float:
    """A type for options: a number of seconds."""
    try:
        return float(text)
    except ValueError:
        import argparse

        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds") from None


def initial_id(options: argparse.Namespace) -> UsbId:
    """The UsbId from the arguments: given, or from the device file that --config names."""
    if options.id is not None:
        return UsbId.parse(options.id)
    if options.config is None:
        raise UsageError("which stick? give its ID, such as 19d2:1201, or its port")
    from ..catalog.catalog import entry_from_file

    return entry_from_file(options.config, None).id


def settings_for(options: argparse.Namespace) -> Settings:
    """The administrator's settings; their `verbose` is -v, unless -q is given. SettingsError."""
    settings = read_settings()
    options.verbose = options.verbose or (settings.verbose and not options.quiet)
    return settings


def data_folders(options: argparse.Namespace) -> list[str]:
    """The folders of --data; UsageError for one that is not there."""
    for folder in options.data:
        if not os.path.isdir(folder):
            raise UsageError(f"--data {folder}: no such folder")
    return list(options.data)
