"""The text of a device file: parse it, write it, say what is wrong with it.

    file     = { line }
    line     = comment | key "=" value
    comment  = a line without "=", or whose first ";", "#" or "!" stands before the "="
    value    = { any } | '"' { any } '"'        from the first to the last quote

Blanks and tabs around key and value do not count, keys are case-sensitive, the first occurrence of a
key wins, line ends may be CR LF.

    mode     = "#mode " name, then its lines as "#" key "=" value

Before the first key it names the way of switching that the file describes; further down it opens
another way, whose lines are comments for other programs.

But for the modes this is the format of usb_modeswitch 2.6; see docs/device-files.md for each key. A mistake
that the reference ignores in silence (an unknown key, a second occurrence, text after the value) is an
error when `strict`, and a warning otherwise; a value that cannot be read, or methods that exclude each
other, are errors always.
"""

from __future__ import annotations

from ..nouns.errors import MAX_SHOWN, DeviceFileError, shown
from ..nouns.model import MASS_STORAGE_CLASS, DeviceFile, Diagnostic, Severity
from ..nouns.record import replace
from ..nouns.steps import CBW_LENGTH, CBW_SIGNATURE
from .keys import COMBINED_WITH_MESSAGE, HINTS, KEYS, SPECIAL_METHODS, Key
from .values import BLANKS, TRUE, BadValue, convert

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Far above any device file. Anybody may have written it: within these bounds it is read in a moment.
MAX_DEVICE_FILE_BYTES = 65_536
MAX_MODES = 16
MAX_FINDINGS = 200
MAX_GUESSES = 10  # "did you mean": each takes a comparison with all keys

# Opens a mode: the lines below it are the other way of switching. A comment for usb_modeswitch.
MODE_MARK = "#mode "


def parse(
    data: bytes | str, path: str = "<string>", *, strict: bool = False
) -> tuple[DeviceFile, tuple[Diagnostic, ...]]:
    """Parse a device file; returns it with warnings. DeviceFileError when there is an error in it."""
    device_file, diagnostics = diagnose(data, path, strict=strict)
    errors = [d for d in diagnostics if d.severity is Severity.ERROR]
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise DeviceFileError(_without_severity(errors[0]) + more, diagnostics=diagnostics)
    return device_file, diagnostics


def diagnose(
    data: bytes | str, path: str = "<string>", *, strict: bool = False
) -> tuple[DeviceFile, tuple[Diagnostic, ...]]:
    """Parse a device file as far as it goes; returns it with all findings and never raises."""
    reader = _Reader(path, strict)
    reader.read(data)
    first, *others = [DeviceFile(**section.values) for section in reader.sections]
    return replace(first, modes=tuple(others)), tuple(reader.diagnostics)


def write(device_file: DeviceFile) -> str:
    """The text of a device file: comments, then keys in the order of docs/device-files.md."""
    lines = [f"# {comment}".rstrip() for comment in device_file.comments]
    if device_file.mode:
        lines.append(f"{MODE_MARK}{device_file.mode}")
    lines += _assignments(device_file)
    for other in device_file.modes:
        lines.append(f"{MODE_MARK}{other.mode}")
        lines += [f"#{line}" for line in _assignments(other)]
    return "\n".join(lines) + "\n"


def _assignments(device_file: DeviceFile) -> list[str]:
    values = [(key, getattr(device_file, key.attribute)) for key in KEYS]
    return [
        f"{key.name}={_format(key, value)}"
        for key, value in values
        if value is not None and value is not False and value != ()
    ]


def _format(key: Key, value: Any) -> str:
    match key.kind:
        case "hex":
            return f"0x{value:0{key.digits}x}"
        case "number":  # the hex numbers that people write short
            return f"{value:x}"
        case "list":
            return '"' + ",".join(f"{product:04x}" for product in value) + '"'
        case "ids":
            return '"' + ",".join(str(usb_id) for usb_id in value) + '"'
        case "message":
            return f'"{value.hex()}"'
        case "bool" | "flag":
            return "1"
    return str(value)


def _without_severity(diagnostic: Diagnostic) -> str:
    return str(diagnostic).replace(": error: ", ": ", 1)


class _Section:
    """The keys of one mode: values by attribute, lines by name, places by attribute."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.seen: dict[str, int] = {}
        self.places: dict[str, tuple[int, int, int]] = {}


class _Reader:
    """One pass over a file, gathering values and diagnostics. The first section is the file's own."""

    def __init__(self, path: str, strict: bool) -> None:
        self.path = path
        self.mistake = Severity.ERROR if strict else Severity.WARNING
        self.diagnostics: list[Diagnostic] = []
        self.lines: list[str] = []
        self.sections = [_Section()]
        self._guesses = 0
        self._has_key_line: bool | None = None

    def read(self, data: bytes | str) -> None:
        """Fill `sections` and `diagnostics`."""
        text = data if isinstance(data, str) else self._decode(data)
        if text is None:
            return
        # Only LF and CR LF end a line: str.splitlines() would also split at form feeds and the like.
        self.lines = [line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n")]
        comments: list[str] = []
        first = self.sections[0]
        for number, line in enumerate(self.lines, 1):
            if len(self.diagnostics) >= MAX_FINDINGS:
                self._whole(f"more than {MAX_FINDINGS} findings: not a device file; the rest is not read")
                break
            equals = line.find("=")
            mark = min((i for i in map(line.find, ";#!") if i >= 0), default=len(line))
            if line.startswith(MODE_MARK):
                self._open_mode(number, line)
            elif 0 <= equals < mark:
                if len(self.sections) > 1:
                    message = "stands in another mode without '#': it belongs to the file's own"
                    self._add(self.mistake, message, number, 0, len(line))
                self._assignment(first, number, line, 0)
            elif len(self.sections) > 1 and mark == 0 and equals > 0:
                self._assignment(self.sections[-1], number, line, 1)
            else:
                if line.lstrip(BLANKS).startswith("#") and not first.seen:
                    comments.append(line.lstrip(BLANKS)[1:].strip(BLANKS))
                self._check_comment(number, line)
            if "\r" in line:
                column = line.index("\r")
                self._add(self.mistake, "a line end of CR alone: save with LF or CR LF", number, column)
        first.values["comments"] = tuple(comment for comment in comments if comment)
        for section in self.sections:
            self._check_combinations(section)

    def _open_mode(self, number: int, line: str) -> None:
        rest = line[len(MODE_MARK) :]
        name = rest.strip(BLANKS)
        place = (number, len(line) - len(rest.lstrip(BLANKS)), max(1, len(name)))
        if not name or not name.isascii() or not name.replace("-", "").isalnum():
            self._add(self.mistake, f"{shown(name)} is no name of a mode: this is a comment", *place)
            return
        if name in (section.values.get("mode") for section in self.sections):
            self._add(Severity.ERROR, f"mode {name} again", *place)
        if len(self.sections) == MAX_MODES:
            self._add(Severity.ERROR, f"more than {MAX_MODES} modes: this is a comment", *place)
            return
        if self.sections[0].seen or len(self.sections) > 1 or "mode" in self.sections[0].values:
            self.sections.append(_Section())
        self.sections[-1].values["mode"] = name

    def _decode(self, data: bytes) -> str | None:
        if len(data) > MAX_DEVICE_FILE_BYTES:
            self._whole(f"larger than {MAX_DEVICE_FILE_BYTES} bytes: not a device file")
            return None
        if b"\0" in data:
            utf16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")
            self._whole(
                "looks like UTF-16: save it as UTF-8" if utf16 else "has NUL bytes: not a text file"
            )
            return None
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            before = data[: error.start]
            line = before.count(b"\n") + 1
            self.lines = data.decode("latin-1").split("\n")
            self._add(
                self.mistake,
                f"byte 0x{data[error.start]:02x} is not UTF-8: save the file as UTF-8",
                line,
                error.start - (before.rfind(b"\n") + 1),
            )
            return data.decode("latin-1")

    def _check_comment(self, number: int, line: str) -> None:
        """What is a comment by the rules and a slip by its look: a key without `=`, `# mode`."""
        words = line.replace(":", " ").split()
        if words and words[0] in _KEYS_BY_NAME:
            column = line.find(words[0])
            message = f"{words[0]} without '=' is a comment"
            self._add(self.mistake, message, number, column, len(words[0]))
        elif words[:2] == ["#", "mode"] and len(words) == 3 and self._has_key_lines():
            self._add(self.mistake, "a mode begins with '#mode', without a blank", number, 0, len(line))

    def _has_key_lines(self) -> bool:
        """Whether any line looks like one of a mode; looked for once."""
        if self._has_key_line is None:
            self._has_key_line = any(map(self._is_key_line, self.lines))
        return self._has_key_line

    @staticmethod
    def _is_key_line(line: str) -> bool:
        return line[:1] == "#" and line[1:].partition("=")[0].strip(BLANKS) in _KEYS_BY_NAME

    def _assignment(self, section: _Section, number: int, line: str, begin: int) -> None:
        """`Key=Value` from column `begin` on."""
        equals = line.index("=")
        head = line[begin:equals]
        name = head.strip(BLANKS)
        column = begin + len(head) - len(head.lstrip(BLANKS))
        key = _KEYS_BY_NAME.get(name)
        if name == OPENWRT_MBIM.name and key is None:
            self._openwrt_mbim(section, number, line, column)
            return
        if name in SETTINGS_KEYS:
            message = f"{name} is a setting of usb_modeswitch.conf: without effect here"
            self._add(Severity.WARNING, message, number, column, len(name))
            return
        if key is None:
            self._guesses += 1
            message = _unknown(name, guess=self._guesses <= MAX_GUESSES)
            self._add(self.mistake, message, number, column, max(1, len(name)))
            return
        if name in section.seen:
            first = section.seen[name]
            self._add(self.mistake, f"{name} again: line {first} wins", number, column, len(name))
            return
        section.seen[name] = number
        section.places[key.attribute] = (number, column, len(name))
        value, start = _unquote(line, equals + 1)
        behind = line[start + len(value) :].strip(BLANKS + '"')
        if behind:
            column = line.rindex(behind)
            self._add(
                self.mistake, f"{name}: text behind the quote is ignored", number, column, len(behind)
            )
        if value.startswith('"'):
            self._add(Severity.ERROR, f"{name}: the quote is not closed", number, start, len(value))
            return
        try:
            section.values[key.attribute], rest = convert(key, value)
        except BadValue as bad:
            width = len(value) - bad.offset if bad.width is None else bad.width
            severity = self.mistake if key.attribute in HINTS else Severity.ERROR
            self._add(severity, f"{name}: {bad}", number, start + bad.offset, max(1, width))
            return
        if rest < len(value):
            self._add(
                self.mistake,
                f"{name}: text after the value is ignored",
                number,
                start + rest,
                len(value) - rest,
            )

    def _openwrt_mbim(self, section: _Section, number: int, line: str, column: int) -> None:
        """OpenWrt's `MBIM=1`: only the configuration with MBIM is selected, as with Configuration=0."""
        value, _ = _unquote(line, line.index("=") + 1)
        if value[:1] in TRUE and "configuration" not in section.values:
            section.values["configuration"] = 0
            section.places["configuration"] = (number, column, len(OPENWRT_MBIM.name))
        message = "MBIM is OpenWrt's key: taken for Configuration=0"
        self._add(Severity.WARNING, message, number, column, len(OPENWRT_MBIM.name))

    def _check_combinations(self, section: _Section) -> None:
        values = section.values

        def at(key: Key, severity: Severity, message: str) -> None:
            self._add(severity, message, *section.places[key.attribute])

        special = [key for key in SPECIAL_METHODS if values.get(key.attribute)]
        for second in special[1:]:
            names = f"{second.name} and {special[0].name}"
            at(second, Severity.ERROR, f"{names}: only one special method is possible")
        for key in COMBINED_WITH_MESSAGE:
            if special and values.get(key.attribute):
                at(key, Severity.WARNING, f"{key.name} is ignored beside {special[0].name}")
            elif key.name[-1] in "23" and values.get(key.attribute):
                if values.get("standard_eject"):
                    at(key, Severity.WARNING, f"{key.name} is ignored beside StandardEject")
                elif not values.get("message_content"):
                    at(key, Severity.WARNING, f"{key.name} is ignored without MessageContent")
        for key in COMBINED_WITH_MESSAGE:
            wrong = values.get(key.attribute)
            if isinstance(wrong, bytes) and wrong[:4] == CBW_SIGNATURE and len(wrong) != CBW_LENGTH:
                text = f"{key.name} begins as a CBW, and has {len(wrong)} bytes: a CBW has {CBW_LENGTH}"
                at(key, Severity.WARNING, text)
        if values.get("target_class") == MASS_STORAGE_CLASS:
            message = "TargetClass=0x08 is the class that the stick has before: it would be left alone"
            at(_KEYS_BY_NAME["TargetClass"], self.mistake, message)
        products = ("target_product", "target_product_list", "target_id_list")
        if values.get("target_vendor") is not None and not any(
            values.get(attribute) not in (None, ()) for attribute in products
        ):
            message = "TargetVendor is ignored without TargetProduct or TargetProductList"
            at(_KEYS_BY_NAME["TargetVendor"], Severity.WARNING, message)
        if values.get("target_product_list") and values.get("target_product") is not None:
            key = _KEYS_BY_NAME["TargetProduct"]
            at(key, Severity.WARNING, "TargetProduct is ignored beside TargetProductList")

    def _whole(self, message: str) -> None:
        self.diagnostics.append(Diagnostic(Severity.ERROR, message, self.path))

    def _add(self, severity: Severity, message: str, line: int, column: int, width: int = 1) -> None:
        text = self.lines[line - 1]
        self.diagnostics.append(Diagnostic(severity, message, self.path, line, column + 1, width, text))


# Many guides have one file for both.
SETTINGS_KEYS = (
    *("DisableSwitching", "EnableLogging", "DisableMBIMGlobal", "SetStorageDelay", "HuaweiAltModeGlobal"),
)
OPENWRT_MBIM = Key("MBIM", "mbim", "bool")
_KEYS_BY_NAME = {key.name: key for key in KEYS}


def _unknown(name: str, *, guess: bool) -> str:
    if not name:
        return "no key before '='"
    hint = ""
    if guess and len(name) <= MAX_SHOWN:
        import difflib

        close = difflib.get_close_matches(name, _KEYS_BY_NAME, n=1)
        hint = f": did you mean {close[0]}?" if close else ""
    return f"unknown key {shown(name)}{hint}"


def _unquote(line: str, start: int) -> tuple[str, int]:
    """The value that begins at `start`, and the column (from 0) of its first character."""
    value = line[start:]
    first, last = value.find('"'), value.rfind('"')
    if first >= 0 and last > first:
        inner = value[first + 1 : last]
        return inner, start + first + 1
    stripped = value.lstrip(BLANKS)
    return stripped.rstrip(BLANKS), start + len(value) - len(stripped)
