"""What every system sends to a storage device, or to any: never taken for a switching command alone.

Sources: USB 2.0, 9.4; Bulk-Only Transport 1.0, 3; SPC-4, SBC-3 and MMC-5 for the commands.
"""

from __future__ import annotations

# Operation codes that storage drivers and what runs above them send.
ORDINARY = frozenset(
    bytes.fromhex(
        "00 03 12 15 55 1a 5a 1b 1e 23 25 28 a8 88 be 2a aa 8a 2f 35 42 43 44 46 4a 4d 51 52 5c 9e"
        "a0 a1 85 a3 a4 ac ad b6 b9 bb bd"
    )
)
# Bytes of a command by the group in its first three bits (SPC-4, 4.3.5.1); vendor groups have none.
GROUP_LENGTHS = {0: 6, 1: 10, 2: 10, 4: 16, 5: 12}
MAX_TRANSFER = 1 << 24  # bytes in one command; drivers stay far below
BLOCK_SIZES = (512, 1024, 2048, 2352, 4096)
READ_10, WRITE_10, READ_CAPACITY, TEST_UNIT_READY = 0x28, 0x2A, 0x25, 0x00
# With these programs look at a device before they do something to it.
PROBES = frozenset(bytes.fromhex("00 03 12 1a 1e 23 25 43 46 4a 51 5a"))

CLASS_REQUESTS = frozenset(
    [
        *((0xA1, 0xFE), (0x21, 0xFF)),  # GET MAX LUN, Bulk-Only Mass Storage Reset
        *((0x21, 0x0A), (0x21, 0x09), (0xA1, 0x01), (0x21, 0x0B), (0xA1, 0x03)),  # HID
        *((0x21, 0x20), (0xA1, 0x21), (0x21, 0x22), (0x21, 0x23), (0x21, 0x00), (0xA1, 0x01)),  # CDC
        *((0x21, number) for number in range(0x40, 0x45)),  # CDC Ethernet
        *((0xA1, number) for number in range(0x80, 0x8B)),  # CDC NCM and MBIM
        *((0x21, number) for number in range(0x80, 0x8B)),
    ]
)
# wIndex of Microsoft's descriptors, which Windows asks every new device for by a vendor request.
MICROSOFT_INDICES = (4, 5, 7)
REMOTE_WAKEUP = bytes.fromhex("0003010000000000")


def is_ordinary(cbw: bytes) -> bool:
    """Whether a CBW holds an ordinary command in its ordinary form."""
    cdb = cbw[15:31]
    opcode, size = cdb[0], cbw[14]
    expected = GROUP_LENGTHS.get(opcode >> 5)
    if opcode not in ORDINARY or expected is None:
        return False
    # Linux pads the shortest commands of INQUIRY and the like to 12 for some devices; Windows pads to 10.
    if size not in (expected, 12, 16) or any(cdb[size:]):
        return False
    length = int.from_bytes(cbw[8:12], "little")
    if length > MAX_TRANSFER:
        return False
    if opcode == 0x1B:
        return cdb[4] & 0x03 != 0x02  # an eject is a candidate whoever sends it
    if opcode in (READ_10, WRITE_10):
        blocks = int.from_bytes(cdb[7:9], "big")
        return length in [blocks * size for size in BLOCK_SIZES]
    if opcode == READ_CAPACITY:
        return length == 8
    return opcode != TEST_UNIT_READY or not (length or any(cdb[1:]))


def is_ordinary_request(setup: bytes) -> bool:
    """Whether a control request is one of USB itself, of a known class, or one that Windows asks all."""
    kind = setup[0] & 0x60
    if kind == 0x00:
        return setup != REMOTE_WAKEUP
    if kind == 0x20:
        return setup[0] & 0x1F != 1 or (setup[0], setup[1]) in CLASS_REQUESTS
    index = int.from_bytes(setup[4:6], "little")
    length = int.from_bytes(setup[6:8], "little")
    return bool(setup[0] & 0x80) and index in MICROSOFT_INDICES and length >= 16
