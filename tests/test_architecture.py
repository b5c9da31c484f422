"""The picture of the house: imports only go down, and each third-party library is known to one place."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pymodeswitch

PACKAGE = Path(pymodeswitch.__file__).parent

# From the ground up. A module imports only what stands before it.
FLOORS = """
    errors
    log
    files
    record
    keys
    steps
    messages
    bulk_only
    methods
    model
    values
    device_file
    settings
    policy
    names
    archive
    large
    sources
    packs
    candidate
    catalog
    survey
    openwrt
    data_import
    data_export
    plan
    explain
    faults
    usbfs
    transport
    libusb_devices
    sysfs
    hang
    uevents
    quirks
    sg
    host
    guard
    sent
    storage_driver
    late
    scsi
    execution
    verdict
    watch
    attempts
    operation
    switching
    heap
    fleet
    burst
    journal
    udev
    modem_port
    modem
    units
    start
    bundle
    rooted
    installation
    inspection
    daemons
    report
    virtual
    console
    demo_session
    demo
    doctor
    parser
    quick
    arguments
    usb_modeswitch
    verbs
    cli
    grammar
    completions
""".split()
ALLOWED_UP = {("errors", "model"), ("start", "cli")}  # for types only; started as a file, it runs all

KNOWN_TO = {
    "usb": {"transport", "libusb_devices", "virtual"},
    "construct": {"bulk_only"},
    "libusb_package": set(),
}


def modules() -> list[tuple[str, Path]]:
    """Each file with the name of its floor: its own, or that of the package it is in."""
    paths = sorted(PACKAGE.rglob("*.py"))
    return [(path.stem if path.parent == PACKAGE else path.parent.name, path) for path in paths]


def imports(path: Path) -> list[tuple[str, bool]]:
    """Imported names, and whether from within the package: everywhere in the file."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            if node.level == 1 and path.parent != PACKAGE:
                continue  # within the same floor
            names = [node.module] if node.module else [alias.name for alias in node.names]
            found += [((name or "").split(".")[0], node.level > 0) for name in names]
        elif isinstance(node, ast.Import):
            found += [(alias.name.split(".")[0], False) for alias in node.names]
    return found


IDS = [f"{module}/{path.name}" for module, path in modules()]


@pytest.mark.parametrize(("module", "path"), modules(), ids=IDS)
def test_imports_go_down(module: str, path: Path) -> None:
    if module in ("__init__", "__main__"):
        return
    for name, own in imports(path):
        if own and name != "__version__" and (module, name) not in ALLOWED_UP:
            assert FLOORS.index(name) < FLOORS.index(module), f"{module} imports {name}, which is above it"


@pytest.mark.parametrize(("module", "path"), modules(), ids=IDS)
def test_third_party_libraries_stay_in_their_place(module: str, path: Path) -> None:
    for name, own in imports(path):
        if not own and name in KNOWN_TO:
            assert module in KNOWN_TO[name]


def test_only_the_console_prints() -> None:
    for module, path in modules():
        if module in ("console", "bulk_only"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            assert not (isinstance(node, ast.Name) and node.id == "print"), f"{path.name}:{node.lineno}"


def test_the_way_of_a_switch_loads_no_more_than_it_needs() -> None:
    """What udev starts must be out before the storage driver scans; construct alone costs 22 ms."""
    code = (
        "import sys, pymodeswitch.cli; code = pymodeswitch.cli.main(['-q', '19d2:1201']);"
        "print(code, *sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    loaded = done.stdout.split()
    assert "pymodeswitch.transport" in loaded
    heavy = {
        "construct",
        "libusb_package",
        "importlib.metadata",
        "importlib.resources",
        "json",
        "tarfile",
        "tomllib",
    }
    assert not heavy & set(loaded)


def test_public_names() -> None:
    for name in pymodeswitch.__all__:
        assert hasattr(pymodeswitch, name)
    assert sorted(pymodeswitch.__all__) == pymodeswitch.__all__
