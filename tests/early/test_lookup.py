"""The search in the sender's table: each key is found, however long the lines are and wherever a block ends."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from pymodeswitch.early import lookup
from pymodeswitch.early.plugged_stick import PluggedStick
from pymodeswitch.virtual import mf691
from tests.support.virtual_kernel import VirtualKernel


@pytest.mark.parametrize("look", [16, 40, 90])
def test_each_key_is_found_with_all_its_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, look: int
) -> None:
    """With small blocks, so that every way of cutting a line in two comes up."""
    longest = 100
    monkeypatch.setattr(lookup, "LOOK", look)
    monkeypatch.setattr(lookup, "MOST_LINE", longest)
    chance = random.Random(look)
    keys = [f"{number:04x}:{chance.randrange(1 << 16):04x}" for number in range(2000)]
    lines = [
        f"{key}\t/{number}\t".ljust(chance.randrange(16, longest - 1), "x") + "\n"
        for key in keys
        for number in range(chance.choice([1, 1, 1, 3]))
    ]
    table = lookup.Table(str(_written(tmp_path, lines)))
    for key in keys:
        wanted = [line.rstrip("\n").split("\t")[1:] for line in lines if line.startswith(key)]
        assert table.lines(key) == wanted, key
    assert table.lines("ffff:ffff") == table.lines("0000:!") == []
    table.close()


@pytest.mark.parametrize(("maker", "steps"), [("HUAWEI", ["detach"]), ("Android", [lookup.NOTHING])])
def test_a_phone_is_not_what_a_whole_vendor_is_meant_for(
    maker: str, steps: list[str], kernel: VirtualKernel
) -> None:
    """As in udev's rules, which look at the sticks that udev starts a sender for, and no others."""
    stick = mf691()
    identity = stick.modes[0].identity
    stick.modes[0].identity = replace(identity, vendor=0x12D1, product=0x1234, manufacturer=maker)
    kernel.bus.plug(stick, "1-1")
    kernel.update()
    table = lookup.Table(str(_written(kernel.folder, ["12d1:*\t/it\tdetach\n"])))
    assert lookup.decide(PluggedStick(str(kernel.sysfs), "1-1"), table)[0] == steps
    table.close()


def _written(folder: Path, lines: list[str]) -> Path:
    head = "limit 5\n"
    first = f"table 1 {0:08}\n"
    path = folder / "table"
    path.write_text(f"table 1 {len(first) + len(head):08}\n{head}{''.join(lines)}")
    path.chmod(0o644)
    return path
