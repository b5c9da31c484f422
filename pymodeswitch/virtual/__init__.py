"""Virtual USB sticks: for the demo, for tests of pymodeswitch, and for tests of code that uses it.

bus = VirtualBus()
bus.plug(mf691(), "1-1")
pymodeswitch.switch(0x19d2, 0x1201, backend=VirtualBackend(bus))

Imports nothing; what makes a stick of a device file loads planning when it is called.
"""

from .backend import VirtualBackend
from .bus import Attached, Clock, RealClock, SimulatedClock, VirtualBus
from .from_file import stick_from
from .mbim import MbimModem, mbim_mode
from .modem import AcmPort
from .network import Router
from .network_card import EcmCard, network_card_mode
from .radio import Call, Context, Radio
from .reactions import (
    Request,
    control_stick,
    message_stick,
    mobile_action_stick,
    storage_mode,
    two_configurations,
    waits_for_requests,
)
from .stick import Function, Leave, Mode, Setup, Stall, Stick
from .sticks import is_eject, mf691, modem_mode, storage_interface
from .storage import Command, MassStorage, Reply
from .terminal import ModemTerminal

__all__ = [
    "AcmPort",
    "Attached",
    "Call",
    "Clock",
    "Command",
    "Context",
    "EcmCard",
    "Function",
    "Leave",
    "MassStorage",
    "MbimModem",
    "Mode",
    "ModemTerminal",
    "Radio",
    "RealClock",
    "Reply",
    "Request",
    "Router",
    "Setup",
    "SimulatedClock",
    "Stall",
    "Stick",
    "VirtualBackend",
    "VirtualBus",
    "control_stick",
    "is_eject",
    "mbim_mode",
    "message_stick",
    "mf691",
    "mobile_action_stick",
    "modem_mode",
    "network_card_mode",
    "stick_from",
    "storage_interface",
    "storage_mode",
    "two_configurations",
    "waits_for_requests",
]
