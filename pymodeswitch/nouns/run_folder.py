"""Names below /run/pymodeswitch, which is gone after a boot; whoever looks for a file there asks here.

PORT          state of a port: its lock, its last switches, the last verdict (switching/port_state.py)
marks/PORT    what the sender has done for the stick on that port (switching/marks.py)
judge         the lock of the judge, of which there is one at a time (switching/judge.py)
boot          a judge has looked at everything since the system started
links/LINK    the serial port that has a link such as gsmmodem (modem/port_link.py)
links.lock    the lock of those that make links
"""

from __future__ import annotations

FOLDER = "/run/pymodeswitch"
MARKS, JUDGE, BOOT, LINKS, LINKS_LOCK = "marks", "judge", "boot", "links", "links.lock"
