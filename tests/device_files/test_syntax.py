"""The grammar of device files: what is read, what is said about what cannot be read, what is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymodeswitch import DeviceFile, DeviceFileError, Severity, UsbId
from pymodeswitch.device_files.keys import KEYS, Key
from pymodeswitch.device_files.syntax import MAX_DEVICE_FILE_BYTES, diagnose, parse, write
from tests.conftest import FILES
from tests.support import profile  # noqa: F401  # hypothesis without deadlines

EJECT_2011 = "5553424392020000000000000000061b000000020000000000000000000000"


def value(text: str) -> DeviceFile:
    return parse(text)[0]


def test_text_of_2011_verbatim() -> None:
    parsed, diagnostics = parse((FILES / "good/rocket-2011").read_bytes(), strict=True)
    assert diagnostics == ()
    assert (parsed.default_vendor, parsed.default_product) == (0x19D2, 0x1201)
    assert parsed.targets(UsbId(0x19D2, 0x1201)) == (UsbId(0x19D2, 0x1203),)
    assert parsed.message_content == bytes.fromhex(EJECT_2011)
    assert parsed.product_name == "t-mobile ZTE MF691 Rocket 2"


@pytest.mark.parametrize(
    ("text", "attribute", "expected"),
    [
        ("TargetVendor=19d2", "target_vendor", 0x19D2),
        ("TargetVendor=0x19D2", "target_vendor", 0x19D2),
        ("\tTargetVendor \t=\t 0X19d2 \t", "target_vendor", 0x19D2),
        ('TargetVendor="0x19d2"', "target_vendor", 0x19D2),
        ("TargetClass=0x02\r\n", "target_class", 2),
        ("Configuration=0", "configuration", 0),
        ("Configuration=10", "configuration", 0x10),
        ("PantechMode=4", "pantech_mode", 4),
        ("ReleaseDelay=4000", "release_delay_ms", 4000),
        ("WaitBefore=5", "wait_before_s", 5),
        ("WaitBefore=0000000000005", "wait_before_s", 5),
        ("CheckSuccess=40", "check_success_s", 40),
        ("StandardEject=1", "standard_eject", True),
        ("StandardEject=yes", "standard_eject", True),
        ("StandardEject=True", "standard_eject", True),
        ("StandardEject=0", "standard_eject", False),
        ("StandardEject=No", "standard_eject", False),
        ("ResetUSB=0x01", "reset_usb", True),
        ("ResetUSB=0", "reset_usb", False),
        ('TargetProductList="14db,14DC, 155e"', "target_product_list", (0x14DB, 0x14DC, 0x155E)),
        ("TargetProductList=14db", "target_product_list", (0x14DB,)),
        ('TargetIdList="2001:331d"', "target_id_list", (UsbId(0x2001, 0x331D),)),
        ("MessageContent=0f00010142", "message_content", bytes.fromhex("0f00010142")),
        ('MessageContent="0F00010142"', "message_content", bytes.fromhex("0f00010142")),
        ("TargetVendor=1111\nTargetVendor=2222", "target_vendor", 0x1111),
        ("# TargetVendor=1111\nTargetVendor=2222", "target_vendor", 0x2222),
        ("; TargetVendor=1111", "target_vendor", None),
        ("! TargetVendor=1111", "target_vendor", None),
        ("TargetVendor # =1111", "target_vendor", None),
        ("\ufeffTargetVendor=1111", "target_vendor", 0x1111),
    ],
)
def test_reads(text: str, attribute: str, expected: object) -> None:
    assert getattr(value(text), attribute) == expected


def test_keys_are_case_sensitive() -> None:
    parsed, diagnostics = parse("targetvendor=1111")
    assert parsed.target_vendor is None
    assert "did you mean TargetVendor?" in diagnostics[0].message


def test_no_limit_of_fifty_lines() -> None:
    assert value("#\n" * 200 + f'MessageContent="{"00" * 4000}"').message_content == bytes(4000)


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("TargetVendor=xyz", 1, 14, "'x' is not a hex digit"),
        ("#\nTargetVendor= 0x12g4", 2, 19, "'g' is not a hex digit"),
        ("TargetVendor=0x", 1, 16, "'0x' is not a hex number"),
        ("TargetVendor=12345", 1, 14, "more than 0xffff"),
        ("TargetClass=0x100", 1, 13, "more than 0xff"),
        ("TargetVendor=", 1, 14, "no value"),
        ('MessageContent=""', 1, 17, "no value"),
        ('MessageContent="555"', 1, 17, "odd number of hex digits (3)"),
        ('MessageContent="55 53"', 1, 19, "' ' is not a hex digit"),
        ("StandardEject=maybe", 1, 15, "'maybe' is neither 1 nor 0"),
        ("WaitBefore=0x5", 1, 12, "'0x5' is not a decimal number"),
        ("WaitBefore=99999", 1, 12, "more than 3600"),
        ('TargetProductList="14db,,14dc"', 1, 25, "is not a hex number"),
        ('TargetProductList="14db,114dc"', 1, 25, "more than four hex digits"),
        ('TargetIdList="2001"', 1, 15, "is not VENDOR:PRODUCT"),
        ('TargetVendor="0x12d1', 1, 14, "the quote is not closed"),
        ("SierraMode=1\nSonyMode=1", 2, 1, "only one special method"),
        ("PantechMode=2\nHuaweiMode=1", 1, 1, "only one special method"),
    ],
)
def test_errors_say_where(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(DeviceFileError, match=r"x\.conf:") as caught:
        parse(text, "x.conf", strict=True)
    finding = next(d for d in caught.value.diagnostics if d.severity is Severity.ERROR)
    assert (finding.line, finding.column) == (line, column)
    assert message in finding.message
    assert str(caught.value).startswith(f"x.conf:{line}:{column}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("MessageContents=55", "unknown key 'MessageContents': did you mean MessageContent?"),
        ("Zebra=1", "unknown key 'Zebra'"),
        ("=1", "no key before '='"),
        ("WaitBefore=1\nWaitBefore=2", "WaitBefore again: line 1 wins"),
        ("WaitBefore=1 # ZTE", "text after the value is ignored"),
        ("StandardEject", "without '=' is a comment"),
        (b"# caf\xe9\nStandardEject=1", "byte 0xe9 is not UTF-8"),
        ("StandardEject=1;comment", "text after the value is ignored"),
        ("NoDriverLoading=on", "'on' is neither 1 nor 0"),
        ("CheckSuccess=20s", "'20s' is not a decimal number"),
        ("TargetProduct=", "no value"),
        ('WaitBefore="5" seconds', "text behind the quote is ignored"),
        ("#mode of this stick: eject", "is no name of a mode: this is a comment"),
        ("StandardEject: 1", "StandardEject without '=' is a comment"),
        ("# x\rStandardEject", "CR alone"),
        ("TargetClass=0x08", "would be left alone"),
        ("StandardEject=1\n# mode modem\n#SonyMode=1", "begins with '#mode'"),
    ],
)
def test_slips_warn_and_fail_when_strict(text: str, message: str) -> None:
    _, diagnostics = parse(text)
    assert [d.severity for d in diagnostics] == [Severity.WARNING]
    assert message in diagnostics[0].message
    with pytest.raises(DeviceFileError, match="<string>:"):
        parse(text, strict=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("HuaweiNewMode=1\nStandardEject=1", "StandardEject is ignored beside HuaweiNewMode"),
        ("SonyMode=1\nMessageContent=55", "MessageContent is ignored beside SonyMode"),
        ("StandardEject=1\nMessageContent2=55", "MessageContent2 is ignored beside StandardEject"),
        ("MessageContent3=55", "MessageContent3 is ignored without MessageContent"),
        ("DetachStorageOnly=1\nStandardEject=1", "StandardEject is ignored beside DetachStorageOnly"),
        ("TargetProduct=1\nTargetProductList=2", "ignored beside TargetProductList"),
        ("TargetVendor=1\nStandardEject=1", "TargetVendor is ignored without"),
    ],
)
def test_combinations_warn_even_when_strict(text: str, message: str) -> None:
    _, diagnostics = parse(text, strict=True)
    assert [d.severity for d in diagnostics] == [Severity.WARNING]
    assert message in diagnostics[0].message


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"TargetVendor=1\0", "NUL bytes"),
        ("TargetVendor=1".encode("utf-16"), "UTF-16"),
        (b"#" * (MAX_DEVICE_FILE_BYTES + 1), "larger than"),
    ],
)
def test_not_a_text_file(data: bytes, message: str) -> None:
    with pytest.raises(DeviceFileError, match=message):
        parse(data)


def test_caret_stands_under_the_place() -> None:
    _, (finding,) = diagnose("\tWaitBefore= abc", "x")
    assert finding.with_caret().splitlines()[1:] == [
        "  \tWaitBefore= abc",
        "  \t            ^~~",
    ]


MODES = """\
# Huawei E353
#mode network
HuaweiNewMode=1
#mode modem
# a remark
#TargetProduct=155e
# HuaweiAltMode = 1
"""


def test_modes() -> None:
    parsed, diagnostics = parse(MODES, strict=True)
    assert diagnostics == ()
    assert parsed.mode_names == ("network", "modem")
    assert parsed.huawei_new_mode
    assert not parsed.huawei_alt_mode
    modem = parsed.in_mode("modem")
    assert modem is not None
    assert (modem.huawei_alt_mode, modem.huawei_new_mode) == (True, False)
    assert (modem.target_product, modem.product_name) == (0x155E, "Huawei E353")
    network = parsed.in_mode("network")
    assert network is not None
    assert network.modes == ()
    assert parsed.in_mode("mbim") is None


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("#mode a\nStandardEject=1\n#mode a\n", 3, "mode a again"),
        ("#mode \nStandardEject=1", 1, "'' is no name of a mode"),
        ("#mode of this stick\n", 1, "is no name of a mode: this is a comment"),
        ("#mode a\n#mode b\n#WaitBefore=x\n", 3, "WaitBefore: 'x' is not a decimal number"),
        ("#mode a\n#mode b\n#Zebra=1\n", 3, "unknown key 'Zebra'"),
        ("#mode a\n#mode b\nStandardEject=1\n", 3, "stands in another mode without '#'"),
        ("#mode a\n#mode b\n#SonyMode=1\n#GCTMode=1\n", 4, "only one special method"),
    ],
)
def test_slips_in_modes(text: str, line: int, message: str) -> None:
    _, (finding,) = diagnose(text, strict=True)
    assert finding.severity is Severity.ERROR
    assert (finding.line, message in finding.message) == (line, True)


def test_all_findings_at_once() -> None:
    _, diagnostics = diagnose("A=1\nTargetVendor=q\nMessageContent=5")
    assert [d.line for d in diagnostics] == [1, 2, 3]


def value_of(key: Key) -> st.SearchStrategy[object]:
    product = st.integers(0, 0xFFFF)
    match key.kind:
        case "bool" | "flag":
            return st.booleans()
        case "list":
            return st.lists(product, max_size=5).map(tuple)
        case "ids":
            return st.lists(st.builds(UsbId, product, product), max_size=5).map(tuple)
        case "message":
            return st.none() | st.binary(min_size=1, max_size=64)
    return st.none() | st.integers(0, key.maximum)


def ways(draw: st.DrawFn) -> dict[str, object]:
    special = draw(st.sampled_from([key.name for key in KEYS if key.special]))
    return {key.attribute: draw(value_of(key)) for key in KEYS if not key.special or key.name == special}


@st.composite
def device_files(draw: st.DrawFn) -> DeviceFile:
    text = st.text(st.characters(blacklist_categories=("C", "Z")), min_size=1, max_size=20)
    comments = tuple(draw(st.lists(text, max_size=2)))
    name = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
    names = draw(st.lists(name, max_size=3, unique=True))
    first = names.pop() if names else ""
    modes = tuple(DeviceFile(**ways(draw), mode=name) for name in names)
    return DeviceFile(**ways(draw), comments=comments, mode=first, modes=modes)


@given(device_files())
def test_what_is_written_is_read(device_file: DeviceFile) -> None:
    assert diagnose(write(device_file), strict=True)[0] == device_file


@given(st.text() | st.binary())
def test_anything_gives_findings_and_no_crash(data: str | bytes) -> None:
    device_file, diagnostics = diagnose(data, strict=True)
    assert isinstance(device_file, DeviceFile)
    for diagnostic in diagnostics:
        assert diagnostic.with_caret()


KEY_LINES = st.tuples(st.sampled_from([key.name for key in KEYS]), st.text(max_size=30))


@given(st.lists(KEY_LINES.map("=".join), max_size=8).map("\n".join))
def test_any_value_gives_findings_and_no_crash(text: str) -> None:
    for diagnostic in diagnose(text, strict=True)[1]:
        lines = text.removeprefix("\ufeff").split("\n")
        assert 1 <= diagnostic.line <= len(lines)
        assert 1 <= diagnostic.column <= len(lines[diagnostic.line - 1]) + 1


@pytest.mark.parametrize("mark", ["!", ";", "#"])
@pytest.mark.parametrize("blanks", ["", " ", "\t"])
def test_a_key_behind_a_mark_is_a_comment(mark: str, blanks: str) -> None:
    """Not an unknown key: that would be told."""
    device_file, diagnostics = diagnose(f"{mark}{blanks}StandardEject=1\nHuaweiMode=1\n", strict=True)
    assert diagnostics == ()
    assert (device_file.standard_eject, device_file.huawei_mode) == (False, True)


@pytest.mark.parametrize(
    ("text", "comments"),
    [
        ("# first\nStandardEject=1\n# late\n", ("first",)),
        ("StandardEject=1\n# late\n", ()),
        ("# first\n# source: x\n\n# third\nStandardEject=1\n", ("first", "source: x", "third")),
    ],
)
def test_what_stands_below_a_key_is_no_name_of_the_product(text: str, comments: tuple[str, ...]) -> None:
    device_file, _ = parse(text)
    assert device_file.comments == comments
    assert device_file.product_name == (comments[0] if comments else "")
