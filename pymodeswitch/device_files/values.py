"""The values of device files: one function for each kind of key. They raise BadValue with the place."""

from __future__ import annotations

from ..nouns.errors import shown
from ..nouns.model import UsbId
from .keys import Key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

BLANKS = " \t"
TRUE, FALSE = "1yYtT", "0nNfF"
MAX_IDS = 256  # in a list; the longest known one has a dozen
MAX_MESSAGE = 4096  # bytes; a CBW has 31, the longest known message 512


class BadValue(Exception):
    """A value that cannot be read; offset and width mark the place within the value."""

    def __init__(self, message: str, offset: int = 0, width: int | None = None) -> None:
        super().__init__(message)
        self.offset = offset
        self.width = width


def convert(key: Key, value: str) -> tuple[Any, int]:
    """The value of a key and how many characters of the text it took; BadValue when there is none."""
    if not value.strip(BLANKS):
        raise BadValue("no value", 0, 1)
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
            raise BadValue(f"{shown(word)} is neither 1 nor 0", 0, end)
        # The first character decides. What follows is reported unless it makes a word.
        known = word.lower() in ("yes", "true", "no", "false")
        return word[0] in TRUE, end if known else value.index(word) + 1
    if key.kind == "int":
        if not (word.isascii() and word.isdigit()):
            raise BadValue(f"{shown(word)} is not a decimal number", 0, end)
        number = int(word.lstrip("0")[:9] or 0)
    else:
        number = _hex(word, 0)
    if number > key.maximum:
        raise BadValue(f"{shown(word)} is more than {key.maximum_text}", 0, end)
    return (bool(number) if key.kind == "flag" else number), end


def _hex(word: str, offset: int) -> int:
    digits = word[2:] if word[:2] in ("0x", "0X") else word
    _check_hex(digits, offset + len(word) - len(digits), word)
    return int(digits, 16)


def _check_hex(digits: str, offset: int, word: str) -> None:
    for index, character in enumerate(digits):
        if character not in "0123456789abcdefABCDEF":
            raise BadValue(f"{character!r} is not a hex digit{_looks_like(character)}", offset + index, 1)
    if not digits:
        raise BadValue(f"{shown(word)} is not a hex number", offset, 1)


# Letters of other alphabets that look like a hex digit, and what is mistaken for a digit.
LOOK_ALIKE = dict(zip("аАвВсСеЕбОоΑΒΕΟο", "aAbBcCeEb00ABE00", strict=True)) | {
    **dict(zip("Oo", "00", strict=True)),
    **dict(zip("lI", "11", strict=True)),
}


def _looks_like(character: str) -> str:
    """What a wrong character is and looks like, where that cannot be seen; empty where it can."""
    if character.isascii():
        return f", but looks like {LOOK_ALIKE[character]}" if character in LOOK_ALIKE else ""
    import unicodedata  # for a message only

    plain = LOOK_ALIKE.get(character) or unicodedata.normalize("NFKC", character)
    alike = f", which looks like {plain}" if plain != character and plain.isascii() else ""
    return f": U+{ord(character):04X}{alike}"


def _pieces(value: str) -> list[tuple[str, int]]:
    """The parts between commas, stripped, each with its offset."""
    result, offset = [], 0
    for piece in value.split(","):
        lead = len(piece) - len(piece.lstrip(BLANKS))
        result.append((piece.strip(BLANKS), offset + lead))
        offset += len(piece) + 1
    if len(result) > MAX_IDS:
        raise BadValue(f"more than {MAX_IDS} IDs")
    return result


def _product(word: str, offset: int) -> int:
    number = _hex(word, offset)
    if len(word.lower().removeprefix("0x")) > 4:
        raise BadValue(f"{shown(word)} has more than four hex digits", offset, len(word))
    return number


def _list(value: str) -> tuple[int, ...]:
    return tuple(_product(word, offset) for word, offset in _pieces(value))


def _ids(value: str) -> tuple[UsbId, ...]:
    result = []
    for word, offset in _pieces(value):
        vendor, colon, product = word.partition(":")
        if not colon:
            raise BadValue(f"{shown(word)} is not VENDOR:PRODUCT", offset, max(1, len(word)))
        result.append(UsbId(_product(vendor, offset), _product(product, offset + len(vendor) + 1)))
    return tuple(result)


def _message(value: str) -> bytes:
    digits = value.strip(BLANKS)
    offset = value.index(digits)
    if digits[:2] in ("0x", "0X"):  # some authors write it; the bytes are what counts
        digits, offset = digits[2:], offset + 2
    _check_hex(digits, offset, value)
    if len(digits) % 2:
        raise BadValue(f"odd number of hex digits ({len(digits)}): a byte has two", offset, len(digits))
    if len(digits) > 2 * MAX_MESSAGE:
        raise BadValue(f"more than {MAX_MESSAGE} bytes", offset, len(digits))
    return bytes.fromhex(digits)
