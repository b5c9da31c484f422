"""What the sender sees of Linux, over a virtual bus: sysfs, the nodes of devices, usbfs, the clock.

usbfs is strict: a call with a number that it does not know, or of another size than the number says, fails
the test. What is behind it is the virtual pyusb backend, so both ways meet the same sticks.
"""

from __future__ import annotations

import ctypes
import errno
import shutil
import struct
from array import array
from pathlib import Path
from typing import Any

import pytest
from usb.core import USBError

from pymodeswitch.early import plugged_stick, sender, usbfs
from pymodeswitch.virtual import Attached, VirtualBackend


def show(sysfs: Path, port: str, attached: Attached | None) -> None:
    """Bring a folder up to date with what is on a port of a virtual bus."""
    devices = sysfs / "bus/usb/devices"
    for old in devices.glob(f"{port}*"):
        shutil.rmtree(old)
    if attached is None:
        return
    (devices / port).mkdir(parents=True)
    identity, value = attached.stick.identity, attached.stick.configuration_value
    raw = identity.to_bytes() + b"".join(c.to_bytes() for c in identity.configurations)
    (devices / port / "descriptors").write_bytes(raw)
    texts = {
        "busnum": port.partition("-")[0],
        "devnum": str(attached.address),
        "bConfigurationValue": str(value) if value else "",
        "bDeviceClass": f"{identity.device_class:02x}",
        "manufacturer": identity.manufacturer,
        "product": identity.product_name,
        "serial": identity.serial,
    }
    for name, text in texts.items():
        if text:
            (devices / port / name).write_text(f"{text}\n")
    for interface, driver in attached.drivers.items():
        folder = devices / f"{port}:{value}.{interface}"
        folder.mkdir()
        (folder / "driver").symlink_to(f"../../../../bus/usb/drivers/{driver}")
        if driver == "cdc_acm" and interface % 2 == 0:
            (folder / f"tty/ttyACM{interface // 2}").mkdir(parents=True)


class VirtualKernel:
    """sysfs and usbfs in a folder, for the sticks of a virtual bus.

    before_call: called with the name of each call. calls: their names. time is the bus's.
    """

    def __init__(self, backend: VirtualBackend, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.backend, self.bus = backend, backend.bus
        self.folder = folder
        self.sysfs, self.dev, self.state = folder / "sys", folder / "dev", folder / "state"
        self.table = folder / "table"
        self.calls: list[str] = []
        self.times: list[float] = []
        clock = self.bus.clock
        for module in (sender, plugged_stick, usbfs):
            for name, function in (("monotonic", clock.now), ("sleep", clock.sleep)):
                if hasattr(module, name):
                    monkeypatch.setattr(module, name, function)
        self._handles: dict[tuple[int, int], Any] = {}

    def update(self) -> None:
        """What the bus shows now."""
        (self.sysfs / "bus/usb/devices").mkdir(parents=True, exist_ok=True)
        for old in (self.sysfs / "bus/usb/devices").iterdir():
            shutil.rmtree(old)
        shutil.rmtree(self.dev, ignore_errors=True)
        for attached in self.bus.attached():
            show(self.sysfs, attached.port, attached)
            node = self.dev / f"bus/usb/{self.bus.number:03d}/{attached.address:03d}"
            node.parent.mkdir(parents=True, exist_ok=True)
            node.write_text("")

    def send(self, port: str = "1-1", **more: Any) -> str:
        """Run the sender for a port, as udev does; returns what it made of the stick."""
        self.update()
        attached = self.bus.at(port)
        handle = None
        if attached is not None:
            handle = self.backend.open_device(attached)
        try:
            return sender.handle(
                port,
                sysfs=str(self.sysfs),
                dev=str(self.dev),
                state=str(self.state),
                table=str(self.table),
                call=lambda node, code, request: self._ioctl(handle, code, request),
                **more,
            )
        finally:
            if handle is not None:
                self.backend.close_device(handle)

    def _ioctl(self, handle: Any, code: int, request: Any) -> int:
        assert isinstance(request, bytearray) or request == 0, "of bytes a copy would be returned"
        raw = bytes(request) if request else b""
        assert len(raw) == code >> 16 & 0x3FFF, "the size is part of the number"
        started = self.bus.clock.now()
        try:
            return self._carry_out(handle, code, raw, request)
        except USBError as error:
            # What libusb makes ENOENT is ENODATA here: no driver.
            number = errno.ENODATA if code == usbfs.IOCTL and error.errno == errno.ENOENT else error.errno
            raise OSError(number or errno.EIO, "virtual") from error
        finally:
            self.times.append(self.bus.clock.now() - started)

    def _carry_out(self, handle: Any, code: int, raw: bytes, request: Any) -> int:
        backend = self.backend
        attached: Attached = handle.device
        first = struct.unpack_from("<I", raw)[0] if len(raw) >= 4 else 0
        if code == usbfs.GET_DRIVER:
            driver = attached.drivers.get(first) or ("usbfs" if first in attached.taken else "")
            if attached.gone or not driver:
                raise OSError(errno.ENODATA, "none")
            request[4:] = driver.encode().ljust(256, b"\0")
            return 0
        if code == usbfs.IOCTL:
            number, inner, pointer = struct.unpack("<IIQ", raw)
            assert (inner, pointer) == (usbfs.DISCONNECT, 0)
            backend.detach_kernel_driver(handle, number)
            return 1
        if code == usbfs.BULK:
            return self._bulk(handle, raw)
        if code == usbfs.CONTROL:
            kind, ask, value, index, length, timeout, address = struct.unpack("<BBHHHI4xQ", raw)
            assert timeout <= 1000
            data = array("B", ctypes.string_at(address, length))
            read = backend.ctrl_transfer(handle, kind, ask, value, index, data, timeout)
            ctypes.memmove(address, bytes(data), length)
            return read
        if code == usbfs.SET_INTERFACE:
            number, setting = struct.unpack("<II", raw)
            backend.set_interface_altsetting(handle, number, setting)
            return 0
        calls = {
            usbfs.CLAIM_INTERFACE: backend.claim_interface,
            usbfs.RELEASE_INTERFACE: backend.release_interface,
            usbfs.SET_CONFIGURATION: backend.set_configuration,
            usbfs.CLEAR_HALT: backend.clear_halt,
        }
        if code == usbfs.RESET:
            backend.reset_device(handle)
        else:
            calls[code](handle, first)
        return 0

    def _bulk(self, handle: Any, raw: bytes) -> int:
        endpoint, length, timeout, address = struct.unpack("<III4xQ", raw)
        assert 0 < timeout <= 3000
        if not endpoint & 0x80:
            data = array("B", ctypes.string_at(address, length))
            return self.backend.bulk_write(handle, endpoint, 0, data, timeout)
        data = array("B", bytes(length))
        read = self.backend.bulk_read(handle, endpoint, 0, data, timeout)
        ctypes.memmove(address, data[:read].tobytes(), read)
        return read
