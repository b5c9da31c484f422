"""`system check`: each state of each kind of file, by what udev and systemd would really read."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from pymodeswitch import UsbId
from pymodeswitch.system.inspection import Finding, inspect
from pymodeswitch.system.installation import Layout, SystemFile, install, layout, system_files, uninstall
from pymodeswitch.system.root import Root
from pymodeswitch.system.udev_rules import rules
from tests.system.test_installation import COMMAND, ENABLED, RULES, UNIT, WATCH

OWN = ("/opt/env/bin/python", "-I", "-m", "pymodeswitch")
IDS = [UsbId(0x19D2, 0x1201), UsbId(0x12D1, 0x1F01)]
THEIRS = b'ATTR{idVendor}=="19d2", ATTR{idProduct}=="1201", RUN+="usb_modeswitch \'/%k\'"\n'
LINKS = "/usr/local/lib/udev/rules.d/42-pymodeswitch-gsmmodem.rules"
SCRIPT = "/usr/local/lib/udev/pymodeswitch-modem-port.sh"
AT_BOOT = "/etc/systemd/system/multi-user.target.wants/pymodeswitch.service"
MAN = "/usr/local/share/man/man1/pymodeswitch.1"


@pytest.fixture
def root(tmp_path: Path) -> Root:
    root = Root(str(tmp_path))
    root.write("/usr/lib/systemd/systemd-udevd", b"")
    return root


@pytest.fixture
def places(root: Root) -> Layout:
    return layout(root, "/usr/local")


def wanted(root: Root, places: Layout) -> list[SystemFile]:
    """The files, with a man page, whatever is shipped."""
    files = [f for f in system_files(root, places, OWN) if not f.path.startswith("/usr/local/share")]
    return [*files, SystemFile(f"{places.share}/man/man1/pymodeswitch.1", b"page")]


def packaged(root: Root) -> list[SystemFile]:
    usr = layout(root, "/usr")
    files = [f for f in system_files(root, usr, COMMAND) if not f.path.startswith("/usr/share")]
    return [*files, SystemFile("/usr/share/man/man1/pymodeswitch.1", b"page")]


def look(root: Root, places: Layout) -> dict[str, Finding]:
    """Findings by the name of the file."""
    found = inspect(root, places, wanted(root, places), packaged(root), IDS)
    assert len({finding.path for finding in found}) == len(found)
    return {finding.path: finding for finding in found}


def wrong(root: Root, places: Layout) -> list[Finding]:
    return [finding for finding in look(root, places).values() if finding.state != "ok"]


@pytest.fixture
def installed(root: Root, places: Layout) -> Root:
    install(root, places, wanted(root, places))
    return root


def test_nothing_is_there(root: Root, places: Layout) -> None:
    found = look(root, places)
    assert {finding.state for finding in found.values()} == {"missing"}
    assert set(found) == {RULES, LINKS, SCRIPT, UNIT, WATCH, ENABLED, AT_BOOT, MAN}
    assert "does not start at boot" in found[ENABLED].detail


def test_all_is_there_and_after_uninstalling_nothing(installed: Root, places: Layout) -> None:
    assert wrong(installed, places) == []
    uninstall(installed, places)
    assert {finding.state for finding in wrong(installed, places)} == {"missing"}


@pytest.mark.parametrize("path", [RULES, UNIT, WATCH, MAN])
def test_stale(path: str, installed: Root, places: Layout) -> None:
    installed.write(path, b"older")
    assert wrong(installed, places) == [Finding(path, "stale", "it is not what would be installed now")]
    installed.link(path, "/nowhere/at/all")
    assert wrong(installed, places) == [Finding(path, "stale", "a link that leads nowhere")]


@pytest.mark.parametrize("path", [RULES, UNIT, MAN])
@pytest.mark.parametrize("how", ["empty", "link"])
def test_masked_in_its_place(path: str, how: str, installed: Root, places: Layout) -> None:
    if how == "empty":
        installed.write(path, b"")
    else:
        installed.link(path, "/dev/null")
    detail = "an empty file" if how == "empty" else "a link to /dev/null"
    assert wrong(installed, places) == [Finding(path, "masked", detail)]


@pytest.mark.parametrize("top", ["/etc", "/run"])
@pytest.mark.parametrize(
    ("folder", "path"), [("udev/rules.d", RULES), ("systemd/system", UNIT), ("systemd/system", WATCH)]
)
def test_masked_by_a_folder_of_higher_precedence(
    top: str, folder: str, path: str, installed: Root, places: Layout
) -> None:
    other = f"{top}/{folder}/{path.rpartition('/')[2]}"
    installed.link(other, "/dev/null")
    assert wrong(installed, places) == [Finding(other, "masked", "a link to /dev/null")]
    installed.write(other, b"something else\n")
    assert wrong(installed, places) == [Finding(other, "masked", f"another file in the place of {path}")]
    content = installed.read(path)
    assert content is not None
    installed.write(other, content)
    assert wrong(installed, places) == [], "the same text does the same from there"


def test_not_started_at_boot(installed: Root, places: Layout) -> None:
    installed.link(ENABLED, "/lib/systemd/system/pymodeswitch.path")
    assert wrong(installed, places) == [], "a unit of the same name is found where it is"
    installed.link(ENABLED, "/lib/systemd/system/other.path")
    assert [finding.state for finding in wrong(installed, places)] == ["stale"]
    installed.remove(ENABLED)
    assert [(finding.path, finding.state) for finding in wrong(installed, places)] == [(ENABLED, "missing")]


def test_a_package_of_the_system_has_it(root: Root, places: Layout) -> None:
    """In /usr, with its own command, the man page compressed, units enabled by its scripts."""
    for file in packaged(root):
        if file.target is not None:
            root.link(file.path, file.target)
        elif "/man/" in file.path:
            root.write(f"{file.path}.gz", gzip.compress(file.content))
        else:
            root.write(file.path, file.content)
    assert wrong(root, places) == []
    found = inspect(root, places, wanted(root, places), packaged(root), IDS)
    assert "/usr/lib/udev/pymodeswitch-modem-port.sh" in {finding.path for finding in found}
    assert not any(".." in finding.path for finding in found)
    root.write("/usr/share/man/man1/pymodeswitch.1.gz", b"no gzip")
    root.write("/usr/lib/systemd/system/pymodeswitch.service", b"older")
    assert {(finding.path, finding.state) for finding in wrong(root, places)} == {
        ("/usr/share/man/man1/pymodeswitch.1.gz", "stale"),
        ("/usr/lib/systemd/system/pymodeswitch.service", "stale"),
    }


def test_the_command_of_a_package_is_wrong_elsewhere(root: Root, places: Layout) -> None:
    install(root, places, wanted(root, places))
    root.write(
        UNIT,
        next(file.content for file in packaged(root) if file.path.endswith("system/pymodeswitch.service")),
    )
    assert [finding.path for finding in wrong(root, places)] == [UNIT]


@pytest.mark.parametrize("name", ["40-usb_modeswitch.rules", "40-usb-modeswitch.rules"])
def test_fighting(name: str, installed: Root, places: Layout) -> None:
    path = f"/usr/lib/udev/rules.d/{name}"
    installed.write(path, THEIRS)
    (finding,) = wrong(installed, places)
    assert (finding.path, finding.state) == (path, "fighting")
    assert "for 1 of 2 IDs" in finding.detail
    assert finding.detail.endswith(f"ln -s /dev/null /etc/udev/rules.d/{name}")
    installed.link(f"/etc/udev/rules.d/{name}", "/dev/null")
    assert wrong(installed, places) == [], "masked, as it was advised"
    installed.remove(f"/etc/udev/rules.d/{name}")
    installed.write(path, THEIRS.replace(b"1201", b"1203"))
    assert wrong(installed, places) == [], "for other IDs"
    installed.write("/etc/udev/rules.d/40-mine.rules", THEIRS)
    (finding,) = wrong(installed, places)
    assert finding.detail.endswith("mv /etc/udev/rules.d/40-mine.rules /etc/udev/rules.d/40-mine.rules.off")


def test_a_second_rule_of_ours(installed: Root, places: Layout) -> None:
    """As `pymodeswitch rules` prints it, under a name of its own: each stick would start twice."""
    installed.write("/etc/udev/rules.d/40-pymodeswitch.rules", rules(IDS, ["/bin/pymodeswitch"]).encode())
    (finding,) = wrong(installed, places)
    assert finding.state == "fighting"
    assert "starts pymodeswitch for 2 of 2 IDs, too" in finding.detail


def test_one_folder_under_two_names(installed: Root, places: Layout) -> None:
    """/lib is a link to /usr/lib: one file there is one finding."""
    installed.link("/lib", "usr/lib")
    installed.write("/usr/lib/udev/rules.d/40-usb_modeswitch.rules", THEIRS)
    assert len(wrong(installed, places)) == 1


def test_zsh_of_debian_has_its_completions_elsewhere(root: Root, places: Layout) -> None:
    name = "_pymodeswitch"
    own = SystemFile(f"{places.share}/zsh/site-functions/{name}", b"#compdef")
    (finding,) = inspect(root, places, [own], [], [])
    assert finding.state == "missing"
    root.write(f"/usr/share/zsh/vendor-completions/{name}", b"#compdef")
    (finding,) = inspect(root, places, [own], [], [])
    assert finding == Finding(f"/usr/share/zsh/vendor-completions/{name}", "ok")


def test_etc_comes_before_run(installed: Root, places: Layout) -> None:
    """Of two that count before ours, the one in /etc is named (udev(7), systemd.unit(5))."""
    name = RULES.rpartition("/")[2]
    installed.write(f"/run/udev/rules.d/{name}", b"of today\n")
    assert [finding.path for finding in wrong(installed, places)] == [f"/run/udev/rules.d/{name}"]
    installed.link(f"/etc/udev/rules.d/{name}", "/dev/null")
    assert [finding.path for finding in wrong(installed, places)] == [f"/etc/udev/rules.d/{name}"]
