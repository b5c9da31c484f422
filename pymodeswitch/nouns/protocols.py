"""The interfaces that everything meets at: the computer (`Host`), one opened device (`Transport`), and who is
told of what goes on (`Reporter`).

For type checkers only: `typing` takes 9 ms to load, so at run time they are plain classes.
"""

from __future__ import annotations

__all__ = ["Host"]  # public, as names of pymodeswitch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from .model import AttachedDevice, Node, Port, StorageUnit
    from .steps import Step
else:
    Protocol = object


class Host(Protocol):
    """What `switch()` needs of a computer. Times are seconds.

    state_folder: where a run leaves word for others (run_folder.py); None where there are no others.
    """

    state_folder: str | None

    def devices(self) -> tuple[AttachedDevice, ...]:
        """All attached devices but hubs, in the order of their ports."""

    def at(self, port: Port) -> AttachedDevice | None:
        """The device on a port."""

    def peer(self, port: Port) -> Port | None:
        """The SuperSpeed port of the same connector, or for that one the USB 2 port; None without one."""

    def nodes(self, device: AttachedDevice) -> tuple[Node, ...] | None:
        """tty, net and cdc-wdm nodes; None where this host cannot tell."""

    def scsi_strings(self, device: AttachedDevice) -> tuple[str, str, str] | None:
        """SCSI vendor, model, revision, where a storage driver has read them."""

    def storage_units(self, device: AttachedDevice) -> tuple[StorageUnit, ...] | None:
        """What the storage driver has made of a device so far; None where this host cannot tell."""

    def storage_command(self, device: AttachedDevice) -> tuple[str, ...] | None:
        """What the storage driver is waiting for: the same for one command, another for the next.

        None while it is waiting for nothing, or where this host cannot tell.
        """

    def cut_off(self, device: AttachedDevice) -> str | None:
        """Switch the port of a device off and on (port_power.py): None when done, else why it is not."""

    def send_scsi(
        self, device: AttachedDevice, unit: StorageUnit, cdb: bytes, length: int, timeout_ms: int
    ) -> None:
        """A command to a unit through the storage driver (sg_io.py); UsbFault."""

    def is_virtual_machine(self) -> bool:
        """Whether this computer is known to be a virtual machine."""

    def has_driver(self, name: str) -> bool:
        """Whether this system has a kernel driver: loaded, built in, or as a module; name with `_`."""

    def avoid_reset(self, device: AttachedDevice) -> str:
        """Have the kernel not reset a switched device (kernel_settings.py); what came of it, in words."""

    def raise_storage_delay(self, seconds: int) -> str:
        """Have usb-storage scan no earlier than that (kernel_settings.py); what came of it, in words."""

    def open(self, device: AttachedDevice) -> Transport:
        """Open a device. NoLibusbError, AccessError, BusyError, GoneError, TransferError."""

    def now(self) -> float:
        """A clock that only goes forward."""

    def sleep(self, seconds: float) -> None:
        """Let time pass."""

    def wait(self, seconds: float, port: Port | None = None) -> None:
        """Return when something (on that port or its peer) may have changed, at the latest after that."""

    def close(self) -> None:
        """Give back what waiting took."""


class Transport(Protocol):
    """What the steps of a plan need of a device. Each call raises UsbFault."""

    def detach(self, interface: int) -> None:
        """Detach the kernel driver; NOT_FOUND when none is bound."""

    def attach(self, interface: int) -> None:
        """Give the interface back to its kernel driver."""

    def claim(self, interface: int) -> None:
        """Claim an interface."""

    def release(self, interface: int) -> None:
        """Release a claimed interface."""

    def bulk_out(self, endpoint: int, data: bytes, timeout_ms: int) -> None:
        """Send data to an OUT endpoint."""

    def bulk_in(self, endpoint: int, length: int, timeout_ms: int) -> bytes:
        """Read up to `length` bytes from an IN endpoint."""

    def interrupt_out(self, endpoint: int, data: bytes, timeout_ms: int) -> None:
        """Send data to an interrupt OUT endpoint."""

    def interrupt_in(self, endpoint: int, length: int, timeout_ms: int) -> bytes:
        """Read up to `length` bytes from an interrupt IN endpoint."""

    def clear_halt(self, endpoint: int) -> None:
        """CLEAR_FEATURE(ENDPOINT_HALT)."""

    def control_out(
        self, request_type: int, request: int, value: int, index: int, data: bytes, timeout_ms: int
    ) -> None:
        """A control request to the device, with data or without."""

    def control_in(
        self, request_type: int, request: int, value: int, index: int, length: int, timeout_ms: int
    ) -> bytes:
        """A control request that reads up to `length` bytes."""

    def set_configuration(self, value: int) -> None:
        """SET_CONFIGURATION."""

    def set_altsetting(self, interface: int, altsetting: int) -> None:
        """SET_INTERFACE."""

    def reset(self) -> None:
        """Reset the port."""

    def close(self) -> None:
        """Close the device; never raises."""


class Reporter(Protocol):
    """Hears what goes on in a call, and what the user should know of its result."""

    def tell(self, kind: str, text: str, step: Step | None = None) -> None:
        """Something happened on the way; kinds are those of Progress."""

    def warn(self, text: str) -> None:
        """Something that the user should know of a result that is none the worse for it."""
