"""Names of device files."""

from __future__ import annotations

import pytest

from pymodeswitch import UsbId
from pymodeswitch.device_files.names import canonical_name, names_for, parse_name

ANY = UsbId(0x05C6, 0x1000)


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


def test_names_for_an_id_in_the_order_they_are_tried() -> None:
    names = ["05c6-1000", "05C6-1000@uMa=A", "05c6:1000", "05c6-1001", "05c6:1000:uMa=B", "05c6"]
    assert names_for(ANY, names) == ["05c6:1000:uMa=B", "05C6-1000@uMa=A", "05c6:1000", "05c6-1000"]
