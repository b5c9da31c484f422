"""Names, folders, precedence and qualifiers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pymodeswitch import DeviceFileError, UsbId
from pymodeswitch.catalog import (
    Catalog,
    canonical_name,
    default_catalog,
    entry_from_file,
    parse_name,
    read_entry,
    shipped_folder,
)
from pymodeswitch.plan import typical_device

ANY = UsbId(0x05C6, 0x1000)
DEVICE = typical_device(ANY)


def folder(path: Path, *names: str) -> Path:
    path.mkdir()
    for name in names:
        (path / name).write_text("StandardEject=1\n")
    return path


def names_tried(*folders: Path) -> list[str]:
    return [c.file_name for c in Catalog(tuple(map(str, folders))).candidates(ANY)]


@pytest.mark.parametrize(
    ("name", "usb_id", "qualifiers"),
    [
        ("19d2:1201", UsbId(0x19D2, 0x1201), ()),
        ("19d2-1201", UsbId(0x19D2, 0x1201), ()),
        ("19D2:1201", UsbId(0x19D2, 0x1201), ()),
        ("05c6:1000:uMa=AnyDATA", ANY, (("uMa", "AnyDATA"),)),
        ("05c6-1000@uMa=AnyDATA", ANY, (("uMa", "AnyDATA"),)),
        ("05c6:1000:uMa=Co.,Ltd", ANY, (("uMa", "Co.,Ltd"),)),
        ("05c6:1000:sVe=A:sMo=B", ANY, (("sVe", "A"), ("sMo", "B"))),
        ("05c6-1000@uPr=a@b@uSe=c:d", ANY, (("uPr", "a@b"), ("uSe", "c:d"))),
    ],
)
def test_names(name: str, usb_id: UsbId, qualifiers: tuple[tuple[str, str], ...]) -> None:
    assert parse_name(name) == (usb_id, qualifiers)
    again = parse_name(canonical_name(usb_id, qualifiers))
    assert again == (usb_id, qualifiers)


@pytest.mark.parametrize(
    "name",
    [
        "README",
        "19d2",
        "19d2:12",
        "19g2:1201",
        "19d2_1201",
        "19d2:1201~",
        "19d2:1201.dpkg-old",
        "19d2:1201.rpmnew",
        "05c6:1000:uMa=X.dpkg-new",
        "05c6:1000:xYz=X",
        "05c6:1000:uMa",
        "new.lst",
        "12d1:#linux",
    ],
)
def test_other_files_are_no_device_files(name: str) -> None:
    assert parse_name(name) is None


def test_folders_in_order_names_descending(tmp_path: Path) -> None:
    admin = folder(tmp_path / "etc", "05c6:1000")
    shipped = folder(
        tmp_path / "usr", "05c6-1000", "05c6-1000@uMa=A", "05c6-1000@uMa=B", "05c6-1001", "19d2-1201"
    )
    assert names_tried(admin, tmp_path / "none", shipped) == [
        "05c6:1000",
        "05c6-1000@uMa=B",
        "05c6-1000@uMa=A",
        "05c6-1000",
    ]


@pytest.mark.parametrize(
    ("manufacturer", "chosen"),
    [
        ("AnyDATA Corp.", "05c6-1000@uMa=AnyDATA"),
        ("The USB Modem GmbH", "05c6-1000@uMa=USB_Modem"),  # _ stands for a blank too
        ("USB_Modem", "05c6-1000@uMa=USB_Modem"),
        ("anydata", "05c6-1000"),
        ("?", "05c6-1000"),  # a value of ? never matches
        ("", "05c6-1000"),
    ],
)
def test_qualifiers_of_usb_strings(tmp_path: Path, manufacturer: str, chosen: str) -> None:
    path = folder(
        tmp_path / "d", "05c6-1000", "05c6-1000@uMa=AnyDATA", "05c6-1000@uMa=USB_Modem", "05c6-1000@uMa=?"
    )
    choice = Catalog((str(path),)).choose(replace(DEVICE, manufacturer=manufacturer))
    assert choice.candidate is not None
    assert choice.candidate.file_name == chosen


def test_all_qualifiers_must_match(tmp_path: Path) -> None:
    catalog = Catalog((str(folder(tmp_path / "d", "05c6-1000@sVe=GT@sMo=CD")),))
    assert catalog.choose(DEVICE).candidate is None
    assert catalog.choose(replace(DEVICE, scsi=("GT", "HD", "1"))).candidate is None
    assert catalog.choose(replace(DEVICE, scsi=("GT", "CD", "1"))).candidate is not None


def reasons_for(catalog: Catalog, **device: object) -> dict[str, str]:
    choice = catalog.choose(replace(DEVICE, **device))  # type: ignore[arg-type]
    return {reason.candidate.file_name: reason.text for reason in choice.reasons}


def test_reasons_say_why_and_why_not(tmp_path: Path) -> None:
    path = folder(
        tmp_path / "d", "05c6-1000", "05c6-1000@uMa=Any", "05c6-1000@sVe=GT", "05c6-1000@uSe=1@sMo=X"
    )
    catalog = Catalog((str(path),))
    assert reasons_for(catalog, manufacturer="AnyDATA") == {
        "05c6-1000@uSe=1@sMo=X": "uSe=1 is not in the USB serial ''",
        "05c6-1000@uMa=Any": "fits: uMa=Any",
        "05c6-1000@sVe=GT": "not looked at: 05c6-1000@uMa=Any fits before it",
        "05c6-1000": "not looked at: 05c6-1000@uMa=Any fits before it",
    }
    reasons = reasons_for(catalog)
    assert reasons["05c6-1000@sVe=GT"] == "sVe=GT: the SCSI strings are not known"
    assert reasons["05c6-1000"] == "fits: the plain name"
    reasons = reasons_for(catalog, scsi=("HP", "", ""))
    assert reasons["05c6-1000@sVe=GT"] == "sVe=GT is not in the SCSI vendor 'HP'"


@pytest.mark.parametrize(
    ("names", "manufacturer", "asked"),
    [
        (["05c6-1000@sVe=GT", "05c6-1000"], "", 1),
        (["05c6-1000@sVe=GT", "05c6-1000@sMo=X", "05c6-1000@sRe=1"], "", 1),  # once for all
        (["05c6-1000@uMa=Any", "05c6-1000@sVe=GT"], "AnyDATA", 0),  # an earlier one fits
        (["05c6-1000@uMa=Any@sVe=GT", "05c6-1000"], "ZTE", 0),  # the USB string rules it out already
        (["05c6-1000@uMa=Any", "05c6-1000"], "", 0),
        (["05c6-1000"], "", 0),
    ],
)
def test_scsi_strings_are_read_only_when_needed(
    tmp_path: Path, names: list[str], manufacturer: str, asked: int
) -> None:
    calls = []
    catalog = Catalog((str(folder(tmp_path / "d", *names)),))
    catalog.choose(replace(DEVICE, manufacturer=manufacturer), lambda: calls.append(1))  # type: ignore[func-returns-value, arg-type]
    assert len(calls) == asked


def test_fallback_for_a_vendor(tmp_path: Path) -> None:
    path = folder(tmp_path / "d", "05c6:#linux", "05c6-1001", "05c6:#android", "12d1-#linux")
    catalog = Catalog((str(path),))
    assert [c.file_name for c in catalog.candidates(ANY)] == ["05c6:#linux"]
    assert reasons_for(catalog) == {"05c6:#linux": "fits: the fallback for this vendor"}
    assert [c.file_name for c in catalog.candidates(UsbId(0x05C6, 0x1001))] == ["05c6-1001", "05c6:#linux"]
    assert [c.file_name for c in catalog.candidates(UsbId(0x12D1, 0x1F01))] == ["12d1-#linux"]
    assert catalog.candidates(UsbId(0x1199, 0x0FFF)) == ()
    assert catalog.fallback_vendors() == {0x05C6, 0x12D1}


def test_a_bad_file_does_not_hide_the_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = folder(tmp_path / "d", "05c6-1000", "05c6-1001")
    (path / "05c6-1000").write_text("MessageContent=5\n")
    catalog = Catalog((str(path),))
    assert [str(entry.id) for entry in catalog.entries()] == ["05c6:1001"]
    assert "odd number of hex digits" in caplog.text
    with pytest.raises(DeviceFileError, match="odd number"):
        read_entry(catalog.candidates(ANY)[0])


def test_an_earlier_folder_hides_the_same_name(tmp_path: Path) -> None:
    first = folder(tmp_path / "a", "05c6:1000")
    second = folder(tmp_path / "b", "05c6-1000", "05c6-1001")
    found = [c.path for c in Catalog((str(first), str(second))).all()]
    assert found == [str(first / "05c6:1000"), str(second / "05c6-1001")]


def test_default_folders() -> None:
    assert default_catalog(["/x"]).folders == ("/x", shipped_folder())


def test_id_from_the_file_or_its_name(tmp_path: Path) -> None:
    path = tmp_path / "rocket"
    path.write_text("StandardEject=1\n")
    with pytest.raises(DeviceFileError, match="no ID"):
        entry_from_file(str(path), None)
    path.write_text("DefaultVendor=19d2\nDefaultProduct=1201\nStandardEject=1\n")
    assert entry_from_file(str(path), None).id == UsbId(0x19D2, 0x1201)
    named = tmp_path / "19d2:1201"
    named.write_text("StandardEject=1\n")
    assert entry_from_file(str(named), None).id == UsbId(0x19D2, 0x1201)
    assert entry_from_file(str(named), ANY).id == ANY
