"""Switches a port off and on: so a stick whose storage driver hangs is cut off, and comes back.

The port of a hub has a switch in sysfs, `disable` (Linux 6.0, Documentation/ABI/testing/sysfs-bus-usb). Off
is for the kernel as if the stick were pulled out: what waits for the stick ends at once. What else was
tried, and why it is no cure, is in docs/storage-driver.md.
"""

from __future__ import annotations

import os
import subprocess
import threading

PORT_SWITCH = "port/disable"  # below the device's folder; it stays where it is when the device has left
# Off for so long that nobody misses it, and that a stick loses its power where the hub switches that, too.
OFF_S = 2
# OFF_S, and what the kernel needs to see to the stick and to enumerate it: below a second on a computer,
# five in an emulated one.
CUT_OFF_S = 15.0

# Whatever becomes of us meanwhile, the port is switched on again.
SCRIPT = 'trap "" HUP INT TERM; echo 1 >"$0" || exit 1; sleep "$1"; echo 0 >"$0"'


def switch_off_and_on(path: str, off_s: int = OFF_S) -> str:
    """What a shell is told to switch a port off and on."""
    return f"echo 1 > {path}; sleep {off_s}; echo 0 > {path}"


def cut_off(sysfs: str, port: str, *, off_s: int = OFF_S, limit_s: float = CUT_OFF_S) -> str | None:
    """Switch a port off and on; None when that is done, else why it is not, in words.

    sysfs: its root. A write waits in the kernel while another program does something to the same device
    that hangs, and so would we, even with SIGKILL: so it is left to a process of its own.
    """
    path = os.path.realpath(os.path.join(sysfs, "bus/usb/devices", port, PORT_SWITCH))
    if not os.path.exists(path):
        return "this kernel has no switch for the port (`disable`, since Linux 6.0)"
    if not os.access(path, os.W_OK):
        return f"no permission to switch its port (as root: {switch_off_and_on(path)})"
    try:
        child = subprocess.Popen(
            ["/bin/sh", "-c", SCRIPT, path, str(off_s)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for us
        )
    except OSError as error:  # no shell, or no more processes allowed
        return f"{path}: {error.strerror}"
    try:
        code = child.wait(limit_s)
    except subprocess.TimeoutExpired:
        try:
            threading.Thread(
                target=child.wait, daemon=True
            ).start()  # its end is seen to, whenever it comes
        except RuntimeError:  # no thread can be started: init sees to it once we have ended
            pass
        return f"{path}: not done within {limit_s:g} s"
    return f"{path} cannot be written" if code else None
