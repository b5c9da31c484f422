"""Many sticks at once, as on a rack: what udev starts for the first sends to those that follow, too.

A Python for each of them would take longer than all the switching. So a start looks for other sticks when
it has sent to its own; where there is one, it stays for a while and sends to what comes. As long as it
does, udev's rule starts nobody else: it looks at a link below /run, which leads to a file of that process
below /proc, and so to nothing once the process has ended, however it ends.

No stick is missed: the link is removed first, and then everything is looked at once more. A stick for which
udev has seen the link, and has started nobody, was attached before that.
"""

from __future__ import annotations

import os

from .catalog import Catalog, default_catalog
from .errors import ModeSwitchError
from .host import LinuxHost
from .log import Logger
from .model import AttachedDevice, Port
from .sent import is_marked
from .switching import switch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .host import Host
    from .settings import Settings

logger = Logger(__name__)

# The link, in the folder of states.
LINK = "burst"
LEAST_FILE = 200  # a number that no other process is likely to have open

# Sticks that are plugged in together, or powered together, are enumerated one after the other.
LINGER_S = 1.0
# Until it ends, udev holds back what it has to tell of the first stick, which has switched by then.
MOST_S = 10.0


class Burst:
    """What one start does for others. settings, data: as for switch().

    What goes wrong with a stick is for its own start to tell, and a port at which another run is at work is
    left to that.
    """

    def __init__(self, host: Host, settings: Settings, data: Sequence[str]) -> None:
        self.host = host
        self.settings = settings
        self.data = data
        self._catalog: Catalog = default_catalog(data)
        self._seen: set[tuple[Port, int]] = set()

    def send_to_others(self, port: Port | None) -> None:
        """Send to everything attached that wants it but what is on `port`, and to what follows."""
        deadline = self.host.now() + MOST_S
        first = None if port is None else self.host.at(port)
        if first is not None:
            self._seen.add((first.port, first.device_number))
        if not self._send(self.host.devices(), deadline) or not _open(self.host):
            return
        try:
            self._linger(deadline)
        finally:
            _close(self.host)
            self._send(self.host.devices(), deadline + MOST_S)

    def _linger(self, deadline: float) -> None:
        """Send to what comes, until nothing has come for a while."""
        events = None
        if isinstance(self.host, LinuxHost):
            from .uevents import KernelEvents

            events = KernelEvents()
        until = self.host.now() + LINGER_S
        ports: Iterable[Port] | None = None  # all: something may have come before there were events
        while (left := min(until, deadline) - self.host.now()) > 0:
            devices = self.host.devices() if ports is None else map(self.host.at, ports)
            if self._send((d for d in devices if d is not None), deadline):
                until = self.host.now() + LINGER_S
            if events is None:
                self.host.wait(left)
                continue
            changed = events.changed(left)
            ports = None if changed is None else map(Port, sorted(changed))
        if events is not None:
            events.close()

    def _send(self, devices: Iterable[AttachedDevice], deadline: float) -> int:
        """Send to those that want it and have not been dealt with; returns how many it was sent to."""
        count = 0
        for device in devices:
            stay = (device.port, device.device_number)
            if stay in self._seen or self.host.now() >= deadline:
                continue
            self._seen.add(stay)
            if is_marked(self.host, device) or not self._catalog.candidates(device.id):
                continue
            try:
                switch(port=device.port, wait=False, settings=self.settings, data=self.data, host=self.host)
            except ModeSwitchError as error:
                logger.debug("%s", error)
            count += 1
        return count


def _open(host: Host) -> bool:
    """Make the link; False where another start has it, or it cannot be made."""
    if host.state_folder is None:
        return False
    path = os.path.join(host.state_folder, LINK)
    try:
        if os.path.lexists(path) and not os.path.exists(path):
            os.unlink(path)  # of a process that was killed
        os.symlink(f"/proc/{os.getpid()}/fd/{_file(host.state_folder)}", path)
    except OSError as error:
        logger.debug("%s: %s", path, error)
        return False
    return True


def _close(host: Host) -> None:
    assert host.state_folder is not None
    try:
        os.unlink(os.path.join(host.state_folder, LINK))
    except OSError as error:  # somebody has tidied up
        logger.debug("%s: %s", LINK, error)


_files: list[int] = []


def _file(folder: str) -> int:
    """An open file that lasts as long as this process."""
    if not _files:
        import fcntl  # not on every system, and this is Linux

        opened = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        _files.append(fcntl.fcntl(opened, fcntl.F_DUPFD_CLOEXEC, LEAST_FILE))
        os.close(opened)
    return _files[0]
