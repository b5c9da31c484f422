"""The shipped device files against Debian's package of the public ones: nothing lost or changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from pymodeswitch.catalog.catalog import Catalog
from pymodeswitch.catalog.importing import import_device_files
from pymodeswitch.catalog.sources import shipped_folder
from pymodeswitch.nouns.record import replace
from tests.kernel.prepare import Kit, cache_folder, newest_public_data
from tests.support.traffic import PUBLIC as RECORDED
from tests.support.traffic import RENAMED, load

PUBLIC = "usb-modeswitch-data 20191128"
# Entries of the public package that know more by now; their files name both sources.
UPDATED = {"0bda-1a2b", "12d1-157d", "12d1-1f01"}
# Their ID is that of other devices, too: the files say so.
SHARED = {
    "05c6-1000@uMa=Qualcomm",
    "05c6-f000",
    "0e8d-0002@uPr=MT",
    "0e8d-0002@uPr=Product",
    "109b-f009",
    "1307-1169",
    "1bbb-f000",
}


@pytest.mark.kernel
def test_public_entries_are_what_the_import_command_makes_of_the_package(kit: Kit, tmp_path: Path) -> None:
    pack = kit.reference / "usr/share/usb_modeswitch/configPack.tar.gz"
    done = import_device_files(str(pack), str(tmp_path), source_name=PUBLIC)
    assert (len(done.written), done.errors) == (len(load(RECORDED)), ())
    shipped = Path(shipped_folder())
    differing = {
        name
        for name in done.written
        if (shipped / RENAMED.get(name, name)).read_bytes() != (tmp_path / name).read_bytes()
    }
    assert differing == UPDATED | SHARED


@pytest.mark.kernel
def test_all_public_data_of_debians_newest_package_is_ours(tmp_path: Path) -> None:
    """Entry by entry: what it says ours say, too. A newer package with more in it fails here."""
    tree = newest_public_data(cache_folder())
    pack = tree / "usr/share/usb_modeswitch/configPack.tar.gz"
    done = import_device_files(str(pack), str(tmp_path), source_name=PUBLIC)
    assert done.errors == ()
    assert len(done.written) >= 513
    shipped = Path(shipped_folder())
    assert [name for name in done.written if not (shipped / RENAMED.get(name, name)).exists()] == []
    theirs, ours = ({e.name: e for e in Catalog([str(f)]).entries()} for f in (tmp_path, shipped))
    for name in done.written:
        one, other = theirs[name], ours[RENAMED.get(name, name)]
        assert set(one.targets) <= set(other.all_targets), name
        mine, yours = (
            replace(
                entry.device_file,
                comments=(),
                target_vendor=None,
                target_product=None,
                target_product_list=(),
                target_id_list=(),
                mode="",
                modes=(),
            )
            for entry in (one, other)
        )
        assert mine == yours, name
