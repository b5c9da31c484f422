"""What udev starts for one stick sends to all sticks that are there, while their own starts still wait.

Plugged in all at once, or there when udev begins, many sticks would else cost a Python each. Whoever comes
later finds the mark of this (sent.py).
"""

from __future__ import annotations

from .catalog import default_catalog
from .errors import ModeSwitchError
from .log import Logger
from .sent import is_marked
from .switching import switch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .host import Host
    from .model import Port
    from .settings import Settings

logger = Logger(__name__)

# Until this ends, udev holds back what it has to tell of the first stick, which has left by then.
MOST_S = 10.0


def send_to_others(host: Host, port: Port | None, settings: Settings, data: Sequence[str]) -> None:
    """Send to everything attached that wants it but what is on `port`, without waiting for verdicts.

    settings, data: as for switch(). What goes wrong is for the stick's own start to tell. A port at which
    another run is at work is left to it.
    """
    catalog = default_catalog(data)
    deadline = host.now() + MOST_S
    for device in host.devices():
        if device.port == port or is_marked(host, device) or not catalog.candidates(device.id):
            continue
        if host.now() >= deadline:
            break
        try:
            switch(port=device.port, wait=False, settings=settings, data=data, host=host)
        except ModeSwitchError as error:
            logger.debug("%s", error)
