"""configPack.tar.gz: the archive that usb_modeswitch's data comes in on Debian and elsewhere.

It is read on the way of a switch, where no folder before it has decided. So its common form, files with
short names, is walked here, in an eighth of the time that tarfile takes; whatever else is in it is left to
that.

Anybody may have put it there, so all is bounded: bytes, unpacked bytes, members. Debian's has 18 KB, 532 KB
unpacked, 513 members.
"""

from __future__ import annotations

import os
import zlib

from ..device_files.files import read_bytes
from ..nouns.errors import DeviceFileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_PACKED = 1 << 20  # bytes
MAX_UNPACKED = 4 << 20  # bytes: 4,000 device files
MAX_MEMBERS = 5000
MAX_STREAMS = 16  # files packed one by one and put behind each other, as some packers do
MAX_PACKER_MEMORY = 32 << 20  # bytes, for xz: its files say themselves how much they need

# tar(5): header and content come in blocks. Fields of the header:
BLOCK = 512
FILE_NAME, SIZE, KIND = slice(0, 100), slice(124, 136), slice(156, 157)
REGULAR, NOT_READ = b"0\0", b"123456"  # NOT_READ: links, devices, folders; they have no content
# What packed files begin with.
PACKED = GZ, BZIP2, XZ = b"\x1f\x8b", b"BZh", b"\xfd7zXZ"
GZIP = 31  # for zlib: with the header of gzip, and its CRC at the end


class Archive:
    """The regular files in a tar archive, by their names without folders; of equal names the last one.

    Packed with gzip, or not at all, with bzip2, or with xz where `any_packer`. DeviceFileError when it
    cannot be read, or holds more than the bounds above.
    """

    def __init__(self, path: str, *, any_packer: bool = False) -> None:
        self.data = _unpacked(path, any_packer)
        walked = _walk(self.data, path)
        self.places = _walk_with_tarfile(self.data, path) if walked is None else walked

    def read(self, name: str, limit: int) -> bytes:
        """A file's bytes, `limit` of them at most. KeyError."""
        begin, size = self.places[name]
        return self.data[begin : begin + min(size, limit)]


def _unpacked(path: str, any_packer: bool) -> bytes:
    limit = MAX_UNPACKED if any_packer else MAX_PACKED
    packed = read_bytes(path, limit)
    if len(packed) > limit:
        raise DeviceFileError(f"{path}: cannot be read: larger than {limit >> 20} MiB")
    if any_packer and not packed.startswith(PACKED):
        if len(packed) < BLOCK:
            raise DeviceFileError(f"{path}: not a tar archive: it is too short")
        return packed
    data = b""
    for _ in range(MAX_STREAMS):
        unpacking = _unpacker(packed, any_packer)
        try:
            # One byte more than is allowed, which tells that there is more.
            data += unpacking.decompress(packed, MAX_UNPACKED + 1 - len(data))
        except (zlib.error, OSError, EOFError, ValueError, MemoryError) as error:
            raise DeviceFileError(f"{path}: not a tar.gz: {error}") from error
        except Exception as error:  # LZMAError, whose module is loaded for xz alone
            raise DeviceFileError(f"{path}: not a tar.xz: {error}") from error
        if len(data) > MAX_UNPACKED:
            raise DeviceFileError(
                f"{path}: cannot be read: larger than {MAX_UNPACKED >> 20} MiB once it is unpacked"
            )
        if not unpacking.eof:
            raise DeviceFileError(f"{path}: cannot be read: it is cut off")
        packed = unpacking.unused_data.lstrip(b"\0")
        if not packed.startswith(PACKED):
            break
    return data


def _unpacker(packed: bytes, any_packer: bool) -> Any:
    """What unpacks it: for gzip, unless the first bytes tell of another packer that may be."""
    if any_packer and packed.startswith(BZIP2):
        import bz2

        return bz2.BZ2Decompressor()
    if any_packer and packed.startswith(XZ):
        import lzma

        return lzma.LZMADecompressor(memlimit=MAX_PACKER_MEMORY)
    return zlib.decompressobj(GZIP)


def _walk(data: bytes, path: str) -> dict[str, tuple[int, int]] | None:
    """Offset and size of each file by its name; None when there is anything that this cannot read."""
    places = {}
    members = at = 0
    while at < len(data) and data[at]:  # a block of zeros ends it
        members += 1
        _check_members(members, path)
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

    places = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for members, member in enumerate(archive, 1):
                _check_members(members, path)
                if member.isreg() and not member.issparse():
                    places[os.path.basename(member.name)] = (member.offset_data, member.size)
    except DeviceFileError:
        raise
    except Exception as error:  # of bad headers tarfile raises what comes: OverflowError, RecursionError
        raise DeviceFileError(f"{path}: not a tar.gz: {error}") from error
    return places


def _check_members(members: int, path: str) -> None:
    if members > MAX_MEMBERS:
        raise DeviceFileError(f"{path}: cannot be read: more than {MAX_MEMBERS} files in it")
