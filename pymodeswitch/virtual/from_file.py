"""A virtual stick that switches on what a device file says, or on messages from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .descriptors import VENDOR_SPECIFIC, Configuration, Endpoint, Identity, Interface
from .reactions import mobile_action_stick
from .stick import Leave, Mode, Setup, Stick
from .sticks import answer_and_leave
from .storage import Command, MassStorage, Reply

if TYPE_CHECKING:
    from ..nouns.model import DeviceFile, UsbId
    from ..nouns.steps import Plan

SIGNATURE, TAG = b"USBC", slice(4, 8)


def stick_from(
    device_file: DeviceFile,
    usb_id: UsbId,
    *,
    switches_on: Sequence[bytes] = (),
    leave: Leave | None = Leave(),
) -> Stick:
    """A stick with an ID that leaves once it has got all that a device file sends, in that order.

    It becomes the first target of the file; without one it keeps its ID and shows the target class, or a
    vendor's own. switches_on: the messages that it waits for instead, as they go over the wire; tags do not
    count. leave: how it leaves; None is a stick that hears all and stays. ValueError for a file that sends
    nothing.
    """
    from ..nouns.steps import InterruptOut
    from ..planning.plan import make_plan, typical_device

    plan = make_plan(device_file, typical_device(usb_id, device_file))
    dialogue = [step.data for step in plan.steps if isinstance(step, InterruptOut)]
    after = _target(device_file, usb_id)
    if dialogue:
        return mobile_action_stick(usb_id.vendor, usb_id.product, dialogue[-1], after, leave)
    told = [("out", _without_tag(message)) for message in switches_on]
    expected = told or _expected(plan)
    if not expected:
        raise ValueError(f"{plan.method}: sends nothing that a stick could switch on")
    return _Listener(device_file, usb_id, expected, after, leave).stick


Expected = list[tuple[str, bytes]]


def _expected(plan: Plan) -> Expected:
    """What a plan sends: messages without tags, requests as setup (without length) and data, resets."""
    from ..nouns.steps import BulkOut, Control, Reset, SetAltSetting, SetConfiguration

    found: Expected = []
    for step in plan.steps:
        if isinstance(step, BulkOut):
            found.append(("out", _without_tag(step.data)))
        elif isinstance(step, Control):
            numbers = step.value.to_bytes(2, "little") + step.index.to_bytes(2, "little")
            found.append(("request", bytes([step.request_type, step.request]) + numbers + step.data))
        elif isinstance(step, SetConfiguration) and step.value:
            found.append(("request", bytes([0, 9, step.value, 0, 0, 0])))
        elif isinstance(step, SetAltSetting):
            found.append(("request", bytes([1, 11, step.altsetting, 0, step.interface, 0])))
        elif isinstance(step, Reset):
            found.append(("reset", b""))
    return found


def _without_tag(message: bytes) -> bytes:
    return message[: TAG.start] + message[TAG.stop :] if message.startswith(SIGNATURE) else message


def _target(device_file: DeviceFile, usb_id: UsbId) -> Mode:
    target = next(iter(device_file.targets(usb_id)), usb_id)
    shown = VENDOR_SPECIFIC if device_file.target_class is None else device_file.target_class
    interface = Interface(0, shown, endpoints=(Endpoint(0x01), Endpoint(0x81)))
    return Mode(Identity(target.vendor, target.product, (Configuration((interface,)),)))


class _Listener:
    """Hears what comes on all ways, and makes the stick leave at the last of what is expected."""

    def __init__(
        self, device_file: DeviceFile, usb_id: UsbId, expected: Expected, after: Mode, leave: Leave | None
    ) -> None:
        self.expected, self.heard = expected, 0
        self.leave = leave
        number = device_file.interface or 0
        storage = MassStorage(
            interface=number,
            endpoint_out=device_file.message_endpoint or 0x01,
            endpoint_in=device_file.response_endpoint or 0x81,
            hook=self._command,
            raw_hook=self._raw,
        )
        interface = Interface(
            number, 0x08, 0x06, 0x50, (Endpoint(storage.endpoint_out), Endpoint(storage.endpoint_in))
        )
        other = device_file.alt_setting
        settings = (Interface(number, 0x08, 0x06, 0x50, altsetting=other),) if other else ()
        configurations = [Configuration((interface, *settings))]
        if device_file.configuration:
            shown = after.identity.configurations[0].interfaces
            value = 2 if device_file.configuration == 1 else 1
            configurations[0] = Configuration((interface, *settings), value=value)
            configurations.append(Configuration(shown, value=device_file.configuration))
        identity = Identity(usb_id.vendor, usb_id.product, tuple(configurations))
        mode = Mode(identity, (storage,), self._request, self._reset)
        # With a configuration as its last step a stick may stay: its interfaces are others then.
        self.stays = bool(device_file.configuration) and not device_file.targets(usb_id)
        self.returns = device_file.sony_mode  # it comes back once as it was
        self.stick = Stick([mode, *([mode] if self.returns else []), after])

    def _hears(self, kind: str, data: bytes) -> bool | None:
        """None for what is not expected now, else whether it was the last."""
        for at in (self.heard, 0):  # a stick that stays hears the same again at the next try
            if at < len(self.expected) and self.expected[at] == (kind, data):
                self.heard = at + 1
                return self.heard == len(self.expected)
        return None

    def _goes(self) -> None:
        if self.leave is not None and not self.stays:
            self.stick.leave(self.leave)

    def _command(self, command: Command) -> Reply | None:
        is_last = self._hears("out", _without_tag(command.raw))
        if is_last and not self.stays:
            # Commands with an answer are over before the file has read all of it.
            return answer_and_leave(self.stick, self.leave, before_status=self.leave is not None)
        return None if is_last is None else Reply(bytes(command.data_length))

    def _raw(self, data: bytes) -> bool:
        is_last = self._hears("out", data)
        if is_last:
            self._goes()
        return is_last is not None

    def _request(self, stick: Stick, setup: Setup, data: bytes) -> bytes | None:
        numbers = setup.value.to_bytes(2, "little") + setup.index.to_bytes(2, "little")
        is_last = self._hears("request", bytes([setup.request_type, setup.request]) + numbers + data)
        if is_last is None:
            return None
        if self.returns and stick.mode_index == 0 and self.leave is not None:
            stick.leave(self.leave)
        elif is_last:
            self._goes()
        if setup.request_type & 0x60:
            return bytes(setup.length) if setup.request_type & 0x80 else b""
        return None if setup.request in (9, 11) else b""

    def _reset(self, stick: Stick) -> None:
        if self._hears("reset", b""):
            self._goes()
