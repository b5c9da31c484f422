"""Files that hold packets: pcap in all byte orders, pcapng, and gzip around them. Every read has a bound.

Sources: draft-ietf-opsawg-pcap and -pcapng; link types: tcpdump.org/linktypes.html.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

from ..nouns.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

MAX_RECORD = 1 << 20  # bytes; libpcap's own bound is a quarter of it
MAX_CAPTURE_BYTES = 256 << 20  # of a capture, decompressed
MAX_PACKETS = 4_000_000  # twice what 100 MB of the shortest ones are
MAX_INTERFACES = 4_096  # of a section
BUFFER = 1 << 20
HEAD = 1 << 16  # bytes that tell what a file is; a mail has its own head before a quoted capture

GZIP, ZSTD, LZ4 = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18"
PCAPNG = b"\x0a\x0d\x0d\x0a"
PCAP = {  # magic: byte order, parts of a second
    b"\xd4\xc3\xb2\xa1": ("<", 1e-6),
    b"\xa1\xb2\xc3\xd4": (">", 1e-6),
    b"\x4d\x3c\xb2\xa1": ("<", 1e-9),
    b"\xa1\xb2\x3c\x4d": (">", 1e-9),
}
GZIP_STREAM = 31  # zlib's wbits: a gzip header, the largest window
UNZIPPED_CUT = "the compressed file is cut or damaged: what comes before that was read"


class Frame(NamedTuple):
    """A record: link type, byte order of the capturing machine, seconds, bytes, length before cutting."""

    link: int
    order: str
    seconds: float
    data: bytes
    length: int


class Bounded:
    """A binary file of which MAX_CAPTURE_BYTES at most are read. `notes` says what was left out."""

    def __init__(self, file: io.BufferedIOBase) -> None:
        self._read = file.read
        self._left = MAX_CAPTURE_BYTES
        self.notes: list[str] = []

    def read(self, size: int) -> bytes:
        """So many bytes, fewer at the end or at the bound."""
        if size > self._left:
            self.note(f"only the first {MAX_CAPTURE_BYTES >> 20} MiB were read")
            return b""
        self._left -= size
        return self._read(size)

    def note(self, text: str) -> None:
        """Say why it is not complete; what follows from the first reason is not said."""
        if not self.notes:
            self.notes.append(text)


class Unzipped(io.RawIOBase):
    """The content of a gzip file, as far as it can be had; `note` is called where it is cut or damaged."""

    def __init__(self, file: io.BufferedIOBase) -> None:
        self._file = file
        self._unzip = zlib.decompressobj(GZIP_STREAM)
        self._rest = b""
        self.note: Callable[[str], None] = lambda text: None

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Decompress no more than the buffer holds."""
        while True:
            compressed = self._rest or self._file.read(BUFFER)
            if not compressed:
                if not self._unzip.eof:
                    self.note(UNZIPPED_CUT)
                return 0
            if self._unzip.eof:  # several streams may stand one after the other
                self._unzip = zlib.decompressobj(GZIP_STREAM)
            try:
                data = self._unzip.decompress(compressed, len(buffer))
            except zlib.error:
                self.note(UNZIPPED_CUT)
                self._rest, self._unzip = b"", zlib.decompressobj(GZIP_STREAM)
                self._file = io.BytesIO()
                return 0
            self._rest = self._unzip.unconsumed_tail or self._unzip.unused_data
            if data:
                buffer[: len(data)] = data
                return len(data)


def open_capture(path: str) -> tuple[Bounded, bytes, io.BufferedIOBase]:
    """A capture, decompressed; its first bytes, and the file to close. CaptureError."""
    try:
        file = io.BufferedReader(io.FileIO(path), BUFFER)  # closed by the caller
    except OSError as error:
        raise CaptureError(f"{path}: {error.strerror}") from error
    try:
        head = file.peek(HEAD)[:HEAD]
        if head.startswith(GZIP):
            unzipped = Unzipped(file)
            stream = io.BufferedReader(unzipped, BUFFER)
            head = stream.peek(HEAD)[:HEAD]
            bounded = Bounded(stream)
            unzipped.note = bounded.note
            if not head:
                raise CaptureError(f"{path}: a gzip file with nothing in it that can be read")
            return bounded, head, file
    except CaptureError:
        file.close()
        raise
    except OSError as error:  # a folder, a disk that fails
        file.close()
        raise CaptureError(f"{path}: {error.strerror or error}") from error
    return Bounded(file), head, file


def read_pcap(file: Bounded) -> Iterator[Frame]:
    """The records of a pcap file; it ends where the file is cut."""
    header = file.read(24)
    order, unit = PCAP[header[:4]]
    if len(header) < 24:
        return
    link = struct.unpack_from(order + "I", header, 20)[0] & 0xFFFF
    unpack, read = struct.Struct(order + "4I").unpack, file.read
    for _ in range(MAX_PACKETS):
        header = read(16)
        if len(header) < 16:
            if header:
                file.note(CUT)
            return
        seconds, fraction, size, length = unpack(header)
        if size > MAX_RECORD:
            file.note(f"a record says that it has {size} bytes: damaged; what comes before it was read")
            return
        data = read(size)
        if len(data) < size:
            file.note(CUT)
            return
        yield Frame(link, order, seconds + fraction * unit, data, length)
    file.note(f"only the first {MAX_PACKETS} packets were read")


CUT = "the file is cut inside its last record: what comes before it was read"


def read_pcapng(file: Bounded) -> Iterator[Frame]:
    """The packets of all sections and interfaces; of options only the resolution of times is looked at."""
    order = "<"
    interfaces: list[tuple[int, float]] = []
    left = MAX_PACKETS
    while left:
        header = file.read(8)
        if len(header) < 8:
            if header:
                file.note(CUT)
            return
        if header[:4] == PCAPNG:
            magic = file.read(4)
            if magic not in (b"\x4d\x3c\x2b\x1a", b"\x1a\x2b\x3c\x4d"):
                file.note("a section has no byte order: damaged; what comes before it was read")
                return
            order = "<" if magic[0] == 0x4D else ">"
            interfaces = []
            kind, size = 0x0A0D0D0A, struct.unpack_from(order + "I", header, 4)[0] - 4
        else:
            kind, size = struct.unpack(order + "II", header)
        # A block is its type, its length, what it holds, and its length again.
        if size < 12 - 4 * (kind == 0x0A0D0D0A) or size % 4 or size > 2 * MAX_RECORD:
            file.note(f"a block says that it has {size} bytes: damaged; what comes before it was read")
            return
        body = file.read(size - 8)
        if len(body) < size - 8:
            file.note(CUT)
            return
        if kind == 1 and len(body) >= 12 and len(interfaces) < MAX_INTERFACES:
            interfaces.append(_interface(body[:-4], order))
        elif kind in (2, 3, 6):
            frame = _packet(kind, body, order, interfaces)
            if frame is not None:
                left -= 1
                yield frame
    file.note(f"only the first {MAX_PACKETS} packets were read")


def _interface(body: bytes, order: str) -> tuple[int, float]:
    """Link type and seconds of a tick, from an interface description (options from byte 8 on)."""
    link, tick = struct.unpack_from(order + "H", body)[0], 1e-6
    at = 8
    while at + 4 <= len(body):
        code, size = struct.unpack_from(order + "HH", body, at)
        if code == 0:
            break
        if code == 9 and size >= 1 and at + 4 < len(body):  # if_tsresol
            value = body[at + 4]
            tick = 2.0 ** -(value & 0x7F) if value & 0x80 else 10.0**-value
        at += 4 + (size + 3 & ~3)
    return link, tick


def _packet(kind: int, body: bytes, order: str, interfaces: list[tuple[int, float]]) -> Frame | None:
    """A packet block; None for one that is too short, or of an interface that nobody described."""
    if kind == 3:
        if len(body) < 8 or not interfaces:
            return None
        number, high, low, begin = 0, 0, 0, 4
        size = length = struct.unpack_from(order + "I", body)[0]
    else:
        if len(body) < 24:
            return None
        number, high, low, size, length = struct.unpack_from(order + "5I", body)
        if kind == 2:  # the old one: interface and drops are 16 bits each
            number = struct.unpack_from(order + "H", body)[0]
        begin = 20
    if number >= len(interfaces):
        return None
    link, tick = interfaces[number]
    data = body[begin : min(begin + size, len(body) - 4)]
    return Frame(link, order, (high << 32 | low) * tick, data, length)
