"""From a plan to a verdict: send, watch, and send again while the stick stays as it is.

The port is the only judge (`port_watch.py`): errors on the way decide nothing once something may have been
sent, and a stick that leaves too early may just as well be on its way to its target.
"""

from __future__ import annotations

from ..nouns.errors import AccessError, BusyError, GoneError, ModeSwitchError, NoLibusbError, TransferError
from ..nouns.model import AttachedDevice, DeviceFile, Entry
from ..nouns.protocols import Host, Reporter
from ..nouns.record import Record
from ..nouns.steps import AwaitUnits, Plan, Step
from ..planning.plan import make_plan, other_way
from ..transport.execution import Execution, execute
from ..transport.taken import Taken
from .connector import Connector
from .verdict import Verdict, failure, judge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .marks import Mark

# A stick that does not react at once may only be slow: each try gets this share of the time that is left,
# and later ones settle first, for as long as the reference always does.
SHARES = (0.25, 0.5, 1.0)
MAX_TRIES = len(SHARES)
SETTLE_BEFORE_RETRY_S = 0.5

# With these nothing was sent, and perhaps nothing can be sent this way.
BARRED = (AccessError, BusyError, NoLibusbError, TransferError)


class Attempted(Record):
    """What the tries to switch one stick came to.

    verdict: a switch; None with an error, and where nobody looked. device: what is on the port now, as far
    as was looked at. tries: how many there were. plan: the last one. error: why it is no switch; before
    anything is sent AccessError, BusyError, NoLibusbError, TransferError, else UnchangedError, GoneError or
    UnexpectedDeviceError by what the port shows. DeviceFileError, NotStorageError: it came back otherwise.
    """

    verdict: Verdict | None
    device: AttachedDevice | None
    tries: int
    plan: Plan
    error: ModeSwitchError | None


class Attempts:
    """The tries to switch one stick. mark: what the sender has done for this stay: its message is a try."""

    def __init__(
        self,
        host: Host,
        device: AttachedDevice,
        entry: Entry,
        plan: Plan,
        reporter: Reporter,
        mark: Mark | None,
    ) -> None:
        self.host = host
        self.device = device
        self.entry = entry
        self.reporter = reporter
        self.device_file, self.plan = entry.device_file, plan
        self.after: AttachedDevice | None = None
        # What the sender has taken from the stick is to be given back, too.
        self.taken = Taken(device) if mark is None else Taken(device, mark.drivers, is_unconfigured=True)
        self._has_mark = mark is not None
        self._done = [Execution(True, True)] if mark is not None and mark.is_sent else []
        self._connector = Connector(host, device)
        self._error: GoneError | None = None  # of the last try
        self._deadline = float("inf")
        self._may_cut_off = True

    @property
    def tries(self) -> int:
        """How many there were."""
        return sum(execution.started for execution in self._done)

    def run(self, seconds: float | None, tries: int) -> Attempted:
        """So many tries (1 to 3) at most, for as long as that, beside what the plan itself waits.

        seconds: None sends once and does not look; kernel drivers stay detached, as nobody will know whether
        the stick stays. Else one that stays has them back.
        """
        verdict = error = None
        try:
            if seconds is None:
                self._send_once()
            else:
                verdict = self._until_verdict(seconds, tries)
        except ModeSwitchError as caught:
            error = caught
        finally:
            self.taken.give_back(self.host, self.reporter)
        return Attempted(verdict, self.after, self.tries, self.plan, error)

    def _send_once(self) -> None:
        """TransferError when not all of it got through while the device was there."""
        self._try(1, stubborn=True)
        if self._error is not None:
            raise self._error
        if what := self._undelivered() or self._unsent():
            raise TransferError(f"{self.device.describe()}: {what}")
        self.taken.leave_drivers_off()

    def _until_verdict(self, seconds: float, tries: int) -> Verdict:
        """Try and look; returns a verdict that is a switch, raises the error for another one."""
        from .port_watch import watch  # not needed where nobody waits

        self._deadline = self.host.now() + seconds + self.plan.waits_s
        verdict = Verdict.UNCHANGED
        others = self.host.devices() if self.entry.device_file.cisco_mode else None
        for number, share in enumerate(SHARES[-tries:], 1):
            if number > 1:
                if self.host.now() + SETTLE_BEFORE_RETRY_S >= self._deadline:
                    break
                self.reporter.tell("try", "unchanged: once more, slower")
                self.host.sleep(SETTLE_BEFORE_RETRY_S)
            if number == 1 and self._done:
                self.reporter.tell("try", "the sender has sent: waiting for what comes of it")
            else:
                self._try(number, stubborn=number > 1)
            now = self.host.now()
            # Without another try to come, this one gets the whole time.
            until = now + (self._deadline - now) * share
            if self.plan.by_itself or until + SETTLE_BEFORE_RETRY_S >= self._deadline:
                until = self._deadline
            verdict, self.after = watch(
                self._connector,
                self.device,
                self.entry,
                self.reporter,
                until=until,
                deadline=self._deadline,
                others=others,
            )
            if verdict is not Verdict.UNCHANGED or self.plan.by_itself:
                break
        if not verdict.is_switch:
            raise self._failure(verdict, seconds)
        return verdict

    def _try(self, number: int, *, stubborn: bool) -> None:
        """Run the plan on the stick as it is now. stubborn: no later try will come, or this is one."""
        if self.plan.by_itself:
            return
        now = self._connector.now()
        is_late = number > 1 or self._has_mark  # the last look was so long ago that it may be another one
        if is_late and judge(self.device, now, self.entry) is not Verdict.UNCHANGED:
            return  # it went after the last look: what it becomes is for the watcher to tell
        if now is not None and not now.same_stay(self.taken.device) and now.interfaces:
            self._follow(now)  # it came back as it was
        try:
            self._done.append(self._send(number, stubborn))
        except GoneError as error:
            # Perhaps it switches by itself, or late: its port will tell.
            self._error = error
            self.reporter.tell("try", str(error))
        except ModeSwitchError as error:
            if not self.tries:
                raise
            self.reporter.warn(f"try {number}: {error}")
        else:
            self._error = None

    def _follow(self, now: AttachedDevice) -> None:
        """The stick has another stay: with a new number, and with its drivers."""
        self.taken = Taken(now)
        self.plan = make_plan(self.device_file, now)

    def _send(self, number: int, stubborn: bool) -> Execution:
        """Execute the plan; where its way is barred, the same commands go the other way.

        Past the storage driver, or through it: what bars the way past it has a cure, so when both are
        barred that is raised.
        """
        try:
            return self._execute(number, stubborn)
        except BARRED as barred:
            own, other = (self.device_file, self.plan), self._other_way(barred)
            if other is None:
                raise
            self.reporter.tell("try", f"{barred}; so it goes the other way")
            self.device_file, self.plan = other
            try:
                return self._execute(number, stubborn)
            except BARRED as error:
                self.device_file, self.plan = own
                self.reporter.tell("try", f"the other way: {error}")
                if self.device_file.through_driver:
                    raise
                raise barred from error

    def _execute(self, number: int, stubborn: bool, *, may_free: bool = True) -> Execution:
        """Execute the plan, once more where a storage driver that hung is got rid of."""
        start = self.host.now()
        self.reporter.tell("try", f"try {number}: {self.plan.method}")
        try:
            return execute(
                self.plan, self.host, self.taken, self.reporter, deadline=self._deadline, stubborn=stubborn
            )
        except BusyError as error:
            if not (may_free and error.driver_hangs and self.plan.opens_device):
                raise
        self._free_the_driver(start)
        return self._execute(number, stubborn, may_free=False)

    def _free_the_driver(self, start: float) -> None:
        """Get rid of a storage driver that hangs; the stick is cut off for that once a call at most.

        Then it goes on with the next stay, at once: in a second (`delay_use`) that is scanned, too. What
        that takes since `start` is not counted as the stick's time.
        """
        from ..transport.hanging_driver import free

        device = self.taken.device
        may_cut, self._may_cut_off = self._may_cut_off, False
        now = free(self.host, device, may_cut=may_cut, deadline=self._deadline, reporter=self.reporter)
        if not now.same_stay(device):
            self.device = self.after = now
            self._follow(now)
            self._deadline += self.host.now() - start

    def _other_way(self, barred: ModeSwitchError) -> tuple[DeviceFile, Plan] | None:
        """The other way and its plan; through the storage driver only while there is one, and it works."""
        if isinstance(barred, BusyError) and barred.driver_hangs and self.plan.opens_device:
            return None
        device = self.host.at(self.taken.device.port)
        if device is None or not device.same_stay(self.taken.device):
            return None
        other = other_way(self.device_file, device)
        if other is None:
            return None
        from ..transport.storage_driver import storage_driver

        for step in other[1].steps:
            if isinstance(step, AwaitUnits) and storage_driver(device, step.interface) is None:
                return None
        return other

    def _faults(self, of: Step | None = None) -> str:
        """What the steps met, or one of them, for a message; empty for nothing."""
        faults = [met for execution in self._done for met in execution.faults]
        return ", ".join(sorted({fault.value for step, fault in faults if of in (None, step)}))

    def _undelivered(self) -> str:
        """That nothing got through, for a message; empty when something did, or nothing was tried."""
        if not self.tries or any(execution.delivered for execution in self._done):
            return ""
        return f"no transfer got through ({self._faults() or 'unknown reason'})"

    def _unsent(self) -> str:
        """What was not sent, for a message; empty when nothing is missing."""
        unsent = [step for execution in self._done for step in execution.unsent]
        if not unsent:
            return ""
        from ..planning.description import describe_step

        why = self._faults(unsent[0]) or "left out"
        return f"not all of it was sent: {describe_step(unsent[0])} ({why})"

    def _failure(self, verdict: Verdict, seconds: float) -> ModeSwitchError:
        tries = self.tries
        if self._error is not None and not tries and verdict in (Verdict.UNCHANGED, Verdict.GONE):
            return self._error
        times = "once" if tries == 1 else f"{tries} times"
        what = f"tried {times}" if tries else "nothing was sent, on purpose"
        if self.device_file.shared and verdict is Verdict.UNCHANGED:
            what += f"; its ID is also that of {self.device_file.shared}: perhaps it is one"
        if undelivered := self._undelivered():
            what += f"; {undelivered}"
        error = failure(verdict, self.device, self.after, seconds=seconds, what=what)
        if verdict is Verdict.GONE and self.host.is_virtual_machine():
            error = GoneError(
                f"{error}; a virtual machine has to be given its port, not its ID, which changes"
            )
        return error
