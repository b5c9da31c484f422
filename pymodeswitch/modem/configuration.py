"""Texts for what dials: wvdial, pppd with chat, NetworkManager. A person puts them in place."""

from __future__ import annotations

import shlex
import string

from ..nouns.errors import UsageError

WVDIAL, PPPD, NMCLI = KINDS = ("wvdial", "pppd", "nmcli")
NAME = "internet"  # of the connection, in all three
GUEST = "guest"  # wvdial wants a name and a password even where the operator looks at neither
APN_CHARACTERS = frozenset(string.ascii_letters + string.digits + ".-_")  # 3GPP TS 23.003, 9.1
LONGEST_APN = 100


def configuration(
    kind: str, port: str, apn: str, user: str | None = None, password: str | None = None
) -> str:
    """The text for one of KINDS, with the place where it goes in its first lines.

    port: such as /dev/gsmmodem. UsageError for an APN, a name or a password that cannot be.
    """
    if not apn or len(apn) > LONGEST_APN or not set(apn) <= APN_CHARACTERS:
        raise UsageError(f"bad APN {apn!r}: expected letters, digits, '.', '-' and '_', as in 'internet'")
    for what, text in (("user", user), ("password", password)):
        if text is not None and not (text and text.isprintable() and text == text.strip()):
            raise UsageError(f"bad {what}: expected printable characters, no blank at either end")
    make = {WVDIAL: _wvdial, PPPD: _pppd, NMCLI: _nmcli}[kind]
    return make(port, apn, user, password)


def _wvdial(port: str, apn: str, user: str | None, password: str | None) -> str:
    return f"""\
; /etc/wvdial.conf -- then, as root: wvdial
; It dials again when the line breaks. Ctrl-C ends the connection.
[Dialer Defaults]
Modem = {port}
Modem Type = USB Modem
ISDN = 0
Baud = 460800
Init1 = ATZ
Init2 = ATQ0 V1 E1 S0=0 &C1 &D2
Init3 = AT+CGDCONT=1,"IP","{apn}"
Phone = *99***1#
Username = {user or GUEST}
Password = {password or GUEST}
New PPPD = yes
Stupid Mode = 1
"""


def _pppd(port: str, apn: str, user: str | None, password: str | None) -> str:
    chat = (
        "/usr/sbin/chat -t 30 ABORT BUSY ABORT 'NO CARRIER' ABORT ERROR '' ATZ OK 'ATE1V1&C1&D2'",
        f"""OK 'AT+CGDCONT=1,"IP","{apn}"' OK 'ATD*99***1#' CONNECT ''""",
    )
    connect = " \\\n  ".join(_escaped(line) for line in chat)  # a backslash at its end continues a line
    return f"""\
# /etc/ppp/peers/{NAME} -- then, as root: pppd call {NAME}
# `pkill pppd` ends the connection; the name servers are in /etc/ppp/resolv.conf.
{port} 460800
connect "{connect}"
modem
crtscts
noauth
user {_quoted(user or GUEST)}
password {_quoted(password or GUEST)}
noipdefault
defaultroute
usepeerdns
"""


def _quoted(text: str) -> str:
    """A word of a file of pppd's options."""
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _nmcli(port: str, apn: str, user: str | None, password: str | None) -> str:
    words = ["nmcli", "connection", "add", "type", "gsm", "ifname", "*", "con-name", NAME, "apn", apn]
    words += ["user", user] if user else []
    words += ["password", password] if password else []
    return f"""\
# For ModemManager and NetworkManager, as root. It connects at once, and at each start.
{shlex.join(words)}
# nmcli connection down {NAME}    ends the connection, `up` makes it again
"""
