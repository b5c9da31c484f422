"""Command and status wrappers of bulk-only transport, and the SCSI commands in use, as construct tables.

Field names and layouts: USB Mass Storage Class Bulk-Only Transport 1.0, tables 5.1 (CBW, 31 bytes) and
5.2 (CSW, 13 bytes), little-endian; commands: SPC-4 and MMC-5, big-endian. This is the only file with
construct; importing it costs more than all else together, so the way of `switch()` does not: the fixed
messages stand ready in `messages.py`, which `python -m pymodeswitch.planning.bulk_only` writes from here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from construct import (
    BitsInteger,
    BitStruct,
    Bytes,
    Computed,
    Const,
    ConstructError,
    Flag,
    Int8ub,
    Int8ul,
    Int32ul,
    Padding,
    Struct,
    Terminated,
)

from ..nouns.steps import CBW_SIGNATURE, CSW_SIGNATURE, INQUIRY_LENGTH

__all__ = ["build_cbw", "build_csw", "describe_command", "describe_message", "parse_cbw", "parse_csw"]

# construct's types are generic in what they parse and build; here every field is a number or bytes.
CBW: Any = Struct(
    "dCBWSignature" / Const(CBW_SIGNATURE),
    "dCBWTag" / Int32ul,
    "dCBWDataTransferLength" / Int32ul,
    "bmCBWFlags" / Int8ul,
    "bCBWLUN" / Int8ul,
    "bCBWCBLength" / Int8ul,
    "CBWCB" / Bytes(16),
    Terminated,
)

CSW: Any = Struct(
    "dCSWSignature" / Const(CSW_SIGNATURE),
    "dCSWTag" / Int32ul,
    "dCSWDataResidue" / Int32ul,
    "bCSWStatus" / Int8ul,
    Terminated,
)

PREVENT_ALLOW: Any = Struct(
    "opcode" / Const(b"\x1e"), Padding(3), "flags" / BitStruct(Padding(7), "prevent" / Flag), Padding(1)
)

START_STOP: Any = Struct(
    "opcode" / Const(b"\x1b"),
    "immediate" / BitStruct(Padding(7), "immed" / Flag),
    Padding(2),
    "flags"
    / BitStruct("power_condition" / BitsInteger(4), Padding(2), "load_eject" / Flag, "start" / Flag),
    Padding(1),
)

INQUIRY: Any = Struct(
    "opcode" / Const(b"\x12"),
    "evpd" / Int8ub,
    "page" / Int8ub,
    "allocation_length_msb" / Int8ub,
    "allocation_length_lsb" / Int8ub,
    "allocation_length" / Computed(lambda c: c.allocation_length_msb << 8 | c.allocation_length_lsb),
    Padding(1),
)

# Operation codes that occur in device files, by their names in SPC-4, SBC-3 and MMC-5. Codes from 0xc0 on
# are the vendor's, and 0x06, 0x10, 0x11, 0x16 ... are used by vendors with meanings of their own.
OPCODES = {
    0x00: "TEST UNIT READY",
    0x01: "REZERO UNIT",
    0x03: "REQUEST SENSE",
    0x12: "INQUIRY",
    0x15: "MODE SELECT(6)",
    0x16: "RESERVE(6)",
    0x1A: "MODE SENSE(6)",
    0x1B: "START STOP UNIT",
    0x1E: "PREVENT ALLOW MEDIUM REMOVAL",
    0x23: "READ FORMAT CAPACITIES",
    0x25: "READ CAPACITY(10)",
    0x28: "READ(10)",
    0x2A: "WRITE(10)",
    0x43: "READ TOC/PMA/ATIP",
    0x46: "GET CONFIGURATION",
    0x4A: "GET EVENT STATUS NOTIFICATION",
    0x51: "READ DISC INFORMATION",
    0x5A: "MODE SENSE(10)",
    0xA0: "REPORT LUNS",
}


def build_cbw(
    command: bytes,
    *,
    tag: int,
    data_length: int = 0,
    device_to_host: bool = False,
    lun: int = 0,
    command_length: int | None = None,
) -> bytes:
    """A CBW of 31 bytes.

    command: the CDB, 1 to 16 bytes, padded with zeros to 16. tag: dCBWTag, 32 bits. data_length: bytes of
    the data phase, 32 bits. lun: 0 to 15. command_length: bCBWCBLength where it is to differ from
    len(command), 0 to 31. Raises ValueError for anything outside these ranges. Source: Bulk-Only
    Transport 1.0, section 5.1.
    """
    length = len(command) if command_length is None else command_length
    if not 1 <= len(command) <= 16 or not 0 <= length <= 0x1F or not 0 <= lun <= 0x0F:
        raise ValueError(f"no such CBW: {len(command)} command bytes, length {length}, LUN {lun}")
    fields = {
        "dCBWTag": tag,
        "dCBWDataTransferLength": data_length,
        "bmCBWFlags": 0x80 if device_to_host else 0x00,
        "bCBWLUN": lun,
        "bCBWCBLength": length,
        "CBWCB": command.ljust(16, b"\0"),
    }
    try:
        return bytes(CBW.build(fields))
    except ConstructError as error:
        raise ValueError(f"no such CBW: {error}") from error


def parse_cbw(message: bytes) -> Any | None:
    """The fields of a CBW (31 bytes with its signature), None when the message is none."""
    try:
        return CBW.parse(message)
    except ConstructError:
        return None


def build_csw(tag: int, *, residue: int = 0, status: int = 0) -> bytes:
    """A CSW of 13 bytes (section 5.2); ValueError when a field is out of range."""
    try:
        fields = {"dCSWTag": tag, "dCSWDataResidue": residue, "bCSWStatus": status}
        return bytes(CSW.build(fields))
    except ConstructError as error:
        raise ValueError(f"no such CSW: {error}") from error


def parse_csw(answer: bytes) -> Any | None:
    """The fields of a CSW (13 bytes with its signature), None when the answer is none."""
    try:
        return CSW.parse(answer)
    except ConstructError:
        return None


def describe_message(message: bytes) -> str:
    """A message in words: `START STOP UNIT (eject), LUN 0` for a CBW, its length for anything else."""
    cbw = parse_cbw(message)
    if cbw is None:
        return f"{len(message)} bytes, not a CBW"
    words = [describe_command(cbw.CBWCB), f"LUN {cbw.bCBWLUN}", f"tag 0x{cbw.dCBWTag:08x}"]
    if cbw.dCBWDataTransferLength:
        way = "from the device" if cbw.bmCBWFlags & 0x80 else "to the device"
        words.append(f"{cbw.dCBWDataTransferLength} bytes {way}")
    return ", ".join(words)


def describe_command(command: bytes) -> str:
    """A CDB of 16 bytes in words."""
    for table, describe in DETAILS:
        try:
            fields = table.parse(command)
        except ConstructError:
            continue
        return f"{OPCODES[command[0]]} ({describe(fields)})"
    name = OPCODES.get(command[0])
    rest = command.rstrip(b"\0")[1:]
    if name is None:
        return f"vendor command 0x{command[0]:02x}" + (f" {rest.hex(' ')}" if rest else "")
    return name


def _describe_prevent_allow(fields: Any) -> str:
    return "prevent" if fields.flags.prevent else "allow"


def _describe_inquiry(fields: Any) -> str:
    return f"{fields.allocation_length} bytes"


def _describe_start_stop(fields: Any) -> str:
    flags = fields.flags
    if flags.power_condition:
        return f"power condition {flags.power_condition}"
    if flags.load_eject:
        return "load" if flags.start else "eject"
    return "start" if flags.start else "stop"


# Commands whose fields say more than their name does.
DETAILS: tuple[tuple[Any, Callable[[Any], str]], ...] = (
    (PREVENT_ALLOW, _describe_prevent_allow),
    (START_STOP, _describe_start_stop),
    (INQUIRY, _describe_inquiry),
)

# The messages that the methods send, built from the tables. Tags and command bytes are the reference's,
# measured on the wire; Huawei's carry bCBWCBLength 0, which its firmware expects.

HUAWEI_OPTION_TAG = 0x78563412


def _standard_eject() -> tuple[bytes, ...]:
    allow = PREVENT_ALLOW.build({"flags": {"prevent": False}})
    flags = {"power_condition": 0, "load_eject": True, "start": False}
    eject = START_STOP.build({"immediate": {"immed": False}, "flags": flags})
    return tuple(
        build_cbw(command, tag=tag, lun=lun)
        for lun in (0, 1)
        for command, tag in ((allow, 0x21436587), (eject, 0x21436597))
    )


def _inquiry() -> bytes:
    length = {"allocation_length_msb": 0, "allocation_length_lsb": INQUIRY_LENGTH}
    command = INQUIRY.build({"evpd": 0, "page": 0, **length})
    return build_cbw(command, tag=1, data_length=INQUIRY_LENGTH, device_to_host=True)


def _huawei(command: str) -> bytes:
    return build_cbw(bytes.fromhex(command), tag=HUAWEI_OPTION_TAG, command_length=0)


def _cisco() -> tuple[bytes, ...]:
    first, second, third = 0x81CD3BF8, 0x82004398, 0x82044CD8
    commands = (
        (first, 512, "fd 00 00 00 03 00 00 00 01"),
        (second, 512, "fd 00 00 00 07 00 00 00 01"),
        (second, 0, "fd 00 01 00 07 10"),
        (second, 512, "fd 00 02 00 23 00 00 00 01"),
        (second, 0, "fd 00 03 00 23 82"),
        (second, 512, "fd 00 02 00 26 00 00 00 01"),
        (second, 0, "fd 00 03 00 26 c8"),
        (third, 512, "fd 00 00 10 73 00 00 00 01"),
        (third, 512, "fd 00 02 00 24 00 00 00 01"),
        (third, 0, "fd 00 03 00 24 13"),
        (third, 0, "fd 00 01 10 73 24"),
    )
    return tuple(
        build_cbw(
            bytes.fromhex(command).ljust(10, b"\0"),
            tag=tag,
            data_length=length,
            device_to_host=length > 0,
        )
        for tag, length, command in commands
    )


def method_messages() -> dict[str, tuple[bytes, ...]]:
    """The fixed messages of each storage method in the order they are sent, and INQUIRY, by name."""
    return {
        "STANDARD_EJECT": _standard_eject(),
        "HUAWEI_NEW_MODE": (_huawei("11 06 20 00 00 01 01 00 01"),),
        "HUAWEI_ALT_MODE": (_huawei("11 06 30 00 00 00 00 01"),),
        "OPTION_MODE": (build_cbw(b"\x01", tag=HUAWEI_OPTION_TAG, command_length=6),),
        "CISCO_MODE": _cisco(),
        "INQUIRY": (_inquiry(),),
    }


def messages_module() -> str:
    """Text of `messages.py`."""
    lines = [
        '"""The fixed messages of the storage methods, as bytes.',
        "",
        "Written by `python -m pymodeswitch.planning.bulk_only` from its construct tables, so that the way",
        "of `switch()` need not import construct; a test compares.",
        '"""',
    ]
    for name, messages in method_messages().items():
        values = [f'bytes.fromhex("{message.hex()}")' for message in messages]
        if len(values) == 1:
            lines += ["", f"{name} = ({values[0]},)"]
        else:
            lines += ["", f"{name} = (", *(f"    {value}," for value in values), ")"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(messages_module(), end="")
