"""pymodeswitch: flips USB sticks that show up as a fake CD-ROM into the device that they are.

    >>> import pymodeswitch
    >>> result = pymodeswitch.switch(0x19d2, 0x1201)
    >>> result.status, result.after.id, [node.name for node in result.nodes]

Public: `switch`, `scan`, and what they take, return and raise; `pymodeswitch.device_files` reads and writes
device files, `pymodeswitch.doctor` says what is wrong, `pymodeswitch.virtual` has sticks without hardware.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .catalog.catalog import *
    from .nouns.errors import *
    from .nouns.model import *
    from .nouns.protocols import *
    from .planning.settings import *
    from .switching.fleet import *
    from .switching.switch import *

__version__ = "0.1.0"

# Where the public names live; each of these modules says in its `__all__` which of its names are public.
# Loaded when they are asked for: `python -m pymodeswitch --help` needs none of them, and a Ctrl-C while
# they load is answered by the command.
_HOMES = (
    "nouns.errors",
    "nouns.model",
    "nouns.protocols",
    "planning.settings",
    "catalog.catalog",
    "switching.switch",
    "switching.fleet",
)


def _home(name: str) -> Any:
    return __import__(name, globals(), fromlist=["__all__"], level=1)


def __getattr__(name: str) -> Any:
    if name == "__all__":
        value: Any = sorted({"__version__", *(public for home in _HOMES for public in _home(home).__all__)})
    else:
        homes = () if name.startswith("_") else map(_home, _HOMES)
        home = next((home for home in homes if name in home.__all__), None)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__getattr__("__all__")})
