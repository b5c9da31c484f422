"""Preparing a release, and the one place of the version; what comes with the repository is whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support import CHECKOUT
from tools.release import PLACES, prepare


def text_of(name: str) -> str:
    """A file of this tree; a source package of Debian has Debian's folder at its top."""
    path = CHECKOUT / name
    return (path if path.exists() else CHECKOUT / name.removeprefix("packaging/")).read_text("utf-8")


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in PLACES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "pymodeswitch/__init__.py").write_text('a = 1\n__version__ = "0.1.0"\n')
    for name in ("packaging/alpine/APKBUILD", "packaging/openwrt/Makefile", "packaging/debian/changelog"):
        (tmp_path / name).write_text(text_of(name))
    (tmp_path / "CHANGELOG.md").write_text(
        "# Changelog\n\n## Unreleased\n\n- News\n\n## 0.1.0 - 2026-01-01\n"
    )
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    return tmp_path


def test_prepare(tree: Path) -> None:
    prepare("1.2.3rc1", tree)
    assert (tree / "pymodeswitch/__init__.py").read_text() == 'a = 1\n__version__ = "1.2.3rc1"\n'
    assert (tree / "CHANGELOG.md").read_text() == (
        "# Changelog\n\n## Unreleased\n\n## 1.2.3rc1 - 1970-01-02\n\n- News\n\n## 0.1.0 - 2026-01-01\n"
    )
    assert "\npkgver=1.2.3rc1\n" in (tree / "packaging/alpine/APKBUILD").read_text()
    assert "\nPKG_VERSION:=1.2.3rc1\n" in (tree / "packaging/openwrt/Makefile").read_text()
    debian = (tree / "packaging/debian/changelog").read_text()
    assert debian.startswith("pymodeswitch (1.2.3rc1-1) UNRELEASED;")
    with pytest.raises(ValueError, match="nothing below"):
        prepare("1.2.3", tree)
    with pytest.raises(ValueError, match="rc1 already"):
        prepare("1.2.3rc1", tree)


def test_a_prepared_section_gets_the_day_of_the_release(tree: Path) -> None:
    text = "# Changelog\n\n## Unreleased\n\n## 1.2.3 - 2026-01-01\n\n- News\n"
    (tree / "CHANGELOG.md").write_text(text)
    prepare("1.2.3", tree)
    assert (tree / "CHANGELOG.md").read_text() == text.replace("2026-01-01", "1970-01-02")


def test_a_place_that_is_missing(tree: Path) -> None:
    (tree / "packaging/debian/changelog").write_text("pymodeswitch (1.0-1) unstable; urgency=low\n")
    before = (tree / "CHANGELOG.md").read_text()
    with pytest.raises(ValueError, match="packaging/debian/changelog: no line such as"):
        prepare("1.2.3", tree)
    assert (tree / "CHANGELOG.md").read_text() == before, "nothing is written then"


@pytest.mark.parametrize(("version", "problem"), [("1.2", "bad version"), ("0.1.0", "is there already")])
def test_no_release(version: str, problem: str, tree: Path) -> None:
    with pytest.raises(ValueError, match=problem):
        prepare(version, tree)
    assert "## Unreleased\n\n- News" in (tree / "CHANGELOG.md").read_text()


def test_the_version_is_in_one_place() -> None:
    version = (CHECKOUT / "pymodeswitch/__init__.py").read_text("utf-8").partition('__version__ = "')[2]
    line = f'"{version.partition(chr(34))[0]}"'
    for path in (*CHECKOUT.glob("*.toml"), *CHECKOUT.glob("*.cff"), *CHECKOUT.glob("pymodeswitch/*.py")):
        if path.name != "__init__.py":
            assert line not in path.read_text("utf-8"), path


def test_recipes_have_the_version() -> None:
    version = re.findall(
        r'__version__ = "(.*)"', (CHECKOUT / "pymodeswitch/__init__.py").read_text("utf-8")
    )[0]
    for name, line in PLACES.items():
        assert line.format(version) in text_of(name), name


def test_the_changelog_has_a_section_for_what_comes() -> None:
    assert "\n## Unreleased\n" in (CHECKOUT / "CHANGELOG.md").read_text("utf-8")
