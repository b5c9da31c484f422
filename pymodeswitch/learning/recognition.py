"""From what was sent to the keys of a device file: known methods by their names, the rest as messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..nouns.model import DeviceFile
from ..nouns.steps import Control, InterruptOut
from ..planning.bulk_only import describe_command
from ..planning.methods import CONTROL_METHODS, STORAGE_METHODS
from .known import essence
from .packets import SETUP_BYTES
from .stays import COMMAND, CONFIGURATION, RAW, REQUEST, Sent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

MAX_MESSAGES = 3  # MessageContent, 2 and 3
ALLOW_REMOVAL = 0x1E
HUAWEI = bytes.fromhex("1106")
# Byte 2 of Huawei's command says which system asks: Windows, Mac OS, Linux.
HUAWEI_SYSTEMS = {0x00: "Windows", 0x10: "Mac OS"}
HUAWEI_LINUX = 0x20
LENGTH = slice(6, 8)  # of a setup packet; how much is asked for does not matter


class Recognised(NamedTuple):
    """What a series of commands is as a device file. exact: a method that has a name, or one message.

    device_file is None where no key can say it. other: a second way to say it, as bytes. note: for the
    reader.
    """

    device_file: DeviceFile | None
    exact: bool
    other: DeviceFile | None = None
    note: str = ""


def recognise(commands: Sequence[Sent], bulk_out: int | None) -> Recognised:
    """The keys for commands that were sent one after the other.

    bulk_out: the first bulk OUT endpoint of the interface; None where the capture does not tell.
    """
    if any(sent.is_cut for sent in commands):
        return Recognised(None, exact=False, note="bytes are missing")
    commands = _essential(commands)
    requests = [sent for sent in commands if sent.kind == REQUEST]
    if requests:
        return _by_requests(commands, requests)
    last = commands[-1]
    if last.kind == CONFIGURATION:
        return Recognised(DeviceFile(configuration=last.message[2]), exact=len(commands) == 1)
    cisco = STORAGE_METHODS["cisco_mode"]
    if [sent.cdb for sent in commands[-len(cisco) :]] == [message[15:] for message in cisco]:
        return Recognised(DeviceFile(cisco_mode=True), exact=True)
    dialogue = [
        step.data for step in CONTROL_METHODS["mobile_action_mode"](1, 0) if isinstance(step, InterruptOut)
    ]
    if last.kind == RAW and last.message == dialogue[-1]:
        return Recognised(DeviceFile(mobile_action_mode=True), exact=True)
    ejects = [sent for sent in commands if sent.is_eject]
    others = _without_repetition([sent for sent in commands if not sent.is_eject])
    if ejects and not others:
        return Recognised(DeviceFile(standard_eject=True), exact=True)
    if ejects and len(others) == 1 and others[0].seconds > ejects[-1].seconds:
        keys = {"standard_eject": True, **_messages(others, bulk_out)}
        return Recognised(DeviceFile(**keys), exact=False)
    if len(commands) == 1 or len(others) == len(_without_repetition(commands)) == 1:
        return _by_message(last, bulk_out)
    different = _without_repetition(commands)
    if len(different) > MAX_MESSAGES:
        note = f"{len(different)} commands one after the other are more than a device file can hold"
        return Recognised(None, exact=False, note=note)
    return Recognised(DeviceFile(**_messages(different, bulk_out)), exact=False)


def _essential(commands: Sequence[Sent]) -> list[Sent]:
    """Without what only asks, where something else is there that acts."""
    acting = [sent for sent in commands if not sent.is_ordinary and not sent.is_reading]
    if acting:
        return acting
    return [sent for sent in commands if sent.cdb[:1] != bytes([ALLOW_REMOVAL])] or list(commands)


def _without_repetition(commands: Sequence[Sent]) -> list[Sent]:
    return list({sent.essence: sent for sent in commands}.values())


def _by_message(sent: Sent, bulk_out: int | None) -> Recognised:
    """One message: a method with a name, or bytes."""
    verbatim = DeviceFile(**_messages([sent], bulk_out))
    cdb = sent.cdb
    named: dict[str, Any]
    for attribute in ("huawei_new_mode", "huawei_alt_mode", "option_mode"):
        known = STORAGE_METHODS[attribute][0]
        if cdb and cdb == known[15:]:
            if attribute == "option_mode" and int.from_bytes(sent.message[8:12], "little"):
                continue
            named = {attribute: True}
            return Recognised(DeviceFile(**named), exact=True)
    new = STORAGE_METHODS["huawei_new_mode"][0][15:]
    if cdb[:2] == HUAWEI and cdb[2] in HUAWEI_SYSTEMS and cdb[3:] == new[3:]:
        note = f"the same command as {HUAWEI_SYSTEMS[cdb[2]]} sends it; Linux's own has 0x20 in it"
        return Recognised(DeviceFile(huawei_new_mode=True), exact=True, other=verbatim, note=note)
    return Recognised(verbatim, exact=True)


def _messages(commands: Sequence[Sent], bulk_out: int | None) -> dict[str, Any]:
    """MessageContent and its like; the endpoint where it is not the one that is taken by itself."""
    keys: dict[str, Any] = {}
    for number, sent in enumerate(commands):
        keys[f"message_content{number + 1 if number else ''}"] = essence(sent.message)
    endpoint = commands[-1].endpoint
    if bulk_out is not None and endpoint not in (bulk_out, 0x7F):
        keys["message_endpoint"] = endpoint
    return keys


def _by_requests(commands: Sequence[Sent], requests: Sequence[Sent]) -> Recognised:
    """The control method whose requests are the last that were sent."""
    sent = [_setup(request.message) for request in requests]
    last = sent[-1]
    if last[:2] == b"\x40\x70" and last[2] > 1 and not any(last[3:6]):
        return Recognised(DeviceFile(pantech_mode=last[2]), exact=True)
    # Longer series first: Blackberry's second request alone is not its method.
    wanted = sorted(_control_methods(), key=lambda method: -len(method[1]))
    for attribute, series in wanted:
        count = len(series)
        if sent[-count:] == series or (attribute == "sony_mode" and last == series[-1]):
            named: dict[str, Any] = {attribute: True}
            return Recognised(DeviceFile(**named), exact=True)
    words = ", ".join(_describe_request(request.message) for request in requests[-MAX_MESSAGES:])
    note = f"no key of a device file sends this control request ({words}): please send us the report"
    return Recognised(None, exact=False, note=note)


def _control_methods() -> list[tuple[str, list[bytes]]]:
    found = []
    for attribute, steps_of in CONTROL_METHODS.items():
        if attribute in ("detach_storage_only", "pantech_mode"):
            continue
        series = [_request(step) for step in steps_of(1, 0) if isinstance(step, Control)]
        # GET MAX LUN is ordinary, so it is not among what was noted.
        found.append((attribute, [request for request in series if request[:2] != b"\xa1\xfe"]))
    return found


def _request(step: Control) -> bytes:
    numbers = step.value.to_bytes(2, "little") + step.index.to_bytes(2, "little")
    return bytes([step.request_type, step.request]) + numbers + step.data


def _setup(message: bytes) -> bytes:
    """A request without its length, with its data."""
    return message[:6] + message[SETUP_BYTES:]


def describe(sent: Sent) -> str:
    """What was sent, in words."""
    if sent.is_cut:
        return f"{sent.kind} that was not recorded whole ({len(sent.message)} bytes of it are there)"
    if sent.kind == COMMAND:
        return f"{describe_cbw(sent.message)}, on endpoint {sent.endpoint:#04x}"
    if sent.kind == CONFIGURATION:
        return f"SET_CONFIGURATION {sent.message[2]}"
    if sent.kind == REQUEST:
        return f"control request {_describe_request(sent.message)}"
    return f"{len(sent.message)} bytes that are no storage command, on endpoint {sent.endpoint:#04x}"


def _describe_request(message: bytes) -> str:
    """The setup packet; of data only how much there is."""
    setup, data = message[:SETUP_BYTES], message[SETUP_BYTES:]
    return setup.hex(" ") + (f" and {len(data)} bytes of data" if data else "")


def describe_cbw(cbw: bytes) -> str:
    """A CBW in words, without its tag: that is of no use to others, and on Windows a pointer."""
    words = [describe_command(cbw[15:31])]
    lun, length = cbw[13] & 0x0F, int.from_bytes(cbw[8:12], "little")
    if lun:
        words.append(f"LUN {lun}")
    if length:
        words.append(f"{length} bytes {'from' if cbw[12] & 0x80 else 'to'} the device")
    return ", ".join(words)
