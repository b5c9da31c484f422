"""What the device files know of targets, ways and shared IDs, each with the report that it is from.

Sources: D in tests/public/reports.md: kernel logs and driver repositories (morrownr/USB-WiFi 573,
lwfinger/rtw89 49 and 89, shenmintao/aic8800d80 79, aic8800dc-linux-patched 29), OpenWrt forum 28744,
draisberghof 2946.
"""

from __future__ import annotations

from typing import Any

import pytest

from pymodeswitch import Settings, Status, UnchangedError, UsbId, switch
from pymodeswitch.catalog.catalog import Catalog
from pymodeswitch.catalog.sources import shipped_folder
from pymodeswitch.command import cli
from pymodeswitch.virtual import (
    Leave,
    MassStorage,
    Mode,
    Stick,
    VirtualBackend,
    VirtualBus,
    is_eject,
    mf691,
    modem_mode,
    storage_interface,
)
from pymodeswitch.virtual.descriptors import Configuration, Identity
from tests.behaviour.test_states import folder as folder  # fixtures
from tests.behaviour.test_states import verbs as verbs
from tests.support import CHECKOUT

SHIPPED = Catalog((shipped_folder(),))
DOCS = CHECKOUT / "docs"

TARGETS = {
    "0bda:1a2b": (
        "0bda:b832 0bda:8912 0bda:b851 0bda:c812 37ad:0100 2001:3321 0bda:8832 35bc:0100 "
        "0bda:c832 2357:013f 2357:0141 "
        "0bda:c811 0bda:c820 0bda:8852 0bda:b711 2001:331d 2001:332a 3625:010f"
    ),
    "0bda:8151": "0bda:8152 0bda:8153 0bda:8156",
    "a69c:5721": ("368b:8d81 2604:0013 2604:0014 a69c:8d80 368b:88df a69c:88dc 2604:001f 2604:0020"),
    "a69c:5722": "a69c:88de 368b:88de",
    "a69c:5724": "a69c:8d80 368b:8d88",
    "1111:1111": "a69c:8d80 a69c:8d81 a69c:8d83",
    "12d1:157d": "12d1:14db 12d1:14dc 12d1:1001",
    "12d1:1f01": "12d1:14db 12d1:14dc 12d1:155e 12d1:1001 12d1:1442",
    "3566:2001": "12d1:155e",
}


@pytest.mark.parametrize(
    ("initial", "target"), [(i, t) for i, targets in TARGETS.items() for t in targets.split()]
)
def test_an_attached_target_is_the_switched_stick(
    initial: str, target: str, bus: VirtualBus, backend: VirtualBackend
) -> None:
    """Without it, a switch by the initial ID would end with exit code 3."""
    bus.plug(Stick([modem_mode(*(int(part, 16) for part in target.split(":")))]))
    vendor, product = initial.split(":")
    if initial != "1111:1111":  # by its ID alone nobody knows which entry it had
        assert switch(vendor, product, backend=backend, settings=Settings()).status is Status.ALREADY
    assert initial in [str(entry.id) for entry in SHIPPED.leading_to(UsbId.parse(target))]


E3533 = "55534243123456780000000000000011063000000100010000000000000000"
E303 = "55534243000000000000000000000011060000000000000000000000000000"
E1442 = "55534243123456780000000000000011062000000100000100000000000000"


@pytest.mark.parametrize(
    ("initial", "mode", "message", "target"),
    [
        ("12d1:157d", "serial", E3533, "12d1:1001"),
        ("12d1:1f01", "modem-e5576", E3533, "12d1:155e"),
        ("12d1:1f01", "serial", E303, "12d1:1001"),
        ("12d1:1f01", "serial-1442", E1442, "12d1:1442"),
    ],
)
def test_further_ways(
    initial: str, mode: str, message: str, target: str, bus: VirtualBus, backend: VirtualBackend
) -> None:
    storage = MassStorage()
    first = Configuration((storage_interface(storage),))
    ids = [tuple(int(part, 16) for part in text.split(":")) for text in (initial, target)]
    stick = Stick([Mode(Identity(*ids[0], (first,)), (storage,)), modem_mode(*ids[1])])

    def hook(command: Any) -> Any:
        if command.raw == bytes.fromhex(message):
            stick.leave(Leave(0.5))

    storage.hook = hook
    bus.plug(stick)
    result = switch(*ids[0], backend=backend, settings=Settings(), mode=mode)
    assert (result.status, result.unlisted, result.tries) == (Status.SWITCHED, False, 1)


def test_every_way_has_its_source() -> None:
    for entry in SHIPPED.entries():
        assert entry.device_file.source


# Shared IDs


def named(usb_id: tuple[int, int], manufacturer: str = "", product: str = "") -> Stick:
    """A memory card that answers everything and stays."""
    eject = mf691(leave=None)
    storage = eject.modes[0].functions[0]
    identity = Identity(
        *usb_id,
        eject.modes[0].identity.configurations,
        manufacturer=manufacturer,
        product_name=product,
    )
    return Stick([Mode(identity, (storage,))])


@pytest.mark.parametrize(
    ("usb_id", "manufacturer", "product"),
    [
        ((0x05C6, 0x1000), "Qualcomm, Incorporated", "USB MMC Storage"),
        ((0x0E8D, 0x0002), "MediaTek Inc", "MT6235"),
        ((0x1307, 0x1169), "JetFlash", "TS2GJF210"),
    ],
)
def test_an_innocent_device_is_sent_nothing(
    usb_id: tuple[int, int], manufacturer: str, product: str, bus: VirtualBus, backend: VirtualBackend
) -> None:
    attached = bus.plug(named(usb_id, manufacturer, product))
    try:
        assert switch(*usb_id, backend=backend, settings=Settings()).status is Status.ALREADY
    except LookupError:
        assert usb_id == (0x1307, 0x1169), "no device file fits it"
    assert [kind for kind, *_ in backend.transfers if kind == "out"] == []
    assert attached.drivers == {0: "usb-storage"}


@pytest.mark.parametrize(
    ("usb_id", "manufacturer", "product"),
    [((0x05C6, 0xF000), "", ""), ((0x109B, 0xF009), "", ""), ((0x05C6, 0x1000), "Qualcomm", "CDMA")],
)
def test_a_shared_id_is_tried_once(
    usb_id: tuple[int, int], manufacturer: str, product: str, bus: VirtualBus, backend: VirtualBackend
) -> None:
    attached = bus.plug(named(usb_id, manufacturer, product))
    storage = attached.stick.modes[0].functions[0]
    assert isinstance(storage, MassStorage)
    with pytest.raises(UnchangedError, match=r"tried once; its ID is also that of .*: perhaps it is one"):
        switch(*usb_id, backend=backend, settings=Settings())
    assert len(list(filter(is_eject, storage.commands))) <= 2
    assert bus.clock.now() >= 20, "a slow stick has the whole time all the same"


def test_the_verbs_say_that_an_id_is_shared(bus: VirtualBus, verbs: Any) -> None:
    bus.plug(named((0x05C6, 0xF000), "A", "B"))
    assert "switchable           A B (the ID is also that of the phone Nokia 8)\n" in verbs("list")[1]
    assert "shared:   this ID is also that of the phone Nokia 8\n" in verbs("explain", "05c6:f000")[1]
    assert cli.main(["explain", "19d2:1201"]) == 0


def test_the_list_of_shared_ids_in_the_documentation() -> None:
    """It is what the device files say."""
    shared = {e.id: e.device_file.shared for e in SHIPPED.entries() if e.device_file.shared}
    text = (DOCS / "shared-ids.md").read_text()
    for usb_id, what in shared.items():
        assert f"| `{usb_id}` |" in text
        assert what in text
