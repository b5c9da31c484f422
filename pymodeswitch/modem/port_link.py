"""Which serial port of a modem is the one to dial with: the link /dev/gsmmodem, made by a udev rule.

It is the lowest port with an interrupt endpoint, as usb_modeswitch has it, of ttyUSB and ttyACM ports
alike. Further modems get gsmmodem2, gsmmodem3 ...

Who has which link is noted in a folder below /run, one file a link, which holds the port's path below
/sys/bus/usb/devices (`1-1:1.0/tty/ttyACM0`); a note whose port is gone is taken over.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from itertools import pairwise

from ..host.file_lock import FileLock
from ..host.sysfs import Sysfs
from ..nouns.errors import NotAttachedError, UsageError
from ..nouns.model import Entry, UsbId
from ..nouns.run_folder import FILE_MODE, LINKS, LINKS_LOCK, RUN_FOLDER, make_folder

LINK_NAME = "gsmmodem"
MAX_PATH = 1_024  # characters of a path in sysfs
MOST_LINKS = 99
LOCK_S, LOOK_S = 5.0, 0.01  # another start of this needs a few milliseconds


def modem_ids(entries: Iterable[Entry]) -> set[UsbId]:
    """What the entries lead to; the initial ID where they name no other."""
    found: set[UsbId] = set()
    for entry in entries:
        ways = entry.device_file.ways_for(None)
        found.update(entry.all_targets)
        if not entry.all_targets or any(way.keeps_id(entry.id) and way.target_class for way in ways):
            found.add(entry.id)
    return found


class ModemPort:
    """A serial port of a USB device, by its path in sysfs (udev's `%p`) or its name (`ttyUSB0`).

    sysfs: its root. UsageError for anything else, NotAttachedError when it has left.
    """

    def __init__(self, path: str, sysfs: str = "/sys") -> None:
        self._sysfs = Sysfs(sysfs)
        if len(path) > MAX_PATH:  # each step of it is looked at
            raise UsageError(f"a path of {len(path)} characters is no serial port")
        if "/" not in path:
            path = os.path.join(sysfs, "class/tty", path)
        elif path.startswith("/devices/"):
            path = sysfs + path
        real = os.path.realpath(path.replace("\0", ""))
        self.tty = os.path.basename(real)
        steps = real.split("/")
        # .../1-1/1-1:1.0/tty/ttyACM0: an interface is named after its device.
        ports = [one for one, below in pairwise(steps) if below.startswith(f"{one}:")]
        if not ports or "tty" not in steps[-2:]:
            raise UsageError(f"{path} is no serial port of a USB device: give udev's %p, or ttyUSB0")
        device = self._sysfs.at(ports[-1])
        if device is None:
            raise NotAttachedError(f"{self.tty} has left port {ports[-1]}")
        self.device = device
        self.holder = real.split(f"/{device.port}/")[-1]  # as in a note

    def is_there(self, holder: str) -> bool:
        """Whether the port that a note names is there."""
        return bool(holder) and os.path.exists(os.path.join(self._sysfs.folder, holder))

    def is_to_dial_with(self) -> bool:
        """Whether it is the lowest port of its device with an interrupt endpoint."""
        for node in self._sysfs.nodes(self.device):
            if node.kind == "tty" and self._sysfs.has_interrupt(self.device, node.interface):
                return node.name == self.tty
        return False


def link_name(port: ModemPort, state_folder: str = RUN_FOLDER, dev: str = "/dev") -> str:
    """The link for a port to dial with: the one it has, or the first free one; empty when there is none.

    Where notes cannot be written, what is in /dev has to tell.
    """
    folder = os.path.join(state_folder, LINKS)
    deadline = time.monotonic() + LOCK_S
    lock = FileLock(os.path.join(state_folder, LINKS_LOCK))

    def wait() -> bool:
        time.sleep(LOOK_S)
        return time.monotonic() < deadline

    lock.take(wait)  # two ports at once would take the same link
    try:
        try:
            make_folder(folder)
        except OSError:  # a system that cannot be written: then /dev tells
            pass
        for number in range(1, MOST_LINKS + 1):
            name = LINK_NAME if number == 1 else f"{LINK_NAME}{number}"
            note = os.path.join(folder, name)
            if _is_free(note, os.path.join(dev, name), port) and _note(note, port.holder):
                return name
    finally:
        lock.give_back()
    return ""


def _is_free(note: str, node: str, port: ModemPort) -> bool:
    """Whether a link is the port's, or nobody's."""
    try:
        with open(note, encoding="utf-8", errors="replace") as file:
            holder = file.read(4096)
    except OSError:
        # Somebody else's file in /dev stays; a link of ours without a note is the port's, or leads nowhere.
        target = os.path.basename(os.path.realpath(node))
        return not os.path.exists(node) or target == port.tty
    return holder == port.holder or not port.is_there(holder)


def _note(path: str, text: str) -> bool:
    """Note who has a link; False when somebody was faster (the shell script, which takes no lock)."""
    try:
        with open(path, "w" if os.path.exists(path) else "x", encoding="utf-8", opener=_opener) as file:
            file.write(text)
    except FileExistsError:
        return False
    except OSError:  # a system that cannot be written: then /dev tells
        pass
    return True


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, FILE_MODE)
