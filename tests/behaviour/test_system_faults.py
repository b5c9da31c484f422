"""Every call to the system, failing: while a stick is switched, or several, or files are written.

Which calls there are is found out by a run without faults, so the table grows with the code. Allowed is
what would have come of it anyway, and errors of ours; files are old or new, never half; drivers are given
back.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import threading
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from pymodeswitch import InstallationError, ModeSwitchError, Port, Settings, Status, scan, switch
from pymodeswitch.catalog.catalog import default_catalog
from pymodeswitch.command import cli
from pymodeswitch.host.linux import LinuxHost
from pymodeswitch.nouns.model import AttachedDevice
from pymodeswitch.nouns.protocols import Transport
from pymodeswitch.switching import fleet, port_watch
from pymodeswitch.system.installation import Layout, SystemFile, install, uninstall
from pymodeswitch.system.root import Root
from pymodeswitch.transport.libusb import open_device
from pymodeswitch.virtual import Leave, RealClock, VirtualBackend, VirtualBus, mf691
from tests.support.system_faults import FAULTS, SHORT, Call, SystemCalls
from tests.switching.test_fleet import SafeBackend

MOST_OF_A_KIND = 3  # of equal calls of one file the first ones: a loop's later rounds are like them


class TreeHost(LinuxHost):
    """Linux with a virtual stick: sysfs is a folder that follows the bus, all else is real."""

    def __init__(self, bus: VirtualBus, backend: VirtualBackend, top: Path) -> None:
        super().__init__(str(top / "sys"), state_folder=str(top / "state"))
        self._bus, self._virtual, self._top = bus, backend, top
        self._shown: object = None
        self.follow()

    def follow(self) -> None:
        attached = [(stick.port, stick.address, dict(stick.drivers)) for stick in self._bus.attached()]
        if attached == self._shown:
            return
        self._shown = attached
        devices = self._top / "sys/bus/usb/devices"
        shutil.rmtree(devices, ignore_errors=True)
        devices.mkdir(parents=True)
        for stick in self._bus.attached():
            identity = stick.stick.identity
            folder = devices / stick.port
            folder.mkdir()
            raw = identity.to_bytes() + b"".join(c.to_bytes() for c in identity.configurations)
            (folder / "descriptors").write_bytes(raw)
            texts = {"busnum": "1", "devnum": str(stick.address), "bConfigurationValue": "1"}
            for name, text in texts.items():
                (folder / name).write_text(f"{text}\n")
            for interface, driver in stick.drivers.items():
                below = devices / f"{stick.port}:1.{interface}"
                below.mkdir()
                (below / "driver").symlink_to(f"../../../../bus/usb/drivers/{driver}")

    def devices(self) -> tuple[AttachedDevice, ...]:
        self.follow()
        return super().devices()

    def at(self, port: Port) -> AttachedDevice | None:
        self.follow()
        return super().at(port)

    def open(self, device: AttachedDevice) -> Transport:
        return open_device(self._virtual, device)

    def now(self) -> float:
        return self._bus.clock.now()

    def sleep(self, seconds: float) -> None:
        self._bus.clock.sleep(seconds)

    def wait(self, seconds: float, port: Port | None = None) -> None:
        super().wait(0.0, port)
        self._bus.clock.sleep(min(seconds, 0.25))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> SystemCalls:
    return SystemCalls(monkeypatch)


@pytest.fixture(autouse=True)
def _no_endless_run() -> object:
    """A fault must not make a run wait for ever."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.alarm(300)
    yield None
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def each(calls: SystemCalls, run: Callable[[Call | None, int], None], only: tuple[str, ...] = ()) -> int:
    """Run once without a fault, and once for each call and each fault that it can have; how many.

    only: calls of these files of the package.
    """
    run(None, 0)
    seen = [call for call in dict.fromkeys(calls.calls) if call.number < MOST_OF_A_KIND]
    seen = [call for call in seen if not only or call.file in only]
    assert seen
    count, found = 0, []
    for call in seen:
        for fault in FAULTS[call.name]:
            try:
                run(call, fault)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                name = "a short write" if fault == SHORT else os.strerror(fault)
                where = traceback.extract_tb(error.__traceback__)[-1]
                found.append(f"{name} at {call}: {error!r} ({where.filename}:{where.lineno})")
            count += 1
    assert not found, "\n".join(found)
    return count


def test_switch(calls: SystemCalls, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "19d2-1201@uMa=x").write_text("StandardEject=1\n")
    conf = tmp_path / "conf"
    conf.write_text("verbose = true\n")
    outcomes: dict[str, int] = {}

    def run(call: Call | None, fault: int) -> None:
        for leave in (Leave(0.5), None):
            shutil.rmtree(tmp_path / "state", ignore_errors=True)
            bus = VirtualBus()
            backend = VirtualBackend(bus)
            bus.plug(mf691(leave=leave))
            host = TreeHost(bus, backend, tmp_path)
            calls.start(call, fault)
            try:
                result = switch(0x19D2, 0x1201, host=host, data=folder, timeout=3, settings=Settings())
                outcome = result.status.value if result.status else ""
                assert result.status in (Status.SWITCHED, Status.ALREADY)
            except ModeSwitchError as error:
                outcome = type(error).__name__
            finally:
                calls.stop()
                host.close()
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
            attached = bus.at("1-1")
            assert attached is not None
            if attached.stick.mode_index == 0:
                assert attached.drivers == {0: "usb-storage"}
            assert not attached.claimed
            assert backend.open_handles == 0

    files = len(os.listdir("/proc/self/fd"))
    count = each(calls, run)
    assert len(os.listdir("/proc/self/fd")) == files
    assert outcomes["switched"] > count / 2, outcomes
    print(f"{count} faults, {2 * count} runs: {outcomes}")


class SharedHost(TreeHost):
    """On real time, for several threads."""

    def follow(self) -> None:
        with SafeBackend.lock:
            super().follow()

    def wait(self, seconds: float, port: Port | None = None) -> None:
        LinuxHost.wait(self, min(seconds, 0.02), port)


def watched(host: SharedHost) -> list[fleet.Outcome]:
    """What comes of a watch that ends with its first outcome, or when it is time."""
    outcomes: list[fleet.Outcome] = []

    def report(outcome: fleet.Outcome) -> None:
        outcomes.append(outcome)
        watching.stop()

    switch_one = fleet.switcher(timeout=0.6, settings=Settings())
    watching = fleet.Fleet(host, default_catalog(), switch_one, report)
    end = threading.Timer(1.5, watching.stop)
    end.start()
    watching.run(forever=True)
    end.cancel()
    return outcomes


# What `test_switch` does not reach; sysfs, for the loop that lists all.
OF_A_FLEET = ("switching/fleet.py", "host/kernel_events.py", "host/sysfs.py")


@pytest.mark.parametrize("forever", [False, True], ids=["scan", "watch"])
def test_several(
    forever: bool, calls: SystemCalls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With threads, kernel events and a pipe; a stick that is not met is no harm, a bug is."""
    for name, value in (("MEMBER_POLL_S", 0.02), ("POLL_S", 0.05), ("HEARING_POLL_S", 0.05), ("STOP_S", 3)):
        monkeypatch.setattr(fleet, name, value)
    monkeypatch.setattr(port_watch, "NODES_TIMEOUT_S", 0.05)
    caught: list[object] = []
    monkeypatch.setattr(threading, "excepthook", caught.append)
    outcomes: list[str] = []

    def run(call: Call | None, fault: int) -> None:
        shutil.rmtree(tmp_path / "state", ignore_errors=True)
        bus = VirtualBus(RealClock())
        backend = SafeBackend(bus)
        bus.plug(mf691(leave=Leave(0.02)), "1-1")
        host = SharedHost(bus, backend, tmp_path)
        calls.start(call, fault)
        try:
            options = {"timeout": 0.6, "settings": Settings()}
            done = watched(host) if forever else list(scan(host=host, **options))  # type: ignore[arg-type]
            assert len(done) <= 1 or forever
            for outcome in done:
                assert "internal error" not in str(outcome.error), outcome.error
                outcomes.append(type(outcome.error).__name__)
        except ModeSwitchError as error:
            outcomes.append(type(error).__name__)
        finally:
            calls.stop()
            host.close()
        assert not caught, "an exception in a thread"
        attached = bus.at("1-1")
        if attached is not None and attached.stick.mode_index == 0:
            assert attached.drivers == {0: "usb-storage"}

    count = each(calls, run, OF_A_FLEET)
    assert outcomes.count("NoneType") > count / 2, Counter(outcomes)
    print(f"{count} faults: {Counter(outcomes)}")


def contents(top: Path) -> dict[str, bytes | str]:
    found: dict[str, bytes | str] = {}
    for path in sorted(top.rglob("*")):
        name = str(path.relative_to(top))
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_file():
            found[name] = path.read_bytes()
    return found


PLACES = Layout(
    "/etc/udev/rules.d", "/etc/systemd/system", "/usr/local/share", "/usr/local/lib/x/installed"
)
NEW = [
    SystemFile("/etc/udev/rules.d/41-x.rules", b"new rules\n"),
    SystemFile("/etc/systemd/system/x.service", b"[Unit]\n"),
    SystemFile("/etc/systemd/system/a.wants/x.service", b"[Unit]\n", "/etc/systemd/system/x.service"),
]
OLD = [file._replace(content=b"old " + file.content) for file in NEW]
OLD.append(SystemFile("/etc/udev/rules.d/40-of-an-older-one.rules", b"old\n"))


@pytest.mark.parametrize("before", [[], OLD], ids=["from nothing", "over an older one"])
def test_install(before: list[SystemFile], calls: SystemCalls, tmp_path: Path) -> None:
    """Each file is what it was or what it will be, and all of them can be removed afterwards."""
    top = tmp_path / "root"
    root = Root(str(top))

    def begin() -> dict[str, bytes | str]:
        shutil.rmtree(top, ignore_errors=True)
        top.mkdir()
        install(root, PLACES, before)
        return contents(top)

    old = begin()
    install(root, PLACES, NEW)
    new = contents(top)
    listed = PLACES.list.lstrip("/")

    def run(call: Call | None, fault: int) -> None:
        begin()
        calls.start(call, fault)
        try:
            install(root, PLACES, NEW)
            done = True
        except InstallationError:
            done = False
        finally:
            calls.stop()
        found = contents(top)
        for name, content in found.items():
            if name != listed:  # which holds old and new ones while it is under way
                assert content in (old.get(name), new.get(name)), name
        assert not [name for name in found if ".pymodeswitch-" in name], found.keys()
        if fault == errno.ENOENT and call is not None and call.name in ("os.lstat", "os.open", "os.stat"):
            return  # what is said not to be there is not looked for
        if done:
            assert found == new
        uninstall(root, PLACES)
        assert contents(top) == {}, "all of it is in the list"

    print(f"{each(calls, run)} faults")


def test_import(calls: SystemCalls, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = tmp_path / "from", tmp_path / "to"
    source.mkdir()
    for number in range(3):
        (source / f"1111:000{number}").write_text("StandardEject=1\n")

    def run(call: Call | None, fault: int) -> None:
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        (target / "1111-0000").write_text("HuaweiMode=1\n")
        calls.start(call, fault)
        try:
            code = cli.main(["data", "import", str(source), "--to", str(target), "-q"])
        finally:
            calls.stop()
        assert "internal error" not in capsys.readouterr().err
        found = contents(target)
        assert set(found.values()) <= {b"HuaweiMode=1\n", b"StandardEject=1\n"}
        assert not [name for name in found if name.startswith(".")]
        if code == 0:
            assert list(found) == ["1111-0000", "1111-0001", "1111-0002"]

    print(f"{each(calls, run)} faults")


def test_a_fault_is_met(calls: SystemCalls, tmp_path: Path) -> None:
    """The table would be worth nothing if its faults did not come."""
    (tmp_path / "19d2-1201").write_text("StandardEject=1\n")
    calls.start(Call("os.open", "device_files/files.py", 0), 13)
    with pytest.raises(ModeSwitchError, match="Permission denied"):
        switch(0x19D2, 0x1201, config=str(tmp_path / "19d2-1201"), backend=VirtualBackend(VirtualBus()))
    assert calls.met
