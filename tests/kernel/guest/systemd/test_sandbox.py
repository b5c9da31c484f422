"""What a service of ours may touch, tried from inside: all that a switch needs, and little else."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pymodeswitch.system.installation import shipped_system_folder
from pymodeswitch.virtual import mf691
from tests.kernel.guest import linux
from tests.kernel.guest.conftest import Plug
from tests.kernel.guest.systemd.conftest import JUDGE

# Tries one thing after the other; prints what came of each, True or the error's name.
SCRIPT = """
import json, os, socket, sys, threading
if "--version" in sys.argv:
    sys.exit()
if "early" in sys.argv:
    # In the sender's place: a mark, which starts the service.
    os.makedirs("/run/pymodeswitch/marks", exist_ok=True)
    open("/run/pymodeswitch/marks/" + sys.argv[-1], "w").close()
    sys.exit()
(port,) = os.listdir("/run/pymodeswitch/marks")
device = os.path.join("/sys/bus/usb/devices", port)

def read(path):
    with open(path, "rb") as file:
        file.read(1)

def write(path, data=b"0"):
    with open(path, "wb", buffering=0) as file:
        file.write(data)

def node(path):
    os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))

def usb_node():
    bus, number = (int(open(os.path.join(device, name)).read()) for name in ("busnum", "devnum"))
    node(f"/dev/bus/usb/{bus:03}/{number:03}")

def kernel_event():
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 15) as events:
        events.bind((0, 1))
        events.settimeout(30)
        write("/run/pymodeswitch/listening")
        while port.encode() not in events.recv(16384):
            pass

def journal():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.sendto(b"MESSAGE=probe", "/run/systemd/journal/socket")

def internet():
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()

def libc(name, *arguments):
    import ctypes
    functions = ctypes.CDLL(None, use_errno=True)
    if getattr(functions, name)(*arguments):
        raise OSError(ctypes.get_errno(), name)

def machine_code():
    import mmap
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()

tries = {
    "state": lambda: write("/run/pymodeswitch/probe"),
    "usb node": usb_node,
    "sr": lambda: node("/dev/sr0"),
    "sg": lambda: node("/dev/sg0"),
    "reset quirk": lambda: write(os.path.join(device, "avoid_reset_quirk")),
    "storage delay": lambda: write("/sys/module/usb_storage/parameters/delay_use", b"1"),
    "drivers": lambda: read(f"/lib/modules/{os.uname().release}/modules.dep"),
    "net": lambda: os.stat("/sys/class/net/lo"),
    "journal": journal,
    "kernel event": kernel_event,
    "thread": lambda: threading.Thread(target=print, daemon=True).start(),
    "settings": lambda: read("/etc/passwd"),
    "internet": internet,
    "machine code": machine_code,
    "kernel log": lambda: read("/dev/kmsg"),
    "memory": lambda: read("/dev/mem"),
    "terminal": lambda: node("/dev/ttyS0"),
    "see homes": lambda: os.listdir("/home"),
    "home": lambda: write("/home/probe"),
    "etc": lambda: write("/etc/probe"),
    "usr": lambda: write("/usr/probe"),
    "var": lambda: write("/var/probe"),
    "table": lambda: write("/var/cache/pymodeswitch/probe"),
    "run": lambda: write("/run/probe"),
    "kernel settings": lambda: write("/proc/sys/kernel/printk"),
    "other owner": lambda: os.chown("/run/pymodeswitch/probe", 1, 1),
    "namespace": lambda: libc("unshare", 0x00020000),
    "module": lambda: libc("init_module", None, 0, b""),
}
for name, attempt in tries.items():
    try:
        attempt()
        said = True
    except Exception as error:
        said = type(error).__name__
    print(json.dumps([name, said]), flush=True)
if os.path.exists("/run/pymodeswitch/once"):
    os.unlink(os.path.join("/run/pymodeswitch/marks", port))
open("/run/pymodeswitch/once", "w").close()
"""

NEEDED = (
    *("state", "usb node", "sr", "sg", "reset quirk", "storage delay", "drivers", "net"),
    *("journal", "kernel event", "thread", "settings", "table"),
)

# A program of root, and one in the closed home of somebody else.
PLACES = {"usual": Path("/usr/local/lib/probe/pymodeswitch"), "home": Path("/home/owner/bin/pymodeswitch")}
OWNER = 1000


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where the program is that the units are installed for, and that tries what it may."""
    program = PLACES[request.param]
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/usr/bin/python3 -I\n{SCRIPT}")
    program.chmod(0o755)
    if request.param == "home":
        home = program.parent.parent
        for path in (home, program.parent, program):
            os.chown(path, OWNER, OWNER)
        home.chmod(0o700)
    done = linux.pymodeswitch("system", "install", "--command", program)
    assert done.returncode == 0, done.stderr
    yield request.param
    linux.pymodeswitch("system", "uninstall", "--command", program)
    shutil.rmtree(program.parent)


def is_over(service: str) -> bool:
    """Whether the service has ended; its probe is told of something meanwhile."""
    if Path("/run/pymodeswitch/listening").exists():
        for port in linux.DEVICES.glob("[0-9]*-*[0-9]"):
            if ":" not in port.name:
                (port / "uevent").write_text("change")
    return linux.run_command("systemctl", "is-active", service).stdout.strip() in ("inactive", "failed")


def probed(service: str) -> list[tuple[str, bool | str]]:
    """What all runs of the probe have written into the journal."""
    log = linux.run_command("journalctl", "-o", "cat", "-u", service).stdout
    return [tuple(json.loads(line)) for line in log.splitlines() if line.startswith("[")]


def test_what_a_service_may_touch(place: str, plug: Plug) -> None:
    """The mark has started it, and starts it again as long as it is there; then it finds the storage, too."""
    Path("/run/pymodeswitch/once").unlink(missing_ok=True)
    earlier = len(probed(JUDGE))
    stick = plug()
    pattern = f"{stick.port}:1.0/host*/target*/*/scsi_generic/sg*"
    linux.wait_for("a storage node", lambda: list(linux.DEVICES.glob(pattern)))

    def runs() -> int:  # that have come to their last try, as far as the journal tells by now
        return [name for name, _ in probed(JUDGE)[earlier:]].count("module")

    linux.wait_for("the second run", lambda: is_over(JUDGE) and runs() == 2)
    lines = probed(JUDGE)[earlier:]
    said = dict(lines)
    assert len(lines) == 2 * len(said), "both starts tried everything"
    expected = {*NEEDED, "see homes"} if place == "home" else {*NEEDED}
    assert {name for name, what in said.items() if what is True} == expected, said


def test_exposure() -> None:
    """systemd-analyze counts from 0 to 10 what a service could do; for the shipped unit 1.6 at most."""
    folder = Path(shipped_system_folder(), "lib/systemd/system")
    words = ("security", "--offline=true", "--no-pager", "--threshold=16", folder / JUDGE)
    done = linux.run_command("systemd-analyze", *words)
    print(done.stdout)
    assert done.returncode == 0
    assert "Overall exposure level for pymodeswitch" in done.stdout


STRICTEST = "[Service]\nPrivateUsers=yes\nCapabilityBoundingSet=\nPrivateTmp=no\nProtectHome=read-only\n"


@pytest.fixture
def strictest() -> Iterator[None]:
    """Installed for this Python, wherever it lies, with no right more than one of the system has."""
    drop_in = Path("/run/systemd/system/pymodeswitch.service.d/strictest.conf")
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text(STRICTEST)
    done = linux.pymodeswitch("system", "install")
    assert done.returncode == 0, done.stderr
    yield
    assert linux.pymodeswitch("system", "uninstall").returncode == 0
    shutil.rmtree(drop_in.parent)
    linux.run_command("systemctl", "daemon-reload")


def test_it_switches_inside(strictest: None, plug: Plug) -> None:
    """Plugged in, and nothing else: libusb, kernel events, state and journal all work."""
    stick = plug(bound=False)
    linux.says_ok(stick.port)
    linux.wait_for("the verdict", lambda: is_over(JUDGE))
    log = linux.run_command("journalctl", "-o", "cat", f"PYMODESWITCH_PORT={stick.port}").stdout
    assert "switched to 19d2:1203" in log
    assert linux.attribute(stick.port, "avoid_reset_quirk") == "1"
    assert "verdict " in Path(f"/run/pymodeswitch/{stick.port}").read_text()


def test_it_switches_through_the_storage_driver_inside(
    strictest: None, device_files: Path, plug: Plug
) -> None:
    """A maker's own command, on the sg node, without any right but to that node."""
    text = "TargetVendor=19d2\nTargetProduct=1203\nHuaweiNewMode=1\nThroughDriver=1\n"
    (device_files / "19d2:1201").write_text(text)
    command = bytes.fromhex("11062000000101000100")
    stick = plug(mf691(switches_on=lambda asked: asked.cdb.startswith(command)), bound=False)
    linux.says_ok(stick.port)
    linux.wait_for("the verdict", lambda: is_over(JUDGE))
    assert linux.run_command("systemctl", "is-failed", JUDGE).stdout.strip() == "inactive"
    sent = [cbw for cbw in stick.written(0x01) if cbw[15:25] == command]
    assert [cbw[14] for cbw in sent] == [10], "once, with the length that usb-storage gives it"


def test_systemd_has_no_complaint(strictest: None) -> None:
    """No directive is unknown or misspelt; the man page that the units name is there."""
    units = (JUDGE, "pymodeswitch.path")
    done = linux.run_command("systemd-analyze", "verify", "--man=no", *units)
    said = done.stdout + done.stderr
    assert [line for line in said.splitlines() if "pymodeswitch" in line] == []
    assert Path("/usr/local/share/man/man1/pymodeswitch.1").exists()
