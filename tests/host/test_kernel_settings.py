"""What the kernel is told, in a folder that looks like sysfs; and when it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from pymodeswitch import AttachedDevice, Port, Settings, Status, UnchangedError, UsbId, switch
from pymodeswitch.host.linux import LibusbHost, LinuxHost
from pymodeswitch.switching.fleet import scan
from pymodeswitch.virtual import VirtualBackend, VirtualBus, mf691

DEVICE = AttachedDevice(Port("1-2.3"), UsbId(0x19D2, 0x1203), 1, 5)


def attribute(root: Path, name: str, text: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_avoid_reset(tmp_path: Path) -> None:
    path = attribute(tmp_path, "bus/usb/devices/1-2.3/avoid_reset_quirk", "0\n")
    assert "will not reset it" in LinuxHost(str(tmp_path)).avoid_reset(DEVICE)
    assert path.read_text()[0] == "1"


def test_avoid_reset_without_the_attribute(tmp_path: Path) -> None:
    (tmp_path / "bus/usb/devices/1-2.3").mkdir(parents=True)
    words = LinuxHost(str(tmp_path)).avoid_reset(DEVICE)
    assert words.endswith("bus/usb/devices/1-2.3/avoid_reset_quirk: No such file or directory")
    assert not list((tmp_path / "bus/usb/devices/1-2.3").iterdir()), "what is not there is not made"


@pytest.mark.parametrize(
    ("before", "seconds", "after", "words"),
    [
        ("1\n", 3, "3", "waits 3 s before it scans, and not 1 s"),
        ("0\n", 1, "1", "waits 1 s before it scans, and not 0 s"),
        ("1500ms\n", 2, "2", "and not 1.5 s"),
        ("1500ms\n", 1, "1500ms\n", "waits 1.5 s before it scans, which is long enough"),
        ("3\n", 3, "3\n", "long enough"),
        ("5\n", 3, "5\n", "waits 5 s before it scans, which is long enough"),
        ("soon\n", 3, "soon\n", "'soon' is no time"),
        ("\n", 3, "\n", "'' is no time"),
    ],
)
def test_storage_delay(before: str, seconds: int, after: str, words: str, tmp_path: Path) -> None:
    path = attribute(tmp_path, "module/usb_storage/parameters/delay_use", before)
    assert words in LinuxHost(str(tmp_path)).raise_storage_delay(seconds)
    # A file of sysfs takes what is written as a whole; this one keeps the rest of its old text.
    assert path.read_text()[: len(after)] == after


def test_storage_delay_without_usb_storage(tmp_path: Path) -> None:
    words = LinuxHost(str(tmp_path)).raise_storage_delay(3)
    assert "delay_use: No such file or directory (is usb-storage loaded?)" in words


class Host(LibusbHost):
    """Notes what the kernel is told, and what was on the port then."""

    def __init__(self, backend: VirtualBackend) -> None:
        super().__init__(backend, backend.bus.clock)
        self.told: list[tuple[str, object]] = []

    def avoid_reset(self, device: AttachedDevice) -> str:
        self.told.append(("avoid reset", str(device.id)))
        return "done"

    def raise_storage_delay(self, seconds: int) -> str:
        on_port = self.at(Port("1-1"))
        self.told.append((f"delay {seconds}", None if on_port is None else str(on_port.id)))
        return "done"


def told(backend: VirtualBackend, settings: Settings, **options: object) -> list[tuple[str, object]]:
    host = Host(backend)
    switch(0x19D2, 0x1201, host=host, settings=settings, **options)  # type: ignore[arg-type]
    return host.told


def test_told_once_switched(bus: VirtualBus, backend: VirtualBackend) -> None:
    """The switched device, and only by the run that switched it."""
    bus.plug(mf691())
    assert told(backend, Settings()) == [("avoid reset", "19d2:1203")]
    assert told(backend, Settings()) == [], "right already: it is not touched"


def test_turned_off(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(mf691())
    assert told(backend, Settings(avoid_reset_quirk=False)) == []


def test_the_delay_is_raised_before_the_message(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(mf691())
    settings = Settings(storage_delay_s=4, avoid_reset_quirk=False)
    assert told(backend, settings, dry_run=True) == []
    assert told(backend, settings) == [("delay 4", "19d2:1201")]


def test_a_scan_puts_off_what_comes_later(backend: VirtualBackend) -> None:
    """Also where there is nothing to switch: at boot, say."""
    host = Host(backend)
    settings = Settings(storage_delay_s=4)
    assert scan(host=host, settings=settings, dry_run=True) == ()
    assert host.told == []
    assert scan(host=host, settings=settings) == ()
    assert host.told == [("delay 4", None)]
    assert scan(host=host, settings=Settings()) == ()
    assert len(host.told) == 1


def test_a_stick_that_stays_is_none_to_protect(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(mf691(leave=None))
    host = Host(backend)
    with pytest.raises(UnchangedError):
        switch(0x19D2, 0x1201, host=host, settings=Settings())
    assert host.told == []
    assert switch(0x19D2, 0x1201, host=host, wait=False).status is Status.SENT
    assert host.told == [], "nobody knows whether it has switched"


def test_a_host_without_either(bus: VirtualBus, backend: VirtualBackend) -> None:
    seen: list[str] = []
    bus.plug(mf691())
    settings = Settings(storage_delay_s=4)
    result = switch(
        0x19D2, 0x1201, backend=backend, settings=settings, observer=lambda p: seen.append(p.text)
    )
    assert result.status is Status.SWITCHED
    assert result.warnings == ()
    assert {"this system has no usb-storage", "this system has no avoid_reset_quirk"} <= set(seen)
