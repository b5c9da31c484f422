"""All modules of a start by udev in one file: the same modules, and none that is out of date."""

from __future__ import annotations

import marshal
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

import pymodeswitch
from pymodeswitch import bundle

PACKAGE = Path(pymodeswitch.__file__).parent

# What was loaded, whether from the bundle (such modules have no loader), and the same as when it was not.
CODE = """
import os, runpy, sys
leave = os._exit
def told(code):
    ours = {name for name in sys.modules if name.startswith("pymodeswitch")}
    from_bundle = {name for name in ours if sys.modules[name].__spec__.loader is None}
    sys.__stdout__.write(f"{code}|{' '.join(sorted(ours))}|{' '.join(sorted(from_bundle))}\\n")
    sys.__stdout__.flush()
    leave(0)
os._exit = told
file = sys.argv[1]
sys.argv[:2] = [file]
names = {"__name__": "__main__", "__package__": None, "__file__": file}
exec(compile(open(file).read(), file, "exec"), names)
"""


class Copy:
    """The package in another folder, with its bundle."""

    def __init__(self, folder: Path) -> None:
        self.package = folder / "pymodeswitch"
        shutil.copytree(PACKAGE, self.package, ignore=shutil.ignore_patterns("__pycache__", "data"))
        (self.package / "data").mkdir()
        (self.package / "data/19d2-1201").write_text("StandardEject=1\n")
        self.write()
        (self.path,) = self.package.glob("__pycache__/*.bundle")

    def write(self) -> None:
        """As `system install` does."""
        code = (
            f"import sys; sys.path.insert(0, {str(self.package.parent)!r})\n"
            "from pymodeswitch import bundle; data = bundle.content()\n"
            "assert bundle.is_current(data)\n"
            "open(bundle.PATH, 'wb').write(data)"
        )
        subprocess.run([sys.executable, "-I", "-c", code], check=True, timeout=60)

    def start(self, *words: str) -> tuple[int, set[str], set[str]]:
        """Exit code, modules of ours, and those of them that came from the bundle."""
        code, ours, from_bundle = self.said(*words)[-1].split("|")
        return int(code), set(ours.split()), set(from_bundle.split())

    def said(self, *words: str, python: str = sys.executable) -> list[str]:
        """What is printed, and the line of the above behind it."""
        command = [python, "-I", "-S", "-c", CODE, str(self.package / "__main__.py"), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout.splitlines()


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


def test_it_has_all_modules_of_a_start_each_behind_what_it_imports(copy: Copy) -> None:
    code, ours, from_bundle = copy.start("--no-wait", "--and-others", "--port", "1-1.99")
    assert code == 3
    assert {f"pymodeswitch.{name}" for name in bundle.NAMES} <= from_bundle
    others = ours - from_bundle
    # What only this command needs: it finds no stick, or this computer has no sysfs.
    assert others <= {f"pymodeswitch.{name}" for name in ("transport", "libusb_devices")}


def test_without_it_all_is_the_same(copy: Copy) -> None:
    with_bundle = copy.start("--version")
    copy.path.unlink()
    assert copy.start("--version")[0] == with_bundle[0] == 0
    assert copy.start("--version")[2] == set()


@pytest.mark.parametrize("what", ["content", "time", "gone"])
def test_what_has_changed_since_counts(what: str, copy: Copy) -> None:
    """Never code that is not the source's any more."""
    source = copy.package / "plan.py"
    if what == "content":
        stat = source.stat()
        source.write_text(f"{source.read_text()}\nraise SystemExit(55)\n")
        os.utime(source, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    elif what == "time":
        os.utime(source)
    else:
        source.unlink()
    code, _, from_bundle = copy.start("19d2:1201", "--config", "/nonexistent")
    assert from_bundle == set()
    assert code == {"content": 55, "time": 6, "gone": 1}[what]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"rubbish",
        marshal.dumps(("another Python", b"", [])),
        marshal.dumps((sys.version, 1)),
        marshal.dumps(7),
    ],
)
def test_what_is_no_bundle_does_no_harm(data: bytes, copy: Copy) -> None:
    copy.path.write_bytes(data)
    assert copy.start("--version")[0] == 0
    assert not bundle.is_current(data)


def test_one_that_is_cut_off_does_no_harm(copy: Copy) -> None:
    whole = copy.path.read_bytes()
    for length in (1, len(whole) // 2, len(whole) - 1):
        copy.path.write_bytes(whole[:length])
        assert copy.start("--version")[0] == 0


def test_a_source_that_cannot_be_compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("def (")
    with pytest.raises(OSError, match="line 1"):
        bundle._code(str(bad))


@pytest.mark.parametrize("bundled", [True, False])
def test_the_indexes_of_an_environment_count(bundled: bool, copy: Copy, tmp_path: Path) -> None:
    """Without `site` Python does not know that it is in one."""
    environment, pack = tmp_path / "environment", tmp_path / "pack"
    venv.create(environment, with_pip=False)
    index = environment / "share/pymodeswitch/packs"
    index.parent.mkdir(parents=True)
    index.write_text(f"{pack}\n")
    pack.mkdir()
    (pack / "1209-0001").write_text("StandardEject=1\n")
    if not bundled:
        copy.path.unlink()
    python = str(environment / "bin/python")
    *lines, code = copy.said("list", "--sources", python=python)
    assert bool(code.split("|")[2]) is bundled
    assert [line for line in lines if str(pack) in line], lines
