"""The computer as `switch()` sees it: what is attached, when to look again, how to open a device.

Two of them: Linux with sysfs and kernel events, and any system through libusb alone (which is also how
virtual sticks are seen). sysfs needs no permission and no libusb; libusb is loaded when a device is opened.
"""

from __future__ import annotations

import os
import time

from ..nouns import run_folder
from ..nouns.errors import missing_package
from ..nouns.log import Logger
from ..nouns.model import AttachedDevice, Node, Port, StorageUnit
from .sysfs import Sysfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..nouns.protocols import Host, Transport
    from .kernel_events import KernelEvents
    from .libusb_devices import Strings

logger = Logger(__name__)

MODULES = "/lib/modules"
NODE_LOOKS, NODE_WAIT_S = 3, 0.2
POLL_S = 0.1  # libusb tells no events here, so this is how often it is asked


class LinuxHost:
    """sysfs tells what is there, kernel events when to look, libusb opens.

    sysfs: folder of sysfs. backend: a pyusb backend; by default libusb, loaded at the first `open`.
    state_folder: by default /run/pymodeswitch.
    """

    def __init__(
        self,
        sysfs: str = "/sys",
        backend: Any = None,
        state_folder: str | None = None,
    ) -> None:
        self._sysfs = Sysfs(sysfs)
        self.state_folder: str | None = run_folder.RUN_FOLDER if state_folder is None else state_folder
        self._backend = backend
        self._events: KernelEvents | None = None

    def devices(self) -> tuple[AttachedDevice, ...]:
        return self._sysfs.devices()

    def at(self, port: Port) -> AttachedDevice | None:
        return self._sysfs.at(port)

    def peer(self, port: Port) -> Port | None:
        return self._sysfs.peer(port)

    def nodes(self, device: AttachedDevice) -> tuple[Node, ...] | None:
        return self._sysfs.nodes(device)

    def scsi_strings(self, device: AttachedDevice) -> tuple[str, str, str] | None:
        return self._sysfs.scsi_strings(device)

    def storage_units(self, device: AttachedDevice) -> tuple[StorageUnit, ...] | None:
        return self._sysfs.storage_units(device)

    def storage_command(self, device: AttachedDevice) -> tuple[str, ...] | None:
        return self._sysfs.storage_command(device)

    def cut_off(self, device: AttachedDevice) -> str | None:
        from .port_power import cut_off

        return cut_off(self._sysfs.root, device.port)

    def send_scsi(
        self, device: AttachedDevice, unit: StorageUnit, cdb: bytes, length: int, timeout_ms: int
    ) -> None:
        from ..transport.faults import Fault, UsbFault
        from ..transport.sg_io import open_unit, send_command

        for looks_left in reversed(range(NODE_LOOKS)):
            try:
                file, node = open_unit(unit)
                break
            except UsbFault as fault:
                # sysfs shows a unit a moment before its node is there; in a container none may come.
                if fault.fault is not Fault.NOT_FOUND or not looks_left:
                    raise
                self.wait(NODE_WAIT_S, device.port)
        try:
            # Looked at once it is open: before that, another device may have got the stick's names.
            now = self.at(device.port)
            units = self._sysfs.storage_units(now) if now is not None and now.same_stay(device) else ()
            if not any(other.lun == unit.lun and node in other.nodes for other in units):
                raise UsbFault(Fault.GONE, "SG_IO")
            send_command(file, cdb, length, timeout_ms)
        finally:
            os.close(file)

    def is_virtual_machine(self) -> bool:
        return self._sysfs.is_virtual_machine()

    def has_driver(self, name: str) -> bool:
        return self._sysfs.has_driver(name) or _is_module(name)

    def avoid_reset(self, device: AttachedDevice) -> str:
        from .kernel_settings import avoid_reset

        return avoid_reset(self._sysfs.root, device.port)

    def raise_storage_delay(self, seconds: int) -> str:
        from .kernel_settings import raise_storage_delay

        return raise_storage_delay(self._sysfs.root, seconds)

    def open(self, device: AttachedDevice) -> Transport:
        load_backend, open_device = _libusb()
        if self._backend is None:
            self._backend = load_backend()
        return open_device(self._backend, device)

    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def wait(self, seconds: float, port: Port | None = None) -> None:
        if self._events is None:
            from .kernel_events import KernelEvents

            # An event from before this moment is missed. That does no harm: the caller looks at sysfs
            # after each wait, and a wait is short.
            self._events = KernelEvents()
        self._events.wait(seconds, *(() if port is None else (port, self.peer(port) or port)))

    def close(self) -> None:
        if self._events is not None:
            self._events.close()
            self._events = None


class LibusbHost:
    """Everything through a pyusb backend: for systems without sysfs, and for virtual sticks.

    clock: has now() and sleep(seconds); real time by default.
    """

    state_folder: str | None = None

    def __init__(self, backend: Any = None, clock: Any = None) -> None:
        self._backend = _libusb()[0]() if backend is None else backend
        self._strings: Strings = {}
        self._now = time.monotonic if clock is None else clock.now
        self._sleep = time.sleep if clock is None else clock.sleep

    def devices(self) -> tuple[AttachedDevice, ...]:
        from .libusb_devices import devices

        return devices(self._backend, self._strings)

    def at(self, port: Port) -> AttachedDevice | None:
        from .libusb_devices import devices

        return next(iter(devices(self._backend, self._strings, port)), None)

    def peer(self, port: Port) -> Port | None:
        find = getattr(getattr(self._backend, "bus", None), "peer", None)  # libusb tells nothing of that
        peer = None if find is None else find(port)
        return None if peer is None else Port(peer)

    def nodes(self, device: AttachedDevice) -> tuple[Node, ...] | None:
        return None

    def scsi_strings(self, device: AttachedDevice) -> tuple[str, str, str] | None:
        return None

    def storage_units(self, device: AttachedDevice) -> tuple[StorageUnit, ...] | None:
        return None

    def storage_command(self, device: AttachedDevice) -> tuple[str, ...] | None:
        return None

    def cut_off(self, device: AttachedDevice) -> str | None:
        return "this system has no switch for a port"

    def send_scsi(
        self, device: AttachedDevice, unit: StorageUnit, cdb: bytes, length: int, timeout_ms: int
    ) -> None:
        from ..transport.faults import Fault, UsbFault

        raise UsbFault(Fault.NOT_SUPPORTED, "SG_IO")

    def is_virtual_machine(self) -> bool:
        return False

    def has_driver(self, name: str) -> bool:
        return False

    def avoid_reset(self, device: AttachedDevice) -> str:
        return "this system has no avoid_reset_quirk"

    def raise_storage_delay(self, seconds: int) -> str:
        return "this system has no usb-storage"

    def open(self, device: AttachedDevice) -> Transport:
        return _libusb()[1](self._backend, device)

    def now(self) -> float:
        return float(self._now())

    def sleep(self, seconds: float) -> None:
        self._sleep(seconds)

    def wait(self, seconds: float, port: Port | None = None) -> None:
        self._sleep(min(seconds, POLL_S))

    def close(self) -> None:
        """Nothing to give back."""


def _libusb() -> tuple[Callable[[], Any], Callable[[Any, AttachedDevice], Transport]]:
    """What loads libusb and what opens a device by it; NoLibusbError when there is no pyusb."""
    try:
        from ..transport.libusb import load_backend, open_device
    except ImportError as error:
        raise missing_package(error) or error from error
    return load_backend, open_device


def _is_module(name: str) -> bool:
    """Whether the running kernel has it among its modules or built in (files of depmod)."""
    folder = os.path.join(MODULES, os.uname().release)
    for index in ("modules.dep", "modules.builtin"):
        try:
            with open(os.path.join(folder, index), encoding="utf-8", errors="replace") as file:
                if f"/{name}.ko" in file.read():
                    return True
        except OSError:  # no modules in this container, or none at all
            continue
    return False


def default_host(backend: Any = None) -> Host:
    """The host for a pyusb backend, or for this computer when there is none given."""
    if backend is not None:
        bus = getattr(backend, "bus", None)  # a virtual bus keeps its own time
        return LibusbHost(backend, getattr(bus, "clock", None))
    if Sysfs().exists():
        return LinuxHost()
    return LibusbHost()
