"""A lesson as a device file that says why, and as JSON types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..device_files.names import canonical_name
from ..device_files.syntax import write
from ..nouns.record import replace
from .doubts import why
from .inference import Lesson
from .known import Knowledge, method_of
from .privacy import masked, one_line

if TYPE_CHECKING:
    from typing import Any

    from ..nouns.model import DeviceFile, Entry
    from .packets import CaptureInfo

MOST_NAMES = 6
UNKNOWN = "unknown stick"


def device_files(lesson: Lesson) -> list[DeviceFile]:
    """The device files that the lesson gives, the likeliest first; each complete but for comments."""
    found: list[DeviceFile] = []
    for candidate in lesson.candidates:
        for keys in (candidate.recognised.device_file, candidate.recognised.other):
            if keys is not None and not any(sent.is_cut for sent in candidate.commands):
                complete = replace(keys, **_target_keys(lesson))
                if complete not in found:
                    found.append(complete)
    return found


def _target_keys(lesson: Lesson) -> dict[str, Any]:
    initial, target = lesson.initial, lesson.target
    if target is not None and target != initial:
        return {"target_vendor": target.vendor, "target_product": target.product}
    if lesson.target_class not in (None, 0x08):
        return {"target_class": lesson.target_class}
    return {}


def file_name(lesson: Lesson) -> str:
    """The name to save it under, `1234-5678` where the ID is not known."""
    return canonical_name(lesson.initial) if lesson.initial is not None else "1234-5678"


def product_name(lesson: Lesson) -> str:
    """Maker and product as the stick calls itself, for the first line."""
    stay = lesson.before
    words = masked(f"{stay.manufacturer} {stay.product}")
    if not words and stay.inquiry is not None:
        words = masked(" ".join(stay.inquiry[:2]))
    # Neither `source:` nor a mode's name is meant.
    return f"stick {words}" if words.lower().startswith(("source:", "mode ")) else words or UNKNOWN


def known_lines(lesson: Lesson, knowledge: Knowledge | None) -> list[str]:
    """What the catalogue has of this ID and of this method."""
    files = device_files(lesson)
    if knowledge is None or not files:
        return []
    method = method_of(files[0])
    lines = []
    if method is not None:
        others = knowledge.with_method(method)
        vendor = lesson.initial.vendor if lesson.initial is not None else None
        of_vendor = [entry for entry in others if entry.id.vendor == vendor]
        if others:
            names = _names(of_vendor or others)
            more = f", {len(of_vendor)} of them of this vendor" if of_vendor else ""
            lines.append(f"known: {method} is what {len(others)} device files do{more}: {names}")
        else:
            lines.append(f"new: no device file does this ({method})")
    if lesson.initial is not None:
        for entry in knowledge.for_id(lesson.initial):
            same = method_of(entry.device_file) == method
            lines.append(_about_own(entry, lesson, same=same))
    return lines


def _about_own(entry: Entry, lesson: Lesson, *, same: bool) -> str:
    if same:
        return f"there is: {entry.name} does the same already"
    qualifier = ""
    assert lesson.initial is not None
    if lesson.before.inquiry is not None and masked(lesson.before.inquiry[0]):
        qualifier = canonical_name(
            lesson.initial, [("sVe", masked(lesson.before.inquiry[0]).replace(" ", "_"))]
        )
    elif masked(lesson.before.manufacturer):
        name = masked(lesson.before.manufacturer).split()[0]
        qualifier = canonical_name(lesson.initial, [("uMa", name)])
    hint = (
        f"; if both sticks are sold, name this one {qualifier}"
        if qualifier and "/" not in qualifier
        else ""
    )
    return f"there is: {entry.name} switches this ID by {method_of(entry.device_file)}{hint}"


def _names(entries: tuple[Entry, ...] | list[Entry]) -> str:
    names = [entry.name for entry in entries]
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


def text(lesson: Lesson, info: CaptureInfo, knowledge: Knowledge | None = None) -> str:
    """The device file with its reasons as comments; commented out while it is not sure enough."""
    comments = [
        product_name(lesson),
        f"source: learned from a capture ({info.format})",
        f"file name: {file_name(lesson)}",
        f"confidence: {lesson.confidence.value}",
        *why(lesson),
        *known_lines(lesson, knowledge),
        *(f"doubt: {doubt}" for doubt in lesson.doubts if doubt),
        *lesson.notes,
        *(f"question: {question}" for question in lesson.questions),
    ]
    files = device_files(lesson)
    first = files[0] if files and lesson.is_learned else None
    if first is not None:
        for other in files[1:]:
            comments += ["if that does not switch it, perhaps this does:", *_lines(other)]
        return write(replace(first, comments=tuple(map(one_line, comments))))
    if files:
        comments.append("not sure enough to be used as it is; it may be:")
    for number, other in enumerate(files):
        comments += [*(["or:"] if number else []), *_lines(other)]
    return "".join(f"# {one_line(comment)}".rstrip() + "\n" for comment in comments)


def _lines(device_file: DeviceFile) -> list[str]:
    return [f"  {line}" for line in write(device_file).splitlines()]


def data(lesson: Lesson, info: CaptureInfo, knowledge: Knowledge | None = None) -> dict[str, Any]:
    """A lesson as JSON types."""
    files = device_files(lesson)
    return {
        "initial": _text(lesson.initial),
        "target": _text(lesson.target),
        "target_class": None if lesson.target_class is None else f"{lesson.target_class:02x}",
        "confidence": lesson.confidence.value,
        "learned": lesson.is_learned,
        "file_name": file_name(lesson) if lesson.initial is not None else None,
        "product": product_name(lesson),
        "entry": _keys(files[0]) if files and lesson.is_learned else None,
        "alternatives": [_keys(other) for other in (files[1:] if lesson.is_learned else files)],
        "reasons": why(lesson),
        "known": known_lines(lesson, knowledge),
        "doubts": [doubt for doubt in lesson.doubts if doubt],
        "questions": lesson.questions,
        "text": text(lesson, info, knowledge),
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _keys(device_file: DeviceFile) -> dict[str, str]:
    """The keys of a device file with their values as text."""
    lines = [line for line in write(device_file).splitlines() if not line.startswith("#")]
    return {key: value.strip('"') for key, _, value in (line.partition("=") for line in lines)}


def verdict(lessons: list[Lesson]) -> str:
    """learned, candidates, incomplete or nothing: of all sticks in a capture, the best."""
    if any(lesson.is_learned for lesson in lessons):
        return "learned"
    if any(lesson.candidates and (lesson.initial is None or not lesson.is_whole) for lesson in lessons):
        return "incomplete"
    if any(lesson.candidates for lesson in lessons):
        return "candidates"
    return "nothing"
