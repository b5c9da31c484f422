"""The text of a device file: parse it, write it, say what is wrong with it.

    file     = { line }
    line     = comment | key "=" value
    comment  = a line without "=", or whose first ";", "#" or "!" stands before the "="
    value    = { any } | '"' { any } '"'        from the first to the last quote

Blanks and tabs around key and value do not count, keys are case-sensitive, the first occurrence of a
key wins, line ends may be CR LF. This is the format of usb_modeswitch 2.6; see docs/device-files.md for
each key. A mistake that the reference ignores in silence (an unknown key, a second occurrence, text
after the value) is an error when `strict`, and a warning otherwise; a value that cannot be read, or
methods that exclude each other, are errors always.
"""

from __future__ import annotations

from typing import Any

from .errors import DeviceFileError
from .keys import COMBINED_WITH_MESSAGE, KEYS, SPECIAL_METHODS, Key
from .model import DeviceFile, Diagnostic, Severity, UsbId

MAX_BYTES = 65_536  # far above any device file; keeps a wrong path from being read into memory

BLANKS = " \t"
TRUE, FALSE = "1yYtT", "0nNfF"


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
    return DeviceFile(**reader.values), tuple(reader.diagnostics)


def write(device_file: DeviceFile) -> str:
    """The text of a device file: comments, then keys in the order of docs/device-files.md."""
    lines = [f"# {comment}".rstrip() for comment in device_file.comments]
    for key in KEYS:
        value = getattr(device_file, key.attribute)
        if value is None or value is False or value == ():
            continue
        lines.append(f"{key.name}={_format(key, value)}")
    return "\n".join(lines) + "\n"


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


class _BadValue(Exception):
    """A value that cannot be read; offset and width mark the place within the value."""

    def __init__(self, message: str, offset: int = 0, width: int | None = None) -> None:
        super().__init__(message)
        self.offset = offset
        self.width = width


class _Reader:
    """One pass over a file, gathering values and diagnostics."""

    def __init__(self, path: str, strict: bool) -> None:
        self.path = path
        self.mistake = Severity.ERROR if strict else Severity.WARNING
        self.values: dict[str, Any] = {}
        self.diagnostics: list[Diagnostic] = []
        self.lines: list[str] = []
        self.seen: dict[str, int] = {}
        self.places: dict[str, tuple[int, int, int]] = {}

    def read(self, data: bytes | str) -> None:
        """Fill `values` and `diagnostics`."""
        text = data if isinstance(data, str) else self._decode(data)
        if text is None:
            return
        # Only LF and CR LF end a line: str.splitlines() would also split at form feeds and the like.
        self.lines = [line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n")]
        comments: list[str] = []
        for number, line in enumerate(self.lines, 1):
            equals = line.find("=")
            mark = min((i for i in map(line.find, ";#!") if i >= 0), default=len(line))
            if equals < 0 or mark < equals:
                if line.lstrip(BLANKS).startswith("#") and not self.seen:
                    comments.append(line.lstrip(BLANKS)[1:].strip(BLANKS))
                else:
                    self._check_comment(number, line)
                continue
            self._assignment(number, line, equals)
        self.values["comments"] = tuple(comment for comment in comments if comment)
        self._check_combinations()

    def _decode(self, data: bytes) -> str | None:
        if len(data) > MAX_BYTES:
            self._whole(f"larger than {MAX_BYTES} bytes: not a device file")
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
        """A line that names a key but has no `=` is a comment by the rules, and a slip by its look."""
        word = line.strip(BLANKS)
        if any(key.name == word for key in KEYS):
            column = line.find(word)
            self._add(self.mistake, f"{word} without '=' is a comment", number, column, len(word))

    def _assignment(self, number: int, line: str, equals: int) -> None:
        name = line[:equals].strip(BLANKS)
        column = len(line[:equals]) - len(line[:equals].lstrip(BLANKS))
        key = _KEYS_BY_NAME.get(name)
        if key is None:
            self._add(self.mistake, _unknown(name), number, column, max(1, len(name)))
            return
        if name in self.seen:
            first = self.seen[name]
            self._add(self.mistake, f"{name} again: line {first} wins", number, column, len(name))
            return
        self.seen[name] = number
        self.places[key.attribute] = (number, column, len(name))
        value, start = _unquote(line, equals + 1)
        try:
            self.values[key.attribute], rest = _convert(key, value)
        except _BadValue as bad:
            width = len(value) - bad.offset if bad.width is None else bad.width
            self._add(Severity.ERROR, f"{name}: {bad}", number, start + bad.offset, max(1, width))
            return
        if rest < len(value):
            self._add(
                self.mistake,
                f"{name}: text after the value is ignored",
                number,
                start + rest,
                len(value) - rest,
            )

    def _check_combinations(self) -> None:
        values = self.values
        special = [key for key in SPECIAL_METHODS if values.get(key.attribute)]
        for second in special[1:]:
            self._at(
                second,
                Severity.ERROR,
                f"{second.name} and {special[0].name}: only one special method is possible",
            )
        for key in COMBINED_WITH_MESSAGE:
            if special and values.get(key.attribute):
                self._at(key, Severity.WARNING, f"{key.name} is ignored beside {special[0].name}")
        by_attribute = {key.attribute: key for key in KEYS}
        if values.get("standard_eject") and not special:
            for attribute in ("message_content2", "message_content3"):
                if values.get(attribute):
                    key = by_attribute[attribute]
                    self._at(key, Severity.WARNING, f"{key.name} is ignored beside StandardEject")
        if values.get("target_product_list") and values.get("target_product") is not None:
            self._at(
                by_attribute["target_product"],
                Severity.WARNING,
                "TargetProduct is ignored beside TargetProductList",
            )

    def _at(self, key: Key, severity: Severity, message: str) -> None:
        self._add(severity, message, *self.places[key.attribute])

    def _whole(self, message: str) -> None:
        self.diagnostics.append(Diagnostic(Severity.ERROR, message, self.path))

    def _add(self, severity: Severity, message: str, line: int, column: int, width: int = 1) -> None:
        text = self.lines[line - 1]
        self.diagnostics.append(Diagnostic(severity, message, self.path, line, column + 1, width, text))


_KEYS_BY_NAME = {key.name: key for key in KEYS}


def _unknown(name: str) -> str:
    import difflib

    if not name:
        return "no key before '='"
    close = difflib.get_close_matches(name, _KEYS_BY_NAME, n=1)
    hint = f": did you mean {close[0]}?" if close else ""
    return f"unknown key {name!r}{hint}"


def _unquote(line: str, start: int) -> tuple[str, int]:
    """The value that begins at `start`, and the column (from 0) of its first character."""
    value = line[start:]
    first, last = value.find('"'), value.rfind('"')
    if first >= 0 and last > first:
        inner = value[first + 1 : last]
        return inner, start + first + 1
    stripped = value.lstrip(BLANKS)
    return stripped.rstrip(BLANKS), start + len(value) - len(stripped)


def _convert(key: Key, value: str) -> tuple[Any, int]:
    """The value of a key and how many characters of the text it took; _BadValue when there is none."""
    if not value.strip(BLANKS):
        raise _BadValue("no value", 0, 1)
    match key.kind:
        case "list":
            return _list(value), len(value)
        case "ids":
            return _ids(value), len(value)
        case "message":
            return _message(value), len(value)
    # Split at blanks and tabs only: Python takes many more characters for white space.
    word = value.replace("\t", " ").strip(" ").split(" ", 1)[0]
    end = value.index(word) + len(word)
    if key.kind == "bool":
        if word[0] not in TRUE + FALSE:
            raise _BadValue(f"{word!r} is neither 1 nor 0", 0, end)
        return word[0] in TRUE, end
    if key.kind == "int":
        if not (word.isascii() and word.isdigit()):
            raise _BadValue(f"{word!r} is not a decimal number", 0, end)
        number = int(word[:9])
    else:
        number = _hex(word, 0)
    if number > key.maximum:
        raise _BadValue(f"{word!r} is more than {key.maximum_text}", 0, end)
    return (bool(number) if key.kind == "flag" else number), end


def _hex(word: str, offset: int) -> int:
    digits = word[2:] if word[:2] in ("0x", "0X") else word
    _check_hex(digits, offset + len(word) - len(digits), word)
    return int(digits, 16)


def _check_hex(digits: str, offset: int, word: str) -> None:
    for index, character in enumerate(digits):
        if character not in "0123456789abcdefABCDEF":
            raise _BadValue(f"{character!r} is not a hex digit", offset + index, 1)
    if not digits:
        raise _BadValue(f"{word!r} is not a hex number", offset, 1)


def _pieces(value: str) -> list[tuple[str, int]]:
    """The parts between commas, stripped, each with its offset."""
    result, offset = [], 0
    for piece in value.split(","):
        lead = len(piece) - len(piece.lstrip(BLANKS))
        result.append((piece.strip(BLANKS), offset + lead))
        offset += len(piece) + 1
    return result


def _product(word: str, offset: int) -> int:
    number = _hex(word, offset)
    if len(word.lower().removeprefix("0x")) > 4:
        raise _BadValue(f"{word!r} has more than four hex digits", offset, len(word))
    return number


def _list(value: str) -> tuple[int, ...]:
    return tuple(_product(word, offset) for word, offset in _pieces(value))


def _ids(value: str) -> tuple[UsbId, ...]:
    result = []
    for word, offset in _pieces(value):
        vendor, colon, product = word.partition(":")
        if not colon:
            raise _BadValue(f"{word!r} is not VENDOR:PRODUCT", offset, max(1, len(word)))
        result.append(UsbId(_product(vendor, offset), _product(product, offset + len(vendor) + 1)))
    return tuple(result)


def _message(value: str) -> bytes:
    digits = value.strip(BLANKS)
    offset = value.index(digits)
    if digits[:2] in ("0x", "0X"):  # some authors write it; the bytes are what counts
        digits, offset = digits[2:], offset + 2
    _check_hex(digits, offset, value)
    if len(digits) % 2:
        raise _BadValue(f"odd number of hex digits ({len(digits)}): a byte has two", offset, len(digits))
    return bytes.fromhex(digits)
