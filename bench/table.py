"""Figures to Markdown: the table at the end of docs/speed.md.

Each row is a bound that we mean to keep: ours, the other's, their ratio, and the bound.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

Figures = dict[str, Any]


class Row(NamedTuple):
    """A comparison. ours, other: as printed. result: the ratio or count. bound: what it has to keep.

    is_kept: None where the other one was not measured.
    """

    what: str
    ours: str
    other: str
    result: str
    bound: str
    is_kept: bool | None

    @property
    def markdown(self) -> str:
        """A line of the table."""
        mark = {None: "not measured", True: "kept", False: "**missed**"}[self.is_kept]
        bound = f"{self.bound}: {mark}"
        return f"| {' | '.join((self.what, self.ours, self.other, self.result, bound))} |"


HEAD = "| comparison | pymodeswitch | the other | result | bound |\n|---|---|---|---|---|"
OURS, THEIRS = "pymodeswitch", "usb_modeswitch"


def spread(values: Sequence[float], unit: str = "s", digits: int = 2) -> str:
    """Median, and the smallest and largest."""
    if not values:
        return ""
    middle = f"{statistics.median(values):.{digits}f} {unit}"
    return (
        middle if len(values) == 1 else f"{middle} ({min(values):.{digits}f} to {max(values):.{digits}f})"
    )


def compared(
    what: str, ours: Sequence[float], other: Sequence[float], most: float, unit: str = "s", digits: int = 2
) -> Row:
    """A row of two medians and their ratio."""
    printed = [spread(values, unit, digits) for values in (ours, other)]
    if not ours or not other:
        return Row(what, *printed, "", f"at most {most:.2f}", None)
    ratio = statistics.median(ours) / statistics.median(other)
    return Row(what, *printed, f"{ratio:.2f}", f"at most {most:.2f}", ratio <= most)


def counted(what: str, ours: Iterable[bool], other: Iterable[bool]) -> Row:
    """A row of how many plugs were so; ours are to be all."""
    mine, theirs = list(ours), list(other)
    results = [f"{sum(them)} of {len(them)}" if them else "" for them in (mine, theirs)]
    return Row(what, *results, results[0], "all", all(mine) and bool(mine))


def usable_s(figures: Figures) -> float:
    """From the plug to both ports, less the time from when the stick leaves until it is configured anew."""
    return float(figures["usable_s"] - figures["away_s"])


class Lines:
    """The figures of one system under one init."""

    def __init__(self, lines: Sequence[Figures], system: str, init: str) -> None:
        self._lines = [x for x in lines if (x["system"], x["init"]) == (system, init)]
        self.where = f"{system}, {'systemd' if init == 'systemd' else 'udev alone'}"

    def both(self, scenario: str) -> tuple[list[Figures], list[Figures]]:
        """Ours and theirs."""
        found = [x for x in self._lines if x["scenario"] == scenario]
        ours, theirs = ([x for x in found if x["contender"] == name] for name in (OURS, THEIRS))
        return ours, theirs


def rows(
    lines: Sequence[Figures], costs: dict[str, list[Any]], lookups: dict[int, list[float]]
) -> list[Row]:
    """All comparisons: in the guests, then on the host."""
    places = dict.fromkeys((x["system"], x["init"]) for x in lines)
    table = []
    for system, init in sorted(places, key=lambda place: (place[0], place[1] != "systemd")):
        here = Lines(lines, system, init)
        table += [*_plug_rows(here, init), *_hang_rows(here), *_many_rows(here)]
    return table + (_host_rows(costs, lookups) if lookups else [])


def _plug_rows(here: Lines, init: str) -> list[Row]:
    ours, theirs = here.both("plug")
    if not ours:
        return []
    table = [
        compared(
            f"{here.where}: SET_CONFIGURATION to the first switching message",
            [x["message_s"] for x in ours],
            [x["message_s"] for x in theirs],
            0.30 if init == "systemd" else 0.40,
        ),
        counted(
            f"{here.where}: message before usb-storage's first command",
            [x["scsi_before"] == 0 for x in ours],
            [x["scsi_before"] == 0 for x in theirs],
        ),
    ]
    if init == "systemd":
        table.append(
            compared(
                f"{here.where}: plug to both ttyACM nodes, less the stick's own time",
                [usable_s(x) for x in ours],
                [usable_s(x) for x in theirs],
                0.45,
            )
        )
    return [
        *table,
        compared(
            f"{here.where}: CPU of one switch with its verdict, all processes, udev's and systemd's too",
            [x["all_cpu_s"] for x in ours],
            [x["all_cpu_s"] for x in theirs],
            1.25,
        ),
    ]


def _hang_rows(here: Lines) -> list[Row]:
    ours, theirs = here.both("hang")
    if not ours:
        return []
    what = f"{here.where}: a stick that hangs in the scan is switched"
    return [counted(what, *([x["usable_s"] is not None for x in them] for them in (ours, theirs)))]


def _many_rows(here: Lines) -> list[Row]:
    ours, theirs = here.both("many")
    if not ours:
        return []
    number = max(x["sticks"] for x in ours)
    few = [x["peak_kb"] / 1024 for x in ours if x["sticks"] < number]
    ours, theirs = ([x for x in them if x["sticks"] == number] for them in (ours, theirs))
    what = f"{here.where}: {number} sticks at once"
    printed = [
        f"{sum(x['switched'] for x in them)} of {sum(x['sticks'] for x in them)}, "
        f"{sum(x['twice'] for x in them)} twice"
        if them
        else ""
        for them in (ours, theirs)
    ]
    is_kept = all(x["switched"] == x["sticks"] and not x["twice"] for x in ours)
    table = [Row(f"{what}: switched", *printed, printed[0], "all, none twice", is_kept)]
    for key, name, most in (("all_s", "time", 0.4), ("all_cpu_s", "CPU of all processes", 0.35)):
        values = [[x[key] for x in them if x[key] is not None] for them in (ours, theirs)]
        table.append(compared(f"{what}: {name}", *values, most, digits=1))
    memory = [x["peak_kb"] / 1024 for x in ours]
    table.append(compared(f"{what}: the judge's memory, beside that for one", memory, few, 1.2, "MiB", 1))
    return table


def _host_rows(costs: dict[str, list[Any]], lookups: dict[int, list[float]]) -> list[Row]:
    def cpu(name: str) -> list[float]:
        return [x.cpu_ms for x in costs[name]]

    def memory(name: str) -> list[float]:
        return [x.peak_kb / 1024 for x in costs[name]]

    by_id = "`python -m pymodeswitch 19d2:1201`, beside loading pyusb and libusb alone"
    few, many = sorted(lookups)  # as many as are shipped, and far more
    return [
        compared(
            "the sender, beside `python -I -S -c pass`: CPU", cpu("sender"), cpu("nothing"), 1.5, "ms", 1
        ),
        compared(f"{by_id}: CPU", cpu("by ID"), cpu("pyusb alone"), 1.35, "ms", 1),
        compared(f"{by_id}: memory", memory("by ID"), memory("pyusb alone"), 1.3, "MiB", 1),
        compared(
            f"the sender's look-up in a table of {many:,} entries, beside one of ours",
            lookups[many],
            lookups[few],
            1.2,
            "ms",
        ),
    ]
