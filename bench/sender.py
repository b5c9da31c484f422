"""The sender against a kernel that takes every call: `sender.py PACKAGE SYSFS DEV STATE TABLE`, with -I -S.

As udev starts it: its own files are compiled already, and this one is short.
"""

import posix
import sys

package, sysfs, dev, state, table = sys.argv[1:]
sys.path.insert(0, package)
from early import sender, usbfs  # type: ignore[import-not-found]  # noqa: E402


def call(node, code, request):
    """ioctl(2)."""
    if code == usbfs.GET_DRIVER:
        raise OSError(61, "no driver")
    return 13  # the length of a CSW


outcome = sender.handle("1-1", sysfs=sysfs, dev=dev, state=state, table=table, call=call)
posix._exit(0 if outcome == "sent" else 1)
