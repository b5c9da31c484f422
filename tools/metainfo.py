"""AppStream metainfo: software centres and isenkram suggest pymodeswitch for a stick by its modalias.

Written by `python -m tools.derived` with the other files below pymodeswitch/system/files/. AppStream 1.0,
"Generic component" and `provides/modalias`; a modalias is the kernel's, `usb:vVVVVpPPPPd*` in capitals.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from pymodeswitch.command.cli import DESCRIPTION
from pymodeswitch.nouns.model import UsbId
from tools.project import address

NAME = "pymodeswitch"
PYPI = f"https://pypi.org/project/{NAME}/"
FORGES = {"github.com": "io.github", "gitlab.com": "io.gitlab", "codeberg.org": "page.codeberg"}
SUMMARY = "Switch USB modems and Wi-Fi sticks that show up as a CD-ROM"


def component(home: str) -> str:
    """ID of the component for the project's address: its host reversed; on a forge, the owner's domain."""
    if not home:
        return f"org.example.{NAME}"  # a name that is nobody's, which the validator takes
    url = urlsplit(home)
    host, owner = url.hostname or "", url.path.strip("/").partition("/")[0]
    if host in FORGES:
        return f"{FORGES[host]}.{re.sub('[^A-Za-z0-9_]', '_', owner)}.{NAME}"
    return ".".join([*reversed(host.split(".")), NAME])


def modalias(usb_id: UsbId) -> str:
    """Pattern of the kernel's modalias for every device with an ID, whatever its release and classes."""
    return f"usb:v{usb_id.vendor:04X}p{usb_id.product:04X}d*"


def generated(ids: Iterable[UsbId], home: str | None = None) -> dict[str, str]:
    """The file by its path below the prefix. home: the project's address; None takes the constant."""
    home = address() if home is None else home
    return {f"share/metainfo/{component(home)}.metainfo.xml": metainfo(ids, home)}


def metainfo(ids: Iterable[UsbId], home: str) -> str:
    """Text of the file. Without an address its homepage is the page on PyPI."""
    provided = "\n".join(f"    <modalias>{modalias(usb_id)}</modalias>" for usb_id in ids)
    url = escape(home or PYPI)
    return f"""\
<?xml version="1.0" encoding="UTF-8"?>
<!-- Written by `python -m tools.derived` from data/; a test compares. -->
<component type="console-application">
  <id>{component(home)}</id>
  <metadata_license>MIT</metadata_license>
  <project_license>MIT AND GPL-2.0-or-later</project_license>
  <name>pymodeswitch</name>
  <summary>{SUMMARY}</summary>
  <developer id="{component(home).rpartition(".")[0]}">
    <name>The pymodeswitch authors</name>
  </developer>
  <description>
    <p>
      {escape(DESCRIPTION)}
      It picks the command from a file for each device, sends it, and watches the port to tell what came
      of it. udev starts it when a stick is plugged in.
    </p>
  </description>
  <categories>
    <category>System</category>
    <category>HardwareSettings</category>
  </categories>
  <url type="homepage">{url}</url>
  <content_rating type="oars-1.1"/>
  <provides>
    <binary>pymodeswitch</binary>
{provided}
  </provides>
</component>
"""
