"""Record what goes to and from one port, by usbmon, into a pcap file; without libpcap.

Of other devices nothing is kept: whoever was attached elsewhere as it began is left out, hubs only tell of
their ports. Of long transfers the beginning is kept, as commands are short.

Source: the kernel's Documentation/usb/usbmon.rst (the ioctls of /dev/usbmonN).
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import struct
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ..nouns.errors import AccessError, CaptureError
from ..nouns.model import HUB_CLASS, MASS_STORAGE_CLASS
from ..switching.connector import device_at

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from ..nouns.model import AttachedDevice, Port
    from ..nouns.protocols import Host

NODE = "/dev/usbmon{}"
MAGIC, GETX, RING_SIZE = 0x92, 10, 4  # MON_IOC_MAGIC, MON_IOCX_GETX, MON_IOCT_RING_SIZE
RING_BYTES = 1 << 20
HEADER = 64
LINKTYPE_USB_LINUX_MMAPPED = 220  # of libpcap
MAX_DATA = 1 << 12  # bytes of one transfer that are kept
DEFAULT_S, MAX_S = 120.0, 3600.0
MAX_FILE = 100 << 20  # bytes
ISOCHRONOUS = 0
LOOK_S = 0.5
AFTERWARDS_S = 3.0  # what the switched stick's drivers say at first is kept, too


class Monitor(Protocol):
    """Where events come from."""

    def next(self, seconds: float) -> bytes | None:
        """The next event: a header of 64 bytes and data. None when there is none in that time."""

    def close(self) -> None:
        """Stop listening."""


class UsbMonitor:
    """/dev/usbmonN. CaptureError where there is none, AccessError where it may not be read."""

    def __init__(self, bus: int) -> None:
        path = NODE.format(bus)
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except PermissionError as error:
            raise AccessError(f"no permission to read {path}: run as root") from error
        except OSError as error:
            raise CaptureError(
                f"{path}: {error.strerror}: load usbmon first (`modprobe usbmon`, as root)"
            ) from error
        self._head = ctypes.create_string_buffer(HEADER)
        self._data = ctypes.create_string_buffer(MAX_DATA)
        argument = struct.pack("PPN", ctypes.addressof(self._head), ctypes.addressof(self._data), MAX_DATA)
        self._argument = argument
        self._get = 1 << 30 | len(argument) << 16 | MAGIC << 8 | GETX  # _IOW
        from fcntl import ioctl

        self._ioctl = ioctl
        try:
            ioctl(self._file, MAGIC << 8 | RING_SIZE, RING_BYTES)
        except OSError:
            pass  # an older kernel has its own bound: a smaller buffer does, too

    def next(self, seconds: float) -> bytes | None:
        """The next event."""
        ready, _, _ = select.select([self._file], [], [], max(0.0, seconds))
        if not ready:
            return None
        try:
            self._ioctl(self._file, self._get, self._argument)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EINTR):
                return None
            raise CaptureError(f"usbmon: {error.strerror}") from error
        kept = min(struct.unpack_from("I", self._head, 36)[0], MAX_DATA)
        return self._head.raw + self._data.raw[:kept]

    def close(self) -> None:
        """Stop listening."""
        os.close(self._file)


class Recorded(NamedTuple):
    """What became of a recording. ended: why. switched: what is in the connector now, if something else is."""

    packets: int
    ended: str
    switched: AttachedDevice | None


def record(
    host: Host,
    port: Port,
    monitor: Monitor,
    file: BinaryIO,
    *,
    seconds: float = DEFAULT_S,
    tell: Callable[[str], None],
) -> Recorded:
    """Write all events of a port until its stick has switched, the time is over, or Ctrl-C.

    file: gets a pcap. tell: called with what goes on.
    """
    return _Recorder(host, port, monitor, file).run(seconds, tell)


class _Recorder:
    def __init__(self, host: Host, port: Port, monitor: Monitor, file: BinaryIO) -> None:
        self.host = host
        self.port = port
        self.monitor = monitor
        self.file = file
        self.packets = self.bytes = 0
        bus = int(port.partition("-")[0])
        self.left_out = {d.device_number for d in host.devices() if d.port != port and d.bus == bus}

    def run(self, seconds: float, tell: Callable[[str], None]) -> Recorded:
        self._write(
            struct.pack("IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, HEADER + MAX_DATA, LINKTYPE_USB_LINUX_MMAPPED)
        )
        before = device_at(self.host, self.port)
        where = before.describe() if before is not None else f"port {self.port}, which is empty"
        tell(f"recording {where}, for {seconds:.0f} s at most: switch the stick now (Ctrl-C ends it)")
        deadline = self.host.now() + seconds
        look_at = 0.0
        switched: AttachedDevice | None = None
        ended = "the time is over"
        try:
            while (left := deadline - self.host.now()) > 0 and self.bytes < MAX_FILE:
                event = self.monitor.next(min(left, LOOK_S))
                if event is not None:
                    self._event(event)
                if self.host.now() < look_at:
                    continue
                look_at = self.host.now() + LOOK_S
                now = device_at(self.host, self.port)
                if before is None and now is not None and now.interfaces:
                    before = now
                    tell(f"{now.describe()} was plugged in")
                elif switched is None and before is not None and _has_switched(before, now):
                    switched = now
                    deadline = min(deadline, self.host.now() + AFTERWARDS_S)
                    ended = "it has switched"
            if self.bytes >= MAX_FILE:
                ended = f"the file has {MAX_FILE >> 20} MB"
        except KeyboardInterrupt:
            ended = "it was ended"
        return Recorded(self.packets, ended, switched)

    def _event(self, event: bytes) -> None:
        """Write one, unless it is of another device."""
        if len(event) < HEADER or not self._is_ours(event):
            return
        seconds, microseconds = struct.unpack_from("qi", event, 16)
        length = HEADER + struct.unpack_from("I", event, 36)[0]
        head = struct.pack("IIII", seconds & 0xFFFFFFFF, microseconds, len(event), max(length, len(event)))
        self._write(head + event)
        self.packets += 1

    def _is_ours(self, event: bytes) -> bool:
        return event[11] not in self.left_out and event[9] != ISOCHRONOUS

    def _write(self, data: bytes) -> None:
        self.file.write(data)
        self.bytes += len(data)


def _has_switched(before: AttachedDevice, now: AttachedDevice | None) -> bool:
    if now is None or not now.interfaces or now.device_class == HUB_CLASS:
        return False
    is_other = now.id != before.id or now.interface_class != before.interface_class
    return is_other and now.interface_class != MASS_STORAGE_CLASS
