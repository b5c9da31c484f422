"""What is generated from data/ and committed is what would be generated now: else run `python -m tools`."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from pymodeswitch import UsbId
from pymodeswitch.catalog import data_date
from pymodeswitch.catalog.catalog import Catalog
from pymodeswitch.catalog.sources import shipped_folder
from tools import __main__ as tools
from tools import data_date as date_tool
from tools import demo_picture, devices_page, metainfo, method_keys, project

SHIPPED = Catalog((shipped_folder(),))


def test_pages_date_and_picture() -> None:
    for path, text in tools.generated().items():
        assert path.read_text("utf-8") == text, (
            f"{path} is not what is generated now: run `python -m tools`"
        )


def test_every_device_file_has_a_line() -> None:
    (page,) = devices_page.generated().values()
    lines = [line for line in page.splitlines() if line.startswith("| `")]
    assert [line[3:12] for line in lines] == sorted(str(candidate.id) for candidate in SHIPPED.all())
    (line,) = [line for line in lines if "`0471:1210`" in line and "Wisue" in line]
    assert "| USB manufacturer is “Wisue” |" in line
    assert all(line.replace("\\|", "").count("|") == len(devices_page.COLUMNS) + 1 for line in lines)


def test_markdown_s_own_characters_are_text() -> None:
    assert devices_page._plain("a|b*_<c>") == r"a\|b\*\_\<c\>"
    assert devices_page._plain("") == "-"


def test_the_date_changes_with_a_device_file_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert date_tool.digest() == data_date.DIGEST
    (tmp_path / "19d2-1201").write_text("StandardEject=1\n")
    one = date_tool.digest(tmp_path)
    (tmp_path / "19d2-1201").write_text("StandardEject=0\n")
    assert date_tool.digest(tmp_path) != one
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    monkeypatch.setattr(date_tool, "digest", lambda: one)
    monkeypatch.setattr(date_tool, "MODULE", tmp_path / "data_date.py")
    (text,) = date_tool.generated().values()
    assert 'DATE = "1970-01-02"' in text
    (tmp_path / "data_date.py").write_text(text)
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    assert date_tool.generated() == {tmp_path / "data_date.py": text}


def test_only_what_differs_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page, same = tmp_path / "page", tmp_path / "same"
    same.write_text("same")
    same.chmod(0o444)
    before = same.stat().st_mtime_ns
    monkeypatch.setattr(devices_page, "generated", lambda: {page: "page", same: "same"})
    monkeypatch.setattr(date_tool, "generated", dict)
    for part in (demo_picture, method_keys):
        monkeypatch.setattr(part, "generated", dict)
    tools.main()
    assert (page.read_text(), same.stat().st_mtime_ns) == ("page", before)


def test_the_picture_stays_where_only_times_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_picture, "PICTURE", tmp_path / "demo.svg")
    lines = ["$ pymodeswitch demo", "  0.00 s  claim <0>: ok", "", "Done in 0.3 s"]
    monkeypatch.setattr(demo_picture, "session", lambda: lines)
    (text,) = demo_picture.generated().values()
    root = ET.fromstring(text)
    shown = [
        (element.text, element.get("fill")) for element in root.iter("{http://www.w3.org/2000/svg}text")
    ]
    texts = [(text or "").replace("\N{NO-BREAK SPACE}", " ") for text, _ in shown]
    assert texts == [line.strip() for line in lines if line]
    assert len({colour for _, colour in shown}) == 2
    (tmp_path / "demo.svg").write_text(text)
    lines[1:] = ["  0.07 s  claim <0>: ok", "", "Done in 0.4 s"]
    assert demo_picture.generated() == {tmp_path / "demo.svg": text}
    lines[3] = "Failed in 0.4 s"
    assert demo_picture.generated() != {tmp_path / "demo.svg": text}


def test_metainfo_has_every_id() -> None:
    ids = SHIPPED.initial_ids()
    ((path, text),) = metainfo.generated(ids, "").items()
    root = ET.fromstring(text)
    found = [element.text for element in root.iter("modalias")]
    assert found == [f"usb:v{i.vendor:04X}p{i.product:04X}d*" for i in ids]
    assert path == f"share/metainfo/{root.findtext('id')}.metainfo.xml"
    assert root.findtext("url") == metainfo.PYPI


@pytest.mark.parametrize(
    ("address", "component"),
    [
        ("https://github.com/some-one/pymodeswitch", "io.github.some_one.pymodeswitch"),
        ("https://sticks.example.org/pymodeswitch", "org.example.sticks.pymodeswitch"),
    ],
)
def test_metainfo_of_a_project_with_an_address(address: str, component: str) -> None:
    ((path, text),) = metainfo.generated([UsbId(0x19D2, 0x1201)], address).items()
    root = ET.fromstring(text)
    assert path == f"share/metainfo/{component}.metainfo.xml"
    assert (root.findtext("id"), root.findtext("url")) == (component, address)


def test_the_address_is_one_constant() -> None:
    address = project.address()
    assert address == "" or address.startswith("https://")
    assert not address.endswith("/")
