"""A computer as a tree of files, healthy until a test spoils it; with a stick or without."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pymodeswitch.catalog.catalog import Catalog
from pymodeswitch.doctor import Computer, Finding, examine
from pymodeswitch.system.installation import install, layout, system_files
from pymodeswitch.system.root import Root
from pymodeswitch.system.udev_rules import own_command
from pymodeswitch.virtual import SimulatedClock
from pymodeswitch.virtual.descriptors import Identity, Interface

RELEASE = "6.1.0-44-amd64"
PORT = "1-1"

# Lines as depmod writes them.
ALIASES = """\
# Aliases extracted from modules themselves.
alias usb:v*p*d*dc*dsc*dp*ic02isc02ip01in* cdc_acm
alias usb:v*p*d*dc*dsc*dp*ic08isc06ip50in* usb_storage
alias usb:v12D1p*d*dc*dsc*dp*icFFisc02ip16in* huawei_cdc_ncm
alias usb:v19D2p1203d*dc*dsc*dp*icFFisc*ip*in* option
alias usb:v19D2p0031d*dc*dsc*dp*icFFisc*ip*in* option
alias usb:v19D2p0031d*dc*dsc*dp*icFFiscFFipFFin04* qmi_wwan
alias pci:v00008086d00001237sv*sd*bc*sc*i* option
"""
DEP = """\
kernel/drivers/usb/class/cdc-acm.ko.xz:
kernel/drivers/usb/storage/usb-storage.ko.xz: kernel/drivers/scsi/scsi_mod.ko.xz
kernel/drivers/usb/serial/option.ko.xz:
kernel/drivers/net/usb/qmi_wwan.ko.xz:
kernel/drivers/net/usb/huawei_cdc_ncm.ko.xz:
"""


class Library:
    """What ctypes has of libusb, as far as it is asked."""

    class _Function:
        def __call__(self) -> Any:
            class Pointer:
                class contents:  # noqa: N801  # ctypes' name
                    major, minor, micro = 1, 0, 27

            return Pointer

    def __init__(self, path: str) -> None:
        self._name = path
        self.libusb_get_version = self._Function()


class Backend:
    """pyusb's backend with that library."""

    def __init__(self, path: str = "/usr/lib/libusb-1.0.so.0") -> None:
        self.lib = Library(path)


class FakeComputer(Computer):
    """One that says what may be opened: tests may run as root, who may open all."""

    forbidden: frozenset[str] = frozenset()

    def may_open(self, path: str) -> bool:
        return path not in self.forbidden


class Tree:
    """Files below a folder. Everything that a test writes replaces what was there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.asked: list[Sequence[str]] = []
        self.answers: dict[str, str] = {}
        self.forbidden: set[str] = set()
        for folder in (
            "/sys/bus/usb/devices",
            "/dev/bus/usb",
            "/sys/kernel",
            "/sys/module/cdc_acm/drivers",
        ):
            self.folder(folder)
        self.folder("/sys/module/usb_storage/drivers/usb:usb-storage")
        self.folder("/sys/module/cdc_acm/drivers/usb:cdc_acm")
        self.write("/run/udev/control")
        self.write("/etc/os-release", "ID=debian\n")
        self.write(f"/lib/modules/{RELEASE}/modules.alias", ALIASES)
        self.write(f"/lib/modules/{RELEASE}/modules.dep", DEP)
        self.write("/proc/modules", "cdc_acm 45056 0 - Live 0x0000000000000000\n")
        self.write("/proc/cmdline", "quiet")
        self.write("/proc/self/uid_map", "         0          0 4294967295\n")
        self.write("/proc/self/status", "Name:\tpython\nCapEff:\t000001ffffffffff\n")
        self.write("/proc/self/mountinfo", "22 28 0:21 / /proc rw,relatime - proc proc rw\n")
        self.process(1, "systemd")

    def install(self) -> None:
        """Rules and units, as `pymodeswitch system install` does."""
        root = Root(str(self.root))
        places = layout(root, "/usr/local")
        install(root, places, system_files(root, places, own_command()), force=True)

    def at(self, path: str) -> Path:
        """Where a path of that computer is."""
        return self.root / path.lstrip("/")

    def folder(self, path: str) -> None:
        self.at(path).mkdir(parents=True, exist_ok=True)

    def write(self, path: str, text: str | bytes = "") -> None:
        self.remove(path)
        self.at(path).parent.mkdir(parents=True, exist_ok=True)
        self.at(path).write_bytes(text if isinstance(text, bytes) else text.encode())

    def link(self, path: str, target: str) -> None:
        self.remove(path)
        self.at(path).parent.mkdir(parents=True, exist_ok=True)
        self.at(path).symlink_to(target)

    def remove(self, path: str) -> None:
        at = self.at(path)
        if at.is_dir() and not at.is_symlink():
            shutil.rmtree(at)
        else:
            at.unlink(missing_ok=True)

    def process(
        self, pid: int, name: str, state: str = "S", opens: Sequence[str] = (), stack: str = ""
    ) -> None:
        """A process, with what it has open; its stack is what root sees of where it waits."""
        self.write(f"/proc/{pid}/stat", f"{pid} ({name}) {state} 1 1 1 0 -1")
        self.write(f"/proc/{pid}/comm", f"{name[:15]}\n")
        if stack:
            self.write(f"/proc/{pid}/stack", stack)
        for number, path in enumerate(opens, 3):
            self.link(f"/proc/{pid}/fd/{number}", path)

    def plug(
        self, identity: Identity, port: str = PORT, *, number: int = 2, configuration: int = 1
    ) -> None:
        """A device as the kernel shows it, without drivers."""
        folder = f"/sys/bus/usb/devices/{port}"
        raw = identity.to_bytes() + b"".join(c.to_bytes() for c in identity.configurations)
        self.write(f"{folder}/descriptors", raw)
        bus = port.partition("-")[0]
        texts = {"busnum": bus, "devnum": str(number), "authorized": "1"}
        texts["bConfigurationValue"] = str(configuration) if configuration else ""
        texts["manufacturer"] = identity.manufacturer
        for name, text in texts.items():
            self.write(f"{folder}/{name}", f"{text}\n")
        self.write(f"{folder}/power/control", "on\n")
        self.write(f"/sys/bus/usb/devices/usb{bus}/authorized_default", "1\n")
        self.write(f"/dev/bus/usb/{int(bus):03}/{number:03}")
        for interface in identity.configurations[0].interfaces if configuration else ():
            self._interface(f"{folder}:{configuration}.{interface.number}", identity, interface)

    def _interface(self, folder: str, identity: Identity, interface: Interface) -> None:
        ids = f"v{identity.vendor:04X}p{identity.product:04X}d0000dc00dsc00dp00"
        codes = f"ic{interface.interface_class:02X}isc{interface.subclass:02X}ip{interface.protocol:02X}"
        self.write(f"{folder}/modalias", f"usb:{ids}{codes}in{interface.number:02X}\n")
        self.write(f"{folder}/authorized", "1\n")

    def bind(self, interface: str, driver: str) -> None:
        """Bind a driver to an interface, such as `1-1:1.0`."""
        self.link(f"/sys/bus/usb/devices/{interface}/driver", f"../../../../bus/usb/drivers/{driver}")

    def storage(
        self, interface: str = f"{PORT}:1.0", *, kind: int = 5, disks: Mapping[str, str] | None = None
    ) -> str:
        """What usb-storage makes of an interface: a CD-ROM sr0 unless other disks are given."""
        unit = f"/sys/bus/usb/devices/{interface}/host2/target2:0:0/2:0:0:0"
        texts = {"type": str(kind), "vendor": "ZTE", "model": "USB SCSI CD-ROM", "rev": "2.31"}
        for name, text in (texts | {"iodone_cnt": "0x4"}).items():
            self.write(f"{unit}/{name}", f"{text}\n")
        for disk, device in (disks or {"sr0": "11:0"}).items():
            self.write(f"{unit}/block/{disk}/dev", f"{device}\n")
        self.folder(f"{unit}/scsi_generic/sg1")
        host = f"/sys/bus/usb/devices/{interface}/host2/scsi_host/host2"
        self.write(f"{host}/state", "running\n")
        self.write(f"{host}/host_busy", "0\n")
        self.bind(interface, "usb-storage")
        return unit

    def run(self, words: Sequence[str]) -> str | None:
        """Programs: what they say, by their last word."""
        self.asked.append(words)
        return self.answers.get(words[-1])

    def computer(self, *, user: int = 0, environment: Mapping[str, str] | None = None) -> Computer:
        clock = SimulatedClock()
        computer = FakeComputer(
            str(self.root),
            user=user,
            release=RELEASE,
            environment=environment or {},
            run=self.run,
            sleep=clock.sleep,
            clock=clock.now,
        )
        computer.forbidden = frozenset(self.forbidden)
        return computer

    def findings(
        self,
        usb_id: Any = None,
        port: Any = None,
        *,
        catalog: Catalog,
        user: int = 0,
        backend: Backend | None = None,
        at: Computer | None = None,
    ) -> tuple[Finding, ...]:
        """What is found. at: a computer of this tree, a new one by default."""
        return examine(
            usb_id,
            port,
            computer=self.computer(user=user) if at is None else at,
            catalog=catalog,
            load=lambda: Backend() if backend is None else backend,
        )
