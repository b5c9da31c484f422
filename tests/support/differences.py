"""Where ours differs from the recorded reference on purpose, and why. Users read it in docs/differences.md.

Nothing else may differ; a line whose difference is gone fails, too.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.support.traffic import Outcome

Trace = tuple[str, ...]

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
}


def expected(name: str, outcome: Outcome) -> Trace | None:
    """What ours has to do where the reference did `outcome`; None: refuse the device file."""
    if name not in DIFFERENCES:
        return outcome.trace
    _, ours = DIFFERENCES[name]
    return None if ours is None else ours(outcome.trace)
