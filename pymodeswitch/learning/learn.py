"""learn(): from the path of a capture to what it teaches."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .bus import Bus
from .captures import open_packets
from .inference import Lesson, infer
from .lesson import device_files
from .replay import switches

if TYPE_CHECKING:
    from ..nouns.model import UsbId
    from .packets import CaptureInfo


class Learned(NamedTuple):
    """What a capture teaches: a lesson for each stick that may have been switched, the surest first.

    packets: how many there are. devices: how many others are in it. notes: what of the file is not
    complete.
    """

    path: str
    info: CaptureInfo
    lessons: list[Lesson]
    packets: int
    devices: int
    notes: list[str]


def learn(path: str, given_id: UsbId | None = None, given_target: UsbId | None = None) -> Learned:
    """Read a capture, tell which command switched which stick, and replay that on a virtual stick.

    given_id, given_target: what the user knows where the capture does not show it. CaptureError.
    """
    with open_packets(path) as capture:
        bus = Bus(capture.info)
        for packet in capture.packets:
            bus.see(packet)
    lessons = infer(bus, given_id, given_target)
    for lesson in lessons:
        _prove(lesson)
    others = [stay for stay in bus.stays if not stay.is_hub and stay.id is not None]
    devices = len(others) - sum(1 if lesson.after is None else 2 for lesson in lessons)
    return Learned(path, capture.info, lessons, bus.packets, max(0, devices), capture.notes)


def _prove(lesson: Lesson) -> None:
    """Replay it: Huawei's command by its name is another one than Windows sends, so there the bytes are."""
    if not lesson.is_learned:
        return
    files = device_files(lesson)
    other = lesson.candidates[0].recognised.other
    proven = files[0] if other is None else files[1]
    if not switches(lesson, proven):
        lesson.doubt(
            "low", "replayed on a virtual stick that takes these bytes, the device file does not switch it"
        )
