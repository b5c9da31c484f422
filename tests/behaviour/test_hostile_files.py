"""Files that somebody made to do harm: read or refused soon, in little memory, with an error of ours."""
# ruff: noqa: UP031  # JSON is full of braces

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import re
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pymodeswitch import DeviceFileError, UsbId, switch
from pymodeswitch.catalog import archive, openwrt
from pymodeswitch.catalog.archive import MAX_MEMBERS, Archive
from pymodeswitch.catalog.catalog import Catalog
from pymodeswitch.catalog.importing import import_device_files
from pymodeswitch.catalog.openwrt import read_json
from pymodeswitch.device_files import syntax, values
from pymodeswitch.device_files.names import (
    MAX_NAME,
    MAX_QUALIFIERS,
    canonical_name,
    names_for,
    parse_name,
)
from pymodeswitch.device_files.syntax import MAX_FINDINGS, MAX_MODES, diagnose, parse
from pymodeswitch.planning.settings import read_settings
from pymodeswitch.virtual import VirtualBackend, VirtualBus, mf691
from tests.support import CHECKOUT
from tests.support.bounds import within_bounds

# Names: S1


@pytest.mark.parametrize("value", ["/../../../tmp/x", "a/b", "..", "a\0b", "a\nb", "\x1b[2J", "x" * 250])
def test_a_name_stays_in_its_folder(value: str) -> None:
    """What is let through is one name in one folder."""
    parsed = parse_name(f"1111:2222:uMa={value}")
    assert parsed is None or (value == ".." and os.path.basename(canonical_name(*parsed)) != "..")


def test_the_longest_name_and_one_more() -> None:
    head = "1111-2222@uMa="
    assert parse_name(head + "x" * (255 - len(head))) is not None
    assert parse_name(head + "x" * (256 - len(head))) is None
    assert parse_name(head + "ä" * 121) is None, "bytes count, not characters"
    six = "".join(f"@{key}=x" for key in ("uMa", "uPr", "uSe", "sVe", "sMo", "sRe"))
    assert parse_name(f"1111-2222{six}") is not None
    assert parse_name(f"1111-2222{six}@uMa=y") is None


@pytest.mark.parametrize("qualifier", ["uMa=/../../outside", "uMa=../outside"])
def test_an_import_writes_in_its_folder_alone(qualifier: str, tmp_path: Path) -> None:
    source, target = tmp_path / "usb-mode.json", tmp_path / "a/b/to"
    entry = {"mode": "StandardEject"}
    source.write_text(
        json.dumps({"messages": [], "devices": {"1111:2222": {"*": entry, qualifier: entry}}})
    )
    done = import_device_files(str(source), str(target))
    assert done.written == ("1111-2222",)
    assert len(done.errors) == 1
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["usb-mode.json", "1111-2222"]


# Archives: S4, S5


def header(name: str, kind: bytes, size: int = 0, form: int = tarfile.GNU_FORMAT) -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(form)


def tar(count: int, name: Callable[[int], str], form: int = tarfile.USTAR_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for number in range(count):
            archive.addfile(tarfile.TarInfo(name(number)))
    return buffer.getvalue()


def short_name(number: int) -> str:
    return f"{number:04x}:0001"


PAX_SIZE = b"26 size=12345678901234567\n"

BAD_ARCHIVES = {
    "long names chained": gzip.compress(
        (header("././@LongLink", b"L", 1) + b"x".ljust(512, b"\0")) * 1500 + b"\0" * 1024
    ),
    "pax headers chained": gzip.compress(header("p", b"x") * 1500 + b"\0" * 1024),
    "a size in base 256": gzip.compress(
        header("19d2:1201", b"0")[:124] + b"\xff" + b"\x80" * 11 + header("19d2:1201", b"0")[136:]
    ),
    "a large size in base 256": gzip.compress(
        header("19d2:1201", b"0")[:124] + b"\x80" + b"\x7f" * 11 + header("19d2:1201", b"0")[136:]
    ),
    "a pax size": gzip.compress(
        header("p", b"x", len(PAX_SIZE)) + PAX_SIZE.ljust(512, b"\0") + header("19d2:1201", b"0")
    ),
    "more members than any": gzip.compress(tar(MAX_MEMBERS + 1, short_name)),
    "64 MB of zeros": gzip.compress(b"\0" * (64 << 20), 9),
}
ARCHIVES = {
    **BAD_ARCHIVES,
    "as many members as may be": gzip.compress(tar(MAX_MEMBERS, short_name)),
    "as many with long names": gzip.compress(
        tar(1500, lambda n: f"{n:04x}:0001:uMa={'x' * 150}", tarfile.PAX_FORMAT)
    ),
    "a name of 100,000 qualifiers": gzip.compress(
        tar(1, lambda n: "19d2:1201" + ":uMa=x" * 100_000, tarfile.GNU_FORMAT)
    ),
    "40,000 empty streams": gzip.compress(b"") * 40_000,
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_costs_little(name: str, tmp_path: Path) -> None:
    path = tmp_path / "configPack.tar.gz"
    path.write_bytes(ARCHIVES[name])

    def choose() -> None:
        list(Catalog((str(tmp_path),)).candidates(UsbId(0x19D2, 0x1201)))

    assert within_bounds(choose) is None, "a bad archive is a warning"
    error = within_bounds(lambda: Archive(str(path)))
    assert (error is not None) == (name in BAD_ARCHIVES), error


@pytest.mark.parametrize("name", BAD_ARCHIVES)
def test_a_bad_archive_does_not_keep_a_stick_from_its_switch(name: str, tmp_path: Path) -> None:
    (tmp_path / "configPack.tar.gz").write_bytes(BAD_ARCHIVES[name])
    bus = VirtualBus()
    bus.plug(mf691())
    result = switch(0x19D2, 0x1201, backend=VirtualBackend(bus), data=tmp_path)
    assert result.entry is not None
    assert not result.entry.path.startswith(str(tmp_path))


@pytest.mark.parametrize("pack", [lzma.compress, bz2.compress, gzip.compress], ids=["xz", "bz2", "gz"])
def test_an_import_reads_all_packers_and_no_bomb(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    bomb, good = tmp_path / "bomb", tmp_path / "good"
    bomb.write_bytes(pack(b"\0" * (64 << 20)))
    with pytest.raises(DeviceFileError, match="larger than 4 MiB once it is unpacked"):
        import_device_files(str(bomb), str(tmp_path / "to"))
    assert within_bounds(lambda: Archive(str(bomb), any_packer=True)) is not None
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("1111:2222")
        info.size = 16
        archive.addfile(info, io.BytesIO(b"StandardEject=1\n"))
    for data in (pack(buffer.getvalue()), buffer.getvalue()):
        good.write_bytes(data)
        done = import_device_files(str(good), str(tmp_path / "to"))
        assert done.written + done.unchanged == ("1111-2222",)
    assert (tmp_path / "to/1111-2222").read_text() == "StandardEject=1\n"


# JSON: S5, S8


def devices(text: str) -> bytes:
    return ('{"messages":["%s"],"devices":{%s}}' % ("aa" * 100_000, text)).encode()


@pytest.mark.parametrize(
    "data",
    [
        devices('"1111:2222":{"*":{"msg":[%s]}}' % ",".join(["0"] * 200_000)),
        devices('"1111:2222":{"*":{"t_product":[%s]}}' % ",".join(["1"] * 200_000)),
        devices('"1111:2222":{"*":{%s}}' % ",".join(f'"{n:05x}":1' for n in [*range(60_000), 59_999])),
        devices(",".join('"%04x:0001":{"*":{}}' % n for n in range(30_000))),
        devices(",".join('"%04x:0001":1' % n for n in range(30_000))),
        b"[" * 1_000_000,
        b'{"messages":[],"devices":%s}' % (b'{"a":' * 100_000),
        b"9" * 1_000_000,
    ],
    ids=["messages", "products", "twice", "entries", "errors", "deep", "deep objects", "number"],
)
def test_json_costs_little(data: bytes) -> None:
    within_bounds(lambda: read_json(data, "usb-mode.json"))


@pytest.mark.parametrize("mode", ["[]", "{}", "1", "null", '"Nonsense"'])
def test_a_mode_that_is_none(mode: str) -> None:
    found = read_json(devices('"1111:2222":{"*":{"mode":%s}}' % mode), "usb-mode.json")
    assert "unknown mode" in found.errors[0]


# Device files: S5


@pytest.mark.parametrize(
    "data",
    [
        b"# mode x\n" * 7281,
        b"".join(b"#mode a%d\n" % n for n in range(6000)),
        b"".join(b"Key%d=1\n" % n for n in range(6500)),
        b"".join(b"#mode a\n#MessageContent=zz\n" for n in range(2400)),
        b"K" * 65_000 + b"=1",
        b'TargetIdList="' + b"1:1," * 16_000 + b'"',
        b'MessageContent="' + b"a" * 65_000 + b'"',
        b"\xff\n" * 32_000,
        b"\r\r\n" * 21_000,
    ],
    ids=["# mode", "#mode", "unknown", "again", "long key", "IDs", "message", "latin", "CR"],
)
def test_a_device_file_costs_little(data: bytes) -> None:
    for strict in (False, True):
        within_bounds(lambda strict=strict: parse(data, "1111-2222", strict=strict))  # type: ignore[misc]
    _, diagnostics = diagnose(data, "1111-2222", strict=True)
    assert len(diagnostics) <= MAX_FINDINGS + 50
    assert all(len(str(diagnostic)) < 500 for diagnostic in diagnostics)


def test_the_bounds_of_a_device_file_are_told() -> None:
    _, found = diagnose(b"a=1\n" * 500)
    assert "more than 200 findings" in found[-1].message
    modes = b"StandardEject=1\n" + b"".join(b"#mode a%d\n#KobilMode=1\n" % n for n in range(MAX_MODES))
    device_file, found = diagnose(modes)
    assert len(device_file.modes) == MAX_MODES - 1
    assert f"more than {MAX_MODES} modes" in found[0].message
    _, found = diagnose(b'TargetProductList="' + b"1," * 256 + b'1"')
    assert "more than 256 IDs" in found[0].message
    _, found = diagnose(b'MessageContent="' + b"00" * 4097 + b'"')
    assert "more than 4096 bytes" in found[0].message


# Settings: S5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("foo = [\n" + "1,\n" * 3000 + "]\n", ":1: unknown key 'foo'"),
        ("a." * 30_000 + "a = 1", ":1: more than 32 dots"),
        ("[" + "a." * 30_000 + "a]", ":1: more than 32 dots"),
        ("mbim = true\n\nx = {" + "a." * 500 + "a = 1}", ":3: more than 32 dots"),
        ("a = " + "[" * 60_000, "recursion"),
        ("".join(f"[a{n}]\n" for n in range(8000)), ":1: unknown key 'a0'"),
        ("K" * 60_000 + " = 1", ":1: unknown key 'KKKK"),
        ('[modes]\n"1111:2222" = """\n\\"""a\n"""\n"x" = 1\n', ":5: modes has to be a table of lines"),
        ("mbim = true # a.b\nswitching = '''\n'''\n", ":2: switching has to be true or false"),
    ],
)
def test_settings_cost_little(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "pymodeswitch.conf"
    path.write_text(text)
    error = within_bounds(lambda: read_settings(str(path), ()))
    assert message in str(error)


@pytest.mark.parametrize("line", ["Key%d=1\n", "=\n", "SetStorageDelay=99\n"])
def test_settings_of_usb_modeswitch_cost_little(line: str, tmp_path: Path) -> None:
    path = tmp_path / "usb_modeswitch.conf"
    path.write_text("".join(line % n if "%" in line else line for n in range(3000)))
    assert within_bounds(lambda: read_settings("/nonexistent", (str(path),))) is None


def test_names_of_an_archive_are_sorted_by_few_looks() -> None:
    names = ["19d2:1201" + ":uMa=x" * 100_000] * 10
    assert (
        within_bounds(lambda: [parse_name(name) for name in names_for(UsbId(0x19D2, 0x1201), names)])
        is None
    )


def test_the_bounds_in_the_documentation() -> None:
    table = (
        (CHECKOUT / "docs/device-files.md").read_text().partition("### Bounds")[2].partition("## Modes")[0]
    )
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")]
    numbers = {row[0]: [int(word) for word in re.findall(r"\d+", row[1])] for row in rows[1:]}
    assert numbers == {
        "a device file": [syntax.MAX_DEVICE_FILE_BYTES >> 10, MAX_MODES, MAX_FINDINGS],
        "a list of IDs, a message": [values.MAX_IDS, values.MAX_MESSAGE],
        "a name": [MAX_NAME, MAX_QUALIFIERS],
        "an archive": [
            *(archive.MAX_PACKED >> 20, archive.MAX_UNPACKED >> 20, MAX_MEMBERS),
            archive.MAX_UNPACKED >> 20,
        ],
        "OpenWrt's usb-mode.json": [openwrt.MAX_JSON_BYTES >> 20, openwrt.MAX_ENTRIES],
    }
