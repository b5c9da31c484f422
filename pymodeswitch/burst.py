"""Many sticks at once, as on a rack: what udev starts for the first sends to those that follow, too.

A Python for each of them would take longer than all the switching. So a start looks for other sticks when
it has sent to its own; where there is one, it stays for a while and sends to what comes. As long as it
does, udev's rule starts nobody else: it looks at a link below /run, which leads to a file of that process
below /proc, and so to nothing once the process has ended, however it ends.

No stick is missed: the link is removed first, and then everything is looked at once more. A stick for which
udev has seen the link, and has started nobody, was attached before that. And nothing else is touched: what
udev was through with before there was a link had a start of its own, perhaps days ago, and may be in use.
"""

from __future__ import annotations

import os

from .catalog.catalog import default_catalog
from .nouns.errors import AnotherRunError, ModeSwitchError, NoEntryError, NotAttachedError, NotStorageError
from .nouns.log import Logger
from .nouns.run_folder import BURST
from .sent import is_marked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .catalog.catalog import Catalog
    from .nouns.model import AttachedDevice, Port, UsbId
    from .nouns.protocols import Host
    from .planning.settings import Settings
    from .switching.fleet import Fleet, Outcome

logger = Logger(__name__)

# It is no such stick after all, it has left, or somebody else is at work on it.
LEFT_ALONE = (NoEntryError, NotStorageError, NotAttachedError, AnotherRunError)

LEAST_FILE = 200  # a number that no other process is likely to have open

# Sticks that are plugged in together, or powered together, are enumerated one after the other.
LINGER_S = 1.0
# Until it ends, udev holds back what it has to tell of the first stick, which has switched by then.
MOST_S = 10.0
# For another run on a port: a start that waits for no verdict, which may be about an earlier stay there.
LOCK_S, LOCK_LOOK_S = 10.0, 0.25

UDEV = "/run/udev"
USB_MAJOR = 189  # Documentation/admin-guide/devices.txt; 128 minors for a bus


class Burst:
    """What one start does for others. settings, data: as for switch()."""

    def __init__(self, host: Host, settings: Settings, data: Sequence[str]) -> None:
        self.host = host
        self.settings = settings
        self.data = data
        self._known: dict[Port, tuple[int, UsbId]] = {}
        self._errors: list[ModeSwitchError] = []
        self._is_open = False

    def send_to_others(self, port: Port | None) -> list[ModeSwitchError]:
        """Send to what is plugged in at the same time as what is on `port`, and to what follows.

        Nothing, where another start does that already. A port at which another run is at work is left to
        that. Returns what went wrong with sticks that wanted it. When this is ended from outside (SIGTERM),
        nothing more is begun.
        """
        self._is_open = _open(self.host)
        if not self._is_open:
            return []
        try:
            devices = self.host.devices()
            self._leave_out(devices, port)
            if not self._is_wanted(devices):
                self._close()
            if self._is_open or self._is_wanted(self.host.devices()):  # it may have come just before
                self._fleet().run(forever=False, linger_s=LINGER_S, most_s=MOST_S, before_end=self._close)
        finally:
            self._close()
        return self._errors

    def _close(self) -> None:
        """From now on udev starts for each stick again."""
        if self._is_open:
            self._is_open = False
            _close(self.host)

    def _leave_out(self, devices: Sequence[AttachedDevice], port: Port | None) -> None:
        """What had a start of its own: the stick on `port`, and what udev was through with before."""
        assert self.host.state_folder is not None
        opened_ns = os.lstat(os.path.join(self.host.state_folder, BURST)).st_mtime_ns
        for device in devices:
            if device.port == port or _was_handled(device, opened_ns):
                self._known[device.port] = (device.device_number, device.id)

    def _is_wanted(self, devices: Sequence[AttachedDevice]) -> bool:
        """Whether there is a stick among them that nobody has sent to yet."""
        catalog = default_catalog(self.data)
        return any(
            self._known.get(device.port) != (device.device_number, device.id)
            and catalog.candidates(device.id)
            and not is_marked(self.host, device)
            for device in devices
        )

    def _fleet(self) -> Fleet:
        from .switching.fleet import Fleet  # what it loads takes longer than a switch: only for many

        catalog = default_catalog(self.data)
        return Fleet(self.host, catalog, self._switch_one, self._report, known=self._known)

    def _switch_one(self, device: AttachedDevice, host: Host, catalog: Catalog) -> Outcome:
        from .switching.fleet import Outcome
        from .switching.switch import switch

        patient_until = host.now() + LOCK_S
        while True:
            try:
                result = switch(
                    port=device.port, wait=False, settings=self.settings, catalog=catalog, host=host
                )
            except ModeSwitchError as error:
                if not isinstance(error, AnotherRunError) or host.now() >= patient_until:
                    return Outcome(device, None, error)
            else:
                return Outcome(device, result, None)
            host.wait(LOCK_LOOK_S, device.port)

    def _report(self, outcome: Outcome) -> None:
        if outcome.error is not None and not isinstance(outcome.error, LEFT_ALONE):
            self._errors.append(outcome.error)


def _was_handled(device: AttachedDevice, before_ns: int) -> bool:
    """Whether udev, as it runs now, has handled a device's last event before that time.

    It then writes what it knows of the device. What is older than udev itself is of the initial RAM disk's,
    and its event is still to come.
    """
    number = (device.bus - 1) * 128 + device.device_number - 1
    try:
        started_ns = os.stat(f"{UDEV}/control").st_mtime_ns
        handled_ns = os.stat(f"{UDEV}/data/c{USB_MAJOR}:{number}").st_mtime_ns
    except OSError:
        return False
    return started_ns <= handled_ns < before_ns


def _open(host: Host) -> bool:
    """Make the link; False where another start has it, or it cannot be made."""
    if host.state_folder is None:
        return False
    path = os.path.join(host.state_folder, BURST)
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
        os.unlink(os.path.join(host.state_folder, BURST))
    except OSError as error:  # somebody has tidied up
        logger.debug("%s: %s", BURST, error)


_files: list[int] = []


def _file(folder: str) -> int:
    """An open file that lasts as long as this process."""
    if not _files:
        import fcntl  # not on every system, and this is Linux

        opened = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        _files.append(fcntl.fcntl(opened, fcntl.F_DUPFD_CLOEXEC, LEAST_FILE))
        os.close(opened)
    return _files[0]
