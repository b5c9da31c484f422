"""Where a modem can be talked to: its serial port, who has that open, its network cards.

Only files are read: /sys, /proc, /dev; no node is opened.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import NamedTuple

from ..host.sysfs import Sysfs
from ..nouns.model import AttachedDevice, Node
from .port_link import LINK_NAME

MODEM_MANAGER = "ModemManager"
# Driver of a control channel -> program that asks through it.
CONTROL_TOOLS = {
    "cdc_mbim": "mbimcli -p -d /dev/{} --query-device-caps",
    "qmi_wwan": "qmicli -p -d /dev/{} --dms-get-capabilities",
    "huawei_cdc_ncm": "",  # AT in disguise
}
SIOCGIFADDR = 0x8915  # netdevice(7)


class NamedProcess(NamedTuple):
    """A process by number and name."""

    pid: int
    name: str

    def __str__(self) -> str:
        return f"{self.name} (process {self.pid})"


class NetworkCard(NamedTuple):
    """A network interface of a stick: its IPv4 address and its gateway, empty while there is none."""

    name: str
    is_up: bool
    has_link: bool
    address: str
    gateway: str


class Places:
    """The places below a root folder; this computer's by default."""

    def __init__(self, root: str = "/") -> None:
        self.root = root
        self.sysfs = Sysfs(self.path("/sys"))

    def path(self, path: str) -> str:
        """Where a path of that computer is."""
        return os.path.join(self.root, path.lstrip("/"))

    def dial_port(self, device: AttachedDevice) -> Node | None:
        """The serial port to dial with, as the rule of /dev/gsmmodem chooses it.

        It is the lowest one with an interrupt endpoint; others are for diagnosis, GPS and the like.
        """
        for node in self.sysfs.nodes(device):
            if node.kind == "tty" and self.sysfs.has_interrupt(device, node.interface):
                return node
        return None

    def link_to(self, tty: str) -> str | None:
        """`/dev/gsmmodem` where that leads to a port; None without such a link."""
        for name in self._names("/dev"):
            target = os.path.realpath(self.path(f"/dev/{name}"))
            if name.startswith(LINK_NAME) and os.path.basename(target) == tty:
                return f"/dev/{name}"
        return None

    def holders(self, node: str) -> tuple[NamedProcess, ...]:
        """Who has a device node open, as far as this user may see."""
        found = []
        for process in self.processes():
            folder = f"/proc/{process.pid}/fd"
            if any(self._link(f"{folder}/{name}") == node for name in self._names(folder)):
                found.append(process)
        return tuple(found)

    def processes(self) -> list[NamedProcess]:
        """All processes that can be seen; the kernel keeps 15 characters of a name."""
        found = []
        for name in self._names("/proc"):
            if name.isdigit() and (comm := self._read(f"/proc/{name}/comm")):
                found.append(NamedProcess(int(name), comm))
        return found

    def modem_manager(self) -> NamedProcess | None:
        """The process of ModemManager, if it runs."""
        return next((p for p in self.processes() if p.name == MODEM_MANAGER), None)

    def card(self, name: str) -> NetworkCard:
        """A network interface by name."""
        carrier = self._read(f"/sys/class/net/{name}/carrier")  # cannot be read while it is down
        return NetworkCard(name, carrier != "", carrier == "1", self._address(name), self._gateway(name))

    def _gateway(self, name: str) -> str:
        """The gateway of its default route (proc_net_route: addresses as the machine has them)."""
        for line in self._read("/proc/net/route").splitlines()[1:]:
            words = line.split()
            if len(words) > 2 and words[0] == name and int(words[1], 16) == 0 and int(words[2], 16):
                return socket.inet_ntoa(struct.pack("=I", int(words[2], 16)))
        return ""

    @staticmethod
    def _address(name: str) -> str:
        import fcntl  # not on every system, and this is Linux

        request = struct.pack("256s", name.encode()[:15])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            try:
                answer = fcntl.ioctl(any_socket, SIOCGIFADDR, request)
            except OSError:  # it has none, or has left
                return ""
        return socket.inet_ntoa(answer[20:24])

    def _names(self, path: str) -> list[str]:
        try:
            return sorted(os.listdir(self.path(path)))
        except OSError:
            return []

    def _link(self, path: str) -> str | None:
        try:
            return os.readlink(self.path(path))
        except OSError:
            return None

    def _read(self, path: str) -> str:
        try:
            with open(self.path(path), encoding="utf-8", errors="replace") as file:
                return file.read().strip()
        except OSError:
            return ""
