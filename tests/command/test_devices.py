"""`devices`, hints at what was meant, and the date of the data, as a user meets them."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pymodeswitch import UsbId
from pymodeswitch.catalog import data_date
from pymodeswitch.catalog.catalog import default_catalog
from pymodeswitch.command import cli, hints
from pymodeswitch.command.hints import near_ids
from pymodeswitch.command.verbs import explain
from pymodeswitch.host.linux import default_host
from pymodeswitch.nouns.errors import NoLibusbError
from pymodeswitch.switching import switch as switching
from pymodeswitch.virtual import Stick, VirtualBackend, VirtualBus, mf691, modem_mode
from tests.support.schema import check_output


@pytest.fixture(autouse=True)
def _virtual_computer(monkeypatch: pytest.MonkeyPatch, backend: VirtualBackend) -> None:
    for module in (switching, explain, hints):
        monkeypatch.setattr(module, "default_host", lambda given=None: default_host(given or backend))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs the command; gives exit code, stdout, stderr."""

    def run(*words: object) -> tuple[int, str, str]:
        code = cli.main([str(word) for word in words])
        captured = capsys.readouterr()
        check_output([str(word) for word in words], captured.out)
        return code, captured.out, captured.err

    return run


def test_devices(run: Any) -> None:
    code, out, err = run("devices", "t-mobile", "rocket")
    assert code == 0
    head, line = out.splitlines()
    assert head.split() == ["ID", "MAKER", "METHOD", "PRODUCT"]
    assert line.split() == [
        *("19d2:1201", "ZTE", "StandardEject"),
        *("ZTE", "MF691", "(T-Mobile", "Rocket", "2.0)"),
    ]
    assert err.startswith(f"1 of {len(list(default_catalog().all()))} device files;")
    assert run("devices", "rocket", "t-mobile", "-q") == (0, out, "")


def test_all_devices(run: Any) -> None:
    _, out, _ = run("devices")
    assert len(out.splitlines()) == 1 + len(list(default_catalog().all()))


def test_devices_as_json(run: Any) -> None:
    code, out, err = run("devices", "19d2:1201", "--json")
    assert (code, err) == (0, "")
    (device,) = json.loads(out)["devices"]
    found = {key: device[key] for key in ("id", "maker", "method", "modes", "targets")}
    assert found == {
        "id": "19d2:1201",
        "maker": "ZTE",
        "method": "StandardEject",
        "modes": [],
        "targets": ["19d2:1203"],
    }


def test_no_such_device(run: Any) -> None:
    code, out, err = run("devices", "nokia", "huawei")
    assert (code, out) == (5, "")
    assert err.startswith("pymodeswitch: no device file fits 'nokia huawei': try fewer words")
    code, out, _ = run("devices", "nokia", "huawei", "--json")
    assert (code, json.loads(out)["error"]) == (5, "NoEntryError")


def test_own_device_files_are_searched(run: Any, tmp_path: Path) -> None:
    (tmp_path / "1209-0001").write_text("# Acme\x1b[31m stick\nStandardEject=1\n")
    _, out, _ = run("devices", "acme", "--data", tmp_path)
    assert out.splitlines()[1] == "1209:0001  -      StandardEject  Acme\\x1b[31m stick"


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("lsit",), "(did you mean `pymodeswitch list`?)"),
        (("Docter",), "(did you mean `pymodeswitch doctor`?)"),
        (("explain", "huawei"), "(`pymodeswitch devices huawei` looks for a device by its name)"),
        (("explain", "91d2:1201"), "(did you mean 19d2:1201?)"),
        (("explain", "1201:19d2"), "(did you mean 19d2:1201?)"),
        (("-q", "switch", "19d3:1201"), "(did you mean 19d2:1201?)"),
    ],
)
def test_did_you_mean(words: tuple[str, ...], hint: str, run: Any) -> None:
    code, _, err = run(*words)
    assert code in (2, 5)
    assert err.endswith(f" {hint}\n")
    assert err.count("\n") == 1


def test_hints_are_in_json_too(run: Any) -> None:
    _, out, _ = run("lsit", "--json")
    assert json.loads(out)["message"].endswith("(did you mean `pymodeswitch list`?)")


@pytest.mark.parametrize(
    "words", [("42",), ("explain", "eeee:eeee"), ("explain", "zz:11:22"), ("--port", "x")]
)
def test_no_hint_where_there_is_none(words: tuple[str, ...], run: Any) -> None:
    code, _, err = run(*words)
    assert code in (2, 5)
    assert "did you mean" not in err
    assert "pymodeswitch devices" not in err


def test_what_is_attached_comes_first(run: Any, bus: VirtualBus) -> None:
    """An ID that is known, of a stick that is not there; beside it one is."""
    bus.plug(mf691())
    code, _, err = run("19d2:1210")
    assert code == 3
    assert err.endswith("(did you mean 19d2:1201?)\n")


def test_an_id_that_is_attached_is_no_slip(run: Any, bus: VirtualBus) -> None:
    bus.plug(Stick([modem_mode(0x19D3, 0x1201)]))
    code, _, err = run("explain", "19d3:1201")
    assert code == 5
    assert "did you mean" not in err


def test_a_computer_without_libusb_has_hints_all_the_same(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing() -> None:
        raise NoLibusbError("none")

    monkeypatch.setattr(hints, "default_host", nothing)
    _, _, err = run("explain", "91d2:1201")
    assert err.endswith("(did you mean 19d2:1201?)\n")


def test_near_ids() -> None:
    ids = [UsbId.parse(text) for text in ("19d2:1201", "19d2:1210", "19d2:1202", "1d92:1201", "1201:19d2")]
    near = [str(usb_id) for usb_id in near_ids(UsbId.parse("19d2:1201"), ids)]
    assert near == ["1201:19d2", "19d2:1210", "1d92:1201", "19d2:1202"]


def test_version(run: Any) -> None:
    code, out, _ = run("--version")
    assert code == 0
    assert out.endswith(f", device files of {data_date.DATE}\n")
    assert date.fromisoformat(data_date.DATE).year >= 2026
