"""Who holds a stick: mounts, swap, programs with a node open, programs that claimed an interface, a driver.

Sources: /proc/self/mountinfo (proc_pid_mountinfo(5)), /proc/swaps, /proc/PID/fd, the driver links of sysfs.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from ..host.sysfs import Sysfs
from ..modem.examination import modem_manager_cures
from ..modem.places import MODEM_MANAGER, Places
from .computer import Computer, Process
from .examined_stick import ExaminedStick
from .findings import Finding
from .modules import Modules

UDISKS = "udisksd"


def check_system(computer: Computer) -> Iterator[Finding]:
    """Whether all holders could be seen."""
    if computer.user != 0:
        text = "not root: what the programs of other users hold open cannot be seen"
        yield Finding("holders-unseen", text, "sudo pymodeswitch doctor")


def check(stick: ExaminedStick, modules: Modules, computer: Computer) -> Iterator[Finding]:
    """Everybody who holds one device."""
    yield from _claimed(stick, computer)
    if not stick.in_storage_mode:
        yield from _ports(stick, computer)
        return
    held = [*_mounted(stick, computer), *_open(stick, computer)]
    yield from held
    if stick.units and computer.has_process(UDISKS):
        rule = (
            f'SUBSYSTEM=="block", ENV{{ID_VENDOR_ID}}=="{stick.device.id.vendor:04x}", '
            f'ENV{{ID_MODEL_ID}}=="{stick.device.id.product:04x}", ENV{{UDISKS_IGNORE}}="1"'
        )
        text = "udisks runs and looks at every new medium: this udev rule keeps it away from the stick"
        yield stick.finding("udisks", text, rule)
    if not held:
        yield stick.finding("storage-free", _storage_driver(stick, modules))


def _storage_driver(stick: ExaminedStick, modules: Modules) -> str:
    """Which driver has the storage, or why none has it. All of that is fine."""
    drivers = {i.driver for i in stick.device.interfaces if i.driver is not None}
    if drivers:
        return f"the driver {', '.join(sorted(drivers))} has it, and nobody else"
    if "i" in modules.storage_quirks(stick.device.id):
        return "usb-storage is told to ignore it: nobody holds it"
    place = modules.kept_out_by("usb_storage")
    why = f" (kept from loading by {place})" if place is not None else ""
    return f"no storage driver has it{why}: nobody holds it"


def _claimed(stick: ExaminedStick, computer: Computer) -> Iterator[Finding]:
    numbers = [str(i.number) for i in stick.device.interfaces if i.driver == "usbfs"]
    holders = _others(computer, stick.device.node)
    if numbers:
        who = _who(holders) or "a program that cannot be seen"
        text = f"{who} has claimed interface {', '.join(numbers)} ({stick.device.node})"
        yield stick.finding("held-by-program", text, _end(holders))


def _mounted(stick: ExaminedStick, computer: Computer) -> Iterator[Finding]:
    """Mounts by the number of the block device, swap by its node; and what device-mapper makes of it."""
    numbers = {number: name for unit in stick.units for name, number in unit.disks.items() if number}
    for line in computer.read("/proc/self/mountinfo", 1 << 24).splitlines():
        words = line.split(" ")
        if len(words) > 4 and words[2] in numbers:
            place = _unescaped(words[4])
            text = f"/dev/{numbers[words[2]]} is mounted on {place}"
            yield stick.finding("mounted", text, f"umount {shlex.quote(place)}")
    nodes = {node for unit in stick.units for node in unit.nodes}
    for line in computer.read("/proc/swaps").splitlines()[1:]:
        node = _unescaped(line.split()[0]) if line.split() else ""
        if node in nodes:
            yield stick.finding("mounted", f"{node} is used as swap", f"swapoff {shlex.quote(node)}")
    for name in numbers.values():
        for above in computer.names(f"/sys/class/block/{name}/holders"):
            text = f"/dev/{name} is a part of the block device {above}"
            yield stick.finding("mounted", text, f"dmsetup remove {shlex.quote(above)}")


def _open(stick: ExaminedStick, computer: Computer) -> Iterator[Finding]:
    for node in dict.fromkeys(node for unit in stick.units for node in unit.nodes):
        holders = _others(computer, node)
        if holders:
            yield stick.finding("storage-open", f"{_who(holders)} has {node} open", _end(holders))


def _ports(stick: ExaminedStick, computer: Computer) -> Iterator[Finding]:
    """Programs that use the modem: often wanted (ModemManager), and often why AT gets no answer."""
    nodes = Sysfs(computer.path("/sys")).nodes(stick.device)
    cures = "; ".join(modem_manager_cures(stick.device))
    held_by: set[str] = set()
    for node in nodes:
        holders = _others(computer, f"/dev/{node.name}")
        if node.kind != "net" and holders:
            names = {holder.name for holder in holders}
            text = f"{_who(holders)} has /dev/{node.name} open"
            yield stick.finding("port-open", text, cures if MODEM_MANAGER in names else None)
            held_by |= names
    managed = any(node.kind != "net" for node in nodes) and computer.has_process(MODEM_MANAGER)
    if managed and MODEM_MANAGER not in held_by:
        text = "ModemManager runs: it takes the modem once NetworkManager has a connection for it"
        yield stick.finding("modemmanager", text, cures)
    port = Places(computer.root).dial_port(stick.device)
    if port is not None:
        text = (
            f"/dev/{port.name} is the port to dial with: `pymodeswitch modem {stick.device.port}` asks it"
        )
        yield stick.finding("modem", text)


def _others(computer: Computer, node: str) -> tuple[Process, ...]:
    return computer.open_nodes.get(node, ())


def _who(holders: tuple[Process, ...]) -> str:
    return ", ".join(f"{holder.name} (process {holder.pid})" for holder in holders[:4])


def _end(holders: tuple[Process, ...]) -> str | None:
    return f"kill {' '.join(str(holder.pid) for holder in holders)}" if holders else None


def _unescaped(text: str) -> str:
    """The kernel writes blanks and backslashes of paths as octal: `/media/My\\040CD`."""
    return re.sub(r"\\([0-3][0-7]{2})", lambda match: chr(int(match[1], 8)), text)
