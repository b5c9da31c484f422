"""The options of usb_modeswitch 2.6.1, and what a command line asks for.

They are taken in their order, as there: a later one wins over an earlier one, and a configuration (-c, -f,
-t) counts where it stands. Letters, names, kinds of value and orders are facts, found by trying.
"""

from __future__ import annotations

import getopt
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from ..device_files.files import read_bytes
from ..device_files.keys import KEYS, SPECIAL_METHODS
from ..device_files.syntax import MAX_DEVICE_FILE_BYTES, parse
from ..device_files.values import BadValue, convert
from ..nouns.errors import DeviceFileError, UsageError
from ..nouns.model import DeviceFile, UsbId

REFERENCE_VERSION = "2.6.1"
MAX_WORDS = 1000  # of a command line; getopt takes the square of them
MAX_LETTERS = 16_384  # behind one dash, of which it takes the square, too; a message has 8,192


class BadOption(UsageError):
    """An option that there is not, or one without its value: the usage is shown, too."""


class Option(NamedTuple):
    """An option. value: what it takes, in the help; empty for none. key: the attribute that it sets."""

    letter: str
    name: str
    value: str
    key: str
    text: str


OPTIONS = (
    Option("h", "help", "", "", "show this text"),
    Option("e", "version", "", "", "show the version"),
    Option(
        "j", "find-mbim", "", "", "print the number of the MBIM configuration: -1 for none, 0: no device"
    ),
    Option("v", "default-vendor", "ID", "default_vendor", "vendor ID before the switch (hex)"),
    Option("p", "default-product", "ID", "default_product", "product ID before the switch (hex)"),
    Option("V", "target-vendor", "ID", "target_vendor", "vendor ID after it"),
    Option("P", "target-product", "ID", "target_product", "product ID after it"),
    Option("C", "target-class", "CLASS", "target_class", "class after it (hex)"),
    Option("b", "bus-num", "N", "", "the device with this bus number (decimal) ..."),
    Option("g", "device-num", "N", "", "... and this device number"),
    Option("m", "message-endpoint", "EP", "message_endpoint", "endpoint for messages (hex)"),
    Option("M", "message-content", "HEX", "message_content", "message to send"),
    Option("2", "message-content2", "HEX", "message_content2", "second message"),
    Option("3", "message-content3", "HEX", "message_content3", "third message"),
    Option("w", "release-delay", "MS", "release_delay_ms", "wait before the interface is released"),
    Option("n", "need-response", "", "", "no effect: answers are always read"),
    Option("r", "response-endpoint", "EP", "response_endpoint", "endpoint for answers (hex)"),
    Option("K", "std-eject", "", "standard_eject", "eject, as for a CD"),
    Option("d", "detach-only", "", "detach_storage_only", "only detach the storage driver"),
    Option("H", "huawei-mode", "", "huawei_mode", "method for old Huawei devices"),
    Option("J", "huawei-new-mode", "", "huawei_new_mode", "method for Huawei devices"),
    Option("X", "huawei-alt-mode", "", "huawei_alt_mode", "the same, to another mode"),
    Option("S", "sierra-mode", "", "sierra_mode", "method for Sierra devices"),
    Option("O", "sony-mode", "", "sony_mode", "method for Sony Ericsson devices"),
    Option("G", "gct-mode", "", "gct_mode", "method for GCT chips"),
    Option("N", "sequans-mode", "", "sequans_mode", "method for Sequans chips"),
    Option("A", "mobileaction-mode", "", "mobile_action_mode", "method for MobileAction cables"),
    Option("T", "kobil-mode", "", "kobil_mode", "method for Kobil devices"),
    Option("L", "cisco-mode", "", "cisco_mode", "method for Cisco devices"),
    Option("B", "qisda-mode", "", "qisda_mode", "method for Qisda devices"),
    Option("E", "quanta-mode", "", "quanta_mode", "method for Quanta devices"),
    Option("F", "pantech-mode", "N", "pantech_mode", "method for Pantech devices, wValue N (decimal)"),
    Option("Z", "blackberry-mode", "", "blackberry_mode", "method for Blackberry devices"),
    Option("U", "option-mode", "", "option_mode", "method for Option devices"),
    Option("R", "reset-usb", "", "reset_usb", "reset the device after all else"),
    Option("Q", "quiet", "", "", "print only ok: and fail: lines, and what is wrong with the options"),
    Option("W", "verbose", "", "", "print the settings and each step"),
    Option("D", "sysmode", "", "", "end with an ok: or fail: line, for scripts"),
    Option("s", "check-success", "S", "check_success_s", "watch the port for so many seconds"),
    Option("I", "inquire", "", "", "no effect"),
    Option("c", "config-file", "FILE", "", "read a device file"),
    Option("t", "stdinput", "", "", "read a device file from standard input"),
    Option("f", "long-config", "TEXT", "", "take TEXT as a device file"),
    Option("i", "interface", "N", "interface", "interface (hex)"),
    Option("u", "configuration", "N", "configuration", "select this configuration (hex)"),
    Option("a", "altsetting", "N", "alt_setting", "select this alternate setting (hex)"),
)
BY_WORD = {f"-{o.letter}": o for o in OPTIONS} | {f"--{o.name}": o for o in OPTIONS}
KEYS_BY_ATTRIBUTE = {key.attribute: key for key in KEYS}
UNSET = "-1"  # what usb_modeswitch starts from for interface, configuration and altsetting


class DropInRequest(NamedTuple):
    """What a command line asks for.

    device_file: IDs, targets and method. bus, number: of the device; they count when `number` is given, as
    in the reference. check_s: how long the port is watched, 0 for not at all. show: "help" or "version",
    and nothing else is done. warnings: what was left out, and why.
    """

    device_file: DeviceFile
    bus: int | None = None
    number: int | None = None
    check_s: int = 0
    quiet: bool = False
    verbose: bool = False
    sysmode: bool = False
    find_mbim: bool = False
    show: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def id(self) -> UsbId:
        """The initial ID. UsageError when it is not given."""
        vendor, product = self.device_file.default_vendor, self.device_file.default_product
        if not vendor or not product:
            raise UsageError(
                "no default vendor and product ID: give -v and -p, or a device file that has both"
            )
        return UsbId(vendor, product)


def read_request(arguments: Sequence[str], read_stdin: Callable[[], bytes] | None = None) -> DropInRequest:
    """The request of a command line. BadOption, UsageError, DeviceFileError."""
    reader = _Reader(_read_stdin if read_stdin is None else read_stdin)
    for option, value in split(arguments):
        reader.take(option, value)
        if reader.other.get("show"):
            break
    return reader.request()


def _read_stdin() -> bytes:
    if sys.stdin is None:
        raise DeviceFileError("<stdin>: cannot be read: it is closed")
    try:
        return sys.stdin.buffer.read(MAX_DEVICE_FILE_BYTES + 1)
    except OSError as error:
        raise DeviceFileError(f"<stdin>: cannot be read: {error.strerror}") from error


def split(arguments: Iterable[str]) -> list[tuple[Option, str]]:
    """The options in their order, each with its value; other words are ignored, as in the reference."""
    letters = "".join(o.letter + (":" if o.value else "") for o in OPTIONS)
    names = [o.name + ("=" if o.value else "") for o in OPTIONS]
    words = list(arguments)
    if len(words) > MAX_WORDS:
        raise BadOption(f"more than {MAX_WORDS} words")
    if any(
        len(word) > MAX_LETTERS and word.startswith("-") and not word.startswith("--") for word in words
    ):
        raise BadOption(f"more than {MAX_LETTERS} letters behind one dash")
    try:
        found, _ = getopt.gnu_getopt(words, letters, names)
    except getopt.GetoptError as error:
        raise BadOption(f"{error.msg}") from error
    return [(BY_WORD[word], value) for word, value in found]


class _Reader:
    """Takes one option after the other."""

    def __init__(self, read_stdin: Callable[[], bytes]) -> None:
        self.values: dict[str, Any] = {}
        self.other: dict[str, Any] = {}
        self.warnings: list[str] = []
        self._read_stdin = read_stdin
        self._config = ""

    def take(self, option: Option, value: str) -> None:
        """An option and its value; the dispatcher gives both in one word, `-u -1`, blank and all."""
        if option.key:
            self._set(option, value)
            return
        match option.name:
            case "help" | "version":
                self.other["show"] = option.name
            case "bus-num" | "device-num":
                place = {"bus-num": "bus", "device-num": "number"}[option.name]
                self.other[place] = self._decimal(option, value)
            case "quiet" | "verbose" | "sysmode" | "find-mbim":
                self.other[option.name.replace("-", "_")] = True
            case "config-file":
                self._read(option, lambda: (read_bytes(value, MAX_DEVICE_FILE_BYTES), value))
            case "stdinput":
                self._read(option, lambda: (self._read_stdin(), "<stdin>"))
            case "long-config":
                self._read(option, lambda: (value, "<text of -f>"))
        # What is left has no effect: need-response and inquire.

    def _set(self, option: Option, text: str) -> None:
        """The value of a key of device files."""
        key = KEYS_BY_ATTRIBUTE[option.key]
        if not option.value:
            self.values[option.key] = True
            return
        text = text.strip()
        if text in ("", UNSET):
            self.values.pop(option.key, None)
            return
        try:
            value, end = convert(key, text)
            if end < len(text):
                raise BadValue(f"{text!r} goes on behind the value")
        except BadValue as bad:
            message = f"-{option.letter} ({option.name}): {bad}"
            if option.key not in ("message_content2", "message_content3"):
                raise UsageError(message) from bad
            self.warnings.append(f"{message}: left out")  # as there
            return
        self.values[option.key] = value

    def _decimal(self, option: Option, text: str) -> int:
        digits = text.strip()
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 3):
            raise UsageError(f"-{option.letter} ({option.name}): {text!r} is not a number of 1 to 3 digits")
        return int(digits)

    def _read(self, option: Option, source: Callable[[], tuple[bytes | str, str]]) -> None:
        """The keys of a device file. Of several configurations only the first one counts."""
        if self._config:
            self.warnings.append(f"-{option.letter} is ignored beside -{self._config}")
            return
        self._config = option.letter
        data, path = source()
        device_file, diagnostics = parse(data, path)
        self.warnings += map(str, diagnostics)
        for key in KEYS:
            value = getattr(device_file, key.attribute)
            if value not in (None, False, ()):
                self.values[key.attribute] = value

    def request(self) -> DropInRequest:
        """What has been taken, checked."""
        values = self.values
        special = [key.name for key in SPECIAL_METHODS if values.get(key.attribute)]
        if len(special) > 1:
            raise DeviceFileError(f"{' and '.join(special)}: only one special method is possible")
        if not values.get("configuration"):
            values.pop("configuration", None)  # 0 is the dispatcher's affair; the tool takes it for none
        values.pop("wait_before_s", None)  # the same
        check_s = values.pop("check_success_s", 0)
        return DropInRequest(
            DeviceFile(**values), check_s=check_s, warnings=tuple(self.warnings), **self.other
        )


def usage() -> str:
    """The text of -h."""
    lines = ["", "Usage: usb_modeswitch [OPTIONS]", ""]
    for option in OPTIONS:
        head = f" -{option.letter}, --{option.name} {option.value}".rstrip()
        lines.append(f"{head:<32}{option.text}")
    return "\n".join(lines) + "\n"


def version() -> str:
    """The text of -e; scripts look for the number behind `Version`."""
    from .. import __version__

    ours = f"usb_modeswitch, by pymodeswitch {__version__}"
    return f"\n * {ours}\n * Version {REFERENCE_VERSION} of the options\n"
