"""Makes the sender's table: what to do for each ID, as lines of text.

The first line says where the entries begin. Behind it comes what the table was made from; with one of
these changed it is not used any more (the sender compares, and asks the judge):

    table 1 OFFSET
    stat MTIME_NS SIZE PATH     a settings file, a folder, an archive, a file below /etc or /run, our code
    none PATH                   so is one that is not there
    kernel RELEASE              the drivers that there are decide on the way
    limit N                     switches of a port within a minute
    switching yes|no

An entry is a line, sorted by ID; of one ID in the order in which they are tried. Fields have tabs between:

    ID      19d2:1201, or 12d1:* for the fallback of a vendor, which comes behind all others
    path    of the device file
    steps   with blanks between; or `nothing`, or `ask`: what the sender cannot do or may not decide
    ...     conditions: uMa=, uPr=, uSe= (qualifiers); already=CLASS (nothing to do in that class),
            storage=N (interface N has to take storage commands), active=N (nothing to do in that
            configuration), partly=N (ask in that one), needs=N (ask where there is no such one), mbim (ask
            when there is an MBIM configuration)

A step is its name, `=`, and its values; `first` stands for the first interface or its first bulk endpoint:
detach, claim=INTERFACE, out=ENDPOINT,INTERFACE,HEX, status=ENDPOINT,INTERFACE,LENGTH,TRIES,
clear=ENDPOINT,INTERFACE,bulk_in|bulk_out, wait=MS, release=INTERFACE,
control=TYPE,REQUEST,VALUE,INDEX,LENGTH[,HEX], set-configuration=N, set-interface=INTERFACE,N, reset.
"""

from __future__ import annotations

import os
import time

from ..catalog.catalog import Catalog, default_catalog, read_entry
from ..catalog.matching import Candidate
from ..catalog.sources import ARCHIVE, PACKS_INDEX
from ..device_files.names import SCSI_QUALIFIERS
from ..device_files.writing import write_bytes
from ..nouns import steps
from ..nouns.errors import DeviceFileError, ModeSwitchError
from ..nouns.model import LEGACY_MODE, MBIM_MODE, AttachedDevice, DeviceFile, Entry, Interface, Port, UsbId
from ..nouns.record import replace
from ..nouns.steps import CBW_SIGNATURE
from ..planning import settings as settings_module
from ..planning.modes import is_in_mode_of
from ..planning.plan import make_plan
from ..planning.policy import decide_by
from ..planning.settings import Settings, read_settings
from . import sender
from .lookup import ASK, MOST_LINE, NOTHING
from .plugged_stick import names

# Numbers that no device has stand for what is the device's own.
FIRST_INTERFACE, FIRST_OUT, FIRST_IN = 0x1FF, 0x101, 0x181
FIRST = (FIRST_INTERFACE, FIRST_OUT, FIRST_IN)

# Below these, files are edited in place; elsewhere a package replaces them, which their folder shows.
EDITED = ("/etc", "/run")
# Two changes within one tick of the kernel's clock (10 ms at most) have the same time.
TICK_S = 0.02
OFFSET_DIGITS = 8


def make_table(catalog: Catalog, settings: Settings) -> bytes:
    """The text of the table for these device files and settings. Reads all of them."""
    head = _head(catalog, settings)  # before the files are read: what changes meanwhile makes it old
    lines = sorted(_lines(catalog, settings), key=lambda line: line.partition("\t")[0])
    first = f"table 1 {0:0{OFFSET_DIGITS}}\n"
    begin = len(first) + len(head)
    return (
        f"table 1 {begin:0{OFFSET_DIGITS}}\n".encode()
        + head
        + "".join(lines).encode("utf-8", "surrogateescape")
    )


def write_table() -> None:
    """Make the table of this system, and put it into its place. DeviceFileError, SettingsError."""
    try:
        text = make_table(default_catalog(), read_settings())
    except OSError as error:
        raise DeviceFileError(
            f"{error.filename or sender.TABLE}: cannot be read: {error.strerror}"
        ) from error
    write_bytes(sender.TABLE, text)


def has_place() -> bool:
    """Whether a table may be put there: `system install`, or a package, has made its folder."""
    return os.access(os.path.dirname(sender.TABLE), os.W_OK)


def _head(catalog: Catalog, settings: Settings) -> bytes:
    """What the table is made from, as it is now."""
    here = os.path.dirname(os.path.abspath(__file__))
    paths = [settings_module.PATH, *settings_module.REFERENCE_PATHS, PACKS_INDEX]
    paths += [os.path.join(here, name) for name in sorted(os.listdir(here)) if name.endswith(".py")]
    for folder in catalog.folders:
        paths += [folder, os.path.join(folder, ARCHIVE)]
        if folder.startswith(EDITED):
            paths += [os.path.join(folder, name) for name in sorted(names(folder))]
    lines = [_state(path) for path in dict.fromkeys(paths)]
    lines += [
        f"kernel {os.uname().release}",
        f"limit {settings.switches_per_minute}",
        f"switching {'yes' if settings.switching else 'no'}",
    ]
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")


def _state(path: str) -> str:
    """The line for a file or a folder; one that was changed just now has settled by then."""
    if not path.isprintable():
        return "none /"  # a line that is never right: it cannot be written
    try:
        found = os.stat(path)
    except OSError:
        return f"none {path}"
    if 0 <= time.time() - found.st_mtime < TICK_S:
        time.sleep(TICK_S)
        found = os.stat(path)
    return f"stat {found.st_mtime_ns} {found.st_size} {path}"


def _lines(catalog: Catalog, settings: Settings) -> list[str]:
    lines = []
    for found in catalog.ranked_files():
        candidate = found.candidate
        if found.hidden_by is not None:
            continue
        if _asks_scsi(candidate) or found.mask:
            lines.append(_line(candidate, ASK if _asks_scsi(candidate) else NOTHING, []))
            continue
        try:
            line = _line(candidate, *_way(candidate, read_entry(candidate), settings))
        except DeviceFileError:  # the judge says what is wrong with it
            line = _line(candidate, ASK, [])
        lines.append(line if len(line) < MOST_LINE else _line(candidate, ASK, []))
    return lines


def _line(candidate: Candidate, way: str, conditions: list[str]) -> str:
    key = f"{candidate.id.vendor:04x}:*" if candidate.is_fallback else str(candidate.id)
    path = candidate.path if candidate.path.isprintable() else ""
    qualifiers = [f"{k}={v}" for k, v in candidate.qualifiers if k not in SCSI_QUALIFIERS]
    return "\t".join([key, path, way, *qualifiers, *conditions]) + "\n"


def _way(candidate: Candidate, entry: Entry, settings: Settings) -> tuple[str, list[str]]:
    """The steps of an entry, or what stands for them; and its conditions, without the qualifiers."""
    if candidate.is_fallback and entry.id.vendor in {usb_id.vendor for usb_id in settings.modes}:
        return ASK, []
    written = entry.device_file
    mode = settings.modes.get(entry.id)
    if mode is not None and mode not in written.mode_names:
        return ASK, []  # the device decides whether there is such a mode
    classes = {way.target_class for way in written.ways_for(mode)} - {None}
    conditions = [f"already={number:02x}" for number in sorted(classes, key=lambda n: n or 0)]
    conditions += [f"active={number}" for number in _selected(written.ways_for(mode))]
    device = stand_in(entry.id, written)
    try:
        decision = decide_by(settings, written, device, mode=None, mbim=None, has_driver=lambda _: False)
        own_file = decision.device_file
        plan = make_plan(own_file, device)
    except ModeSwitchError:  # no method, or a mode that there is not: the judge says so
        return ASK, conditions
    if _needs_more(written, own_file):
        return ASK, conditions
    if mode in (MBIM_MODE, LEGACY_MODE) or (mode is None and settings.mbim and not written.no_mbim_check):
        conditions.append("mbim")
    if not plan.steps:
        return (ASK if plan.by_itself else NOTHING), conditions
    number = device.interfaces[0].number
    words = [_word(step, _named(number)) for step in plan.steps]
    if None in words:
        return ASK, conditions
    if own_file.configuration is not None:
        kinds = ("active", "needs") if plan.method == "Configuration" else ("partly",)
        conditions += [f"{kind}={own_file.configuration}" for kind in kinds]
    if any(isinstance(step, steps.BulkOut) and step.data.startswith(CBW_SIGNATURE) for step in plan.steps):
        conditions.append(f"storage={_named(number)}")
    return " ".join(word for word in words if word), conditions


def _selected(ways: tuple[DeviceFile, ...]) -> list[int]:
    """The configurations that ways select and do nothing else: what is in one of them has switched."""
    device = AttachedDevice(Port("1-1"), UsbId(0, 0), 1, 1)
    return [
        way.configuration
        for way in ways
        if way.configuration
        and is_in_mode_of(replace(device, configuration=way.configuration), way, device.id)
    ]


def _asks_scsi(candidate: Candidate) -> bool:
    """Whether the storage itself has to be asked before anybody knows whether the file is for the device."""
    return any(key in SCSI_QUALIFIERS for key, _ in candidate.qualifiers)


def _needs_more(written: DeviceFile, own: DeviceFile) -> bool:
    """Whether more than the device itself has to be looked at, or a step is not what it seems."""
    return (
        own.through_driver
        or own.detach_storage_only  # detaching is its message
        or own.cisco_mode  # its target comes up beside it
        or written.pantech_mode in (1, 3)  # the drivers that there are decide
        or bool(own.wait_before_s)
    )


def stand_in(usb_id: UsbId, device_file: DeviceFile) -> AttachedDevice:
    """A storage device whose interface and endpoints have numbers that stand for a real device's."""
    number = FIRST_INTERFACE if device_file.interface is None else device_file.interface
    interface = Interface(number, 0x08, 0x06, 0x50, bulk_out=FIRST_OUT, bulk_in=FIRST_IN)
    return AttachedDevice(Port("1-1"), usb_id, 1, 1, 0, 0, (interface,))


def _named(number: int) -> str:
    return "first" if number in FIRST else str(number)


def _word(step: steps.Step, interface: str) -> str | None:
    """A step as the table has it; None for one that it has not. interface: whose endpoints are meant."""
    match step:
        case steps.Detach():
            return "detach"
        case steps.Claim(number):
            return f"claim={_named(number)}"
        case steps.Release(number):
            return f"release={_named(number)}"
        case steps.BulkOut(endpoint, data, _):
            return f"out={_named(endpoint)},{interface},{data.hex()}"
        case steps.ReadStatus(endpoint, length, _, attempts):
            return f"status={_named(endpoint)},{interface},{length},{attempts}"
        case steps.ClearHalt(endpoint):
            kind = "bulk_in" if endpoint & 0x80 else "bulk_out"
            return f"clear={_named(endpoint)},{interface},{kind}"
        case steps.Pause(milliseconds):
            return f"wait={milliseconds}"
        case steps.Control(kind, request, value, index, data, length):
            payload = f",{data.hex()}" if data else ""
            return f"control={kind},{request},{value},{_named(index)},{length}{payload}"
        case steps.SetConfiguration(value):
            return f"set-configuration={value}"
        case steps.SetAltSetting(number, setting):
            return f"set-interface={_named(number)},{setting}"
        case steps.Reset():
            return "reset"
    return None
