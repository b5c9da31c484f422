"""May the device be opened here: sysfs, device nodes, permissions, containers, authorization.

Sources: Documentation/usb/authorization.rst and ABI/testing/sysfs-bus-usb of the kernel;
usbguard(1), usbguard-rules.conf(5); access(2), which the devices cgroup is asked for, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..nouns.model import UsbId
from ..transport.faults import access_rule
from .computer import Computer
from .examined_stick import DEVICES, ExaminedStick
from .findings import Finding

NODES = "/dev/bus/usb"
CONTAINER = "docker run -v /dev/bus/usb:/dev/bus/usb --device-cgroup-rule='c 189:* rmw' ..."  # or podman
CAP_DAC_OVERRIDE = 1 << 1
WHOLE_USER_NAMESPACE = ["0", "0", "4294967295"]

USBGUARD, USBGUARD_FOLDER = "usbguard-daemon", "/etc/usbguard"


def check_system(computer: Computer) -> Iterator[Finding]:
    """sysfs, the folder of device nodes, kernel events."""
    if not computer.exists(DEVICES):
        if not computer.exists("/sys/kernel"):
            yield Finding("no-sysfs", "/sys is not mounted", "mount -t sysfs sysfs /sys")
        elif computer.in_container:
            text = f"{DEVICES} is not there: this container is not shown the host's USB"
            yield Finding("no-sysfs", text, "docker run -v /sys:/sys ...")
        else:
            text = f"{DEVICES} is not there: this kernel has no USB, or the modules are not loaded"
            yield Finding("no-sysfs", text, "modprobe usbcore")
        return
    if not computer.exists(NODES):
        if computer.in_container:
            text, cure = f"{NODES} is not there: this container was not given it", CONTAINER
        else:
            text, cure = f"{NODES} is not there, so no device can be opened", "mount -t devtmpfs dev /dev"
        yield Finding("no-usb-nodes", text, cure)
    mapping = computer.read("/proc/self/uid_map", 4096).split()
    if mapping and mapping != WHOLE_USER_NAMESPACE:
        text = "this user namespace hears no kernel events: what waits for a stick looks again and again"
        yield Finding("no-kernel-events", text, "docker run --userns=host --network=host ...")


def check(stick: ExaminedStick, computer: Computer) -> Iterator[Finding]:
    """Whether the kernel uses the device, and whether this user may open it."""
    yield from _authorized(stick, computer)
    node = stick.device.node
    if not computer.exists(NODES):
        return  # said of the system
    if computer.exists(node) and computer.may_open(node):
        yield stick.finding("permitted", f"you may open {node}")
        return
    name, text, cure = _barred(stick, node, computer)
    storage = (path for unit in stick.units for path in unit.nodes if computer.exists(path))
    past = next((path for path in storage if computer.may_open(path)), None)
    # docs/storage-driver.md
    beside = f"; plain SCSI commands such as an eject can go through {past}" if past is not None else ""
    yield stick.finding(name, text + beside, cure)


def _barred(stick: ExaminedStick, node: str, computer: Computer) -> tuple[str, str, str]:
    """Why the device node cannot be opened: the finding's name, its text, its cure."""
    if not computer.exists(node):
        if computer.in_container:
            return "no-node", f"{node} is not there: this container does not get new nodes", CONTAINER
        return "no-node", f"{node} is not there", "udevadm trigger --subsystem-match=usb"
    if computer.user != 0:
        text = f"you may not open {node}: run as root, or allow it with this udev rule"
        return "no-permission", text, access_rule(stick.device.id)
    if not _overrides_modes(computer):
        text = f"root may not open {node}: it has lost the capability CAP_DAC_OVERRIDE"
        return "no-permission", text, access_rule(stick.device.id)
    text = f"root may not open {node}: the devices cgroup (or a security module) denies it"
    return "denied", text, CONTAINER if computer.in_container else "DeviceAllow=char-usb_device rw"


def _overrides_modes(computer: Computer) -> bool:
    """Whether this process passes over file modes, as root does; so it seems where nobody can tell."""
    match = re.search(r"^CapEff:\s*([0-9a-f]+)$", computer.read("/proc/self/status", 65536), re.MULTILINE)
    return match is None or bool(int(match[1], 16) & CAP_DAC_OVERRIDE)


def _authorized(stick: ExaminedStick, computer: Computer) -> Iterator[Finding]:
    guarded = computer.has_process(USBGUARD)
    if computer.read(f"{stick.folder()}/authorized") == "0":
        by = ": USBGuard runs, and blocks it" if guarded else ""
        allow = f"usbguard allow-device 'id {stick.device.id}'"
        cure = allow if guarded else f"echo 1 > {stick.folder()}/authorized"
        yield stick.finding("not-authorized", f"the device is not authorized{by}", cure)
        return
    if stick.device.configuration == 0:
        text = "the device has no active configuration, so it has no interfaces either"
        yield stick.finding("unconfigured", text, f"echo 1 > {stick.folder()}/bConfigurationValue")
    for interface in stick.device.interfaces:
        folder = stick.folder(interface.number)
        if computer.read(f"{folder}/authorized") == "0":
            name = folder.rpartition("/")[2]
            cure = f"echo 1 > {folder}/authorized && echo {name} > /sys/bus/usb/drivers_probe"
            yield stick.finding("not-authorized", f"interface {interface.number} is not authorized", cure)
    if stick.in_storage_mode:
        yield from _target_authorized(stick, computer, guarded=guarded)


def _target_authorized(stick: ExaminedStick, computer: Computer, *, guarded: bool) -> Iterator[Finding]:
    """Whether what it switches to will be authorized: it comes as a new device."""
    targets = stick.entry.targets if stick.entry is not None else ()
    if guarded:
        blocked = [target for target in targets if not _allowed(target, computer)]
        if blocked:
            names = ", ".join(map(str, blocked[:4]))
            text = f"USBGuard runs, and no rule of it that can be seen allows {names}, which it switches to"
            yield stick.finding(
                "target-not-authorized", text, f"usbguard append-rule 'allow id {blocked[0]}'"
            )
        return
    bus = f"{DEVICES}/usb{stick.device.bus}"
    if computer.read(f"{bus}/authorized_default") == "0":
        text = f"bus {stick.device.bus} authorizes no new device: what the stick switches to stays unused"
        yield stick.finding("target-not-authorized", text, f"echo 1 > {bus}/authorized_default")


def _allowed(target: UsbId, computer: Computer) -> bool:
    """Whether an allow rule of USBGuard may be for an ID. One without IDs may be for any device."""
    texts = [computer.read(f"{USBGUARD_FOLDER}/rules.conf")]
    for name in computer.names(f"{USBGUARD_FOLDER}/rules.d"):
        texts.append(computer.read(f"{USBGUARD_FOLDER}/rules.d/{name}"))
    fitting = {str(target), f"{target.vendor:04x}:*", "*:*"}
    for line in "\n".join(texts).splitlines():
        if line.split()[:1] == ["allow"]:
            ids = re.findall(r"\b[0-9a-f]{4}:(?:[0-9a-f]{4}|\*)|\*:\*", _before_quotes(line.lower()))
            if not ids or fitting & set(ids):
                return True
    return bool(re.search(r"^ImplicitPolicyTarget=allow", _daemon_settings(computer), re.MULTILINE))


def _before_quotes(rule: str) -> str:
    """A rule without its quoted strings (names, serials), which may look like anything."""
    return re.sub(r'"[^"]*"', '""', rule)


def _daemon_settings(computer: Computer) -> str:
    return computer.read(f"{USBGUARD_FOLDER}/usbguard-daemon.conf")
