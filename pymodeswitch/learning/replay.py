"""The proof of a lesson: a virtual stick that reacts to exactly what was recorded is switched by the file.

The tags of commands do not count, as each sender has its own. Of a method that has a name the stick takes
the SCSI commands alone: what is around them differs between senders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..catalog.catalog import Catalog
from ..nouns.errors import ModeSwitchError, UnexpectedDeviceError
from ..nouns.model import MASS_STORAGE_CLASS, Status
from ..nouns.record import replace
from ..planning.settings import Settings
from ..switching.switch import switch
from .packets import SETUP_BYTES
from .stays import COMMAND, CONFIGURATION, RAW, REQUEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..nouns.model import DeviceFile
    from ..virtual import Command, Mode, Reply, Setup, Stick
    from .inference import Lesson
    from .stays import Sent

PORT = "1-1"
STAND_IN = (0x1234, 0x5678)  # where the capture does not tell the ID
TARGET = (0x1234, 0x5679)
VENDOR_SPECIFIC = 0xFF


def switches(lesson: Lesson, device_file: DeviceFile) -> bool:
    """Whether the device file switches a stick that reacts to the likeliest commands of the lesson."""
    from ..virtual import VirtualBackend, VirtualBus

    commands = lesson.candidates[0].commands
    known = lesson.initial
    initial = STAND_IN if known is None else (known.vendor, known.product)
    bus = VirtualBus()
    bus.plug(_stick(lesson, commands, device_file, initial), PORT)
    try:
        result = switch(
            *initial,
            config=replace(device_file, comments=(), wait_before_s=None),
            as_written=True,
            settings=Settings(),
            catalog=Catalog(()),
            backend=VirtualBackend(bus),
        )
    except UnexpectedDeviceError:
        return lesson.target_class == MASS_STORAGE_CLASS  # the first of two switches: no more was recorded
    except ModeSwitchError:
        return False
    return result.status is Status.SWITCHED


def _stick(
    lesson: Lesson, commands: Sequence[Sent], device_file: DeviceFile, initial: tuple[int, int]
) -> Stick:
    from ..virtual import Leave, Mode, Request, Stick, mobile_action_stick, storage_mode, waits_for_requests
    from ..virtual.descriptors import Configuration, Identity, Interface

    target = (lesson.target.vendor, lesson.target.product) if lesson.target is not None else TARGET
    shown = VENDOR_SPECIFIC if lesson.target_class is None else lesson.target_class
    after = Mode(Identity(*target, (Configuration((Interface(0, shown),)),)))
    if {sent.kind for sent in commands} == {CONFIGURATION}:
        return _by_configuration(lesson, commands[-1].message[2], initial, after)
    requests = [sent.message for sent in commands if sent.kind == REQUEST]
    if requests:
        # It leaves at the last one, with its data; what was only asked before does not matter.
        setup, data = requests[-1][:SETUP_BYTES], requests[-1][SETUP_BYTES:]
        value, index = (int.from_bytes(setup[at : at + 2], "little") for at in (2, 4))
        request = Request(setup[0], setup[1], value, index, data)
        return Stick([waits_for_requests(storage_mode(*initial), [request], Leave()), after])
    if device_file.mobile_action_mode:
        return mobile_action_stick(*initial, commands[-1].message, after, Leave())
    return _by_messages(lesson, commands, device_file, initial, after)


def _by_configuration(lesson: Lesson, value: int, initial: tuple[int, int], after: Mode) -> Stick:
    """A stick that has another configuration; it leaves at its choice only if the real one did."""
    from ..virtual import Leave, MassStorage, Mode, Stick, storage_interface
    from ..virtual.descriptors import Configuration, Identity

    storage = MassStorage()
    configurations = (
        Configuration((storage_interface(storage),), value=lesson.before.first_configuration or 1),
        Configuration(after.identity.configurations[0].interfaces, value=value),
    )
    mode = Mode(Identity(*initial, configurations), (storage,))
    if lesson.after is lesson.before:
        return Stick([mode])

    def on_control(stick: Stick, setup: Setup, data: bytes) -> bytes | None:
        if (setup.request_type, setup.request, setup.value) == (0x00, 0x09, value):
            stick.leave(Leave())
        return None

    mode.on_control = on_control
    return Stick([mode, after])


def _by_messages(
    lesson: Lesson,
    commands: Sequence[Sent],
    device_file: DeviceFile,
    initial: tuple[int, int],
    after: Mode,
) -> Stick:
    """A stick that leaves at the last message, when all have come."""
    from ..virtual import Leave, MassStorage, Reply, Stick, storage_mode
    from ..virtual.sticks import answer_and_leave

    verbatim = bool(device_file.message_content)
    acting = [sent for sent in commands if not sent.is_ordinary and not sent.is_reading] or list(commands)
    wanted = [_essence(sent, verbatim) for sent in acting if sent.kind in (COMMAND, RAW)]
    last, missing = wanted[-1], set(wanted)
    endpoint_out = next((interface[4] for interface in lesson.before.interfaces() if interface[4]), None)
    storage = MassStorage(endpoint_out=endpoint_out or 0x01, endpoint_in=0x8F)
    stick = Stick([storage_mode(*initial, storage), after])

    def is_last(message: bytes) -> bool:
        missing.discard(message)
        return message == last and not missing

    def hook(command: Command) -> Reply | None:
        for message in (command.raw[8:], command.cdb):
            if message in wanted:
                if is_last(message):
                    # At once: a file may read fewer answers than the command has.
                    return answer_and_leave(stick, Leave(), before_status=True)
                return Reply(bytes(command.data_length))
        return None

    def raw_hook(data: bytes) -> bool:
        if data in wanted and is_last(data):
            stick.leave(Leave())
        return data in wanted

    storage.hook, storage.raw_hook = hook, raw_hook
    return stick


def _essence(sent: Sent, verbatim: bool) -> bytes:
    """What of a message the stick looks at: all but its tag, or the SCSI command alone."""
    if sent.kind == RAW:
        return sent.message
    return sent.message[8:] if verbatim and not sent.is_eject else sent.cdb
