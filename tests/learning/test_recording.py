"""`learn --record PORT`: what is written of the events that usbmon gives, and when it ends."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

import pymodeswitch
from pymodeswitch.command import cli
from pymodeswitch.command.verbs import learn as verb
from pymodeswitch.host.linux import LibusbHost
from pymodeswitch.learning import recording
from pymodeswitch.learning.learn import learn
from pymodeswitch.learning.recording import UsbMonitor, record
from pymodeswitch.nouns.errors import CaptureError
from pymodeswitch.nouns.model import Port
from pymodeswitch.virtual import Attached, Leave, Stick, VirtualBackend, modem_mode
from pymodeswitch.virtual.descriptors import SUPER_SPEED
from tests.learning import traffic
from tests.learning.traffic import Event, NotingBus
from tests.support.method_sticks import METHODS, PRODUCT, VENDOR

HUAWEI = next(method for method in METHODS if method.name == "HuaweiNewMode")


class Script:
    """usbmon of a noting bus: its events as they come; `acts` are due at their seconds."""

    def __init__(self, bus: NotingBus, acts: list[tuple[float, Callable[[], object]]]) -> None:
        self.bus, self.acts, self.sent = bus, acts, len(bus.events)
        self.queue: list[bytes] = []
        self.closed = False

    def next(self, seconds: float) -> bytes | None:
        if not self.queue:
            if self.acts and self.acts[0][0] <= self.bus.clock.now():
                self.acts.pop(0)[1]()
            self.bus.settle()
            new, self.sent = self.bus.events[self.sent :], len(self.bus.events)
            self.queue = [data for _, data in traffic.usbmon(new)]
        if self.queue:
            return self.queue.pop(0)
        self.bus.clock.sleep(seconds)
        return None

    def close(self) -> None:
        self.closed = True


def switch(bus: NotingBus) -> None:
    pymodeswitch.switch(VENDOR, PRODUCT, config=HUAWEI.device_file, backend=VirtualBackend(bus))


def recorded(bus: NotingBus, script: Script, **more: float) -> tuple[recording.Recorded, bytes, list[str]]:
    file, told = io.BytesIO(), []
    host = LibusbHost(VirtualBackend(bus), bus.clock)
    done = record(host, Port("1-1"), script, file, tell=told.append, **more)
    return done, file.getvalue(), told


def test_from_plugging_in_to_the_switch(noting: NotingBus, tmp_path: Path) -> None:
    script = Script(
        noting,
        [(2.0, lambda: noting.plug(HUAWEI.build(Leave(0.5)), "1-1")), (6.0, lambda: switch(noting))],
    )
    done, content, told = recorded(noting, script)
    assert done.ended == "it has switched"
    assert done.switched is not None
    assert told[0].startswith("recording port 1-1, which is empty, for 120 s at most")
    assert told[1] == "1111:2222 on port 1-1 was plugged in"
    (tmp_path / "capture").write_bytes(content)
    learned = learn(str(tmp_path / "capture"))
    assert learned.packets == done.packets
    assert [lesson.is_learned for lesson in learned.lessons] == [True]
    assert noting.clock.now() < 20


class OneBus(NotingBus):
    """usbmon of bus 1; what a stick says on its peer, at SuperSpeed, is not in it."""

    def _enumerate(self, stick: Stick, port: str, permitted: bool) -> Attached:
        known = len(self.events)
        attached = super()._enumerate(stick, port, permitted)
        if not port.startswith("1-"):
            del self.events[known:]
        return attached


def test_one_that_comes_back_on_another_bus(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """USB 3: its ID is the kernel's to tell, as the recording is of one bus."""
    bus = OneBus(super_speed=2)
    stick = HUAWEI.build(Leave(0.5))
    stick.modes[1].speed = SUPER_SPEED
    script = Script(bus, [(2.0, lambda: bus.plug(stick, "1-1")), (6.0, lambda: switch(bus))])
    host = LibusbHost(VirtualBackend(bus), bus.clock)
    monkeypatch.setattr(verb, "default_host", lambda: host)
    monkeypatch.setattr(verb, "UsbMonitor", lambda number: script)
    assert cli.main(["learn", "--record", "1-1", "--to", str(tmp_path / "capture")]) == 0
    out, err = capsys.readouterr()
    assert out.endswith("TargetVendor=0x1111\nTargetProduct=0x3333\nHuaweiNewMode=1\n")
    assert "# confidence: medium" in out
    assert "question" not in out
    assert "it has switched" in err


def test_others_are_left_out(noting: NotingBus) -> None:
    """Someone types on a keyboard beside it."""
    noting.plug(Stick([modem_mode(1, 2)]), "1-2")

    def typed() -> None:
        noting.note(Event(0, 2, 0x81, answer=b"secret"))
        noting.note(Event(0, 9, 0x81, answer=b"public"))

    done, content, _ = recorded(noting, Script(noting, [(0.0, typed)]), seconds=5)
    assert done.ended == "the time is over"
    assert b"secret" not in content
    assert b"public" in content


def test_long_transfers_are_cut_and_the_file_has_a_bound(
    noting: NotingBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "MAX_FILE", 2000)
    many = [(0.0, lambda: noting.note(Event(0, 9, 0x81, answer=bytes(500)))) for _ in range(20)]
    done, content, _ = recorded(noting, Script(noting, many))
    assert len(content) < 3000
    assert done.ended.startswith("the file has")


def test_ended_by_the_user(noting: NotingBus) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    done, content, _ = recorded(noting, Script(noting, [(1.0, interrupt)]))
    assert done.ended == "it was ended"
    assert content == traffic.pcap([], 220, snaplen=recording.HEADER + recording.MAX_DATA)


def test_the_verb(
    noting: NotingBus, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    script = Script(
        noting,
        [(2.0, lambda: noting.plug(HUAWEI.build(Leave(0.5)), "1-1")), (6.0, lambda: switch(noting))],
    )
    host = LibusbHost(VirtualBackend(noting), noting.clock)
    monkeypatch.setattr(verb, "default_host", lambda: host)
    monkeypatch.setattr(verb, "UsbMonitor", lambda bus: script)
    path = tmp_path / "mine.pcap"
    assert cli.main(["learn", "--record", "1-1", "--to", str(path)]) == 0
    out, err = capsys.readouterr()
    assert out.endswith("HuaweiNewMode=1\n")
    assert "packets are in" in err
    assert script.closed
    assert cli.main(["learn", "--record", "1-1", "--to", str(path)]) == 24
    assert "File exists" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [["--record", "x"], ["--record", "1-1", "file"], ["--record", "1-1", "--seconds", "0"]],
)
def test_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["learn", *words]) == 2
    capsys.readouterr()


def test_no_usbmon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "NODE", str(tmp_path / "usbmon{}"))
    with pytest.raises(CaptureError, match="modprobe usbmon"):
        UsbMonitor(1)


def test_the_ioctl_gets_what_the_kernel_expects(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """_IOW(0x92, 10, struct mon_get_arg): two pointers and a size."""
    import ctypes
    import fcntl

    asked: list[int] = []
    head = struct.pack("QBBBBHBBqiiII8s", 1, 83, 3, 1, 4, 1, 45, 0, 0, 0, -115, 31, 3, b"").ljust(64, b"\0")

    def ioctl(file: int, request: int, argument: object) -> int:
        asked.append(request)
        if request & 0xFF == 10:
            assert isinstance(argument, bytes)
            header, data, size = struct.unpack("PPN", argument)
            assert size == recording.MAX_DATA
            ctypes.memmove(header, head, 64)
            ctypes.memmove(data, b"USB", 3)
        return 0

    (tmp_path / "usbmon1").write_bytes(b"x")
    monkeypatch.setattr(recording, "NODE", str(tmp_path / "usbmon{}"))
    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    monitor = UsbMonitor(1)
    monkeypatch.setattr("select.select", lambda r, w, x, t: (r, [], []))
    assert monitor.next(1.0) == head + b"USB"
    monitor.close()
    if struct.calcsize("P") == 8:
        assert asked == [0x9204, 0x4018920A]
