"""A pyusb backend whose bus is virtual: `usb.core.find(backend=VirtualBackend(bus))` works.

It raises what pyusb with libusb on Linux raises, as measured there: claiming under a kernel driver is
EBUSY (16), detaching where nothing is bound ENOENT (2), a stall EPIPE (32), a timeout ETIMEDOUT (110),
a transfer that the stick leaves in EIO (5), and anything after that ENODEV (19).
"""

from __future__ import annotations

import errno
from array import array
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import TypeVar

import usb.backend
from usb.core import USBError, USBTimeoutError

from .bus import Attached, VirtualBus
from .descriptors import SUPER_SPEED, Interface
from .stick import Stall

_T = TypeVar("_T")

# Part of enumeration, which a real bus does unseen: not recorded, and no fault is injected into it.
GET_DESCRIPTOR = bytes([0x80, 6])


def usb_error(number: int) -> USBError:
    """The USBError that pyusb raises for an errno."""
    kind = USBTimeoutError if number == errno.ETIMEDOUT else USBError
    return kind(errno.errorcode[number], None, number)


class Handle:
    """An opened device."""

    def __init__(self, device: Attached) -> None:
        self.device = device


class VirtualBackend(usb.backend.IBackend):  # type: ignore[misc]  # pyusb has no types
    """The sticks of a `VirtualBus`, behind pyusb's backend interface.

    transfers: every transfer asked for, as (kind, endpoint or setup bytes, OUT data), for tests.
    before_call: called before each call to a device with its name; may raise a USBError to inject a fault.
    open_handles, unreleased: how many devices are open, and which interfaces were still claimed when one
    was closed: a program that cleans up leaves 0 and none. alter_read: changes what bulk and interrupt IN
    transfers bring.
    """

    def __init__(self, bus: VirtualBus) -> None:
        super().__init__()
        self.bus = bus
        self.open_handles = 0
        self.unreleased: list[int] = []
        self.transfers: list[tuple[str, int | bytes, bytes]] = []
        self.before_call: Callable[[str], None] | None = None
        self.alter_read: Callable[[bytes], bytes] | None = None

    # Descriptors

    def enumerate_devices(self) -> Iterator[Attached]:
        """All attached sticks."""
        return iter(self.bus.attached())

    def get_parent(self, dev: Attached) -> None:
        """No hubs on this bus."""
        return None

    def get_device_descriptor(self, dev: Attached) -> SimpleNamespace:
        """Device descriptor with the bus, address and port numbers that libusb adds."""
        identity = dev.stick.identity
        bus, _, path = dev.port.partition("-")
        ports = tuple(int(number) for number in path.split("."))
        return SimpleNamespace(
            bLength=18,
            bDescriptorType=1,
            bcdUSB=0x0300 if dev.stick.speed == SUPER_SPEED else 0x0200,
            bDeviceClass=identity.device_class,
            bDeviceSubClass=0,
            bDeviceProtocol=0,
            bMaxPacketSize0=64,
            idVendor=identity.vendor,
            idProduct=identity.product,
            bcdDevice=0,
            iManufacturer=1 if identity.manufacturer else 0,
            iProduct=2 if identity.product_name else 0,
            iSerialNumber=3 if identity.serial else 0,
            bNumConfigurations=len(identity.configurations),
            address=dev.address,
            bus=int(bus),
            port_number=ports[-1],
            port_numbers=ports,
            speed=4 if dev.stick.speed == SUPER_SPEED else dev.stick.speed,  # libusb's own numbers
        )

    def get_configuration_descriptor(self, dev: Attached, config: int) -> SimpleNamespace:
        """Configuration descriptor by index."""
        configuration = dev.stick.identity.configurations[config]
        raw = configuration.to_bytes()
        return SimpleNamespace(
            bLength=9,
            bDescriptorType=2,
            wTotalLength=len(raw),
            bNumInterfaces=raw[4],
            bConfigurationValue=configuration.value,
            iConfiguration=0,
            bmAttributes=0x80,
            bMaxPower=250,
            extra_descriptors=[],
        )

    def get_interface_descriptor(self, dev: Attached, intf: int, alt: int, config: int) -> SimpleNamespace:
        """Interface descriptor by index; IndexError ends pyusb's iteration."""
        interface = self._altsettings(dev, intf, config)[alt]
        return SimpleNamespace(
            bLength=9,
            bDescriptorType=4,
            bInterfaceNumber=interface.number,
            bAlternateSetting=interface.altsetting,
            bNumEndpoints=len(interface.endpoints),
            bInterfaceClass=interface.interface_class,
            bInterfaceSubClass=interface.subclass,
            bInterfaceProtocol=interface.protocol,
            iInterface=0,
            extra_descriptors=list(interface.extra),
        )

    def get_endpoint_descriptor(
        self, dev: Attached, ep: int, intf: int, alt: int, config: int
    ) -> SimpleNamespace:
        """Endpoint descriptor by index."""
        endpoint = self._altsettings(dev, intf, config)[alt].endpoints[ep]
        return SimpleNamespace(
            bLength=7,
            bDescriptorType=5,
            bEndpointAddress=endpoint.address,
            bmAttributes=endpoint.transfer_type,
            wMaxPacketSize=endpoint.max_packet_size,
            bInterval=endpoint.interval,
            bRefresh=0,
            bSynchAddress=0,
            extra_descriptors=[],
        )

    @staticmethod
    def _altsettings(dev: Attached, index: int, config: int) -> list[Interface]:
        interfaces = dev.stick.identity.configurations[config].interfaces
        numbers = sorted({interface.number for interface in interfaces})
        return [i for i in interfaces if i.number == numbers[index]]

    # Opening, claiming, drivers

    def open_device(self, dev: Attached) -> Handle:
        """EACCES for a stick plugged with permitted=False, ENODEV for one that left."""
        self._alive(dev)
        if not dev.permitted:
            raise usb_error(errno.EACCES)
        self.open_handles += 1
        return Handle(dev)

    def close_device(self, dev_handle: Handle) -> None:
        """Releases what is still claimed, as the kernel does, and notes it in `unreleased`."""
        dev = dev_handle.device
        self.open_handles -= 1
        if not dev.gone:
            self.unreleased += sorted(dev.claimed)
        dev.claimed.clear()

    def set_configuration(self, dev_handle: Handle, config_value: int) -> None:
        """EBUSY while a kernel driver or a claim holds an interface."""
        dev = dev_handle.device
        self._before("set_configuration")
        self._alive(dev)
        if dev.drivers or dev.claimed or dev.taken:
            raise usb_error(errno.EBUSY)
        value = max(config_value, 0)
        self._control(dev, bytes([0x00, 9, value, 0, 0, 0, 0, 0]), b"")
        if not dev.gone:
            dev.bind_drivers()

    def get_configuration(self, dev_handle: Handle) -> int:
        """Active bConfigurationValue, 0 when unconfigured (no traffic, as on Linux)."""
        self._alive(dev_handle.device)
        return dev_handle.device.stick.configuration_value

    def set_interface_altsetting(self, dev_handle: Handle, intf: int, altsetting: int) -> None:
        """SET_INTERFACE; the interface must be claimed."""
        self._before("set_interface_altsetting")
        self._claimed(dev_handle.device, intf)
        self._control(dev_handle.device, bytes([0x01, 11, altsetting, 0, intf, 0, 0, 0]), b"")

    def claim_interface(self, dev_handle: Handle, intf: int) -> None:
        """EBUSY under a kernel driver or another program, ENOENT for an unknown interface."""
        dev = dev_handle.device
        self._before("claim_interface")
        self._alive(dev)
        self._interface_exists(dev, intf)
        if intf in dev.drivers or intf in dev.taken:
            raise usb_error(errno.EBUSY)
        dev.claimed.add(intf)

    def release_interface(self, dev_handle: Handle, intf: int) -> None:
        """ENOENT when it was not claimed."""
        self._before("release_interface")
        self._claimed(dev_handle.device, intf)
        dev_handle.device.claimed.discard(intf)

    def is_kernel_driver_active(self, dev_handle: Handle, intf: int) -> bool:
        """Whether a kernel driver holds the interface."""
        self._alive(dev_handle.device)
        return intf in dev_handle.device.drivers

    def detach_kernel_driver(self, dev_handle: Handle, intf: int) -> None:
        """ENOENT when none is bound."""
        self._before("detach_kernel_driver")
        self._alive(dev_handle.device)
        if dev_handle.device.drivers.pop(intf, None) is None:
            raise usb_error(errno.ENOENT)

    def attach_kernel_driver(self, dev_handle: Handle, intf: int) -> None:
        """Binds again; EBUSY while it is claimed, ENOENT for an interface that is not there."""
        dev = dev_handle.device
        self._before("attach_kernel_driver")
        self._alive(dev)
        if intf in dev.claimed:
            raise usb_error(errno.EBUSY)
        before = dict(dev.drivers)
        dev.bind_drivers()
        dev.drivers = before | {k: v for k, v in dev.drivers.items() if k == intf}

    # Transfers

    def bulk_write(self, dev_handle: Handle, ep: int, intf: int, data: array[int], timeout: int) -> int:
        """OUT transfer; the endpoint's interface must be claimed (`intf` is not used, as in libusb)."""
        dev = dev_handle.device
        self._endpoint_claimed(dev, ep)
        self._before("bulk_write")
        payload = data.tobytes()
        self.transfers.append(("out", ep, payload))
        self._run(dev, lambda: dev.stick.write(ep, payload))
        return len(payload)

    def bulk_read(self, dev_handle: Handle, ep: int, intf: int, buff: array[int], timeout: int) -> int:
        """IN transfer: EOVERFLOW (75) when the stick sends more than the buffer holds."""
        dev = dev_handle.device
        self._endpoint_claimed(dev, ep)
        self._before("bulk_read")
        self.transfers.append(("in", ep, b""))
        deadline = self.bus.clock.now() + timeout / 1000
        while (answer := self._run(dev, lambda: dev.stick.read(ep, len(buff)))) is None:
            left = deadline - self.bus.clock.now()
            if left <= 0:
                raise usb_error(errno.ETIMEDOUT)
            self.bus.clock.sleep(min(left, 0.05))
        if self.alter_read is not None:
            answer = self.alter_read(answer)
        if len(answer) > len(buff):
            raise usb_error(errno.EOVERFLOW)
        buff[: len(answer)] = array("B", answer)
        return len(answer)

    intr_write = bulk_write
    intr_read = bulk_read

    def ctrl_transfer(
        self,
        dev_handle: Handle,
        bmRequestType: int,
        bRequest: int,
        wValue: int,
        wIndex: int,
        data: array[int],
        timeout: int,
    ) -> int:
        """Control transfer; a request that the stick does not know stalls (EPIPE)."""
        dev = dev_handle.device
        self._alive(dev)
        setup = bytes([bmRequestType, bRequest]) + b"".join(
            number.to_bytes(2, "little") for number in (wValue, wIndex, len(data))
        )
        if setup[:2] == GET_DESCRIPTOR:
            answer = self._run(dev, lambda: dev.stick.control(setup))
            data[: len(answer)] = array("B", answer)
            return len(answer)
        self._before("ctrl_transfer")
        if not bmRequestType & 0x80:
            self._control(dev, setup, data.tobytes())
            return len(data)
        answer = self._control(dev, setup, b"")
        data[: len(answer)] = array("B", answer)
        return len(answer)

    def clear_halt(self, dev_handle: Handle, ep: int) -> None:
        """CLEAR_FEATURE(ENDPOINT_HALT)."""
        self._alive(dev_handle.device)
        self._before("clear_halt")
        self._control(dev_handle.device, bytes([0x02, 1, 0, 0, ep, 0, 0, 0]), b"")

    def reset_device(self, dev_handle: Handle) -> None:
        """Port reset: claims and halts are gone, drivers and the configuration come back."""
        dev = dev_handle.device
        self._alive(dev)
        self._before("reset_device")
        self.transfers.append(("reset", 0, b""))
        value = dev.stick.configuration_value
        dev.stick.reset()
        dev.stick.configuration_value = value
        if dev.stick.mode.on_reset is not None:
            dev.stick.mode.on_reset(dev.stick)
            self.bus.settle()
        if dev.gone:
            # libusb finds other descriptors than before: the device is to be looked for anew.
            raise usb_error(errno.ENOENT)

    # Helpers

    def _alive(self, dev: Attached) -> None:
        self.bus.settle()
        if dev.gone:
            raise usb_error(errno.ENODEV)

    def _claimed(self, dev: Attached, interface: int) -> None:
        self._alive(dev)
        self._interface_exists(dev, interface)
        if interface not in dev.claimed:
            raise usb_error(errno.ENOENT)

    def _endpoint_claimed(self, dev: Attached, endpoint: int) -> None:
        self._alive(dev)
        configuration = dev.stick.configuration
        for interface in configuration.interfaces if configuration is not None else ():
            if endpoint in {e.address for e in interface.endpoints}:
                return self._claimed(dev, interface.number)
        raise usb_error(errno.ENOENT)

    @staticmethod
    def _interface_exists(dev: Attached, number: int) -> None:
        configuration = dev.stick.configuration
        if configuration is None or number not in {i.number for i in configuration.interfaces}:
            raise usb_error(errno.ENOENT)

    def _before(self, kind: str) -> None:
        if self.before_call is not None:
            self.before_call(kind)

    def _control(self, dev: Attached, setup: bytes, data: bytes) -> bytes:
        self.transfers.append(("control", setup, data))
        return self._run(dev, lambda: dev.stick.control(setup, data))

    def _run(self, dev: Attached, transfer: Callable[[], _T]) -> _T:
        """One transfer; a stall halts nothing by itself; the stick may leave at its end."""
        self._alive(dev)
        try:
            result = transfer()
        except Stall as stall:
            self.bus.settle()
            raise usb_error(errno.EPIPE) from stall
        silent = dev.stick.leaving is not None and dev.stick.leaving.silent
        self.bus.settle()
        if silent:
            raise usb_error(errno.EIO)
        return result
