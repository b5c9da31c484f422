"""configPack.tar.gz: the archive that usb_modeswitch's data comes in on Debian and elsewhere.

It is read on the way of a switch, where no folder before it has decided. So its common form, files with
short names, is walked here, in an eighth of the time that tarfile takes; whatever else is in it is left to
that.
"""

from __future__ import annotations

import os
import zlib

from ..device_files.files import read_bytes
from ..nouns.errors import DeviceFileError

MAX_PACKED = 16 << 20  # bytes
MAX_UNPACKED = 64 << 20  # bytes: 50,000 device files

# tar(5): header and content come in blocks. Fields of the header:
BLOCK = 512
FILE_NAME, SIZE, KIND = slice(0, 100), slice(124, 136), slice(156, 157)
REGULAR, NOT_READ = b"0\0", b"123456"  # NOT_READ: links, devices, folders; they have no content
GZIP = 31  # for zlib: with the header of gzip, and its CRC at the end


class Archive:
    """The regular files in a tar.gz, by their names without folders; of equal names the last one.

    DeviceFileError when it cannot be read, or holds more than MAX_UNPACKED.
    """

    def __init__(self, path: str) -> None:
        self.data = _unpacked(path)
        walked = _walk(self.data)
        self.places = _walk_with_tarfile(self.data, path) if walked is None else walked

    def read(self, name: str, limit: int) -> bytes:
        """A file's bytes, `limit` of them at most. KeyError."""
        begin, size = self.places[name]
        return self.data[begin : begin + min(size, limit)]


def _unpacked(path: str) -> bytes:
    packed = read_bytes(path, MAX_PACKED)
    unpacking = zlib.decompressobj(GZIP)
    try:
        data = unpacking.decompress(packed, MAX_UNPACKED)
    except zlib.error as error:
        raise DeviceFileError(f"{path}: not a tar.gz: {error}") from error
    if not unpacking.eof:
        large = len(data) == MAX_UNPACKED or len(packed) > MAX_PACKED
        what = f"larger than {MAX_UNPACKED >> 20} MiB" if large else "it is cut off"
        raise DeviceFileError(f"{path}: cannot be read: {what}")
    return data


def _walk(data: bytes) -> dict[str, tuple[int, int]] | None:
    """Offset and size of each file by its name; None when there is anything that this cannot read."""
    places = {}
    at = 0
    while at < len(data) and data[at]:  # a block of zeros ends it
        header = data[at : at + BLOCK]
        begin = at + BLOCK
        try:
            size = int(header[SIZE].strip(b"\0 "), 8)
        except ValueError:
            return None
        if header[KIND] in REGULAR and 0 <= size <= len(data) - begin:
            name = header[FILE_NAME].partition(b"\0")[0].decode("utf-8", "replace")
            places[os.path.basename(name)] = (begin, size)
        elif header[KIND] not in NOT_READ or size:
            return None
        at = begin + -(-size // BLOCK) * BLOCK
    return places


def _walk_with_tarfile(data: bytes, path: str) -> dict[str, tuple[int, int]]:
    """The same for any archive: long names, folders, links (left out)."""
    import io
    import tarfile  # 10 ms that only those pay who have such an archive

    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            files = [member for member in archive if member.isreg() and not member.issparse()]
    except (tarfile.TarError, ValueError, EOFError, OSError) as error:
        raise DeviceFileError(f"{path}: not a tar.gz: {error}") from error
    return {os.path.basename(file.name): (file.offset_data, file.size) for file in files}
