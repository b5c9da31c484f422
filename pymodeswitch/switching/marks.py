"""Marks: what the sender (early/) leaves for the judge, a file for each port below /run/pymodeswitch/marks.

A line is a word and its value:

    stick ID BUS NUMBER     the stay that it is about: initial ID, bus and device number
    state STATE             asked (nothing was done), sending, sent, or failed (nothing could be sent)
    when SECONDS            on the kernel's monotonic clock
    error NUMBER            the errno of the last call that failed; 0 for none
    configuration N         that was active
    drivers N N ...         interfaces that had a kernel driver, which the sender has taken away
    entry PATH              of the device file
    descriptors HEX         as the device sent them (USB 2.0, 9.6)
    manufacturer HEX        the text, in UTF-8; so are product and serial
"""

from __future__ import annotations

import os

from ..device_files.files import read_bytes
from ..device_files.writing import remove
from ..host.sysfs import attached_device
from ..nouns.errors import DeviceFileError, UsageError
from ..nouns.log import Logger
from ..nouns.model import AttachedDevice, Port, UsbId, parse_port
from ..nouns.record import Record
from ..nouns.run_folder import MARKS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container

    from ..nouns.protocols import Host

logger = Logger(__name__)

MAX_MARK_BYTES = 1 << 18  # descriptors have 64 KiB at most, and are written in hex
ASKED, SENDING, SENT, FAILED = "asked", "sending", "sent", "failed"
# How long a stick may take to leave once it has its message; the reference gives it twice that.
RECENT_S = 10.0


class Mark(Record):
    """What the sender has left. device: as it was then. drivers: interfaces that had one."""

    device: AttachedDevice
    state: str
    seconds: float
    drivers: tuple[int, ...]

    @property
    def is_sent(self) -> bool:
        """Whether a message is out, or may be."""
        return self.state in (SENDING, SENT)


def read_marks(folder: str, busy: Container[str] = ()) -> list[Mark]:
    """All marks in the folder of the state; one that is no mark is removed, one that cannot be read stays.

    folder: state_folder of a Host. busy: ports whose marks are left out, and not read.
    """
    marks = []
    try:
        names = sorted(os.listdir(os.path.join(folder, MARKS)))
    except OSError:  # no stick was plugged in since the system started
        return []
    for name in names:
        if name in busy:
            continue
        path = os.path.join(folder, MARKS, name)
        try:
            marks.append(_read(path, Port(name)))
        except FileNotFoundError:  # another judge was faster
            continue
        except DeviceFileError as error:
            logger.warning("%s", error)
            if error.__cause__ is None:  # a pipe, say; with a cause it may be read the next time
                _remove(path)
        except ValueError as error:
            logger.warning("%s: no mark of the sender: %s", path, error)
            _remove(path)
    return marks


def mark_of(host: Host, device: AttachedDevice) -> Mark | None:
    """The mark of this very stay of a device, if a message was sent to it a moment ago."""
    if host.state_folder is None:
        return None
    try:
        mark = _read(os.path.join(host.state_folder, MARKS, device.port), device.port)
    except (OSError, ValueError):
        return None
    recent = 0 <= host.now() - mark.seconds < RECENT_S
    return mark if mark.is_sent and recent and mark.device.same_stay(device) else None


def remove_mark(folder: str, mark: Mark) -> bool:
    """Remove a mark, unless there is another one of that port by now; False when it cannot be removed.

    The sender may put another one there at any moment: so it is moved aside, looked at, and put back. Aside it
    stays, for `was_judged`, until the next one of its port.
    """
    port = mark.device.port
    path, aside = os.path.join(folder, MARKS, port), _judged(folder, port)
    try:
        os.rename(path, aside)
    except FileNotFoundError:
        return True
    except OSError as error:
        logger.warning("%s: cannot be removed: %s", path, error.strerror)
        return False
    try:
        if _read(aside, port).device.same_stay(mark.device):
            return True
        is_read = True
    except (OSError, ValueError) as error:  # too many open files, say: it may be another one
        logger.warning("%s: %s", path, error)
        is_read = False
    try:
        os.link(aside, path)
    except FileExistsError:  # a still newer one
        pass
    except OSError as error:
        logger.warning("%s: cannot be put back: %s", path, error.strerror)
    return _remove(aside) and is_read


def was_judged(folder: str, device: AttachedDevice, since: float) -> bool:
    """Whether the last mark of its port that was judged is of this very stay.

    since: when it came, on the kernel's monotonic clock; a bus has 127 device numbers, and begins anew.
    """
    try:
        mark = _read(_judged(folder, device.port), device.port)
    except (OSError, ValueError):
        return False
    return mark.seconds >= since and mark.device.same_stay(device)


def _judged(folder: str, port: Port) -> str:
    return os.path.join(folder, f".{port}.judged")


def _remove(path: str) -> bool:
    try:
        remove(path)
    except DeviceFileError as error:
        logger.warning("%s", error)
        return False
    return True


def _read(path: str, port: Port) -> Mark:
    """ValueError (UsageError, DeviceFileError) for what is no mark; FileNotFoundError where there is none."""
    try:
        data = read_bytes(path, MAX_MARK_BYTES)
    except DeviceFileError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise error.__cause__ from None
        raise
    values = dict(line.partition(" ")[::2] for line in data.decode("utf-8", "replace").splitlines())
    try:
        usb_id, bus, number = values["stick"].split(" ")
        state = values["state"]
        if state not in (ASKED, SENDING, SENT, FAILED):
            raise ValueError(f"state {state!r}")
        device = attached_device(
            parse_port(port),
            bytes.fromhex(values["descriptors"]),
            bus=int(bus),
            device_number=int(number),
            configuration=int(values["configuration"]),
            texts={
                name: bytes.fromhex(values[name]).decode("utf-8", "replace")
                for name in ("manufacturer", "product", "serial")
            },
        )
        if device is None or device.id != UsbId.parse(usb_id):
            raise ValueError("the descriptors are another device's")
        drivers = tuple(int(number) for number in values["drivers"].split())
        return Mark(device, state, float(values["when"]), drivers)
    except (KeyError, UsageError) as error:
        raise ValueError(str(error)) from error
