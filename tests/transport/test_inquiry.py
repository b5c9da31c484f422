"""SCSI strings: from the kernel's nodes, or by an INQUIRY of our own; and entries that need them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pymodeswitch import AccessError, AttachedDevice, BusyError, NoEntryError, Status, UsbId, switch
from pymodeswitch.host.linux import LibusbHost
from pymodeswitch.planning.plan import typical_device
from pymodeswitch.transport.inquiry import KERNEL_WAIT_S, parse_inquiry, scsi_strings
from pymodeswitch.virtual import (
    Command,
    Leave,
    MassStorage,
    Reply,
    Stick,
    VirtualBackend,
    VirtualBus,
    modem_mode,
    storage_mode,
)
from pymodeswitch.virtual.backend import usb_error

INQUIRY_DATA = bytes.fromhex("058002021f000000") + b"ZTE     USB SCSI CD-ROM 2.31"


def test_parse_inquiry() -> None:
    assert parse_inquiry(INQUIRY_DATA) == ("ZTE", "USB SCSI CD-ROM", "2.31")
    assert parse_inquiry(INQUIRY_DATA[:-1]) is None


def lgx(vendor: str = "LGX") -> Stick:
    """1111:1111, an ID that only its SCSI vendor tells from others."""
    storage = MassStorage(vendor=vendor, model="WIFI6")
    stick = Stick([storage_mode(0x1111, 0x1111, storage), modem_mode(0xA69C, 0x8D80)])

    def hook(command: Command) -> Reply | None:
        if command.cdb[0] != 0xFD:
            return None
        last = command.cdb[15] == 0xF2
        return Reply(status=1, after_status=(lambda: stick.leave(Leave(0.5))) if last else None)

    storage.hook = hook
    return stick


def test_own_inquiry_decides_on_the_entry(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(lgx())
    result = switch(0x1111, 0x1111, backend=backend)
    assert result.status is Status.SWITCHED
    assert result.entry is not None
    assert result.entry.name == "1111-1111@sVe=LGX"


def test_a_dry_run_asks_nothing(bus: VirtualBus, backend: VirtualBackend) -> None:
    attached = bus.plug(lgx())
    with pytest.raises(NoEntryError, match="the SCSI strings are not known"):
        switch(0x1111, 0x1111, backend=backend, dry_run=True)
    assert backend.transfers == []
    assert attached.drivers == {0: "usb-storage"}


def test_another_vendor_is_left_alone(bus: VirtualBus, backend: VirtualBackend) -> None:
    attached = bus.plug(lgx("SanDisk"))
    with pytest.raises(NoEntryError, match="sVe=LGX is not in the SCSI vendor 'SanDisk'"):
        switch(0x1111, 0x1111, backend=backend)
    assert attached.drivers == {0: "usb-storage"}
    assert attached.claimed == set()


@pytest.mark.parametrize("errno", [5, 32, 110, 19])
@pytest.mark.parametrize("call", ["detach_kernel_driver", "claim_interface", "bulk_write", "bulk_read"])
def test_an_inquiry_that_fails_decides_nothing(
    call: str, errno: int, bus: VirtualBus, backend: VirtualBackend
) -> None:
    attached = bus.plug(lgx())

    def fail(kind: str) -> None:
        if kind == call:
            raise usb_error(errno)

    backend.before_call = fail
    with pytest.raises((NoEntryError, BusyError)):  # busy: the driver that could not be detached
        switch(0x1111, 0x1111, backend=backend)
    backend.before_call = None
    assert attached.claimed == set()
    assert attached.drivers == {0: "usb-storage"}


def test_no_permission_for_an_inquiry(bus: VirtualBus, backend: VirtualBackend) -> None:
    """Switching would need the same permission: the error that cures it is the one to tell."""
    bus.plug(lgx(), permitted=False)
    with pytest.raises(AccessError, match="uaccess"):
        switch(0x1111, 0x1111, backend=backend)


def test_busy_for_an_inquiry(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(lgx()).taken.add(0)
    with pytest.raises(BusyError):
        switch(0x1111, 0x1111, backend=backend)


class KernelHost(LibusbHost):
    """A host whose storage driver has the strings after a while."""

    def __init__(self, backend: VirtualBackend, after_s: float) -> None:
        super().__init__(backend, backend.bus.clock)
        self.after_s = after_s

    def devices(self) -> tuple[AttachedDevice, ...]:
        return tuple(
            replace(d, interfaces=tuple(replace(i, driver="usb-storage") for i in d.interfaces))
            for d in super().devices()
        )

    def scsi_strings(self, device: AttachedDevice) -> tuple[str, str, str] | None:
        return ("LGX", "WIFI6", "1") if self.now() >= self.after_s else None


@pytest.mark.parametrize(
    ("after_s", "expected"), [(0, "LGX"), (2, "LGX"), (9, "LGX"), (KERNEL_WAIT_S + 1, None)]
)
def test_the_kernels_strings_are_awaited(
    after_s: float, expected: str | None, bus: VirtualBus, backend: VirtualBackend
) -> None:
    bus.plug(lgx())
    host = KernelHost(backend, after_s)
    (device,) = host.devices()
    strings = scsi_strings(host, device)
    assert (strings and strings[0]) == expected
    assert backend.transfers == []
    assert bus.clock.now() <= KERNEL_WAIT_S + 0.2


def test_a_device_that_leaves_while_awaited(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(lgx())
    host = KernelHost(backend, 8)
    (device,) = host.devices()
    bus.unplug_after("1-1", 1)
    assert scsi_strings(host, device) is None
    assert bus.clock.now() < 2


def test_no_storage_no_strings(backend: VirtualBackend) -> None:
    device = replace(typical_device(UsbId(1, 2)), interfaces=())
    assert scsi_strings(LibusbHost(backend), device) is None
