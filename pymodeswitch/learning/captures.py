"""A capture by its path: what kind of file it is, and the packets in it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from ..nouns.errors import CaptureError
from . import sniffusb, usbmon, usbmon_text, usbpcap
from .containers import LZ4, MAX_PACKETS, PCAP, PCAPNG, ZSTD, Bounded, open_capture, read_pcap, read_pcapng
from .packets import CaptureInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .containers import Frame
    from .packets import Packet

MAX_LINE = 1 << 12  # bytes that are looked at; a line of such a text has some hundred
CHUNK = 1 << 16
REFUSED_LINKS = {
    186: "FreeBSD's usbdump",
    266: "macOS",
    288: "raw USB 2.0 packets of a hardware analyser",
    293: "raw USB 2.0 packets of a hardware analyser",
    294: "raw USB 2.0 packets of a hardware analyser",
    295: "raw USB 2.0 packets of a hardware analyser",
}
RECORD_AGAIN = "record it with usbmon on Linux, or with USBPcap on Windows"
SAVE_AS = "save the capture itself as .pcapng"


class Capture(NamedTuple):
    """A capture that is being read. packets: once. notes: what is not complete, to look at afterwards."""

    info: CaptureInfo
    packets: Iterator[Packet]
    notes: list[str]


@contextmanager
def open_packets(path: str) -> Iterator[Capture]:
    """Open a capture and tell its kind by its content. CaptureError, also while its packets are read."""
    file, head, to_close = open_capture(path)
    try:
        yield _capture(path, file, head)
    except OSError as error:
        raise CaptureError(f"{path}: {error.strerror or error}") from error
    finally:
        to_close.close()


def _capture(path: str, file: Bounded, head: bytes) -> Capture:
    if not head:
        raise CaptureError(f"{path}: the file is empty: was the recording stopped and saved?")
    if head[:4] in PCAP:
        return _framed(path, file, "pcap", read_pcap(file))
    if head.startswith(PCAPNG):
        return _framed(path, file, "pcapng", read_pcapng(file))
    for magic, name in ((ZSTD, "zstd"), (LZ4, "LZ4")):
        if head.startswith(magic):
            raise CaptureError(f"{path}: compressed with {name}: save it without compression, or with gzip")
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise CaptureError(f"{path}: a text in UTF-16: save it as UTF-8")
    text = _text(head)
    if text is not None:
        if usbmon_text.looks_like(text):
            info = CaptureInfo("text of usbmon", "Linux", shows_ports=True)
            return Capture(info, usbmon_text.read_lines(_lines(file)), file.notes)
        if sniffusb.looks_like(text) or "UsbSnoop" in text:
            info = CaptureInfo("log of SniffUSB", "Windows", covers_one=True)
            return Capture(info, sniffusb.read_lines(_lines(file)), file.notes)
        what = _export(text)
        if what:
            raise CaptureError(f"{path}: {what}: the bytes are not in it; {SAVE_AS}")
    raise CaptureError(
        f"{path}: neither pcap nor pcapng, nor a text of usbmon, nor a log of SniffUSB: {RECORD_AGAIN}"
    )


def _framed(path: str, file: Bounded, name: str, frames: Iterator[Frame]) -> Capture:
    """A capture of frames; the first one tells what recorded it."""
    refused: set[int] = set()
    first = next((frame for frame in frames if _is_known(frame.link, refused)), None)
    if first is None:
        raise CaptureError(f"{path}: {_why_nothing(refused)}")
    windows = first.link == usbpcap.LINKTYPE_USBPCAP
    how = "USBPcap" if windows else "usbmon"
    info = CaptureInfo(f"{name} of {how}", "Windows" if windows else "Linux", shows_ports=not windows)

    def packets() -> Iterator[Packet]:
        packet = _decode(first)
        if packet is not None:
            yield packet
        for frame in frames:
            packet = _decode(frame)
            if packet is not None:
                yield packet

    return Capture(info, packets(), file.notes)


def _is_known(link: int, refused: set[int]) -> bool:
    if link in usbmon.LINKS or link == usbpcap.LINKTYPE_USBPCAP:
        return True
    refused.add(link)
    return False


def _why_nothing(refused: set[int]) -> str:
    named = sorted({REFUSED_LINKS[link] for link in refused if link in REFUSED_LINKS})
    if named:
        return f"a capture of {' and '.join(named)}, which cannot be read: {RECORD_AGAIN}"
    if refused:
        links = ", ".join(map(str, sorted(refused)))
        return f"no USB traffic in it (link type {links}): {RECORD_AGAIN}"
    return "no packet in it: was the right USBPcap or usbmon interface chosen, one for each root hub?"


def _decode(frame: Frame) -> Packet | None:
    link, order, seconds, data, _ = frame
    size = usbmon.LINKS.get(link)
    if size is not None:
        return usbmon.decode(data, size, order, seconds)
    return usbpcap.decode(data, seconds) if link == usbpcap.LINKTYPE_USBPCAP else None


def _text(head: bytes) -> str | None:
    """The beginning as text, None when it is none."""
    if b"\0" in head:
        return None
    return head.decode("utf-8", "replace")


def _lines(file: Bounded) -> Iterator[str]:
    """The lines of a text, with bounds for one and for all."""
    rest = b""
    left = MAX_PACKETS * 16
    while left:
        chunk = file.read(CHUNK)
        lines = (rest + chunk).split(b"\n")
        rest = lines.pop()[-CHUNK:]
        left -= min(left, len(lines))
        for line in lines:
            yield line[:MAX_LINE].decode("utf-8", "replace").rstrip("\r")
        if not chunk:
            yield rest[:MAX_LINE].decode("utf-8", "replace").rstrip("\r")
            return


def _export(text: str) -> str:
    """What kind of export of Wireshark a text is; empty for none."""
    start = text.lstrip("\ufeff \t\r\n")
    first = start.partition("\n")[0]
    if first.startswith(("No.", '"No."')):
        return "a list of packets that Wireshark has exported as text"
    if start.startswith(("[", "{")) and '"_source"' in text:
        return "packets that Wireshark has exported as JSON"
    if start.startswith("<?xml") and "pdml" in text.lower():
        return "packets that Wireshark has exported as PDML"
    if first.startswith("Frame 1") or "Frame Number:" in text:
        return "packets that tshark has printed"
    return ""
