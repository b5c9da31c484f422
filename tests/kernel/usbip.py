"""Puts virtual sticks into the ports of the kernel's USB/IP host controller, and answers the kernel's transfers.

One thread serves all sticks. A stick is anything with the interface of `Firmware` below, in practice a
`pymodeswitch.virtual.Stick`; what it answers is its own affair, this file only carries.

Wire format: Documentation/usb/usbip_protocol.rst of the Linux kernel. Port numbers: drivers/usb/usbip/vhci.h.
"""

from __future__ import annotations

import errno
import heapq
import itertools
import json
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

from pymodeswitch.virtual import Stall

VHCI = Path("/sys/devices/platform/vhci_hcd.0")
PORTS = 8  # ports of each speed on one controller (CONFIG_USBIP_VHCI_HC_PORTS); high speed comes first
HIGH_SPEED_MBIT = "480"

CMD_SUBMIT, CMD_UNLINK, RET_SUBMIT, RET_UNLINK = 1, 2, 3, 4
# command, sequence number, device, direction (1 = in), endpoint number; then either
#   flags, buffer length, start frame, packets, interval, setup     (submit)
#   sequence number of the transfer to take back                    (unlink)
HEADER, SUBMIT, UNLINK = struct.Struct(">5I"), struct.Struct(">I4i8s"), struct.Struct(">I")
HEADER_LENGTH = 48

RETRY_S = 0.05
SETTLE_S = 60.0  # a port settles within a second; the guest's CPU may be twenty times slower
ANSWER_S = 60.0


class Leaving(Protocol):
    """How a stick drops off the bus: seconds until it is back (None: never), and whether without completing."""

    @property
    def away_s(self) -> float | None: ...
    @property
    def silent(self) -> bool: ...


class Firmware(Protocol):
    """What is asked of a stick. Endpoints are addresses: 0x81 is IN endpoint 1."""

    speed: int

    @property
    def leaving(self) -> Leaving | None: ...
    def returned(self) -> bool: ...
    def control(self, setup_bytes: bytes, data: bytes = b"") -> bytes: ...
    def write(self, endpoint: int, data: bytes) -> None: ...
    def read(self, endpoint: int, length: int) -> bytes | None: ...


@dataclass(frozen=True, slots=True)
class Transfer:
    """One completed transfer, as it was on the wire.

    seconds: since the stick was plugged. stay: 0 until it first left the bus, then 1, and so on. endpoint: address.
    setup: empty but for control transfers. data: what went in the transfer's direction. status: 0 or -errno.
    """

    seconds: float
    stay: int
    endpoint: int
    setup: bytes
    data: bytes
    status: int

    def to_json(self) -> str:
        """One line, bytes in hex."""
        return json.dumps(
            {
                "seconds": round(self.seconds, 6),
                "stay": self.stay,
                "endpoint": f"{self.endpoint:#04x}",
                "setup": self.setup.hex(),
                "data": self.data.hex(),
                "status": self.status,
            }
        )


@dataclass(slots=True)
class _Urb:
    number: int
    endpoint: int
    length: int
    setup: bytes
    data: bytes


@dataclass(slots=True, eq=False)
class Plugged:
    """A stick in a port, until it is pulled out.

    slot: 0 to 63, eight a controller. port: the kernel's name of it, such as `1-1`. transfers: all that was completed.
    """

    stick: Firmware
    slot: int
    port: str
    log: Path | None = None
    transfers: list[Transfer] = field(default_factory=list)
    stay: int = 0
    present: bool = False
    started: float = field(default_factory=time.monotonic)
    _wire: socket.socket | None = None
    _received: bytearray = field(default_factory=bytearray)
    _waiting: list[_Urb] = field(default_factory=list)

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
        self._selector.register(self._wake_in, selectors.EVENT_READ, None)
        self._calls: list[tuple[Callable[[], Any], Future[Any]]] = []
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._sticks: dict[int, Plugged] = {}
        self._errors: list[BaseException] = []
        self._running = True
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
        plugged = Plugged(stick, slot, port_name(slot), log)
        self._sticks[slot] = plugged
        self._call(lambda: self._attach(plugged, time.monotonic() + SETTLE_S))
        return plugged

    def unplug(self, slot: int) -> None:
        """Pull a stick out; it does not come back by itself."""
        plugged = self._sticks.pop(slot)
        self._call(lambda: self._drop(plugged))

    def check(self) -> None:
        """Raise the first error that a firmware or a port gave, if any."""
        if self._errors:
            raise self._errors[0]

    # Everything below runs in the server's thread.

    def _call(self, function: Callable[[], Any]) -> Any:
        answer: Future[Any] = Future()
        self._calls.append((function, answer))
        self._wake_out.send(b"!")
        return answer.result(ANSWER_S)

    def _stop(self) -> None:
        self._running = False

    def _loop(self) -> None:
        while self._running:
            left = max(0.0, self._due[0][0] - time.monotonic()) if self._due else None
            for key, _ in self._selector.select(left):
                if key.data is None:
                    self._wake_in.recv(4096)
                else:
                    self._guard(key.data, self._receive)
            while self._calls:
                function, answer = self._calls.pop(0)
                try:
                    answer.set_result(function())
                except Exception as error:  # handed to the caller's thread
                    answer.set_exception(error)
            while self._due and self._due[0][0] <= time.monotonic():
                heapq.heappop(self._due)[2]()
        self._selector.close()
        self._wake_in.close()
        self._wake_out.close()

    def _guard(self, plugged: Plugged, function: Callable[[Plugged], None]) -> None:
        try:
            function(plugged)
        except Exception as error:  # kept for `check`, which raises it in the test's thread
            self._errors.append(error)
            self._drop(plugged)

    def _later(self, seconds: float, function: Callable[[], None]) -> None:
        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), function))

    def _attach(self, plugged: Plugged, deadline: float) -> None:
        if self._sticks.get(plugged.slot) is not plugged:
            return  # pulled out while it was away
        ours, kernels = socket.socketpair()
        number = (plugged.slot // PORTS) * 2 * PORTS + plugged.slot % PORTS
        try:
            with kernels:
                line = f"{number} {kernels.fileno()} {1 << 16 | plugged.slot + 1} {plugged.stick.speed}"
                (VHCI / "attach").write_text(line)
        except OSError as error:
            ours.close()
            # EBUSY: the kernel is not done with the last stay yet.
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                self._errors.append(error)
            else:
                self._later(RETRY_S, lambda: self._attach(plugged, deadline))
            return
        plugged._wire, plugged.present = ours, True
        self._selector.register(ours, selectors.EVENT_READ, plugged)

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
        data = plugged._wire.recv(1 << 18)
        if not data:
            self._drop(plugged)  # detached from the kernel's side
            return
        plugged._received += data
        while plugged._wire is not None and (urb := self._next(plugged)):
            # An IN transfer queues behind the ones before it on its endpoint.
            behind = any(other.endpoint == urb.endpoint for other in plugged._waiting)
            if behind or not self._carry_out(plugged, urb):
                plugged._waiting.append(urb)
            else:
                self._retry(plugged)

    def _next(self, plugged: Plugged) -> _Urb | None:
        """The next transfer that has fully arrived; requests to take one back are served on the way."""
        received = plugged._received
        while len(received) >= HEADER_LENGTH:
            command, number, _, inward, endpoint = HEADER.unpack_from(received)
            if command == CMD_UNLINK:
                (taken_back,) = UNLINK.unpack_from(received, HEADER.size)
                del received[:HEADER_LENGTH]
                self._unlink(plugged, number, taken_back)
                continue
            if command != CMD_SUBMIT:
                raise ValueError(f"unknown usb/ip command {command} on port {plugged.port}")
            _, length, _, _, _, setup = SUBMIT.unpack_from(received, HEADER.size)
            end = HEADER_LENGTH + (0 if inward else length)
            if len(received) < end:
                return None
            data = bytes(received[HEADER_LENGTH:end])
            del received[:end]
            return _Urb(number, endpoint | (0x80 if inward else 0), length, setup, data)
        return None

    def _unlink(self, plugged: Plugged, number: int, taken_back: int) -> None:
        waiting = [urb for urb in plugged._waiting if urb.number == taken_back]
        for urb in waiting:
            plugged._waiting.remove(urb)
        self._send(plugged, RET_UNLINK, number, -errno.ECONNRESET if waiting else 0)

    def _retry(self, plugged: Plugged) -> None:
        """A completed transfer may have given the stick something to say: offer the waiting INs again."""
        nothing: set[int] = set()
        for urb in list(plugged._waiting):
            if plugged._wire is None:
                return
            if urb.endpoint in nothing:
                continue
            if self._carry_out(plugged, urb):
                if urb in plugged._waiting:
                    plugged._waiting.remove(urb)
            else:
                nothing.add(urb.endpoint)

    def _carry_out(self, plugged: Plugged, urb: _Urb) -> bool:
        """Let the stick answer one transfer; False when it has nothing to say yet."""
        stick, status, answer = plugged.stick, 0, b""
        try:
            if urb.endpoint & 0x0F == 0:
                answer = stick.control(urb.setup, urb.data)
            elif urb.endpoint & 0x80:
                said = stick.read(urb.endpoint, urb.length)
                if said is None:
                    return False
                answer = said
            else:
                stick.write(urb.endpoint, urb.data)
        except Stall:
            status = -errno.EPIPE
        if len(answer) > urb.length:
            status, answer = -errno.EOVERFLOW, answer[: urb.length]
        leaving = stick.leaving
        if leaving is None or not leaving.silent:
            data = answer if urb.endpoint & 0x80 else urb.data
            self._record(plugged, urb, data, status)
            self._send(plugged, RET_SUBMIT, urb.number, status, data, payload=bool(urb.endpoint & 0x80))
        if leaving is not None:
            away = leaving.away_s
            self._drop(plugged)
            if stick.returned() and away is not None:
                plugged.stay += 1
                self._later(away, lambda: self._attach(plugged, time.monotonic() + SETTLE_S))
        return True

    def _record(self, plugged: Plugged, urb: _Urb, data: bytes, status: int) -> None:
        setup = urb.setup if urb.endpoint & 0x0F == 0 else b""
        seconds = time.monotonic() - plugged.started
        transfer = Transfer(seconds, plugged.stay, urb.endpoint, setup, data, status)
        plugged.transfers.append(transfer)
        if plugged.log is not None:
            with plugged.log.open("a") as log:
                log.write(transfer.to_json() + "\n")

    def _send(
        self, plugged: Plugged, command: int, number: int, status: int, data: bytes = b"", *, payload: bool = False
    ) -> None:
        assert plugged._wire is not None
        header = HEADER.pack(command, number, 0, 0, 0) + struct.pack(">ii", status, len(data))
        # A wire that the kernel has just closed shows as end of file at the next read.
        try:
            plugged._wire.sendall(header.ljust(HEADER_LENGTH, b"\0") + (data if payload else b""))
        except (BrokenPipeError, ConnectionResetError):
            pass


def port_name(slot: int) -> str:
    """The kernel's name of a slot's port: `1-1` for the first slot of the controller that has bus 1."""
    controller, port = divmod(slot, PORTS)
    for bus in sorted(VHCI.parent.glob(f"vhci_hcd.{controller}/usb*")):
        if (bus / "speed").read_text().strip() == HIGH_SPEED_MBIT:
            return f"{int((bus / 'busnum').read_text())}-{port + 1}"
    raise LookupError(f"the kernel has no virtual controller for slot {slot}: is vhci-hcd loaded?")
