"""OpenWrt's usb-mode.json, which its `usbmode` reads: from device files, and to them.

    {"messages": ["55534243...", ...],
     "devices": {"19d2:1201": {"*": {"t_vendor": 6610, "t_product": [4611], "msg": [0]}},
                 "05c6:1000": {"uMa=AnyDATA": {"mode": "StandardEject", ...}, "*": {...}}}}

Numbers are decimal, `msg` counts into `messages`. Of the entries of one ID usbmode takes the first whose
qualifier fits, `*` fits always. A mode that usbmode does not know is taken for none: the messages are sent.
Members, modes and their meanings: convert-modeswitch.pl, main.c and switch.c of OpenWrt's project/usbmode.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ..device_files.keys import KEYS, SPECIAL_METHODS
from ..device_files.names import MAX_NAME, SCSI_QUALIFIERS, canonical_name, parse_name
from ..device_files.values import MAX_IDS, MAX_MESSAGE
from ..nouns.errors import DeviceFileError, shown
from ..nouns.model import DeviceFile, Entry
from ..planning.methods import STORAGE_METHODS

# usb-mode.json with all public entries has some 100 KB.
MAX_JSON_BYTES = 1 << 20
MAX_ENTRIES = 5000
MAX_ERRORS = 100

ANY = "*"  # the qualifier that fits every device
INTS = {
    "t_vendor": "target_vendor",
    "t_class": "target_class",
    "msg_endpoint": "message_endpoint",
    "wait": "wait_before_s",
    "release_delay": "release_delay_ms",
    "response_endpoint": "response_endpoint",
    "interface": "interface",
    "config": "configuration",
    "alt": "alt_setting",
}
BOOLS = {
    "detach_storage": "detach_storage_only",
    "no_driver": "no_driver_loading",
    "response": "need_response",
    "reset": "reset_usb",
}
# Without a meaning for us: `check` tells that CheckSuccess was given, `inquire` is obsolete.
IGNORED = ("check", "inquire")

MODES = {
    "StandardEject": "standard_eject",
    "Huawei": "huawei_mode",
    "HuaweiNew": "huawei_new_mode",
    "Sierra": "sierra_mode",
    "Sony": "sony_mode",
    "Qisda": "qisda_mode",
    "GCT": "gct_mode",
    "Kobil": "kobil_mode",
    "Sequans": "sequans_mode",
    "MobileAction": "mobile_action_mode",
    "Cisco": "cisco_mode",
}
# Unknown to usbmode (some builds know Option): it sends the message that stands beside them.
AS_MESSAGE = {"HuaweiAlt": "huawei_alt_mode", "Option": "option_mode"}
MBIM = "MBIM"  # what Configuration=0 is for: nothing, unless there is an MBIM configuration
GENERIC = "Generic"
KNOWN_MODES = ", ".join((*MODES, *AS_MESSAGE, MBIM, GENERIC))

KEY_NAMES = {key.attribute: key.name for key in KEYS}
LIMITS = {key.attribute: key.maximum for key in KEYS}


class Loss(NamedTuple):
    """What usb-mode.json has no place for. key: attribute; empty when the whole entry is left out."""

    name: str
    key: str
    text: str

    def __str__(self) -> str:
        return f"{self.name}: {self.text}"


class JsonEntries(NamedTuple):
    """What a usb-mode.json has: names of device files with their contents, and what cannot be read."""

    device_files: tuple[tuple[str, DeviceFile], ...]
    errors: tuple[str, ...]


# From usb-mode.json


def _what_is_wrong(error: json.JSONDecodeError) -> str:
    """Line, column, and the reason; people leave commas before a closing bracket."""
    text = error.doc
    comma = text.rfind(",", 0, error.pos + 1)
    if (
        comma >= 0
        and text[comma + 1 :].lstrip()[:1] in ("]", "}")
        and not text[comma + 1 : error.pos].strip()
    ):
        line, column = text.count("\n", 0, comma) + 1, comma - text.rfind("\n", 0, comma)
        return f"{line}:{column}: a comma with nothing behind it: delete it"
    return f"{error.lineno}:{error.colno}: {error.msg}"


class _Bad(Exception):
    """An entry that cannot be read, and why."""


def read_json(data: bytes, path: str) -> JsonEntries:
    """The entries of a usb-mode.json. DeviceFileError when it is none; a bad entry becomes an error."""
    if len(data) > MAX_JSON_BYTES:
        raise DeviceFileError(f"{path}: larger than {MAX_JSON_BYTES} bytes: not a usb-mode.json")
    try:
        table = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_members)
    except json.JSONDecodeError as error:
        raise DeviceFileError(f"{path}:{_what_is_wrong(error)}") from error
    except (
        ValueError,
        RecursionError,
        _Bad,
    ) as error:  # not UTF-8; nested too deeply; _members
        raise DeviceFileError(f"{path}: {error}") from error
    if not isinstance(table, dict) or table.keys() != {"messages", "devices"}:
        raise DeviceFileError(f"{path}: not a usb-mode.json: it has to have `messages` and `devices`")
    messages, devices = table["messages"], table["devices"]
    if not isinstance(messages, list) or not isinstance(devices, dict):
        raise DeviceFileError(f"{path}: `messages` has to be a list, and `devices` an object")
    device_files: list[tuple[str, DeviceFile]] = []
    errors: list[str] = []
    for usb_id, entries in devices.items():
        if not isinstance(entries, dict):
            errors.append(f"{path}: {usb_id[:MAX_NAME]}: has to be an object")
            if len(errors) >= MAX_ERRORS:
                break
            continue
        for match, members in entries.items():
            if len(device_files) == MAX_ENTRIES or len(errors) >= MAX_ERRORS:
                raise DeviceFileError(
                    f"{path}: more than {MAX_ENTRIES} entries, or {MAX_ERRORS} errors: not a usb-mode.json"
                )
            try:
                device_files.append((_name(usb_id, match), _device_file(members, messages)))
            except _Bad as bad:
                errors.append(f"{path}: {usb_id[:MAX_NAME]}: {match[:MAX_NAME]}: {bad}")
    return JsonEntries(tuple(device_files), tuple(errors))


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON allows a member twice and usbmode takes one of them: nobody knows which."""
    members = dict(pairs)
    if len(members) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise _Bad(f"{shown(twice)} stands twice in one object")
    return members


def _name(usb_id: str, match: str) -> str:
    """`05c6-1000@uMa=AnyDATA`; older converters write a `:` before the qualifier."""
    parsed = parse_name(usb_id if match == ANY else f"{usb_id}:{match.removeprefix(':')}")
    if parsed is None:
        raise _Bad("is no ID with a qualifier, such as uMa=AnyDATA")
    return canonical_name(*parsed)


def _device_file(members: Any, messages: list[Any]) -> DeviceFile:
    if not isinstance(members, dict):
        raise _Bad("has to be an object")
    values: dict[str, Any] = {}
    for name, value in members.items():
        if name in INTS:
            values[INTS[name]] = _int(name, value, LIMITS[INTS[name]])
        elif name in BOOLS:
            if not isinstance(value, bool):
                raise _Bad(f"{name} has to be true or false")
            values[BOOLS[name]] = value
        elif name not in ("t_product", "msg", "mode", *IGNORED):
            raise _Bad(f"unknown member {shown(name)}")
    products = _ints("t_product", members.get("t_product", []), 0xFFFF)
    if len(products) == 1:
        values["target_product"] = products[0]
    elif products:
        values["target_product_list"] = products
    if len(products) > MAX_IDS:
        raise _Bad(f"more than {MAX_IDS} products")
    indexes = _ints("msg", members.get("msg", []), 0xFFFF)
    if len(indexes) > 3:
        raise _Bad("more than three messages")
    contents = [_message(messages, index) for index in indexes]
    values |= _mode(members.get("mode", GENERIC), contents, values)
    keys = ("message_content", "message_content2", "message_content3")
    values |= dict(zip(keys, contents, strict=False))
    return DeviceFile(**values)


def _mode(mode: Any, contents: list[bytes], values: dict[str, Any]) -> dict[str, Any]:
    """What a mode stands for; takes the message out of `contents` that is the mode's own."""
    if mode == GENERIC:
        return {}
    if mode == MBIM:
        if values.get("configuration"):
            raise _Bad("mode MBIM selects a configuration by itself: config contradicts it")
        return {"configuration": 0}
    if not isinstance(mode, str):
        raise _Bad(f"unknown mode {str(mode)[:20]}: there are {KNOWN_MODES}")
    if mode in AS_MESSAGE:
        own = list(STORAGE_METHODS[AS_MESSAGE[mode]])
        if contents not in ([], own):
            raise _Bad(f"mode {mode} with another message than its own: usbmode would send that one")
        contents.clear()
        return {AS_MESSAGE[mode]: True}
    if mode not in MODES:
        raise _Bad(
            f"unknown mode {shown(mode)}: there are {', '.join((*MODES, *AS_MESSAGE, MBIM, GENERIC))}"
        )
    return {MODES[mode]: True}


def _int(name: str, value: Any, maximum: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= maximum:
        raise _Bad(f"{name} has to be a number, 0 to {maximum}")
    return value


def _ints(name: str, value: Any, maximum: int) -> tuple[int, ...]:
    if not isinstance(value, list):
        raise _Bad(f"{name} has to be a list of numbers")
    return tuple(_int(f"each of {name}", item, maximum) for item in value)


def _message(messages: list[Any], index: int) -> bytes:
    text = messages[index] if index < len(messages) else None
    if not isinstance(text, str):
        raise _Bad(f"there is no message {index}")
    try:
        if len(text) > 2 * MAX_MESSAGE:
            raise _Bad(f"message {index} has more than {MAX_MESSAGE} bytes")
        if not text or " " in text:
            raise ValueError("no digits")
        return bytes.fromhex(text)
    except ValueError as error:
        raise _Bad(f"message {index} is not an even number of hex digits") from error


# To usb-mode.json


def write_json(entries: Iterable[Entry]) -> tuple[str, int, tuple[Loss, ...]]:
    """The text of a usb-mode.json, how many entries are in it, and what they lose there."""
    messages: dict[bytes, int] = {}
    devices: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    losses: list[Loss] = []
    count = 0
    for entry in sorted(entries, key=lambda entry: (entry.id, not entry.qualifiers, entry.qualifiers)):
        loss = _left_out(entry)
        if loss is not None:
            losses.append(loss)
            continue
        match = "".join(f"{key}={value}" for key, value in entry.qualifiers) or ANY
        members = _entry_members(entry.device_file, messages)
        devices.setdefault(str(entry.id), []).append((match, members))
        losses += _losses(entry, _device_file(members, [content.hex() for content in messages]))
        count += 1
    return "\n".join(_lines(messages, devices)) + "\n", count, tuple(losses)


def _left_out(entry: Entry) -> Loss | None:
    """The reason to leave a whole entry out; None when there is none."""
    device_file = entry.device_file
    if len(entry.qualifiers) > 1:
        return Loss(entry.name, "", "left out: usbmode knows one qualifier")
    if any(key in SCSI_QUALIFIERS for key, _ in entry.qualifiers):
        return Loss(entry.name, "", "left out: usbmode takes SCSI strings for fitting any device")
    known = (*MODES.values(), *AS_MESSAGE.values(), "detach_storage_only")
    for key in SPECIAL_METHODS:
        if getattr(device_file, key.attribute) and key.attribute not in known:
            return Loss(entry.name, "", f"left out: usbmode has no {key.name}")
    return None


def _losses(entry: Entry, back: DeviceFile) -> Iterator[Loss]:
    """What of an entry has no place: all that is not there in what `read_json` makes of it.

    Comments have no place ever.
    """
    device_file = entry.device_file
    for key, name in KEY_NAMES.items():
        if getattr(device_file, key) != getattr(back, key):
            yield Loss(entry.name, key, f"{name} is lost")
    for way in device_file.modes:
        yield Loss(entry.name, "modes", f"the other way of switching, {way.mode}, is lost")
    if device_file.mode:
        yield Loss(entry.name, "mode", f"the name of its way of switching, {device_file.mode}, is lost")
    for key, _ in entry.qualifiers:
        yield Loss(entry.name, "qualifiers", f"usbmode wants the whole {key} string to be equal")


def _entry_members(device_file: DeviceFile, messages: dict[bytes, int]) -> dict[str, Any]:
    """One entry; its messages are put into `messages`, which counts them."""
    members: dict[str, Any] = {}
    if device_file.target_vendor is not None:
        members["t_vendor"] = device_file.target_vendor
    products = device_file.target_product_list
    if not products and device_file.target_product is not None:
        products = (device_file.target_product,)
    if products:
        members["t_product"] = list(products)
    contents = device_file.messages
    for mode, attribute in {**MODES, **AS_MESSAGE}.items():
        if getattr(device_file, attribute):
            members["mode"] = mode
            contents = STORAGE_METHODS[attribute] if mode in AS_MESSAGE else contents
    if device_file.configuration == 0:
        members["mode"] = MBIM
    for name, attribute in (INTS | BOOLS).items():
        value = getattr(device_file, attribute)
        if value is not None and value is not False and (name, value) != ("config", 0):
            members[name] = value
    members["msg"] = [messages.setdefault(content, len(messages)) for content in contents]
    if device_file.check_success_s is not None:
        members["check"] = True
    return members


def _lines(
    messages: dict[bytes, int], devices: dict[str, list[tuple[str, dict[str, Any]]]]
) -> Iterator[str]:
    """The text, one member a line, as people know and edit it."""
    yield '{\n\t"messages": ['
    yield from _separated([f'\t\t"{content.hex()}"' for content in messages])
    yield '\t],\n\t"devices": {'
    blocks = []
    for usb_id, entries in devices.items():
        inner = []
        for match, members in entries:
            lines = [f"\t\t\t\t{json.dumps(name)}: {json.dumps(value)}" for name, value in members.items()]
            inner.append("\n".join([f"\t\t\t{json.dumps(match)}: {{", *_separated(lines), "\t\t\t}"]))
        blocks.append("\n".join([f"\t\t{json.dumps(usb_id)}: {{", *_separated(inner), "\t\t}"]))
    yield from _separated(blocks)
    yield "\t}\n}"


def _separated(parts: list[str]) -> Iterator[str]:
    for number, part in enumerate(parts, 1):
        yield part if number == len(parts) else f"{part},"
