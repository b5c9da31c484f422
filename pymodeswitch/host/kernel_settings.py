"""What the kernel is told about sticks: to leave a switched one alone after an error, to scan later.

Two files of sysfs, written where they are there and may be written; nothing depends on it. Sources:
Documentation/ABI/testing/sysfs-bus-usb (avoid_reset_quirk), admin-guide/kernel-parameters
(usb-storage.delay_use). Each function returns in words what it did, or why it did not.
"""

from __future__ import annotations

import os

AVOID_RESET = "bus/usb/devices/{port}/avoid_reset_quirk"
STORAGE_DELAY = "module/usb_storage/parameters/delay_use"


def avoid_reset(sysfs: str, port: str) -> str:
    """Drivers no longer reset the device on this port to get over an error: that may switch it back.

    sysfs: its root. It lasts for this stay of the device.
    """
    done = "the kernel will not reset it after an error (avoid_reset_quirk)"
    return _write(os.path.join(sysfs, AVOID_RESET.format(port=port)), "1") or done


def raise_storage_delay(sysfs: str, seconds: int) -> str:
    """usb-storage waits at least this long before it scans a device that it binds to from now on."""
    path = os.path.join(sysfs, STORAGE_DELAY)
    try:
        with open(path, encoding="ascii") as file:
            text = file.read().strip()
        before_ms = _milliseconds(text)
    except OSError as error:
        return f"{path}: {error.strerror} (is usb-storage loaded?)"
    except ValueError:
        return f"{path}: {text!r} is no time"
    if before_ms >= seconds * 1000:
        return f"usb-storage waits {before_ms / 1000:g} s before it scans, which is long enough"
    done = f"usb-storage waits {seconds} s before it scans, and not {before_ms / 1000:g} s"
    return _write(path, str(seconds)) or done


def _milliseconds(text: str) -> int:
    """`1` is seconds; kernels since 6.11 show `1500ms` for what is no whole second."""
    digits = text.removesuffix("ms")
    return int(digits) if digits != text else int(digits) * 1000


def _write(path: str, text: str) -> str | None:
    """Why it could not be written; a kernel or a device without the file, or no permission, is no error."""
    try:
        # Without O_CREAT: what is not there is not made.
        file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(file, text.encode())
        finally:
            os.close(file)
    except OSError as error:
        return f"{path}: {error.strerror}"
    return None
