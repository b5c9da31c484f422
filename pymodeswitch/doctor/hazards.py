"""What is known to go wrong with sticks: a storage driver that hangs, autosuspend.

Sources: Documentation/ABI (sysfs-bus-usb, sysfs-devices-power), kernel-parameters.txt (usb-storage.quirks),
proc_pid_stat(5); what ends a hang was tried on Linux 6.1.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..host.port_power import PORT_SWITCH, switch_off_and_on
from ..host.sysfs import Sysfs
from ..nouns.model import AttachedDevice
from ..transport.hanging_driver import hangs
from ..transport.storage_driver import HANGS
from .computer import Computer, Process
from .examined_stick import ExaminedStick
from .findings import Finding

QUIRKS = "/sys/module/usb_storage/parameters/quirks"
# Who does the storage driver's work; which of them is in SCSI code, only root can see.
WORKERS = ("usb-storage", "scsi_eh_", "kworker/", "(udev-worker)")


def check(stick: ExaminedStick, computer: Computer) -> Iterator[Finding]:
    """The hazards of one device."""
    yield from _hangs(stick, computer)
    yield from _autosuspend(stick, computer)


class _StorageDriver:
    """The computer as `hanging_driver.hangs` looks at it."""

    def __init__(self, computer: Computer) -> None:
        self._sysfs = Sysfs(computer.path("/sys"))
        self.now, self.sleep = computer.clock, computer.sleep

    def storage_command(self, device: AttachedDevice) -> tuple[str, ...] | None:
        """The command that is under way, as sysfs shows it."""
        return self._sysfs.storage_command(device)


def _hangs(stick: ExaminedStick, computer: Computer) -> Iterator[Finding]:
    """By the rule that a switch goes by; beside it, who waits in the kernel for the command."""
    if not hangs(_StorageDriver(computer), stick.device):
        return
    nodes = {node for unit in stick.units for node in unit.nodes}
    users = {user for node in nodes for user in computer.open_nodes.get(node, ())}
    stuck = [process for process in computer.waiting if process in users or _does_scsi(process, computer)]
    who = "; ".join(dict.fromkeys(f"{process.name} waits in the kernel" for process in stuck))
    text = f"{HANGS}{who and f' ({who})'}; unplug the stick"
    yield stick.finding("storage-hangs", text, _unplug_by_command(stick, computer))


def _unplug_by_command(stick: ExaminedStick, computer: Computer) -> str | None:
    """The port is switched off and on, and usb-storage told to ignore the stick from then on.

    Since Linux 6.0 (a port's `disable`). It ends all that hangs at once, as pulling the stick out does;
    `authorized`, `remove` and unbinding the driver wait until the hanging commands have had their time.
    """
    path = computer.real_path(f"{stick.folder()}/{PORT_SWITCH}")
    if not computer.exists(path):
        return None
    before = computer.read(QUIRKS, 4096)
    ignored = ",".join([*([before] if before else []), f"{stick.device.id}:i"])
    commands = [f"echo {ignored} > {QUIRKS}"] if computer.exists(QUIRKS) else []
    return "; ".join([*commands, switch_off_and_on(path)])


def _does_scsi(process: Process, computer: Computer) -> bool:
    if not process.name.startswith(WORKERS):
        return False
    stack = computer.read(f"/proc/{process.pid}/stack", 65536)
    return not stack or "scsi" in stack or "usb_stor" in stack


def _autosuspend(stick: ExaminedStick, computer: Computer) -> Iterator[Finding]:
    power = f"{stick.folder()}/power"
    if computer.read(f"{power}/control") != "auto":
        return
    if computer.read(f"{power}/autosuspend_delay_ms").startswith("-"):
        return  # usbcore.autosuspend=-1
    status = computer.read(f"{power}/runtime_status") or "unknown"
    text = f"autosuspend is on (now {status}): some sticks fall back to storage mode, or answer no more"
    yield stick.finding("autosuspend", text, f"echo on > {power}/control")
