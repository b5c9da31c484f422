"""What goes on where the switch ends: dialling programs, a terminal to run them in, and a network operator.

The operator is a second pppd behind the virtual modem's calls, in a network namespace of its own: what is
pinged there has really gone through the modem.
"""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import termios
import threading
import time
import tty
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from pymodeswitch.virtual import Call, Radio, Stick, mf691
from tests.kernel.guest import linux
from tests.kernel.guest.conftest import Plug
from tests.kernel.usbip import Plugged, UsbipServer

PACKAGES = Path(os.environ.get("RIG_DIALLING", "/nonexistent"))
PLACE = Path("/opt/dialling")
UDEV_RULES = Path("/usr/lib/udev/rules.d")

INTERNET, NAMED = "198.51.100.1", "198.51.100.7"  # TEST-NET-2; the first is the name server, too
NAMESPACE = "tower"
# pppd under a name that `pkill pppd` does not hit.
CARRIER = Path("/usr/sbin/carrierd")
CARRIER_OPTIONS = ("local", "nodetach", "require-pap", "nodeflate", "nobsdcomp", "ms-dns", INTERNET)
LOOK_S = 0.2

# The emulated CPU and lazy binding break wvdial's small task stacks; on a real CPU it needs none of this.
WVDIAL_ENVIRONMENT = {"LD_BIND_NOW": "1"}


def install() -> None:
    """Lay the unpacked packages over the guest's files; what is there stays. Once is enough."""
    if PLACE.exists():
        return
    PLACE.mkdir(parents=True)
    # Not where the host keeps them: units with ProtectHome would not see them there.
    _done("mount", "--bind", PACKAGES, PLACE)
    _done("cp", "-rsn", f"{PLACE}/usr", "/")
    for folder in ("etc", "var"):
        _done("cp", "-rn", f"{PLACE}/{folder}", "/")
    Path("/run/lock").mkdir(exist_ok=True)  # behind /var/lock; systemd-tmpfiles makes it elsewhere


def _done(*words: str | Path) -> str:
    done = linux.run_command(*words)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


def without_rules() -> None:
    """udev forgets the packages' rules: whoever comes later need not wait for them."""
    for rule in UDEV_RULES.iterdir():
        if rule.is_symlink() and str(rule.readlink()).startswith(f"{PLACE}/"):
            rule.unlink()
    linux.reload_rules()


class Operator:
    """Takes the calls of virtual modems: PPP with PAP (`user`, `pass`), a name server, "the Internet".

    calls: all so far. Each call gets addresses of its own.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._threads: list[threading.Thread] = []
        secrets = Path(f"/etc/netns/{NAMESPACE}/ppp")  # `ip netns exec` puts it in the place of /etc/ppp
        secrets.mkdir(parents=True, exist_ok=True)
        (secrets / "pap-secrets").write_text('"user" * "pass" *\n')
        (secrets / "options").write_text("")
        shutil.copy("/usr/sbin/pppd", CARRIER)
        _done("ip", "netns", "add", NAMESPACE)
        for words in (f"addr add {INTERNET}/32 dev lo", f"addr add {NAMED}/32 dev lo", "link set lo up"):
            _done("ip", "-n", NAMESPACE, *words.split())
        server = Path(__file__).with_name("name_server.py")
        self._names = subprocess.Popen([*self._inside(), linux.PYTHON, server, INTERNET, NAMED])

    @staticmethod
    def _inside() -> tuple[str, ...]:
        return ("ip", "netns", "exec", NAMESPACE)

    def close(self) -> None:
        """End all calls and the network."""
        for call in self.calls:
            call.hang_up()
        for thread in self._threads:
            thread.join(linux.PATIENCE_S)
        self._names.kill()
        self._names.wait()
        _done("ip", "netns", "del", NAMESPACE)

    def take(self, call: Call) -> None:
        """Answer a call, as `Radio.on_call`."""
        number = len(self.calls)
        self.calls.append(call)
        ours, theirs = pty.openpty()
        tty.setraw(theirs, termios.TCSANOW)
        addresses = f"10.64.64.{64 + 2 * number}:10.64.64.{65 + 2 * number}"
        words = [*self._inside(), str(CARRIER), os.ttyname(theirs), "460800", *CARRIER_OPTIONS, addresses]
        with Path(f"/run/carrier-{number}.log").open("wb") as log:
            carrier = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        call.connect(lambda data: _write(ours, data))
        thread = threading.Thread(target=self._carry, args=(call, carrier, ours, theirs), daemon=True)
        self._threads.append(thread)
        thread.start()

    @staticmethod
    def _carry(call: Call, carrier: subprocess.Popen[bytes], ours: int, theirs: int) -> None:
        """Hand over what the operator says, until either side ends the call."""
        while not call.ended and carrier.poll() is None:
            ready, _, _ = select.select([ours], [], [], LOOK_S)
            if ready:
                call.write(os.read(ours, 4096))
        carrier.terminate()
        carrier.wait()
        call.hang_up()
        os.close(theirs)
        os.close(ours)


def _write(file: int, data: bytes) -> None:
    with contextlib.suppress(OSError):  # the call has just ended
        while data:
            data = data[os.write(file, data) :]


class Terminal:
    """A program in a terminal of its own, as a person runs it. screen: all that it has printed."""

    def __init__(self, *words: str, environment: dict[str, str] | None = None) -> None:
        self.screen = ""
        self.words = words
        self.status: int | None = None
        self.pid, self._file = pty.fork()
        if self.pid == 0:
            os.execvpe(words[0], words, os.environ | {"TERM": "vt100"} | (environment or {}))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            print(f"--- the screen of {' '.join(self.words)}:\n{self.screen}")
        self.kill()
        os.close(self._file)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._file, keys.encode())

    def wait_for(self, pattern: str, seconds: float = linux.PATIENCE_S) -> re.Match[str]:
        """Read until the rest of the screen has a text; what is before it does not count any more."""
        deadline = time.monotonic() + seconds
        start = len(self.screen)
        while not (found := re.search(pattern, self.screen[self.mark :])):
            assert self._read(deadline), f"{self.words[0]}: no {pattern!r}, but {self.screen[start:]!r}"
        self.mark += found.end()
        return found

    mark = 0

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._file], [], [], max(0.0, deadline - time.monotonic()))
        try:
            data = os.read(self._file, 4096) if ready else b""
        except OSError:  # the program has ended
            return False
        self.screen += data.decode("utf-8", "replace")
        return bool(data)

    def ended(self, seconds: float = linux.PATIENCE_S) -> int:
        """Wait for the program's end; its exit code."""
        deadline = time.monotonic() + seconds
        while self._read(deadline):
            pass
        linux.wait_for(f"the end of {self.words[0]}", self._reaped)
        assert self.status is not None
        return os.waitstatus_to_exitcode(self.status)

    def kill(self) -> None:
        """End the program, as by kill -9."""
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            linux.wait_for(f"the end of {self.words[0]}", self._reaped)

    def _reaped(self) -> bool:
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.status = status if pid else None
        return self.status is not None


class SwitchedModem:
    """A virtual MF691 that is switched, in a port, with an operator behind its radio."""

    def __init__(self, plugged: Plugged, radio: Radio) -> None:
        self.plugged, self.radio = plugged, radio
        self.ttys = [f"/dev/{node.name}" for node in linux.serial_ports(plugged.port)]


def modem_stick(radio: Radio) -> Stick:
    """An MF691 after its switch: most tests here are about what comes then."""
    return Stick([mf691(radio=radio).modes[1]])


def plug_modem(plug: Plug, usb: UsbipServer, operator: Operator | None, slot: int = 0) -> SwitchedModem:
    """Plug in a switched modem, and wait for its ports."""
    radio = Radio(on_call=operator.take if operator else None, wake=usb.poke)
    plugged = plug(modem_stick(radio), slot, bound=False)
    linux.wait_for("serial ports", lambda: len(linux.serial_ports(plugged.port)) == 2)
    linux.settle()
    return SwitchedModem(plugged, radio)


def addresses(interface: str) -> str:
    """What `ip` says of a network interface; empty while there is none."""
    return linux.run_command("ip", "-brief", "addr", "show", interface).stdout


def ping(interface: str, address: str = INTERNET) -> None:
    """One echo through an interface; AssertionError when none comes back."""
    done = linux.run_command("ping", "-c", "1", "-W", "30", "-I", interface, address)
    assert "1 received" in done.stdout, done.stdout + done.stderr


@contextlib.contextmanager
def operating() -> Iterator[Operator]:
    """A network operator, whose log is shown when a test fails."""
    operator = Operator()
    try:
        yield operator
    except BaseException:
        for log in sorted(Path("/run").glob("carrier-*.log")):
            print(f"--- {log}:\n{log.read_text()}")
        raise
    finally:
        operator.close()
