"""How udev and systemd start pymodeswitch: as a file, `python -I -S .../pymodeswitch/__main__.py`.

What takes longer than the switch itself is left out: the `site` module, looking for some forty modules one
after the other (`system install` puts them into one file, see bundle.py), collecting garbage of which there
is none, and tidying up at the end. That file is compiled at each start; this one is not.
"""

from __future__ import annotations

import os
import sys
from marshal import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

    # Full name, whether it is a package, its source, that one's time of change (ns) and size, its bytecode.
    Entry = tuple[str, bool, str, int, int, bytes]


def find_prefix() -> None:
    """What `site` would find: the environment that this Python is in, where modules look for files."""
    home = os.path.dirname(os.path.dirname(sys.executable))
    if sys.flags.no_site and os.path.exists(os.path.join(home, "pyvenv.cfg")):
        sys.prefix = sys.exec_prefix = home


def load(entries: Sequence[Entry]) -> None:
    """Make modules of what is in the bundle, in its order; of none if a source is not as it was."""
    find_prefix()
    for _, _, source, changed_ns, size, _ in entries:
        try:
            found = os.stat(source)
        except OSError:
            return
        if (found.st_mtime_ns, found.st_size) != (changed_ns, size):
            return
    spec: Any = type(sys.__spec__)
    for name, is_package, source, _, _, code in entries:
        if name in sys.modules:
            continue
        module: Any = type(sys)(name)
        module.__file__ = source
        module.__spec__ = spec(name, None, origin=source, is_package=is_package)
        parent, _, last = name.rpartition(".")
        module.__package__ = name if is_package else parent
        if is_package:
            module.__path__ = module.__spec__.submodule_search_locations = [os.path.dirname(source)]
        sys.modules[name] = module
        exec(loads(code), module.__dict__)
        if parent:
            setattr(sys.modules[parent], last, module)


def run_as_file() -> NoReturn:
    """Run the command line, and end the process with its exit code."""
    find_prefix()
    from .command.cli import main

    try:
        code = main()
    except KeyboardInterrupt:
        if sys.stderr is not None:
            sys.stderr.write("pymodeswitch: interrupted\n")
        code = 130  # 128 + SIGINT
    if sys.stderr is not None:
        sys.stderr.flush()
    os._exit(code)  # stdout is written by now
