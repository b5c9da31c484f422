"""The command, as a user meets it: what it prints, where, and its exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pymodeswitch.catalog.sources import shipped_folder
from pymodeswitch.command import cli, demo_session
from pymodeswitch.command.verbs import explain, list, watch
from pymodeswitch.host.linux import default_host
from pymodeswitch.planning import settings
from pymodeswitch.switching import fleet
from pymodeswitch.switching import switch as switching
from pymodeswitch.virtual import Leave, SimulatedClock, Stick, VirtualBackend, VirtualBus, mf691, modem_mode
from tests.catalog.test_packs import install
from tests.conftest import FILES
from tests.support.schema import check_output
from tests.support.udev_rules import Event, carry_out
from tests.transport.test_inquiry import lgx

SHIPPED = len(os.listdir(shipped_folder()))
Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _virtual_computer(monkeypatch: pytest.MonkeyPatch, backend: VirtualBackend) -> None:
    """The command sees the virtual bus as this computer's."""
    for module in (switching, fleet, explain, list, watch):
        monkeypatch.setattr(module, "default_host", lambda given=None: default_host(given or backend))


@pytest.fixture
def run(capsys: Captured) -> Any:
    """Runs the command; gives exit code, stdout, stderr."""

    def run(*words: object) -> tuple[int, str, str]:
        code = cli.main([str(word) for word in words])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        check_output([str(word) for word in words], captured.out)
        return code, captured.out, captured.err

    return run


@pytest.mark.parametrize("words", [("19d2:1201",), ("switch", "19d2:1201"), ("-q", "switch", "19d2:1201")])
def test_switch(words: tuple[str, ...], run: Any, bus: VirtualBus) -> None:
    bus.plug(mf691())
    code, out, err = run(*words)
    assert (code, err) == (0, "")
    expected = "" if "-q" in words else "19d2:1201 on port 1-1 switched to 19d2:1203 in 0.3 s\n"
    assert out == expected
    code, out, err = run("19d2:1201")
    assert (code, out) == (0, "19d2:1201 is switched already: 19d2:1203 on port 1-1\n")


def test_switch_as_json(run: Any, bus: VirtualBus) -> None:
    bus.plug(mf691())
    code, out, err = run("19d2:1201", "--json")
    assert (code, err) == (0, "")
    data = json.loads(out)
    assert (data["status"], data["port"], data["tries"]) == ("switched", "1-1", 1)
    assert data["before"]["id"] == "19d2:1201"
    assert data["after"]["interfaces"][0] == {"number": 0, "class": "02", "driver": None}
    assert data["entry"]["name"] == "19d2-1201"
    assert data["entry"]["path"].startswith(shipped_folder())


def test_verbose_says_each_step(run: Any, bus: VirtualBus) -> None:
    bus.plug(mf691())
    code, _, err = run("-v", "19d2:1201")
    assert code == 0
    assert "device file" in err
    assert "START STOP UNIT (eject), LUN 0" in err
    assert "switched: 19d2:1203 on port 1-1" in err


def test_verbose_by_the_settings(
    run: Any, bus: VirtualBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = tmp_path / "pymodeswitch.conf"
    conf.write_text("verbose = true\n")
    monkeypatch.setattr("pymodeswitch.planning.settings.PATH", str(conf))
    bus.plug(mf691())
    code, out, err = run("-q", "19d2:1201", "--dry-run")
    assert (code, out, err) == (0, "", "")
    code, _, err = run("19d2:1201")
    assert code == 0
    assert "fits: the plain name" in err


def test_dry_run(run: Any, bus: VirtualBus, backend: VirtualBackend) -> None:
    bus.plug(mf691())
    code, out, _ = run("--dry-run", "19d2:1201")
    assert code == 0
    assert "dry run, nothing was sent" in out
    assert "5553424397654321000000000000061b000000020000000000000000000000" in out
    assert "where the interface cannot be had: StandardEject (ThroughDriver)" in out
    code, out, _ = run("19d2:1201", "--dry-run", "--json")
    plan, fallback = json.loads(out)["plan"], json.loads(out)["fallback"]
    assert plan[0] == {"step": "Detach", "text": "detach the kernel drivers from all interfaces"}
    assert [step["step"] for step in fallback] == ["AwaitUnits", *(4 * ["ScsiCommand"])]
    assert fallback[2]["cdb"] == "1b0000000200"
    assert backend.transfers == []


def test_no_wait(run: Any, bus: VirtualBus) -> None:
    bus.plug(mf691(leave=None))
    code, out, _ = run("--no-wait", "19d2:1201")
    assert code == 0
    assert "message sent, not waiting" in out


def test_unlisted_is_a_warning(run: Any, bus: VirtualBus, tmp_path: Path) -> None:
    bus.plug(mf691())
    (tmp_path / "19d2:1201").write_text("TargetVendor=19d2\nTargetProduct=0031\nStandardEject=1\n")
    code, _, err = run("19d2:1201", "--data", tmp_path)
    assert code == 0
    assert err.startswith("pymodeswitch: warning: 19d2:1203 (class 0x02) is not among the targets")


@pytest.mark.parametrize(
    ("stick", "options", "code", "message"),
    [
        (None, (), 3, "19d2:1201 is not attached"),
        (mf691(leave=None), (), 11, "unchanged after 20 s"),
        (mf691(leave=None), ("--timeout", "2"), 11, "unchanged after 2 s"),
        (mf691(leave=Leave(None)), (), 12, "left and did not come back"),
        (Stick([modem_mode(0x19D2, 0x1201)]), (), 7, "already switched?"),
    ],
)
def test_outcomes(
    stick: Stick | None, options: tuple[str, ...], code: int, message: str, run: Any, bus: VirtualBus
) -> None:
    if stick is not None:
        bus.plug(stick)
    got, out, err = run("19d2:1201", *options)
    assert (got, out) == (code, "")
    assert err.startswith("pymodeswitch: 19d2:1201")
    assert message in err
    assert err.count("\n") == 1


def test_errors_as_json(run: Any, bus: VirtualBus) -> None:
    bus.plug(mf691(leave=None))
    code, out, _ = run("19d2:1201", "--json")
    data = json.loads(out)
    assert code == data["exit_code"] == 11
    assert (data["error"], data["status"], data["tries"]) == ("UnchangedError", None, 3)
    code, out, _ = run("xyz", "--json")
    assert json.loads(out)["exit_code"] == code == 2


def test_two_sticks(run: Any, bus: VirtualBus) -> None:
    bus.plug(mf691(), "1-1")
    bus.plug(mf691(), "1-2")
    code, _, err = run("19d2:1201")
    assert code == 4
    assert "on the ports 1-1, 1-2" in err
    code, out, _ = run("19d2:1201", "--port", "1-2")
    assert code == 0
    assert "19d2:1201 on port 1-2 switched" in out


# Bad input: one clear line, the exit code, nothing sent to any device.

BAD_FILES: dict[str, tuple[bytes, str]] = {
    "odd-length": (b'MessageContent="555"\n', "odd number of hex digits"),
    "not-hex": (b'MessageContent="55xx"\n', "'x' is not a hex digit"),
    "unknown-key": (b"StandardEjekt=1\n", "unknown key 'StandardEjekt': did you mean StandardEject?"),
    "two-methods": (b"SierraMode=1\nSonyMode=1\n", "only one special method is possible"),
    "ten-megabytes": (b"#" * 10_000_000, "larger than 65536 bytes"),
    "nul": (b"StandardEject=1\0\n", "has NUL bytes"),
    "utf-16": ("StandardEject=1\n".encode("utf-16"), "looks like UTF-16"),
    "latin-1": (b"# caf\xe9\nStandardEject=1\n", "byte 0xe9 is not UTF-8"),
    "no-method": (b"WaitBefore=1\n", "no switching method"),
    "open-quote": (b'TargetVendor="0x19d2\n', "the quote is not closed"),
    "other-id": (b"DefaultVendor=1\nDefaultProduct=2\nStandardEject=1\n", "for 0001:0002"),
    "empty": (b"", "no switching method"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files(name: str, run: Any, bus: VirtualBus, backend: VirtualBackend, tmp_path: Path) -> None:
    stick = bus.plug(mf691())
    content, message = BAD_FILES[name]
    path = tmp_path / "19d2-1201"
    path.write_bytes(content)
    code, out, err = run("19d2:1201", "--config", path)
    assert (code, out) == (6, "")
    assert message in err
    assert err.count("\n") == 1
    assert backend.transfers == []
    assert stick.drivers == {0: "usb-storage"}
    code, out, _ = run("lint", path)
    assert code == 6
    assert message in out


def test_a_pipe_is_no_device_file(run: Any, bus: VirtualBus, tmp_path: Path) -> None:
    bus.plug(mf691())
    os.mkfifo(tmp_path / "19d2-1201")
    for words in (("lint", tmp_path / "19d2-1201"), ("19d2:1201", "--data", tmp_path)):
        code, out, err = run(*words)
        assert code == 6
        assert "not a regular file" in out + err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("nonsense",), 2, "bad ID 'nonsense'"),
        (("19d2:120z",), 2, "bad product ID '120z'"),
        (("19d2:12011",), 2, "bad product ID '12011'"),
        (("19d2:",), 2, "bad product ID ''"),
        (("switch",), 2, "which stick?"),
        (("19d2:1201", "--config", "/none/such"), 6, "/none/such: cannot be read: No such file"),
        (("19d2:1201", "--config", "/"), 6, "/: cannot be read: Is a directory"),
        (("19d2:1201", "--port", "first"), 2, "bad port 'first'"),
        (("19d2:1201", "--timeout", "soon"), 2, "'soon' is not a number of seconds"),
        (("19d2:1201", "--timeout", "-1"), 2, "bad timeout"),
        (("19d2:1201", "--frobnicate"), 2, "--frobnicate"),
        (("19d2:1201", "19d2:1202"), 2, "unrecognized arguments"),
        (("1234:5678",), 5, "no device file for 1234:5678"),
        (("19d2:1203",), 5, "19d2:1201 switches to: already in modem mode?"),
        (("explain", "19d2:1203"), 5, "already in modem mode?"),
        (("explain",), 2, "which stick?"),
        (("rules", "--command", 'a "b"'), 2, "bad command"),
        (("data", "import", "/none", "--to", "x"), 6, "neither a folder nor a tar archive"),
        (("lint",), 2, "FILE"),
        (("lint", "."), 6, "no device file in this folder"),
        (("list", "--js"), 2, "unrecognized arguments"),
        (("list", "--data", "/none/such"), 2, "no such folder"),
        (("explain", "19d2:1201", "--port", "1-9"), 3, "not attached to port 1-9"),
        (("rules", "--command", 'x"'), 2, "no double quotes"),
        (("scan", "--timeout", "0"), 2, "bad timeout 0.0"),
        (("watch", "--timeout", "nan"), 2, "bad timeout nan"),
        (("explain", "--port", "1-1.99"), 3, "nothing is attached to port 1-1.99"),
        (("explain", "--port", "x"), 2, "bad port"),
        (("data", "import", "/dev/zero", "--to", "x"), 6, "not a regular file"),
        (("a\nb:c",), 2, "bad vendor ID"),
        (("symlink", *["--knk"] * 6000), 2, "6000 words; at most 2000 are read"),
    ],
)
def test_bad_words(
    words: tuple[str, ...],
    code: int,
    message: str,
    run: Any,
    bus: VirtualBus,
    backend: VirtualBackend,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    bus.plug(mf691())
    got, out, err = run(*words)
    assert (got, out) == (code, "")
    assert message in err
    assert err.startswith("pymodeswitch: ")
    assert err.count("\n") == 1
    assert backend.transfers == []


def test_an_internal_error_is_one_line(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(options: object) -> int:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(list, "run", broken)
    code, _, err = run("list")
    assert code == 1
    assert err == (
        "pymodeswitch: internal error: ZeroDivisionError: oh (-v shows where; please report it)\n"
    )
    with pytest.raises(ZeroDivisionError):
        cli.main(["list", "-v"])


def test_an_internal_error_as_json(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for error, code in ((ZeroDivisionError("oh"), 1), (KeyboardInterrupt(), 130)):

        def broken(options: object, error: BaseException = error) -> int:
            raise error

        monkeypatch.setattr(list, "run", broken)
        got, out, _ = run("list", "--json")
        assert (got, json.loads(out)["exit_code"]) == (code, code)


def test_list_does_not_ask_the_device(run: Any, bus: VirtualBus, backend: VirtualBackend) -> None:
    """A stick whose SCSI strings decide, and nobody has read them."""
    bus.plug(lgx())
    assert "perhaps switchable" in run("list")[1]
    code, _, err = run("explain", "1111:1111")
    assert code == 5
    assert "sVe=LGX: the SCSI strings are not known" in err
    assert backend.transfers == []


def test_list_goes_on_after_a_bad_device_file(run: Any, bus: VirtualBus, tmp_path: Path) -> None:
    (tmp_path / "19d2-1201").write_text("MessageContent=zz\n")
    bus.plug(mf691(), "1-1")
    bus.plug(Stick([modem_mode(0x1234, 0x5678)]), "1-2")
    code, out, err = run("list", "--data", tmp_path)
    assert code == 0
    assert "bad device file" in out
    assert "1234:5678" in out
    assert "'z' is not a hex digit" in err


def test_strings_of_devices_cannot_play_with_the_terminal(run: Any, bus: VirtualBus) -> None:
    stick = mf691()
    stick.modes[0].identity = replace(stick.identity, manufacturer="Fo\x1b[31mo\nbar")
    bus.plug(stick)
    _, out, _ = run("list")
    assert "Fo\\x1b[31mo\\nbar" in out
    assert out.count("\n") == 1


def test_list(run: Any, bus: VirtualBus) -> None:
    assert run("list") == (0, "", "no USB device is attached\n")
    bus.plug(mf691(), "1-1")
    bus.plug(Stick([modem_mode(0x19D2, 0x1203)]), "1-2")
    bus.plug(Stick([modem_mode(0x1234, 0x5678)]), "1-3")
    code, out, err = run("list")
    assert (code, err) == (0, "")
    words = [line.split()[2] for line in out.splitlines()]
    assert words == ["switchable", "already", "unknown"]
    data = json.loads(run("list", "--json")[1])
    assert [device["state"] for device in data["devices"]] == [
        "switchable",
        "already switched",
        "unknown",
    ]


def test_list_sources(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = tmp_path / "packs"
    index.write_text(f"{tmp_path}/gone\n")
    monkeypatch.setattr("pymodeswitch.catalog.sources.PACKS_INDEX", str(index))
    monkeypatch.syspath_prepend(tmp_path)
    install(tmp_path, "acme", "acme", "acme/1209-0001")
    etc, shipped = tmp_path / "etc", shipped_folder()
    etc.mkdir()
    (etc / "12d1:1f01").write_text("StandardEject=1\n")
    (etc / "19d2-1201").touch()
    (etc / "1209-0002").write_text("StandardEject=1\n")
    words = ("list", "--sources", "--data", etc)
    code, out, err = run(*words)
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        f"{etc}: 3 device files",
        f"  12d1-1f01        hides {shipped}/12d1-1f01",
        f"  19d2-1201        a mask (an empty file); hides {shipped}/19d2-1201",
        f"{tmp_path}/gone: does not exist (a pack that is gone: run `pymodeswitch data refresh`)",
        f"{shipped}: {len(os.listdir(shipped))} device files, 2 of them hidden",
        "acme 1.0: not in the index of packs: run `pymodeswitch data refresh`",
    ]
    out = run(*words, "-v")[1]
    assert "\n  1209-0002\n" in out
    assert f"\n  19d2-1201        masked by {etc}/19d2-1201\n" in out
    assert f"\n  12d1-1f01        replaced by {etc}/12d1:1f01\n" in out
    data = json.loads(run(*words, "--json")[1])
    assert data["index"] == str(index)
    assert [pack["distribution"] for pack in data["packs_not_in_index"]] == ["acme 1.0"]
    assert [source["missing"] for source in data["sources"]] == [False, True, False]
    assert data["sources"][0]["files"][2] == {
        "name": "19d2-1201",
        "path": f"{etc}/19d2-1201",
        "state": "mask",
        "by": None,
        "mask": "an empty file",
        "hides": [f"{shipped}/19d2-1201"],
        "problem": None,
    }


def test_explain(run: Any, bus: VirtualBus) -> None:
    code, out, err = run("explain", "19d2:1201")
    assert (code, err) == (0, "")
    assert "not attached: endpoints are assumed" in out
    assert "ZTE MF691 (T-Mobile Rocket 2.0)" in out
    assert "usb-modeswitch-data 20191128" in out
    assert "PREVENT ALLOW MEDIUM REMOVAL (allow), LUN 0" in out
    assert "where the interface cannot be had: StandardEject (ThroughDriver)" in out
    bus.plug(mf691(), "1-7")
    code, out, _ = run("explain", "19d2:1201", "--json")
    data = json.loads(out)
    assert data["device"]["port"] == "1-7"
    (entry,) = data["entries"]
    assert (entry["method"], entry["targets"]) == ("StandardEject", ["19d2:1203"])
    assert [step["step"] for step in entry["plan"]][:3] == ["Detach", "Claim", "BulkOut"]
    assert [step["step"] for step in entry["fallback"]] == ["AwaitUnits", *(4 * ["ScsiCommand"])]


def test_explain_tells_of_the_settings(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf = tmp_path / "conf"
    conf.write_text("switching = false\nhuawei_alt_mode = true\n")
    monkeypatch.setattr(settings, "PATH", str(conf))
    code, out, _ = run("explain", "12d1:1f01")
    assert code == 0
    assert f"\nsetting:  not switched by itself, by {conf}\n" in out
    assert f"decided:  mode modem: HuaweiAltMode instead of HuaweiNewMode, by {conf}\n" in out
    assert "method:   HuaweiAltMode\n" in out
    assert json.loads(run("explain", "12d1:1f01", "--json")[1])["switching"] is False


def test_explain_a_stick_that_is_switched_already(run: Any, bus: VirtualBus) -> None:
    bus.plug(Stick([modem_mode(0x3566, 0x2001)]))
    code, out, _ = run("explain", "3566:2001")
    assert code == 0
    assert "modes:    modem, network" in out
    assert "plan:     none: 3566:2001 on port 1-1 shows class 0x02, not mass storage" in out
    code, out, _ = run("explain", "3566:2001", "--json", "--mode", "network")
    (entry,) = json.loads(out)["entries"]
    assert (entry["plan"], entry["reasons"]) == (None, ["mode network, as asked for"])
    assert entry["problem"].startswith("3566:2001 on port 1-1 shows class 0x02")
    assert run("explain", "3566:2001", "--mode", "zebra")[0] == 2


def test_explain_shows_all_candidates_of_a_stick_that_is_not_attached(run: Any) -> None:
    code, out, _ = run("explain", "0e8d:0002")
    assert code == 0
    assert out.count("entry:") == 3


def test_explain_says_which_file_hides_which(run: Any, tmp_path: Path) -> None:
    (tmp_path / "19d2-1201").write_text("TagetVendor=1\nStandardEject=1\n")
    code, out, _ = run("explain", "19d2:1201", "--data", tmp_path)
    assert code == 0
    assert out.count("entry:") == 1
    assert f"never looked at: {tmp_path}/19d2-1201 fits before it" in out
    assert "warning:" in out
    assert "did you mean TargetVendor?" in out


def test_explain_one_of_two(run: Any, bus: VirtualBus) -> None:
    bus.plug(mf691(), "1-1")
    bus.plug(mf691(), "1-2")
    assert "another one is on port 1-2" in run("explain", "19d2:1201")[1]
    assert "19d2:1201 on port 1-2" in run("explain", "19d2:1201", "--port", "1-2")[1]
    assert "19d2:1201 on port 1-2" in run("explain", "--port", "1-2")[1], "whatever is there"


def test_lint_a_folder(run: Any) -> None:
    code, out, _ = run("lint", shipped_folder())
    files = len(os.listdir(shipped_folder()))
    # Two public entries name their own ID as target: that is what they say.
    assert (code, out.splitlines()[-1]) == (0, f"{files} files, 0 errors, 2 warnings")


def test_lint_a_fallback(run: Any, tmp_path: Path) -> None:
    (tmp_path / "12d1:#linux").write_text("HuaweiNewMode=1\n")
    assert run("lint", tmp_path / "12d1:#linux")[0] == 0
    text = run("rules", "--data", tmp_path)[1]
    assert carry_out(text, Event({"idVendor": "12d1", "idProduct": "9999"})).run


def test_lint_of_a_folder_leaves_masks_out(run: Any, tmp_path: Path) -> None:
    (tmp_path / "19d2-1201").touch()
    assert run("lint", tmp_path)[:2] == (0, "0 files, 0 errors, 0 warnings\n")


def test_lint_of_a_folder_names_what_nobody_will_look_at(run: Any, tmp_path: Path) -> None:
    for name in ("1234-5678", "1234_5678", "1234-567g", "README", "configPack.tar.gz"):
        (tmp_path / name).write_text("StandardEject=1\n")
    code, out, _ = run("lint", tmp_path)
    assert code == 0
    assert out.splitlines() == [
        f"{tmp_path}/1234-567g: warning: not looked at: the name is not like 19d2-1201",
        f"{tmp_path}/1234_5678: warning: not looked at: the name is not like 19d2-1201",
        "1 file, 0 errors, 2 warnings",
    ]


def test_warnings_of_the_log_are_printed_once(
    run: Any, bus: VirtualBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "usb_modeswitch.conf").write_text("Foo=2\n")
    monkeypatch.setattr(
        "pymodeswitch.planning.settings.REFERENCE_PATHS", (str(tmp_path / "usb_modeswitch.conf"),)
    )
    bus.plug(mf691())
    code, _, err = run("19d2:1201")
    warning = f"pymodeswitch: warning: {tmp_path}/usb_modeswitch.conf:1: unknown key 'Foo': ignored\n"
    assert (code, err) == (0, warning)
    assert run("scan")[2].count(warning) == 1
    assert run("19d2:1201", "-q")[2] == ""


def test_lint_of_a_name_says_what_is_wrong_with_it(run: Any, tmp_path: Path) -> None:
    (tmp_path / "2001-0023@uma=Foo").write_text("StandardEject=1\n")
    assert "'@uma=Foo', which is no qualifier" in run("lint", tmp_path / "2001-0023@uma=Foo")[1]


def test_lint(run: Any) -> None:
    code, out, _ = run("lint", FILES / "good/rocket-2011")
    assert (code, out) == (0, "1 file, 0 errors, 0 warnings\n")
    code, out, _ = run("lint", FILES / "good/rocket-2011", "--json")
    assert json.loads(out) == {"files": 1, "findings": [], "exit_code": 0}


def test_lint_shows_the_place(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "19d2-1201"
    path.write_text("WaitBefore=soon\n")
    code, out, _ = run("lint", path)
    assert code == 6
    assert out.splitlines()[1:3] == ["  WaitBefore=soon", "             ^~~~"]


def test_rules(run: Any) -> None:
    stick = Event({"idVendor": "19d2", "idProduct": "1201"})
    code, out, _ = run("rules", "--command", "/bin/x")
    assert code == 0
    assert carry_out(out, stick).run == ("/bin/x early --start-judge 1-1.2",)
    out = run("rules", "--json", "--command", "/bin/x")[1]
    assert carry_out(json.loads(out)["rules"], stick).run == ("/bin/x early --start-judge 1-1.2",)


def test_demo(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_session, "missing", lambda: ("pppd and chat (apt-get install ppp)",))
    code, out, err = run("demo")
    assert (code, err) == (0, "")
    assert "START STOP UNIT (eject), LUN 0" in out
    assert "Model: MF691" in out
    assert "registered with Test Network (at home)" in out
    assert "there is missing: pppd and chat (apt-get install ppp).\n" in out
    assert out.rstrip().endswith("19d2:1201 became a modem, and it answers.")
    code, out, _ = run("demo", "--json")
    data = json.loads(out)
    assert (data["status"], data["ready"]) == ("switched", True)
    assert data["session"] == {"missing": ["pppd and chat (apt-get install ppp)"]}
    assert run("demo", "-q") == (0, "", "")


def test_data_import(run: Any, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/1111:2222").write_text("StandardEject=1\n")
    (tmp_path / "in/1111:3333").write_text("Zebra=1\n")
    words = ("data", "import", tmp_path / "in", "--to", tmp_path / "out", "--source-name", "me")
    code, out, err = run(*words)
    assert code == 6
    assert "1 files written, 0 unchanged, 1 errors" in out
    assert "unknown key 'Zebra'" in err
    assert (tmp_path / "out/1111-2222").read_text() == "# source: me\nStandardEject=1\n"
    assert json.loads(run(*words, "--json")[1])["unchanged"] == ["1111-2222"]


def test_data_export(run: Any, tmp_path: Path) -> None:
    """For usb_modeswitch and for OpenWrt; what is lost has a line each, and the import takes both back."""
    (tmp_path / "in").mkdir()
    text = "TargetIdList=19d2:1203,19d2:1204\nStandardEject=1\n"
    (tmp_path / "in/19d2:1201").write_text(text)
    classic = ("data", "export", "--data", tmp_path / "in", "--to", tmp_path / "out", "--format", "classic")
    code, out, err = run(*classic)
    assert code == 0
    count = len(os.listdir(shipped_folder()))
    losses = len([line for line in err.splitlines() if "usb_modeswitch ignores" in line])
    assert out == f"{count} entries written, {losses} losses, 0 errors: {tmp_path / 'out'}\n"
    assert err.splitlines()[-1] == "pymodeswitch: warning: a69c-5724: usb_modeswitch ignores TargetIdList"
    assert (tmp_path / "out/19d2:1201").read_text().startswith("TargetIdList=")
    file = tmp_path / "usb-mode.json"
    words = ("data", "export", "--data", tmp_path / "in", "--to", file, "--format", "openwrt")
    code, out, err = run(*words, "--json")
    data = json.loads(out)
    assert (code, err, data["written"], data["errors"], data["exit_code"]) == (0, "", count - 11, [], 0)
    assert "19d2-1201: TargetIdList is lost" in data["losses"]
    assert run(*words, "-q") == (0, "", "")
    code, out, err = run("data", "import", file, "--to", tmp_path / "back")
    assert (code, err) == (0, "")
    assert out.startswith(f"{count - 11} files written, 0 unchanged, 0 errors")
    (tmp_path / "in/19d2:1201").write_text("Bogus=1\nMessageContent=0\n")
    code, _, err = run(*classic, "-q")
    assert code == 6
    assert "MessageContent: odd number" in err
    assert run("data", "export", "--format", "bogus", "--to", "x")[0] == 2


def test_data_refresh(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = tmp_path / "share/packs"
    monkeypatch.setattr("pymodeswitch.catalog.sources.PACKS_INDEX", str(index))
    monkeypatch.syspath_prepend(tmp_path)
    assert run("data", "refresh") == (0, f"{index}: unchanged, 0 packs\n", "")
    install(tmp_path, "acme", "acme", "acme/1209-0001")
    install(tmp_path, "zebra", "zebra")
    code, out, err = run("data", "refresh")
    assert code == 6
    assert out == f"acme 1.0: 1 files in {tmp_path}/acme\n{index}: written, 2 packs\n"
    assert err == "pymodeswitch: zebra 1.0: sticks: there is no package zebra\n"
    code, out, err = run("-q", "data", "refresh", "--json")
    data = json.loads(out)
    assert (code, data["changed"], data["index"]) == (6, False, str(index))
    assert data["table"] is None, "nobody has installed a sender here"
    monkeypatch.setattr("pymodeswitch.early.sender.TABLE", str(tmp_path / "cache/table"))
    (tmp_path / "cache").mkdir()
    assert f"{tmp_path}/cache/table: written\n" in run("data", "refresh")[1]
    assert (tmp_path / "cache/table").read_bytes().startswith(b"table 1 ")
    data = json.loads(run("data", "refresh", "--json")[1])
    assert data["table"] == str(tmp_path / "cache/table")
    assert data["packs"][0] == {
        "name": "sticks",
        "distribution": "acme 1.0",
        "package": "acme",
        "folders": [f"{tmp_path}/acme"],
        "files": 1,
        "problem": None,
    }


def test_help_and_version(run: Any) -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert "explain" in out
    assert run()[1] == out
    assert run("--version")[1].startswith("pymodeswitch 0.")


# As a process of its own.


def test_closed_pipe() -> None:
    read, write = os.pipe()
    os.close(read)
    process = subprocess.run(
        [sys.executable, "-m", "pymodeswitch", "rules"],
        stdout=write,
        stderr=subprocess.PIPE,
        timeout=60,
    )
    os.close(write)
    assert process.stderr == b""
    assert process.returncode == 141


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A shell line, with $P for our command."""
    return subprocess.run(
        ["sh", "-c", line],
        env=os.environ | {"P": f"{sys.executable} -m pymodeswitch"} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_closed_streams() -> None:
    done = shell("$P rules >&-")
    assert (done.returncode, done.stderr) == (0, "")
    done = shell("$P explain 1234:5678 --json 2>&-")
    assert done.returncode == 5
    assert json.loads(done.stdout)["error"] == "NoEntryError"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_full_disk() -> None:
    for words in ("rules", "explain 19d2:1201 --json", "nonsense --json"):
        done = shell(f"$P {words} >/dev/full")
        assert (words, done.returncode) == (words, 1)
        assert "cannot write the output: No space left on device" in done.stderr
        assert "Traceback" not in done.stderr
    assert shell("$P explain 1234:5678 2>/dev/full").returncode == 5


def test_characters_that_the_terminal_lacks(tmp_path: Path) -> None:
    (tmp_path / "1234-5678").write_text("# Größe\nStandardEject=1\n", encoding="utf-8")
    done = shell(f"$P explain 1234:5678 --data {tmp_path}", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Gr\\xf6\\xdfe" in done.stdout


def test_terminated_gives_the_stick_back() -> None:
    """SIGTERM while it waits: systemd, or a script that has had enough."""
    code = WAITING.replace("leave=Leave(1.2)", "leave=None").replace(
        "sys.exit(", "import atexit\natexit.register(lambda: print(bus.at('1-1').drivers))\nsys.exit("
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code.replace('["19d2:1201"]', '["-v", "19d2:1201"]')],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "unchanged" in line:
            break
    else:
        pytest.fail("it ended by itself")
    process.terminate()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 143
    assert err.splitlines()[-1] == "pymodeswitch: terminated"
    assert out == "{0: 'usb-storage'}\n"


def test_interrupted() -> None:
    """Ctrl-C in the middle: the first line is out, the stick is away for a third of a second yet."""
    words = [sys.executable, "-u", "-m", "pymodeswitch", "demo"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "pymodeswitch: interrupted\n")


WAITING = """
import sys
from pymodeswitch.command import cli
from pymodeswitch.host import linux as host
from pymodeswitch.virtual import *
bus = VirtualBus(RealClock())
bus.plug(mf691(leave=Leave(1.2)))
host.Sysfs.exists = lambda self: False
virtual = host.default_host(VirtualBackend(bus))
host.LibusbHost = lambda: virtual
sys.exit(cli.main(["19d2:1201"]))
"""


def test_a_wait_on_a_terminal_shows_that_it_waits() -> None:
    terminal, far_end = os.openpty()
    process = subprocess.Popen([sys.executable, "-c", WAITING], stdout=subprocess.PIPE, stderr=far_end)
    os.close(far_end)
    out, _ = process.communicate(timeout=60)
    shown = os.read(terminal, 10_000).decode()
    os.close(terminal)
    assert process.returncode == 0
    assert out.startswith(b"19d2:1201 on port 1-1 switched to 19d2:1203 in 1.")
    assert "waiting for port 1-1 ... 1 s" in shown
    assert shown.endswith("\r"), "the waiting line is wiped"


def test_scan(run: Any, bus: VirtualBus) -> None:
    bus.plug(mf691(), "1-1")
    bus.plug(mf691(leave=None), "1-2")
    bus.plug(Stick([modem_mode(0x19D2, 0x1201)]), "1-3")
    code, out, err = run("scan", "--timeout", "1")
    assert code == 11
    assert out == "19d2:1201 on port 1-1 switched to 19d2:1203 in 0.3 s\n"
    assert err.startswith("pymodeswitch: 19d2:1201 on port 1-2 is unchanged after 1 s")
    assert err.count("\n") == 1
    code, out, err = run("scan", "--json", "--timeout", "1")
    data = json.loads(out)
    assert (code, data["exit_code"]) == (11, 11)
    assert [(s["port"], s["left_alone"], s["exit_code"]) for s in data["sticks"]] == [
        ("1-2", False, 11),
        ("1-3", True, 0),
    ]
    bus.unplug("1-2")
    assert run("scan") == (0, "", "pymodeswitch: nothing is attached that wants to be switched\n")
    assert run("scan", "-q") == (0, "", "")
    code, _, err = run("scan", "-v")
    assert "19d2:1201 on port 1-3" in err


def test_scan_with_reasons(
    run: Any, bus: VirtualBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus.plug(mf691(), "1-1")
    (tmp_path / "conf").write_text("verbose = true\n")
    monkeypatch.setattr(settings, "PATH", str(tmp_path / "conf"))
    assert run("scan", "--dry-run", "-q")[2] == ""
    code, _, err = run("scan")
    assert code == 0
    assert any(line.startswith("1-1 ") and "fits: the plain name" in line for line in err.splitlines())
    assert any("START STOP UNIT" in line for line in err.splitlines())


def test_scan_on_a_system_where_nothing_is_switched_by_itself(
    run: Any, bus: VirtualBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "conf").write_text("switching = false\n")
    monkeypatch.setattr(settings, "PATH", str(tmp_path / "conf"))
    bus.plug(mf691())
    for verb in ("scan", "watch"):
        code, out, err = run(verb)
        assert (code, out) == (17, "")
        assert "turned off by" in err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("as_json", [False, True])
def test_watch(
    number: signal.Signals,
    as_json: bool,
    run: Any,
    bus: VirtualBus,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The usual end of this verb is a signal: exit code 0."""
    bus.plug(mf691(), "1-1")
    waited = bus.clock.sleep

    def sleep(seconds: float) -> None:
        waited(seconds)
        if bus.clock.now() > 10:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(SimulatedClock, "sleep", lambda self, seconds: sleep(seconds))
    delays: list[int] = []
    monkeypatch.setattr(
        "pymodeswitch.host.linux.LibusbHost.raise_storage_delay",
        lambda self, seconds: delays.append(seconds) or "done",
    )
    (tmp_path / "conf").write_text("storage_delay_s = 4\n")
    monkeypatch.setattr(settings, "PATH", str(tmp_path / "conf"))
    handlers = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    code, out, err = run("watch", *(["--json"] if as_json else []))
    assert (code, err) == (0, "")
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == handlers
    assert delays == [4, 4], "at its start, and before the switch"
    if as_json:
        assert [json.loads(line)["status"] for line in out.splitlines()] == ["switched"]
    else:
        assert out == "19d2:1201 on port 1-1 switched to 19d2:1203 in 0.3 s\n"
