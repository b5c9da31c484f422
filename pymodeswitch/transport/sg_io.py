"""SCSI commands through Linux's storage driver: the SG_IO ioctl, interface version 3 (sg_io_hdr).

For nodes of the sg driver (/dev/sg0) and block devices (/dev/sr0). Source: include/scsi/sg.h of Linux.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os

from ..nouns.model import StorageUnit
from .faults import FAULTS, Fault, UsbFault

SG_IO = 0x2285
NO_DATA, FROM_DEVICE = -1, -3  # SG_DXFER_NONE, SG_DXFER_FROM_DEV
SENSE_LENGTH = 32

# host_status by meaning; the others say that the command came to grief in the driver or the stick.
HOST_STATUSES = {
    1: Fault.GONE,  # DID_NO_CONNECT
    3: Fault.TIMEOUT,  # DID_TIME_OUT
    4: Fault.GONE,  # DID_BAD_TARGET
    5: Fault.TIMEOUT,  # DID_ABORT: by the kernel, when the time is over
}
ERRNOS = FAULTS | {
    errno.ENXIO: Fault.GONE,
    errno.EROFS: Fault.ACCESS,
    errno.EINVAL: Fault.NOT_SUPPORTED,
    errno.ENOTTY: Fault.NOT_SUPPORTED,
    errno.EMSGSIZE: Fault.NOT_SUPPORTED,
}


class _Header(ctypes.Structure):
    """struct sg_io_hdr."""

    _fields_ = (
        ("interface_id", ctypes.c_int),
        ("dxfer_direction", ctypes.c_int),
        ("cmd_len", ctypes.c_ubyte),
        ("mx_sb_len", ctypes.c_ubyte),
        ("iovec_count", ctypes.c_ushort),
        ("dxfer_len", ctypes.c_uint),
        ("dxferp", ctypes.c_void_p),
        ("cmdp", ctypes.c_void_p),
        ("sbp", ctypes.c_void_p),
        ("timeout", ctypes.c_uint),
        ("flags", ctypes.c_uint),
        ("pack_id", ctypes.c_int),
        ("usr_ptr", ctypes.c_void_p),
        ("status", ctypes.c_ubyte),
        ("masked_status", ctypes.c_ubyte),
        ("msg_status", ctypes.c_ubyte),
        ("sb_len_wr", ctypes.c_ubyte),
        ("host_status", ctypes.c_ushort),
        ("driver_status", ctypes.c_ushort),
        ("resid", ctypes.c_int),
        ("duration", ctypes.c_uint),
        ("info", ctypes.c_uint),
    )


def open_unit(unit: StorageUnit, folder: str = "/dev") -> tuple[int, tuple[str, str]]:
    """Open the first node of a unit that can be opened, and tell which; UsbFault."""
    refused = None
    for name, number in unit.nodes:
        try:
            return _open(os.path.join(folder, name), number), (name, number)
        except UsbFault as fault:
            if refused is None or refused.fault is Fault.NOT_FOUND:
                refused = fault
    raise refused or UsbFault(Fault.NOT_FOUND, "no node")


def _open(path: str, number: str) -> int:
    """Open without waiting for a medium, or for the kernel to get over an error."""
    flags = os.O_NONBLOCK | os.O_CLOEXEC
    try:
        try:
            # Without the right to any command (CAP_SYS_RAWIO) some need a node that is open for writing.
            file = os.open(path, os.O_RDWR | flags)
        except OSError as error:
            if error.errno not in (errno.EROFS, errno.EACCES):
                raise
            file = os.open(path, os.O_RDONLY | flags)
        device = os.fstat(file).st_rdev
    except OSError as error:
        # ENXIO, ENODEV: a node that somebody has made by hand, with no device behind it.
        absent = error.errno in (errno.ENOENT, errno.ENXIO, errno.ENODEV)
        raise UsbFault(Fault.NOT_FOUND if absent else _fault(error), f"open {path}") from error
    if f"{os.major(device)}:{os.minor(device)}" != number:
        os.close(file)
        raise UsbFault(Fault.NOT_FOUND, f"{path} is another device")
    return file


def send_command(file: int, cdb: bytes, length: int, timeout_ms: int) -> None:
    """Send a command and wait for its end; UsbFault.

    cdb: 6 to 16 bytes. length: bytes to read in the data phase, 0 for none; they are thrown away. What
    the status says (good, check condition) is not looked at: it proves nothing.
    """
    command = ctypes.create_string_buffer(cdb, len(cdb))
    sense = ctypes.create_string_buffer(SENSE_LENGTH)
    data = ctypes.create_string_buffer(length or 1)
    header = _Header(
        interface_id=ord("S"),
        dxfer_direction=FROM_DEVICE if length else NO_DATA,
        cmd_len=len(cdb),
        mx_sb_len=SENSE_LENGTH,
        dxfer_len=length,
        dxferp=ctypes.addressof(data),
        cmdp=ctypes.addressof(command),
        sbp=ctypes.addressof(sense),
        timeout=timeout_ms,
    )
    try:
        fcntl.ioctl(file, SG_IO, header)
    except OSError as error:
        raise UsbFault(_fault(error), "SG_IO") from error
    if header.host_status:
        fault = HOST_STATUSES.get(header.host_status, Fault.OTHER)
        raise UsbFault(fault, f"SG_IO, host status 0x{header.host_status:02x}")


def _fault(error: OSError) -> Fault:
    return ERRNOS.get(error.errno or 0, Fault.OTHER)
