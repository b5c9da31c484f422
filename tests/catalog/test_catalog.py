"""Precedence, qualifiers, masks: which file is chosen, and why."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from pymodeswitch import DeviceFileError, UsbId
from pymodeswitch.catalog.catalog import Catalog, default_catalog, entry_from_file, nothing_fits, read_entry
from pymodeswitch.catalog.sources import shipped_folder
from pymodeswitch.planning.plan import typical_device

ANY = UsbId(0x05C6, 0x1000)
DEVICE = typical_device(ANY)


def folder(path: Path, *names: str) -> Path:
    path.mkdir()
    for name in names:
        (path / name).write_text("StandardEject=1\n")
    return path


def names_tried(*folders: Path) -> list[str]:
    """Names in the order of precedence, also those that are never chosen."""
    choice = Catalog(map(str, folders)).choose(DEVICE, thorough=True)
    return [reason.candidate.file_name for reason in choice.reasons]


def candidates(catalog: Catalog, usb_id: UsbId = ANY) -> list[str]:
    return [candidate.file_name for candidate in catalog.candidates(usb_id)]


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
    assert candidates(catalog) == ["05c6:#linux"]
    assert reasons_for(catalog) == {"05c6:#linux": "fits: the fallback for this vendor"}
    assert names_tried(path) == ["05c6:#linux"]
    known = catalog.choose(typical_device(UsbId(0x05C6, 0x1001)), thorough=True)
    assert [reason.candidate.file_name for reason in known.reasons] == ["05c6-1001", "05c6:#linux"]
    assert candidates(catalog, UsbId(0x05C6, 0x1001)) == ["05c6-1001"]
    assert candidates(catalog, UsbId(0x12D1, 0x1F01)) == ["12d1-#linux"]
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


# Masks, and what hides what


def mask(path: Path, kind: str) -> str:
    """Make a mask; returns its description."""
    path.parent.mkdir(exist_ok=True)
    if kind == "empty":
        path.touch()
        return "an empty file"
    path.symlink_to("/dev/null")
    return "a link to /dev/null"


@pytest.mark.parametrize("kind", ["empty", "null"])
@pytest.mark.parametrize("name", ["05c6:1000", "05c6-1000", "05C6-1000"])
def test_a_mask_hides_what_is_behind_it(tmp_path: Path, name: str, kind: str) -> None:
    shipped = folder(tmp_path / "usr", "05c6-1000", "05c6-1000@uMa=A", "05c6-1001")
    what = mask(tmp_path / "etc" / name, kind)
    catalog = Catalog((str(tmp_path / "etc"), str(shipped)))
    assert catalog.candidates(ANY) == ()
    choice = catalog.choose(DEVICE, thorough=True)
    assert choice.candidate is None
    assert not choice.undecided
    assert [reason.text for reason in choice.reasons] == [
        f"masks this device: it is {what}",
        *[f"not looked at: {name} fits before it"] * 2,
    ]
    expected = f"05c6:1000 is masked by {tmp_path}/etc/{name}, {what}"
    assert str(nothing_fits(DEVICE, choice)) == str(catalog.no_entry_error(ANY)) == expected
    assert catalog.initial_ids() == [UsbId(0x05C6, 0x1001)]
    assert [reason.fits for reason in catalog.without_device(ANY)] == [False] * 3


def test_a_mask_with_a_qualifier_is_for_what_it_fits(tmp_path: Path) -> None:
    shipped = folder(tmp_path / "usr", "05c6-1000", "05c6-1000@uMa=A")
    mask(tmp_path / "etc/05c6:1000:uMa=A", "empty")
    catalog = Catalog((str(tmp_path / "etc"), str(shipped)))
    assert candidates(catalog) == ["05c6-1000"]
    assert catalog.choose(replace(DEVICE, manufacturer="A")).candidate is None
    choice = catalog.choose(DEVICE)
    assert choice.candidate is not None
    assert choice.candidate.file_name == "05c6-1000"
    assert choice.reasons[1].text == f"replaced by {tmp_path}/etc/05c6:1000:uMa=A"
    texts = [reason.text for reason in catalog.without_device(ANY)]
    assert texts == [
        "masks a device with uMa=A: it is an empty file",
        f"replaced by {tmp_path}/etc/05c6:1000:uMa=A",
        "fits any such device",
    ]


def test_a_mask_behind_a_file_masks_nothing(tmp_path: Path) -> None:
    first = folder(tmp_path / "etc", "05c6-1000")
    mask(tmp_path / "usr/05c6-1000", "empty")
    catalog = Catalog((str(first), str(tmp_path / "usr")))
    assert candidates(catalog) == ["05c6-1000"]
    assert catalog.choose(DEVICE).candidate is not None


def test_a_masked_fallback(tmp_path: Path) -> None:
    shipped = folder(tmp_path / "usr", "05c6-#linux", "12d1-#linux")
    mask(tmp_path / "etc/05c6:#linux", "empty")
    catalog = Catalog((str(tmp_path / "etc"), str(shipped)))
    assert catalog.candidates(ANY) == ()
    assert catalog.choose(DEVICE).candidate is None
    assert catalog.fallback_vendors() == {0x12D1}


def test_ranked_files(tmp_path: Path) -> None:
    first = folder(tmp_path / "a", "05c6-1000", "README", "05c6:#linux")
    second = folder(tmp_path / "b", "05c6:1000", "05c6:1000:uMa=A", "05c6:1001", "05c6-#linux")
    mask(second / "05c6:1002", "null")
    found = [
        (found.candidate.path, found.hidden_by and found.hidden_by.path, found.mask)
        for found in Catalog((str(first), str(second))).ranked_files()
    ]
    plain = str(first / "05c6-1000")
    assert found == [
        (plain, None, ""),
        (str(first / "05c6:#linux"), None, ""),
        (str(second / "05c6:1002"), None, "a link to /dev/null"),
        (str(second / "05c6:1001"), None, ""),
        (str(second / "05c6:1000:uMa=A"), plain, ""),
        (str(second / "05c6:1000"), plain, ""),
        (str(second / "05c6-#linux"), str(first / "05c6:#linux"), ""),
    ]


# What it costs


def test_each_folder_is_listed_once_and_only_if_it_is_its_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [folder(tmp_path / "a", "05c6-1000"), folder(tmp_path / "b", "05c6-1000", "05c6-1001")]
    listed = []
    real = os.listdir
    monkeypatch.setattr("os.listdir", lambda path: listed.append(path) or real(path))
    catalog = Catalog(map(str, folders))
    assert candidates(catalog) == ["05c6-1000"]
    catalog.choose(DEVICE)
    assert listed == [str(folders[0])]
    catalog.choose(typical_device(UsbId(0x05C6, 0x1001)))
    catalog.choose(typical_device(UsbId(0x05C6, 0x1002)))
    assert listed == list(map(str, folders))


@pytest.mark.parametrize("others", [0, 2000])
def test_finding_one_opens_as_many_files_in_a_large_folder(
    tmp_path: Path, others: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"1000-{product:04x}" for product in range(others)]
    catalog = Catalog((str(folder(tmp_path / "d", "05c6-1000", "05c6-1000@uMa=A", *names)),))
    opened = []
    real_open, real_stat = os.open, os.stat
    with monkeypatch.context() as patch:
        patch.setattr("os.open", lambda path, *rest: opened.append(path) or real_open(path, *rest))
        patch.setattr("os.stat", lambda path, *rest: opened.append(path) or real_stat(path, *rest))
        choice = catalog.choose(DEVICE)
        assert choice.candidate is not None
        read_entry(choice.candidate)
    opened = [path for path in opened if not path.startswith("/nonexistent")]  # an index that is not there
    assert opened == [str(tmp_path / "d"), *[str(tmp_path / "d/05c6-1000")] * 2]


def test_all_files_are_read_once_however_often_a_target_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder(tmp_path / "d", "05c6-1000")
    (path / "05c6-1000").write_text("StandardEject=1\nTargetVendor=05c6\nTargetProduct=1001\n")
    catalog = Catalog((str(path),))
    assert [entry.path for entry in catalog.leading_to(UsbId(0x05C6, 0x1001))] == [str(path / "05c6-1000")]
    (path / "05c6-1000").unlink()
    assert len(catalog.leading_to(UsbId(0x05C6, 0x1001))) == 1


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
