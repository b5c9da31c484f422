"""What a look at the system can find: every finding has a stable name, and each name one level.

KINDS is the whole list; the table in docs/doctor.md is compared with it in a test.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from ..nouns.errors import printable
from ..nouns.model import Port, UsbId


class Level(Enum):
    """How bad a finding is: something does not work, something may not, all is well."""

    PROBLEM = "problem"
    HINT = "hint"
    OK = "ok"


class Kind(NamedTuple):
    """What all findings of one name have in common."""

    level: Level
    meaning: str


_PROBLEM, _HINT, _OK = Level.PROBLEM, Level.HINT, Level.OK

KINDS = {
    # The system
    "no-sysfs": Kind(_PROBLEM, "sysfs shows no USB: not mounted, hidden in a container, or no USB at all"),
    "no-usb-nodes": Kind(_PROBLEM, "/dev/bus/usb is missing, as in a container that was not given it"),
    "no-kernel-events": Kind(
        _HINT, "this user namespace hears no kernel events; waiting falls back to polling"
    ),
    "no-libusb": Kind(_PROBLEM, "no libusb-1.0 can be loaded"),
    "libusb-needs-udev": Kind(
        _HINT, "an old libusb that needs udev, and no udev runs: it sees no later plug"
    ),
    "libusb": Kind(_OK, "which libusb is loaded"),
    "not-compiled": Kind(
        _HINT, "compiled files are missing and never written: each start takes twice as long"
    ),
    "compiled": Kind(_OK, "compiled files are there"),
    "no-udev": Kind(_HINT, "no udev runs: nothing switches sticks when they are plugged in"),
    "no-rules": Kind(_HINT, "udev runs, and no rules of pymodeswitch are installed"),
    "rules-masked": Kind(_HINT, "the rules of pymodeswitch are installed and masked"),
    "rules-stale": Kind(_HINT, "the installed rules or units are not what this pymodeswitch would install"),
    "rules-unread": Kind(_HINT, "the installed rules or units cannot be read"),
    "unit-missing": Kind(
        _PROBLEM, "a systemd unit of pymodeswitch is not there, not enabled, or masked: nobody judges"
    ),
    "rules-fight": Kind(
        _PROBLEM, "rules of somebody else that switch the same sticks are active beside ours"
    ),
    "rules": Kind(_OK, "the rules of pymodeswitch are installed and active"),
    "changeable": Kind(_PROBLEM, "others than root can change what root runs"),
    "no-modules": Kind(_PROBLEM, "the running kernel's modules are not installed: no driver can be loaded"),
    "settings-bad": Kind(_PROBLEM, "the settings cannot be read or hold a mistake"),
    "switching-off": Kind(_HINT, "the settings turn off switching by itself"),
    "device-file-bad": Kind(_PROBLEM, "a device file of the administrator cannot be used"),
    "device-file-misnamed": Kind(_HINT, "a file in a folder of device files is never looked at"),
    "device-file-masks": Kind(_OK, "an empty file, or a link to /dev/null, masks a device file"),
    "holders-unseen": Kind(_HINT, "not root: what other users' programs hold cannot be seen"),
    "not-attached": Kind(_PROBLEM, "the stick that was asked for is not attached"),
    # A stick, whatever its mode
    "device-locked": Kind(
        _PROBLEM, "the kernel does not let the device be looked at: a driver hangs on it"
    ),
    "not-authorized": Kind(_PROBLEM, "the kernel was told not to use the device or an interface"),
    "target-not-authorized": Kind(_HINT, "what the stick switches to will not be authorized"),
    "unconfigured": Kind(_PROBLEM, "the device has no active configuration"),
    "no-node": Kind(_PROBLEM, "the device has no device node"),
    "no-permission": Kind(_PROBLEM, "this user may not open the device node"),
    "denied": Kind(_PROBLEM, "root may not open the device node: a container's devices cgroup"),
    "permitted": Kind(_OK, "this user may open the device node"),
    "held-by-program": Kind(_PROBLEM, "a program has claimed an interface"),
    "autosuspend": Kind(_HINT, "the device may be suspended, and some sticks fall back then"),
    "last-run-failed": Kind(_PROBLEM, "the last run on this port failed, since the stick was plugged in"),
    "switched-too-often": Kind(
        _PROBLEM, "it was switched so often within a minute that it is left alone for now"
    ),
    # A stick in storage mode
    "switched": Kind(_OK, "the stick is switched already"),
    "entry": Kind(_OK, "which device file is for the stick"),
    "entry-masked": Kind(_HINT, "the administrator has masked the device file of the stick"),
    "entry-undecided": Kind(
        _HINT, "only SCSI strings that nobody has read yet tell which device file it is"
    ),
    "entry-none-fits": Kind(_HINT, "there are device files for the ID, and none fits this stick"),
    "unknown-stick": Kind(_HINT, "a storage device without a device file"),
    "mounted": Kind(_HINT, "a file system of the stick is mounted, or used as swap"),
    "storage-open": Kind(_HINT, "a program has a node of the stick's storage open"),
    "udisks": Kind(_HINT, "udisks runs and looks at every new medium"),
    "storage-hangs": Kind(_PROBLEM, "the storage driver hangs on the stick"),
    "storage-free": Kind(_OK, "which storage driver has the stick, and that nobody else does"),
    "target-driver-missing": Kind(_PROBLEM, "this kernel has no driver for what the stick switches to"),
    "target-driver-unknown": Kind(_HINT, "no driver of this kernel lists what the stick switches to"),
    "target-driver": Kind(_OK, "which drivers take what the stick switches to"),
    # A stick that is switched, or has no other mode
    "driver-not-bound": Kind(_PROBLEM, "the driver of an interface is loaded and not bound"),
    "driver-not-loaded": Kind(_PROBLEM, "the driver of an interface is not loaded"),
    "driver-blacklisted": Kind(_PROBLEM, "the driver of an interface is kept from loading"),
    "driver-not-built": Kind(_PROBLEM, "this kernel does not have the driver of an interface"),
    "driver-needs-id": Kind(_PROBLEM, "no driver knows the ID of this modem"),
    "interface-unused": Kind(_HINT, "an interface without driver, beside others that have one"),
    "driver": Kind(_OK, "which driver has an interface"),
    "port-open": Kind(_HINT, "a program has a port of the modem open"),
    "modemmanager": Kind(_HINT, "ModemManager runs, and will take the modem"),
    "modem": Kind(_OK, "which port is the one to dial with, and what asks it"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: `name` is stable, for scripts; `text` one line for people.

    cure: a command, or the text of a rule; None where there is none (or nothing to cure). port, id: the
    device that it is about; both None for the system, the port alone None for an ID that is not attached.
    """

    name: str
    text: str
    cure: str | None = None
    port: Port | None = None
    id: UsbId | None = None

    def __post_init__(self) -> None:
        # Names of files, programs and strings of devices come from elsewhere.
        object.__setattr__(self, "text", printable(self.text))
        object.__setattr__(self, "cure", self.cure and printable(self.cure))

    @property
    def level(self) -> Level:
        """How bad it is; the same for all findings of a name."""
        return KINDS[self.name].level

    @property
    def subject(self) -> str:
        """`19d2:1201 on port 1-1`, or `system`."""
        if self.port is None:
            return "system" if self.id is None else str(self.id)
        return f"{self.id} on port {self.port}" if self.id is not None else f"port {self.port}"


def has_problems(findings: tuple[Finding, ...]) -> bool:
    """Whether anything does not work."""
    return any(finding.level is Level.PROBLEM for finding in findings)
