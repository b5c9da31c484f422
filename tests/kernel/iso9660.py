"""A CD-ROM with one file, for what happens to a mounted stick: ECMA-119 (ISO 9660), as little as can be."""

from __future__ import annotations

import struct

SECTOR = 2048
SECTORS = 64  # what the virtual sticks say in READ CAPACITY
ROOT, CONTENT = 18, 40
FILE, TEXT = "autorun.inf", b"[autorun]\n"


def image() -> bytes:
    """All sectors: volume descriptors at 16 and 17, the root folder, the file."""
    disc = bytearray(SECTORS * SECTOR)
    records = _record(b"\0", ROOT, SECTOR, folder=True) + _record(b"\1", ROOT, SECTOR, folder=True)
    records += _record(b"AUTORUN.INF;1", CONTENT, len(TEXT))
    for sector, data in ((16, _volume()), (17, b"\xffCD001\1"), (ROOT, records), (CONTENT, TEXT)):
        disc[sector * SECTOR : sector * SECTOR + len(data)] = data
    return bytes(disc)


def _both(value: int, kind: str) -> bytes:
    """A number in both byte orders (7.2.3, 7.3.3)."""
    return struct.pack(f"<{kind}", value) + struct.pack(f">{kind}", value)


def _record(name: bytes, sector: int, length: int, *, folder: bool = False) -> bytes:
    """A directory record (9.1)."""
    body = b"\0" + _both(sector, "I") + _both(length, "I") + bytes(7) + bytes([2 if folder else 0, 0, 0])
    body += _both(1, "H") + bytes([len(name)]) + name
    body += bytes(len(body) + 1 & 1)
    return bytes([len(body) + 1]) + body


def _volume() -> bytes:
    """The primary volume descriptor (8.4)."""
    volume = bytearray(SECTOR)
    for at, data in (
        (0, b"\1CD001\1"),
        (80, _both(SECTORS, "I")),
        (120, _both(1, "H") + _both(1, "H") + _both(SECTOR, "H")),
        (156, _record(b"\0", ROOT, SECTOR, folder=True)),
        (881, b"\1"),
    ):
        volume[at : at + len(data)] = data
    return bytes(volume)
