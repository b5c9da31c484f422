"""The verb `system`: what it prints, its exit codes, and what it tells udev and systemd."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pymodeswitch.command import cli
from pymodeswitch.command.verbs import system as system_verb
from pymodeswitch.system import daemons
from pymodeswitch.system.root import Root
from tests.support.schema import check_output
from tests.support.udev_rules import Event, carry_out

RULES = "etc/udev/rules.d/41-pymodeswitch.rules"
UNITS = "usr/local/lib/systemd/system"
STICK = Event({"idVendor": "19d2", "idProduct": "1201"})


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    """Runs an action below a root of its own; gives exit code, stdout, stderr."""

    def run(action: str, *words: str) -> tuple[int, str, str]:
        code = cli.main(["system", action, "--root", str(tmp_path), *words])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        check_output(["system", action, *words], captured.out)
        return code, captured.out, captured.err

    return run


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The root is this system; what is asked of its daemons is only written down."""
    told: list[str] = []

    def note(what: str, answer: Any) -> Any:
        def noted(*_: object, **__: object) -> Any:
            told.append(what)
            return list(answer) if isinstance(answer, list) else answer

        return noted

    monkeypatch.setattr(Root, "is_this_system", True)
    monkeypatch.setattr(daemons, "start_problem", note("started", ""))
    monkeypatch.setattr(daemons, "reload", note("reload", ["udev is deaf"]))
    monkeypatch.setattr(system_verb, "ownership_warnings", note("owner", ["anybody can write"]))
    monkeypatch.setattr(daemons, "UDEV_RUNS", os.devnull)
    monkeypatch.setattr(system_verb, "write_table", note("table", None))
    monkeypatch.setattr(system_verb, "remove", note("no table", None))
    return told


def test_install_check_uninstall(run: Any, tmp_path: Path) -> None:
    code, out, err = run("check")
    assert code == 18
    assert f"missing    {tmp_path}/{RULES}\n" in out
    assert f"`pymodeswitch system install --root {tmp_path}` installs" in err
    code, out, err = run("install")
    assert (code, err) == (0, "")
    assert f"written    {tmp_path}/{RULES}\n" in out
    code, out, err = run("install")
    assert (code, err) == (0, "")
    assert {line.split()[0] for line in out.splitlines()} == {"unchanged"}
    code, out, err = run("check")
    assert (code, err) == (0, "")
    assert {line.split()[0] for line in out.splitlines()} == {"ok"}
    code, out, err = run("uninstall")
    assert (code, err) == (0, "")
    assert f"removed    {tmp_path}/{RULES}\n" in out
    assert run("uninstall") == (0, "nothing was installed\n", "")


def test_a_root_that_is_not_there(run: Any, tmp_path: Path) -> None:
    for action in ("check", "uninstall"):
        code, _, err = run(action, "--root", str(tmp_path / "typo"))
        assert (code, f"--root {tmp_path}/typo: no such folder" in err) == (2, True)


@pytest.mark.parametrize("command", [(), ("--command", "/usr/bin/python3 -I -S /usr/lib/it/__main__.py")])
def test_as_a_package_has_it(
    command: tuple[str, ...], run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In /usr, with a command of its own, the scan enabled by its means; a device file more is no bar."""
    monkeypatch.setattr("pymodeswitch.catalog.sources.SYSTEM_FOLDERS", ("/etc/pymodeswitch.d",))
    (tmp_path / "usr/lib/systemd").mkdir(parents=True)
    (tmp_path / "usr/lib/systemd/systemd-udevd").touch()
    assert run("install", "--prefix", "/usr", *command)[0] == 0
    enabled = tmp_path / "etc/systemd/system/paths.target.wants/pymodeswitch.path"
    enabled.unlink()
    enabled.symlink_to("/lib/systemd/system/pymodeswitch.path")
    (tmp_path / "usr/lib/pymodeswitch/installed").unlink()
    code, out, _ = run("check", *command)
    assert (code, {line.split()[0] for line in out.splitlines()}) == (0, {"ok"}), out
    (tmp_path / "etc/pymodeswitch.d").mkdir()
    (tmp_path / "etc/pymodeswitch.d/1234-5678").write_text("StandardEject=1\n")
    assert "stale" in run("check", *command)[1]
    assert run("install", *command)[0] == 0
    assert run("check", *command)[0] == 0
    assert run("uninstall")[0] == 0
    assert enabled.is_symlink(), "it is the package's"


def test_check_names_what_is_wrong(run: Any, tmp_path: Path) -> None:
    run("install")
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    os.symlink("/dev/null", tmp_path / "run/systemd/system/pymodeswitch.path")
    theirs = tmp_path / "usr/lib/udev/rules.d/40-usb_modeswitch.rules"
    theirs.parent.mkdir(parents=True)
    theirs.write_text('ATTR{idVendor}=="19d2", ATTR{idProduct}=="1201", RUN+="usb_modeswitch"\n')
    code, out, err = run("check", "-q")
    assert (code, err) == (18, "")
    masked, fighting = out.splitlines()
    assert masked == (f"masked     {tmp_path}/run/systemd/system/pymodeswitch.path: a link to /dev/null")
    assert fighting.startswith(f"fighting   {theirs}: starts usb_modeswitch for 1 of ")
    data = json.loads(run("check", "--json")[1])
    assert data["exit_code"] == 18
    assert {"path": f"{tmp_path}/{RULES}", "state": "ok", "detail": ""} in data["files"]
    assert [file["state"] for file in data["files"]].count("fighting") == 1


def test_dry_run(run: Any, tmp_path: Path) -> None:
    code, out, err = run("install", "--dry-run")
    assert (code, err) == (0, "")
    assert f"written    {tmp_path}/{RULES}\n" in out
    assert out.endswith("dry run, nothing was changed\n")
    assert list(tmp_path.iterdir()) == []
    run("install")
    assert "removed" in run("uninstall", "--dry-run")[1]
    assert (tmp_path / RULES).exists()


def test_json(run: Any, tmp_path: Path) -> None:
    data = json.loads(run("install", "--json")[1])
    assert {"path": f"{tmp_path}/{RULES}", "change": "written"} in data["files"]
    assert (data["dry_run"], data["warnings"], data["exit_code"]) == (False, [], 0)
    (tmp_path / RULES).write_text("mine")
    code, out, err = run("uninstall", "--json")
    assert (code, err) == (18, "")
    assert {"path": f"{tmp_path}/{RULES}", "change": "kept"} in json.loads(out)["files"]


def test_changed_files(run: Any, tmp_path: Path) -> None:
    run("install")
    (tmp_path / RULES).write_text("mine")
    code, out, err = run("install")
    assert (code, out) == (18, "")
    assert err == (
        f"pymodeswitch: {tmp_path}/{RULES}: not installed by pymodeswitch, or changed since: nothing is "
        "written (--force replaces it)\n"
    )
    code, out, err = run("uninstall")
    assert code == 18
    assert f"kept       {tmp_path}/{RULES}\n" in out
    assert err.endswith("were changed since, and are kept (--force removes them)\n")
    assert run("uninstall", "--force")[0] == 0
    assert not (tmp_path / RULES).exists()


def test_who_starts_what(run: Any, tmp_path: Path) -> None:
    command = "'/opt/my env/pymodeswitch' --data /x"
    run("install", "--command", command, "--prefix", "/usr")
    rules = (tmp_path / "usr/lib/udev/rules.d/41-pymodeswitch.rules").read_text()
    sender = "'/opt/my env/pymodeswitch' --data /x early"
    assert carry_out(rules, STICK._replace(exists=("/run/systemd/system",))).run == (f"{sender} 1-1.2",)
    assert carry_out(rules, STICK).run == (f"{sender} --start-judge 1-1.2",)
    unit = (tmp_path / "usr/lib/systemd/system/pymodeswitch.service").read_text()
    assert 'ExecStart="/opt/my env/pymodeswitch" --data /x judge\n' in unit
    assert run("check", "--command", command, "--prefix", "/usr")[0] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--prefix", "local"), "bad prefix 'local'"),
        (("--command", "pymodeswitch"), "absolute path"),
        (("--command", ""), "absolute path"),
        (("--command", "/x 'y"), 'bad command "/x \'y"'),
    ],
)
def test_bad_words(words: tuple[str, ...], message: str, run: Any, tmp_path: Path) -> None:
    code, out, err = run("install", *words)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_root_that_cannot_be_written(run: Any) -> None:
    code, out, err = run("install", "--root", "/proc/self")
    assert (code, out) == (18, "")
    assert err.startswith(
        "pymodeswitch: /proc/self/usr/local/lib/pymodeswitch/installed: cannot be written: "
    )
    assert err.count("\n") == 1


def test_this_system_is_told(run: Any, told: list[str]) -> None:
    code, _, err = run("install")
    assert code == 0
    assert told == ["started", "table", "reload", "owner"]
    assert err.splitlines() == [
        "pymodeswitch: warning: udev is deaf",
        "pymodeswitch: warning: anybody can write",
        "sticks that are plugged in from now on are switched; for those that are: pymodeswitch scan",
    ]
    told.clear()
    assert json.loads(run("uninstall", "--json")[1])["warnings"] == ["udev is deaf"]
    assert told == ["reload", "no table"]
    told.clear()
    run("uninstall")
    run("install", "--dry-run")
    assert told == [], "nothing has changed"
    assert run("check")[2].endswith("pymodeswitch: warning: anybody can write\n")
    assert json.loads(run("check", "--json")[1])["warnings"] == ["anybody can write"]
    assert told == ["owner"] * 2


def test_without_udev_no_switching_is_promised(
    run: Any, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemons, "UDEV_RUNS", "/nonexistent")
    code, _, err = run("install")
    assert code == 0
    assert "udev does not run here: no stick is switched when it is plugged in" in err
    assert "from now on" not in err
    assert "does not run" not in run("uninstall")[2]


def test_another_root_is_not(run: Any, told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Root, "is_this_system", False)
    run("install")
    run("uninstall")
    assert told == []


def test_what_root_could_not_start_is_not_installed(
    run: Any, told: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with pip install --user: udev and systemd do not look into anybody's home."""
    monkeypatch.setattr(daemons, "start_problem", lambda command: "`python` cannot be started: none")
    code, out, err = run("install")
    assert (code, out) == (18, "")
    assert "`python` cannot be started: none: nothing is installed" in err
    assert list(tmp_path.iterdir()) == []


def test_for_a_package(run: Any, tmp_path: Path) -> None:
    """Nothing that a package would have to delete again: no link that enables, no list, nothing in /etc."""
    words = ("--package", "--prefix", "/usr", "--command", "/usr/bin/pymodeswitch")
    code, out, err = run("install", *words)
    assert (code, err) == (0, "")
    files = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if not path.is_dir()]
    assert len(files) == len(out.splitlines()) > 8
    assert [path for path in files if path.parts[0] != "usr"] == []
    assert not (tmp_path / "usr/lib/pymodeswitch").exists()
    assert run("uninstall", "--prefix", "/usr")[1] == "nothing was installed\n"


def test_rules_and_units_elsewhere(run: Any, tmp_path: Path) -> None:
    store = "/store/abc-pymodeswitch"
    words = (
        "--prefix",
        store,
        "--rules-dir",
        f"{store}/lib/udev/rules.d",
        "--unit-dir",
        f"{store}/lib/units",
    )
    code, _, _ = run("install", "--package", *words, "--command", f"{store}/bin/pymodeswitch")
    assert code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["store"]
    rules = (tmp_path / store[1:] / "lib/udev/rules.d/42-pymodeswitch-gsmmodem.rules").read_text()
    assert f"/bin/sh {store}/lib/udev/pymodeswitch-modem-port.sh" in rules
    assert (tmp_path / store[1:] / "lib/units/pymodeswitch.service").exists()


def test_for_a_package_of_this_system(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["system", "install", "--package", "--dry-run"]) == 2
    assert "--package goes with --root" in capsys.readouterr().err


def test_folders_have_to_be_absolute(run: Any) -> None:
    code, _, err = run("install", "--rules-dir", "rules.d")
    assert (code, err) == (2, "pymodeswitch: bad rules folder 'rules.d': it has to be an absolute path\n")
