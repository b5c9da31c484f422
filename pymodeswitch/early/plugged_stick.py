"""A device as sysfs shows it: what host/sysfs.py reads, as far as the sender needs it."""

import posix
from time import monotonic, sleep

CONFIGURED_S, LOOK_S = 2.0, 0.01  # until the kernel has configured a device that is being enumerated
# A scan is many short commands, with moments between them; one that hangs is for the judge.
IDLE_S, IDLE_LOOK_S = 0.5, 0.02
MOST_BYTES, MOST_TEXT = 1 << 16, 1 << 12  # an attribute that is text has a page at most
CONFIGURATION, INTERFACE, ENDPOINT, BULK = 2, 4, 5, 2  # USB 2.0, tables 9-5 and 9-13
MBIM, STORAGE = b"\x02\x0e", 0x08


class Interface:
    """One of the active configuration, alternate setting 0, with its first bulk endpoints."""

    __slots__ = ("bulk_in", "bulk_out", "klass", "number")

    def __init__(self, number: int, klass: int) -> None:
        self.number = number
        self.klass = klass
        self.bulk_out: int | None = None
        self.bulk_in: int | None = None


class PluggedStick:
    """The device on a port. OSError when there is none, ValueError when it cannot be read.

    sysfs: its root. has_mbim: whether one of several configurations has an MBIM interface.
    """

    def __init__(self, sysfs: str, port: str) -> None:
        self.port = port
        self.folder = f"{sysfs}/bus/usb/devices/{port}"
        self.descriptors = read(f"{self.folder}/descriptors")
        if len(self.descriptors) < 18:
            raise ValueError("it has no descriptors")
        self.bus, self.number = int(self.text("busnum")), int(self.text("devnum"))
        until = monotonic() + CONFIGURED_S
        while not (value := self.text("bConfigurationValue")) and monotonic() < until:
            sleep(LOOK_S)
        self.configuration = int(value or 0)
        self.device_class = self.descriptors[4]
        self.configurations: list[int] = []
        self.interfaces: list[Interface] = []
        self.has_mbim = False
        self._read_descriptors()

    @property
    def id(self) -> str:
        """`19d2:1201`."""
        raw = self.descriptors
        return f"{raw[9]:02x}{raw[8]:02x}:{raw[11]:02x}{raw[10]:02x}"

    @property
    def connector(self) -> str:
        """The name that both ports of its connector have in common; switching/connector.py gives it.

        By its hub's folder: its own has no link to its port yet when the kernel tells of it.
        """
        is_deep = "." in self.port
        hub, _, number = self.port.rpartition("." if is_deep else "-")
        place = f"{hub}/{hub}:1.0/{hub}" if is_deep else f"usb{hub}/{hub}-0:1.0/usb{hub}"
        devices = self.folder.removesuffix(self.port)
        try:
            peer = posix.readlink(f"{devices}{place}-port{number}/peer").rpartition("/")[2]
        except OSError:  # there is no USB 3
            return self.port
        hub, _, number = peer.rpartition("-port")
        peer = f"{hub[3:]}-{number}" if hub.startswith("usb") else f"{hub}.{number}"
        return min(self.port, peer, key=lambda name: (int(name.partition("-")[0]), name))

    def text(self, name: str) -> str:
        """An attribute; empty where there is none."""
        return text(f"{self.folder}/{name}")

    def _read_descriptors(self) -> None:
        """USB 2.0, 9.6. A descriptor with a length below 2, or a cut one, ends the walk."""
        raw, at = self.descriptors, 0
        is_active = is_inside = has_mbim = False
        while at + 2 <= len(raw) and raw[at] >= 2 and at + raw[at] <= len(raw):
            length, kind = raw[at], raw[at + 1]
            if kind == CONFIGURATION and length >= 9:
                self.configurations.append(raw[at + 5])
                is_active, is_inside = raw[at + 5] == self.configuration, False
            elif kind == INTERFACE and length >= 9:
                is_first = raw[at + 3] == 0
                has_mbim = has_mbim or (is_first and raw[at + 5 : at + 7] == MBIM)
                is_inside = is_active and is_first
                if is_inside:
                    self.interfaces.append(Interface(raw[at + 2], raw[at + 5]))
            elif kind == ENDPOINT and length >= 7 and is_inside and raw[at + 3] & 3 == BULK:
                last, address = self.interfaces[-1], raw[at + 2]
                if address & 0x80 and last.bulk_in is None:
                    last.bulk_in = address
                elif not address & 0x80 and last.bulk_out is None:
                    last.bulk_out = address
            at += length
        self.has_mbim = has_mbim and len(self.configurations) > 1

    def interface(self, value: str) -> Interface | None:
        """The interface with that number, or the first one for `first`; None where there is none."""
        for interface in self.interfaces:
            if value == "first" or interface.number == int(value):
                return interface
        return None

    def is_storage(self, interface: Interface) -> bool:
        """Whether it takes storage commands; planning/plan.py says what counts."""
        shown = interface.klass
        if self.device_class not in (0x00, 0xEF) and (shown != STORAGE or self.device_class == 0xFF):
            shown = self.device_class
        return shown == STORAGE

    def stays_busy(self, seconds: float) -> bool:
        """Whether the storage driver is at work all the time, for so long."""
        until = monotonic() + seconds
        while is_busy := self.is_busy():
            if monotonic() >= until:
                break
            sleep(IDLE_LOOK_S)
        return is_busy

    def is_busy(self) -> bool:
        """Whether a command of the storage driver is under way: then taking it away would wait."""
        for interface in self.interfaces:
            folder = f"{self.folder}:{self.configuration}.{interface.number}"
            for name in names(folder):
                if name.startswith("host"):
                    host = f"{folder}/{name}/scsi_host/{name}"
                    busy, state = text(f"{host}/host_busy"), text(f"{host}/state")
                    if busy not in ("0", "") or state not in ("running", "created", ""):
                        return True
        return False


def read(path: str, most: int = MOST_BYTES) -> bytes:
    """A small file. OSError."""
    file = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
    try:
        return posix.read(file, most)
    finally:
        posix.close(file)


def text(path: str) -> str:
    """The text in a small file; empty where there is none."""
    try:
        return read(path, MOST_TEXT).decode("utf-8", "replace").strip()
    except OSError:
        return ""


def names(folder: str) -> list[str]:
    """What is in a folder; nothing where there is none."""
    try:
        return posix.listdir(folder)
    except OSError:
        return []
