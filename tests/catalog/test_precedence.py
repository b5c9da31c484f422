"""Who hides whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from pymodeswitch.catalog import sources
from pymodeswitch.catalog.catalog import Catalog
from pymodeswitch.catalog.precedence import sources_with_files
from tests.catalog.test_archive import packed
from tests.catalog.test_catalog import folder

EJECT = b"StandardEject=1\n"


def test_every_file_and_what_becomes_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    etc = folder(tmp_path / "etc", "19d2:1201", "05c6-1000", "README")
    (etc / "12d1-1f01").symlink_to("/dev/null")
    (etc / "1111-2222").write_text("MessageContent=5")
    usr = folder(tmp_path / "usr", "05c6-1000@uMa=A", "12d1-#linux")
    pack = packed(usr / "configPack.tar.gz", {"19d2:1201": EJECT, "12d1:1f01": EJECT, "1:2": EJECT})
    broken = folder(tmp_path / "broken")
    (broken / "configPack.tar.gz").touch()
    index = tmp_path / "packs"
    index.write_text(f"{tmp_path}/gone\n")
    monkeypatch.setattr(sources, "PACKS_INDEX", str(index))
    found = sources_with_files(
        Catalog(str(path) for path in (etc, tmp_path / "none", usr, broken, tmp_path / "gone"))
    )
    assert [(s.path, s.is_archive, s.missing, s.problem, s.in_index, s.hidden) for s in found] == [
        (str(etc), False, False, "", False, 0),
        (str(tmp_path / "none"), False, True, "", False, 0),
        (str(usr), False, False, "", False, 1),
        (pack, True, False, "", False, 2),
        (str(broken), False, False, "", False, 0),
        (f"{broken}/configPack.tar.gz", True, False, "cannot be read: it is cut off", False, 0),
        (str(tmp_path / "gone"), False, True, "", True, 0),
    ]
    rows = {f.path: (f.state, f.by, f.mask, f.hides, f.problem) for s in found for f in s.files}
    odd = f"{etc}/1111-2222:1:16: MessageContent: odd number of hex digits (1): a byte has two"
    assert rows == {
        f"{etc}/05c6-1000": ("used", None, "", (f"{usr}/05c6-1000@uMa=A",), ""),
        f"{etc}/1111-2222": ("used", None, "", (), odd),
        f"{etc}/12d1-1f01": ("mask", None, "a link to /dev/null", (f"{pack}/12d1:1f01",), ""),
        f"{etc}/19d2:1201": ("used", None, "", (f"{pack}/19d2:1201",), ""),
        f"{usr}/05c6-1000@uMa=A": ("hidden", f"{etc}/05c6-1000", "", (), ""),
        f"{usr}/12d1-#linux": ("used", None, "", (), ""),
        f"{pack}/12d1:1f01": ("masked", f"{etc}/12d1-1f01", "", (), ""),
        f"{pack}/19d2:1201": ("replaced", f"{etc}/19d2:1201", "", (), ""),
    }
