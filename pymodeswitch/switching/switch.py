"""switch(): the operation, from an ID or a port to a verdict."""

from __future__ import annotations

import os

from ..catalog.catalog import default_catalog
from ..host.linux import default_host
from ..nouns.errors import AnotherRunError, ModeSwitchError, UsageError
from ..nouns.model import DeviceFile, Status, SwitchResult, UsbId, parse_hex, parse_port
from ..nouns.protocols import Host
from ..nouns.record import replace
from ..planning.settings import Settings, read_settings
from ..transport.taken import Taken
from .account import Account
from .account import Progress as Progress
from .operation import Operation

__all__ = ["Progress", "switch"]  # public, as names of pymodeswitch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ..catalog.catalog import Catalog
    from .account import Observer
    from .marks import Mark

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
    account = Account(host, observer, is_verbose=settings.verbose)
    if usb_id is not None:
        account.begin(usb_id, wanted_port)
    operation = Operation(host, catalog, settings, account, mode)
    try:
        with operation:
            if wanted_port is not None:
                if not dry_run:
                    operation.take_turn(wanted_port, patience)
                if usb_id is None:
                    operation.identify(wanted_port)
            given = operation.given_entry(config)
            device = operation.find_device(wanted_port, given)
            if usb_id is None and given is None and not dry_run:
                settings.require_switching()
            ways = given or operation.choose_entry(device, ask=not dry_run)
            entry = ways if as_written else operation.decide(device, ways, mbim)
            if wait and not dry_run:
                device = operation.after_a_fall(device, ways, entry)
            operation.leave_alone_what_is_right(device, ways, entry)
            plan = operation.plan(device, entry)
            if dry_run:
                return account.result(Status.PLANNED)
            operation.leave_alone_what_needs_nothing(device, plan)
            if wanted_port is None:  # what is right already waits for nobody
                operation.take_turn(device.port, patience)
            return operation.carry_out(
                device, entry, plan, timeout=timeout, wait=wait, as_written=as_written
            )
        return account.result(Status.ALREADY)
    finally:
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
    account = Account(host, observer, is_verbose=settings.verbose)
    account.begin(device.id, device.port)
    operation = Operation(host, catalog, settings, account)
    with operation:
        try:
            operation.take_turn(device.port, LOCK_PATIENCE_S)
            entry = operation.sent_by(mark)
            plan = operation.plan(device, entry)
        except ModeSwitchError as error:
            # No try has begun, as with a device file that cannot be read just now.
            if not isinstance(error, AnotherRunError):  # which gives back itself
                Taken(device, mark.drivers, is_unconfigured=True).give_back(host, account)
            raise
        return operation.carry_out(device, entry, plan, mark=mark)
    return account.result(Status.ALREADY)


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
