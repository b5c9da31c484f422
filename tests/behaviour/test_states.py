"""One notion of the state of a device: a table of entries, states and verbs, without a contradiction.

Reports: tests/public/reports.md, A4 to A6 and A8 to A11: `--port` that called a switched modem "nothing to
do", storage with a target's ID that counted as switched (19d2:1405), `list` that knew less than `scan`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pymodeswitch import AttachedDevice, Node, NotStorageError, Settings, Status, UsbId, switch
from pymodeswitch.catalog import sources
from pymodeswitch.catalog.catalog import Catalog, default_catalog
from pymodeswitch.catalog.sources import shipped_folder
from pymodeswitch.command import cli
from pymodeswitch.command.results import result_line
from pymodeswitch.command.verbs import explain, list
from pymodeswitch.doctor import Computer, files
from pymodeswitch.doctor.examined_stick import look_at
from pymodeswitch.host.linux import default_host
from pymodeswitch.modem.port_link import modem_ids
from pymodeswitch.switching import switch as switching
from pymodeswitch.virtual import (
    Leave,
    MassStorage,
    Mode,
    Stick,
    VirtualBackend,
    VirtualBus,
    mf691,
    modem_mode,
    storage_interface,
    storage_mode,
)
from pymodeswitch.virtual.descriptors import CDC, VENDOR_SPECIFIC, Configuration, Identity, Interface
from tests.catalog.test_archive import packed
from tests.support.storage_host import StorageHost

NETWORK = 0xE0
ENTRIES = {
    "one way": "TargetVendor=0x1209\nTargetProduct=0002\nStandardEject=1\n",
    "two ways by ID": (
        '#mode network\nTargetVendor=0x1209\nTargetProductList="0002,0003"\nHuaweiNewMode=1\n'
        "#mode modem\n#TargetVendor=0x1209\n#TargetProduct=0004\n#HuaweiAltMode=1\n"
    ),
    "two ways by class": (
        "#mode modem\nTargetVendor=0x1209\nTargetProduct=0001\nTargetClass=0xff\nHuaweiAltMode=1\n"
        "#mode network\n#TargetVendor=0x1209\n#TargetProduct=0001\n#TargetClass=0xe0\n#HuaweiNewMode=1\n"
    ),
    "a class": "TargetClass=0xff\nStandardEject=1\n",
    "a configuration": "Configuration=2\n",
    "a configuration that it has not got": "Configuration=9\n",
    "nothing to do": "Configuration=0\n",
    "nothing stated": "StandardEject=1\n",
    "a request": "SierraMode=1\nTargetVendor=0x1209\nTargetProduct=0002\n",
}


def shows(product: int, *classes: int, active: int = 1, second: tuple[Interface, ...] = ()) -> Stick:
    """A device with these interfaces; the first storage one has endpoints."""
    storage = MassStorage()
    made = tuple(
        storage_interface(storage) if klass == 8 else Interface(number, klass, 2 if klass == CDC else 0)
        for number, klass in enumerate(classes)
    )
    others = (Configuration(second, value=2),) if second else ()
    configurations = (Configuration(made), *others)
    if active == 2:
        configurations = configurations[::-1]
    return Stick([Mode(Identity(0x1209, product, configurations), (storage,))])


SECOND = (Interface(0, VENDOR_SPECIFIC),)
MBIM = (Interface(0, CDC, 0x0E), Interface(1, 0x0A))
STATES: dict[str, Callable[[], Stick]] = {
    "storage": lambda: shows(1, 8),
    "storage and something": lambda: shows(1, 8, VENDOR_SPECIFIC),
    "initial ID, modem": lambda: shows(1, VENDOR_SPECIFIC),
    "initial ID, network": lambda: shows(1, NETWORK, 0x0A),
    "initial ID, another class": lambda: shows(1, 3),
    "first target": lambda: shows(2, VENDOR_SPECIFIC),
    "first target as storage": lambda: shows(2, 8),
    "first target, a card reader in front": lambda: shows(2, 8, VENDOR_SPECIFIC),
    "target of the other way": lambda: shows(4, VENDOR_SPECIFIC),
    "another ID": lambda: shows(0x99, VENDOR_SPECIFIC),
    "two configurations, in the first": lambda: shows(1, 8, second=SECOND),
    "two configurations, in the second": lambda: shows(1, 8, second=SECOND, active=2),
    "MBIM in the second, in the first": lambda: shows(1, 8, second=MBIM),
    "MBIM in the second, in the second": lambda: shows(1, 8, second=MBIM, active=2),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "files").mkdir()
    return tmp_path / "files"


@pytest.fixture
def verbs(
    backend: VirtualBackend,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., tuple[int, str]]:
    """Runs the command with that folder of device files; gives exit code and stdout."""
    for module in (switching, explain, list):
        monkeypatch.setattr(module, "default_host", lambda given=None: default_host(given or backend))

    def run(*words: str) -> tuple[int, str]:
        code = cli.main([*words, "--data", str(folder)])
        return code, capsys.readouterr().out

    return run


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("entry", ENTRIES)
def test_no_verb_denies_what_another_says(
    entry: str,
    state: str,
    folder: Path,
    verbs: Any,
    bus: VirtualBus,
    backend: VirtualBackend,
    tmp_path: Path,
) -> None:
    (folder / "1209-0001").write_text(ENTRIES[entry])
    bus.plug(STATES[state]())
    (device,) = json.loads(verbs("list", "--json")[1])["devices"]
    said = device["state"]
    code, out = verbs("--port", "1-1", "--dry-run", "--json")
    by_port = json.loads(out)
    # list and a dry run
    expected = {
        "already switched": ("already", 0),
        "already switched, to another mode": ("already", 0),
        "switchable": ("planned", 0),
        "nothing to do": ("planned", 0),
        "storage, no entry": (None, 5),
        "unknown": (None, 5),
    }
    if said == "not in storage mode":
        assert (by_port["status"], code in (6, 7)) == (None, True), by_port
    else:
        assert (by_port["status"], code) == expected[said], by_port
    # the mode
    if by_port["status"] == "already":
        assert by_port["mode"] == device["mode"]
    # by its initial ID
    code, out = verbs("1209:0001", "--dry-run", "--json")
    by_id = json.loads(out)
    if device["id"] == "1209:0001" or by_port["status"] == "already":
        assert by_id["status"] == by_port["status"], by_id
    else:
        assert code == 3
    # explain
    code, out = verbs("explain", "--port", "1-1")
    if device["id"] == "1209:0001":
        (line,) = re.findall(r"^state: +(.*)$", out, re.M)
        assert code == 0
        assert line.partition(" (mode")[0] == said.partition(",")[0] if "switched" in said else line == said
    else:
        assert code == 5, "the ID before the switch is the one that has an entry"
    # the doctor
    catalog = Catalog((str(folder),))
    (snapshot,) = default_host(backend).devices()
    names = {finding.name for finding in files.check(look_at(snapshot, catalog, Computer(str(tmp_path))))}
    assert ("switched" in names) is said.startswith("already switched")
    # the link for a modem
    if device["id"] != "1209:0001" and said.startswith("already switched"):
        assert UsbId.parse(device["id"]) in modem_ids(catalog.entries())


@pytest.mark.parametrize(
    ("entry", "state", "said"),
    [
        ("one way", "storage", "switchable"),
        ("one way", "first target", "already switched"),
        ("one way", "first target as storage", "storage, no entry"),
        ("one way", "first target, a card reader in front", "already switched"),
        ("one way", "initial ID, modem", "not in storage mode"),
        ("two ways by ID", "target of the other way", "already switched (mode modem)"),
        ("two ways by ID", "first target", "already switched (mode network)"),
        ("two ways by class", "storage", "switchable"),
        ("two ways by class", "initial ID, modem", "already switched (mode modem)"),
        ("two ways by class", "initial ID, network", "already switched (mode network)"),
        ("two ways by class", "initial ID, another class", "not in storage mode"),
        ("a configuration", "two configurations, in the first", "switchable"),
        ("a configuration", "two configurations, in the second", "already switched"),
        ("a configuration", "initial ID, modem", "not in storage mode"),  # it has one configuration
        ("nothing to do", "initial ID, modem", "nothing to do"),
        ("nothing to do", "MBIM in the second, in the second", "already switched (mode mbim)"),
        ("a request", "initial ID, modem", "switchable"),  # scan would send to it
        ("nothing stated", "another ID", "unknown"),
    ],
)
def test_the_words_of_list(
    entry: str, state: str, said: str, folder: Path, verbs: Any, bus: VirtualBus
) -> None:
    (folder / "1209-0001").write_text(ENTRIES[entry])
    bus.plug(STATES[state]())
    _, out = verbs("list")
    assert out.split(maxsplit=2)[2].strip() == said


# A4


@pytest.mark.parametrize("name", ["19d2:1203", "12d1:155e"])
def test_by_port_a_switched_modem_is_told_with_what_leads_to_it(
    name: str, verbs: Any, bus: VirtualBus
) -> None:
    bus.plug(Stick([modem_mode(*(int(part, 16) for part in name.split(":")))]))
    code, out = verbs("--port", "1-1")
    initial = {"19d2:1203": "19d2:1201", "12d1:155e": "12d1:1f01"}[name]
    mode = ", in mode modem" if initial == "12d1:1f01" else ""
    assert (code, out) == (0, f"{name} on port 1-1 is switched already{mode} ({initial} leads to it)\n")


def test_storage_with_a_targets_id_has_not_switched(
    verbs: Any, folder: Path, bus: VirtualBus, capsys: Any
) -> None:
    (folder / "1209-0001").write_text(ENTRIES["one way"])
    bus.plug(STATES["first target as storage"]())
    code = cli.main(["--port", "1-1", "--data", str(folder)])
    text = "1209:0002 on port 1-1 has the ID that 1209:0001 switches to, but it shows nothing but storage"
    assert (code, text in capsys.readouterr().err) == (5, True)


# A5


def fickle(*modes: Mode, stay_s: float) -> Stick:
    """3566:2001: the network card that it was last, for a moment, then its CD, then what it is told."""
    eject = mf691()
    storage = eject.modes[0].functions[0]
    assert isinstance(storage, MassStorage)
    storage.hook = None
    network = Mode(Identity(0x3566, 0x2001, (Configuration((Interface(0, NETWORK), Interface(1, 0x0A))),)))
    network.stay_s = stay_s
    return Stick([network, storage_mode(0x3566, 0x2001, storage), *modes])


def modem() -> Mode:
    return Mode(Identity(0x3566, 0x2001, (Configuration((Interface(0, VENDOR_SPECIFIC),)),)))


def test_a_stick_that_falls_back_to_its_cd_is_switched(bus: VirtualBus, backend: VirtualBackend) -> None:
    """OpenWrt forum 153556, unix.stackexchange 771552: RNDIS for one to three seconds, then a CD."""
    stick = fickle(modem(), stay_s=2.0)
    storage = stick.modes[1].functions[0]
    assert isinstance(storage, MassStorage)

    def hook(command: Any) -> Any:
        stick.leave(Leave(0.5))

    storage.hook = hook
    bus.plug(stick)
    result = switch(0x3566, 0x2001, backend=backend, settings=Settings())
    assert result.status is Status.SWITCHED
    assert result_line(result).startswith(
        "3566:2001 on port 1-1 switched to class 0xff (its ID stays 3566:2001)"
    )


def test_one_that_stays_in_another_mode_is_told_with_that(bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(fickle(stay_s=1e9))
    result = switch(0x3566, 0x2001, backend=backend, settings=Settings())
    assert (result.status, result.mode) == (Status.ALREADY, "network")
    assert result_line(result) == "3566:2001 is switched already: 3566:2001 on port 1-1, in mode network"
    assert 3 < bus.clock.now() < 5
    assert switch(0x3566, 0x2001, backend=backend, settings=Settings(), wait=False).mode == "network"
    assert bus.clock.now() < 5, "what udev starts does not wait for it"


def test_a_mode_that_was_asked_for_is_not_another_one(
    bus: VirtualBus, verbs: Any, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    bus.plug(fickle(stay_s=1e9))
    assert cli.main(["3566:2001", "--mode", "modem", "--data", str(folder)]) == 7
    assert (
        "3566:2001 on port 1-1 is in mode network: plug it in again for mode modem"
        in capsys.readouterr().err
    )


# A6, A7


def test_a_configuration_is_named(bus: VirtualBus, backend: VirtualBackend, folder: Path) -> None:
    (folder / "1209-0001").write_text(ENTRIES["a configuration"])
    bus.plug(shows(1, VENDOR_SPECIFIC, second=SECOND))
    catalog = default_catalog([str(folder)])
    result = switch(0x1209, 1, backend=backend, settings=Settings(), catalog=catalog)
    assert result_line(result).startswith("1209:0001 on port 1-1 switched to configuration 2 in ")
    again = switch(0x1209, 1, backend=backend, settings=Settings(), catalog=catalog)
    assert result_line(again) == "1209:0001 is switched already: 1209:0001 on port 1-1, configuration 2"


@pytest.mark.parametrize("words", [(), ("--no-wait",), ("--dry-run",)])
def test_a_configuration_that_it_has_not_got_is_refused_before_anything_is_sent(
    words: tuple[str, ...], bus: VirtualBus, backend: VirtualBackend, folder: Path, verbs: Any, capsys: Any
) -> None:
    """12d1:1573 with Configuration=3, from a guide for another modem."""
    (folder / "1209-0001").write_text(ENTRIES["a configuration that it has not got"])
    bus.plug(shows(1, VENDOR_SPECIFIC, second=SECOND))
    assert cli.main(["1209:0001", *words, "--data", str(folder)]) == 6
    text = "Configuration=9: 1209:0001 on port 1-1 has no such configuration, but 1, 2"
    assert text in capsys.readouterr().err
    assert backend.transfers == []


# A8 to A11


def test_what_comes_back_as_storage_with_something_beside_it_has_switched(
    bus: VirtualBus, backend: VirtualBackend
) -> None:
    stick = mf691()
    stick.modes = [stick.modes[0], shows(0x77, 8, VENDOR_SPECIFIC).modes[0]]
    bus.plug(stick)
    result = switch(0x19D2, 0x1201, backend=backend, settings=Settings())
    assert (result.status, result.unlisted) == (Status.SWITCHED, True)
    assert "1209:0077 (class 0x08) is not among the targets" in result.warnings[0]
    assert result.seconds < 2


@pytest.mark.parametrize("name", ["12d1:14db", "12d1:155e"])
def test_explain_of_a_target_says_what_leads_to_it(
    name: str, verbs: Any, folder: Path, capsys: Any
) -> None:
    assert cli.main(["explain", name, "--data", str(folder)]) == 5
    err = capsys.readouterr().err
    assert f"{name} is what " in err
    assert "12d1:1f01" in err


def test_a_modem_that_no_driver_takes(backend: VirtualBackend, bus: VirtualBus) -> None:
    """A11: E3533, MBIM in the second configuration, and the driver's bind fails: told, and the way back."""

    class Host(StorageHost):
        def has_driver(self, name: str) -> bool:
            return name == "cdc_mbim"

        def nodes(self, device: AttachedDevice) -> tuple[Node, ...]:
            return ()

        def _with_drivers(self, device: AttachedDevice) -> AttachedDevice:
            if device.configuration == 2:
                return device
            return super()._with_drivers(device)

    bus.plug(Stick([Mode(Identity(0x12D1, 0x157D, shows(1, 8, second=MBIM).identity.configurations))]))
    host = Host(backend)
    result = switch(0x12D1, 0x157D, host=host, settings=Settings())
    assert result.status is Status.SWITCHED
    assert result.warnings == (
        "no driver has taken 12d1:157d on port 1-1: `pymodeswitch doctor` tells what it needs",
    )
    text = "12d1:157d on port 1-1 is in mode mbim: plug it in again for mode legacy"
    with pytest.raises(NotStorageError, match=text):
        switch(0x12D1, 0x157D, host=host, settings=Settings(), mode="legacy")


# B: a distribution's older data


def test_older_data_hides_nothing(
    tmp_path: Path, verbs: Any, bus: VirtualBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian's archive beside ours: modes, targets and a short list of sources."""
    texts = {path.name: path.read_bytes() for path in Path(shipped_folder()).iterdir()}
    texts = {name.replace("-", ":", 1).replace("@", ":"): text for name, text in texts.items()}
    texts["12d1:1f01"] = b'TargetVendor=0x12d1\nTargetProductList="14db,14dc"\nHuaweiNewMode=1\n'
    texts["1209:0777"] = b"StandardEject=1\n"
    packed(tmp_path / "configPack.tar.gz", texts)
    monkeypatch.setattr(sources, "LAST_FOLDERS", (str(tmp_path),))
    code, out = verbs("explain", "12d1:1f01", "--mode", "modem")
    assert (code, "HuaweiAltMode" in out) == (0, True)
    assert verbs("explain", "1209:0777")[0] == 0, "for an ID that nobody else knows"
    bus.plug(Stick([modem_mode(0x0BDA, 0xB832)]))
    assert "already switched" in verbs("list")[1]
    code, out = verbs("list", "--sources")
    assert code == 0
    assert len(out.splitlines()) == 4, out
    assert f"{len(texts) - 1} of them hidden (this folder counts for IDs that nobody else knows)" in out
    assert len(verbs("list", "--sources", "-v")[1].splitlines()) > len(texts)
