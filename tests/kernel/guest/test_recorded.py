"""Ours on the real kernel beside the recorded reference: every entry, on the stick that recorded it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pymodeswitch import DeviceFileError, Port, switch
from pymodeswitch.catalog.catalog import Catalog
from pymodeswitch.device_files.keys import SPECIAL_METHODS
from pymodeswitch.early.sender import handle
from pymodeswitch.early.table import make_table
from pymodeswitch.host.linux import LinuxHost
from pymodeswitch.nouns.model import DeviceFile
from pymodeswitch.planning.settings import Settings
from pymodeswitch.transport.libusb import load_backend
from tests.kernel.guest.recorder import AT_ONCE, plugged, quiet_kernel
from tests.kernel.usbip import UsbipServer
from tests.support.differences import expected
from tests.support.traffic import EXTRA, PUBLIC, Case, extra_cases, load, shipped_cases

CHUNK = 48  # so many take about a minute
RARE = 8
# So many switches are no owner's; the hosts here are made before a test's own fixtures.
NO_STATE = "/dev/null/state"


class Host(LinuxHost):
    """Without the drivers that a choice of mode would depend on: what the device file says is done."""

    def has_driver(self, name: str) -> bool:
        return False


def method(device_file: DeviceFile) -> str:
    """What the chunks of the comparison are named after."""
    if device_file.configuration == 0:
        return "Configuration=0"
    for key in SPECIAL_METHODS:
        if getattr(device_file, key.attribute):
            return key.name
    if device_file.standard_eject:
        return "StandardEject"
    return "MessageContent" if device_file.messages else "Configuration"


def chunks() -> dict[str, list[Case]]:
    """The cases by method, rare methods together, frequent ones in parts."""
    by_method: dict[str, list[Case]] = {}
    for case in shipped_cases():
        by_method.setdefault(method(case.device_file), []).append(case)
    result: dict[str, list[Case]] = {"extra": extra_cases()}
    for name, cases in sorted(by_method.items()):
        if len(cases) < RARE:
            result.setdefault("rare-methods", []).extend(cases)
            continue
        for first in range(0, len(cases), CHUNK):
            result[f"{name}-{first + 1}"] = cases[first : first + CHUNK]
    return result


CHUNKS = chunks()


@pytest.fixture(scope="module", autouse=True)
def _quiet() -> Iterator[None]:
    with quiet_kernel():
        yield


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    host = Host(backend=load_backend(), state_folder=NO_STATE)
    yield host
    host.close()


def our_traces(cases: list[Case], host: Host) -> dict[str, tuple[str, ...] | None]:
    """What `switch()` asks of the stick of each case; None: it refused the device file."""
    traces: dict[str, tuple[str, ...] | None] = {}
    with UsbipServer() as usb:
        # As when recording: neighbours are often each other's targets, so they are not plugged together.
        stride = -(-len(cases) // AT_ONCE)
        for first in range(stride):
            batch = cases[first::stride]
            sticks = [case.stick() for case in batch]
            with plugged(usb, sticks) as places:
                for case, place, stick in zip(batch, places, sticks, strict=True):
                    stick.start()
                    try:
                        switch(
                            stick.identity.vendor,
                            stick.identity.product,
                            port=Port(place.port),
                            config=case.device_file,
                            wait=False,
                            settings=Settings(),
                            host=host,
                        )
                        traces[case.name] = tuple(stick.trace)
                    except DeviceFileError:
                        traces[case.name] = None
                    stick.stop()
    return traces


@pytest.mark.parametrize("name", CHUNKS)
def test_as_recorded(name: str, host: Host) -> None:
    compare(name, host)


@pytest.mark.parametrize("name", CHUNKS)
def test_the_sender_as_recorded(name: str, tmp_path: Path) -> None:
    """By the kernel's own calls: the same bytes, or the judge is asked, or there is nothing to do."""
    record = load(PUBLIC) | load(EXTRA)
    differing, sent = {}, 0
    with UsbipServer() as usb:
        stride = -(-len(CHUNKS[name]) // AT_ONCE)
        for first in range(stride):
            batch = CHUNKS[name][first::stride]
            sticks = [case.stick() for case in batch]
            with plugged(usb, sticks) as places:
                for number, (case, place, stick) in enumerate(zip(batch, places, sticks, strict=True)):
                    folder = tmp_path / f"{first}-{number}"
                    folder.mkdir()
                    (folder / case.file_name).write_text(case.text)
                    table = folder.with_suffix(".table")
                    table.write_bytes(make_table(Catalog([str(folder)]), Settings()))
                    table.chmod(0o644)
                    stick.start()
                    outcome = handle(place.port, state=str(tmp_path / "state"), table=str(table))
                    stick.stop()
                    wanted = expected(case.name, record[case.name])
                    shutil.rmtree(tmp_path / "state", ignore_errors=True)
                    sent += outcome == "sent"
                    if tuple(stick.trace) != (wanted if outcome == "sent" else ()):
                        differing[case.name] = (outcome, stick.trace, wanted)
    assert differing == {}
    print(f"{sent} equal")


def compare(name: str, host: Host) -> None:
    """Ours and the record, for each case of a chunk."""
    record = load(PUBLIC) | load(EXTRA)
    traces = our_traces(CHUNKS[name], host)
    wanted = {name: expected(name, record[name]) for name in traces}
    differing = {name: (traces[name], wanted[name]) for name in traces if traces[name] != wanted[name]}
    assert differing == {}
    print(f"{len(traces)} equal")


def test_all_entries_are_in_a_chunk() -> None:
    assert sorted(case.name for cases in CHUNKS.values() for case in cases) == sorted(
        load(PUBLIC) | load(EXTRA)
    )
