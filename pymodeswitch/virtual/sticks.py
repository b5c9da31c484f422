"""Ready-made virtual sticks."""

from __future__ import annotations

from collections.abc import Callable

from .descriptors import MASS_STORAGE, Configuration, Endpoint, Identity, Interface
from .modem import AcmPort
from .radio import Radio
from .stick import Leave, Mode, Stick
from .storage import Command, MassStorage, Reply


def storage_interface(storage: MassStorage) -> Interface:
    """Interface descriptor of a mass storage function (SCSI transparent, bulk-only)."""
    return Interface(
        storage.interface,
        MASS_STORAGE,
        0x06,
        0x50,
        (Endpoint(storage.endpoint_out), Endpoint(storage.endpoint_in)),
    )


def is_eject(command: Command) -> bool:
    """True for START STOP UNIT with LoEj set and Start clear (MMC-5, 6.42)."""
    return command.cdb[0] == 0x1B and command.cdb[4] & 0x03 == 0x02


def modem_mode(
    vendor: int, product: int, *, ports: int = 2, serial: str = "", radio: Radio | None = None
) -> Mode:
    """A composite device of `ports` CDC ACM ports, which answer AT commands; they share one radio."""
    radio = Radio() if radio is None else radio
    functions = tuple(AcmPort(2 * number, radio) for number in range(ports))
    interfaces = tuple(i for function in functions for i in function.interfaces())
    identity = Identity(
        vendor,
        product,
        (Configuration(interfaces),),
        manufacturer="ZTE, Incorporated",
        product_name="ZTE CDMA Technologies MSM",
        serial=serial,
    )
    return Mode(identity, functions)


def mf691(
    *,
    serial: str = "P671A1TMOD010000",
    switches_on: Callable[[Command], bool] = is_eject,
    leave: Leave | None = Leave(),
    before_status: bool = False,
    csw_status: int = 0,
    radio: Radio | None = None,
) -> Stick:
    """A T-Mobile webConnect Rocket 2.0 (ZTE MF691): 19d2:1201, then 19d2:1203 with two ACM ports.

    switches_on: tells the command that switches it; by default an eject. The real stick takes the
    StandardEject sequence as well as the single eject of 2011.
    leave: how it leaves the bus then; None is a stick that answers and stays.
    before_status: it leaves without the CSW; by default the CSW can be read.
    csw_status: bCSWStatus of that command (0 passed, 1 failed).
    radio: SIM, network and calls of the modem; one that is registered by default.
    """
    storage = MassStorage()
    identity = Identity(
        0x19D2,
        0x1201,
        (Configuration((storage_interface(storage),)),),
        manufacturer="ZTE, Incorporated",
        product_name="USB Storage",
        serial=serial,
    )
    stick = Stick([Mode(identity, (storage,)), modem_mode(0x19D2, 0x1203, serial=serial, radio=radio)])

    def hook(command: Command) -> Reply | None:
        if not switches_on(command):
            return None
        return answer_and_leave(stick, leave, before_status=before_status, status=csw_status)

    storage.hook = hook
    return stick


def answer_and_leave(
    stick: Stick, leave: Leave | None, *, before_status: bool = False, status: int = 0
) -> Reply:
    """The reply to the command that switches: the stick leaves once its CSW is read, or without one."""
    if leave is None:
        return Reply(status=status)
    if before_status or leave.silent:
        stick.leave(leave)
        return Reply(mute=True)
    return Reply(status=status, after_status=lambda: stick.leave(leave))
