"""The shipped device files against Debian's package of the public ones: nothing lost or changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from pymodeswitch.catalog.importing import import_device_files
from pymodeswitch.catalog.sources import shipped_folder
from tests.kernel.prepare import Kit

PUBLIC = "usb-modeswitch-data 20191128"
# Entries of the public package that know more by now; their files name both sources.
UPDATED = {"0bda-1a2b", "12d1-1f01"}


@pytest.mark.kernel
def test_public_entries_are_what_the_import_command_makes_of_the_package(kit: Kit, tmp_path: Path) -> None:
    pack = kit.reference / "usr/share/usb_modeswitch/configPack.tar.gz"
    done = import_device_files(str(pack), str(tmp_path), source_name=PUBLIC)
    assert (len(done.written), done.errors) == (512, ())
    shipped = Path(shipped_folder())
    differing = {n for n in done.written if (shipped / n).read_bytes() != (tmp_path / n).read_bytes()}
    assert differing == UPDATED
