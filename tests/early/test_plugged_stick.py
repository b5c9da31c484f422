"""What the sender reads of a device is what the rest reads of it, from the same sysfs."""

from __future__ import annotations

from pathlib import Path

import pytest

from pymodeswitch import Port
from pymodeswitch.early.plugged_stick import PluggedStick
from pymodeswitch.host.sysfs import Sysfs
from pymodeswitch.virtual import Mode, Stick, VirtualBackend, VirtualBus, mbim_mode, mf691, modem_mode
from pymodeswitch.virtual import two_configurations as stick_with_a_second_configuration
from tests.support.virtual_kernel import VirtualKernel

STORAGE = mf691().modes[0]
MODEM = modem_mode(0x19D2, 0x1203)  # with an interrupt endpoint in its first interface
ONLY_MBIM = mbim_mode(0x12D1, 0x1F1E)


def stick(mode: Mode) -> Stick:
    return Stick([mode])


@pytest.mark.parametrize(
    ("plugged", "has_mbim"),
    [
        (stick(STORAGE), False),
        (stick(MODEM), False),
        (stick(ONLY_MBIM), False),
        (stick_with_a_second_configuration(0x12D1, 0x1F01, ONLY_MBIM), True),
    ],
    ids=["storage", "modem", "MBIM alone", "MBIM as a second configuration"],
)
def test_both_read_the_same(
    plugged: Stick,
    has_mbim: bool,
    backend: VirtualBackend,
    bus: VirtualBus,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kernel = VirtualKernel(backend, tmp_path, monkeypatch)
    bus.plug(plugged)
    kernel.update()
    ours = PluggedStick(str(kernel.sysfs), "1-1")
    theirs = Sysfs(str(kernel.sysfs)).at(Port("1-1"))
    assert theirs is not None
    assert ours.has_mbim == has_mbim == (theirs.mbim_configuration is not None)
    assert (ours.id, ours.configuration) == (str(theirs.id), theirs.configuration)
    assert tuple(ours.configurations) == theirs.configurations
    assert [(i.number, i.klass, i.bulk_out, i.bulk_in) for i in ours.interfaces] == [
        (i.number, i.interface_class, i.bulk_out, i.bulk_in) for i in theirs.interfaces
    ]
