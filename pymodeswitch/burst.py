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

from .catalog import default_catalog
from .errors import BusyError, ModeSwitchError, NoEntryError, NotAttachedError, NotStorageError
from .log import Logger
from .sent import is_marked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .catalog import Catalog
    from .fleet import Fleet, Outcome
    from .host import Host
    from .model import AttachedDevice, Port, UsbId
    from .settings import Settings

logger = Logger(__name__)

# It is no such stick after all, it has left, or somebody else is at work on it.
LEFT_ALONE = (NoEntryError, NotStorageError, NotAttachedError, BusyError)

# The link, in the folder of states.
LINK = "burst"
LEAST_FILE = 200  # a number that no other process is likely to have open

# Sticks that are plugged in together, or powered together, are enumerated one after the other.
LINGER_S = 1.0
# Until it ends, udev holds back what it has to tell of the first stick, which has switched by then.
MOST_S = 10.0


class Burst:
    """What one start does for others. settings, data: as for switch()."""

    def __init__(self, host: Host, settings: Settings, data: Sequence[str]) -> None:
        self.host = host
        self.settings = settings
        self.data = data
        self._known: dict[Port, tuple[int, UsbId]] = {}
        self._errors: list[ModeSwitchError] = []

    def send_to_others(self, port: Port | None) -> list[ModeSwitchError]:
        """Send to everything attached that wants it but what is on `port`, and to what follows.

        Nothing, where another start does that already. A port at which another run is at work is left to
        that. Returns what went wrong with sticks that wanted it.
        """
        if not _open(self.host):
            return []
        first = None if port is None else self.host.at(port)
        if first is not None:
            self._known[first.port] = (first.device_number, first.id)
        try:
            if self._is_wanted():
                self._fleet().run(forever=False, linger_s=LINGER_S, most_s=MOST_S)
        finally:
            _close(self.host)
            if self._is_wanted():
                self._fleet().run(forever=False)
        return self._errors

    def _is_wanted(self) -> bool:
        """Whether there is a stick that nobody has sent to yet."""
        catalog = default_catalog(self.data)
        return any(
            self._known.get(device.port) != (device.device_number, device.id)
            and catalog.candidates(device.id)
            and not is_marked(self.host, device)
            for device in self.host.devices()
        )

    def _fleet(self) -> Fleet:
        from .fleet import Fleet  # what it loads takes longer than a switch: only for many

        catalog = default_catalog(self.data)
        return Fleet(self.host, catalog, self._switch_one, self._report, known=self._known)

    def _switch_one(self, device: AttachedDevice, host: Host, catalog: Catalog) -> Outcome:
        from .fleet import Outcome
        from .switching import switch

        try:
            result = switch(
                port=device.port, wait=False, settings=self.settings, catalog=catalog, host=host
            )
        except ModeSwitchError as error:
            return Outcome(device, None, error)
        return Outcome(device, result, None)

    def _report(self, outcome: Outcome) -> None:
        if outcome.error is not None and not isinstance(outcome.error, LEFT_ALONE):
            self._errors.append(outcome.error)


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
