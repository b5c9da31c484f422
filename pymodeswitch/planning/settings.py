"""The administrator's settings: /etc/pymodeswitch.conf (TOML), and what usb_modeswitch.conf has beside it.

docs/configuration.md describes each key. pymodeswitch.conf wins, key by key. A mistake in it is an error
with its line; usb_modeswitch.conf is read as usb_modeswitch reads it: what it ignores is ignored here.
"""

from __future__ import annotations

import os

from ..device_files.files import read_bytes
from ..device_files.keys import KEYS
from ..nouns.errors import MAX_SHOWN, DeviceFileError, SettingsError, SwitchingOffError, UsageError, shown
from ..nouns.log import Logger
from ..nouns.model import UsbId
from ..nouns.record import Record

__all__ = ["Settings", "read_settings"]  # public, as names of pymodeswitch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

logger = Logger(__name__)

PATH = "/etc/pymodeswitch.conf"
# The first one that there is counts, as for usb_modeswitch.
REFERENCE_PATHS = (
    "/etc/usb_modeswitch.conf",
    "/etc/sysconfig/usb_modeswitch",
    "/etc/default/usb_modeswitch",
)

MAX_SETTINGS_BYTES = 65_536
MOST_WARNINGS = 20  # of one file: each start reads it, and tells the log
MAX_DOTS = 32  # in a key of the TOML file, where one does: reading takes the square of them

NOTHING: Mapping[Any, Any] = type(type.__dict__)({})  # a MappingProxyType, without loading `types`


class Settings(Record):
    """What the administrator wants; the defaults are those of a system without any file.

    modes: name of the way of switching, by initial ID. mbim: whether MBIM is preferred where the system has
    the driver. path: the pymodeswitch.conf that they were read from; empty without one. switching: whether
    sticks are switched by themselves (by udev, a service, scan, watch); one that is named is switched all
    the same. huawei_alt_mode: HuaweiNewMode becomes HuaweiAltMode. storage_delay_s: what usb-storage's
    delay_use is raised to, 1 to 60 s; None leaves it. avoid_reset_quirk: whether the kernel is told to
    leave a switched stick alone after a reset. switches_per_minute: the most for one port, 1 to 60.
    verbose: whether the reason for each decision is logged. where: the file that a key was set in, by key.
    """

    modes: Mapping[UsbId, str] = NOTHING
    mbim: bool = True
    path: str = ""
    switching: bool = True
    huawei_alt_mode: bool = False
    storage_delay_s: int | None = None
    avoid_reset_quirk: bool = True
    switches_per_minute: int = 5
    verbose: bool = False
    where: Mapping[str, str] = NOTHING

    def source(self, key: str) -> str:
        """Who set a key, for a message: a path, or `the settings` that a program gave."""
        return self.where.get(key) or self.path or "the settings"

    def require_switching(self) -> None:
        """SwitchingOffError unless sticks may be switched by themselves.

        For whatever starts without a person naming the stick: udev, a service, scan, watch.
        """
        if not self.switching:
            raise SwitchingOffError(
                f"switching by itself is turned off by {self.source('switching')} "
                "(a stick that is named by its ID is switched all the same)"
            )


SETTING_KEYS = tuple(key for key in Settings.__annotations__ if key not in ("path", "where"))
RANGES = {"storage_delay_s": (1, 60), "switches_per_minute": (1, 60)}

# The keys of usb_modeswitch.conf; two of them say the opposite of ours.
REFERENCE_SWITCHES = {
    "DisableSwitching": ("switching", False),
    "DisableMBIMGlobal": ("mbim", False),
    "EnableLogging": ("verbose", True),
    "HuaweiAltModeGlobal": ("huawei_alt_mode", True),
}
REFERENCE_DELAY = "SetStorageDelay"
DEVICE_FILE_KEYS = frozenset(key.name for key in KEYS)
TRUE = ("1", "yes", "true")  # anywhere in the word, as there: `10` is a yes, too


def read_settings(path: str | None = None, reference_paths: tuple[str, ...] | None = None) -> Settings:
    """The settings in both files, the defaults where there is none. SettingsError, with file and line.

    path: instead of /etc/pymodeswitch.conf. reference_paths: instead of usb_modeswitch's places.
    """
    path = PATH if path is None else path
    places = REFERENCE_PATHS if reference_paths is None else reference_paths
    values: dict[str, Any] = {}
    where: dict[str, str] = {}
    for place in places:
        data = _read(place)
        if data is not None:
            values = _reference_values(data, place)
            where = dict.fromkeys(values, place)
            break
    data = _read(path)
    if data is not None:
        own = _own_values(data, path)
        values |= own
        where |= dict.fromkeys(own, path)
        values["path"] = path
    return Settings(**values, where=where) if values else Settings()


def _read(path: str) -> bytes | None:
    try:
        data = read_bytes(path, MAX_SETTINGS_BYTES)
    except DeviceFileError as error:
        missing = isinstance(error.__cause__, FileNotFoundError | NotADirectoryError)
        if missing or os.path.realpath(path) == os.devnull:
            return None
        raise SettingsError(str(error)) from error
    if len(data) > MAX_SETTINGS_BYTES:
        raise SettingsError(f"{path}: larger than {MAX_SETTINGS_BYTES} bytes: not a settings file")
    return data


# usb_modeswitch.conf


def _reference_values(data: bytes, path: str) -> dict[str, Any]:
    """Ours for the lines `Key=Value` of usb_modeswitch.conf, with `#` comments and quotes as in a shell."""
    values: dict[str, Any] = {}
    ignored: list[str] = []
    of_device_files = 0
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        key, equals, value = line.partition("=")
        key, value = key.strip(), value.partition("#")[0].strip().strip("\"'")
        if not equals or key.startswith("#"):
            continue
        if key in REFERENCE_SWITCHES:
            name, when_true = REFERENCE_SWITCHES[key]
            is_true = any(word in value.lower() for word in TRUE)
            values[name] = when_true if is_true else not when_true
        elif key == REFERENCE_DELAY:
            lowest, highest = RANGES["storage_delay_s"]
            if value.isascii() and value.isdigit() and len(value) < 9 and lowest <= int(value) <= highest:
                values["storage_delay_s"] = int(value)
            elif value != "0":
                ignored.append(f"{path}:{number}: {key} has to be {lowest} to {highest} seconds: ignored")
        elif key in DEVICE_FILE_KEYS:
            of_device_files = of_device_files or number
        else:
            ignored.append(f"{path}:{number}: unknown key {shown(key)}: ignored")
    for text in ignored[:MOST_WARNINGS]:
        logger.warning("%s", text)
    if len(ignored) > MOST_WARNINGS:
        logger.warning("%s: %d more lines are ignored", path, len(ignored) - MOST_WARNINGS)
    if of_device_files:
        # Many guides have their readers write one there, for `usb_modeswitch -c`.
        text = "%s:%d: keys of a device file: they don't count here, but in /etc/pymodeswitch.d/VVVV-PPPP"
        logger.warning(text, path, of_device_files)
    return values


# pymodeswitch.conf


A_TABLE = 'modes has to be a table of lines such as "12d1:1f01" = "modem"'


class _WrongValue(Exception):
    """A mistake at a key, named by its tables from the outside in."""

    def __init__(self, message: str, *key: str) -> None:
        super().__init__(message)
        self.key = key


def _own_values(data: bytes, path: str) -> dict[str, Any]:
    import tomllib  # 8 ms that only those pay who have the file

    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SettingsError(f"{path}:{line}: byte 0x{data[error.start]:02x} is not UTF-8") from error
    for begin, statement in _statements(text):
        if _dots(statement) > MAX_DOTS:
            raise SettingsError(f"{path}:{begin}: more than {MAX_DOTS} dots: no key of ours")
    try:
        return _checked(tomllib.loads(text))
    except (ValueError, RecursionError) as error:  # beside TOML's errors: a number of 5,000 digits
        raise SettingsError(_syntax_error(path, text, str(error))) from error
    except _WrongValue as error:
        raise SettingsError(f"{path}:{_line_of(error.key, text)}: {error}") from error


def _checked(table: dict[str, Any]) -> dict[str, Any]:
    for key, value in table.items():
        if key not in SETTING_KEYS:
            raise _WrongValue(_unknown(key), key)
        if key == "modes":
            table["modes"] = _modes(value)
        elif key in RANGES:
            lowest, highest = RANGES[key]
            if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
                raise _WrongValue(f"{key} has to be a whole number, {lowest} to {highest}", key)
        elif not isinstance(value, bool):
            raise _WrongValue(f"{key} has to be true or false", key)
    return table


def _modes(table: Any) -> dict[UsbId, str]:
    if not isinstance(table, dict):
        raise _WrongValue(A_TABLE, "modes")
    modes: dict[UsbId, str] = {}
    for text, name in table.items():
        if not isinstance(name, str) or not name:
            raise _WrongValue(A_TABLE, "modes", text)
        try:
            usb_id = UsbId.parse(text)
        except UsageError as error:
            raise _WrongValue(f"modes: {error}", "modes", text) from error
        if usb_id in modes:
            raise _WrongValue(f"modes: {usb_id} is there already", "modes", text)
        modes[usb_id] = name
    return modes


def _unknown(key: str) -> str:
    import difflib

    close = difflib.get_close_matches(key[:MAX_SHOWN], SETTING_KEYS, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(SETTING_KEYS)}"
    return f"unknown key {shown(key)}: {hint}"


def _syntax_error(path: str, text: str, message: str) -> str:
    """tomllib's message with its place in front, as in all our messages."""
    what, at, place = message.rpartition(" (at ")
    if not at:
        return f"{path}: {message}"
    words = place.rstrip(")").replace(",", "").split()
    if words[:1] == ["line"]:
        return f"{path}:{words[1]}:{words[3]}: {what}"
    last = text.rstrip().count("\n") + 1
    return f"{path}:{last}: {what} (at the end of the file)"


def _line_of(key: tuple[str, ...], text: str) -> int:
    """The line where a key of a TOML text that can be read is set; tomllib does not tell it."""
    import tomllib

    table: tuple[str, ...] = ()
    for begin, statement in _statements(text):
        parsed: Any = tomllib.loads(statement)
        if statement.lstrip().startswith("["):
            table = _head(parsed)
            found = table[: len(key)] == key
        else:
            found = key[: len(table)] == table and _has(parsed, key[len(table) :])
        if found:
            return begin
    return 0


# Of TOML what tells where a statement ends: strings, comments, brackets, line ends. Strings in three quotes
# may hold line ends; a string that is not closed ends with its line.
TOKEN = (
    r'"""(?:[^"\\]|\\.|"(?!""))*(?:"""|$)|'
    r"'''(?:[^']|'(?!''))*(?:'''|$)|"
    r'"(?:[^"\\\n]|\\[^\n])*"?|'
    r"'[^'\n]*'?|#[^\n]*|[\[\]{}.\n]"
)


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """The statements of a TOML text with their lines; each is TOML by itself: a head, an assignment."""
    import re

    begin = depth = 0
    line = first = 1
    for found in re.finditer(TOKEN, text, re.DOTALL):
        token = found.group()
        line += token.count("\n")
        depth += (token in ("[", "{")) - (token in ("]", "}"))
        if token == "\n" and depth <= 0:
            yield first, text[begin : found.end()]
            begin, first, depth = found.end(), line, 0
    if text[begin:].strip():
        yield first, text[begin:]


def _dots(statement: str) -> int:
    """Dots outside of strings and comments."""
    import re

    return sum(found.group() == "." for found in re.finditer(TOKEN, statement, re.DOTALL))


def _head(parsed: Any) -> tuple[str, ...]:
    """The name in `[a.b]`, which reads {"a": {"b": {}}}."""
    names = []
    while isinstance(parsed, dict) and parsed:
        (name,) = parsed
        names.append(name)
        parsed = parsed[name]
    return tuple(names)


def _has(parsed: Any, key: tuple[str, ...]) -> bool:
    for name in key:
        if not isinstance(parsed, dict) or name not in parsed:
            return False
        parsed = parsed[name]
    return bool(key)
