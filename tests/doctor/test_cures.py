"""Each cure can be carried out: a shell can read it, and what it names is there, or is free."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from pymodeswitch.catalog.catalog import Catalog
from pymodeswitch.command import cli
from pymodeswitch.doctor import Finding, files
from pymodeswitch.nouns.errors import UsageError
from tests.catalog.test_archive import packed
from tests.doctor.scenes import SCENES, THEIRS, Scene
from tests.doctor.test_findings import spoiled
from tests.doctor.tree import Tree

EJECT = b"StandardEject=1\n"


def check_cure(cure: str, tree: Tree) -> None:
    """AssertionError for one that fails for what it is, whatever the computer is like."""
    if "==" in cure or "=" in cure.split()[0]:
        return  # a udev rule, or a setting: no command
    if cure.startswith("use a kernel with "):
        return  # nothing that a command could do
    done = subprocess.run(["sh", "-n", "-c", cure], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for command in cure.split(";"):
        words = shlex.split(command.replace("sudo ", ""))

        def there(path: str) -> bool:
            # Findings of the administrator's files have the path on this computer, others the tree's.
            return Path(path).exists() or tree.at(path).exists() or tree.at(path).is_symlink()

        match words:
            case ["mv", source, target]:
                assert there(source), cure
                assert not there(target), cure
                assert there(str(Path(target).parent)), cure
            case ["ln", "-s", _, target]:
                assert not there(target), cure
            case ["rm", path] | ["ls", "-ld", path] | ["editor", path]:
                assert there(path), cure
            case ["pymodeswitch", *rest] if rest[0] in cli.VERBS:
                if "#" not in command:
                    try:
                        cli.parser_for(rest[0]).parse_args(rest[1:])
                    except UsageError as error:
                        raise AssertionError(f"{cure}: {error}") from error


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: f"{scene.name}: {scene.text[:30]}")
def test_the_cures_of_all_scenes(scene: Scene, request: pytest.FixtureRequest, catalog: Catalog) -> None:
    tree = spoiled(scene, request)
    for finding in tree.findings(catalog=catalog):
        if finding.cure is not None:
            check_cure(finding.cure, tree)


@pytest.mark.parametrize("folder", ["/etc", "/run", "/usr/lib"])
def test_a_fight_is_ended_from_each_folder(folder: str, tree: Tree, catalog: Catalog) -> None:
    tree.write(f"{folder}/udev/rules.d/30-modem.rules", THEIRS)
    (found,) = [f for f in tree.findings(catalog=catalog) if f.name == "rules-fight"]
    assert found.cure is not None
    check_cure(found.cure, tree)
    assert found.cure.startswith("mv " if folder == "/etc" else "ln -s ")
    assert "starts usb_modeswitch for 1 of" in found.text


def findings(folder: Path, *, is_last: bool = False) -> list[Finding]:
    last = [str(folder)] if is_last else []
    return list(files.check_device_files(Catalog([str(folder)], last)))


@pytest.mark.parametrize("is_last", [False, True])
def test_an_archive_of_others_gets_no_hint(is_last: bool, tmp_path: Path) -> None:
    """Debian's holds a file `new.lst`: nobody can move a file inside an archive."""
    packed(tmp_path / "configPack.tar.gz", {"new.lst": b"x", "12d1_1505": EJECT, "19d2:1201": EJECT})
    assert findings(tmp_path, is_last=is_last) == []
    packed(tmp_path / "configPack.tar.gz", {"19d2:1201": b"MessageContent=5\n"})
    found = findings(tmp_path, is_last=is_last)
    assert [(finding.name, finding.cure) for finding in found] == (
        [] if is_last else [("device-file-bad", None)]
    )


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("12d1:1505.conf", "mv {0}/12d1:1505.conf {0}/12d1-1505"),
        ("3566_2001", "mv {0}/3566_2001 {0}/3566-2001"),
        ("1111-2222-mine", "pymodeswitch lint {0}/1111-2222-mine"),  # its place is taken
        ("some file", "pymodeswitch lint '{0}/some file'"),
    ],
)
def test_a_misnamed_file(name: str, cure: str, tmp_path: Path, tree: Tree) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / name).write_bytes(EJECT)
    (folder / "1111-2222").write_bytes(EJECT)
    (found,) = findings(folder)
    assert (found.name, found.cure) == ("device-file-misnamed", cure.format(folder))
    check_cure(found.cure or "", tree)
