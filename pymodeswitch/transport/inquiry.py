"""SCSI vendor, model and revision of a stick: from the kernel if a storage driver has it, else asked for.

Some IDs stand for several products that only these strings tell apart.
"""

from __future__ import annotations

from ..nouns.log import Logger
from ..nouns.model import MASS_STORAGE_CLASS, AttachedDevice, Interface
from ..nouns.protocols import Host, Transport
from ..nouns.steps import BULK_TIMEOUT_MS, CSW_LENGTH, INQUIRY_LENGTH
from ..planning import messages
from .faults import Fault, UsbFault, error_for

logger = Logger(__name__)

# The storage driver scans 1 s after it binds (delay_use); the reference waits this long for the strings.
KERNEL_WAIT_S = 10.0


def scsi_strings(host: Host, device: AttachedDevice, *, ask: bool = True) -> tuple[str, str, str] | None:
    """Vendor, model and revision, without padding; None when nobody could read them.

    With a storage driver bound its nodes are awaited, 10 s at most: it is going to ask, or has asked.
    Without one an INQUIRY is sent here, through bulk-only transport; not when `ask` is False.
    """
    storage = [i for i in device.interfaces if i.interface_class == MASS_STORAGE_CLASS]
    if not storage:
        return None
    if not any(interface.driver for interface in storage):
        return _ask(host, device, storage[0]) if ask else None
    deadline = host.now() + KERNEL_WAIT_S
    while (strings := host.scsi_strings(device)) is None:
        left = deadline - host.now()
        now = host.at(device.port)
        if left <= 0 or now is None or not now.same_stay(device):
            logger.debug("%s: no SCSI strings from the kernel", device.describe())
            break
        host.wait(left, device.port)
    return strings


def _ask(host: Host, device: AttachedDevice, interface: Interface) -> tuple[str, str, str] | None:
    """An INQUIRY of our own. A device that may not be opened, or is busy, raises as switching it would;
    whatever else fails here decides nothing: the plain entry may still fit."""
    if interface.bulk_out is None or interface.bulk_in is None:
        return None
    transport = host.open(device)
    detached = False
    try:
        detached = _detached(transport, interface.number)
        data = _inquiry(transport, interface.number, interface.bulk_out, interface.bulk_in)
    except UsbFault as fault:
        logger.debug("no INQUIRY of %s: %s", device.describe(), fault)
        if fault.fault in (Fault.ACCESS, Fault.BUSY):
            raise error_for(fault, device) from fault
        return None
    finally:
        if detached:
            _attach(transport, device, interface.number)
        transport.close()
    return parse_inquiry(data)


def _inquiry(transport: Transport, interface: int, out: int, answer: int) -> bytes:
    transport.claim(interface)
    try:
        transport.bulk_out(out, messages.INQUIRY[0], BULK_TIMEOUT_MS)
        data = _read_or_clear(transport, answer, INQUIRY_LENGTH)
        _read_or_clear(transport, answer, CSW_LENGTH)
        return data
    finally:
        transport.release(interface)


def _read_or_clear(transport: Transport, endpoint: int, length: int) -> bytes:
    """A stalled data phase is cleared, and its CSW still comes: Bulk-Only Transport 1.0, 6.7.2."""
    try:
        return transport.bulk_in(endpoint, length, BULK_TIMEOUT_MS)
    except UsbFault as fault:
        if fault.fault is not Fault.STALL:
            raise
        transport.clear_halt(endpoint)
        return b""


def _attach(transport: Transport, device: AttachedDevice, interface: int) -> None:
    try:
        transport.attach(interface)
    except UsbFault as fault:
        logger.warning("the kernel driver of %s stays detached: %s", device.describe(), fault)


def _detached(transport: Transport, interface: int) -> bool:
    """Hosts that cannot tell drivers may have one bound; whether it was, so that it gets it back."""
    try:
        transport.detach(interface)
    except UsbFault:
        return False  # nothing bound; anything else shows when the interface is claimed
    return True


def parse_inquiry(data: bytes) -> tuple[str, str, str] | None:
    """Vendor, model, revision from standard INQUIRY data (SPC-4, 6.4.2), None when it is shorter."""
    if len(data) < INQUIRY_LENGTH:
        return None
    vendor, model, revision = data[8:16], data[16:32], data[32:36]
    return (_text(vendor), _text(model), _text(revision))


def _text(field: bytes) -> str:
    return field.decode("latin-1").strip(" \0")
