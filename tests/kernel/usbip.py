"""Puts virtual sticks into the ports of the kernel's USB/IP controller, and answers its transfers.

One thread serves all sticks. A stick is anything with the interface of `Firmware` below, in practice a
`pymodeswitch.virtual.Stick`; what it answers is its own affair, this file only carries.

Port numbers and the attach file: drivers/usb/usbip/vhci.h and vhci_sysfs.c of the Linux kernel.
"""

from __future__ import annotations

import contextlib
import errno
import heapq
import itertools
import selectors
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from pymodeswitch.virtual import Leave, Stall, Stick
from pymodeswitch.virtual.descriptors import HIGH_SPEED, SUPER_SPEED
from tests.kernel.wire import STALLED, TOO_LONG, Firmware, Submit, Transfer, Unlink, take

VHCI = Path("/sys/devices/platform/vhci_hcd.0")
HIGH_SPEED_MBIT = "480"  # of a controller's two root hubs, the USB 2 one

RETRY_S = 0.05
SETTLE_S = 60.0  # a port settles within a second; the guest's CPU may be twenty times slower
ANSWER_S = 60.0


@dataclass(slots=True, eq=False)
class Plugged:
    """A stick in a port, until it is pulled out.

    slot and number: see `place`. port: the kernel's name of it, such as `1-1`; the SuperSpeed peer of that
    while the stick is at that speed. transfers: all that was completed.
    stay: how often it has come back.
    """

    stick: Firmware
    slot: int
    number: int
    port: str
    log: Path | None = None
    transfers: list[Transfer] = field(default_factory=list)
    stay: int = 0
    present: bool = False
    started: float = field(default_factory=time.monotonic)
    _wire: socket.socket | None = None
    _received: bytearray = field(default_factory=bytearray)
    _waiting: list[Submit] = field(default_factory=list)

    def written(self, endpoint: int | None = None) -> list[bytes]:
        """Data of all bulk and interrupt OUT transfers so far, of one endpoint or of all."""
        return [
            t.data for t in list(self.transfers) if 0 < t.endpoint < 0x80 and endpoint in (None, t.endpoint)
        ]


class UsbipServer:
    """All virtual sticks of one process: `with UsbipServer() as usb: usb.plug(mf691(), 0)`.

    A firmware that raises anything but Stall drops off the bus, and its error is raised again by `check`.
    """

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._wake_out, self._wake_in = socket.socketpair()
        self._wake_out.setblocking(False)
        self._selector.register(self._wake_in, selectors.EVENT_READ, None)
        self._calls: list[tuple[Callable[[], None], Future[None]]] = []
        # When to do what, with a tie-breaker.
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._sticks: dict[int, Plugged] = {}
        self._errors: list[BaseException] = []
        self._running = True
        self._poked = False
        self._thread = threading.Thread(target=self._loop, name="usbip", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        for slot in list(self._sticks):
            self.unplug(slot)
        self._call(self._stop)
        self._thread.join(ANSWER_S)

    def plug(self, stick: Firmware, slot: int = 0, log: Path | None = None) -> Plugged:
        """Put a stick into a free slot; the kernel enumerates it from now on.

        log: a file that gets one JSON line for each completed transfer.
        """
        if slot in self._sticks:
            raise ValueError(f"slot {slot} is taken")
        port, number = place(slot, stick.speed)
        plugged = Plugged(stick, slot, number, port, log)
        self._sticks[slot] = plugged
        self._call(lambda: self._attach(plugged, time.monotonic() + SETTLE_S))
        return plugged

    def unplug(self, slot: int) -> None:
        """Pull a stick out; it does not come back by itself."""
        plugged = self._sticks.pop(slot)
        self._call(lambda: self._drop(plugged))

    def poke(self) -> None:
        """Offer the waiting INs again: a stick has something to say that no transfer asked for.

        Any thread may call this, also the server's own; nothing is waited for.
        """
        self._poked = True
        self._wake()

    def ports(self) -> list[str]:
        """The kernel's names of all ports that have a stick, even one that is away just now."""
        return [plugged.port for plugged in self._sticks.values()]

    def check(self) -> None:
        """Raise the first error that a firmware or a port gave, if any."""
        if self._errors:
            raise self._errors[0]

    def _call(self, function: Callable[[], None]) -> None:
        """Have the server's thread do it, and wait until it has."""
        done: Future[None] = Future()
        self._calls.append((function, done))
        self._wake()
        done.result(ANSWER_S)

    def _wake(self) -> None:
        # What does not fit any more would be one more of the same.
        with contextlib.suppress(BlockingIOError):
            self._wake_out.send(b"!")

    # Everything below runs in the server's thread.

    def _stop(self) -> None:
        self._running = False

    def _loop(self) -> None:
        while self._running:
            left = max(0.0, self._due[0][0] - time.monotonic()) if self._due else None
            for key, _ in self._selector.select(left):
                if key.data is None:
                    self._wake_in.recv(4096)
                else:
                    self._guarded(key.data, self._receive)
            while self._calls:
                function, done = self._calls.pop(0)
                try:
                    done.set_result(function())
                except Exception as error:  # handed to the caller's thread
                    done.set_exception(error)
            if self._poked:
                self._poked = False
                for plugged in [plugged for plugged in self._sticks.values() if plugged.present]:
                    self._guarded(plugged, self._retry)
            while self._due and self._due[0][0] <= time.monotonic():
                _, _, action = heapq.heappop(self._due)
                action()
        self._selector.close()
        self._wake_in.close()
        self._wake_out.close()

    def _guarded(self, plugged: Plugged, work: Callable[[Plugged], None]) -> None:
        try:
            work(plugged)
        except Exception as error:  # kept for `check`, which raises it in the test's thread
            self._errors.append(error)
            self._drop(plugged)

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), action))

    def _attach_later(self, seconds: float, plugged: Plugged, deadline: float) -> None:
        self._later(seconds, lambda: self._attach(plugged, deadline))

    def _attach(self, plugged: Plugged, deadline: float) -> None:
        if self._sticks.get(plugged.slot) is not plugged:
            return  # pulled out while it was away
        ours, kernels = socket.socketpair()
        plugged.port, plugged.number = place(plugged.slot, plugged.stick.speed)
        try:
            with kernels:
                device = 1 << 16 | plugged.slot + 1  # any number will do
                line = f"{plugged.number} {kernels.fileno()} {device} {plugged.stick.speed}"
                (VHCI / "attach").write_text(line)
        except OSError as error:
            ours.close()
            # EBUSY: the kernel is not done with the last stay yet.
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                self._errors.append(error)
            else:
                self._attach_later(RETRY_S, plugged, deadline)
            return
        plugged._wire, plugged.present = ours, True
        self._selector.register(ours, selectors.EVENT_READ, plugged)
        stay_s = getattr(getattr(plugged.stick, "mode", None), "stay_s", None)
        if stay_s is not None:
            stay = plugged.stay
            self._when_configured(
                plugged, stay, lambda: self._later(stay_s, lambda: self._move_on(plugged, stay))
            )

    def _when_configured(self, plugged: Plugged, stay: int, action: Callable[[], None]) -> None:
        """Do it once the kernel has enumerated this stay: on an emulated CPU that takes its time."""
        if plugged.stay != stay or not plugged.present:
            return
        if getattr(plugged.stick, "configuration_value", 1):
            action()
        else:
            self._later(RETRY_S, lambda: self._when_configured(plugged, stay, action))

    def _move_on(self, plugged: Plugged, stay: int) -> None:
        """The stick leaves by itself, as its mode says."""
        if plugged.stay == stay and plugged.present and isinstance(plugged.stick, Stick):
            plugged.stick.leave(Leave(plugged.stick.mode.stay_away_s))
            self._leave(plugged)

    def _drop(self, plugged: Plugged) -> None:
        """Off the bus: the kernel sees its end of the wire close."""
        if plugged._wire is not None:
            self._selector.unregister(plugged._wire)
            plugged._wire.close()
        plugged._wire, plugged.present = None, False
        plugged._received.clear()
        plugged._waiting.clear()

    def _receive(self, plugged: Plugged) -> None:
        assert plugged._wire is not None
        try:
            data = plugged._wire.recv(1 << 18)
        except ConnectionResetError:
            data = b""
        if not data:
            self._drop(plugged)  # detached from the kernel's side
            return
        plugged._received += data
        while plugged._wire is not None and (request := take(plugged._received)):
            if isinstance(request, Unlink):
                self._unlink(plugged, request)
                continue
            # An IN transfer queues behind the ones before it on its endpoint.
            behind = any(other.endpoint == request.endpoint for other in plugged._waiting)
            if behind or not self._carry_out(plugged, request):
                plugged._waiting.append(request)
            else:
                self._retry(plugged)

    def _unlink(self, plugged: Plugged, request: Unlink) -> None:
        left = [urb for urb in plugged._waiting if urb.number != request.taken_back]
        in_time = len(left) < len(plugged._waiting)
        plugged._waiting = left
        self._send(plugged, request.completed(in_time=in_time))

    def _retry(self, plugged: Plugged) -> None:
        """Offer the waiting INs again: a completed transfer may have given the stick something to say."""
        nothing: set[int] = set()
        for urb in list(plugged._waiting):
            if plugged._wire is None:
                return
            if urb.endpoint in nothing:
                continue
            if not self._carry_out(plugged, urb):
                nothing.add(urb.endpoint)
            elif urb in plugged._waiting:  # dropping off the bus has emptied the list
                plugged._waiting.remove(urb)

    def _carry_out(self, plugged: Plugged, urb: Submit) -> bool:
        """Let the stick answer one transfer; False when it has nothing to say yet."""
        stick = plugged.stick
        status, data = 0, urb.data
        try:
            if urb.is_control:
                answer: bytes | None = stick.control(urb.setup, urb.data)
            elif urb.inward:
                answer = stick.read(urb.endpoint, urb.length)
            else:
                stick.write(urb.endpoint, urb.data)
        except Stall:
            status, answer = STALLED, b""
        if urb.inward:
            if answer is None:
                return False
            if len(answer) > urb.length:
                status = TOO_LONG
            data = answer[: urb.length]
        leaving = stick.leaving
        if leaving is None or not leaving.silent:
            self._record(plugged, urb, data, status)
            self._send(plugged, urb.completed(status, data))
        if leaving is not None:
            self._leave(plugged)
        return True

    def _leave(self, plugged: Plugged) -> None:
        """Off the bus, and back in the stick's next mode when it has been away for long enough."""
        leaving = plugged.stick.leaving
        away = None if leaving is None else leaving.away_s
        self._drop(plugged)
        if plugged.stick.returned() and away is not None:
            plugged.stay += 1
            self._attach_later(away, plugged, time.monotonic() + away + SETTLE_S)

    def _record(self, plugged: Plugged, urb: Submit, data: bytes, status: int) -> None:
        setup = urb.setup if urb.is_control else b""
        seconds = time.monotonic() - plugged.started
        transfer = Transfer(seconds, plugged.stay, urb.endpoint, setup, data, status)
        plugged.transfers.append(transfer)
        if plugged.log is not None:
            with plugged.log.open("a") as log:
                log.write(transfer.to_json() + "\n")

    def _send(self, plugged: Plugged, answer: bytes) -> None:
        assert plugged._wire is not None
        # A wire that the kernel has just closed shows as end of file at the next read.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            plugged._wire.sendall(answer)


def place(slot: int, speed: int = HIGH_SPEED) -> tuple[str, int]:
    """Where a slot is: the kernel's name of its port, such as `1-1`, and its number in the attach file.

    A slot is a connector, with a high-speed port and a SuperSpeed one; slots count those of all
    controllers. How many a controller has is a choice of who built the kernel (CONFIG_USBIP_VHCI_HC_PORTS;
    8 upstream, 15 in Debian 12), so it is looked up. The attach file counts a controller's high-speed ports
    first, then as many of super speed.
    """
    first = 0
    for controller in sorted(VHCI.parent.glob("vhci_hcd.*"), key=_suffix):
        hubs = {
            (hub / "speed").read_text().strip() == HIGH_SPEED_MBIT: hub
            for hub in controller.glob("usb[0-9]*")
        }
        ports = int((hubs[True] / "maxchild").read_text())
        if slot < first + ports:
            is_super = speed == SUPER_SPEED
            port = slot - first
            number = (_suffix(controller) * 2 + is_super) * ports + port
            return f"{hubs[not is_super].name.removeprefix('usb')}-{port + 1}", number
        first += ports
    raise LookupError(
        f"the kernel has {first} virtual high-speed ports, none for slot {slot}: is vhci-hcd loaded?"
    )


def _suffix(controller: Path) -> int:
    return int(controller.suffix[1:])
