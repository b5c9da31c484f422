"""switch(): the operation, from an ID or a port to a verdict."""

from __future__ import annotations

import os

from ..catalog.catalog import default_catalog
from ..host.linux import default_host
from ..nouns.errors import AnotherRunError, ModeSwitchError, UsageError
from ..nouns.model import DeviceFile, Status, SwitchResult, UsbId, parse_hex, parse_port
from ..nouns.protocols import Host
from ..nouns.record import replace
from ..planning.plan import make_plan
from ..planning.settings import Settings, read_settings
from ..transport.execution import Execution
from .attempts import MAX_TRIES, give_back_drivers
from .operation import Operation
from .operation import Progress as Progress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ..catalog.catalog import Catalog
    from .marks import Mark
    from .operation import Observer

DEFAULT_TIMEOUT_S = 20.0  # the reference's CheckSuccess
MAX_TIMEOUT_S = 3600.0
# What another run on the port may need beside its time for the verdict: a last transfer, drivers, nodes.
LOCK_GRACE_S = 10.0
# Without a time given: as long as any shipped device file may take.
LOCK_PATIENCE_S = 120.0


def switch(
    vendor: int | str | None = None,
    product: int | str | None = None,
    *,
    port: str | None = None,
    config: DeviceFile | str | os.PathLike[str] | None = None,
    timeout: float | None = None,
    wait: bool = True,
    dry_run: bool = False,
    mode: str | None = None,
    mbim: bool | None = None,
    as_written: bool = False,
    settings: Settings | None = None,
    data: Iterable[str | os.PathLike[str]] | str | os.PathLike[str] = (),
    catalog: Catalog | None = None,
    backend: Any = None,
    host: Host | None = None,
    observer: Observer | None = None,
) -> SwitchResult:
    """Switch a stick and see what comes of it.

    It finds the device, picks the device file, leaves alone what is right already, makes the plan, carries
    it out (three times at most while the stick stays unchanged), watches the port, and tells what appeared.

    vendor, product: initial ID, as ints or hex strings (0 to 0xffff); without them, whatever is on `port`.
    port: one certain stick (`1-1.2`). config: a DeviceFile or the path of one, instead of the catalogue.
    timeout: seconds for the whole verdict, over 0 to 3600, besides what the device file itself waits, and
    cutting off a stick whose storage driver hangs; by default its CheckSuccess, else 20. wait: False sends
    once and returns SENT without a verdict; kernel drivers stay detached then. dry_run: nothing is sent,
    PLANNED. mode: the way of switching, by its name in the device file, or `mbim` or `legacy` for a device
    with an MBIM configuration. mbim: whether such a configuration is preferred where the system has the
    driver. as_written: the device file is carried out as it stands, and once: neither the system's drivers
    nor the settings' modes change it, and a stick that stays is not tried again. settings: what counts
    where nothing is given; by default those of /etc/pymodeswitch.conf and usb_modeswitch.conf. data:
    folders of device files to look at first. catalog: an opened one, instead of those and the system's
    folders. backend: a pyusb backend (such as a virtual one) instead of
    this computer's USB. host: the same, for a Host of one's own. observer: called with Progress.

    While another run is at work on the port, this one waits for its verdict and tells that.

    Returns SWITCHED, or ALREADY when the stick is in its target class, or only its target is attached.
    Raises ModeSwitchError with `result`, before anything is sent: NotAttachedError, SeveralDevicesError,
    NoEntryError, DeviceFileError, NotStorageError, AccessError, BusyError, NoLibusbError, TransferError,
    TooOftenError, and without an ID SwitchingOffError; after it: UnchangedError, GoneError,
    UnexpectedDeviceError. UsageError and SettingsError come before anything is looked at, so their
    `result` may be None.
    """
    usb_id = _id(vendor, product)
    if usb_id is None and port is None:
        raise UsageError("which stick? give its ID, its port, or both")
    check_timeout(timeout)
    wanted_port = None if port is None else parse_port(port)
    settings = read_settings() if settings is None else settings
    if as_written:
        if mode is not None or mbim is not None:
            raise UsageError("as_written leaves no choice of a mode: give neither mode nor mbim")
        settings = replace(settings, modes={})
    own_host = host is None
    host = host or default_host(backend)
    if catalog is None:
        folders = (data,) if isinstance(data, str | os.PathLike) else data
        catalog = default_catalog(os.fspath(folder) for folder in folders)
    # How long another run on the port is waited for: without a verdict to come, not at all.
    patience = (LOCK_PATIENCE_S if timeout is None else timeout + LOCK_GRACE_S) if wait else 0.0
    operation = Operation(host, catalog, usb_id, wanted_port, mode, settings, observer)
    try:
        if wanted_port is not None and not dry_run and operation.is_done_by_another(wanted_port, patience):
            return operation.result(Status.ALREADY)
        if usb_id is None and wanted_port is not None and operation.is_target_of_some_entry(wanted_port):
            return operation.result(Status.ALREADY)
        given = operation.given_entry(config)
        device = operation.find_device(given)
        if device is None:
            return operation.result(Status.ALREADY)
        if usb_id is None and given is None and not dry_run:
            settings.require_switching()
        entry = given or operation.choose_entry(device, ask=not dry_run)
        ways = entry
        if not as_written:
            entry = operation.decide(device, entry, mbim)
        if wait and not dry_run:
            device = operation.after_a_fall(device, ways)
        if operation.is_right_already(device, ways):
            return operation.result(Status.ALREADY)
        if operation.is_right_beside(device, entry):
            return operation.result(Status.ALREADY)
        plan = operation.plan = make_plan(entry.device_file, device)
        if dry_run:
            return operation.result(Status.PLANNED)
        if not plan.steps and not plan.by_itself:
            operation.after = device  # nothing to do: Configuration=0, or the active one
            return operation.result(Status.ALREADY)
        if wanted_port is None and operation.is_done_by_another(device.port, patience):
            return operation.result(Status.ALREADY)
        seconds = timeout or entry.device_file.check_success_s or DEFAULT_TIMEOUT_S
        # One that stays may be the other device that has its ID: it is not bothered again.
        tries = 1 if as_written or entry.device_file.shared else MAX_TRIES
        return operation.carry_out(device, entry, plan, seconds if wait else None, tries)
    except ModeSwitchError as error:
        operation.leave_word(error)
        raise
    finally:
        operation.close()
        if own_host:
            host.close()


def judge_mark(
    mark: Mark,
    *,
    host: Host,
    catalog: Catalog,
    settings: Settings,
    observer: Observer | None = None,
) -> SwitchResult:
    """What comes of a stick that the sender has sent to, or could not; the stick may have left by now.

    Returns and raises what `switch()` does.
    """
    device = mark.device
    operation = Operation(host, catalog, device.id, device.port, None, settings, observer)
    try:
        if operation.is_done_by_another(device.port, LOCK_PATIENCE_S):
            return operation.result(Status.ALREADY)
        operation.before = device
        entry = operation.decide(device, operation.choose_entry(device, ask=False), None)
        plan = operation.plan = make_plan(entry.device_file, device)
        seconds = entry.device_file.check_success_s or DEFAULT_TIMEOUT_S
        tries = 1 if entry.device_file.shared else MAX_TRIES
        return operation.carry_out(device, entry, plan, seconds, tries, mark)
    except ModeSwitchError as error:
        if not isinstance(error, AnotherRunError):  # else that one does
            # Also where no try has begun, as with a device file that cannot be read just now.
            execution = Execution(device)
            execution.detached = set(mark.drivers)
            give_back_drivers(host, execution, operation.warn)
        operation.leave_word(error)
        raise
    finally:
        operation.close()


def _id(vendor: int | str | None, product: int | str | None) -> UsbId | None:
    if vendor is None and product is None:
        return None
    if vendor is None or product is None:
        raise UsageError("an ID is a vendor and a product: one of them is missing")
    return UsbId(parse_hex(vendor, "vendor ID"), parse_hex(product, "product ID"))


def check_timeout(timeout: object) -> None:
    """UsageError for what is neither None nor a time for a verdict."""
    is_number = isinstance(timeout, int | float) and not isinstance(timeout, bool)
    if timeout is not None and not (is_number and 0 < timeout <= MAX_TIMEOUT_S):  # type: ignore[operator]
        raise UsageError(f"bad timeout {timeout!r}: expected seconds, over 0 to {MAX_TIMEOUT_S:.0f}")
