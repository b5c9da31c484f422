"""What the guest's tests look at and do: sysfs, serial ports, commands. Every wait has an end."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import termios
import time
import tty
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

DEVICES = Path("/sys/bus/usb/devices")
STATE = Path("/run/pymodeswitch")
PYTHON = sys.executable
REFERENCE = Path(os.environ.get("RIG_REFERENCE", "/nonexistent"))
REFERENCE_LIBRARIES = {"LD_LIBRARY_PATH": str(REFERENCE / "usr/lib/x86_64-linux-gnu")}

# Generous, as the guest's CPU may be twenty times slower than the host's; passing tests never
# wait so long.
PATIENCE_S = 90.0

# What switches the stick of these tests: START STOP UNIT with LoEj, as StandardEject sends it.
EJECT = bytes.fromhex("5553424397654321000000000000061b000000020000000000000000000000")

Value = TypeVar("Value")


def wait_for(what: str, look: Callable[[], Value], seconds: float = PATIENCE_S) -> Value:
    """Look until it is there (anything true), and return it; AssertionError says what did not come."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds:g} s")
        time.sleep(0.05)
    return seen


def attribute(port: str, name: str) -> str | None:
    """A sysfs attribute of the device on a port; None when there is no device, or it is just leaving."""
    try:
        return (DEVICES / port / name).read_text().strip()
    except OSError:
        return None


def usb_id(port: str) -> str | None:
    """`19d2:1201`, or None while the port is empty."""
    vendor, product = attribute(port, "idVendor"), attribute(port, "idProduct")
    return f"{vendor}:{product}" if vendor and product else None


def devnum(port: str) -> int:
    """The device number; each enumeration gives a new one."""
    number = attribute(port, "devnum")
    assert number is not None, f"nothing on port {port}"
    return int(number)


def driver(port: str, interface: int = 0) -> str | None:
    """The kernel driver bound to an interface of the active configuration, or None."""
    for link in DEVICES.glob(f"{port}:*.{interface}/driver"):
        return link.resolve().name
    return None


def usb_node(port: str) -> Path:
    """The usbfs node of the device on a port, once udev is done with it."""
    settle()
    return Path(f"/dev/bus/usb/{int(port.partition('-')[0]):03}/{devnum(port):03}")


def storage_nodes(port: str) -> list[Path]:
    """sg and block node of the stick on a port, awaited: the driver scans a second after it binds."""
    units = f"{port}:*/host*/target*/*:*"

    def found() -> list[Path]:
        places = [*DEVICES.glob(f"{units}/scsi_generic/*"), *DEVICES.glob(f"{units}/block/*")]
        return [Path("/dev") / place.name for place in places]

    wait_for(f"sg and block node on {port}", lambda: len(found()) == 2)
    settle()
    return found()


def marks() -> list[str]:
    """The ports that have a mark of the sender."""
    try:
        return sorted(os.listdir(STATE / "marks"))
    except OSError:
        return []


def has_libusb(judge: int) -> bool:
    """Whether it has loaded what sends, 3 MB, which it needs for the first stick that stays. OSError."""
    return "libusb" in Path(f"/proc/{judge}/maps").read_text()


def judges() -> list[int]:
    """Process numbers of the judges that are at work."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:  # it has ended meanwhile
            continue
        if b"judge" in words:
            found.append(int(folder.name))
    return found


def end_judges() -> bool:
    """Whether there is none; the next test's sticks are not theirs. What they had to do is forgotten."""
    for port in marks():
        (STATE / "marks" / port).unlink(missing_ok=True)
    for judge in (found := judges()):
        with suppress(ProcessLookupError):
            os.kill(judge, signal.SIGTERM)
    return not found


def serial_ports(port: str) -> list[Path]:
    """Device nodes of the CDC ACM ports of the stick on a port, by interface."""
    return [Path("/dev") / node.name for node in sorted(DEVICES.glob(f"{port}:*/tty/*"))]


def talk(node: Path, words: bytes, expected: bytes) -> bytes:
    """Write to a serial port and read until `expected` has come; AssertionError when it does not."""
    file = os.open(node, os.O_RDWR | os.O_NOCTTY)
    try:
        tty.setraw(file, termios.TCSANOW)
        os.write(file, words)
        heard = b""
        deadline = time.monotonic() + PATIENCE_S
        while expected not in heard:
            ready, _, _ = select.select([file], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"{node} said {heard!r}, not {expected!r}"
            heard += os.read(file, 4096)
        return heard
    finally:
        os.close(file)


def run_command(
    *words: str | Path, environment: dict[str, str] | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, bounded; output and exit code as they come. stdin: what it can read."""
    return subprocess.run(
        [str(word) for word in words],
        env=os.environ | (environment or {}),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_S,
        check=False,
    )


def pymodeswitch(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Our command, as a user or udev starts it."""
    return run_command(PYTHON, "-m", "pymodeswitch", *words)


def usb_modeswitch(*words: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """The reference tool, from where the rig unpacked it."""
    return run_command(
        REFERENCE / "usr/sbin/usb_modeswitch", *words, environment=REFERENCE_LIBRARIES, stdin=stdin
    )


def dispatcher(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """The reference's dispatcher, which its udev rules start; it runs /usr/sbin/usb_modeswitch."""
    return run_command(
        REFERENCE / "usr/sbin/usb_modeswitch_dispatcher", *words, environment=REFERENCE_LIBRARIES
    )


def settle(seconds: float = PATIENCE_S) -> None:
    """Wait until udev has handled all events so far."""
    words: Sequence[str] = ("udevadm", "settle", f"--timeout={seconds:.0f}")
    done = run_command(*words)
    assert done.returncode == 0, f"udev did not settle: {done.stdout}{done.stderr}"


def runs_systemd() -> bool:
    """Whether systemd is the guest's init (sd_booted(3))."""
    return Path("/run/systemd/system").is_dir()


def reload_rules() -> None:
    """Make udev read its rules again, now and not at some later event."""
    done = run_command("udevadm", "control", "--reload")
    assert done.returncode == 0, f"udev did not reload: {done.stdout}{done.stderr}"


def says_ok(port: str, ports: int = 2) -> list[Path]:
    """Wait for the serial ports of the stick on a port, and see that each answers AT with OK."""
    wait_for(f"{ports} serial ports on {port}", lambda: len(serial_ports(port)) == ports)
    settle()
    nodes = serial_ports(port)
    for node in nodes:
        talk(node, b"AT\r", b"OK\r\n")
    return nodes
