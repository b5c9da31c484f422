"""systemd's journal: one entry with fields for each verdict, where the journal reads what we print.

The native protocol (systemd's "Journal Native Protocol"): a datagram of `FIELD=value` lines to
/run/systemd/journal/socket. No library is needed, and nothing is loaded where there is no journal.
"""

from __future__ import annotations

import os

from ..nouns.errors import ModeSwitchError
from ..nouns.model import AttachedDevice, SwitchResult

SOCKET = "/run/systemd/journal/socket"
INFO, WARNING, ERROR = 6, 4, 3  # syslog's


def is_reading(file: int) -> bool:
    """Whether the journal reads a standard stream of ours: systemd says which, by device and inode."""
    stream = os.environ.get("JOURNAL_STREAM", "")
    if not stream:
        return False
    try:
        status = os.fstat(file)
    except OSError:
        return False
    return stream == f"{status.st_dev}:{status.st_ino}"


def send_entry(message: str, priority: int, fields: dict[str, str], socket_path: str = SOCKET) -> bool:
    """Send one entry; False when there is no journal, which is no error.

    fields: names as the journal wants them (A to Z, 0 to 9 and `_`), values as they are.
    """
    import socket

    everything = {
        "MESSAGE": message,
        "PRIORITY": str(priority),
        "SYSLOG_IDENTIFIER": "pymodeswitch",
        **fields,
    }
    data = b"".join(_field(name, value) for name, value in everything.items())
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
            journal.sendto(data, socket.MSG_DONTWAIT, socket_path)
    except OSError:  # not there, not allowed, or it does not read just now: then the line is printed
        return False
    return True


def _field(name: str, value: str) -> bytes:
    """`NAME=value`, or for a value of several lines its length (64 bits, little-endian) before it."""
    data = value.encode("utf-8", "replace")
    if b"\n" not in data:
        return name.encode() + b"=" + data + b"\n"
    return name.encode() + b"\n" + len(data).to_bytes(8, "little") + data + b"\n"


def fields(
    result: SwitchResult | None, error: ModeSwitchError | None = None, device: AttachedDevice | None = None
) -> dict[str, str]:
    """What the journal is told of a verdict: ID, port, entry, outcome, and what is there now.

    PYMODESWITCH_OUTCOME is the status of the result, or the name of the error; all values are text.
    """
    found: dict[str, str] = {}
    if device is not None:
        found.update(ID=str(device.id), PORT=device.port)
    if result is not None:
        found.update(ID=str(result.id), PORT=result.port or found.get("PORT", ""))
        if result.entry is not None:
            found["ENTRY"] = result.entry.path or result.entry.name
        if result.after is not None:
            found["NOW"] = str(result.after.id)
        if result.nodes:
            found["NODES"] = " ".join(node.name for node in result.nodes)
        found["TRIES"] = str(result.tries)
        if result.status is not None:
            found["OUTCOME"] = result.status.value
    if error is not None:
        found.update(OUTCOME=type(error).__name__, EXIT_CODE=str(error.exit_code))
    return {f"PYMODESWITCH_{name}": value for name, value in found.items() if value}
