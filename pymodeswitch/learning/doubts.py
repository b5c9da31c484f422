"""What speaks against an answer: how sure a lesson is, why it is not surer, and what the user can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..nouns.model import MASS_STORAGE_CLASS
from .commands import PROBES
from .recognition import describe
from .returns import SILENCE
from .stays import CONFIGURATION, REQUEST

if TYPE_CHECKING:
    from .bus import Bus
    from .inference import Lesson, SuspectedCommands

SOON_S = 5.0  # between the command and the leave
BY_HAND_S = 3.0  # who pulls a stick out after an eject is slower
DRIVER_S = 0.3  # so soon after SET_CONFIGURATION only a driver of the kernel sends something
UNKNOWN_ENDPOINT = 0x7F
MANY = 3  # times that a command was sent before the stick left

NOTHING_UNUSUAL = (
    "Nothing unusual was sent: was the modem switched already, is its Windows driver installed, was the"
    " right USBPcap interface chosen, and the recording started before plugging in?"
)
WHICH = (
    "Several commands may have switched it: which was sent as you clicked? `pymodeswitch try` tells, too."
)
RECORD_WHOLE = (
    "Record again with the whole length of packets (tcpdump -s 0; snapshot length 65535 in USBPcap)."
)
WHICH_TARGET = (
    "What is the ID after the switch? The Device Manager or lsusb shows it; give it with --target."
)
WHICH_ID = "Unplug the stick, start the recording, plug it in; or give the ID before the switch with --id."
RECORD_LONGER = "Record again, and stop only when the modem has shown up."
SEND_REPORT = "Please send us the report."


def add_doubts(lesson: Lesson, bus: Bus) -> None:
    """Note all doubts about a lesson, and the questions that follow from them."""
    _doubt_ids(lesson)
    if lesson.after is lesson.before:
        _doubt_configuration(lesson)
        return
    _doubt_return(lesson)
    if not lesson.candidates:
        lesson.doubt("low", "only ordinary commands were sent before it left")
        lesson.questions.append(NOTHING_UNUSUAL)
        return
    nearest = lesson.candidates[0]
    if len(lesson.candidates) > 1:
        lesson.doubt("low", "several commands may have been the one")
        lesson.questions.append(WHICH)
    _doubt_commands(lesson, nearest)
    _doubt_leave(lesson, nearest, bus)
    _note_drivers(lesson, nearest, bus)


def _doubt_ids(lesson: Lesson) -> None:
    before = lesson.before
    if lesson.initial is None:
        lesson.doubt("low", "the ID before the switch is not in the capture, which began too late")
        lesson.questions.append(WHICH_ID)
    elif before.id is None:
        lesson.doubt("medium", f"the ID {lesson.initial} was given, not seen")
    if before.interface_class() is None and not before.counts["command"]:
        lesson.doubt("low", "the capture does not show that it was a storage device")


def _doubt_configuration(lesson: Lesson) -> None:
    before = lesson.before
    if before.interface_class() is None:
        lesson.doubt("medium", "the class that it had before is not in the capture")
    last = lesson.candidates[0].commands[-1]
    others = [
        sent
        for sent in before.sent
        if sent.kind != CONFIGURATION
        and not sent.is_ordinary
        and 0 <= last.seconds - sent.seconds <= SOON_S
    ]
    if others:
        lesson.doubt("medium", "other unusual commands were sent shortly before")


def _doubt_return(lesson: Lesson) -> None:
    before, after, come = lesson.before, lesson.after, lesson.come
    if after is None or come is None or lesson.left is None:
        return
    shown, was = after.interface_class(), before.interface_class()
    if was is None and before.is_storage:
        was = MASS_STORAGE_CLASS
    if after.id is not None and after.id == before.id and shown in (None, was):
        lesson.doubt("low", "it came back as it was: it fell back, or was plugged in again")
        lesson.target_class = None
        return
    if shown is None:
        lesson.doubt("medium", "the class of what came back is not in the capture")
    elif shown == MASS_STORAGE_CLASS:
        lesson.doubt("medium", "what came back is storage still: the first of two switches, perhaps")
    if after.id is None:
        lesson.doubt("medium", "the ID of what came back is not in the capture")
    is_kin = after.id is not None and before.id is not None and after.id.vendor == before.id.vendor
    if come.how == "bus" and not is_kin:
        lesson.doubt("medium", "what came back has another vendor, and was found by its bus alone")
    if lesson.left[1] == SILENCE:
        lesson.doubt("medium", "that it left shows only in that nothing was heard of it any more")


def _doubt_commands(lesson: Lesson, nearest: SuspectedCommands) -> None:
    """Doubts about the likeliest candidate itself."""
    commands, recognised = nearest.commands, nearest.recognised
    if any(sent.is_cut for sent in commands):
        lesson.is_whole = False
        lesson.doubt("low", "the command was not recorded whole")
        lesson.questions.append(RECORD_WHOLE)
        return
    if recognised.device_file is None:
        lesson.doubt("low", "no device file can say it")
        lesson.questions.append(SEND_REPORT)
    elif not recognised.exact:
        lesson.doubt("medium", "several commands one after the other: perhaps one of them is enough")
    ordinary = [sent for sent in commands if sent.is_ordinary]
    if len(ordinary) == len(commands):
        only_probes = all(sent.cdb[0] in PROBES for sent in ordinary)
        surely_a_program = all(sent.by_driver is False for sent in ordinary)
        level = "medium" if surely_a_program and not only_probes else "low"
        lesson.doubt(level, "only ordinary commands were sent before it left")
    if all(sent.is_eject or sent.is_ordinary for sent in commands) and any(
        sent.by_driver for sent in commands
    ):
        lesson.doubt("medium", "the eject came through the ordinary driver: a user's, perhaps")
    if any(sent.endpoint == UNKNOWN_ENDPOINT for sent in commands):
        lesson.doubt("medium", "the capture does not tell the endpoint of the command")
    times = max(lesson.before.history(sent)[1] for sent in commands)
    first = min(lesson.before.history(sent)[0] for sent in commands)
    if times > 1 and commands[-1].seconds - first > BY_HAND_S:
        lesson.doubt(
            "low" if times >= MANY else "medium", f"the same had been sent {times - 1} times before"
        )


def _doubt_leave(lesson: Lesson, nearest: SuspectedCommands, bus: Bus) -> None:
    """Doubts about what the leave and the return have to do with it."""
    commands, gap = nearest.commands, nearest.before_leave
    before, after = lesson.before, lesson.after
    if gap is None or lesson.left is None:
        lesson.doubt("low", "the capture does not show that it left")
        lesson.questions.append(RECORD_LONGER)
        return
    if gap > SOON_S:
        lesson.doubt("medium", f"it left only {gap:.1f} s after the command")
    ejected_only = all(sent.is_eject or sent.is_ordinary for sent in commands)
    if after is None:
        # Who records one device alone, or names its target, knows that it switched.
        if ejected_only and lesson.target is None and not bus.info.covers_one:
            lesson.doubt("low", "it was ejected and left, and nothing came back: unplugged, perhaps")
        else:
            lesson.doubt("medium", "what came back is not in the capture")
        if lesson.target is None:
            lesson.questions.append(WHICH_TARGET)
        return
    away = after.first - lesson.left[0]
    is_kin = before.id is None or after.id is None or before.id.vendor == after.id.vendor
    if not is_kin and (gap > BY_HAND_S or (ejected_only and away > BY_HAND_S)):
        lesson.doubt("low", "what came back has another vendor: plugged in by hand, perhaps")
    elif not is_kin and away > BY_HAND_S:
        lesson.doubt("medium", "what came back has another vendor, and a hand would have had the time")
    if ejected_only and after.interface_class() == MASS_STORAGE_CLASS:
        lesson.doubt("low", "an eject, and then other storage: plugged in by hand, perhaps")


def _note_drivers(lesson: Lesson, nearest: SuspectedCommands, bus: Bus) -> None:
    """Say where Linux does it by itself: then the device file is right, and of no use there."""
    last = nearest.commands[-1]
    if bus.info.system != "Linux":
        return
    configured = lesson.before.selected[0][0] if lesson.before.selected else None
    soon = configured is not None and last.kind == REQUEST and 0 <= last.seconds - configured <= DRIVER_S
    if soon or (last.by_driver and not last.is_eject and not last.is_ordinary):
        lesson.notes.append(
            "a driver of the kernel sent this by itself: with that driver Linux needs no device file"
        )


def why(lesson: Lesson) -> list[str]:
    """A line each: what was sent, what shows that it left, what came back."""
    lines = []
    for number, candidate in enumerate(lesson.candidates):
        word = "sent" if number == 0 else "or"
        for sent in candidate.commands:
            since = sent.seconds - lesson.before.first
            lines.append(f"{word}: {describe(sent)}, {since:.2f} s after the stick came")
        if candidate.recognised.note:
            lines.append(f"note: {candidate.recognised.note}")
    if lesson.left is not None:
        seconds, what = lesson.left
        gap = lesson.candidates[0].before_leave if lesson.candidates else None
        after = f" {gap * 1000:.0f} ms after that" if gap is not None else ""
        lines.append(f"left:{after} ({what})")
        if lesson.after is not None:
            where = "on the same port" if lesson.same_port else "on a port that the capture does not tell"
            shown = _class_text(lesson.after.interface_class())
            lines.append(
                f"came back: {lesson.after.id or 'an unknown ID'}, class {shown},"
                f" {max(0.0, lesson.after.first - seconds):.1f} s later, {where}"
            )
    elif lesson.after is not None:
        lines.append(f"stayed: its class is {_class_text(lesson.target_class)} in that configuration")
    return lines


def _class_text(value: int | None) -> str:
    return "unknown" if value is None else f"{value:02x}"
