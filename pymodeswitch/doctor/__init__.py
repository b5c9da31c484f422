"""What is wrong with a stick, or with the system it is plugged into; and what cures it.

`examine` only looks: nothing is sent to a device, and nothing is changed.

    findings.py         what can be found: names, levels
    computer.py         the system below a root: files, processes
    examined_stick.py   a device, its entry, its storage
    modules.py          the kernel's modules and their aliases
    drivers.py          a driver for each interface, or for the target
    holders.py          mounts, programs, drivers that hold it
    access.py           sysfs, device nodes, permissions, containers, authorization
    hazards.py          a storage driver that hangs, autosuspend
    udev_and_systemd.py udev, systemd, the last runs
    files.py            settings and device files
    python.py           compiled files, libusb

Imports switching, system and below.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from ..catalog.catalog import Catalog, default_catalog
from ..host.sysfs import Sysfs
from ..nouns.model import HUB_CLASS, AttachedDevice, Port, UsbId
from ..switching.connector import ports_of
from ..transport.libusb import load_backend
from . import access, drivers, files, hazards, holders, python, udev_and_systemd
from .computer import Computer, in_time
from .examined_stick import ExaminedStick, look_at, targets_of
from .findings import KINDS, Finding, Kind, Level, has_problems
from .modules import Modules

LOOK_S = 5.0  # for a device; a driver that hangs may hold its lock

__all__ = ["KINDS", "Computer", "Finding", "Kind", "Level", "examine", "has_problems"]


def examine(
    usb_id: UsbId | None = None,
    port: Port | None = None,
    *,
    computer: Computer | None = None,
    catalog: Catalog | None = None,
    load: Callable[[], Any] = load_backend,
) -> tuple[Finding, ...]:
    """Look at the system and at one stick, or at all that may be ours; returns all findings.

    usb_id: sticks with that ID, or with a target of its entries. port: the device on that port, whatever
    it is. computer: the system to look at, this one by default. catalog: the device files. load: loads
    libusb; NoLibusbError when there is none.
    """
    computer = Computer() if computer is None else computer
    catalog = default_catalog() if catalog is None else catalog
    modules = Modules(computer)
    settings, found = files.check_settings()
    findings = [*found, *files.check_device_files(catalog)]
    findings += access.check_system(computer)
    findings += drivers.check_system(modules, computer)
    findings += udev_and_systemd.check_system(computer)
    findings += holders.check_system(computer)
    findings += python.check_libusb(computer, load)
    if any(finding.name == "rules" for finding in findings):  # else nobody runs it as root
        findings += python.check_ownership(load)
    folders = python.package_folders()
    findings += python.check_compiled(folders, computer.environment, writing=not sys.dont_write_bytecode)
    attached = _attached(computer)
    findings += [locked for locked in attached if isinstance(locked, Finding)]
    sticks = _sticks(
        [d for d in attached if isinstance(d, AttachedDevice)], usb_id, port, catalog, computer
    )
    if not sticks and (usb_id is not None or port is not None):
        findings.append(_not_attached(usb_id, port))
    for stick in sticks:
        findings += files.check(stick)
        findings += access.check(stick, computer)
        findings += holders.check(stick, modules, computer)
        findings += drivers.check(stick, modules, computer)
        findings += hazards.check(stick, computer)
        findings += udev_and_systemd.check(stick, computer, limit=settings.switches_per_minute)
    return tuple(findings)


def _attached(computer: Computer) -> list[AttachedDevice | Finding]:
    """All devices but hubs; a finding for one that the kernel does not let be looked at."""
    sysfs = Sysfs(computer.path("/sys"))
    found: list[AttachedDevice | Finding] = []
    for name in sysfs.ports():
        answered, device = in_time(partial(sysfs.at, name), LOOK_S)
        if not answered:
            text = "the kernel does not answer what is there: a driver hangs on the device; unplug it"
            found.append(Finding("device-locked", text, port=Port(name)))
        elif device is not None and device.device_class != HUB_CLASS:
            found.append(device)
    return found


def _sticks(
    devices: list[AttachedDevice],
    usb_id: UsbId | None,
    port: Port | None,
    catalog: Catalog,
    computer: Computer,
) -> list[ExaminedStick]:
    """The devices that were asked for; without an ID and a port, all that may be sticks of ours."""
    if port is not None:
        # A stick that has moved to the other port of its connector is meant, too.
        places = ports_of(Sysfs(computer.path("/sys")), port)
        on = [[device for device in devices if device.port == place] for place in places]
        devices = next(filter(None, on), [])
    if usb_id is not None:
        wanted = {usb_id, *targets_of(usb_id, catalog)}
        devices = [device for device in devices if device.id in wanted]
    sticks = [look_at(device, catalog, computer) for device in devices]
    asked = usb_id is not None or port is not None
    return [stick for stick in sticks if asked or stick.concerns_us]


def _not_attached(usb_id: UsbId | None, port: Port | None) -> Finding:
    what = "nothing" if usb_id is None else f"neither {usb_id} nor one of its targets"
    where = "attached" if port is None else f"attached to port {port}"
    return Finding("not-attached", f"{what} is {where}: is it plugged in?", "dmesg | tail", port, usb_id)
