"""Install, update, remove: below a root, with what is in the way."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from pymodeswitch import InstallationError, UsageError
from pymodeswitch.catalog import sources
from pymodeswitch.system import installation
from pymodeswitch.system.installation import (
    Change,
    Layout,
    SystemFile,
    install,
    layout,
    shipped_system_folder,
    system_files,
    uninstall,
)
from pymodeswitch.system.root import Root
from pymodeswitch.system.udev_rules import own_command

COMMAND = ("/usr/bin/pymodeswitch",)
RULES = "/usr/local/lib/udev/rules.d/41-pymodeswitch.rules"
UNIT = "/usr/local/lib/systemd/system/pymodeswitch.service"
WATCH = "/usr/local/lib/systemd/system/pymodeswitch.path"
ENABLED = "/etc/systemd/system/paths.target.wants/pymodeswitch.path"


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """A system with systemd's udev."""
    udevd = tmp_path / "usr/lib/systemd/systemd-udevd"
    udevd.parent.mkdir(parents=True)
    udevd.touch()
    return Root(str(tmp_path))


@pytest.fixture
def places(root: Root) -> Layout:
    return layout(root, "/usr/local")


@pytest.fixture
def files(root: Root, places: Layout) -> list[SystemFile]:
    return system_files(root, places, COMMAND)


def tree(root: Root) -> dict[str, str | bytes]:
    """Everything below the root: content of files, targets of links."""
    found: dict[str, str | bytes] = {}
    for folder, _, names in os.walk(root.folder):
        for name in names:
            path = Path(folder, name)
            found["/" + str(path.relative_to(root.folder))] = (
                os.readlink(path) if path.is_symlink() else path.read_bytes()
            )
    return found


def whats(changes: list[Change]) -> set[str]:
    return {change.what for change in changes}


def test_where_the_files_go(root: Root, tmp_path: Path) -> None:
    """Only to where udev and systemd look."""
    local = layout(root, "/usr/local/")
    assert local.rules == "/usr/local/lib/udev/rules.d"
    assert local.units == "/usr/local/lib/systemd/system"
    assert local.share == "/usr/local/share"
    usr = layout(root, "/usr")
    assert (usr.rules, usr.units) == ("/usr/lib/udev/rules.d", "/usr/lib/systemd/system")
    opt = layout(root, "/opt/modem")
    assert (opt.rules, opt.units) == ("/etc/udev/rules.d", "/etc/systemd/system")
    assert opt.share == "/opt/modem/share"
    with pytest.raises(UsageError, match="absolute"):
        layout(root, "usr")


def test_another_udev_does_not_know_usr_local(tmp_path: Path) -> None:
    other = Root(str(tmp_path / "other"))
    assert layout(other, "/usr/local").rules == "/etc/udev/rules.d"
    assert layout(other, "/usr").rules == "/usr/lib/udev/rules.d"


def test_the_files(files: list[SystemFile]) -> None:
    by_path = {file.path: file for file in files}
    assert len(by_path) == len(files)
    assert b'TEST=="/run/systemd/system"' in by_path[RULES].content
    assert b'RUN+="/usr/bin/pymodeswitch early --start-judge %k"' in by_path[RULES].content
    assert b"ExecStart=/usr/bin/pymodeswitch judge\n" in by_path[UNIT].content
    assert by_path[ENABLED].target == WATCH
    shared = {path for path in by_path if path.startswith("/usr/local/share/")}
    assert shared == {f"/usr/local/share/{path}" for path in shared_paths()}


def shared_paths() -> list[str]:
    top = Path(shipped_system_folder(), "share")
    return [str(path.relative_to(top)) for path in top.rglob("*") if path.is_file()]


@pytest.mark.parametrize("command", [(), ("pymodeswitch",)])
def test_a_command_without_a_place(command: tuple[str, ...], root: Root, places: Layout) -> None:
    with pytest.raises(UsageError, match="begin with an absolute path"):
        system_files(root, places, command)


@pytest.mark.parametrize(
    ("program", "home", "tmp"),
    [
        ("/home/me/env/bin/python", "read-only", True),
        ("/root/env/bin/python", "read-only", True),
        ("/var/tmp/env/bin/python", "yes", False),
        ("/opt/env/bin/python", "yes", True),
        ("/homes/env/bin/python", "yes", True),
    ],
)
def test_units_see_where_python_lies(
    program: str, home: str, tmp: bool, root: Root, places: Layout
) -> None:
    text = {file.path: file.content.decode() for file in system_files(root, places, (program,))}[UNIT]
    assert f"ProtectHome={home}\n" in text
    assert ("PrivateTmp=yes\n" in text) == tmp


def test_units_see_where_this_package_lies(
    root: Root, places: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An editable installation lies elsewhere than its Python."""
    monkeypatch.setattr("sys.executable", "/opt/env/bin/python")
    monkeypatch.setattr(
        "pymodeswitch.system.udev_rules.__file__", "/home/me/src/pymodeswitch/system/udev_rules.py"
    )
    text = {f.path: f.content.decode() for f in system_files(root, places, own_command())}[UNIT]
    assert "ProtectHome=read-only\n" in text


def test_device_files_of_that_system_count(
    root: Root, places: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "SYSTEM_FOLDERS", ("/etc/pymodeswitch.d",))
    root.write("/etc/pymodeswitch.d/abcd-1234", b"StandardEject=1\n")
    rules = system_files(root, places, COMMAND)[0].content
    assert b'ATTR{idVendor}=="abcd", ATTR{idProduct}=="1234"' in rules


def test_install_twice_and_uninstall_twice(root: Root, places: Layout, files: list[SystemFile]) -> None:
    before = tree(root)
    assert whats(install(root, places, files, dry_run=True)) == {"written"}
    assert tree(root) == before
    changes = install(root, places, files)
    assert changes == [Change(file.path, "written") for file in files]
    once = tree(root)
    for file in files:
        assert once[file.path] == (file.content if file.target is None else file.target)
    assert set(once) == {*before, *(file.path for file in files), places.list}
    assert install(root, places, files) == [Change(file.path, "unchanged") for file in files]
    assert tree(root) == once
    assert whats(uninstall(root, places, dry_run=True)) == {"removed"}
    assert tree(root) == once
    changes = uninstall(root, places)
    assert {change.path for change in changes} == {file.path for file in files}
    assert whats(changes) == {"removed"}
    assert tree(root) == before
    assert not Path(root.at(places.list)).parent.exists()
    assert uninstall(root, places) == []


def test_the_list_is_one_of_sha256sum(root: Root, places: Layout, files: list[SystemFile]) -> None:
    install(root, places, files)
    lines = Path(root.at(places.list)).read_text().splitlines()
    assert f"{hashlib.sha256(files[0].content).hexdigest()}  {RULES}" in lines
    assert len(lines) == len(files)


def test_over_an_older_one(root: Root, places: Layout, files: list[SystemFile]) -> None:
    """Changed files are replaced, new ones written, and what the new one does not have any more goes."""
    gone = SystemFile("/usr/local/share/man/man8/old.8", b"old")
    older = [file._replace(content=b"older") for file in files if file.path != UNIT]
    install(root, places, [*older, gone])
    changes = dict(install(root, places, files))
    assert changes[RULES] == changes[UNIT] == "written"
    assert changes[ENABLED] == "unchanged"
    assert changes[gone.path] == "removed"
    assert not root.exists(gone.path)
    assert root.read(RULES) == files[0].content
    uninstall(root, places)
    assert set(tree(root)) == {"/usr/lib/systemd/systemd-udevd"}


@pytest.mark.parametrize("how", ["edited", "link", "masked", "foreign"])
@pytest.mark.parametrize("path", [RULES, ENABLED])
def test_what_is_not_ours_is_not_overwritten(
    how: str, path: str, root: Root, places: Layout, files: list[SystemFile]
) -> None:
    if how != "foreign":
        install(root, places, files)
    if how in ("edited", "foreign"):
        root.write(path, b"mine")
    else:
        root.link(path, "/dev/null" if how == "masked" else "/usr/local/other")
    before = tree(root)
    newer = [file._replace(content=file.content + b"#") for file in files]
    with pytest.raises(InstallationError, match=f"{path}: not installed by pymodeswitch, or changed since"):
        install(root, places, newer)
    assert tree(root) == before, "nothing at all is written"
    assert dict(install(root, places, newer, force=True))[path] == "written"
    assert tree(root)[path] == next(file.target or file.content for file in newer if file.path == path)


def test_over_the_wheel_s_own_files(root: Root, places: Layout, files: list[SystemFile]) -> None:
    """pip as root puts them into /usr/local, with a command that is not there."""
    for file in files:
        if file.target is None:
            root.write(file.path, file.content)
    own = system_files(root, places, ("/usr/local/bin/pymodeswitch",))
    with pytest.raises(InstallationError):
        install(root, places, own)
    assert dict(install(root, places, own, packaged=files))[RULES] == "written"
    root.link(RULES, "/dev/null")
    with pytest.raises(InstallationError):
        install(root, places, own, packaged=[*files, SystemFile("/x", b"")])


def test_what_was_changed_is_not_removed(root: Root, places: Layout, files: list[SystemFile]) -> None:
    install(root, places, files)
    root.write(RULES, b"mine")
    root.link(UNIT, "/dev/null")
    changes = dict(uninstall(root, places))
    assert {path for path, what in changes.items() if what == "kept"} == {RULES, UNIT}
    assert root.read(RULES) == b"mine"
    assert root.link_target(UNIT) == "/dev/null"
    assert not root.exists(WATCH)
    assert dict(uninstall(root, places)) == {RULES: "kept", UNIT: "kept"}
    assert dict(uninstall(root, places, force=True)) == {RULES: "removed", UNIT: "removed"}
    assert not root.exists(places.list)


def test_files_of_others_in_the_same_folders_stay(
    root: Root, places: Layout, files: list[SystemFile]
) -> None:
    other = "/usr/local/lib/udev/rules.d/42-other.rules"
    root.write(other, b"other")
    install(root, places, files)
    uninstall(root, places, force=True)
    assert root.read(other) == b"other"


def test_an_interrupted_installation_can_be_removed_and_gone_on_with(
    root: Root, places: Layout, files: list[SystemFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    older = [file._replace(content=b"older") for file in files]
    install(root, places, older)
    write = Root.write

    def fails(self: Root, path: str, data: bytes) -> None:
        if path == WATCH:
            raise InstallationError("full")
        write(self, path, data)

    monkeypatch.setattr(Root, "write", fails)
    with pytest.raises(InstallationError, match="full"):
        install(root, places, files)
    monkeypatch.undo()
    assert root.read(RULES) == files[0].content
    assert root.read(WATCH) == b"older"
    interrupted = tree(root)
    uninstall(root, places)
    assert set(tree(root)) == {"/usr/lib/systemd/systemd-udevd"}
    for path, content in interrupted.items():
        if isinstance(content, bytes):
            root.write(path, content)
        else:
            root.link(path, content)
    assert whats(install(root, places, files)) == {"written", "unchanged"}


def test_a_list_that_is_none(root: Root, places: Layout, files: list[SystemFile]) -> None:
    """A damaged list names nothing, so nothing is removed by it."""
    root.write(places.list, b"\xff\xfe nonsense\n\nrelative  path\nx  /a\0b\nx  /" + b"x" * 5000 + b"\n")
    assert uninstall(root, places) == []


def test_a_list_without_an_end(root: Root, places: Layout) -> None:
    root.write(places.list, b"".join(b"x  /%d\n" % number for number in range(installation.MAX_LISTED + 1)))
    with pytest.raises(InstallationError, match="is no list of ours"):
        uninstall(root, places)


def test_a_command_that_lies_in_a_home_behind_a_link(
    root: Root, places: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`/opt/pymodeswitch` may lead there; a service that does not see homes could not start it."""
    home, link = tmp_path / "home", tmp_path / "opt"
    (home / "me").mkdir(parents=True)
    program = home / "me/program"
    program.touch()
    link.symlink_to(home / "me")
    monkeypatch.setattr(installation, "HOMES", (str(home),))
    for command in (str(program), str(link / "program")):
        text = {f.path: f.content.decode() for f in system_files(root, places, (command,))}[UNIT]
        assert "ProtectHome=read-only\n" in text, command
    # Where /home itself is a link, as to /var/home.
    (tmp_path / "homes").symlink_to(home)
    monkeypatch.setattr(installation, "HOMES", (str(tmp_path / "homes"),))
    text = {f.path: f.content.decode() for f in system_files(root, places, (str(program),))}[UNIT]
    assert "ProtectHome=read-only\n" in text
