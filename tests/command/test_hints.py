"""What is said where an ID or a verb looks misspelt."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pymodeswitch import UsbId
from pymodeswitch.command import hints
from pymodeswitch.command.hints import near_ids
from pymodeswitch.nouns.errors import NoLibusbError
from pymodeswitch.virtual import Stick, VirtualBus, mf691, modem_mode


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
