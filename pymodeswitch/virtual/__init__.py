"""Virtual USB sticks: for the demo, for tests of pymodeswitch, and for tests of code that uses it.

bus = VirtualBus()
bus.plug(mf691(), "1-1")
pymodeswitch.switch(0x19d2, 0x1201, backend=VirtualBackend(bus))
"""

from .backend import VirtualBackend
from .bus import Attached, Clock, RealClock, SimulatedClock, VirtualBus
from .stick import Function, Leave, Mode, Setup, Stall, Stick
from .sticks import is_eject, mf691, modem_mode, storage_interface
from .storage import Command, MassStorage, Reply

__all__ = [
    "Attached",
    "Clock",
    "Command",
    "Function",
    "Leave",
    "MassStorage",
    "Mode",
    "RealClock",
    "Reply",
    "Setup",
    "SimulatedClock",
    "Stall",
    "Stick",
    "VirtualBackend",
    "VirtualBus",
    "is_eject",
    "mf691",
    "modem_mode",
    "storage_interface",
]
