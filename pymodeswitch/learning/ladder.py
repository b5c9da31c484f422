"""What to try on an unknown stick: by the harm it could do, then by what its vendor's others take.

    A  harmless even on a real CD or flash drive: wait, eject, detach the driver, another configuration
    B  methods of this vendor's other device files: unknown to a real drive, which answers with an error
    C  commands of other vendors that are no part of any standard; asked for each time, never on a disk

Never tried are requests and commands that mean something else to other devices: vendor control requests
(boot loaders, EEPROM), SET_FEATURE, and the operation codes in NEVER. Those need a device file or a
capture.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from ..device_files.keys import SPECIAL_METHODS
from ..nouns.model import MASS_STORAGE_CLASS, DeviceFile
from ..planning.methods import STORAGE_METHODS
from .known import Method, cdb_of, essence, method_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ..nouns.model import Entry, UsbId
    from .known import Knowledge

HARMLESS, OF_VENDOR, OF_OTHERS = "A", "B", "C"
MOST = 8  # steps of B, and of C: together with the waits of A that is two minutes

# WRITE(10), FORMAT UNIT, WRITE BUFFER (firmware), ATA PASS-THROUGH, and what changes drives of other kinds.
NEVER = frozenset(bytes.fromhex("04 3b 2a aa 8a a1 85 16 71 9f bd 55 15 fd"))
# ZTE's second step: nothing that a SATA bridge would take for its own is left to do after an eject.
AFTER_EJECT = b"\x85"
# Storage methods that may be tried; Cisco's is a long dialogue.
TRIED_METHODS = ("huawei_new_mode", "huawei_alt_mode", "option_mode")
FOREIGN = frozenset(bytes.fromhex("f0 f1 fe ff df bc d0"))
FOREIGN_BEGIN = bytes.fromhex("06f5")
REBRANDED = {"HUAWEI": 0x12D1, "ZTE": 0x19D2}  # SCSI vendors that sell under other USB vendors
EVERYWHERE = frozenset(
    (
        "and",
        "broadband",
        "card",
        "device",
        "for",
        "mobile",
        "mode",
        "modem",
        "stick",
        "the",
        "usb",
        "wireless",
    )
)


class Rung(NamedTuple):
    """One try.

    harm: "A", "B" or "C". device_file: what is sent; None only waits. why: where it comes from.
    """

    harm: str
    name: str
    device_file: DeviceFile | None
    why: str

    @property
    def sends(self) -> bool:
        """Whether anything goes over the wire."""
        return self.device_file is not None and not self.device_file.detach_storage_only


class UnknownStick(NamedTuple):
    """What of a stick decides on its ladder.

    strings: of USB and SCSI. configurations: values with the class of interface 0, but for the active one.
    is_disk: whether it says that it is a disk, not a CD; None where nobody can tell.
    """

    id: UsbId
    strings: tuple[str, ...] = ()
    scsi_vendor: str = ""
    configurations: tuple[tuple[int, int], ...] = ()
    is_disk: bool | None = None


def ladder(knowledge: Knowledge, stick: UnknownStick) -> list[Rung]:
    """The steps for a stick, the first one first; each is a different one."""
    vendors = {stick.id.vendor, REBRANDED.get(stick.scsi_vendor.upper(), stick.id.vendor)}
    steps = [
        Rung(HARMLESS, "wait: some switch by themselves", None, "harmless"),
        *_harmless(knowledge, vendors, stick),
    ]
    # Each plan detaches it on its way; what comes of that alone is looked at last.
    steps.append(
        Rung(HARMLESS, "detach the storage driver", DeviceFile(detach_storage_only=True), "harmless")
    )
    steps += _of_vendors(knowledge, vendors, stick)
    if stick.is_disk is not True:
        steps += _of_others(knowledge, vendors, stick)
    found: dict[DeviceFile | None, Rung] = {}
    for step in steps:
        found.setdefault(step.device_file, step)
    return list(found.values())


def _harmless(knowledge: Knowledge, vendors: set[int], stick: UnknownStick) -> list[Rung]:
    """The eject and the other configurations; first what more of the vendor's sticks take."""
    own = Counter(method.name for entry, method in knowledge.methods if entry.id.vendor in vendors)
    count = sum(1 for _, other in knowledge.methods if other == Method("StandardEject"))
    why = f"{count} of {len(knowledge.methods)} device files"
    eject = Rung(HARMLESS, "eject", DeviceFile(standard_eject=True), why)
    others = [
        Rung(
            HARMLESS,
            f"select configuration {value} (class {shown:02x})",
            DeviceFile(configuration=value),
            f"{own['Configuration']} device files of this vendor do that",
        )
        for value, shown in stick.configurations
        if shown != MASS_STORAGE_CLASS
    ]
    return [*others, eject] if own["Configuration"] > own["StandardEject"] else [eject, *others]


def _of_vendors(knowledge: Knowledge, vendors: set[int], stick: UnknownStick) -> list[Rung]:
    """The vendor's own methods, the commonest first."""
    own = [(entry, method) for entry, method in knowledge.methods if entry.id.vendor in vendors]
    counts = Counter(method for _, method in own)
    order = sorted(counts, key=lambda method: (-counts[method], _global_count(knowledge, method), method))
    steps = []
    for method in order:
        device_file = keys_of(method, own_vendor=True)
        if device_file is not None:
            why = f"{counts[method]} of {len(own)} device files of this vendor"
            steps.append(Rung(OF_VENDOR, str(method), device_file, why))
    return steps[:MOST]


def _global_count(knowledge: Knowledge, method: Method) -> int:
    return -sum(1 for _, other in knowledge.methods if other == method)


def _of_others(knowledge: Knowledge, vendors: set[int], stick: UnknownStick) -> list[Rung]:
    """Commands of other vendors that share a name with the stick; all of them for a vendor of modems."""
    is_modem_vendor = any(entry.id.vendor in vendors for entry, _ in knowledge.methods)
    names = _words(stick.strings)
    counts: Counter[Method] = Counter()
    for entry, method in knowledge.methods:
        if entry.id.vendor in vendors or not _is_foreign(method):
            continue
        if is_modem_vendor or names & _words([entry.device_file.product_name]):
            counts[method] += 1
    order = sorted(counts, key=lambda method: (-counts[method], method))
    steps = []
    for method in order:
        device_file = keys_of(method, own_vendor=False)
        if device_file is not None:
            why = f"{counts[method]} device files of other vendors"
            steps.append(Rung(OF_OTHERS, str(method), device_file, why))
    return steps[:MOST]


def _words(texts: Iterable[str]) -> set[str]:
    words = {word.lower() for text in texts for word in re.findall(r"[A-Za-z]{3,}", text)}
    return words - EVERYWHERE


def _is_foreign(method: Method) -> bool:
    """Whether it is one vendor command without data to the device."""
    if method.name != "MessageContent" or len(method.messages) != 1:
        return False
    (message,) = method.messages
    cdb = cdb_of(message)
    if not cdb or not (cdb[0] in FOREIGN or cdb.startswith(FOREIGN_BEGIN)):
        return False
    return bool(message[12] & 0x80) or not any(message[8:12])


def keys_of(method: Method, *, own_vendor: bool) -> DeviceFile | None:
    """The device file that does no more than a method; None for one that is never tried.

    own_vendor: the method is one of the stick's own vendor. Then a second command may follow an eject,
    which a drive would not be there for any more.
    """
    keys: dict[str, Any] = {}
    for key in SPECIAL_METHODS:
        if key.name == method.name:
            if key.attribute in TRIED_METHODS:
                keys[key.attribute] = True
            return DeviceFile(**keys) if keys and key.attribute in STORAGE_METHODS else None
    if method.name == "StandardEject":
        follows = method.messages[:1]
        if follows and not (
            own_vendor and all(is_tried(m) or cdb_of(m)[0] in AFTER_EJECT for m in follows)
        ):
            return None
        keys["standard_eject"] = True
    elif method.name != "MessageContent" or not all(map(is_tried, method.messages)):
        return None
    for number, message in enumerate(method.messages):
        keys[f"message_content{number + 1 if number else ''}"] = essence(message)
    return DeviceFile(**keys)


def is_tried(message: bytes) -> bool:
    """Whether a message may be tried at all: a command without data to the device, none of NEVER."""
    cdb = cdb_of(message)
    writes = len(message) > 12 and any(message[8:12]) and not message[12] & 0x80
    return bool(cdb) and cdb[0] not in NEVER and not writes


def tries_until(knowledge: Knowledge, entry: Entry, method: Method) -> int | None:
    """At which try the ladder would find an entry's method if the entry were not known; None for never.

    Only what sends is a try. The entry is left out, as its stick is the unknown one.
    """
    rest = type(knowledge)(other for other in knowledge.entries if other is not entry)
    configuration = entry.device_file.configuration
    others = ((configuration, 0xFF),) if configuration else ()
    sent = [step for step in ladder(rest, UnknownStick(entry.id, configurations=others)) if step.sends]
    for number, step in enumerate(sent, 1):
        if step.device_file is not None and method_of(step.device_file) == method:
            return number
    return None
