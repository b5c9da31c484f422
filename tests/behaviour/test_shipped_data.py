"""The shipped device files: all of them parse strictly, and what they say is complete."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import pytest

from pymodeswitch import DeviceFileError, UsbId
from pymodeswitch.catalog.catalog import Catalog, read_entry
from pymodeswitch.catalog.exporting import export_openwrt
from pymodeswitch.catalog.importing import import_device_files
from pymodeswitch.catalog.matching import Candidate
from pymodeswitch.catalog.sources import shipped_folder
from pymodeswitch.device_files.names import parse_name
from pymodeswitch.device_files.syntax import write
from pymodeswitch.device_files.writing import write_bytes
from pymodeswitch.planning.plan import make_plan, typical_device
from tests.support.traffic import PUBLIC as RECORDED
from tests.support.traffic import load

PUBLIC = "usb-modeswitch-data 20191128"
SHIPPED = Catalog((shipped_folder(),))
CANDIDATES = list(SHIPPED.all())

# Devices that the public data lacks, or knows less of.
SINCE_2019 = """
    05c6-1000@uMa=Qualcomm@uPr=USB_MMC_Storage 0e8d-0002@uPr=MT6235
    0bda-1a2b 0bda-a192 a69c-5721 a69c-5722 a69c-5723 a69c-5724 a69c-5725 a69c-5726 a69c-5727 a69c-572a
    a69c-572c a69c-572f 1111-1111@sVe=LGX 3566-2001 12d1-1f01 3426-1f01 19d2-1705 046d-c26d 046d-c267
""".split()


def test_every_file_in_the_folder_is_a_device_file() -> None:
    names = sorted(path.name for path in Path(shipped_folder()).iterdir())
    assert [name for name in names if parse_name(name) is None] == []
    assert len(names) == len(CANDIDATES)


def test_names_can_be_stored_on_every_system() -> None:
    names = [candidate.file_name for candidate in CANDIDATES]
    assert [name for name in names if set(name) & set('<>:"/\\|?*') or name.endswith((" ", "."))] == []
    assert len({name.lower() for name in names}) == len(names)


@pytest.mark.parametrize("candidate", CANDIDATES, ids=lambda c: c.file_name)
def test_parses_strictly_and_is_written_the_same(candidate: Candidate) -> None:
    entry = read_entry(candidate, strict=True)
    assert entry.device_file.product_name
    assert entry.device_file.source
    assert write(entry.device_file) == Path(candidate.path).read_text("utf-8")
    try:
        plan = make_plan(entry.device_file, typical_device(entry.id))
    except DeviceFileError:
        # These name an interface or endpoints that a typical stick does not have.
        assert entry.device_file.interface is not None
        return
    assert plan.steps or plan.by_itself or entry.device_file.configuration in (0, 1)


def test_all_public_entries_are_there() -> None:
    public = [e for e in SHIPPED.entries() if e.device_file.source.startswith(PUBLIC)]
    assert len(public) == len(load(RECORDED))  # whose names are those of the package


@pytest.mark.parametrize("name", SINCE_2019)
def test_newer_devices_are_there(name: str) -> None:
    parsed = parse_name(name)
    assert parsed is not None
    (entry,) = [read_entry(c) for c in CANDIDATES if (c.id, c.qualifiers) == parsed]
    assert entry.device_file.source != PUBLIC


def test_reference_stick() -> None:
    (candidate,) = SHIPPED.candidates(UsbId(0x19D2, 0x1201))
    entry = read_entry(candidate)
    assert entry.device_file.standard_eject
    assert entry.targets == (UsbId(0x19D2, 0x1203),)


def archive(path: Path, files: dict[str, str]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return path


FILES = {
    "05c6:1000:uMa=AnyDATA": '# AnyDATA ADU\n\nTargetVendor= 0x16d5\nMessageContent="0F00"\n# remark\n',
    "19d2:1201": "# source: somebody's\nStandardEject=1\nNeedResponse=0\n",
    "README": "not a device file",
}


@pytest.mark.parametrize("packed", [False, True])
def test_import(tmp_path: Path, packed: bool) -> None:
    source = tmp_path / "source"
    if packed:
        source = archive(tmp_path / "configPack.tar.gz", FILES)
    else:
        source.mkdir()
        for name, text in FILES.items():
            (source / name).write_text(text)
    target = tmp_path / "data"
    done = import_device_files(str(source), str(target), source_name="the pack")
    assert done.written == ("05c6-1000@uMa=AnyDATA", "19d2-1201")
    assert (target / done.written[0]).read_text() == (
        '# AnyDATA ADU\n# source: the pack\nTargetVendor=0x16d5\nMessageContent="0f00"\n'
    )
    assert (target / done.written[1]).read_text() == "# source: somebody's\nStandardEject=1\n"
    again = import_device_files(str(source), str(target), source_name="the pack")
    assert (again.written, again.unchanged) == ((), done.written)


def test_import_leaves_out_what_it_cannot_read(tmp_path: Path) -> None:
    source = archive(tmp_path / "pack.tar", {"1111:2222": "Zebra=1\n", "1111:3333": "StandardEject=1\n"})
    done = import_device_files(str(source), str(tmp_path / "data"))
    assert done.written == ("1111-3333",)
    assert done.errors == ("1111:2222:1:1: unknown key 'Zebra'",)


def test_import_of_a_folder_with_a_pack(tmp_path: Path) -> None:
    """As Debian ships it: single files count before those of the pack beside them."""
    source = tmp_path / "source"
    source.mkdir()
    archive(source / "configPack.tar.gz", FILES)
    (source / "19d2:1201").write_text("HuaweiMode=1\n")
    done = import_device_files(str(source), str(tmp_path / "data"))
    assert sorted(done.written) == ["05c6-1000@uMa=AnyDATA", "19d2-1201"]
    assert (tmp_path / "data/19d2-1201").read_text() == "HuaweiMode=1\n"


def test_import_keeps_its_hands_off(tmp_path: Path) -> None:
    """Hostile or odd sources: links, line ends in names and sources, folders that cannot be."""
    source, target, victim = tmp_path / "source", tmp_path / "data", tmp_path / "victim"
    target.mkdir()
    victim.write_text("mine")
    (target / "1111-2222").symlink_to(victim)
    hostile = {"../../1111:2222": "StandardEject=1\n", "1111:3333:uMa=x\ny": "StandardEject=1\n"}
    archive(source, hostile)
    done = import_device_files(str(source), str(target), source_name="a\nConfiguration=2")
    assert done.written == ("1111-2222",)
    (left_out,) = done.errors
    assert "left out: the name goes on with ':uMa=x\\ny'" in left_out
    assert victim.read_text() == "mine"
    assert (target / "1111-2222").read_text() == "# source: a Configuration=2\nStandardEject=1\n"
    assert [path.name for path in target.iterdir()] == ["1111-2222"]
    archive(source, {"1111:2222": "StandardEject=1\n", "1111-2222": "StandardEject=1\n"})
    done = import_device_files(str(source), str(tmp_path / "other"))
    assert (len(done.written), "left out" in done.errors[0]) == (1, True)
    with pytest.raises(DeviceFileError, match="cannot be written"):
        import_device_files(str(source), str(victim))


def test_a_json_file_goes_where_it_is_told_to(tmp_path: Path) -> None:
    """A device or a pipe is written to, a link followed: none of them becomes a file."""
    catalog = Catalog([str(tmp_path)])
    (tmp_path / "1111-2222").write_text("StandardEject=1\n")
    pipe, link, file = tmp_path / "pipe", tmp_path / "link", tmp_path / "file"
    os.mkfifo(pipe)
    link.symlink_to(file)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    for path in (pipe, link):
        export_openwrt(catalog, str(path))
    written = os.read(reader, 65536)
    os.close(reader)
    assert json.loads(written)
    assert (pipe.is_fifo(), link.is_symlink(), file.read_bytes()) == (True, True, written)
    with pytest.raises(DeviceFileError, match="cannot be written"):
        export_openwrt(catalog, str(tmp_path))
    (tmp_path / "folder/file").mkdir(parents=True)
    with pytest.raises(DeviceFileError, match="cannot be written"):
        write_bytes(str(tmp_path / "folder/file"), b"")
    assert os.listdir(tmp_path / "folder") == ["file"], "nothing half written stays"


def test_import_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    for source in ("text", "none"):
        with pytest.raises(DeviceFileError, match="neither a folder nor a tar archive"):
            import_device_files(str(tmp_path / source), str(tmp_path / "data"))
    with pytest.raises(DeviceFileError, match="no device file in it"):
        import_device_files(str(tmp_path), str(tmp_path / "data"))
    assert not (tmp_path / "data").exists()
