"""Virtual sticks that switch on what their makers' methods send: one builder for each kind of method.

They are strict: requests in another order, with other values or other data do not switch them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .descriptors import HID, INTERRUPT, Configuration, Endpoint, Identity, Interface
from .stick import Leave, Mode, Setup, Stick
from .sticks import answer_and_leave, storage_interface
from .storage import Command, MassStorage, Reply


@dataclass(frozen=True, slots=True)
class Request:
    """A control request that a stick waits for; data is what comes with an OUT request."""

    request_type: int
    request: int
    value: int
    index: int
    data: bytes = b""

    def fits(self, setup: Setup, data: bytes) -> bool:
        """Whether it is this one."""
        head = (setup.request_type, setup.request, setup.value, setup.index)
        return head == (self.request_type, self.request, self.value, self.index) and data == self.data


def storage_mode(
    vendor: int, product: int, storage: MassStorage | None = None, *, manufacturer: str = ""
) -> Mode:
    """A mode of one mass storage interface."""
    storage = storage or MassStorage()
    configuration = Configuration((storage_interface(storage),))
    identity = Identity(vendor, product, (configuration,), manufacturer=manufacturer)
    return Mode(identity, (storage,))


def waits_for_requests(mode: Mode, requests: Sequence[Request], leave: Leave | None) -> Mode:
    """Make a mode leave when it has seen these control requests in order; IN ones get zeros."""
    seen: list[Request] = []

    def on_control(stick: Stick, setup: Setup, data: bytes) -> bytes | None:
        if len(seen) >= len(requests) or not requests[len(seen)].fits(setup, data):
            # A stick that stays hears the same again at the next try.
            if len(seen) < len(requests) or not requests[0].fits(setup, data):
                return None
            seen.clear()
        seen.append(requests[len(seen)])
        if len(seen) == len(requests) and leave is not None:
            stick.leave(leave)
        return bytes(setup.length) if setup.request_type & 0x80 else b""

    mode.on_control = on_control
    return mode


def control_stick(
    vendor: int, product: int, requests: Sequence[Request], target: Mode, leave: Leave | None
) -> Stick:
    """A storage stick that switches on control requests."""
    return Stick([waits_for_requests(storage_mode(vendor, product), requests, leave), target])


def message_stick(
    vendor: int,
    product: int,
    commands: Sequence[bytes],
    target: Mode,
    leave: Leave | None,
    *,
    before_status: bool = False,
    status: int = 0,
) -> Stick:
    """A storage stick that switches once it has seen these CDBs (their first bytes), in order."""
    storage = MassStorage()
    stick = Stick([storage_mode(vendor, product, storage), target])
    seen: list[bytes] = []

    def hook(command: Command) -> Reply | None:
        if len(seen) == len(commands):
            seen.clear()
        if not command.cdb.startswith(commands[len(seen)]):
            return None
        seen.append(command.cdb)
        if len(seen) < len(commands):
            return Reply(bytes(command.data_length))
        return answer_and_leave(stick, leave, before_status=before_status, status=status)

    storage.hook = hook
    return stick


@dataclass(slots=True)
class HidDialogue:
    """A HID interface with 8-byte interrupt endpoints; `heard` gets each OUT report."""

    heard: Callable[[bytes], None]
    reports: list[bytes] = field(default_factory=list)

    def interface(self) -> Interface:
        """Its descriptor: IN 0x81, OUT 0x02."""
        endpoints = (Endpoint(0x81, INTERRUPT, 8, 1), Endpoint(0x02, INTERRUPT, 8, 1))
        hid = bytes.fromhex("092111010001220800")  # HID 1.11, 6.2.1: a report descriptor of 8 bytes
        return Interface(0, HID, 0, 0, endpoints, extra=hid)

    def reset(self) -> None:
        """Nothing to forget."""

    def control(self, setup: Setup, data: bytes) -> bytes | None:
        """SET_REPORT, GET_REPORT and SET_IDLE (HID 1.11, 7.2)."""
        if setup.request_type == 0x21 and setup.request in (0x09, 0x0A):
            if setup.request == 0x09:
                self.reports.append(data)
            return b""
        return None

    def write(self, endpoint: int, data: bytes) -> bool:
        """An OUT report."""
        if endpoint != 0x02:
            return False
        self.heard(data)
        return True

    def read(self, endpoint: int, length: int) -> bytes | None:
        """Always something to say."""
        return bytes(8) if endpoint == 0x81 else None


def mobile_action_stick(vendor: int, product: int, last: bytes, target: Mode, leave: Leave | None) -> Stick:
    """A HID device that switches on the last message of the dialogue."""

    def heard(data: bytes) -> None:
        if data == last and leave is not None:
            stick.leave(leave)

    dialogue = HidDialogue(heard)
    identity = Identity(vendor, product, (Configuration((dialogue.interface(),)),))
    stick = Stick([Mode(identity, (dialogue,)), target])
    return stick


def two_configurations(vendor: int, product: int, second: Mode) -> Stick:
    """A stick whose second configuration is the interfaces of another mode: it never leaves the bus."""
    storage = MassStorage(endpoint_out=0x05, endpoint_in=0x85)  # the modem's are 1 to 4
    first = Configuration((storage_interface(storage),))
    other = Configuration(second.identity.configurations[0].interfaces, value=2)
    identity = Identity(vendor, product, (first, other))
    return Stick([Mode(identity, (storage, *second.functions))])
