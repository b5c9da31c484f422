"""From a plan to a verdict: send, watch, and send again while the stick stays as it is.

The port is the only judge (`port_watch.py`): errors on the way decide nothing once something may have been
sent, and a stick that leaves too early may just as well be on its way to its target.
"""

from __future__ import annotations

from ..nouns.errors import AccessError, BusyError, GoneError, ModeSwitchError, NoLibusbError, TransferError
from ..nouns.model import AttachedDevice, Entry
from ..nouns.protocols import Host
from ..nouns.steps import AwaitUnits, Plan, Step
from ..planning.plan import make_plan, other_way
from ..transport.execution import Execution, execute, give_back
from .connector import Connector
from .verdict import Verdict, failure, judge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..transport.faults import Fault
    from .marks import Mark

# A stick that does not react at once may only be slow: each try gets this share of the time that is left,
# and later ones settle first, for as long as the reference always does.
SHARES = (0.25, 0.5, 1.0)
MAX_TRIES = len(SHARES)
SETTLE_BEFORE_RETRY_S = 0.5

# With these nothing was sent, and perhaps nothing can be sent this way.
BARRED = (AccessError, BusyError, NoLibusbError, TransferError)


class Attempts:
    """The tries to switch one stick.

    mark: what the sender has done for this stay: if it has sent, that was the first try. tries: how many
    there were. after: what is on the port now. tell: called with kind, text and step. warn: called with what
    the user should know.
    """

    def __init__(
        self,
        host: Host,
        device: AttachedDevice,
        entry: Entry,
        plan: Plan,
        *,
        mark: Mark | None = None,
        tell: Callable[..., None],
        warn: Callable[[str], None],
    ) -> None:
        self.host = host
        self.device = device
        self.entry = entry
        self.device_file = entry.device_file
        self.plan = plan
        self.tell = tell
        self.warn = warn
        self.tries = 0
        self.after: AttachedDevice | None = None
        self._connector = Connector(host, device)
        self._execution = Execution(device)
        self._mark = mark
        self._is_sent = mark is not None and mark.is_sent
        if mark is not None:
            # What the sender has taken from the stick is to be given back, too.
            self._execution.detached = set(mark.drivers)
            self._execution.unconfigured = True  # which counts only if it is so
        self._delivered = self._is_sent
        self._error: ModeSwitchError | None = None
        self._deadline = float("inf")
        self._may_cut_off = True

    def send_once(self) -> None:
        """One try without a verdict: kernel drivers stay detached, as nobody will know whether it stays.

        Raises what `until_verdict` raises before anything is sent, and TransferError when not all of it got
        through while the device was there; then it gets its drivers back.
        """
        try:
            self._try(1, stubborn=True)
            if self._error is not None:
                raise self._error
            if self._execution.started and not self._delivered:
                raise TransferError(f"{self.device.describe()}: {self._undelivered()}")
            if self._execution.unsent:
                raise TransferError(f"{self.device.describe()}: {self._unsent()}")
            self._execution.detached.clear()
        finally:
            self._give_back()

    def until_verdict(self, seconds: float, tries: int = MAX_TRIES) -> tuple[Verdict, AttachedDevice]:
        """So many tries (1 to 3) at most, for as long as that; returns a verdict that is a switch, and the
        device.

        Raises AccessError, BusyError, NoLibusbError, TransferError when nothing could be sent at all, else
        UnchangedError, GoneError or UnexpectedDeviceError by what the port shows.
        """
        from .port_watch import watch  # not needed where nobody waits

        self._deadline = self.host.now() + seconds + self.plan.waits_s
        others = self.host.devices() if self.entry.device_file.cisco_mode else None
        verdict = Verdict.UNCHANGED
        try:
            for number, share in enumerate(SHARES[-tries:], 1):
                if number > 1:
                    if self.host.now() + SETTLE_BEFORE_RETRY_S >= self._deadline:
                        break
                    self.tell("try", "unchanged: once more, slower")
                    self.host.sleep(SETTLE_BEFORE_RETRY_S)
                if self._is_sent and number == 1:
                    self.tries += 1
                    self.tell("try", "the sender has sent: waiting for what comes of it")
                else:
                    self._try(number)
                now = self.host.now()
                # Without another try to come, this one gets the whole time.
                until = now + (self._deadline - now) * share
                if self.plan.by_itself or until + SETTLE_BEFORE_RETRY_S >= self._deadline:
                    until = self._deadline
                verdict, self.after = watch(
                    self.host,
                    self.device,
                    self.entry,
                    until=until,
                    deadline=self._deadline,
                    tell=self.tell,
                    others=others,
                    connector=self._connector,
                )
                if verdict is not Verdict.UNCHANGED or self.plan.by_itself:
                    break
        finally:
            self._give_back()
        if verdict.is_switch and self.after is not None:
            return verdict, self.after
        raise self._failure(verdict, seconds)

    def _try(self, number: int, *, stubborn: bool = False) -> None:
        """Run the plan on the stick as it is now. stubborn: no later try will come."""
        if self.plan.by_itself:
            return
        now = self._connector.now()
        if self._is_late(number) and judge(self.device, now, self.entry) is not Verdict.UNCHANGED:
            return  # it went after the last look: what it becomes is for the watcher to tell
        if now is not None and not now.same_stay(self._execution.device) and now.interfaces:
            # It came back as it was: with a new number, and with its drivers.
            self._execution = Execution(now)
            self.plan = make_plan(self.device_file, now)
        self._execution.started = self._execution.delivered = False
        try:
            self._send(number, stubborn=stubborn or number > 1)
        except GoneError as error:
            # Perhaps it switches by itself, or late: its port will tell.
            self._error = error
            self.tell("try", str(error))
        except ModeSwitchError as error:
            if not self.tries:
                raise
            self.warn(f"try {number}: {error}")
        else:
            self._error = None
        self.tries += self._execution.started
        self._delivered = self._delivered or self._execution.delivered

    def _is_late(self, number: int) -> bool:
        """Whether the device was looked at so long ago that it may be another one by now."""
        return number > 1 or self._mark is not None

    def _send(self, number: int, *, stubborn: bool) -> None:
        """Execute the plan; where its way is barred, the same commands go the other way.

        Past the storage driver, or through it: what bars the way past it has a cure, so when both are
        barred that is raised.
        """

        def run() -> None:
            self.tell("try", f"try {number}: {self.plan.method}")
            execute(
                self.plan,
                self.host,
                self._execution,
                deadline=self._deadline,
                on_step=self._on_step,
                stubborn=stubborn,
            )

        def run_past_what_hangs() -> None:
            start = self.host.now()
            try:
                run()
            except BusyError:
                if not self._execution.driver_hangs or not self.plan.opens_device:
                    raise
                self._free_the_driver(start)
                run()

        try:
            run_past_what_hangs()
        except BARRED as barred:
            before = self.device_file, self.plan
            if not self._go_the_other_way():
                raise
            self.tell("try", f"{barred}; so it goes the other way")
            try:
                run_past_what_hangs()
            except BARRED as error:
                self.device_file, self.plan = before
                self.tell("try", f"the other way: {error}")
                if self.device_file.through_driver:
                    raise
                raise barred from error

    def _free_the_driver(self, start: float) -> None:
        """Get rid of a storage driver that hangs; the stick is cut off for that once a call at most.

        Then it goes on with the next stay, at once: in a second (`delay_use`) that is scanned, too. What
        that takes since `start` is not counted as the stick's time.
        """
        from ..transport.hanging_driver import free

        device = self._execution.device
        may_cut, self._may_cut_off = self._may_cut_off, False
        now = free(
            self.host, device, may_cut=may_cut, deadline=self._deadline, tell=self.tell, warn=self.warn
        )
        if not now.same_stay(device):
            self.device = self.after = now
            self._execution = Execution(now)
            self.plan = make_plan(self.device_file, now)
            self._deadline += self.host.now() - start

    def _go_the_other_way(self) -> bool:
        """Change the plan; through the storage driver only while there is one that does not hang."""
        if self._execution.driver_hangs and self.plan.opens_device:
            return False
        device = self.host.at(self._execution.device.port)
        if device is None or not device.same_stay(self._execution.device):
            return False
        other = other_way(self.device_file, device)
        if other is None:
            return False
        from ..transport.storage_driver import storage_driver

        for step in other[1].steps:
            if isinstance(step, AwaitUnits) and storage_driver(device, step.interface) is None:
                return False
        self.device_file, self.plan = other
        return True

    def _on_step(self, step: Step, fault: Fault | None) -> None:
        self.tell("step", "ok" if fault is None else fault.value, step)

    def _give_back(self) -> None:
        give_back_drivers(self.host, self._execution, self.warn)

    def _undelivered(self) -> str:
        faults = sorted({fault.value for _, fault in self._execution.faults})
        return f"no transfer got through ({', '.join(faults) or 'unknown reason'})"

    def _unsent(self) -> str:
        """What was not sent, for a message."""
        from ..planning.description import describe_step

        step = self._execution.unsent[0]
        faults = sorted({fault.value for other, fault in self._execution.faults if other == step})
        return f"not all of it was sent: {describe_step(step)} ({', '.join(faults) or 'left out'})"

    def _failure(self, verdict: Verdict, seconds: float) -> ModeSwitchError:
        if self._error is not None and not self.tries and verdict in (Verdict.UNCHANGED, Verdict.GONE):
            return self._error
        times = "once" if self.tries == 1 else f"{self.tries} times"
        what = f"tried {times}" if self.tries else "nothing was sent, on purpose"
        if self.device_file.shared and verdict is Verdict.UNCHANGED:
            what += f"; its ID is also that of {self.device_file.shared}: perhaps it is one"
        if self.tries and not self._delivered:
            what += f"; {self._undelivered()}"
        error = failure(verdict, self.device, self.after, seconds=seconds, what=what)
        if verdict is Verdict.GONE and self.host.is_virtual_machine():
            return GoneError(
                f"{error}; a virtual machine has to be given its port, not its ID, which changes"
            )
        return error


def give_back_drivers(host: Host, execution: Execution, warn: Callable[[str], object]) -> None:
    """A stick that stayed gets its configuration and its kernel drivers back, whatever happened."""
    if not execution.detached and not execution.unconfigured:
        return
    now = host.at(execution.device.port)
    if now is None or not now.same_stay(execution.device):
        return
    try:
        transport = host.open(now)
    except ModeSwitchError as error:
        warn(f"the kernel drivers of {now.describe()} stay detached: {error}")
        return
    try:
        for fault in give_back(now, transport, execution):
            warn(f"a kernel driver of {now.describe()} stays detached: {fault.value}")
    finally:
        transport.close()
