"""Whatever is in a file: it ends soon, with an answer or with one line. Nothing else is ever raised."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pymodeswitch.device_files.syntax import parse
from pymodeswitch.learning.bus import MAX_PENDING, MAX_STAYS, Bus
from pymodeswitch.learning.learn import learn
from pymodeswitch.learning.lesson import data, text
from pymodeswitch.learning.packets import BULK, CONTROL, CaptureInfo, Packet
from pymodeswitch.learning.privacy import masked
from pymodeswitch.learning.stays import KEPT, KEPT_CONFIGURATIONS, KEPT_MESSAGES
from pymodeswitch.nouns.errors import CaptureError
from pymodeswitch.nouns.model import Severity
from tests.learning import traffic
from tests.learning.conftest import CAPTURES
from tests.support import CHECKOUT
from tests.support.bounds import MOST_BYTES

Write = Callable[..., str]
EXAMPLES = sorted(path for path in CAPTURES.iterdir() if path.suffix not in (".md", ".json"))


def answered(path: str) -> None:
    """Learn from it, and print that."""
    try:
        learned = learn(path)
    except CaptureError as error:
        problem = str(error)
    else:
        problem = ""
    assert len(problem.splitlines()) <= 1
    if problem:
        return
    for lesson in learned.lessons:
        printed = text(lesson, learned.info)
        _, diagnostics = parse(printed, strict=True)
        assert not [one for one in diagnostics if one.severity is Severity.ERROR]
        assert all(line.startswith(("#", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ")) for line in printed.splitlines())
        data(lesson, learned.info)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_damaged_examples(path: object, capture: Write) -> None:
    """A few bytes of it changed, removed, doubled."""
    whole = path.read_bytes()  # type: ignore[attr-defined]
    chance = random.Random(path.name)  # type: ignore[attr-defined]  # the same each time
    for _ in range(25):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 40)):
            at = chance.randrange(len(damaged))
            match chance.randrange(4):
                case 0:
                    damaged[at] = chance.randrange(256)
                case 1:
                    del damaged[at : at + chance.randrange(50)]
                case 2:
                    damaged[at:at] = damaged[at : at + chance.randrange(200)]
                case 3:
                    damaged[at : at + 4] = chance.choice(
                        [b"\0\0\0\0", b"\xff\xff\xff\xff", b"USBC", b"\x7f\0\0\0"]
                    )
        answered(capture(bytes(damaged)))


HEADS = [
    b"",
    b"\xd4\xc3\xb2\xa1",
    b"\x1f\x8b",
    traffic.pcap([], 220),
    traffic.pcap([], 189, order=">"),
    traffic.pcap([], 249),
    traffic.section() + traffic.interface(220),
    b"ffff88800001 1 S Bo:1:005:1 -115 31 = 55534243\n",
    b"[0 ms]  >>>  URB 1 going down  >>>\n-- URB_FUNCTION_VENDOR_DEVICE:\n",
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(head=st.sampled_from(HEADS), rest=st.binary(max_size=400))
def test_anything_behind_a_good_head(head: bytes, rest: bytes, capture: Write) -> None:
    answered(capture(head + rest))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(
    link=st.sampled_from([189, 220, 249]),
    records=st.lists(st.binary(min_size=20, max_size=120), max_size=20),
)
def test_any_packets(link: int, records: list[bytes], capture: Write) -> None:
    answered(capture(traffic.pcap([(float(n), record) for n, record in enumerate(records)], link)))


@pytest.mark.parametrize(
    ("shown", "secret"),
    [
        ("HUAWEI Mobile 353914030000000", "353914030000000"),
        ("IMEI 35-391403-000000-0", "391403"),
        ("modem 00:1e:10:1f:00:00", "1e:10"),
        ("ZTE MF691 P671A1TMOD010000", "P671A1TMOD010000"),
        ("SN \uff21\uff22\uff23\uff24\uff11\uff12\uff13\uff14\uff15\uff16", "123456"),
        ("DEADBEEFCAFE", "DEADBEEF"),
    ],
)
def test_numbers_of_one_device_are_masked(shown: str, secret: str) -> None:
    assert secret not in masked(shown, serial="P671A1TMOD010000")


@pytest.mark.parametrize(
    "name", ["HUAWEI Mobile", "ZTE WCDMA Technologies MSM", "MF691 2.0", "E1752C 7.2 Mbit"]
)
def test_names_are_not(name: str) -> None:
    assert masked(name) == name


def test_a_text_is_one_short_printable_line() -> None:
    assert (
        masked("a\r\nb\x1b[2J\0 \u202e c" + "x" * 500)
        == masked("a\r\nb\x1b[2J\0 \u202e c" + "x" * 500)[:64]
    )
    assert masked("a\r\nb\x1b[2J").isprintable()


def test_what_is_remembered_of_a_capture_has_bounds() -> None:
    """Of millions of different commands, devices and requests without an answer."""
    bus = Bus(CaptureInfo("pcap of usbmon", "Linux", shows_ports=True))
    for number in range(6000):
        message = b"USBC" + bytes(11) + b"\xff" + number.to_bytes(15, "big")
        bus.see(Packet(number / 100, number, 1, 5, 1, BULK, False, data=message, length=31))
        request = traffic.control(0xC0, number & 0xFF, number, 0, 8)
        bus.see(Packet(number / 100, number, 1, 6, 0, CONTROL, False, setup=request))
        bus.see(Packet(number / 100, number, 1, 0, 0, CONTROL, False, setup=traffic.control(0, 5, 7, 0, 0)))
        status = traffic.control(0x23, 1, 0x10, number & 0xFF, 0)
        bus.see(Packet(number / 100, number, 1, 1, 0, CONTROL, False, setup=status))
        value = traffic.control(0x00, 9, number % 255 + 1, 0, 0)
        bus.see(Packet(number / 100, number, 1, 8, 0, CONTROL, False, setup=value))
    first = bus.stays[0]
    assert len(first.sent) == KEPT
    assert len(first.messages) <= KEPT_MESSAGES
    assert max(len(stay.selected) for stay in bus.stays) <= KEPT_CONFIGURATIONS
    assert len(bus.stays) <= MAX_STAYS
    assert len(bus.lost) <= MAX_STAYS
    assert len(bus._pending) <= MAX_PENDING


def test_captures_cost_little_memory(tmp_path: Path) -> None:
    """Long messages to thousands of devices; interfaces and lines without an end."""
    bus = Bus(CaptureInfo("pcap of usbmon", "Linux", shows_ports=True))
    tracemalloc.start()
    for number in range(20_000):
        message = number.to_bytes(4, "big") * 1_000
        place = 1 + number // 200, 1 + number % 200
        bus.see(Packet(number, number, *place, 1, BULK, False, data=message, length=len(message)))
    described = traffic.section() + traffic.interface(220) * 200_000
    values = b"[0 ms] >>> URB 1 going down >>>\n" + b"".join(b"a%d=1\n" % n for n in range(200_000))
    for content in (described, values):
        path = tmp_path / "capture"
        path.write_bytes(content)
        answered(str(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak <= MOST_BYTES
    assert len(bus._open) <= MAX_STAYS


LONG_LINES = (
    " " * 60_000,
    "[1]" * 1_300,
    "> " + "ab" * 15 + "zz",
    "> " + "ab " * 20 + "z",
    "a" * 4_000,
    ":" + "a" * 4_000,
    ">>> " * 1_000,
    "[1 ms" * 800,
    "a." * 2_000 + "=",
)


def read_long_lines(path: Path) -> None:
    for head in HEADS[-2:]:
        for line in LONG_LINES:
            path.write_bytes(head + (head + line.encode() + b"\n") * (1_000_000 // len(line)))
            answered(str(path))


def test_no_line_takes_for_ever(tmp_path: Path) -> None:
    """A pattern that goes back and forth in a line takes hours for what is a second's work."""
    code = (
        "import sys, pathlib; from tests.learning.test_hostile import read_long_lines;"
        "read_long_lines(pathlib.Path(sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "capture")],
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        timeout=240,
    )
    assert done.returncode == 0
