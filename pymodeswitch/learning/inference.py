"""Which command switched which stick: from the stays of a capture to lessons. Pure.

A stick is said to have switched when it left within seconds of an unusual command and something else came back
in its place, or when another configuration shows another class. How sure that is depends on how little else
could have been the cause; each doubt has a line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ..model import MASS_STORAGE_CLASS
from ..record import Choice
from .recognition import Recognised, describe, recognise
from .stays import CONFIGURATION, Sent, Stay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..model import UsbId
    from .bus import Bus

NEAR_S, FAR_S = 5.0, 20.0  # a command that long before the leave is its cause, or may be
IN_FLIGHT_S = 0.1  # so much later than the first sign of the leave it may have been sent
SERIES_S = 1.0  # commands that follow each other so fast belong together
RETURN_S = 60.0  # the slowest sticks take half of it
BY_HAND_S = 3.0  # who pulls a stick out after an eject is slower


class Confidence(Choice):
    """How sure an answer is."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Candidate(NamedTuple):
    """Commands that may have switched the stick. before_leave: seconds; None where it did not leave."""

    commands: tuple[Sent, ...]
    recognised: Recognised
    before_leave: float | None


@dataclass
class Lesson:
    """What a capture teaches about one stick.

    before: the stay in which it was switched. after: what came back in its place; the same stay where only its
    configuration changed; None where nothing was seen. candidates: the likeliest first. doubts: why it is not
    surer. questions: what the user can do about that. initial, target: IDs, from the capture or from the user.
    """

    before: Stay
    after: Stay | None
    left: tuple[float, str] | None
    candidates: list[Candidate]
    confidence: Confidence = Confidence.HIGH
    doubts: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    same_port: bool = False
    initial: UsbId | None = None
    target: UsbId | None = None
    target_class: int | None = None
    is_whole: bool = True

    def doubt(self, level: Confidence, text: str) -> None:
        """Be no surer than that, and say why."""
        order = list(Confidence)
        self.confidence = max(self.confidence, level, key=order.index)
        self.doubts.append(text)

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
    returns = _pair(bus)
    lessons = []
    for stay in bus.stays:
        if stay.is_hub or not (stay.is_storage or stay.sent):
            continue
        lesson = _in_place(stay) or _by_leave(bus, stay, returns.get(id(stay)))
        if lesson is None:
            continue
        _identify(bus, lesson, given_id, given_target)
        lessons.append(lesson)
    order = list(Confidence)
    lessons.sort(key=lambda lesson: (not lesson.is_learned, order.index(lesson.confidence)))
    return lessons


# Who came back in whose place


class Return(NamedTuple):
    """What came in the place of a stay that left. how: "port", "vendor" or "bus"."""

    stay: Stay
    how: str


def _pair(bus: Bus) -> dict[int, Return]:
    found: dict[int, Return] = {}
    taken: set[int] = set()
    for stay in bus.stays:
        left = stay.leave(bus.end)
        if stay.is_hub or left is None:
            continue
        come = [
            other
            for other in bus.stays
            if other is not stay
            and id(other) not in taken
            and not other.is_hub
            and left[0] - IN_FLIGHT_S <= other.first <= left[0] + RETURN_S
            and (other.id is not None or other.is_storage)
        ]
        best = _best(bus, stay, left[0], come)
        if best is not None:
            taken.add(id(best.stay))
            found[id(stay)] = best
    return found


def _best(bus: Bus, stay: Stay, left: float, come: Sequence[Stay]) -> Return | None:
    if stay.port is not None:
        for other in come:
            if other.port == stay.port:
                return Return(other, "port")
        come = [other for other in come if other.port is None or other.port[0] != stay.bus]
    elif bus.info.shows_ports:
        # It came before the capture began; its port lost it, and that is where the next one comes.
        ports = {port for seconds, port in bus.lost if abs(seconds - left) <= NEAR_S}
        for other in come:
            if other.port in ports and other.bus == stay.bus:
                return Return(other, "port" if len(ports) == 1 else "bus")
    same_vendor = [o for o in come if o.id is not None and stay.id is not None and o.id.vendor == stay.id.vendor]
    for other in same_vendor:
        if other.bus == stay.bus or bus.info.shows_ports:  # a USB 3 port has a peer on another bus
            return Return(other, "vendor")
    for other in come:
        if other.bus == stay.bus:
            return Return(other, "bus")
    return None


# What switched it


def _in_place(stay: Stay) -> Lesson | None:
    """A stick that shows another class in another configuration, without leaving."""
    selected = [sent for sent in stay.sent if sent.kind == CONFIGURATION]
    if not selected:
        return None
    last = selected[-1]
    left = stay.leave(0.0)
    if left is not None and left[0] - last.seconds <= NEAR_S:
        return None
    before, after = stay.interface_class(), stay.interface_class(last.message[2])
    if after is None or after in (MASS_STORAGE_CLASS, before):
        return None
    candidate = Candidate((last,), recognise([last], None), None)
    lesson = Lesson(stay, stay, None, [candidate], same_port=True)
    if before is None:
        lesson.doubt(Confidence.MEDIUM, "the class that it had before is not in the capture")
    others = [sent for sent in stay.sent if sent is not last and last.seconds - NEAR_S <= sent.seconds]
    if [sent for sent in others if sent.kind != CONFIGURATION and not sent.is_ordinary]:
        lesson.doubt(Confidence.MEDIUM, "other unusual commands were sent shortly before or after")
    return lesson


def _by_leave(bus: Bus, stay: Stay, come: Return | None) -> Lesson | None:
    left = stay.leave(bus.end)
    if left is None:
        return None
    after = come.stay if come is not None else None
    lesson = Lesson(stay, after, left, [], same_port=come is not None and come.how == "port")
    groups, others = _groups(stay, left[0])
    if not groups and after is None:
        return None  # unplugged
    bulk_out = next((interface[4] for interface in stay.interfaces() if interface[1] == MASS_STORAGE_CLASS), None)
    for group in groups:
        before_leave = left[0] - group[-1].seconds
        lesson.candidates.append(Candidate(tuple(group), recognise(group, bulk_out), max(0.0, before_leave)))
    _weigh_return(lesson, come)
    if not groups:
        lesson.doubt(Confidence.LOW, "only ordinary commands were sent before it left")
        lesson.questions.append(NOTHING_UNUSUAL)
        return lesson
    _weigh_commands(lesson, others)
    return lesson


NOTHING_UNUSUAL = (
    "Nothing unusual was sent: was the modem switched already, is its Windows driver installed, was the right"
    " USBPcap interface chosen, and the recording started before plugging in?"
)


def _groups(stay: Stay, left: float) -> tuple[list[list[Sent]], list[Sent]]:
    """The series of commands before a leave, the nearest first; and those demoted as sent before in vain."""
    sent = [one for one in stay.sent if one.seconds <= left + IN_FLIGHT_S]
    near = [one for one in sent if left - one.seconds <= NEAR_S] or [
        one for one in sent if left - one.seconds <= FAR_S
    ]
    in_vain = [one for one in near if left - stay.messages.get(one.essence, one.seconds) > FAR_S]
    if len(in_vain) < len(near):
        near = [one for one in near if one not in in_vain]
    else:
        in_vain = []
    acting = [one for one in near if not one.is_ordinary and not one.is_reading]
    if acting:  # what only reads is not listed beside what acts
        near = [one for one in near if one in acting or (one.is_reading and one.seconds > acting[-1].seconds)]
    groups: list[list[Sent]] = []
    for one in near:
        if groups and one.seconds - groups[-1][-1].seconds <= SERIES_S:
            groups[-1].append(one)
        else:
            groups.append([one])
    groups.reverse()
    return groups, in_vain


def _weigh_return(lesson: Lesson, come: Return | None) -> None:
    before, after = lesson.before, lesson.after
    if after is None or come is None:
        return
    shown = after.interface_class()
    if after.id is not None and after.id == before.id and shown in (None, before.interface_class()):
        lesson.doubt(Confidence.LOW, "it came back as it was: it fell back, or was plugged in again")
        lesson.after = None
        return
    if shown is None:
        lesson.doubt(Confidence.MEDIUM, "the class of what came back is not in the capture")
    elif shown == MASS_STORAGE_CLASS:
        lesson.doubt(Confidence.MEDIUM, "what came back is storage still: the first of two switches, perhaps")
    other_vendor = after.id is not None and before.id is not None and after.id.vendor != before.id.vendor
    if come.how == "bus":
        level = Confidence.MEDIUM if other_vendor or before.id is None else lesson.confidence
        lesson.doubt(level, "what came back was found by its bus alone: the capture shows no ports")
    assert lesson.left is not None
    gap = after.first - lesson.left[0]
    if other_vendor and gap > BY_HAND_S and not lesson.same_port:
        lesson.doubt(Confidence.MEDIUM, "what came back has another vendor: a device plugged in by hand?")


def _weigh_commands(lesson: Lesson, in_vain: Sequence[Sent]) -> None:
    """Doubts about the likeliest candidate."""
    nearest = lesson.candidates[0]
    commands, recognised, gap = nearest.commands, nearest.recognised, nearest.before_leave or 0.0
    eject_only = all(sent.is_eject or sent.is_ordinary for sent in commands)
    if len(lesson.candidates) > 1:
        lesson.doubt(Confidence.LOW, "several commands may have been the one")
        lesson.questions.append(
            "Several commands may have switched it: which one was sent as you clicked? `pymodeswitch try` tells, too."
        )
    if any(sent.is_cut for sent in commands):
        lesson.is_whole = False
        lesson.doubt(Confidence.LOW, "the command was not recorded whole")
        lesson.questions.append(
            "Record again with the whole length of packets (tcpdump -s 0; snapshot length 65535 in USBPcap)."
        )
    if gap > NEAR_S:
        lesson.doubt(Confidence.MEDIUM, f"it left only {gap:.1f} s after the command")
    if in_vain:
        lesson.notes.append("left out: commands that had been sent before without effect")
    if all(sent.is_ordinary for sent in commands):
        lesson.doubt(Confidence.LOW, "only ordinary commands were sent before it left")
    elif recognised.device_file is not None and not recognised.exact:
        lesson.doubt(Confidence.MEDIUM, "several commands one after the other: perhaps one of them is enough")
    if recognised.device_file is None and not any(sent.is_cut for sent in commands):
        lesson.doubt(Confidence.LOW, recognised.note)
    if eject_only and any(sent.by_driver for sent in commands):
        lesson.doubt(Confidence.MEDIUM, "the eject came through the ordinary driver: a user's, perhaps")
    if any(sent.endpoint == 0x7F for sent in commands):
        lesson.doubt(Confidence.MEDIUM, "the capture does not tell the endpoint of the command")
    if lesson.after is None:
        _weigh_missing(lesson, eject_only)
    elif _may_be_by_hand(lesson, eject_only, gap):
        lesson.doubt(Confidence.LOW, "an eject, and then another device: plugged in by hand, perhaps")


def _weigh_missing(lesson: Lesson, eject_only: bool) -> None:
    if eject_only:
        lesson.doubt(Confidence.LOW, "it was ejected and left, and nothing came back: unplugged, perhaps")
    else:
        lesson.doubt(Confidence.MEDIUM, "what came back is not in the capture")
    lesson.questions.append(
        "What is the ID after the switch? The Device Manager or lsusb shows it; give it with --target."
    )


def _may_be_by_hand(lesson: Lesson, eject_only: bool, gap: float) -> bool:
    before, after = lesson.before, lesson.after
    assert lesson.left is not None and after is not None
    if not eject_only or before.id is None or after.id is None or before.id.vendor == after.id.vendor:
        return False
    return gap > BY_HAND_S or after.first - lesson.left[0] > BY_HAND_S


# IDs, and what the user adds


def _identify(bus: Bus, lesson: Lesson, given_id: UsbId | None, given_target: UsbId | None) -> None:
    before, after = lesson.before, lesson.after
    lesson.initial = before.id or given_id
    if lesson.initial is None:
        lesson.doubt(Confidence.LOW, "the ID before the switch is not in the capture, which began too late")
        lesson.questions.append(
            "Unplug the stick, start the recording, plug it in; or give the ID before the switch with --id."
        )
    elif before.id is None:
        lesson.doubt(Confidence.MEDIUM, f"the ID {lesson.initial} was given, not seen")
    if after is None:
        lesson.target = given_target
        if given_target is not None:
            lesson.notes.append(f"the target {given_target} was given, not seen")
            lesson.questions = [text for text in lesson.questions if "--target" not in text]
        return
    lesson.target = after.id
    configuration = None
    if after is before:
        configuration = lesson.candidates[0].commands[0].message[2]
    lesson.target_class = after.interface_class(configuration)
    if after.id is None:
        lesson.target = given_target
        if given_target is None:
            lesson.doubt(Confidence.MEDIUM, "the ID of what came back is not in the capture")


def why(lesson: Lesson) -> list[str]:
    """A line each: what was sent, what shows that it left, what came back."""
    lines = []
    for number, candidate in enumerate(lesson.candidates):
        word = "sent" if number == 0 else "or"
        for sent in candidate.commands:
            since = sent.seconds - lesson.before.first
            lines.append(f"{word}: {describe(sent)}, {since:.2f} s after the stick came")
        if number == 0 and candidate.recognised.note:
            lines.append(f"note: {candidate.recognised.note}")
    if lesson.left is not None:
        seconds, what = lesson.left
        gap = lesson.candidates[0].before_leave if lesson.candidates else None
        after = f" {gap * 1000:.0f} ms after that" if gap is not None else ""
        lines.append(f"left:{after} ({what})")
        if lesson.after is not None:
            where = "on the same port" if lesson.same_port else "on a port that the capture does not tell"
            lines.append(
                f"came back: {lesson.after.id or 'an unknown ID'}, class {_class_text(lesson.target_class)},"
                f" {max(0.0, lesson.after.first - seconds):.1f} s later, {where}"
            )
    elif lesson.after is not None:
        lines.append(f"stayed: its class is {_class_text(lesson.target_class)} in that configuration")
    return lines


def _class_text(value: int | None) -> str:
    return "unknown" if value is None else f"{value:02x}"
