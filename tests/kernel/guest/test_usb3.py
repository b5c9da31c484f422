"""Sticks that come back on the SuperSpeed peer of their port, on a real kernel: vhci has both buses.

A1, A2 in tests/public/reports.md: MediaTek and Realtek sticks. The kernel links a connector's ports.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pymodeswitch.early.plugged_stick import PluggedStick
from pymodeswitch.host.sysfs import Sysfs
from pymodeswitch.nouns.model import Port
from pymodeswitch.virtual import Leave, Mode, Stick, mf691, modem_mode
from pymodeswitch.virtual.descriptors import SUPER_SPEED
from tests.kernel.guest import linux
from tests.kernel.guest.conftest import Plug
from tests.kernel.usbip import UsbipServer, place

LISTED, UNLISTED = (0x19D2, 0x1203), (0x19D2, 0x0BAD)
INITIAL = "19d2:1201"


def mode(usb_id: tuple[int, int], *, stay_s: float | None = None, super_speed: bool = True) -> Mode:
    made = modem_mode(*usb_id)
    made.speed, made.stay_s = (SUPER_SPEED if super_speed else None), stay_s
    return made


def stick(*modes: Mode) -> Stick:
    made = mf691(leave=Leave(0.5))
    made.modes = [made.modes[0], *modes]
    return made


def peer_of(slot: int) -> str:
    return place(slot, SUPER_SPEED)[0]


def switched(*words: str) -> dict[str, object]:
    done = linux.pymodeswitch(INITIAL, "--json", *words)
    assert done.stdout, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    assert done.returncode == 0, found
    return found


def test_the_kernel_links_the_ports_of_a_connector(plug: Plug) -> None:
    plugged = plug(slot=2)
    assert Sysfs().peer(Port(plugged.port)) == peer_of(2)
    assert Sysfs().peer(Port(peer_of(2))) == plugged.port
    assert PluggedStick("/sys", plugged.port).connector == min(plugged.port, peer_of(2))


@pytest.mark.parametrize("target", [LISTED, UNLISTED])
def test_it_comes_back_on_the_peer_at_once(target: tuple[int, int], plug: Plug) -> None:
    plugged = plug(stick(mode(target)))
    before = plugged.port
    found = switched()
    assert (found["status"], found["port"]) == ("switched", peer_of(0))
    assert found["unlisted"] is (target is UNLISTED)
    assert linux.attribute(peer_of(0), "speed") == "5000"
    nodes = found["nodes"]
    assert isinstance(nodes, list)
    assert [node["driver"] for node in nodes] == ["cdc_acm", "cdc_acm"]
    assert linux.usb_id(before) is None
    linux.says_ok(peer_of(0))


@pytest.mark.parametrize("target", [LISTED, UNLISTED])
@pytest.mark.parametrize("stay_s", [0.0, 0.2])
def test_its_probe_makes_it_leave_once_more(stay_s: float, target: tuple[int, int], plug: Plug) -> None:
    """USB 2, then SuperSpeed: it is followed, and told as switched in either case."""
    plug(stick(mode(target, stay_s=stay_s, super_speed=False), mode(target)))
    found = switched()
    assert (found["status"], found["unlisted"]) == ("switched", target is UNLISTED)
    # A listed one may have had all its nodes, and its verdict, before the kernel saw it leave.
    assert found["port"] in ((peer_of(0),) if target is UNLISTED else (peer_of(0), place(0)[0]))
    linux.says_ok(peer_of(0))


def test_one_that_has_shown_itself_and_left_for_good_has_switched(plug: Plug) -> None:
    last = mode(UNLISTED, stay_s=0.3, super_speed=False)
    last.stay_away_s = 3600.0
    plug(stick(last))
    found = switched()
    assert found["status"] == "switched"
    warnings = found["warnings"]
    assert isinstance(warnings, list)
    assert any("has left port" in warning for warning in warnings)


@pytest.mark.parametrize("other", [1, 14])
def test_a_neighbours_plug_is_never_taken_for_it(other: int, plug: Plug, usb: UsbipServer) -> None:
    """The very target, at SuperSpeed, into another connector at the time when ours has left."""
    made = stick()
    made.modes = made.modes[:1]
    storage = made.modes[0].functions[0]
    real = storage.hook  # type: ignore[attr-defined]

    def hook(command: object) -> object:
        reply = real(command)
        if reply is not None:
            made.leave(Leave(None))
        return reply

    storage.hook = hook  # type: ignore[attr-defined]
    plug(made)
    late = threading.Timer(3.0, lambda: usb.plug(Stick([mode(LISTED)], speed=SUPER_SPEED), other))
    late.start()
    done = linux.pymodeswitch(INITIAL, "--json", "--timeout", "12")
    late.join()
    linux.wait_for("the neighbour", lambda: linux.usb_id(peer_of(other)))
    assert json.loads(done.stdout)["error"] == "GoneError"
    assert done.returncode == 12


def test_the_lock_is_the_connectors(plug: Plug) -> None:
    """One that is started for the peer while another is at work on the port tells the same verdict."""
    plugged = plug(stick(mode(LISTED)))
    port = plugged.port
    outputs: list[str] = []
    first = threading.Thread(
        target=lambda: outputs.append(linux.pymodeswitch(INITIAL, "--port", port).stdout)
    )
    first.start()
    linux.wait_for("the stick on its peer", lambda: linux.usb_id(peer_of(0)))
    second = linux.pymodeswitch("--port", peer_of(0))
    first.join(linux.PATIENCE_S)
    assert f"switched to 19d2:1203 on port {peer_of(0)}" in outputs[0]
    assert (second.returncode, "switched already" in second.stdout) == (0, True), (
        second.stdout + second.stderr
    )
    names = [path.name for path in linux.STATE.iterdir() if path.is_file()]
    assert names == [port]


def test_the_old_port_still_means_the_stick(plug: Plug) -> None:
    plugged = plug(stick(mode(LISTED)))
    port = plugged.port
    switched()
    for words in ((INITIAL, "--port", port), ("--port", port), ("--port", peer_of(0))):
        done = linux.pymodeswitch(*words)
        assert (done.returncode, "switched already" in done.stdout) == (0, True), done.stdout + done.stderr
    listed = json.loads(linux.pymodeswitch("list", "--json").stdout)["devices"]
    assert [(d["port"], d["peer"], d["state"]) for d in listed] == [(peer_of(0), port, "already switched")]
    findings = json.loads(linux.pymodeswitch("doctor", "--port", port, "--json").stdout)["findings"]
    assert {finding["port"] for finding in findings if finding["name"] == "switched"} == {peer_of(0)}


def watching(seconds: float) -> tuple[list[str], Callable[[], None]]:
    """The verb `watch`: its lines, and what ends it."""
    import subprocess

    process = subprocess.Popen(
        [linux.PYTHON, "-m", "pymodeswitch", "watch"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ.copy(),
    )
    lines: list[str] = []
    assert process.stdout is not None
    reader = threading.Thread(target=lambda: lines.extend(process.stdout or ()), daemon=True)
    reader.start()

    def end() -> None:
        process.terminate()
        process.wait(seconds)
        reader.join(seconds)
        assert process.stdout is not None
        process.stdout.close()

    return lines, end


def test_watch_switches_it_once_and_follows_it(plug: Plug) -> None:
    lines, end = watching(linux.PATIENCE_S)
    try:
        plug(stick(mode(LISTED, stay_s=0.2, super_speed=False), mode(LISTED)), bound=False)
        linux.wait_for("the stick on its peer", lambda: linux.usb_id(peer_of(0)))
        linux.says_ok(peer_of(0))
        time.sleep(3)  # a second start would come within that
    finally:
        end()
    assert len(lines) == 1, lines
    assert f"on port {peer_of(0)}" in lines[0]


def test_scan_switches_it(plug: Plug) -> None:
    plug(stick(mode(LISTED)))
    done = linux.pymodeswitch("scan", "--json")
    (found,) = json.loads(done.stdout)["sticks"]
    assert (done.returncode, found["status"], found["port"]) == (0, "switched", peer_of(0))


def test_the_drop_in_follows_it(plug: Plug, tmp_path: Path) -> None:
    """Where the reference says ok:no_data, so does ours."""
    plug(stick(mode(LISTED)))
    words = ("-v", "19d2", "-p", "1201", "-V", "19d2", "-P", "1203", "-K", "-s", "20", "-D")
    done = linux.run_command(linux.PYTHON, "-m", "pymodeswitch.usb_modeswitch", *words)
    assert "ok:no_data" in done.stdout.splitlines(), done.stdout + done.stderr
