"""The modules that a start by udev loads, in one file: written by `system install`, read by start.py.

Python takes 0.1 ms to look for a module, and on a small board forty times that. The file is in the format
of `marshal`: sys.version, the bytecode of start.py, and a `start.Entry` for each module. It counts for this
very Python, and only while all sources are as they were; else all is as without the file.
"""

from __future__ import annotations

import marshal
import os
import py_compile
import sys
import tempfile
from importlib.util import find_spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .start import Entry

PATH = os.path.join(
    os.path.dirname(os.path.abspath(__file__)),
    "__pycache__",
    f"start.{sys.implementation.cache_tag}.bundle",
)
HEADER = 16  # bytes before the code in a .pyc file (PEP 552)

# Each behind those that it imports. What is not here is read as usual; a test says what is missing.
NAMES = """
    start nouns nouns.errors nouns.log nouns.run_folder device_files device_files.files nouns.record
    device_files.keys nouns.steps planning planning.messages planning.methods nouns.model
    nouns.protocols device_files.values device_files.syntax planning.settings planning.policy
    device_files.names large catalog catalog.sources catalog.matching catalog.catalog planning.plan
    transport transport.faults usbfs host host.sysfs host.linux switching switching.port_state sent
    transport.execution switching.verdict switching.attempts switching.operation switching.switch
    burst command command.console command.quick command.arguments command.report command.verbs
    command.verbs.switch command.cli
""".split()


def is_current(data: bytes) -> bool:
    """Whether a bundle still holds: made for this Python, from these sources."""
    try:
        version, _, entries = marshal.loads(data)
        return version == sys.version and [tuple(place) for *place, _ in entries] == _places()
    except (OSError, ValueError, EOFError, TypeError):
        return False


def content() -> bytes:
    """What belongs into it now. OSError when a module cannot be read, or compiled."""
    entries: list[Entry] = [(*place, _code(place[2])) for place in _places()]
    start = next(code for name, *_, code in entries if name.endswith(".start"))
    return marshal.dumps((sys.version, start, entries))


def _places() -> list[tuple[str, bool, str, int, int]]:
    """All of an entry but its bytecode."""
    found = []
    for name in ("__future__", "pymodeswitch", *(f"pymodeswitch.{name}" for name in NAMES)):
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        stat = os.stat(spec.origin)
        is_package = spec.submodule_search_locations is not None
        found.append((name, is_package, spec.origin, stat.st_mtime_ns, stat.st_size))
    return found


def _code(source: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        compiled = os.path.join(folder, "compiled")
        try:
            py_compile.compile(source, compiled, doraise=True)
        except py_compile.PyCompileError as error:
            raise OSError(str(error)) from error
        with open(compiled, "rb") as file:
            return file.read()[HEADER:]
