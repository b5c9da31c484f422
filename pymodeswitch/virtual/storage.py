"""A virtual fake CD-ROM: mass storage class, bulk-only transport, and the SCSI commands a driver uses.

Sources: USB Mass Storage Class Bulk-Only Transport 1.0 (CBW, CSW, sections 5 and 6), SPC-4 and MMC-5
for the commands. Bytes are packed by hand here, on purpose: a peer that shared the construct tables of
`bulk_only.py` would not notice an error in them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from .stick import Setup, Stall

CBW_LENGTH = 31
PASSED, FAILED = 0, 1


@dataclass(frozen=True, slots=True)
class Command:
    """A CBW as the stick sees it; `raw` is all that came in that bulk transfer."""

    raw: bytes
    tag: int
    data_length: int
    flags: int
    lun: int
    cdb: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What a command gives back.

    data: IN data. status: bCSWStatus. mute: no data and no CSW ever (a stick that hangs).
    after_status: called once the CSW has been read.
    """

    data: bytes = b""
    status: int = PASSED
    mute: bool = False
    after_status: Callable[[], None] | None = None


# Looks at a command first; None leaves it to the built-in SCSI commands.
CommandHook = Callable[[Command], Reply | None]


@dataclass(slots=True)
class MassStorage:
    """Bulk-only mass storage with one CD-ROM unit.

    luns: number of logical units (1 to 16); units above the first answer as the first does.
    vendor, model, revision: INQUIRY strings of at most 8, 16 and 4 characters.
    hook: sees each command before the built-in ones do.
    raw_hook: sees each OUT transfer that is not a valid CBW; True when it was for it. Otherwise the
    stick stalls both endpoints, as section 6.6.1 wants.
    commands: all commands seen so far, for tests.
    """

    interface: int = 0
    endpoint_out: int = 0x01
    endpoint_in: int = 0x81
    luns: int = 1
    vendor: str = "ZTE"
    model: str = "USB SCSI CD-ROM"
    revision: str = "2.31"
    hook: CommandHook | None = None
    raw_hook: Callable[[bytes], bool] | None = None
    commands: list[Command] = field(default_factory=list)
    _pending: list[bytes] = field(default_factory=list)
    _after_status: Callable[[], None] | None = None
    _expect_out: int = 0
    _out_status: bytes = b""
    _sense: tuple[int, int, int] = (0, 0, 0)
    _attention: bool = True

    def reset(self) -> None:
        """Bulk-Only Mass Storage Reset, or a new configuration: nothing pending."""
        self._pending.clear()
        self._expect_out = 0

    def control(self, setup: Setup, data: bytes) -> bytes | None:
        """GET MAX LUN and Bulk-Only Mass Storage Reset (section 3)."""
        if setup.index != self.interface:
            return None
        if (setup.request_type, setup.request) == (0xA1, 0xFE):
            return bytes([self.luns - 1])
        if (setup.request_type, setup.request) == (0x21, 0xFF):
            self.reset()
            return b""
        return None

    def write(self, endpoint: int, data: bytes) -> bool:
        """A CBW, or the data of the last command."""
        if endpoint != self.endpoint_out:
            return False
        if self._expect_out:
            self._expect_out -= len(data)
            if self._expect_out <= 0:
                self._expect_out = 0
                self._pending.append(self._out_status)
            return True
        command = parse_cbw(data)
        if command is None:
            if self.raw_hook is not None and self.raw_hook(data):
                return True
            raise Stall("not a valid CBW")
        self._pending.clear()
        self.commands.append(command)
        self._answer(command)
        return True

    def read(self, endpoint: int, length: int) -> bytes | None:
        """The data or the CSW that is next."""
        if endpoint != self.endpoint_in or not self._pending:
            return None
        data = self._pending.pop(0)
        if not self._pending and self._after_status is not None:
            self._after_status()
            self._after_status = None
        return data

    def _answer(self, command: Command) -> None:
        reply = self.hook(command) if self.hook is not None else None
        if reply is None:
            reply = self._scsi(command)
        if reply.mute:
            return
        self._after_status = reply.after_status
        data = reply.data[: command.data_length] if command.flags & 0x80 else b""
        residue = command.data_length - len(data)
        csw = struct.pack("<4sIIB", b"USBS", command.tag, residue, reply.status)
        if command.data_length and not command.flags & 0x80:
            self._expect_out, self._out_status = command.data_length, csw
            return
        if command.data_length:
            # A short data phase ends in a zero-length or short packet, then the CSW (section 6.7.2).
            self._pending.append(data)
        self._pending.append(csw)

    def _check_condition(self, key: int, asc: int, ascq: int) -> Reply:
        self._sense = (key, asc, ascq)
        return Reply(status=FAILED)

    def _scsi(self, command: Command) -> Reply:
        """The commands that usb-storage, sr_mod and udev's cdrom_id send."""
        cdb = command.cdb
        match cdb[0]:
            case 0x00:  # TEST UNIT READY: unit attention once, as after power-on
                if self._attention:
                    self._attention = False
                    return self._check_condition(6, 0x28, 0)
                return Reply()
            case 0x03:  # REQUEST SENSE, fixed format
                key, asc, ascq = self._sense
                self._sense = (0, 0, 0)
                return Reply(bytes([0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, asc, ascq, 0, 0, 0, 0]))
            case 0x12 if not cdb[1] & 1:  # INQUIRY
                return Reply(self._inquiry())
            case 0x1B | 0x1E:  # START STOP UNIT, PREVENT ALLOW MEDIUM REMOVAL
                return Reply()
            case 0x25:  # READ CAPACITY(10): 64 blocks of 2,048 bytes
                return Reply(struct.pack(">II", 63, 2048))
            case 0x28:  # READ(10)
                return Reply(bytes(2048 * int.from_bytes(cdb[7:9], "big")))
            case 0x43:  # READ TOC: one data track
                return Reply(bytes.fromhex("0012010100140100000000000014aa0000000040"))
            case 0x46:  # GET CONFIGURATION: profile CD-ROM
                return Reply(bytes.fromhex("0000000c0000000800000000") + bytes([0, 8, 0, 0]))
            case 0x4A:  # GET EVENT STATUS NOTIFICATION: media present, no change
                return Reply(bytes.fromhex("0006041000020000"))
            case 0x5A:  # MODE SENSE(10): CD capabilities page
                return Reply(bytes.fromhex("001a0100000000002a120000000000000000000000000000000000000000"))
        return self._check_condition(5, 0x20, 0)  # ILLEGAL REQUEST, invalid operation code

    def _inquiry(self) -> bytes:
        head = bytes([0x05, 0x80, 0x02, 0x02, 31, 0, 0, 0])
        return head + b"".join(
            text.encode("ascii").ljust(width)[:width]
            for text, width in ((self.vendor, 8), (self.model, 16), (self.revision, 4))
        )


def parse_cbw(raw: bytes) -> Command | None:
    """A valid CBW (section 6.2.1: 31 bytes, signature USBC), else None."""
    if len(raw) != CBW_LENGTH:
        return None
    signature, tag, length, flags, lun, _ = struct.unpack("<4sIIBBB", raw[:15])
    if signature != b"USBC":
        return None
    return Command(raw, tag, length, flags, lun & 0x0F, raw[15:31])
