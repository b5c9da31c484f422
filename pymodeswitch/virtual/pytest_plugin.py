"""A pytest plugin for who writes device files: `virtual_stick` plugs a stick that a file switches.

    def test_my_file(virtual_stick):
        stick = virtual_stick("1234-5678")
        assert stick.switch().status is Status.SWITCHED

Installed with the package; nothing is loaded before a test asks for the fixture.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ..nouns.model import DeviceFile, Entry, SwitchResult
    from .backend import VirtualBackend
    from .bus import VirtualBus
    from .stick import Stick


class VirtualStick:
    """A virtual stick in a port of a bus of its own, with simulated time.

    entry: the device file, read strictly. stick: the firmware; bus, backend: what it is plugged into.
    """

    port = "1-1"

    def __init__(self, entry: Entry, stick: Stick) -> None:
        from .backend import VirtualBackend
        from .bus import VirtualBus

        self.entry = entry
        self.stick = stick
        self.bus: VirtualBus = VirtualBus()
        self.backend: VirtualBackend = VirtualBackend(self.bus)
        self.bus.plug(stick, self.port)

    def switch(self, device_file: DeviceFile | None = None) -> SwitchResult:
        """Switch it by its device file, or by another one; raises what `pymodeswitch.switch` does."""
        from ..planning.settings import Settings
        from ..switching.switch import switch

        return switch(
            self.entry.id.vendor,
            self.entry.id.product,
            config=self.entry.device_file if device_file is None else device_file,
            settings=Settings(),
            backend=self.backend,
        )

    @property
    def sent(self) -> list[bytes]:
        """All that was sent to it: messages, and control requests as setup packets with their data."""
        return [
            (what if isinstance(what, bytes) else b"") + data
            for kind, what, data in self.backend.transfers
            if kind in ("out", "control")
        ]


@pytest.fixture
def virtual_stick() -> Iterator[Callable[..., VirtualStick]]:
    """Plugs sticks: `virtual_stick(path, switches_on=("5553...",), **options)`.

    path: a device file, named for its ID, such as `19d2-1201`. switches_on: messages in hex that the stick
    waits for; without them it switches on what the file says. Options are those of
    `pymodeswitch.virtual.stick_from`. After the test nothing may be left open or claimed.
    """
    plugged: list[VirtualStick] = []

    def plug(
        path: str | os.PathLike[str], *, switches_on: tuple[str, ...] = (), **options: object
    ) -> VirtualStick:
        from ..catalog.catalog import entry_from_file
        from .from_file import stick_from

        entry = entry_from_file(os.fspath(path), None)
        messages = [bytes.fromhex(message) for message in switches_on]
        stick = stick_from(entry.device_file, entry.id, switches_on=messages, **options)  # type: ignore[arg-type]
        plugged.append(VirtualStick(entry, stick))
        return plugged[-1]

    yield plug
    for one in plugged:
        assert one.backend.open_handles == 0, "a device was left open"
        assert one.backend.unreleased == [], "an interface was left claimed"
