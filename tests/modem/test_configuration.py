"""The texts for wvdial, pppd and NetworkManager, word by word; the rig dials with them."""

from __future__ import annotations

import shlex
import textwrap

import pytest

from pymodeswitch.modem import KINDS, configuration
from pymodeswitch.modem.examination import keep_away_rule
from pymodeswitch.nouns.errors import UsageError
from pymodeswitch.nouns.model import AttachedDevice, Port, UsbId
from tests.support import CHECKOUT

GUIDE = CHECKOUT / "docs/first-stick.md"


def test_wvdial() -> None:
    text = configuration("wvdial", "/dev/gsmmodem", "web.example", "me", 'p"a;ss')
    settings = dict(line.split(" = ", 1) for line in text.splitlines() if " = " in line)
    assert settings["Modem"] == "/dev/gsmmodem"
    assert settings["Init3"] == 'AT+CGDCONT=1,"IP","web.example"'
    assert (settings["Username"], settings["Password"]) == ("me", 'p"a;ss')
    assert "Username = guest\nPassword = guest\n" in configuration("wvdial", "/dev/ttyACM0", "x")


def test_pppd() -> None:
    text = configuration("pppd", "/dev/gsmmodem", "web", "me", 'a"b\\c')
    assert 'password "a\\"b\\\\c"\n' in text
    (connect,) = [line for line in text.replace("\\\n", "").splitlines() if line.startswith("connect ")]
    # pppd takes the quotation marks off, a shell splits the rest into chat's words.
    words = shlex.split(connect.removeprefix('connect "').removesuffix('"').replace('\\"', '"'))
    assert words[words.index("OK", 10) :] == [
        *("OK", "ATE1V1&C1&D2", "OK", 'AT+CGDCONT=1,"IP","web"', "OK", "ATD*99***1#", "CONNECT", ""),
    ]


def test_nmcli() -> None:
    text = configuration("nmcli", "/dev/x", "web", "me", "a b$c")
    (line,) = [line for line in text.splitlines() if not line.startswith("#")]
    assert shlex.split(line)[2:] == [
        *("add", "type", "gsm", "ifname", "*", "con-name", "internet", "apn", "web"),
        *("user", "me", "password", "a b$c"),
    ]
    assert "user" not in configuration("nmcli", "/dev/x", "web").splitlines()[1]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("apn", "user", "password"),
    [
        ("", None, None),
        ('a"', None, None),
        ("a b", None, None),
        ("ä", None, None),
        ("x" * 101, None, None),
        ("a", "", None),
        ("a", "u\nconnect x", None),
        ("a", "u", " p"),
    ],
)
def test_what_cannot_be(kind: str, apn: str, user: str | None, password: str | None) -> None:
    with pytest.raises(UsageError):
        configuration(kind, "/dev/x", apn, user, password)


@pytest.mark.parametrize("kind", KINDS)
def test_the_guide_shows_what_is_printed(kind: str) -> None:
    """And the rig dials with what is printed."""
    text = configuration(kind, "/dev/gsmmodem", "internet")
    assert textwrap.indent(text, "    ") in GUIDE.read_text()


def test_the_guide_shows_the_rule() -> None:
    device = AttachedDevice(Port("1-1"), UsbId(0x19D2, 0x1203), 1, 2)
    shown = GUIDE.read_text().replace("\\\n      ", "")
    assert f"    {keep_away_rule(device)}\n" in shown
