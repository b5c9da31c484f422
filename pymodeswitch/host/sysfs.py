"""Linux's own view of the attached devices: /sys/bus/usb/devices. The root is a parameter.

Files: Documentation/ABI/testing/sysfs-bus-usb and stable/sysfs-bus-usb of the kernel. `descriptors`
holds the device descriptor and all configuration descriptors as the device sent them (USB 2.0, 9.6), so
nothing is asked of the device here. A device may leave while it is read: then it counts as not there.
"""

from __future__ import annotations

import os

from ..nouns.model import HUB_CLASS, MBIM, AttachedDevice, Interface, Node, Port, StorageUnit, UsbId

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DEVICE_DESCRIPTOR_LENGTH = 18
TEXTS = ("manufacturer", "product", "serial")
DEVICE, CONFIGURATION, INTERFACE, ENDPOINT = 1, 2, 4, 5
BULK = 2
MAX_CONFIGURATIONS = 8  # the kernel reads no more of a device (USB_MAXCONFIG of drivers/usb/core/config.c)
MAX_INTERFACES = 32  # nor of a configuration (USB_MAXINTERFACES)

# What a SCSI host shows while nothing is under way, or when it has just left (drivers/scsi/scsi_sysfs.c).
NOT_BUSY = ("0", "")
SOUND_STATES = ("running", "created", "")

# What virtual machines call themselves: systemd-detect-virt(1) has the same list.
DMI_NAMES = ("product_name", "sys_vendor", "board_vendor", "bios_vendor")
VIRTUAL_MAKERS = (
    *("KVM", "QEMU", "OpenStack", "VMware", "VMW", "innotek GmbH", "VirtualBox", "Xen", "Bochs"),
    *("Parallels", "BHYVE", "Hyper-V", "Virtual Machine", "Apple Virtualization"),
)

# Folder below an interface (or below a port of it, as usb-serial has them) -> kind of node.
NODE_KINDS = {"tty": "tty", "net": "net", "usbmisc": "cdc-wdm"}


class Sysfs:
    """The devices below `root` (`/sys`)."""

    def __init__(self, root: str = "/sys") -> None:
        self.root = root
        self.folder = os.path.join(root, "bus/usb/devices")

    def exists(self) -> bool:
        """Whether this system has the folder at all."""
        return os.path.isdir(self.folder)

    def ports(self) -> list[str]:
        """Names of all ports that hold a device, root hubs left out."""
        try:
            names = os.listdir(self.folder)
        except OSError:
            return []
        return sorted((n for n in names if ":" not in n and not n.startswith("usb")), key=_by_number)

    def devices(self) -> tuple[AttachedDevice, ...]:
        """All attached devices but hubs, in the order of their ports."""
        found = (self.at(port) for port in self.ports() if not self._is_hub(port))
        return tuple(d for d in found if d is not None and d.device_class != HUB_CLASS)

    def peer(self, port: Port) -> Port | None:
        """The other port of the same connector (`2-1` for `1-1`); None where the kernel knows of none.

        A USB 3 connector has a port on a USB 2 bus and one on a SuperSpeed bus, on external hubs, too; the
        kernel links them (drivers/usb/core/port.c). None also where a hub is plugged in, which is in both
        ports at once: it is no stick, and asking it for more may wait (`_is_hub`).
        """
        hub, number = _hub_and_number(port)
        name = hub if "-" in hub else f"usb{hub}"
        for interface in names_in(f"{self.folder}/{name}"):
            if interface.startswith(f"{hub}:" if "-" in hub else f"{hub}-0:"):
                try:
                    link = os.readlink(f"{self.folder}/{name}/{interface}/{name}-port{number}/peer")
                except OSError:  # no USB 3, or a kernel before 3.16
                    continue
                peer_hub, _, peer_number = os.path.basename(link).rpartition("-port")
                between = "-" if peer_hub.startswith("usb") else "."
                peer = f"{peer_hub.removeprefix('usb')}{between}{peer_number}"
                return None if self._is_hub(peer) else Port(peer)
        return None

    def _is_hub(self, port: str) -> bool:
        """The kernel holds a hub's lock while it looks after its ports; most attributes wait for that."""
        return _optional(f"{self.folder}/{port}", "bDeviceClass") == f"{HUB_CLASS:02x}"

    def at(self, port: str) -> AttachedDevice | None:
        """The device on a port, None when there is none (or it is just coming or going)."""
        folder = f"{self.folder}/{port}"
        try:
            descriptors = _read_bytes(f"{folder}/descriptors")
            bus = int(_read(folder, "busnum"))
            number = int(_read(folder, "devnum"))
            configuration = int(_read(folder, "bConfigurationValue") or 0)
        except (OSError, ValueError):
            return None
        return attached_device(
            Port(port),
            descriptors,
            bus=bus,
            device_number=number,
            configuration=configuration,
            texts={name: _optional(folder, name) for name in TEXTS},
            driver=lambda interface: self.driver(port, configuration, interface),
        )

    def number(self, port: str) -> int | None:
        """The device number of what is on a port, another one for each stay."""
        value = _optional(f"{self.folder}/{port}", "devnum")
        return int(value) if value.isdecimal() else None

    def connected_s(self, port: str) -> float | None:
        """How long it has been there; None where the kernel does not tell (it has CONFIG_PM nearly always)."""
        value = _optional(f"{self.folder}/{port}", "power/connected_duration")
        return int(value) / 1000 if value.isdecimal() else None

    def driver(self, port: str, configuration: int, interface: int) -> str | None:
        """Name of the kernel driver bound to an interface."""
        try:
            link = os.readlink(f"{self._interface(port, configuration, interface)}/driver")
        except OSError:
            return None
        return link.rpartition("/")[2]

    def is_virtual_machine(self) -> bool:
        """Whether the firmware, or a hypervisor, says that it is one."""
        if _optional(os.path.join(self.root, "hypervisor"), "type"):
            return True
        names = [_optional(os.path.join(self.root, "class/dmi/id"), name) for name in DMI_NAMES]
        return any(maker in name for name in names for maker in VIRTUAL_MAKERS)

    def has_driver(self, name: str) -> bool:
        """Whether the driver is loaded, or built in."""
        return os.path.isdir(os.path.join(self.folder, "../drivers", name))

    def _interface(self, port: str, configuration: int, interface: int) -> str:
        return f"{self.folder}/{port}:{configuration}.{interface}"

    def nodes(self, device: AttachedDevice) -> tuple[Node, ...]:
        """The tty, net and cdc-wdm nodes of a device, by interface and name."""
        found = []
        for interface in device.interfaces:
            folder = self._interface(device.port, device.configuration, interface.number)
            driver = self.driver(device.port, device.configuration, interface.number)
            names = names_in(folder)
            # usb-serial puts a folder ttyUSBn between the interface and `tty`.
            names += [f"{name}/tty" for name in names if name.startswith("ttyUSB")]
            for name in names:
                if kind := NODE_KINDS.get(name.rpartition("/")[2]):
                    for node in names_in(f"{folder}/{name}"):
                        found.append(Node(kind, node, driver, interface.number))
        return tuple(sorted(found, key=lambda node: (node.interface, node.name)))

    def has_interrupt(self, device: AttachedDevice, interface: int) -> bool:
        """Whether an interface has an interrupt endpoint."""
        folder = self._interface(device.port, device.configuration, interface)
        ends = (os.path.join(folder, name) for name in names_in(folder) if name.startswith("ep_"))
        return any(_optional(end, "type") == "Interrupt" for end in ends)

    def scsi_strings(self, device: AttachedDevice) -> tuple[str, str, str] | None:
        """SCSI vendor, model and revision as the storage driver read them; None before it has."""
        for interface in device.interfaces:
            for path in self.scsi_units(device, interface.number):
                try:
                    return _read(path, "vendor"), _read(path, "model"), _read(path, "rev")
                except OSError:
                    continue
        return None

    def storage_units(self, device: AttachedDevice) -> tuple[StorageUnit, ...]:
        """The units that have a node by now; the nodes of the sg driver come first."""
        units = []
        for interface in device.interfaces:
            for path in self.scsi_units(device, interface.number):
                nodes = tuple(
                    (name, _optional(os.path.join(path, kind, name), "dev"))
                    for kind in ("scsi_generic", "block")
                    for name in names_in(os.path.join(path, kind))
                )
                if nodes:
                    units.append(StorageUnit(interface.number, int(path.rpartition(":")[2]), nodes))
        return tuple(units)

    def storage_command(self, device: AttachedDevice) -> tuple[str, ...] | None:
        """What tells the SCSI command that is under way from the next one; None while there is none.

        `host_busy` counts the commands under way, and takes no lock that a hanging one may hold; a `state`
        that is not a sound one says that the kernel is about to end them (port_power.py).
        """
        for interface in device.interfaces:
            for host in self.scsi_hosts(device, interface.number):
                folder = os.path.join(host, "scsi_host", os.path.basename(host))
                busy, state = _optional(folder, "host_busy"), _optional(folder, "state")
                if busy not in NOT_BUSY or state not in SOUND_STATES:
                    units = self.scsi_units(device, interface.number)
                    # A unit that is still being asked what it is has no folder, and no counter, yet.
                    return (host, *(_optional(unit, "iodone_cnt") for unit in units))
        return None

    def scsi_hosts(self, device: AttachedDevice, interface: int) -> list[str]:
        """Folders of the SCSI hosts that a storage driver has made of an interface: one, or none."""
        return _below(self._interface(device.port, device.configuration, interface), "host")

    def scsi_units(self, device: AttachedDevice, interface: int) -> list[str]:
        """Folders of the SCSI units (HOST:CHANNEL:TARGET:LUN) below an interface."""
        return _below(self._interface(device.port, device.configuration, interface), "host", "target", "")


def attached_device(
    port: Port,
    descriptors: bytes,
    *,
    bus: int,
    device_number: int,
    configuration: int,
    texts: Mapping[str, str],
    driver: Callable[[int], str | None] = lambda interface: None,
) -> AttachedDevice | None:
    """The device that these descriptors are of, None when they are too short.

    texts: its manufacturer, product and serial. driver: names the driver of an interface.
    """
    if len(descriptors) < DEVICE_DESCRIPTOR_LENGTH:
        return None
    return AttachedDevice(
        port=port,
        id=UsbId(int.from_bytes(descriptors[8:10], "little"), int.from_bytes(descriptors[10:12], "little")),
        bus=bus,
        device_number=device_number,
        device_class=descriptors[4],
        configuration=configuration,
        interfaces=tuple(
            Interface(*found, driver(found[0])) for found in parse_interfaces(descriptors, configuration)
        ),
        mbim_configuration=mbim_configuration(descriptors),
        configurations=tuple(configuration_values(descriptors)),
        manufacturer=texts["manufacturer"],
        product=texts["product"],
        serial=texts["serial"],
    )


def parse_interfaces(
    descriptors: bytes, configuration: int
) -> list[tuple[int, int, int, int, int | None, int | None]]:
    """Interfaces of one configuration, alternate setting 0, from raw descriptors.

    Each as (number, class, subclass, protocol, first bulk OUT, first bulk IN), as many as the kernel
    reads. A descriptor with a length below 2, or a cut one, ends the walk.
    """
    found: list[list[int | None]] = []
    active = inside = False
    at = 0
    while at + 2 <= len(descriptors):
        length, kind = descriptors[at], descriptors[at + 1]
        body = descriptors[at : at + length]
        if length < 2 or len(body) < length:
            break
        if kind == CONFIGURATION and length >= 9:
            active, inside = body[5] == configuration, False
        elif kind == INTERFACE and length >= 9 and active:
            inside = body[3] == 0 and len(found) < MAX_INTERFACES
            if inside:
                found.append([body[2], body[5], body[6], body[7], None, None])
        elif kind == ENDPOINT and length >= 7 and inside and body[3] & 3 == BULK:
            place = 5 if body[2] & 0x80 else 4
            if found[-1][place] is None:
                found[-1][place] = body[2]
        at += length
    return [(n or 0, c or 0, s or 0, p or 0, out, in_) for n, c, s, p, out, in_ in found]


def mbim_configuration(descriptors: bytes) -> int | None:
    """Value of the first configuration with an MBIM interface, of a device with several configurations."""
    values = configuration_values(descriptors)
    for value in values if len(values) > 1 else ():
        for _, klass, subclass, *_ in parse_interfaces(descriptors, value):
            if (klass, subclass) == MBIM:
                return value
    return None


def configuration_values(descriptors: bytes) -> list[int]:
    """bConfigurationValue of all configurations, in their order: as many as the kernel reads."""
    values: list[int] = []
    at = descriptors[0] if descriptors else 0
    while at + 9 <= len(descriptors) and descriptors[at + 1] == CONFIGURATION:
        if len(values) == MAX_CONFIGURATIONS:
            break
        values.append(descriptors[at + 5])
        total = int.from_bytes(descriptors[at + 2 : at + 4], "little")
        if total < 9:
            break
        at += total
    return values


def _by_number(port: str) -> list[int]:
    """Sort key that puts 1-2 before 1-10."""
    return [int(part) if part.isdigit() else 0 for part in port.replace("-", ".").split(".")]


def _hub_and_number(port: str) -> tuple[str, str]:
    """The hub's port and the number of the port on it: `1-2` and `4` for `1-2.4`, `1` and `2` for `1-2`."""
    hub, _, number = port.rpartition("." if "." in port else "-")
    return hub, number


def _below(folder: str, *prefixes: str) -> list[str]:
    folders = [folder]
    for prefix in prefixes:
        folders = [
            os.path.join(f, name)
            for f in folders
            for name in names_in(f)
            if name.startswith(prefix) and (prefix or name.count(":") == 3)
        ]
    return folders


def names_in(folder: str) -> list[str]:
    """What is in a folder, sorted; nothing where there is none."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _read_bytes(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.read()


def _read(folder: str, name: str) -> str:
    return _read_bytes(f"{folder}/{name}").decode("utf-8", "replace").strip()


def _optional(folder: str, name: str) -> str:
    try:
        return _read(folder, name)
    except OSError:  # a device without that string has no such file
        return ""
