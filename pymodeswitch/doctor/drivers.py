"""Kernel drivers: does each interface of a switched stick have one, and will the target have one?

Which module takes what is asked of the kernel's own aliases. The short lists here only give names to what
this kernel does not have.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..nouns.model import MASS_STORAGE_CLASS, Interface, UsbId
from .computer import Computer
from .examined_stick import ExaminedStick
from .findings import Finding
from .modules import Modules

VENDOR_CLASS, CDC_CLASS, CDC_DATA_CLASS, WIRELESS_CLASS, MISCELLANEOUS_CLASS = 0xFF, 0x02, 0x0A, 0xE0, 0xEF
ADB = (0xFF, 0x42, 0x01)  # Android's debug bridge: for programs, never for a driver

# For interfaces that no module of this kernel takes. Class codes: CDC 1.2, table 4; usb.org's class codes.
USUAL: dict[tuple[int, int, int | None], str] = {
    (CDC_CLASS, 0x02, 0xFF): "rndis_host",
    (CDC_CLASS, 0x02, None): "cdc_acm",
    (CDC_CLASS, 0x06, None): "cdc_ether",
    (CDC_CLASS, 0x0D, None): "cdc_ncm",
    (CDC_CLASS, 0x0E, None): "cdc_mbim",
    (WIRELESS_CLASS, 0x01, 0x03): "rndis_host",
    (MISCELLANEOUS_CLASS, 0x04, 0x01): "rndis_host",
}
HUAWEI = 0x12D1
HUAWEI_NCM = {(VENDOR_CLASS, *rest) for rest in ((2, 0x16), (2, 0x46), (2, 0x76), (3, 0x16))}
# The kernel's configuration (drivers/*/Kconfig), and OpenWrt's package.
PACKAGES = {
    "option": ("CONFIG_USB_SERIAL_OPTION", "kmod-usb-serial-option"),
    "cdc_acm": ("CONFIG_USB_ACM", "kmod-usb-acm"),
    "cdc_ether": ("CONFIG_USB_NET_CDCETHER", "kmod-usb-net-cdc-ether"),
    "cdc_ncm": ("CONFIG_USB_NET_CDC_NCM", "kmod-usb-net-cdc-ncm"),
    "cdc_mbim": ("CONFIG_USB_NET_CDC_MBIM", "kmod-usb-net-cdc-mbim"),
    "huawei_cdc_ncm": ("CONFIG_USB_NET_HUAWEI_CDC_NCM", "kmod-usb-net-huawei-cdc-ncm"),
    "qmi_wwan": ("CONFIG_USB_NET_QMI_WWAN", "kmod-usb-net-qmi-wwan"),
    "rndis_host": ("CONFIG_USB_NET_RNDIS_HOST", "kmod-usb-net-rndis"),
}
# These make no port and no network card of a stick.
BESIDE = {"usb-storage", "uas", "usbhid", "usbfs"}


def check_system(modules: Modules, computer: Computer) -> Iterator[Finding]:
    """Whether modules can be loaded at all."""
    if modules.folder or not computer.read("/proc/modules"):
        return  # a kernel without any module loaded may have all built in
    kept = [name for name in computer.names("/lib/modules") if name != computer.release]
    if computer.in_container:
        cure = "docker run -v /lib/modules:/lib/modules:ro ..."
        text = f"/lib/modules/{computer.release} is not there: which drivers the host has cannot be told"
    elif kept:
        cure = "reboot"
        text = f"the modules of the running kernel {computer.release} are gone: was the kernel upgraded?"
    else:
        cure = None
        text = f"the modules of the running kernel {computer.release} are not installed"
    yield Finding("no-modules", text, cure)


def check(stick: ExaminedStick, modules: Modules, computer: Computer) -> Iterator[Finding]:
    """The drivers of the interfaces, or those of the stick's target while it is in storage mode."""
    if stick.in_storage_mode:
        yield from _target(stick, modules, computer)
        return
    useful = any(i.driver is not None and i.driver not in BESIDE for i in stick.device.interfaces)
    for interface in stick.device.interfaces:
        if interface.driver is not None:
            what = (
                f"interface {interface.number} ({_class_text(interface)}) has the driver {interface.driver}"
            )
            yield stick.finding("driver", what)
        elif modules.folder:
            yield from _without(stick, interface, modules, computer, useful=useful)


def _without(
    stick: ExaminedStick, interface: Interface, modules: Modules, computer: Computer, *, useful: bool
) -> Iterator[Finding]:
    """An interface that has no driver: why, and what to do."""
    if computer.read(f"{stick.folder(interface.number)}/authorized") == "0":
        return  # said elsewhere
    code = (interface.interface_class, interface.subclass, interface.protocol)
    if interface.interface_class in (MASS_STORAGE_CLASS, CDC_DATA_CLASS) or code == ADB:
        return  # storage is not what it is for; a data interface belongs to its control interface
    what = f"interface {interface.number} ({_class_text(interface)})"
    known = modules.for_modalias(computer.read(f"{stick.folder(interface.number)}/modalias", 4096))
    if not known:
        yield from _unknown(stick, interface, what, modules, computer, useful=useful)
        return
    missing = [name for name in known if not modules.is_loaded(name)]
    # Drivers that share a vendor's interfaces (option, qmi_wwan) leave them to each other.
    if missing == list(known) or (missing and interface.interface_class == VENDOR_CLASS):
        yield _not_loaded(stick, what, missing, modules)
    elif useful and interface.interface_class == VENDOR_CLASS:
        text = f"{what} is not bound to {' or '.join(known)}; others of this device have a driver"
        yield stick.finding("interface-unused", text)
    else:
        name = stick.folder(interface.number).rpartition("/")[2]
        driver = (*modules.drivers(known[0]), known[0])[0]
        off = computer.read("/sys/bus/usb/drivers_autoprobe") == "0"
        why = ": the kernel is told not to bind drivers by itself" if off else ""
        text = f"{what} is not bound to {' or '.join(known)}, which is loaded{why}"
        yield stick.finding("driver-not-bound", text, f"echo {name} > /sys/bus/usb/drivers/{driver}/bind")


def _not_loaded(stick: ExaminedStick, what: str, missing: list[str], modules: Modules) -> Finding:
    for name in missing:
        place = modules.kept_out_by(name)
        if place is not None:
            text = f"{what} needs {name}, which is kept from loading by {place}"
            return stick.finding(
                "driver-blacklisted", text, f"take {name} out of {place}, then: modprobe {name}"
            )
    text = f"{what} needs {' or '.join(missing)}, which is not loaded"
    return stick.finding("driver-not-loaded", text, f"modprobe -a {' '.join(missing)}")


def _unknown(
    stick: ExaminedStick,
    interface: Interface,
    what: str,
    modules: Modules,
    computer: Computer,
    *,
    useful: bool,
) -> Iterator[Finding]:
    """An interface that no module of this kernel takes."""
    usual = _usual(stick.device.id, interface)
    if usual is not None:
        if not modules.is_there(usual):
            text = f"{what} needs {usual}, which this kernel does not have"
            yield stick.finding("driver-not-built", text, _package(usual, computer))
    elif interface.interface_class != VENDOR_CLASS:
        return
    elif useful:
        text = f"no driver takes {what}; others of this device have one, so this may be as it should be"
        yield stick.finding("interface-unused", text)
    elif modules.is_there("option"):
        text = f"no driver of this kernel knows {stick.device.id}; the ports of a modem work with option"
        yield stick.finding("driver-needs-id", text, new_id(stick.device.id))
    else:
        text = f"no driver takes {what}; a modem needs option, which this kernel does not have"
        yield stick.finding("driver-not-built", text, _package("option", computer))


def new_id(usb_id: UsbId) -> str:
    """The command that makes option take an ID that it does not know, until the next boot."""
    target = "/sys/bus/usb-serial/drivers/option1/new_id"
    return f"modprobe option && echo {usb_id.vendor:04x} {usb_id.product:04x} > {target}"


def _usual(usb_id: UsbId, interface: Interface) -> str | None:
    exact = (interface.interface_class, interface.subclass, interface.protocol)
    if usb_id.vendor == HUAWEI and exact in HUAWEI_NCM:
        return "huawei_cdc_ncm"
    return USUAL.get(exact) or USUAL.get((interface.interface_class, interface.subclass, None))


def _package(module: str, computer: Computer) -> str:
    """Where a module is to be had."""
    config, package = PACKAGES[module]
    if computer.exists("/etc/openwrt_release"):
        return f"apk add {package}" if computer.exists("/usr/bin/apk") else f"opkg install {package}"
    system = computer.read("/etc/os-release")
    if "ID=ubuntu" in system.splitlines():
        return f"apt-get install linux-modules-extra-{computer.release}"
    if "ID=debian" in system.splitlines() and "cloud" in computer.release:
        return f"apt-get install linux-image-{computer.release.rpartition('-')[2]}"
    return f"use a kernel with {config} (OpenWrt: {package})"


def _target(stick: ExaminedStick, modules: Modules, computer: Computer) -> Iterator[Finding]:
    """Whether this kernel has drivers for what the stick switches to, as far as that is known."""
    entry = stick.entry
    if entry is None or not modules.folder:
        return
    wanted = entry.device_file.target_class
    known: list[str] = []
    for target in entry.targets or (stick.device.id,):
        known += modules.for_target(target, wanted)
    known = [name for name in dict.fromkeys(known) if name not in ("usb_storage", "uas")]
    targets = ", ".join(map(str, entry.targets[:4])) + (" ..." if len(entry.targets) > 4 else "")
    what = targets or f"class 0x{wanted or 0:02x}"
    if known:
        blocked = {name: place for name in known if (place := modules.kept_out_by(name)) is not None}
        if len(blocked) == len(known):
            name, place = next(iter(blocked.items()))
            text = f"{what}, which it switches to, needs {name}, which is kept from loading by {place}"
            yield stick.finding("target-driver-missing", text, f"take {name} out of {place}")
        else:
            names = ", ".join(name for name in known if name not in blocked)
            yield stick.finding("target-driver", f"{what}, which it switches to, is known to {names}")
    elif wanted == CDC_CLASS:
        text = f"{what}, which it switches to, needs cdc_acm, which this kernel does not have"
        yield stick.finding("target-driver-missing", text, _package("cdc_acm", computer))
    elif wanted == VENDOR_CLASS and not modules.is_there("option"):
        text = f"{what}, which it switches to, needs option, which this kernel does not have"
        yield stick.finding("target-driver-missing", text, _package("option", computer))
    elif wanted == VENDOR_CLASS and entry.targets:
        text = f"no driver of this kernel knows {what}, which it switches to; a modem works with option"
        yield stick.finding("target-driver-unknown", text, new_id(entry.targets[0]))


def _class_text(interface: Interface) -> str:
    return f"class {interface.interface_class:02x}/{interface.subclass:02x}/{interface.protocol:02x}"
