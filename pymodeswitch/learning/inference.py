"""Which command switched which stick: from the stays of a capture to lessons. Pure.

A stick is said to have switched when it left within seconds of an unusual command and something else came
back in its place, or when another configuration shows another class. How sure that is depends on how little
else could have been the cause; each doubt has a line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ..nouns.model import MASS_STORAGE_CLASS
from ..nouns.record import TextEnum
from .doubts import add_doubts
from .recognition import Recognised, recognise
from .returns import Return, leave_of, pair
from .stays import CONFIGURATION, Sent, Stay

if TYPE_CHECKING:
    from ..nouns.model import UsbId
    from .bus import Bus

NEAR_S, FAR_S = 5.0, 20.0  # a command that long before the leave is its cause, or may be
IN_FLIGHT_S = 0.1  # so much later than the first sign of the leave it may have been sent
SERIES_S = 1.0  # commands that follow each other so fast belong together
NEW_S = 2.0  # what was sent again and again, and first longer ago than this, did nothing


class Confidence(TextEnum):
    """How sure an answer is."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class SuspectedCommands(NamedTuple):
    """Commands that may have switched the stick. before_leave: seconds; None where it did not leave."""

    commands: tuple[Sent, ...]
    recognised: Recognised
    before_leave: float | None


@dataclass
class Lesson:
    """What a capture teaches about one stick.

    before: the stay in which it was switched. after: what came back in its place; the same stay where only
    its configuration changed; None where nothing was seen. candidates: the likeliest first. doubts: why it
    is not surer. questions: what the user can do about that. initial, target: IDs, from the capture or from
    the user. come: how what came back was found. is_whole: nothing that matters was cut.
    """

    before: Stay
    after: Stay | None
    left: tuple[float, str] | None
    candidates: list[SuspectedCommands]
    come: Return | None = None
    confidence: Confidence = Confidence.HIGH
    doubts: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    initial: UsbId | None = None
    target: UsbId | None = None
    target_class: int | None = None
    is_whole: bool = True

    def doubt(self, level: str, text: str) -> None:
        """Be no surer than that ("high", "medium", "low"), and say why."""
        order = list(Confidence)
        self.confidence = max(self.confidence, Confidence(level), key=order.index)
        self.doubts.append(text)

    @property
    def same_port(self) -> bool:
        """Whether what came back is on the very port."""
        return self.after is self.before or (self.come is not None and self.come.how == "port")

    @property
    def is_learned(self) -> bool:
        """Whether there is a device file that one may go on with."""
        first = self.candidates[0].recognised.device_file if self.candidates else None
        sure = self.confidence is not Confidence.LOW
        return first is not None and sure and self.initial is not None and self.is_whole


def infer(bus: Bus, given_id: UsbId | None = None, given_target: UsbId | None = None) -> list[Lesson]:
    """A lesson for each stick that may have been switched, the surest first.

    given_id, given_target: what the user knows where the capture does not show it.
    """
    returns = pair(bus)
    lessons = []
    for stay in bus.stays:
        if stay.is_hub or not stay.may_be_disguised:
            continue
        lesson = _in_place(stay) or _by_leave(bus, stay, returns) or _unfinished(bus, stay)
        if lesson is None:
            continue
        _identify(lesson, given_id, given_target)
        add_doubts(lesson, bus)
        lessons.append(lesson)
    order = list(Confidence)
    lessons.sort(key=lambda lesson: (not lesson.is_learned, order.index(lesson.confidence)))
    return lessons


def _in_place(stay: Stay) -> Lesson | None:
    """A stick that shows another class in another configuration, without leaving."""
    selected = [sent for sent in stay.sent if sent.kind == CONFIGURATION]
    if not selected:
        return None
    last = selected[-1]
    left = stay.leave()
    if left is not None and left[0] - last.seconds <= NEAR_S:
        return None
    before, after = stay.interface_class(), stay.interface_class(last.message[2])
    if after is None or after in (MASS_STORAGE_CLASS, before):
        return None
    return Lesson(stay, stay, None, [SuspectedCommands((last,), recognise([last], None), None)])


def _by_leave(bus: Bus, stay: Stay, returns: dict[int, Return]) -> Lesson | None:
    """A stick that left; None for one that was only unplugged."""
    come = returns.get(id(stay))
    left = leave_of(bus, stay)
    if left is None:
        return None
    groups, in_vain = _groups(stay, left[0])
    if not groups and come is None:
        return None
    only_ejected = all(sent.is_eject or sent.is_ordinary for group in groups for sent in group)
    if come is None and stay.scsi_type == 0 and only_ejected:
        return None  # an ordinary drive, ejected and unplugged
    after = None if come is None else _settled(bus, stay, come.stay, returns)
    lesson = Lesson(stay, after, left, [_candidate(stay, group, left[0]) for group in groups], come)
    if in_vain:
        lesson.notes.append("left out: commands that had been sent before without effect")
    return lesson


def _settled(bus: Bus, before: Stay, after: Stay, returns: dict[int, Return]) -> Stay:
    """What came back in the end: some sticks pass through another ID on their way.

    In a capture with wrong times that may be the one that left: then it is what came first.
    """
    for _ in range(2):
        left, further = leave_of(bus, after), returns.get(id(after))
        passes = left is not None and left[0] - after.first <= SERIES_S and not after.may_be_disguised
        if not passes or further is None or further.how != "port" or further.stay is before:
            break
        after = further.stay
    return after


def _unfinished(bus: Bus, stay: Stay) -> Lesson | None:
    """A stick that was still there when the recording ended, just after an unusual command."""
    if stay.leave() is not None:
        return None
    last = bus.end
    acting = [
        s for s in stay.sent if not (s.is_ordinary or s.is_reading or s.is_eject or s.kind == CONFIGURATION)
    ]
    if not acting or not (bus.info.covers_one or last - acting[-1].seconds <= NEAR_S):
        return None
    groups, _ = _groups(stay, acting[-1].seconds)
    return Lesson(stay, None, None, [_candidate(stay, group, None) for group in groups])


def _candidate(stay: Stay, group: list[Sent], left: float | None) -> SuspectedCommands:
    storage = (interface for interface in stay.interfaces() if interface[1] == MASS_STORAGE_CLASS)
    bulk_out = next((interface[4] for interface in storage), None)
    before_leave = None if left is None else max(0.0, left - group[-1].seconds)
    return SuspectedCommands(tuple(group), recognise(group, bulk_out), before_leave)


def _groups(stay: Stay, left: float) -> tuple[list[list[Sent]], list[Sent]]:
    """The series of commands before a leave, the nearest first; and those left out as sent in vain."""
    sent = [one for one in stay.sent if one.seconds <= left + IN_FLIGHT_S]
    near = [one for one in sent if left - one.seconds <= NEAR_S] or [
        one for one in sent if left - one.seconds <= FAR_S
    ]
    in_vain = [one for one in near if _was_in_vain(stay, one, left)]
    if len(in_vain) < len(near):
        near = [one for one in near if one not in in_vain]
    else:
        in_vain = []
    acting = [one for one in near if not one.is_ordinary and not one.is_reading]
    if acting:  # what only reads is not listed beside what acts, but where it came later
        near = [
            one for one in near if one in acting or (one.is_reading and one.seconds > acting[-1].seconds)
        ]
    groups: list[list[Sent]] = []
    for one in near:
        if groups and one.seconds - groups[-1][-1].seconds <= SERIES_S:
            groups[-1].append(one)
        else:
            groups.append([one])
    groups.reverse()
    return groups, in_vain


def _was_in_vain(stay: Stay, sent: Sent, left: float) -> bool:
    first, count = stay.history(sent)
    return count > 1 and left - first > NEW_S


def _identify(lesson: Lesson, given_id: UsbId | None, given_target: UsbId | None) -> None:
    """IDs and class, from the capture or else from the user."""
    before, after = lesson.before, lesson.after
    lesson.initial = before.id or given_id
    lesson.target = given_target
    if after is not None:
        lesson.target = after.id or given_target
        configuration = lesson.candidates[0].commands[-1].message[2] if after is before else None
        lesson.target_class = after.interface_class(configuration)
