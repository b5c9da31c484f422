"""The account of one call: what it tells on the way, what is known so far, and the result."""

from __future__ import annotations

from ..nouns.log import Logger
from ..nouns.model import SwitchResult
from ..nouns.record import Record, replace
from ..nouns.steps import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..nouns.errors import ModeSwitchError
    from ..nouns.model import AttachedDevice, Port, Status, UsbId
    from ..nouns.protocols import Host

    Observer = Callable[["Progress"], None]

logger = Logger(__name__)


class Progress(Record):
    """Something that happened on the way, for an observer.

    kind: "device", "entry", "kernel" (what it was told), "try", "step", "waiting" or "seen". text: in
    words. step: for "step". seconds: since the call.
    """

    kind: str
    text: str
    seconds: float
    step: Step | None = None


class Account:
    """Tells the log (at INFO when `is_verbose`) and the observer, and notes what the result is made of."""

    def __init__(self, host: Host, observer: Observer | None = None, *, is_verbose: bool = False) -> None:
        self._host = host
        self._observer = observer
        self._log = logger.info if is_verbose else logger.debug
        self._start = host.now()
        self._known: SwitchResult | None = None
        self._warnings: tuple[str, ...] = ()

    def tell(self, kind: str, text: str, step: Step | None = None) -> None:
        """Log, and tell the observer."""
        self._log("%s: %s", kind, text)
        if self._observer is not None:
            self._observer(Progress(kind, text, self._host.now() - self._start, step))

    def warn(self, text: str) -> None:
        """Note something that the user should know of a result that is none the worse for it."""
        logger.told(text)
        self.add_warnings(text)

    def add_warnings(self, *texts: str) -> None:
        """The same for what the log has already."""
        self._warnings += texts

    def begin(self, usb_id: UsbId, port: Port | None) -> None:
        """It is about the stick with that initial ID, on the port that was asked for."""
        if self._known is None:
            self._known = SwitchResult(status=None, id=usb_id, port=port)

    @property
    def known(self) -> SwitchResult:
        """What is known so far."""
        assert self._known is not None
        return self._known

    def note(self, **facts: Any) -> None:
        """What has become known, by the names that it has in a result."""
        self._known = replace(self.known, **facts)

    def note_target(self, device: AttachedDevice, **facts: Any) -> None:
        """The device is there, switched, and was so before."""
        self.note(before=device, after=device, nodes=self._host.nodes(device) or (), **facts)

    def result(self, status: Status) -> SwitchResult:
        """The result."""
        return self._result(status, status.value)

    def add_to(self, error: ModeSwitchError) -> None:
        """Note in an error how far it came."""
        if error.result is None and self._known is not None:
            error.result = self._result(None, type(error).__name__)

    def _result(self, status: Status | None, outcome: str) -> SwitchResult:
        """What is known; and one record in the log, whose fields are also attributes of the record."""
        device = self.known.after or self.known.before
        result = replace(
            self.known,
            status=status,
            port=self.known.port if device is None else device.port,
            seconds=round(self._host.now() - self._start, 3),
            warnings=self._warnings,
        )
        entry = "" if result.entry is None else result.entry.path or result.entry.name
        fields = {"usb_id": str(result.id), "port": result.port or "", "entry": entry, "outcome": outcome}
        logger.info("%(usb_id)s on port %(port)s: %(outcome)s (%(entry)s)", fields, extra=fields)
        return result
