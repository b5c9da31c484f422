"""A stick that hangs in the storage driver's scan, and is met while it hangs, on the real kernel."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from pymodeswitch.virtual import Command, MassStorage, Reply, Stick, mf691
from pymodeswitch.virtual.stick import Setup
from tests.kernel.guest import linux
from tests.kernel.guest.conftest import Plug
from tests.kernel.guest.linux import EJECT
from tests.kernel.usbip import Plugged, UsbipServer

TEST_UNIT_READY, INQUIRY = 0x00, 0x12
HANGING = pytest.mark.parametrize(
    "operation", [TEST_UNIT_READY, INQUIRY], ids=["TEST UNIT READY", "INQUIRY"]
)
# A driver that hangs is told within this, with the start of Python in the guest: far from the 20 s that the
# kernel gives an INQUIRY, and the 30 s of other commands.
SOON_S = 15.0
# Words before a command, so that it sees a sysfs that nobody can write, as in a container.
READ_ONLY = ("unshare", "--mount", "sh", "-c", 'mount -o remount,bind,ro /sys && exec "$@"', "sh")
HANGS = "the storage driver hangs in a command that the stick does not answer"


def is_reset(setup: Setup) -> bool:
    """SET_CONFIGURATION, which the kernel sends after a reset of the port, too."""
    return (setup.request_type, setup.request) == (0x00, 9)


def is_enumeration(setup: Setup) -> bool:
    """The languages of its strings are asked for: not so after a reset."""
    return (setup.request_type, setup.request, setup.value) == (0x80, 6, 0x0300)


class Dying:
    """A stick that answers nothing from a certain command on, not even an eject, until it is enumerated.

    recovers: it comes alive at a reset, and knows that command from then on.
    """

    def __init__(self, operation: int, *, recovers: bool = False) -> None:
        self.stick = mf691()
        (storage,) = self.stick.modes[0].functions
        assert isinstance(storage, MassStorage)
        assert storage.hook is not None
        self.dead = self.sound = False
        self._operation, self._recovers = operation, recovers
        self._switches = storage.hook
        storage.hook = self._hook
        self.stick.modes[0].on_control = self._control

    def _hook(self, command: Command) -> Reply | None:
        self.dead = self.dead or (command.cdb[0] == self._operation and not self.sound)
        return Reply(mute=True) if self.dead else self._switches(command)

    def _control(self, _stick: Stick, setup: Setup, _data: bytes) -> None:
        if self.dead and (is_reset if self._recovers else is_enumeration)(setup):
            self.dead, self.sound = False, self._recovers


def met_late(plug: Plug, dying: Dying, slot: int = 0) -> Plugged:
    """Plugged in, and hanging by now."""
    plugged = plug(dying.stick, slot)
    linux.wait_for("the command", lambda: dying.dead)
    return plugged


@HANGING
def test_it_is_cut_off_and_switched(operation: int, plug: Plug) -> None:
    """Once, with one message, before the next scan makes it hang again."""
    plugged = met_late(plug, Dying(operation))
    done = linux.pymodeswitch("19d2:1201", "-v")
    assert done.returncode == 0, done.stderr
    assert HANGS in done.stderr
    assert done.stderr.count("its port was switched off and on") == 1
    assert plugged.written(0x01).count(EJECT) == 1
    linux.says_ok(plugged.port)


def test_scan(plug: Plug) -> None:
    """In a thread of its own."""
    plugged = met_late(plug, Dying(TEST_UNIT_READY))
    done = linux.pymodeswitch("scan")
    assert done.returncode == 0, done.stderr
    assert "its port was switched off and on" in done.stderr
    assert plugged.written(0x01).count(EJECT) == 1


@HANGING
def test_no_cure(operation: int, plug: Plug, usb: UsbipServer) -> None:
    """Told soon; nothing was sent, and nothing hangs any more once the stick is unplugged."""
    plugged = met_late(plug, Dying(operation))
    for words in (("--no-wait",), ("--timeout", "6")):
        started = time.monotonic()
        command = (linux.PYTHON, "-m", "pymodeswitch", "19d2:1201", "--json", *words)
        done = linux.run_command(*READ_ONLY, *command)
        assert time.monotonic() - started < SOON_S
        assert done.returncode == 9, done.stderr
        data = json.loads(done.stdout)
        assert (data["error"], data["tries"], data["warnings"]) == ("BusyError", 0, [])
        (line,) = done.stderr.splitlines()
        assert f"{HANGS}; no permission to switch its port (as root: echo 1 > /sys/devices/" in line
        assert "unplug the stick (nothing was sent)" in line
    assert EJECT not in plugged.written(0x01)
    usb.unplug(plugged.slot)
    hosts = Path("/sys/class/scsi_host")
    linux.wait_for(
        "the driver's end", lambda: not [h for h in hosts.iterdir() if "vhci" in str(h.resolve())]
    )


def test_it_comes_free_by_itself(plug: Plug) -> None:
    """The kernel's own time-out resets the stick; a call that has so much time waits for it."""
    plugged = met_late(plug, Dying(INQUIRY, recovers=True))
    command = (linux.PYTHON, "-m", "pymodeswitch", "19d2:1201", "-v", "--timeout", "60")
    done = linux.run_command(*READ_ONLY, *command)
    assert done.returncode == 0, done.stderr
    assert HANGS in done.stderr
    assert plugged.written(0x01).count(EJECT) == 1
