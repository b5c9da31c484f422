"""The virtual sticks are strict, and pyusb's own interface works on them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import usb.core

from pymodeswitch.planning.bulk_only import build_cbw, parse_csw
from pymodeswitch.virtual import Leave, SimulatedClock, Stall, VirtualBackend, VirtualBus, mf691

EJECT = build_cbw(b"\x1b\0\0\0\x02\0", tag=7)
GET_DESCRIPTOR = bytes([0x80, 6, 0, 1, 0, 0, 18, 0])


@pytest.fixture
def backend(bus: VirtualBus) -> VirtualBackend:
    """Not the one that wants all closed in the end: pyusb closes a device when it is collected."""
    return VirtualBackend(bus)


@pytest.fixture
def device(bus: VirtualBus, backend: VirtualBackend) -> usb.core.Device:
    bus.plug(mf691(serial="0123"))
    return usb.core.find(backend=backend, idVendor=0x19D2)


@contextmanager
def refused(errno: int) -> Iterator[None]:
    with pytest.raises(usb.core.USBError) as caught:
        yield
    assert caught.value.errno == errno


def test_pyusb_finds_it(device: usb.core.Device) -> None:
    assert (device.idProduct, device.bus, device.address, device.port_numbers) == (0x1201, 1, 2, (1,))
    assert (device.manufacturer, device.serial_number) == ("ZTE, Incorporated", "0123")
    (interface,) = device.get_active_configuration()
    assert (interface.bInterfaceClass, interface.bNumEndpoints) == (8, 2)
    assert [endpoint.bEndpointAddress for endpoint in interface] == [0x01, 0x81]


def test_kernel_driver_is_in_the_way(device: usb.core.Device) -> None:
    assert device.is_kernel_driver_active(0)
    with refused(16):
        device.write(1, EJECT)
    with refused(16):
        device.set_configuration(1)
    device.detach_kernel_driver(0)
    with refused(2):
        device.detach_kernel_driver(0)
    assert device.write(1, EJECT) == 31
    with refused(16):
        device.attach_kernel_driver(0)


def test_eject_switches_after_the_csw(device: usb.core.Device, bus: VirtualBus) -> None:
    device.detach_kernel_driver(0)
    device.write(1, EJECT)
    assert bus.at("1-1") is not None
    csw = parse_csw(bytes(device.read(0x81, 13)))
    assert csw is not None
    assert (csw.dCSWTag, csw.bCSWStatus) == (7, 0)
    assert bus.at("1-1") is None
    with refused(19):
        device.write(1, EJECT)
    bus.clock.sleep(0.3)
    back = bus.at("1-1")
    assert back is not None
    assert (back.stick.identity.product, back.address) == (0x1203, 3)
    assert set(back.drivers.values()) == {"cdc_acm"}


def test_only_the_right_command_switches(device: usb.core.Device, bus: VirtualBus) -> None:
    device.detach_kernel_driver(0)
    for command in (b"\x1b\0\0\0\x01\0", b"\x1b\0\0\0\x03\0", b"\x1e\0\0\0\0\0", b"\x12\0\0\0\x24\0"):
        device.write(1, build_cbw(command, tag=1))
        device.read(0x81, 13)
    bus.clock.sleep(10)
    attached = bus.at("1-1")
    assert attached is not None
    assert attached.stick.identity.product == 0x1201


def test_rubbish_is_stalled(device: usb.core.Device) -> None:
    device.detach_kernel_driver(0)
    for data in (b"", b"USBC", EJECT[:-1], EJECT + b"\0", b"X" * 31):
        with refused(32):
            device.write(1, data)
    with refused(32):
        device.ctrl_transfer(0x40, 0x0B, 1, 0)


def test_wrong_endpoint_or_interface(device: usb.core.Device, backend: VirtualBackend) -> None:
    (attached,) = backend.enumerate_devices()
    handle = backend.open_device(attached)
    with refused(2):
        backend.claim_interface(handle, 1)
    with refused(2):
        backend.bulk_write(handle, 2, 0, __import__("array").array("B", b"x"), 100)
    with refused(2):
        backend.release_interface(handle, 0)


def test_a_read_without_data_times_out(device: usb.core.Device, bus: VirtualBus) -> None:
    device.detach_kernel_driver(0)
    with pytest.raises(usb.core.USBTimeoutError):
        device.read(0x81, 13, timeout=3000)
    assert bus.clock.now() == pytest.approx(3.0)


def test_short_buffer_overflows(device: usb.core.Device) -> None:
    device.detach_kernel_driver(0)
    device.write(1, EJECT)
    with refused(75):
        device.read(0x81, 12)


def test_leaving_silently_breaks_the_transfer_off(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(mf691(leave=Leave(1, silent=True)))
    device = usb.core.find(backend=backend)
    device.detach_kernel_driver(0)
    with refused(5):
        device.write(1, EJECT)
    with refused(19):
        device.read(0x81, 13)


def test_inquiry_and_other_commands_of_a_storage_driver(device: usb.core.Device) -> None:
    device.detach_kernel_driver(0)
    device.write(1, build_cbw(b"\x12\0\0\0\x24\0", tag=2, data_length=36, device_to_host=True))
    answer = bytes(device.read(0x81, 36))
    assert (answer[0], answer[8:16], answer[32:36]) == (5, b"ZTE     ", b"2.31")
    assert parse_csw(bytes(device.read(0x81, 13))) is not None
    statuses = []
    for _ in range(2):
        device.write(1, build_cbw(bytes(6), tag=3))
        csw = parse_csw(bytes(device.read(0x81, 13)))
        assert csw is not None
        statuses.append(csw.bCSWStatus)
    assert statuses == [1, 0], "unit attention once, then ready"


def test_ports(bus: VirtualBus) -> None:
    bus.plug(mf691(), "1-2")
    with pytest.raises(ValueError, match="taken"):
        bus.plug(mf691(), "1-2")
    with pytest.raises(ValueError, match="not on bus 1"):
        bus.plug(mf691(), "2-1")
    bus.unplug("1-2")
    assert bus.attached() == []


def test_simulated_time_only_goes_forward() -> None:
    clock = SimulatedClock()
    clock.sleep(-5)
    clock.sleep(0.5)
    assert clock.now() == 0.5


def test_standard_requests() -> None:
    stick = mf691()
    assert stick.control(GET_DESCRIPTOR)[:2] == bytes([18, 1])
    assert stick.control(bytes([0x80, 8, 0, 0, 0, 0, 1, 0])) == b"\0"
    with pytest.raises(Stall):
        stick.control(bytes([0, 9, 7, 0, 0, 0, 0, 0]))
    with pytest.raises(Stall):
        stick.control(bytes([1, 11, 5, 0, 0, 0, 0, 0]))
