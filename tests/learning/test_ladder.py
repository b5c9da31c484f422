"""The order of what is tried, and what is never tried, over the shipped device files."""

from __future__ import annotations

from collections import Counter

import pytest

from pymodeswitch.catalog.catalog import Catalog
from pymodeswitch.catalog.sources import shipped_folder
from pymodeswitch.learning.known import Knowledge, Method, cdb_of, method_of
from pymodeswitch.learning.ladder import NEVER, Rung, UnknownStick, is_tried, ladder, tries_until
from pymodeswitch.nouns.model import DeviceFile, UsbId
from pymodeswitch.nouns.steps import BulkOut, Control, InterruptOut, Reset, SetAltSetting
from pymodeswitch.planning.plan import make_plan, typical_device

KNOWLEDGE = Knowledge.of(Catalog([shipped_folder()]))
VENDORS = sorted({entry.id.vendor for entry in KNOWLEDGE.entries})
UNKNOWN_VENDOR = 0x4321


def steps_for(vendor: int, **more: object) -> list[Rung]:
    return ladder(KNOWLEDGE, UnknownStick(UsbId(vendor, 0x9999), **more))  # type: ignore[arg-type]


@pytest.mark.parametrize("vendor", [*VENDORS, UNKNOWN_VENDOR], ids=lambda vendor: f"{vendor:04x}")
def test_what_may_harm_is_never_tried(vendor: int) -> None:
    """No control request, no reset, and no command that means something to other drives."""
    for step in steps_for(vendor, strings=("LG AnyDATA CMOTECH Pantech Yota",), scsi_vendor="HUAWEI"):
        if step.device_file is None:
            continue
        plan = make_plan(step.device_file, typical_device(UsbId(vendor, 0x9999)))
        for sent in plan.steps:
            assert not isinstance(sent, Control | InterruptOut | Reset | SetAltSetting)
            if isinstance(sent, BulkOut):
                cdb = cdb_of(sent.data)
                after_eject = step.device_file.standard_eject and cdb[0] == 0x85
                assert after_eject or cdb[0] not in NEVER
                assert sent.data[12] & 0x80 or not any(sent.data[8:12]), "it writes"


@pytest.mark.parametrize(
    "vendor", [0x12D1, 0x19D2, 0x0AF0, 0x2001, UNKNOWN_VENDOR], ids=lambda v: f"{v:04x}"
)
def test_by_harm_and_each_once(vendor: int) -> None:
    steps = steps_for(vendor, configurations=((2, 0xFF), (3, 0x08)))
    harms = [step.harm for step in steps]
    assert harms == sorted(harms)
    assert len({step.device_file for step in steps}) == len(steps)
    assert [step.device_file for step in steps[:3]] == [
        None,
        DeviceFile(standard_eject=True),
        DeviceFile(configuration=2),
    ]
    assert max(Counter(harms).values()) <= 8


def test_another_configuration_comes_first_where_the_vendor_does_that() -> None:
    """Sierra's do, Novatel's are ejected."""
    first = {
        vendor: steps_for(vendor, configurations=((2, 0xFF),))[1].device_file for vendor in (0x1199, 0x1410)
    }
    assert first == {0x1199: DeviceFile(configuration=2), 0x1410: DeviceFile(standard_eject=True)}


def test_the_vendors_own_come_by_their_number() -> None:
    own = [step for step in steps_for(0x12D1) if step.harm == "B"]
    assert own[0].device_file == DeviceFile(huawei_new_mode=True)
    counts = [int(step.why.split()[0]) for step in own]
    assert counts == sorted(counts, reverse=True)


def test_a_huawei_in_disguise() -> None:
    assert not [s for s in steps_for(UNKNOWN_VENDOR) if s.harm == "B"]
    rebranded = [s for s in steps_for(UNKNOWN_VENDOR, scsi_vendor="HUAWEI") if s.harm == "B"]
    assert rebranded[0].device_file == DeviceFile(huawei_new_mode=True)


def test_other_vendors_commands_need_a_reason_and_no_disk() -> None:
    assert not [s for s in steps_for(UNKNOWN_VENDOR) if s.harm == "C"]
    assert [s for s in steps_for(UNKNOWN_VENDOR, strings=("ONDA Communication",)) if s.harm == "C"]
    assert [s for s in steps_for(0x19D2) if s.harm == "C"]
    assert not [s for s in steps_for(0x19D2, is_disk=True) if s.harm == "C"]


def test_two_steps_of_zte() -> None:
    files = [step.device_file for step in steps_for(0x19D2) if step.device_file is not None]
    second = [file.message_content for file in files if file.standard_eject]
    assert second[0] is None
    assert {cdb_of(message or b"")[:1] for message in second[1:]} == {b"\x85"}


@pytest.mark.parametrize(
    ("message", "tried"),
    [
        ("55534243123456780000000000000006ff02" + "00" * 12, False),  # 30 bytes
        ("5553424312345678000000000000" + "06" + "ff02" + "00" * 14, True),
        ("5553424312345678240000008000" + "06" + "ff02" + "00" * 14, True),
        ("5553424312345678240000000000" + "06" + "ff02" + "00" * 14, False),  # writes
        ("5553424312345678000000000000" + "06" + "04" + "00" * 15, False),  # FORMAT UNIT
        ("5553424312345678000000000000" + "06" + "3b" + "00" * 15, False),  # WRITE BUFFER
        ("5553424312345678000000000000" + "06" + "2a" + "00" * 15, False),  # WRITE(10)
        ("010203", False),
    ],
)
def test_which_messages_may_be_tried(message: str, tried: bool) -> None:
    assert is_tried(bytes.fromhex(message)) is tried


def test_hit_rate_leaving_one_out() -> None:
    """The ladder is worth its while: most sticks of vendors that are known switch at the second try."""
    places = [(entry, tries_until(KNOWLEDGE, entry, method)) for entry, method in KNOWLEDGE.methods]
    vendors = Counter(entry.id.vendor for entry, _ in places)
    known = [place for entry, place in places if vendors[entry.id.vendor] > 1]

    def rate(found: list[int | None], tries: int) -> float:
        return sum(place is not None and place <= tries for place in found) / len(found)

    everything = [place for _, place in places]
    assert rate(everything, 1) > 0.40
    assert rate(everything, 2) > 0.75
    assert rate(everything, 4) > 0.80
    assert rate(known, 2) > 0.80
    assert rate(known, 4) > 0.85


def test_methods_are_the_same_without_tags_and_targets() -> None:
    message = bytes.fromhex("55534243000000010000000000000006ff02" + "00" * 14)[:31]
    other = message[:4] + b"abcd" + message[8:]
    one, two = (DeviceFile(message_content=m, target_class=n) for n, m in ((None, message), (0xFF, other)))
    assert method_of(one) == method_of(two) is not None
    assert method_of(DeviceFile(pantech_mode=3)) == Method("PantechMode", value=3)
    assert method_of(DeviceFile(configuration=0)) is None
