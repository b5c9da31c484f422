"""The administrator's files: settings, folders of device files; and which device file is for a stick."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from ..catalog.catalog import Catalog, read_entry
from ..catalog.matching import candidate_for
from ..catalog.sources import ARCHIVE, Packed, Source, shipped_folder
from ..device_files.names import name_problem
from ..nouns.errors import DeviceFileError, SettingsError
from ..planning.settings import Settings, read_settings
from .examined_stick import ExaminedStick
from .findings import Finding

# What package managers and editors leave behind is meant not to be looked at.
LEFTOVERS = (".dpkg-old", ".dpkg-dist", ".dpkg-new", ".rpmnew", ".rpmsave", ".bak", ".swp", "~")


def check_settings() -> tuple[Settings, tuple[Finding, ...]]:
    """The settings, the defaults where they cannot be read; and what is to be said of them."""
    try:
        settings = read_settings()
    except SettingsError as error:
        return Settings(), (Finding("settings-bad", str(error), _edit(str(error).partition(":")[0])),)
    if settings.switching:
        return settings, ()
    text = f"switching by itself is turned off by {settings.source('switching')}"
    return settings, (Finding("switching-off", text, _edit(settings.source("switching"))),)


def check_device_files(catalog: Catalog) -> Iterator[Finding]:
    """Device files, but for the shipped ones, that cannot be what was wanted."""
    for source in catalog.sources():
        if source.path == shipped_folder() or source.is_last:
            continue  # what a distribution brings, unasked, is for nobody here to mend
        names = source.names()
        if source.problem:
            text = f"{source.path}: {source.problem}"
            yield Finding("device-file-bad", text, f"ls -ld {shlex.quote(source.path)}")
        for name in sorted(names):
            if not name.startswith(".") and not name.endswith(LEFTOVERS) and name != ARCHIVE:
                yield from _device_file(source, name)


def _device_file(source: Source, name: str) -> Iterator[Finding]:
    path = f"{source.path}/{name}"
    candidate = candidate_for(source, name)
    is_packed = isinstance(source, Packed)
    if candidate is None:
        if not is_packed:  # a file in an archive cannot be moved
            text = f"{path} is never looked at: {name_problem(name)}"
            yield Finding("device-file-misnamed", text, _rename(source, name))
        return
    try:
        mask = candidate.mask()
        if mask:
            yield Finding(
                "device-file-masks", f"{path} masks the files of that name behind it: it is {mask}"
            )
        else:
            read_entry(candidate)
    except DeviceFileError as error:
        lint = f"pymodeswitch lint {shlex.quote(path)}"
        yield Finding("device-file-bad", str(error), None if is_packed else lint)


def _rename(source: Source, name: str) -> str:
    """What gives a file the name it was meant to have, where that can be told; else what tells more."""
    meant = re.match(r"([0-9a-f]{4})[:_-]([0-9a-f]{4})(?![0-9a-f])", name, re.IGNORECASE)
    if meant is None:
        return f"pymodeswitch lint {shlex.quote(f'{source.path}/{name}')}"
    better = f"{meant[1]}-{meant[2]}".lower()
    if any(map(source.has, (better, better.replace("-", ":")))):
        return f"pymodeswitch lint {shlex.quote(f'{source.path}/{name}')}"
    return f"mv {shlex.quote(f'{source.path}/{name}')} {shlex.quote(f'{source.path}/{better}')}"


def check(stick: ExaminedStick) -> Iterator[Finding]:
    """Which device file is for a stick, or why none."""
    device = stick.device
    explain = f"pymodeswitch explain {device.id} --port {device.port}"
    if stick.complaint:
        yield stick.finding("device-file-bad", stick.complaint, explain)
    elif stick.entry is not None:
        if stick.switched:
            yield stick.finding("switched", f"it is switched already, says {stick.entry.path}")
        else:
            yield stick.finding("entry", f"its device file is {stick.entry.path}")
    elif stick.origins:
        sources = ", ".join(str(entry.id) for entry in stick.origins[:4])
        yield stick.finding("switched", f"it is what {sources} switches to")
    elif stick.choice.mask is not None:
        path = stick.choice.mask.candidate.path
        yield stick.finding(
            "entry-masked", f"{path} masks it, so it is left alone", f"rm {shlex.quote(path)}"
        )
    elif stick.choice.undecided:
        texts = "; ".join(reason.text for reason in stick.choice.reasons if reason.fits is None)
        text = (
            f"only SCSI strings tell which device file it is ({texts}); no storage driver has read them yet"
        )
        yield stick.finding("entry-undecided", text, explain)
    elif stick.choice.reasons:
        texts = "; ".join(reason.text for reason in stick.choice.reasons)
        yield stick.finding("entry-none-fits", f"no device file for {device.id} fits: {texts}", explain)
    elif stick.in_storage_mode:
        text = f"no device file is for {device.id}: docs/unknown-stick.md tells how to get one"
        yield stick.finding("unknown-stick", text, f"pymodeswitch try {device.id} --port {device.port}")


def _edit(path: str) -> str:
    return f"editor {shlex.quote(path)}"
