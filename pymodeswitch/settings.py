"""The administrator's settings: /etc/pymodeswitch.conf, in TOML.

mbim = false              # do not prefer MBIM configurations

[modes]
"12d1:1f01" = "modem"     # the way of switching, where a device file knows several
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .errors import SettingsError, UsageError
from .model import UsbId

PATH = "/etc/pymodeswitch.conf"


@dataclass(frozen=True, slots=True)
class Settings:
    """modes: name of the way of switching, by initial ID. mbim: whether MBIM is preferred.

    path: the file that they were read from; empty for the defaults.
    """

    modes: dict[UsbId, str] = field(default_factory=dict)
    mbim: bool = True
    path: str = ""


def read_settings(path: str | None = None) -> Settings:
    """The settings in a file (/etc/pymodeswitch.conf), the defaults when there is none. SettingsError."""
    path = PATH if path is None else path
    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    import tomllib  # 8 ms that only those pay who have the file

    try:
        return _settings(tomllib.loads(data.decode("utf-8-sig")), path)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, _WrongValue, UsageError) as error:
        raise SettingsError(f"{path}: {error}") from error


class _WrongValue(Exception):
    pass


def _settings(table: dict[str, Any], path: str) -> Settings:
    for key in table:
        if key not in ("mbim", "modes"):
            raise _WrongValue(f"unknown key {key!r}: there are mbim and modes")
    mbim, modes = table.get("mbim", True), table.get("modes", {})
    if not isinstance(mbim, bool):
        raise _WrongValue("mbim has to be true or false")
    if not isinstance(modes, dict) or not all(isinstance(name, str) for name in modes.values()):
        raise _WrongValue('modes has to be a table of lines such as "12d1:1f01" = "modem"')
    return Settings({UsbId.parse(usb_id): name for usb_id, name in modes.items()}, mbim, path)
