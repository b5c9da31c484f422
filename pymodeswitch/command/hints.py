"""Hints at what was meant by a word that is no verb, or by an ID with a slip of the finger."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches

from ..catalog.catalog import default_catalog
from ..host.linux import default_host
from ..nouns.errors import ModeSwitchError, NoEntryError, NotAttachedError, UsageError
from ..nouns.model import UsbId

MOST = 3  # a longer list is no hint


def add_hint(error: ModeSwitchError, words: Sequence[str], verbs: Collection[str]) -> None:
    """Put what may have been meant behind an error's message. words: as typed, the verb first."""
    for word in words[1:]:
        hint = ""
        if isinstance(error, UsageError) and f"bad ID {word!r}" in str(error):
            hint = word_hint(word, verbs)
        elif isinstance(error, NoEntryError) and str(error).startswith("no device file for"):
            hint = id_hint(word, known=True)
        elif isinstance(error, NotAttachedError):
            hint = id_hint(word, known=False)
        if hint:
            error.args = (f"{error} ({hint})",)
            return


def word_hint(word: str, verbs: Collection[str]) -> str:
    """For a word that is no ID: a verb that is spelled nearly like it, or the search for devices."""
    near = get_close_matches(word.lower(), verbs, n=1, cutoff=0.6)
    if near:
        return f"did you mean `pymodeswitch {near[0]}`?"
    if word.isalpha():
        return f"`pymodeswitch devices {word}` looks for a device by its name"
    return ""


def id_hint(word: str, *, known: bool) -> str:
    """For an ID that is not attached: IDs that a slip of the finger makes of it.

    known: looked for among the device files' IDs too, not only among what is attached.
    """
    try:
        meant = UsbId.parse(word)
    except UsageError:
        return ""
    attached = _attached_ids()
    if meant in attached:
        return ""  # no slip: that is what the stick says
    near = [*near_ids(meant, attached)]
    if known:
        near += (other for other in near_ids(meant, default_catalog().initial_ids()) if other not in near)
    if not near:
        return ""
    return f"did you mean {' or '.join(map(str, near[:MOST]))}?"


def near_ids(meant: UsbId, ids: Iterable[UsbId]) -> list[UsbId]:
    """The IDs that differ by one slip: neighbouring digits or both halves swapped; then one other digit."""
    text = str(meant).replace(":", "")
    swapped = {
        text[:at] + text[at + 1] + text[at] + text[at + 2 :] for at in range(7) if text[at] != text[at + 1]
    }
    swapped.add(text[4:] + text[:4])
    by_swap, by_digit = [], []
    for other in sorted(set(ids)):
        digits = str(other).replace(":", "")
        if digits == text:
            continue
        if digits in swapped:
            by_swap.append(other)
        elif sum(one != two for one, two in zip(text, digits, strict=True)) == 1:
            by_digit.append(other)
    return by_swap + by_digit


def _attached_ids() -> list[UsbId]:
    try:
        return [device.id for device in default_host().devices()]
    except ModeSwitchError:  # no libusb where there is no sysfs: then no device is seen
        return []
