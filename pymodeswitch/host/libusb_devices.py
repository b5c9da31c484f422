"""The attached devices as libusb sees them: for systems without sysfs, and for virtual sticks."""

from __future__ import annotations

import usb.core
import usb.util
from usb.core import USBError

from ..nouns.log import Logger
from ..nouns.model import HUB_CLASS, MBIM, AttachedDevice, Interface, Port, UsbId

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

logger = Logger(__name__)

BULK = 2  # bmAttributes, USB 2.0 table 9-13

Strings = dict[tuple[int, int, int, int], tuple[str, str, str]]

# What pyusb raises for a device that leaves while it is read, or sends descriptors that cannot be.
BROKEN = (USBError, NotImplementedError, IndexError, ValueError)


def devices(
    backend: Any, strings: Strings | None = None, port: str | None = None
) -> tuple[AttachedDevice, ...]:
    """All attached devices but hubs as libusb sees them: for systems without sysfs.

    strings: manufacturer, product and serial by bus and device number, so that each device is asked once.
    port: only the device on this port is looked at. A device that cannot be read is left out.
    """
    known = {} if strings is None else strings
    found = []
    for device in backend.enumerate_devices():
        try:
            descriptor = backend.get_device_descriptor(device)
            name = _port(descriptor)
            if descriptor.bDeviceClass != HUB_CLASS and name is not None and port in (None, name):
                found.append(_snapshot(backend, device, descriptor, name, known))
        except BROKEN as error:  # one that is just leaving, or whose descriptors are broken
            logger.debug("a device cannot be read: %s", error)
    return tuple(sorted(found, key=lambda d: d.port))


def _port(descriptor: Any) -> Port | None:
    """The kernel's way of naming it; None for a root hub."""
    if not descriptor.port_numbers:
        return None
    return Port(f"{descriptor.bus}-{'.'.join(str(number) for number in descriptor.port_numbers)}")


def _strings(backend: Any, device: Any, descriptor: Any) -> tuple[str, str, str]:
    """Manufacturer, product and serial number; empty where there is none or it may not be asked."""
    opened = usb.core.Device(device, backend)
    texts = []
    try:
        for index in (descriptor.iManufacturer, descriptor.iProduct, descriptor.iSerialNumber):
            texts.append(usb.util.get_string(opened, index) or "" if index else "")
    except BROKEN:
        texts = ["", "", ""]
    finally:
        usb.util.dispose_resources(opened)
    return texts[0], texts[1], texts[2]


def _snapshot(backend: Any, device: Any, descriptor: Any, port: Port, known: Strings) -> AttachedDevice:
    key = (descriptor.bus, descriptor.address, descriptor.idVendor, descriptor.idProduct)
    if key not in known:
        known[key] = _strings(backend, device, descriptor)
    manufacturer, product, serial = known[key]
    configuration = _active_configuration(backend, device)
    configurations = _configurations(backend, device, descriptor.bNumConfigurations)
    return AttachedDevice(
        port=port,
        id=UsbId(descriptor.idVendor, descriptor.idProduct),
        bus=descriptor.bus,
        device_number=descriptor.address,
        device_class=descriptor.bDeviceClass,
        configuration=configuration,
        interfaces=configurations.get(configuration, ()),
        manufacturer=manufacturer,
        product=product,
        serial=serial,
        mbim_configuration=_mbim_configuration(configurations),
        configurations=tuple(configurations),
    )


def _active_configuration(backend: Any, device: Any) -> int:
    """Active configuration; the first one where the device may not be opened to ask."""
    try:
        handle = backend.open_device(device)
    except (USBError, NotImplementedError):
        return int(backend.get_configuration_descriptor(device, 0).bConfigurationValue)
    try:
        return int(backend.get_configuration(handle))
    except USBError:
        return 0
    finally:
        backend.close_device(handle)


def _configurations(backend: Any, device: Any, count: int) -> dict[int, tuple[Interface, ...]]:
    """Interfaces, alternate setting 0, by bConfigurationValue."""
    found = {}
    for index in range(count):
        configuration = backend.get_configuration_descriptor(device, index)
        found[int(configuration.bConfigurationValue)] = tuple(
            _interface(backend, device, number, index) for number in range(configuration.bNumInterfaces)
        )
    return found


def _mbim_configuration(configurations: dict[int, tuple[Interface, ...]]) -> int | None:
    for value, interfaces in configurations.items() if len(configurations) > 1 else ():
        if any((i.interface_class, i.subclass) == MBIM for i in interfaces):
            return value
    return None


def _interface(backend: Any, device: Any, number: int, configuration: int) -> Interface:
    descriptor = backend.get_interface_descriptor(device, number, 0, configuration)
    bulk: dict[bool, int] = {}
    for index in range(descriptor.bNumEndpoints):
        endpoint = backend.get_endpoint_descriptor(device, index, number, 0, configuration)
        if endpoint.bmAttributes & 3 == BULK:
            bulk.setdefault(bool(endpoint.bEndpointAddress & 0x80), endpoint.bEndpointAddress)
    return Interface(
        descriptor.bInterfaceNumber,
        descriptor.bInterfaceClass,
        descriptor.bInterfaceSubClass,
        descriptor.bInterfaceProtocol,
        bulk.get(False),
        bulk.get(True),
    )
