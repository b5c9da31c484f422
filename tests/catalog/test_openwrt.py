"""OpenWrt's usb-mode.json: what is read, what is refused, and that nothing is lost in silence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymodeswitch import DeviceFile, DeviceFileError, UsbId
from pymodeswitch.catalog.catalog import Catalog
from pymodeswitch.catalog.importing import import_device_files
from pymodeswitch.catalog.openwrt import INTS, MODES, read_json, write_json
from pymodeswitch.catalog.sources import shipped_folder
from pymodeswitch.device_files.keys import KEYS
from pymodeswitch.device_files.syntax import parse
from pymodeswitch.nouns.model import Entry
from pymodeswitch.nouns.record import replace
from tests.catalog.test_archive import packed

HUAWEI_ALT = "55534243123456780000000000000011063000000000010000000000000000"
EJECT = "5553424312345678000000000000061b000000020000000000000000000000"


def read_one(members: Any, *messages: str, match: str = "*") -> DeviceFile:
    """The device file of one entry; AssertionError with what is wrong with it."""
    table = {"messages": messages, "devices": {"19d2:1201": {match: members}}}
    found = read_json(json.dumps(table).encode(), "file")
    assert found.errors == ()
    ((_, device_file),) = found.device_files
    return device_file


def test_as_openwrt_writes_it(tmp_path: Path) -> None:
    """The form of OpenWrt's own converter, with its spaces, its order and its colon before a qualifier."""
    text = """{
	"messages" : [
		"555342431234567800000000000006d0000000000000000000000000000000",
		"5553424312345678000000000000061b004600000000000000000000000000"
	],

	"devices" : {
		"03f0:002a": {
			"*": {
				"t_class": 7,
				"msg": [ 0 ],
				"response": true
			}
		},
		"05c6:1000": {
			"*": {
				"t_vendor": 1478,
				"t_product": [ 4096, 25858 ],
				"mode": "StandardEject",
				"msg": [ 1 ],
				"inquire": 0
			},
			":uMa=AnyDATA": {
				"t_vendor": 5845,
				"t_product": [ 25858 ],
				"mode": "StandardEject",
				"msg": [  ],
				"check": true
			}
		},
		"12d1:15c1": {
			"*": {
				"mode": "MBIM",
				"msg": [  ]
			}
		}
	}
}
"""
    file = tmp_path / "usb-mode.json"
    file.write_text(text)
    done = import_device_files(str(file), str(tmp_path / "out"), source_name="OpenWrt")
    assert done.errors == ()
    assert done.written == ("03f0-002a", "05c6-1000", "05c6-1000@uMa=AnyDATA", "12d1-15c1")
    texts = {name: (tmp_path / "out" / name).read_text() for name in done.written}
    assert texts["03f0-002a"] == (
        '# source: OpenWrt\nTargetClass=0x07\nMessageContent="555342431234567800000000000006d0'
        '000000000000000000000000000000"\nNeedResponse=1\n'
    )
    assert 'TargetProductList="1000,6502"\nStandardEject=1\nMessageContent=' in texts["05c6-1000"]
    assert "TargetProduct=0x6502\nStandardEject=1\n" in texts["05c6-1000@uMa=AnyDATA"]
    assert texts["12d1-15c1"] == "# source: OpenWrt\nConfiguration=0\n"
    again = import_device_files(str(file), str(tmp_path / "out"), source_name="OpenWrt")
    assert again.unchanged == done.written


@pytest.mark.parametrize("mode", MODES)
def test_modes(mode: str) -> None:
    assert getattr(read_one({"mode": mode}), MODES[mode]) is True


def test_modes_that_usbmode_sends_as_a_message() -> None:
    """People write "HuaweiAlt" beside its message, as usbmode does not know it."""
    for messages in ((), (HUAWEI_ALT,)):
        msg = list(range(len(messages)))
        assert read_one({"mode": "HuaweiAlt", "msg": msg}, *messages) == DeviceFile(huawei_alt_mode=True)
    assert read_one({"mode": "Generic", "msg": [0]}, EJECT) == DeviceFile(
        message_content=bytes.fromhex(EJECT)
    )


def test_numbers_and_switches() -> None:
    device_file = read_one({name: number for number, name in enumerate(INTS, 1)} | {"reset": True})
    assert [getattr(device_file, attribute) for attribute in INTS.values()] == list(range(1, len(INTS) + 1))
    assert device_file.reset_usb is True


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([], "has to be an object"),
        ({"t_vendor": 65536}, "t_vendor has to be a number, 0 to 65535"),
        ({"t_vendor": "19d2"}, "t_vendor has to be a number"),
        ({"t_vendor": True}, "t_vendor has to be a number"),
        ({"t_class": 256}, "t_class has to be a number, 0 to 255"),
        ({"wait": -1}, "wait has to be a number, 0 to 3600"),
        ({"t_product": 1}, "t_product has to be a list of numbers"),
        ({"t_product": ["1"]}, "each of t_product has to be a number"),
        ({"reset": 1}, "reset has to be true or false"),
        ({"msg": [2]}, "there is no message 2"),
        ({"msg": [1]}, "message 1 is not an even number of hex digits"),
        ({"msg": [0, 0, 0, 0]}, "more than three messages"),
        ({"mode": "Bogus"}, "unknown mode 'Bogus'"),
        ({"mode": 1}, "unknown mode 1"),
        ({"mode": "HuaweiAlt", "msg": [0]}, "mode HuaweiAlt with another message than its own"),
        ({"mode": "MBIM", "config": 2}, "mode MBIM selects a configuration by itself"),
        ({"bogus": 1}, "unknown member 'bogus'"),
    ],
)
def test_a_bad_entry_is_left_out_and_told(members: Any, message: str, tmp_path: Path) -> None:
    good = {"*": {"mode": "Huawei", "msg": []}}
    table = {"messages": [EJECT, "xyz"], "devices": {"19d2:1201": {"*": members}, "12d1:1001": good}}
    file = tmp_path / "usb-mode.json"
    file.write_text(json.dumps(table))
    done = import_device_files(str(file), str(tmp_path / "out"))
    assert done.written == ("12d1-1001",)
    (error,) = done.errors
    assert error.startswith(f"{file}: 19d2:1201: *: ")
    assert message in error


@pytest.mark.parametrize("match", ["bogus=1", "uMa", "", "uMa=x~"])
def test_bad_qualifiers(match: str) -> None:
    table = {"messages": [], "devices": {"19d2:1201": {match: {}}, "1201": {"*": {}}, "19d2:1202": 1}}
    found = read_json(json.dumps(table).encode(), "file")
    assert found.device_files == ()
    assert [error.rpartition(": ")[2] for error in found.errors] == [
        "is no ID with a qualifier, such as uMa=AnyDATA",
        "is no ID with a qualifier, such as uMa=AnyDATA",
        "has to be an object",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "file:1:1: "),
        (b'{"messages": [],\n "devices": {},}', "file:2:1"),
        (b"[]", "not a usb-mode.json"),
        (b'{"messages": []}', "it has to have `messages` and `devices`"),
        (b'{"messages": {}, "devices": {}}', "`messages` has to be a list"),
        (b'{"messages": [], "devices": {"a": 1, "a": 2}}', "'a' stands twice in one object"),
        (b"\xff\xfe", "file: "),
        (b"[" * 100_000, "file: "),
        (b" " * 4_194_305, "larger than 1048576 bytes"),
    ],
)
def test_what_is_no_usb_mode_json(text: bytes, message: str) -> None:
    with pytest.raises(DeviceFileError) as caught:
        read_json(text, "file")
    assert message in str(caught.value)


# There and back


def shipped() -> list[Entry]:
    return list(Catalog((shipped_folder(),)).entries())


def test_round_trip_of_all_shipped_entries() -> None:
    """Each comes back as it was, but for what is told to be lost: counted, nothing else."""
    entries = shipped()
    text, count, losses = write_json(entries)
    found = read_json(text.encode(), "file")
    assert found.errors == ()
    back = dict(found.device_files)
    left_out = {loss.name for loss in losses if loss.key == ""}
    assert (count, len(left_out)) == (len(back), len(entries) - len(back))
    assert back.keys() == {entry.name for entry in entries} - left_out
    assert left_out == {
        *("0408-ea25", "0408-f000", "0408-f001", "0fca-8020", "10a9-606f", "10a9-6080"),
        *("04e8-f000@sMo=U209", "05c6-1000@sVe=GT", "05c6-1000@sVe=Option", "1111-1111@sVe=LGX"),
        "05c6-1000@uMa=Qualcomm@uPr=USB_MMC_Storage",
    }
    nothing = DeviceFile()
    for entry in entries:
        if entry.name in left_out:
            continue
        lost = {loss.key for loss in losses if loss.name == entry.name} - {"qualifiers"}
        wanted = replace(entry.device_file, comments=(), **{key: getattr(nothing, key) for key in lost})
        assert back[entry.name] == wanted, entry.name
    ours = [entry.device_file for entry in entries if entry.name not in left_out]
    count = sum(
        bool(f.target_id_list) + len(f.modes) + bool(f.modes) + bool(f.check_success_s) for f in ours
    )
    assert sum(loss.key not in ("", "qualifiers") for loss in losses) == count


def test_usbmode_finds_the_qualified_entry_first() -> None:
    """It takes the first that fits, and `*` always does."""
    devices = json.loads(write_json(shipped())[0])["devices"]
    for matches in devices.values():
        assert "*" not in list(matches)[:-1]
    assert list(devices) == sorted(devices)


def test_the_text_is_json_that_people_can_edit() -> None:
    eject = DeviceFile(standard_eject=True, target_vendor=0x19D2, target_product_list=(0x1203, 0x1204))
    entries = [
        Entry(UsbId(0x19D2, 0x1201), "19d2-1201", "", eject),
        Entry(UsbId(0x12D1, 0x1F01), "12d1-1f01", "", DeviceFile(huawei_alt_mode=True, alt_setting=0)),
    ]
    assert write_json(entries)[0] == (
        '{\n\t"messages": [\n\t\t"55534243123456780000000000000011063000000000010000000000000000"\n\t],\n'
        '\t"devices": {\n'
        '\t\t"12d1:1f01": {\n\t\t\t"*": {\n\t\t\t\t"mode": "HuaweiAlt",\n\t\t\t\t"alt": 0,\n'
        '\t\t\t\t"msg": [0]\n\t\t\t}\n\t\t},\n'
        '\t\t"19d2:1201": {\n\t\t\t"*": {\n\t\t\t\t"t_vendor": 6610,\n\t\t\t\t"t_product": [4611, 4612],\n'
        '\t\t\t\t"mode": "StandardEject",\n\t\t\t\t"msg": []\n\t\t\t}\n\t\t}\n\t}\n}\n'
    )


def test_configuration_0_is_nothing_to_select() -> None:
    """usbmode would unconfigure the stick; its mode MBIM does what is meant."""
    entry = Entry(UsbId(0x413C, 0x81D7), "413c-81d7", "", DeviceFile(configuration=0))
    devices = json.loads(write_json([entry])[0])["devices"]
    assert devices == {"413c:81d7": {"*": {"mode": "MBIM", "msg": []}}}


def test_no_entries() -> None:
    text, count, losses = write_json([])
    assert (json.loads(text), count, losses) == ({"messages": [], "devices": {}}, 0, ())


@pytest.mark.parametrize(
    ("qualifiers", "text"),
    [
        ((("uMa", "A"), ("uPr", "B")), "left out: usbmode knows one qualifier"),
        ((("sVe", "A"),), "left out: usbmode takes SCSI strings for fitting any device"),
        ((("uPr", "A"),), "usbmode wants the whole uPr string to be equal"),
    ],
)
def test_qualifiers(qualifiers: tuple[tuple[str, str], ...], text: str) -> None:
    entry = Entry(UsbId(1, 2), "0001-0002@...", "", DeviceFile(huawei_mode=True), qualifiers)
    ((loss,), count) = (write_json([entry])[2], write_json([entry])[1])
    assert str(loss) == f"0001-0002@...: {text}"
    assert count == (0 if "left out" in text else 1)


VALUES = {
    "hex": st.integers(0, 255),
    "number": st.integers(0, 255),
    "int": st.integers(0, 3600),
    "flag": st.booleans(),
    "bool": st.booleans(),
    "list": st.lists(st.integers(0, 0xFFFF), max_size=3).map(tuple),
    "ids": st.lists(st.builds(UsbId, st.integers(0, 9), st.integers(0, 9)), max_size=2).map(tuple),
    "message": st.binary(min_size=1, max_size=4),
}


@given(st.fixed_dictionaries({}, optional={key.attribute: VALUES[key.kind] for key in KEYS}))
def test_nothing_is_lost_in_silence(values: dict[str, Any]) -> None:
    """Whatever a device file holds comes back, or is told."""
    device_file = DeviceFile(**values)
    entry = Entry(UsbId(1, 2), "0001-0002", "", device_file)
    text, count, losses = write_json([entry])
    if count == 0:
        assert [loss.key for loss in losses] == [""]
        return
    ((_, back),) = read_json(text.encode(), "file").device_files
    lost = {loss.key for loss in losses}
    for key in KEYS:
        assert key.attribute in lost or getattr(back, key.attribute) == getattr(device_file, key.attribute)


def test_a_strict_reader_takes_what_comes_of_it() -> None:
    from pymodeswitch.device_files.syntax import write

    for name, device_file in read_json(write_json(shipped())[0].encode(), "file").device_files:
        assert parse(write(device_file), name, strict=True)[0] == device_file


def test_each_member_by_itself() -> None:
    """Read and written by one table, so a round trip would not tell that two of them are swapped."""
    members = {
        "t_vendor": 0x19D2,
        "t_product": [0x1203, 0x1204],
        "t_class": 0xFF,
        "msg": [0, 1, 2],
        "msg_endpoint": 0x01,
        "response_endpoint": 0x82,
        "wait": 3,
        "release_delay": 4000,
        "interface": 5,
        "config": 6,
        "alt": 7,
        "detach_storage": True,
        "no_driver": True,
        "response": True,
        "reset": True,
        "check": True,
        "inquire": 0,
    }
    device_file = DeviceFile(
        target_vendor=0x19D2,
        target_product_list=(0x1203, 0x1204),
        target_class=0xFF,
        message_content=b"\x55",
        message_content2=b"\x66",
        message_content3=b"\x77",
        message_endpoint=0x01,
        response_endpoint=0x82,
        wait_before_s=3,
        release_delay_ms=4000,
        interface=5,
        configuration=6,
        alt_setting=7,
        detach_storage_only=True,
        no_driver_loading=True,
        need_response=True,
        reset_usb=True,
    )
    table = {"messages": ["55", "66", "77"], "devices": {"1111:2222": {"*": members}}}
    found = read_json(json.dumps(table).encode(), "usb-mode.json")
    assert found.device_files == (("1111-2222", device_file),)
    entry = Entry(UsbId(0x1111, 0x2222), "1111-2222", "", device_file)
    written = json.loads(write_json([entry])[0])
    del members["check"], members["inquire"]  # which say nothing of the device
    assert written == table


def test_an_archive_counts_for_what_is_not_beside_it(tmp_path: Path) -> None:
    """By either spelling of a name."""
    source, target = tmp_path / "from", tmp_path / "to"
    source.mkdir()
    (source / "1111-2222").write_text("HuaweiMode=1\n")
    packed(source / "configPack.tar.gz", {"1111:2222": b"SonyMode=1\n", "1111:3333": b"SierraMode=1\n"})
    done = import_device_files(str(source), str(target))
    assert (done.written, done.errors) == (("1111-2222", "1111-3333"), ())
    assert (target / "1111-2222").read_text() == "HuaweiMode=1\n"
