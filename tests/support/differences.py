"""Where ours differs from the recorded reference on purpose, and why. Users read it in docs/differences.md.

Nothing else may differ; a line whose difference is gone fails, too.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.support.traffic import Outcome

Trace = tuple[str, ...]

DATA_FOR_CSW = (
    "the stick answers with data: the reference ends there; ours takes it off the wire, reads the CSW, and "
    "goes on"
)
EJECT = "out 01 5553424312345678000000000000061b000000020000000000000000000000"


def _to_the_end(*messages: str) -> Callable[[Trace], Trace]:
    """After the data of the first message its CSW, further messages with theirs, both halts cleared."""
    rest = [line for message in messages for line in (message, "in 81 13")]
    return lambda trace: (*trace, "in 81 1024", *rest, "clear-halt 81", "clear-halt 01")


# Name of the case: the reason, and what ours does, made from what the reference does. None: ours refuses
# the device file.
DIFFERENCES: dict[str, tuple[str, Callable[[Trace], Trace] | None]] = {
    "second message alone": (
        "the reference sends nothing and reports a success; ours says that the file names no method",
        None,
    ),
    "MobileActionMode and Configuration": (
        "in the reference the kernel's own claim for the interrupt transfers is still there and refuses "
        "the configuration; ours claims and releases",
        lambda trace: (*trace, "configuration 0", "configuration 2"),
    ),
    "04fc-2140": (DATA_FOR_CSW, _to_the_end()),
    "05c6-2000": (DATA_FOR_CSW, _to_the_end()),
    "0685-2000": (DATA_FOR_CSW, _to_the_end()),
    "messages, answered with data": (DATA_FOR_CSW, _to_the_end(EJECT)),
}


def expected(name: str, outcome: Outcome) -> Trace | None:
    """What ours has to do where the reference did `outcome`; None: refuse the device file."""
    if name not in DIFFERENCES:
        return outcome.trace
    _, ours = DIFFERENCES[name]
    return None if ours is None else ours(outcome.trace)
