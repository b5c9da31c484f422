"""Files that hold captures: in each byte order, compressed, cut, damaged, or of other programs."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable

import pytest

from pymodeswitch.learning import containers
from pymodeswitch.learning.captures import open_packets
from pymodeswitch.learning.packets import Packet
from pymodeswitch.learning.usbmon_text import read_lines
from pymodeswitch.nouns.errors import CaptureError
from tests.learning import traffic
from tests.learning.traffic import Event

Write = Callable[..., str]

EVENTS = [
    Event(1.0, 5, 0, traffic.control(0x80, 6, 0x100, 0, 18), answer=bytes(range(18))),
    Event(2.0, 5, 1, out=b"USBC" + bytes(27)),
    Event(3.0, 5, 0x81, answer=b"USBS" + bytes(9)),
]


def read(path: str) -> tuple[list[Packet], list[str]]:
    with open_packets(path) as capture:
        return list(capture.packets), capture.notes


def shown(packets: list[Packet]) -> list[tuple[object, ...]]:
    start = packets[0].seconds
    return [
        (round(p.seconds - start, 5), p.address, p.endpoint, p.is_answer, p.setup, p.data) for p in packets
    ]


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("ns", [False, True])
@pytest.mark.parametrize(("header", "link"), [(48, 189), (64, 220)])
def test_pcap(order: str, ns: bool, header: int, link: int, capture: Write) -> None:
    records = traffic.usbmon(EVENTS, header=header, order=order)
    packets, notes = read(capture(traffic.pcap(records, link, order=order, ns=ns)))
    plain, _ = read(capture(traffic.pcap(traffic.usbmon(EVENTS), 220), "plain"))
    assert shown(packets) == shown(plain)
    assert [packet.data for packet in packets if packet.data] == [
        bytes(range(18)),
        EVENTS[1].out,
        EVENTS[2].answer,
    ]
    assert not notes


def test_the_link_type_is_in_the_low_half() -> None:
    """The high bits may tell of a frame check sequence."""
    data = bytearray(traffic.pcap([], 220))
    data[23] = 0x24
    assert struct.unpack_from("<I", data, 20)[0] & 0xFFFF == 220


def test_pcapng_with_sections_of_both_orders_and_interfaces_of_all_kinds(capture: Write) -> None:
    little, big = traffic.usbmon(EVENTS[:1]), traffic.usbmon(EVENTS[1:], order=">")
    windows = traffic.usbpcap(EVENTS[2:])
    content = (
        traffic.section()
        + traffic.interface(1)  # Ethernet
        + traffic.interface(220, resolution=9)
        + traffic.block(4, bytes(8))  # names
        + traffic.enhanced((0.5, bytes(60)))
        + b"".join(traffic.enhanced(record, 1, ticks=1e9) for record in little)
        + traffic.enhanced((1.0, b""), 7)  # of an interface that nobody described
        + traffic.section(">")
        + traffic.interface(220, ">", resolution=0x80 | 20)
        + traffic.interface(249, ">")
        + b"".join(traffic.enhanced(record, 0, ">", ticks=2**20) for record in big)
        + b"".join(traffic.enhanced(record, 1, ">") for record in windows)
    )
    packets, notes = read(capture(content))
    assert not notes
    assert [(packet.bus, packet.is_answer) for packet in packets] == [(1, i % 2 == 1) for i in range(6)] + [
        (2, False),
        (2, True),
    ]
    assert packets[2].seconds - packets[0].seconds == pytest.approx(1.0, abs=1e-4)


def test_simple_and_old_packet_blocks(capture: Write) -> None:
    (_, first), (_, second), *_ = traffic.usbmon(EVENTS)
    simple = traffic.block(3, struct.pack("<I", len(first)) + first)
    old = traffic.block(2, struct.pack("<HHIIII", 0, 3, 0, 10, len(second), len(second)) + second)
    packets, _ = read(capture(traffic.section() + traffic.interface(220) + simple + old))
    assert [packet.data for packet in packets] == [b"", bytes(range(18))]
    assert packets[1].seconds == pytest.approx(10e-6)


def test_gzip(capture: Write) -> None:
    whole = traffic.pcap(traffic.usbmon(EVENTS), 220)
    packets, notes = read(capture(gzip.compress(whole)))
    assert len(packets) == 6
    assert not notes
    packets, notes = read(capture(gzip.compress(whole[:200]) + gzip.compress(whole[200:])))
    assert len(packets) == 6
    packets, notes = read(capture(gzip.compress(whole)[:-30]))
    assert packets
    assert notes == [containers.UNZIPPED_CUT]
    damaged = bytearray(gzip.compress(traffic.pcap(traffic.usbmon(EVENTS * 4000), 220)))
    damaged[len(damaged) // 2 :] = b"\xff" * 100
    packets, notes = read(capture(bytes(damaged)))
    assert packets
    assert notes == [containers.UNZIPPED_CUT]


@pytest.mark.parametrize("left", [1, 15, 17, 80])
def test_a_file_that_is_cut_is_read_up_to_there(left: int, capture: Write) -> None:
    whole = traffic.pcap(traffic.usbmon(EVENTS), 220)
    packets, notes = read(capture(whole[:-left]))
    assert len(packets) == (5 if left < 93 else 4)
    assert notes == [containers.CUT]
    ng = (
        traffic.section() + traffic.interface(220) + b"".join(map(traffic.enhanced, traffic.usbmon(EVENTS)))
    )
    packets, notes = read(capture(ng[:-left]))
    assert len(packets) == 5
    assert notes == [containers.CUT]


@pytest.mark.parametrize("size", [0x7FFFFFFF, 0xFFFFFFFF, 1 << 22])
def test_a_length_that_cannot_be_ends_it(size: int, capture: Write) -> None:
    records = traffic.usbmon(EVENTS)
    whole = traffic.pcap(records, 220) + struct.pack("<IIII", 0, 0, size, size) + bytes(100)
    packets, (note,) = read(capture(whole))
    assert len(packets) == 6
    assert "damaged" in note
    for bad in (size, 8, 13):
        ng = traffic.section() + traffic.interface(220) + traffic.enhanced(records[0])
        packets, (note,) = read(capture(ng + struct.pack("<II", 6, bad) + bytes(100)))
        assert len(packets) == 1
        assert "damaged" in note


def test_bounds(capture: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = capture(gzip.compress(traffic.pcap(traffic.usbmon(EVENTS * 100), 220)))
    monkeypatch.setattr(containers, "MAX_CAPTURE_BYTES", 10_000)
    packets, notes = read(path)
    assert 0 < len(packets) < 200
    assert len(notes) == 1
    monkeypatch.setattr(containers, "MAX_CAPTURE_BYTES", 1 << 20)
    monkeypatch.setattr(containers, "MAX_PACKETS", 7)
    packets, notes = read(path)
    assert len(packets) == 7
    assert notes == ["only the first 7 packets were read"]


REFUSED = {
    "zstd": (b"\x28\xb5\x2f\xfd" + bytes(40), "zstd"),
    "LZ4": (b"\x04\x22\x4d\x18" + bytes(40), "LZ4"),
    "FreeBSD": (traffic.pcap([(0.0, bytes(80))], 186), "FreeBSD"),
    "macOS": (traffic.pcap([(0.0, bytes(80))], 266), "macOS"),
    "analyser": (traffic.pcap([(0.0, bytes(8))], 288), "analyser"),
    "Ethernet": (traffic.pcap([(0.0, bytes(60))], 1), "link type 1"),
    "no packet": (traffic.pcap([], 220), "no packet"),
    "empty": (b"", "empty"),
    "text list": (b"No.     Time           Source\n1 0.0 host 1.5.0", "as text"),
    "CSV": (b'"No.","Time","Source"\n"1","0.0","host"', "as text"),
    "JSON": (b'[\n  {\n    "_index": "packets",\n    "_source": {', "JSON"),
    "PDML": (b'<?xml version="1.0"?>\n<pdml version="0">', "PDML"),
    "tshark": (b"Frame 1: 64 bytes on wire\n    Interface id: 0", "tshark"),
    "UTF-16": ("ffff888 1 S Bo:1:001:1 -115 0".encode("utf-16"), "UTF-16"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), "neither"),
    "a letter": (b"Dear Sir,\nmy stick does not work.\n", "neither"),
    "half a header": (b"\xd4\xc3\xb2\xa1\x02\0", "no packet"),
    "a damaged gzip": (b"\x1f\x8b\x08\x09" + bytes(20), "gzip"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(name: str, capture: Write) -> None:
    content, words = REFUSED[name]
    with pytest.raises(CaptureError, match=words) as caught:
        read(capture(content))
    assert "\n" not in str(caught.value)


def test_a_folder_and_a_file_that_is_not_there(tmp_path: object) -> None:
    for path in (str(tmp_path), f"{tmp_path}/none"):
        with pytest.raises(CaptureError, match=r"irectory"):
            read(path)


def test_text_that_a_mail_has_quoted_and_broken() -> None:
    text = traffic.usbmon_text(EVENTS)
    plain = list(read_lines(text.splitlines()))
    quoted = []
    for line in text.splitlines():
        head, _, tail = line.rpartition(" ")
        broken = len(line) > 76 and "=" in line
        quoted += [f"> {head}", f"> {tail}", "..."] if broken else [f"> > {line}"]
    assert len(quoted) > len(text.splitlines())
    assert list(read_lines(["On Monday somebody wrote:", *quoted, "-- ", "me"])) == plain


def test_the_clock_of_usbmon_texts_wraps() -> None:
    text = traffic.usbmon_text(EVENTS, start=2**32 / 1e6 - 2.5)
    seconds = [packet.seconds for packet in read_lines(text.splitlines())]
    assert seconds == sorted(seconds)
    assert seconds[-1] - seconds[0] == pytest.approx(2.0, abs=0.001)


@pytest.mark.parametrize(
    "line",
    [
        "ffff88800001 1 S Co:1:005:0 s 80 06",
        "ffff88800001 1 S Co:1:005:0 s 80 06 zzzz 0000 0012 18 <",
        "ffff88800001 1 C Bi:1:005:1 0 4 = 12345",
        "ffff88800001 1 S Zo:1:005:1 -115:1:0 3 -18:0:0",
        "ffff88800001 1 S Co:1:005:0 s 180 06 0000 0000 0012 18 <",
    ],
)
def test_lines_that_are_broken_are_left_out(line: str) -> None:
    assert list(read_lines([line])) == []
