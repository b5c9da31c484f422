"""systemd units: one start per stick, and one look at everything that is attached at boot.

Both run pymodeswitch with what it needs and no more; docs/system.md says what is left out on purpose.
Directives: systemd.exec(5), systemd.resource-control(5), systemd 252.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..nouns.errors import NoEntryError, NotAttachedError, NotStorageError, SwitchingOffError, UsageError

PORT_UNIT = "pymodeswitch@.service"
SCAN_UNIT = "pymodeswitch-scan.service"
WANTED_BY = "multi-user.target"  # by which the scan is started at boot

# A net under our own bounds: the longest wait that a shipped device file asks for ends within two minutes.
START_TIMEOUT_S = 300
# A stick that is being switched gets its drivers back; one USB transfer may be under way (3 s at most).
STOP_TIMEOUT_S = 15

NOTHING_TO_DO = (NotAttachedError, NoEntryError, NotStorageError, SwitchingOffError)

HEAD = "# Written by pymodeswitch. Changes of your own belong into a drop-in: systemctl edit {name}"


def port_unit(command: Sequence[str], *, in_home: bool = False, in_tmp: bool = False) -> str:
    """The template unit that udev's rule wants; its instance is a port's kernel name.

    command: how pymodeswitch is started, as words. in_home, in_tmp: whether any of it lies in a home, or in
    a folder for temporary files, which are hidden from the service otherwise.
    """
    return f"""{HEAD.format(name="pymodeswitch@")}
[Unit]
Description=Switch the USB stick on port %i
Documentation=man:pymodeswitch(1)
# pymodeswitch itself limits how often a port is switched. It must outlive the device, which leaves the bus
# while it switches: so there is no BindsTo= here.
StartLimitIntervalSec=0

[Service]
ExecStart={_exec(command)} --port %i
# It has left, no device file fits, it is no storage, switching is turned off: nothing to do is no failure.
SuccessExitStatus={" ".join(str(error.exit_code) for error in NOTHING_TO_DO)}
{_service(in_home=in_home, in_tmp=in_tmp)}"""


def scan_unit(command: Sequence[str], *, in_home: bool = False, in_tmp: bool = False) -> str:
    """The unit that switches everything that is attached. Arguments as for `port_unit`."""
    return f"""{HEAD.format(name="pymodeswitch-scan")}
[Unit]
Description=Switch the USB sticks that are attached
Documentation=man:pymodeswitch(1)
# With the default dependencies boot would wait for a stick that takes long; so they are named here, all but
# that one.
DefaultDependencies=no
Requires=sysinit.target
After=sysinit.target basic.target
Conflicts=shutdown.target
Before=shutdown.target

[Service]
ExecStart={_exec(command)} scan
SuccessExitStatus={SwitchingOffError.exit_code}
{_service(in_home=in_home, in_tmp=in_tmp)}
[Install]
WantedBy={WANTED_BY}
"""


def _exec(command: Sequence[str]) -> str:
    """Words as ExecStart= reads them (systemd.service(5), "Command lines")."""
    if any(not word.isprintable() for word in command):
        raise UsageError(f"bad command {' '.join(command)!r}: a unit holds no control characters")
    return " ".join(map(_quoted, command))


def _quoted(word: str) -> str:
    word = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{word}"' if not word or set(word) & set(" '\";") else word


def _service(*, in_home: bool, in_tmp: bool) -> str:
    """What both services have in common."""
    # The home of a user who is not root may be closed to others, and root without capabilities is one.
    home = (
        "ProtectHome=read-only\nCapabilityBoundingSet=CAP_DAC_READ_SEARCH"
        if in_home
        else "ProtectHome=yes\nPrivateUsers=yes\nCapabilityBoundingSet="
    )
    tmp = "" if in_tmp else "\nPrivateTmp=yes"
    return f"""\
Type=oneshot
TimeoutStartSec={START_TIMEOUT_S}
TimeoutStopSec={STOP_TIMEOUT_S}
SyslogIdentifier=pymodeswitch

# Locks, and when each port was switched
RuntimeDirectory=pymodeswitch
RuntimeDirectoryPreserve=yes

# Sticks; and for an eject through the storage driver sg, sr and sd, by number: a name counts only if its
# driver is loaded by now
DevicePolicy=closed
DeviceAllow=char-usb_device rw
DeviceAllow=char-21 rw
DeviceAllow=block-11 rw
DeviceAllow=block-8 rw

# Read-only but for attributes of sticks (avoid_reset_quirk) and ports (disable), and usb-storage's delay.
# Not ProtectKernelModules=: which drivers this system has decides on the mode, and it would hide the list.
ProtectSystem=strict
ReadOnlyPaths=/run
ProtectKernelTunables=yes
ReadWritePaths=/sys/devices -/sys/module/usb_storage/parameters
{home}{tmp}
PrivateMounts=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectProc=invisible
ProcSubset=pid
UMask=0077

# No network; the kernel's device events and the journal
RestrictAddressFamilies=AF_NETLINK AF_UNIX
IPAddressDeny=any

KeyringMode=private
LockPersonality=yes
MemoryDenyWriteExecute=yes
NoNewPrivileges=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
"""
