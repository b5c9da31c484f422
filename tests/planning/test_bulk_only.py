"""CBW, CSW and SCSI commands against the bytes that are on the wire."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymodeswitch.nouns.steps import CBW_LENGTH, CSW_LENGTH
from pymodeswitch.planning import bulk_only, messages
from pymodeswitch.planning.bulk_only import build_cbw, build_csw, describe_message, parse_cbw, parse_csw
from pymodeswitch.virtual.storage import parse_cbw as parse_by_hand
from tests.support import profile  # noqa: F401  # hypothesis without deadlines

# As recorded from the reference.
RECORDED = {
    "STANDARD_EJECT": (
        "5553424387654321000000000000061e000000000000000000000000000000",
        "5553424397654321000000000000061b000000020000000000000000000000",
        "5553424387654321000000000001061e000000000000000000000000000000",
        "5553424397654321000000000001061b000000020000000000000000000000",
    ),
    "HUAWEI_NEW_MODE": ("55534243123456780000000000000011062000000101000100000000000000",),
    "HUAWEI_ALT_MODE": ("55534243123456780000000000000011063000000000010000000000000000",),
    "OPTION_MODE": ("55534243123456780000000000000601000000000000000000000000000000",),
    "CISCO_MODE": (
        "55534243f83bcd810002000080000afd000000030000000100000000000000",
        "55534243984300820002000080000afd000000070000000100000000000000",
        "55534243984300820000000000000afd000100071000000000000000000000",
        "55534243984300820002000080000afd000200230000000100000000000000",
        "55534243984300820000000000000afd000300238200000000000000000000",
        "55534243984300820002000080000afd000200260000000100000000000000",
        "55534243984300820000000000000afd00030026c800000000000000000000",
        "55534243d84c04820002000080000afd000010730000000100000000000000",
        "55534243d84c04820002000080000afd000200240000000100000000000000",
        "55534243d84c04820000000000000afd000300241300000000000000000000",
        "55534243d84c04820000000000000afd000110732400000000000000000000",
    ),
}


@pytest.mark.parametrize("method", RECORDED)
def test_messages_are_byte_for_byte_what_is_on_the_wire(method: str) -> None:
    expected = tuple(bytes.fromhex(message) for message in RECORDED[method])
    assert bulk_only.method_messages()[method] == expected
    assert getattr(messages, method) == expected


def test_messages_module_is_what_the_command_writes() -> None:
    written = subprocess.run(
        [sys.executable, "-m", "pymodeswitch.planning.bulk_only"], capture_output=True, check=True
    ).stdout
    assert written == Path(messages.__file__).read_bytes()


@given(
    command=st.binary(min_size=1, max_size=16),
    tag=st.integers(0, 0xFFFFFFFF),
    data_length=st.integers(0, 0xFFFFFFFF),
    device_to_host=st.booleans(),
    lun=st.integers(0, 15),
)
def test_cbw_round_trip(command: bytes, tag: int, data_length: int, device_to_host: bool, lun: int) -> None:
    raw = build_cbw(command, tag=tag, data_length=data_length, device_to_host=device_to_host, lun=lun)
    assert len(raw) == CBW_LENGTH
    fields = parse_cbw(raw)
    assert fields is not None
    assert (fields.dCBWTag, fields.dCBWDataTransferLength, fields.bCBWLUN) == (tag, data_length, lun)
    assert fields.CBWCB[: fields.bCBWCBLength] == command
    by_hand = parse_by_hand(raw)  # packed by struct, not by these tables
    assert by_hand is not None
    assert (by_hand.tag, by_hand.data_length, by_hand.lun) == (tag, data_length, lun)
    assert by_hand.flags == (0x80 if device_to_host else 0)
    assert by_hand.cdb == command.ljust(16, b"\0")


@given(tag=st.integers(0, 0xFFFFFFFF), residue=st.integers(0, 0xFFFFFFFF), status=st.integers(0, 2))
def test_csw_round_trip(tag: int, residue: int, status: int) -> None:
    raw = build_csw(tag, residue=residue, status=status)
    assert len(raw) == CSW_LENGTH
    fields = parse_csw(raw)
    assert fields is not None
    assert (fields.dCSWTag, fields.dCSWDataResidue, fields.bCSWStatus) == (tag, residue, status)


@pytest.mark.parametrize(
    "arguments",
    [
        {"command": b"", "tag": 0},
        {"command": bytes(17), "tag": 0},
        {"command": b"\0", "tag": -1},
        {"command": b"\0", "tag": 1 << 32},
        {"command": b"\0", "tag": 0, "lun": 16},
        {"command": b"\0", "tag": 0, "command_length": 32},
    ],
)
def test_impossible_cbw(arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="no such CBW"):
        build_cbw(**arguments)  # type: ignore[arg-type]


def test_impossible_csw() -> None:
    with pytest.raises(ValueError, match="no such CSW"):
        build_csw(-1)


@pytest.mark.parametrize("answer", [b"", b"USBS", bytes(13), build_csw(1) + b"\0"])
def test_not_a_csw(answer: bytes) -> None:
    assert parse_csw(answer) is None


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (RECORDED["STANDARD_EJECT"][0], "PREVENT ALLOW MEDIUM REMOVAL (allow), LUN 0, tag 0x21436587"),
        (RECORDED["STANDARD_EJECT"][3], "START STOP UNIT (eject), LUN 1, tag 0x21436597"),
        (RECORDED["HUAWEI_NEW_MODE"][0], "vendor command 0x11 06 20 00 00 01 01 00 01, LUN 0"),
        (RECORDED["CISCO_MODE"][0], "512 bytes from the device"),
        (build_cbw(b"\x12\0\0\0\x24\0", tag=1).hex(), "INQUIRY (36 bytes)"),
        (build_cbw(b"\x1b\0\0\0\x01\0", tag=1).hex(), "START STOP UNIT (start)"),
        (build_cbw(b"\x1b\0\0\0\x00\0", tag=1).hex(), "START STOP UNIT (stop)"),
        (build_cbw(b"\x1b\0\0\0\x03\0", tag=1).hex(), "START STOP UNIT (load)"),
        (build_cbw(b"\x1b\0\0\0\x20\0", tag=1).hex(), "START STOP UNIT (power condition 2)"),
        (build_cbw(b"\x1e\0\0\0\x01\0", tag=1).hex(), "(prevent)"),
        (
            build_cbw(b"\x2a\0", tag=1, data_length=512).hex(),
            "WRITE(10), LUN 0, tag 0x00000001, 512 bytes to",
        ),
        ("0f00010142", "5 bytes, not a CBW"),
    ],
)
def test_messages_in_words(message: str, words: str) -> None:
    assert words in describe_message(bytes.fromhex(message))
