"""Settings and device files of the administrator; which entry is for a stick."""

from __future__ import annotations

from pathlib import Path

import pytest

from pymodeswitch.catalog.catalog import Catalog
from pymodeswitch.doctor import Level, files
from pymodeswitch.planning import settings
from pymodeswitch.virtual.descriptors import Configuration, Identity, Interface
from tests.doctor.tree import Tree

EJECT = "TargetVendor=19d2\nTargetProduct=1203\nStandardEject=1\n"


def test_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "pymodeswitch.conf"
    monkeypatch.setattr(settings, "PATH", str(path))
    assert files.check_settings() == (settings.Settings(), ())
    path.write_text("switching = false\nswitches_per_minute = 7\n")
    read, (found,) = files.check_settings()
    assert (found.name, found.level) == ("switching-off", Level.HINT)
    assert (read.switches_per_minute, found.cure) == (7, f"editor {path}")
    assert found.text == f"switching by itself is turned off by {path}"
    path.write_text("mbim = true\nmbin = false\n")
    read, (found,) = files.check_settings()
    assert (found.name, found.level) == ("settings-bad", Level.PROBLEM)
    assert f"{path}:2: unknown key 'mbin'" in found.text
    assert (read, found.cure) == (settings.Settings(), f"editor {path}")


@pytest.mark.parametrize(
    ("name", "text", "finding"),
    [
        ("19d2-1202", EJECT, None),
        ("19d2:1202:uMa=ZTE", EJECT, None),
        ("12d1:#linux", "HuaweiNewMode=1\n", None),
        ("19d2-1202.dpkg-old", "anything", None),
        ("19d2-1202~", "anything", None),
        ("19d2-1202.rpmnew", "anything", None),
        ("19d2-1202.rpmsave", "anything", None),
        ("19d2-1202.bak", "anything", None),
        (".hidden", "anything", None),
        ("19d2-1202", "", "device-file-masks"),
        ("19d2_1202", EJECT, "device-file-misnamed"),
        ("19d2-12zz", EJECT, "device-file-misnamed"),
        ("19d2-1202@uXx=ZTE", EJECT, "device-file-misnamed"),
        ("19d2-1202", "StandardEject=maybe\nMessageContent=xyz\n", "device-file-bad"),
    ],
)
def test_device_files(tree: Tree, name: str, text: str, finding: str | None) -> None:
    folder = str(tree.root / "etc/pymodeswitch.d")
    tree.write(f"/etc/pymodeswitch.d/{name}", text)
    found = list(files.check_device_files(Catalog((folder,))))
    assert [f.name for f in found] == ([finding] if finding else [])
    assert all(f"{folder}/{name}" in f.text for f in found)


def test_a_link_to_nothing_masks(tree: Tree) -> None:
    tree.link("/etc/pymodeswitch.d/19d2-1202", "/dev/null")
    found = list(files.check_device_files(Catalog((str(tree.root / "etc/pymodeswitch.d"),))))
    assert [finding.name for finding in found] == ["device-file-masks"]


def test_a_folder_where_a_file_should_be(tree: Tree) -> None:
    tree.folder("/etc/pymodeswitch.d/19d2-1202")
    (found,) = files.check_device_files(Catalog((str(tree.root / "etc/pymodeswitch.d"),)))
    assert found.name == "device-file-bad"
    assert "Is a directory" in found.text


def test_the_entry_of_a_stick_is_bad(stick: Tree, tmp_path: Path) -> None:
    (tmp_path / "19d2-1201").write_text("MessageContent=xyz\n")
    found = [f for f in stick.findings(catalog=Catalog((str(tmp_path),))) if f.name == "device-file-bad"]
    assert {f.subject for f in found} == {"system", "19d2:1201 on port 1-1"}


def test_already_switched_by_its_class(tree: Tree, tmp_path: Path) -> None:
    """One ID in every mode: only the class of interface 0 tells."""
    (tmp_path / "3566-2001").write_text("TargetClass=0xe0\nStandardEject=1\n")
    catalog = Catalog((str(tmp_path),))
    for codes, name in (((0xE0, 1, 3), "switched"), ((8, 6, 80), "entry")):
        tree.plug(Identity(0x3566, 0x2001, (Configuration((Interface(0, *codes),)),)))
        assert name in [f.name for f in tree.findings(catalog=catalog)]
