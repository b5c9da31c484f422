"""Ours on the real kernel: the switch by command and by `switch()`, and every way it can go wrong."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import pymodeswitch
from pymodeswitch import Status
from pymodeswitch.host.linux import LibusbHost, LinuxHost
from pymodeswitch.transport.libusb import load_backend
from pymodeswitch.virtual import Leave, mf691
from tests.kernel.guest import linux
from tests.kernel.guest.conftest import Plug
from tests.kernel.guest.linux import EJECT
from tests.kernel.usbip import Plugged, UsbipServer
from tests.support import CHECKOUT

EJECT_2011 = bytes.fromhex("5553424392020000000000000000061b000000020000000000000000000000")
ACM_NODES = ["ttyACM0", "ttyACM1"]


def started(*words: str) -> subprocess.Popen[str]:
    """Our command, running; its output can be read later."""
    return subprocess.Popen(
        [sys.executable, "-m", "pymodeswitch", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def is_untouched(stick: Plugged, devnum: int) -> bool:
    """Same stay on the bus, same ID, storage driver bound."""
    return (
        linux.usb_id(stick.port) == "19d2:1201"
        and linux.devnum(stick.port) == devnum
        and linux.driver(stick.port) == "usb-storage"
    )


def test_command_switches(plug: Plug) -> None:
    """Exit code 0, the truth about what is there now, both serial ports answer; twice is harmless."""
    stick = plug()
    before = linux.devnum(stick.port)
    done = linux.pymodeswitch("19d2:1201", "--json")
    assert done.returncode == 0, done.stderr
    data: dict[str, Any] = json.loads(done.stdout)
    assert (data["status"], data["port"], data["tries"]) == ("switched", stick.port, 1)
    assert (data["before"]["id"], data["after"]["id"]) == ("19d2:1201", "19d2:1203")
    assert data["before"]["device_number"] == before != data["after"]["device_number"]
    assert data["entry"]["path"].endswith("/19d2-1201")
    assert [(n["kind"], n["name"], n["driver"], n["interface"]) for n in data["nodes"]] == [
        ("tty", "ttyACM0", "cdc_acm", 0),
        ("tty", "ttyACM1", "cdc_acm", 2),
    ]
    assert data["warnings"] == []
    assert EJECT in stick.written(0x01)
    assert [node.name for node in linux.says_ok(stick.port)] == ACM_NODES
    again = linux.pymodeswitch("19d2:1201")
    assert again.returncode == 0
    assert again.stdout.startswith(f"19d2:1201 is switched already: 19d2:1203 on port {stick.port}")


def test_library_switches(plug: Plug) -> None:
    """`switch()` in a program of one's own."""
    stick = plug()
    result = pymodeswitch.switch(0x19D2, 0x1201)
    assert result.status is Status.SWITCHED
    assert result.port == stick.port
    assert [node.name for node in result.nodes] == ACM_NODES
    assert result.after is not None
    assert {i.driver for i in result.after.interfaces} == {"cdc_acm"}
    linux.says_ok(stick.port)
    assert pymodeswitch.switch("19d2", "1201").status is Status.ALREADY


def test_without_sysfs(plug: Plug) -> None:
    """What systems without sysfs do: libusb's port path tells the same."""
    stick = plug()
    result = pymodeswitch.switch(0x19D2, 0x1201, host=LibusbHost())
    assert (result.status, result.port) == (Status.SWITCHED, stick.port)


def test_text_of_2011_in_etc(plug: Plug, device_files: Path) -> None:
    """The device file of the old blog post, in the administrator's folder."""
    text = (CHECKOUT / "tests/files/good/rocket-2011").read_text()
    (device_files / "19d2:1201").write_text(text)
    stick = plug()
    done = linux.pymodeswitch("19d2:1201", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["entry"]["path"] == str(device_files / "19d2:1201")
    assert EJECT_2011 in stick.written(0x01)
    assert EJECT not in stick.written(0x01)
    linux.says_ok(stick.port)


@pytest.mark.parametrize("from_etc", [False, True], ids=["shipped", "2011"])
def test_udev_rule_switches_on_plug(
    from_etc: bool, plug: Plug, udev_rules: Path, device_files: Path
) -> None:
    """The generated rule, with its default command; nothing else is started by hand."""
    if from_etc:
        text = (CHECKOUT / "tests/files/good/rocket-2011").read_text()
        (device_files / "19d2:1201").write_text(text)
    rules = linux.pymodeswitch("rules")
    assert rules.returncode == 0, rules.stderr
    udev_rules.write_text(rules.stdout)
    linux.reload_rules()
    stick = plug(bound=False)
    linux.wait_for("the modem", lambda: linux.usb_id(stick.port) == "19d2:1203")
    assert [node.name for node in linux.says_ok(stick.port)] == ACM_NODES
    messages = [data for data in stick.written(0x01) if data in (EJECT, EJECT_2011)]
    assert messages == [EJECT_2011 if from_etc else EJECT], "sent once, from the right device file"


def test_two_equal_sticks(plug: Plug) -> None:
    """Without a port nothing is sent; with one, only that stick is touched."""
    first, second = plug(mf691(), 0), plug(mf691(), 1)
    devnum = linux.devnum(first.port)
    refused = linux.pymodeswitch("19d2:1201")
    assert refused.returncode == 4
    assert f"on the ports {first.port}, {second.port}: choose one" in refused.stderr
    assert linux.usb_id(second.port) == "19d2:1201"
    done = linux.pymodeswitch("19d2:1201", "--port", second.port)
    assert done.returncode == 0, done.stderr
    assert linux.usb_id(second.port) == "19d2:1203"
    linux.says_ok(second.port)
    assert is_untouched(first, devnum)
    assert EJECT not in first.written()


@pytest.mark.parametrize("csw_status", [0, 1])
def test_a_stick_that_ignores_the_message(csw_status: int, plug: Plug) -> None:
    """Whatever its CSW says: unchanged, exit code 11, and the storage driver has it back."""
    stick = plug(mf691(leave=None, csw_status=csw_status))
    devnum = linux.devnum(stick.port)
    done = linux.pymodeswitch("19d2:1201", "--timeout", "12", "--json")
    assert done.returncode == 11, done.stderr
    data = json.loads(done.stdout)
    assert (data["status"], data["error"], data["tries"]) == (None, "UnchangedError", 3)
    assert "is unchanged after 12 s; tried 3 times" in done.stderr
    assert stick.written(0x01).count(EJECT) == 3
    linux.wait_for("usb-storage again", lambda: is_untouched(stick, devnum))
    # And it works: the driver scans the stick anew and makes its node.
    pattern = f"{stick.port}:1.0/host*/target*/*/block/sr*"
    linux.wait_for("a block device", lambda: list(linux.DEVICES.glob(pattern)))


def test_unplugged_midway(plug: Plug, usb: UsbipServer) -> None:
    """Pulled out after the message: gone, exit code 12."""
    stick = plug(mf691(leave=None))
    # On a busy host a command of the scan may take seconds: that is a stick that hangs, and a line more.
    linux.storage_nodes(stick.port)
    with started("19d2:1201", "--timeout", "15") as process:
        linux.wait_for("the message", lambda: EJECT in stick.written(0x01))
        usb.unplug(stick.slot)
        _, err = process.communicate(timeout=linux.PATIENCE_S)
    assert process.returncode == 12, err
    assert "19d2:1201 on port" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("silent", [False, True], ids=["after the CSW", "in the transfer"])
def test_a_stick_that_leaves_for_good(silent: bool, plug: Plug, usb: UsbipServer) -> None:
    stick = plug(mf691(leave=Leave(None, silent=silent)))
    done = linux.pymodeswitch("19d2:1201", "--timeout", "10")
    assert done.returncode == 12, done.stderr
    assert "left and did not come back within 10 s" in done.stderr
    usb.unplug(stick.slot)


def test_leaving_in_the_transfer_is_a_switch(plug: Plug) -> None:
    """No completion of the write, no CSW: the port tells that it switched all the same."""
    stick = plug(mf691(leave=Leave(0.5, silent=True)))
    done = linux.pymodeswitch("19d2:1201", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "switched"
    linux.says_ok(stick.port)


def test_interrupted_midway(plug: Plug) -> None:
    """Ctrl-C while it waits: one line, exit code 130, the storage driver has the stick back."""
    stick = plug(mf691(leave=None))
    devnum = linux.devnum(stick.port)
    with started("19d2:1201") as process:
        linux.wait_for("the message", lambda: EJECT in stick.written(0x01))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=linux.PATIENCE_S)
    assert (process.returncode, err) == (130, "pymodeswitch: interrupted\n")
    linux.wait_for("usb-storage again", lambda: is_untouched(stick, devnum))


def test_no_permission(plug: Plug) -> None:
    """Which node, and the rule that cures it; nothing is sent, nor through the storage driver's nodes."""
    stick = plug()
    devnum = linux.devnum(stick.port)
    node = linux.usb_node(stick.port)
    for each in (node, *linux.storage_nodes(stick.port)):
        each.chmod(0)
    caps = "-dac_override,-dac_read_search"  # root without the right to pass over file modes
    done = linux.run_command(
        *("setpriv", f"--bounding-set={caps}", f"--inh-caps={caps}"),
        *(sys.executable, "-m", "pymodeswitch", "19d2:1201"),
    )
    assert done.returncode == 8, done.stderr
    assert str(node) in done.stderr
    assert 'ATTR{idProduct}=="1201", TAG+="uaccess"' in done.stderr
    assert done.stderr.count("\n") == 1
    assert is_untouched(stick, devnum)


def test_no_device_nodes(plug: Plug) -> None:
    """As in a container without any device node: sysfs shows the stick, and nothing can be opened."""
    stick = plug()
    devnum = linux.devnum(stick.port)
    command = f"mount -t tmpfs none /dev && exec {sys.executable} -m pymodeswitch 19d2:1201"
    done = linux.run_command("unshare", "--mount", "sh", "-c", command)
    assert done.returncode == 8, done.stderr
    assert "does not exist: is /dev/bus/usb missing in this container?" in done.stderr
    assert is_untouched(stick, devnum)


def test_busy(plug: Plug) -> None:
    """Another program holds the interface: exit code 9, nothing is sent."""
    stick = plug()
    backend = load_backend()
    host = LinuxHost(backend=backend)
    device = host.at(pymodeswitch.Port(stick.port))
    assert device is not None
    other = host.open(device)
    try:
        other.detach(0)
        other.claim(0)
        done = linux.pymodeswitch("19d2:1201")
        assert done.returncode == 9, done.stderr
        assert "is busy: another program or driver holds it" in done.stderr
        assert EJECT not in stick.written()
    finally:
        other.release(0)
        other.attach(0)
        other.close()
    assert linux.driver(stick.port) == "usb-storage"


def test_looking_does_not_touch(plug: Plug) -> None:
    """list, explain and --dry-run: no transfer, no driver taken away."""
    stick = plug()
    devnum = linux.devnum(stick.port)
    listed = linux.pymodeswitch("list")
    line = next(line for line in listed.stdout.splitlines() if line.startswith(stick.port))
    assert "switchable" in line
    assert "ZTE, Incorporated USB Storage" in line
    explained = linux.pymodeswitch("explain", "19d2:1201")
    assert f"19d2:1201 on port {stick.port}" in explained.stdout
    assert linux.pymodeswitch("19d2:1201", "--dry-run").returncode == 0
    assert EJECT not in stick.written()
    assert is_untouched(stick, devnum)


def test_another_switched_id_is_told(plug: Plug, device_files: Path) -> None:
    """A device file with a wrong target: a switch, with a warning that names what came."""
    (device_files / "19d2:1201").write_text("TargetVendor=19d2\nTargetProduct=0031\nStandardEject=1\n")
    stick = plug()
    done = linux.pymodeswitch("19d2:1201")
    assert done.returncode == 0
    assert f"19d2:1201 on port {stick.port} switched to 19d2:1203" in done.stdout
    assert "warning: 19d2:1203 (class 0x02) is not among the targets" in done.stderr
