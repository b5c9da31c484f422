"""The state of an attached device: switched, in which mode, switchable, or nothing of ours. Sends nothing.

The verbs, the doctor and `switch()` itself ask here, so that none of them says what another one denies.
"""

from __future__ import annotations

from ..nouns.errors import DeviceFileError, ModeSwitchError
from ..nouns.model import MBIM_MODE, AttachedDevice, DeviceFile, Entry
from ..nouns.record import Record, TextEnum
from ..planning.modes import is_in_mode_of, way_of
from ..planning.plan import make_plan
from .catalog import Catalog, read_entry
from .matching import Choice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    # The way that a switch would take, from the device file and the device (policy.py).
    Decide = Callable[[DeviceFile, AttachedDevice], DeviceFile]


class State(TextEnum):
    """What a device is to us, in the words of `list`."""

    SWITCHED = "already switched"
    SWITCHED_ELSE = "already switched, to another mode"
    SWITCHABLE = "switchable"
    LEFT_ALONE = "nothing to do"  # says its device file: Configuration=0
    NOT_STORAGE = "not in storage mode"
    UNDECIDED = "perhaps switchable"
    BAD_FILE = "bad device file"
    STORAGE = "storage, no entry"
    UNKNOWN = "unknown"

    @property
    def is_switched(self) -> bool:
        """Whether it is in the mode of some way."""
        return self in (State.SWITCHED, State.SWITCHED_ELSE)


class DeviceState(Record):
    """The state of a device, and what it rests on.

    entry: the one that fits it, or that leads to it. way: the way whose mode it is in. choice: the
    catalogue's, with its reasons. complaint: why the state is BAD_FILE.
    """

    device: AttachedDevice
    state: State
    choice: Choice
    entry: Entry | None = None
    way: DeviceFile | None = None
    complaint: str = ""

    @property
    def text(self) -> str:
        """In words."""
        return state_text(self.state, self.way)


def state_text(state: State, way: DeviceFile | None) -> str:
    """A state in words, with the name of the mode where the device file has one."""
    if state.is_switched and way is not None and way.mode:
        return f"{State.SWITCHED.value} (mode {way.mode})"
    return state.value


def state_by(device: AttachedDevice, entry: Entry, wanted: DeviceFile) -> tuple[State, DeviceFile | None]:
    """The state of a device that an entry is for, and the way whose mode it is in.

    wanted: the way that would be taken.
    """
    if is_in_mode_of(device, wanted, entry.id):
        return State.SWITCHED, wanted
    way = way_of(device, entry)
    if way is not None and way.mode == wanted.mode == MBIM_MODE:
        return State.SWITCHED, way
    if way is not None:
        return State.SWITCHED_ELSE, way
    try:
        plan = make_plan(wanted, device)
    except ModeSwitchError:
        return State.NOT_STORAGE, None
    return (State.SWITCHABLE if plan.steps or plan.by_itself else State.LEFT_ALONE), None


def state_of(
    device: AttachedDevice,
    catalog: Catalog,
    read_scsi: Callable[[], tuple[str, str, str] | None],
    decide: Decide | None = None,
) -> DeviceState:
    """The state of an attached device. decide: says which way would be taken; by default the file's own.

    read_scsi: as for Catalog.choose.
    """
    choice = catalog.choose(device, read_scsi)
    if choice.candidate is not None:
        try:
            entry = read_entry(choice.candidate)
        except DeviceFileError as error:
            return DeviceState(device, State.BAD_FILE, choice, complaint=str(error))
        wanted = entry.device_file if decide is None else decide(entry.device_file, device)
        state, way = state_by(device, entry, wanted)
        return DeviceState(device, state, choice, entry, way)
    if choice.undecided:
        return DeviceState(device, State.UNDECIDED, choice)
    for entry in catalog.origins(device):
        return DeviceState(device, State.SWITCHED, choice, entry, way_of(device, entry))
    return DeviceState(device, State.STORAGE if device.is_storage else State.UNKNOWN, choice)
