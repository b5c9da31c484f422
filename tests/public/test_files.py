"""Files of other people as they came (tests/public/files): what is said of each, and what it is worth.

Where they are from, and what was odd: reports.md beside them. Personal details are replaced.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pymodeswitch import DeviceFile, DeviceFileError, GoneError, Settings, UsbId, switch
from pymodeswitch.catalog.catalog import Catalog, entry_from_file
from pymodeswitch.command import cli
from pymodeswitch.device_files.syntax import parse
from pymodeswitch.host.linux import LibusbHost
from pymodeswitch.host.sysfs import Sysfs
from pymodeswitch.planning.plan import make_plan, typical_device
from pymodeswitch.virtual import Leave, VirtualBackend, VirtualBus, mf691

FILES = Path(__file__).parent / "files"


def lint(capsys: pytest.CaptureFixture[str], *paths: Path) -> tuple[int, str]:
    code = cli.main(["lint", *map(str, paths)])
    return code, capsys.readouterr().out


@pytest.mark.parametrize(
    ("character", "said"),
    [
        ("\u0441", "'\u0441' is not a hex digit: U+0441, which looks like c"),
        ("\u0410", "'\u0410' is not a hex digit: U+0410, which looks like A"),
        ("\uff13", "'\uff13' is not a hex digit: U+FF13, which looks like 3"),
        ("O", "'O' is not a hex digit, but looks like 0"),
        ("l", "'l' is not a hex digit, but looks like 1"),
        ("\u0436", "'\u0436' is not a hex digit: U+0436"),
        ("g", "'g' is not a hex digit"),
    ],
)
def test_a_letter_that_only_looks_like_a_digit(character: str, said: str) -> None:
    """E1: a forum's `TargetProduct = 0x14d` and a Cyrillic letter."""
    _, diagnostics = parse_all(f"TargetProduct=0x14d{character}\nStandardEject=1\n")
    (found,) = diagnostics
    assert found == f"TargetProduct: {said}"


def parse_all(text: str) -> tuple[DeviceFile, list[str]]:
    device_file, diagnostics = parse(text, "some")
    return device_file, [diagnostic.message for diagnostic in diagnostics]


def test_the_file_with_that_letter(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = lint(capsys, FILES / "07-12d1-1f01-cyrillic")
    assert code == 6
    assert "U+0441, which looks like c" in out


def test_curly_quotes_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = lint(capsys, FILES / "03-12d1-1f01-curly")
    assert code == 6
    assert "U+201D" in out


def test_a_message_that_begins_as_a_cbw_and_is_too_long(capsys: pytest.CaptureFixture[str]) -> None:
    """E2."""
    code, out = lint(capsys, FILES / "12-1bbb-f000-long")
    assert "MessageContent begins as a CBW, and has 33 bytes: a CBW has 31" in out
    assert (code, "1 warning" in out) == (0, True)
    _, diagnostics = parse_all(f"MessageContent={'55534243' + 27 * '00'}\nMessageContent2=0102\n")
    assert diagnostics == [], "31 bytes are a CBW, and what is none need not be one"


@pytest.mark.parametrize("name", ["12d1:1505.conf", "3566_2001", "1111_1111", "0bda-1a2b-tx20u"])
def test_a_file_that_no_folder_would_use_is_told_by_itself(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """E3."""
    path = tmp_path / name
    path.write_text("DefaultVendor=0x1111\nDefaultProduct=0x2222\nStandardEject=1\n")
    code, out = lint(capsys, path)
    assert (code, f"{path}: warning: not looked at: the name" in out) == (0, True)
    (tmp_path / "1111-2222").write_text("StandardEject=1\n")
    assert lint(capsys, tmp_path)[1].count("not looked at") == out.count("not looked at") == 1


@pytest.mark.parametrize(("text", "configuration"), [("MBIM=1\n", 0), ("MBIM=1\nConfiguration=2\n", 2)])
def test_openwrts_mbim_key(text: str, configuration: int) -> None:
    """E4."""
    device_file, diagnostics = parse_all(text)
    assert device_file.configuration == configuration
    assert diagnostics[0] == "MBIM is OpenWrt's key: taken for Configuration=0"


def test_openwrts_file_is_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    entry = entry_from_file(str(FILES / "14-12d1-15c1-openwrt"), UsbId(0x12D1, 0x15C1))
    assert make_plan(entry.device_file, typical_device(entry.id)).steps == ()


@pytest.mark.parametrize(
    ("more", "told"), [("", True), ("TargetClass=0xff\n", False), ("Configuration=2\n", False)]
)
def test_a_target_that_is_the_initial_id(
    more: str, told: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """E5."""
    path = tmp_path / "1111-2222"
    path.write_text(f"TargetVendor=0x1111\nTargetProduct=0x2222\nStandardEject=1\n{more}")
    code, out = lint(capsys, path)
    assert (code, "its only target is 1111:2222 itself" in out) == (0, told)


WITHOUT = """
import sys
class Without:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {package!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Without())
from pymodeswitch.command import cli
sys.exit(cli.main({words!r}))
"""


def without(package: str, *words: str) -> subprocess.CompletedProcess[str]:
    code = WITHOUT.format(package=package, words=list(words))
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("words", [("demo",), ("doctor", "--quiet")])
def test_without_pyusb(words: tuple[str, ...]) -> None:
    """E6: one line that says how it comes."""
    done = without("usb", *words)
    text = "the Python package pyusb is missing: install it with `python -m pip install pyusb`, or your "
    assert text in done.stderr + done.stdout
    assert "internal error" not in done.stderr
    assert "Traceback" not in done.stderr
    if words == ("demo",):
        assert done.returncode == 10


def test_explain_needs_no_construct() -> None:
    """E6."""
    done = without("construct", "explain", "12d1:1446")
    assert done.returncode == 0, done.stderr
    assert "55534243" in done.stdout


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["explian", "19d2:1201"], "see --help (did you mean `pymodeswitch explain`?)"),
        (["-v", "lst"], "see --help (did you mean `pymodeswitch list`?)"),
        (["nonsense", "--help"], "see --help"),
        (["nonsense"], "see --help"),
        (["19d21201"], "expected VENDOR:PRODUCT"),
    ],
)
def test_a_misspelt_verb(words: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """E7."""
    assert cli.main(words) == 2
    assert text in capsys.readouterr().err


E3533 = bytes.fromhex("55534243123456780000000000000011063000000100010000000000000000")


@pytest.mark.parametrize(
    ("table", "name", "expected"),
    [
        (
            "30-usb-mode-e3533.json",
            "12d1-157d",
            DeviceFile(
                target_vendor=0x12D1, target_product_list=(0x14DB, 0x14DC, 0x1001), message_content=E3533
            ),
        ),
        ("34-brovi.json", "3566-2001", DeviceFile(target_class=0xE0, huawei_mode=True)),
    ],
)
def test_an_openwrt_table(table: str, name: str, expected: DeviceFile, tmp_path: Path) -> None:
    """Somebody's own usb-mode.json."""
    assert cli.main(["data", "import", str(FILES / table), "--to", str(tmp_path)]) == 0
    entries = {entry.name: entry.device_file for entry in Catalog([str(tmp_path)]).entries()}
    assert entries[name] == expected


def test_a_comma_too_much(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A forum's table: what is wrong is told by its place, and nothing is written."""
    path = FILES / "31-usb-mode-trailing-comma.json"
    assert cli.main(["data", "import", str(path), "--to", str(tmp_path)]) == 6
    assert f"{path}:4:67: a comma with nothing behind it: delete it\n" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", sorted(FILES.glob("*.json")), ids=lambda path: path.name)
def test_lint_of_such_a_table(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = lint(capsys, path)
    assert code == 6
    assert "it looks like OpenWrt's usb-mode.json: `pymodeswitch data import` reads that" in out


@pytest.mark.parametrize("is_virtual", [False, True])
def test_a_stick_that_never_comes_back_to_a_virtual_machine(
    is_virtual: bool, bus: VirtualBus, backend: VirtualBackend
) -> None:
    """E8: passed by its ID, the machine loses it with the switch."""
    bus.plug(mf691(leave=Leave(None)))

    class Machine(LibusbHost):
        def is_virtual_machine(self) -> bool:
            return is_virtual

    with pytest.raises(GoneError) as caught:
        switch(0x19D2, 0x1201, host=Machine(backend, bus.clock), settings=Settings())
    assert ("a virtual machine has to be given its port, not its ID" in str(caught.value)) is is_virtual


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, False),
        ({"class/dmi/id/sys_vendor": "LENOVO\n", "class/dmi/id/product_name": "20XW\n"}, False),
        ({"class/dmi/id/sys_vendor": "QEMU\n"}, True),
        ({"class/dmi/id/product_name": "VMware Virtual Platform\n"}, True),
        ({"class/dmi/id/sys_vendor": "innotek GmbH\n"}, True),
        ({"hypervisor/type": "xen\n"}, True),
    ],
)
def test_is_virtual_machine(files: dict[str, str], expected: bool, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert Sysfs(str(tmp_path)).is_virtual_machine() is expected


EXPECTED: dict[str, Any] = {
    "03-12d1-1f01-curly": DeviceFileError,
    "07-12d1-1f01-cyrillic": DeviceFileError,
    "0bda-1a2b-tx20u": DeviceFile(
        comments=("TP-Link TX20U AX1800 / Archer TX20U Plus", "Realtek RTL8832AU chipset"),
        target_vendor=0x0BDA,
        target_product=0x8832,
        standard_eject=True,
    ),
    "16-0471-1210-old": None,
    "49-12d1-1573-conf3": DeviceFile(
        comments=("Huawei ME909u-521 (copied from a guide for ME909s)",), configuration=3
    ),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_what_each_file_says(name: str) -> None:
    expected = EXPECTED[name]
    text = (FILES / name).read_text()
    if expected is DeviceFileError:
        with pytest.raises(DeviceFileError):
            parse(text, name, strict=True)
        return
    device_file, _ = parse(text, name)
    if expected is not None:
        assert device_file == expected
    else:  # an old name of a key, two hex digits as product: what can be read counts
        assert (device_file.configuration, device_file.target_product) == (2, 0x1206)
