"""systemd units: the judge, and the path unit that starts it when the sender has left a mark.

The judge runs with what it needs and no more; docs/system.md says what is left out on purpose. Directives:
systemd.exec(5), systemd.path(5), systemd.resource-control(5), systemd 252.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..host.malloc import ONE, VARIABLE
from ..nouns.errors import UsageError
from ..nouns.run_folder import MARKS, RUN_FOLDER

JUDGE_UNIT, PATH_UNIT = "pymodeswitch.service", "pymodeswitch.path"
# By which they are started at boot: the judge looks at everything once.
WANTED_BY = {JUDGE_UNIT: "multi-user.target", PATH_UNIT: "paths.target"}

# A stick that is being switched gets its drivers back: 10 s for what waits in the kernel (fleet.py), and 6 s
# for what is being sent to newcomers.
STOP_TIMEOUT_S = 20

HEAD = "# Written by pymodeswitch. Changes of your own belong into a drop-in: systemctl edit {name}"


def path_unit() -> str:
    """The unit that starts the judge. It is looked at again when the judge ends, so no mark is missed."""
    return f"""{HEAD.format(name=PATH_UNIT)}
[Unit]
Description=Sticks that pymodeswitch has sent a message to
Documentation=man:pymodeswitch(1)

[Path]
DirectoryNotEmpty={RUN_FOLDER}/{MARKS}
MakeDirectory=yes

[Install]
WantedBy={WANTED_BY[PATH_UNIT]}
"""


def judge_unit(command: Sequence[str], *, in_home: bool = False, in_tmp: bool = False) -> str:
    """The unit of the judge.

    command: how pymodeswitch is started, as words. in_home, in_tmp: whether any of it lies in a home, or in
    a folder for temporary files, which are hidden from the service otherwise.
    """
    return f"""{HEAD.format(name="pymodeswitch")}
[Unit]
Description=See what comes of USB sticks that are switched
Documentation=man:pymodeswitch(1)
# It ends by itself and is started anew for each stick; pymodeswitch itself limits how often a port is
# switched.
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart={_exec(command)} judge
Environment={VARIABLE}={ONE}
{_service(in_home=in_home, in_tmp=in_tmp)}
[Install]
WantedBy={WANTED_BY[JUDGE_UNIT]}
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
    """What the service may do."""
    # The home of a user who is not root may be closed to others, and root without capabilities is one.
    home = (
        "ProtectHome=read-only\nCapabilityBoundingSet=CAP_DAC_READ_SEARCH"
        if in_home
        else "ProtectHome=yes\nPrivateUsers=yes\nCapabilityBoundingSet="
    )
    tmp = "" if in_tmp else "\nPrivateTmp=yes"
    return f"""\
TimeoutStopSec={STOP_TIMEOUT_S}
SyslogIdentifier=pymodeswitch

# Locks, marks, and when each port was switched; the table of the sender
RuntimeDirectory=pymodeswitch
RuntimeDirectoryPreserve=yes
CacheDirectory=pymodeswitch

# Sticks; and for an eject through the storage driver sg, sr and sd, by number: a name counts only if its
# driver is loaded by now
DevicePolicy=closed
DeviceAllow=char-usb_device rw
DeviceAllow=char-21 rw
DeviceAllow=block-11 rw
DeviceAllow=block-8 rw

# Read-only but for attributes of sticks (avoid_reset_quirk) and ports (disable), and usb-storage's delay.
# Not ProtectKernelModules=: which drivers this system has decides on the mode, and it would hide the list.
# ProtectKernelTunables= would make twenty mounts for what /sys is here and /proc by ProcSubset=; they cost
# a tenth of a switch.
ProtectSystem=strict
ReadOnlyPaths=/run /sys
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
