"""The administrator's files: settings, folders of device files; and which device file is for a stick."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from ..candidate import candidate_for
from ..catalog import Catalog, read_entry
from ..errors import DeviceFileError, SettingsError
from ..names import name_problem
from ..settings import Settings, read_settings
from ..sources import ARCHIVE, Source, shipped_folder
from .findings import Finding
from .stick import Stick

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
        if source.path == shipped_folder():
            continue
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
    if candidate is None:
        text = f"{path} is never looked at: {name_problem(name)}"
        cure = f"mv {shlex.quote(path)} {shlex.quote(source.path)}/VVVV-PPPP"
        yield Finding("device-file-misnamed", text, cure)
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
        yield Finding("device-file-bad", str(error), f"pymodeswitch lint {shlex.quote(path)}")


def check(stick: Stick) -> Iterator[Finding]:
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
