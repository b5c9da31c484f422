"""Names below /run/pymodeswitch, which is gone after a boot; whoever looks for a file there asks here.

PORT                state of a port: its lock, its last switches and the last verdict (port_state.py)
sent/PORT@NUMBER    the stick with that device number has its messages (sent.py)
links/LINK          the serial port that has a link such as gsmmodem (port_link.py)
burst               a start that sends to what else is plugged in (burst.py)
"""

from __future__ import annotations

FOLDER = "/run/pymodeswitch"
SENT, LINKS, BURST = "sent", "links", "burst"
