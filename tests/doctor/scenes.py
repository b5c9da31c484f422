"""What may be wrong: a scene for each finding that a file of the computer decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pymodeswitch.modem.examination import modem_manager_cures
from pymodeswitch.nouns.model import AttachedDevice, Port, UsbId
from pymodeswitch.virtual import mf691
from pymodeswitch.virtual.descriptors import Configuration, Identity, Interface
from tests.doctor.tree import ALIASES, DEP, PORT, RELEASE, Tree

HUB_PORT = "/sys/bus/usb/devices/usb1/1-0:1.0/usb1-port1"
QUIRKS = "/sys/module/usb_storage/parameters/quirks"
DEVICE = f"/sys/bus/usb/devices/{PORT}"
SCSI_HOST = f"{DEVICE}:1.0/host2/scsi_host/host2"
RULES = "/etc/udev/rules.d/41-pymodeswitch.rules"
WANTED = "/etc/systemd/system/paths.target.wants"
UNITS = "/usr/local/lib/systemd/system"
THEIRS = 'ATTR{idVendor}=="19d2", ATTR{idProduct}=="1201", RUN+="usb_modeswitch %k"\n'
MF691 = AttachedDevice(Port(PORT), UsbId(0x19D2, 0x1203), 1, 2)
MODULES = f"/lib/modules/{RELEASE}"


class Scene(NamedTuple):
    """A finding, the computer that has it, and what it says and cures."""

    name: str
    start: str
    spoil: Callable[[Tree], object]
    text: str = ""
    cure: str | None = None


def plug_modem(tree: Tree, vendor: int, product: int, *classes: tuple[int, int, int]) -> None:
    interfaces = tuple(Interface(number, *codes) for number, codes in enumerate(classes))
    tree.plug(Identity(vendor, product, (Configuration(interfaces),)))


def unbind(tree: Tree, *numbers: int) -> None:
    for number in numbers:
        tree.remove(f"{DEVICE}:1.{number}/driver")


def unload(tree: Tree, module: str) -> None:
    tree.remove(f"/sys/module/{module}")


def without_modules(tree: Tree, *modules: str) -> None:
    """A kernel that was built without them."""
    for index, text in (("modules.alias", ALIASES), ("modules.dep", DEP)):
        names = [name.replace("_", mark) for name in modules for mark in "_-"]
        lines = [line for line in text.splitlines() if not any(name in line for name in names)]
        tree.write(f"{MODULES}/{index}", "\n".join(lines))
    for module in modules:
        unload(tree, module)


def with_systemd(tree: Tree) -> None:
    tree.folder("/run/systemd/system")


def hang(tree: Tree) -> None:
    tree.write(QUIRKS, "1234:5678:us")
    tree.write(f"{HUB_PORT}/disable", "0")
    tree.link(f"{DEVICE}/port", "../usb1/1-0:1.0/usb1-port1")
    tree.write(f"{SCSI_HOST}/host_busy", "1\n")
    tree.process(9, "kworker/u4:0+events_unbound", "D", stack="[<0>] scsi_test_unit_ready+0x5e/0xe0")


def container(tree: Tree) -> None:
    tree.write("/run/.containerenv")


def said(tree: Tree, *lines: str) -> None:
    tree.write(f"/run/pymodeswitch/{PORT}", "".join(f"{line}\n" for line in lines))


SCENES = (
    Scene(
        "no-sysfs", "tree", lambda t: t.remove("/sys"), "/sys is not mounted", "mount -t sysfs sysfs /sys"
    ),
    Scene("no-sysfs", "tree", lambda t: t.remove("/sys/bus"), "no USB", "modprobe usbcore"),
    Scene("no-usb-nodes", "stick", lambda t: t.remove("/dev/bus"), "so no device can be opened"),
    Scene("no-kernel-events", "tree", lambda t: t.write("/proc/self/uid_map", "0 1000 1\n"), "looks again"),
    Scene("no-udev", "tree", lambda t: t.remove("/run/udev"), "udev does not run", "pymodeswitch watch"),
    Scene("no-modules", "tree", lambda t: t.remove("/lib/modules"), "are not installed"),
    Scene("not-authorized", "stick", lambda t: t.write(f"{DEVICE}/authorized", "0\n"), "the device is not"),
    Scene(
        "not-authorized",
        "modem",
        lambda t: t.write(f"{DEVICE}:1.2/authorized", "0\n"),
        "interface 2 is not authorized",
        f"echo 1 > {DEVICE}:1.2/authorized && echo 1-1:1.2 > /sys/bus/usb/drivers_probe",
    ),
    Scene(
        "target-not-authorized",
        "stick",
        lambda t: t.write("/sys/bus/usb/devices/usb1/authorized_default", "0\n"),
        "bus 1 authorizes no new device",
        "echo 1 > /sys/bus/usb/devices/usb1/authorized_default",
    ),
    Scene(
        "target-not-authorized",
        "stick",
        lambda t: t.process(70, "usbguard-daemon"),
        "allows 19d2:1203",
        "usbguard append-rule 'allow id 19d2:1203'",
    ),
    Scene(
        "unconfigured",
        "tree",
        lambda t: t.plug(mf691().identity, configuration=0),
        "no active configuration",
        f"echo 1 > {DEVICE}/bConfigurationValue",
    ),
    Scene(
        "no-node", "stick", lambda t: t.remove("/dev/bus/usb/001/002"), "/dev/bus/usb/001/002 is not there"
    ),
    Scene("denied", "stick", lambda t: t.forbidden.add("/dev/bus/usb/001/002"), "devices cgroup"),
    Scene("permitted", "stick", lambda t: None, "you may open /dev/bus/usb/001/002"),
    Scene(
        "held-by-program",
        "stick",
        lambda t: t.bind(f"{PORT}:1.0", "usbfs"),
        "a program that cannot be seen",
    ),
    Scene(
        "held-by-program",
        "stick",
        lambda t: (
            t.bind(f"{PORT}:1.0", "usbfs"),
            t.process(7, "qemu (x) y", opens=["/dev/bus/usb/001/002"]),
        ),
        "qemu (x) y (process 7) has claimed interface 0",
        "kill 7",
    ),
    Scene(
        "autosuspend",
        "stick",
        lambda t: t.write(f"{DEVICE}/power/control", "auto\n"),
        "autosuspend is on",
        f"echo on > {DEVICE}/power/control",
    ),
    Scene(
        "last-run-failed",
        "stick",
        lambda t: said(t, "switch 1.0", "verdict 2.0 11 19d2:1201 on port 1-1 is unchanged"),
        "exit code 11): 19d2:1201 on port 1-1 is unchanged",
        "pymodeswitch --port 1-1 -v",
    ),
    Scene(
        "last-run-failed",
        "stick",
        lambda t: (
            t.folder("/run/systemd/system"),
            t.answers.update({"pymodeswitch.service": "failed\n"}),
        ),
        "pymodeswitch.service has failed",
        "journalctl -u pymodeswitch.service; systemctl reset-failed pymodeswitch.service",
    ),
    Scene(
        "mounted",
        "stick",
        lambda t: t.write("/proc/self/mountinfo", r"40 22 11:0 / /media/My\040CD ro - iso9660 /dev/sr0 ro"),
        "/dev/sr0 is mounted on /media/My CD",
        "umount '/media/My CD'",
    ),
    Scene(
        "mounted",
        "stick",
        lambda t: t.write("/proc/swaps", "Filename Type Size Used Priority\n/dev/sr0 partition 1 0 -2\n"),
        "/dev/sr0 is used as swap",
        "swapoff /dev/sr0",
    ),
    Scene(
        "mounted",
        "stick",
        lambda t: t.folder("/sys/class/block/sr0/holders/dm-0"),
        "/dev/sr0 is a part of the block device dm-0",
        "dmsetup remove dm-0",
    ),
    Scene(
        "storage-open",
        "stick",
        lambda t: t.process(8, "vlc", opens=["/dev/sr0"]),
        "vlc (process 8) has /dev/sr0 open",
        "kill 8",
    ),
    Scene(
        "storage-open", "stick", lambda t: t.process(8, "sg_inq", opens=["/dev/sg1"]), "has /dev/sg1 open"
    ),
    Scene("udisks", "stick", lambda t: t.process(9, "udisksd"), "udisks runs"),
    Scene(
        "storage-hangs",
        "stick",
        hang,
        "kworker/u4:0+events_unbound waits in the kernel",
        f"echo 1234:5678:us,19d2:1201:i > {QUIRKS}; "
        f"echo 1 > {HUB_PORT}/disable; sleep 2; echo 0 > {HUB_PORT}/disable",
    ),
    Scene(
        "storage-hangs",
        "stick",
        lambda t: t.write(f"{SCSI_HOST}/state", "recovery\n"),
        "hangs in a command that the stick does not answer; unplug the stick",
    ),
    Scene("storage-free", "stick", lambda t: None, "the driver usb-storage has it, and nobody else"),
    Scene("entry", "stick", lambda t: None, "its device file is "),
    Scene("switched", "modem", lambda t: None, "it is what 19d2:1201 switches to"),
    Scene(
        "entry-masked",
        "tree",
        lambda t: plug_modem(t, 0x2222, 0x2222, (8, 6, 80)),
        "2222-2222 masks it",
    ),
    Scene(
        "entry-undecided",
        "tree",
        lambda t: plug_modem(t, 0x1111, 0x1111, (8, 6, 80)),
        "only SCSI strings tell",
        "pymodeswitch explain 1111:1111 --port 1-1",
    ),
    Scene(
        "entry-none-fits",
        "tree",
        lambda t: (plug_modem(t, 0x1111, 0x1111, (8, 6, 80)), t.storage()),
        "sVe=LGX is not in the SCSI vendor 'ZTE'",
    ),
    Scene(
        "unknown-stick",
        "tree",
        lambda t: (plug_modem(t, 0x1234, 0x5678, (8, 6, 80)), t.storage()),
        "docs/unknown-stick.md",
        "pymodeswitch try 1234:5678 --port 1-1",
    ),
    Scene("target-driver", "stick", lambda t: None, "19d2:1203, which it switches to, is known to option"),
    Scene(
        "target-driver-missing",
        "stick",
        lambda t: t.write("/etc/modprobe.d/modem.conf", "# no modem\nblacklist option\n"),
        "needs option, which is kept from loading by /etc/modprobe.d/modem.conf",
        "take option out of /etc/modprobe.d/modem.conf",
    ),
    Scene(
        "target-driver-missing",
        "tree",
        lambda t: (
            plug_modem(t, 0x0421, 0x0622, (8, 6, 80)),
            without_modules(t, "option", "qmi_wwan", "huawei"),
        ),
        "0421:0623, which it switches to, needs option, which this kernel does not have",
        "use a kernel with CONFIG_USB_SERIAL_OPTION (OpenWrt: kmod-usb-serial-option)",
    ),
    Scene(
        "target-driver-unknown",
        "tree",
        lambda t: plug_modem(t, 0x0421, 0x0622, (8, 6, 80)),
        "no driver of this kernel knows 0421:0623",
        "modprobe option && echo 0421 0623 > /sys/bus/usb-serial/drivers/option1/new_id",
    ),
    Scene("driver", "modem", lambda t: None, "interface 0 (class 02/02/01) has the driver cdc_acm"),
    Scene(
        "driver-not-bound",
        "modem",
        lambda t: unbind(t, 0),
        "interface 0 (class 02/02/01) is not bound to cdc_acm, which is loaded",
    ),
    Scene(
        "driver-not-loaded",
        "modem",
        lambda t: (unbind(t, 0, 1, 2, 3), unload(t, "cdc_acm")),
        "interface 0 (class 02/02/01) needs cdc_acm",
        "modprobe -a cdc_acm",
    ),
    Scene(
        "driver-blacklisted",
        "modem",
        lambda t: (
            unbind(t, 0),
            unload(t, "cdc_acm"),
            t.write("/proc/cmdline", "modprobe.blacklist=a,cdc-acm"),
        ),
        "kept from loading by the kernel command line",
    ),
    Scene(
        "driver-not-built",
        "modem",
        lambda t: (unbind(t, 0, 1, 2, 3), without_modules(t, "cdc_acm", "option", "huawei", "qmi")),
        "interface 0 (class 02/02/01) needs cdc_acm, which this kernel does not have",
        "use a kernel with CONFIG_USB_ACM (OpenWrt: kmod-usb-acm)",
    ),
    Scene(
        "driver-needs-id",
        "tree",
        lambda t: plug_modem(t, 0x0421, 0x0623, (255, 255, 255), (255, 66, 1)),
        "no driver of this kernel knows 0421:0623",
        "modprobe option && echo 0421 0623 > /sys/bus/usb-serial/drivers/option1/new_id",
    ),
    Scene(
        "interface-unused",
        "tree",
        lambda t: (
            plug_modem(t, 0x0421, 0x0623, (255, 255, 255), (255, 0, 0)),
            t.bind(f"{PORT}:1.0", "qmi_wwan"),
        ),
        "no driver takes interface 1 (class ff/00/00)",
    ),
    Scene(
        "port-open",
        "modem",
        lambda t: t.process(5, "ModemManager", opens=["/dev/ttyACM1", "/dev/ttyACM1"]),
        "ModemManager (process 5) has /dev/ttyACM1 open",
        "; ".join(modem_manager_cures(MF691)),
    ),
    Scene(
        "modemmanager",
        "modem",
        lambda t: t.process(5, "ModemManager"),
        "ModemManager runs: it takes the modem",
        "; ".join(modem_manager_cures(MF691)),
    ),
    Scene(
        "modem",
        "modem",
        lambda t: t.write(f"{DEVICE}:1.0/ep_82/type", "Interrupt\n"),
        "/dev/ttyACM0 is the port to dial with: `pymodeswitch modem 1-1` asks it",
    ),
    Scene("rules", "tree", lambda t: None, f"{RULES} is active"),
    Scene(
        "no-rules",
        "tree",
        lambda t: t.remove(RULES),
        "switched only by hand",
    ),
    Scene(
        "rules-masked",
        "tree",
        lambda t: t.link(RULES, "/dev/null"),
        f"{RULES} masks",
        f"rm {RULES}",
    ),
    Scene(
        "rules-stale",
        "tree",
        lambda t: t.write(RULES, 'ATTR{idVendor}=="19d2", RUN+="pymodeswitch %k"\n'),
        f"{RULES}: it is not what would be installed now",
        "pymodeswitch system install",
    ),
    Scene(
        "rules-stale",
        "tree",
        lambda t: (with_systemd(t), t.write(f"{UNITS}/pymodeswitch.service", "[Unit]\n")),
        f"{UNITS}/pymodeswitch.service is stale",
    ),
    Scene("rules-unread", "tree", lambda t: (t.remove(RULES), t.folder(RULES)), f"{RULES}: cannot be read"),
    Scene(
        "unit-missing",
        "tree",
        lambda t: (with_systemd(t), t.remove(f"{UNITS}/pymodeswitch.service")),
        "pymodeswitch.service is missing; without it nobody sees",
        "pymodeswitch system install",
    ),
    Scene(
        "unit-missing",
        "tree",
        lambda t: (with_systemd(t), t.link("/etc/systemd/system/pymodeswitch.path", "/dev/null")),
        "is masked: a link to /dev/null; without it",
        "rm /etc/systemd/system/pymodeswitch.path",
    ),
    Scene(
        "unit-missing",
        "tree",
        lambda t: (with_systemd(t), t.remove(f"{WANTED}/pymodeswitch.path")),
        "pymodeswitch.path does not start at boot",
        "pymodeswitch system install",
    ),
    Scene(
        "rules-fight",
        "tree",
        lambda t: t.write("/usr/lib/udev/rules.d/40-usb_modeswitch.rules", THEIRS),
        "/usr/lib/udev/rules.d/40-usb_modeswitch.rules is active beside",
        "ln -s /dev/null /etc/udev/rules.d/40-usb_modeswitch.rules",
    ),
)
