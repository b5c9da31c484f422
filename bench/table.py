"""Figures to Markdown: the table at the end of docs/speed.md.

Each row is a bound that we mean to keep: ours, the other's, their ratio, and the bound.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

Figures = dict[str, Any]


class Row(NamedTuple):
    """A comparison. ours, other: as printed. verdict: the ratio or count, and the bound that it has."""

    what: str
    ours: str
    other: str
    result: str
    bound: str

    @property
    def markdown(self) -> str:
        """A line of the table."""
        return f"| {' | '.join(self)} |"


HEAD = "| comparison | pymodeswitch | the other | result | bound |\n|---|---|---|---|---|"


def spread(values: Sequence[float], unit: str = "s", digits: int = 2) -> str:
    """Median, and the smallest and largest."""
    if not values:
        return "never"
    middle = statistics.median(values)
    return f"{middle:.{digits}f} {unit} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def compared(what: str, ours: Sequence[float], other: Sequence[float], bound: float, **form: Any) -> Row:
    """A row of two medians and their ratio."""
    ratio = statistics.median(ours) / statistics.median(other) if ours and other else float("nan")
    return Row(what, spread(ours, **form), spread(other, **form), f"{ratio:.2f}", f"at most {bound}")


def counted(what: str, ours: Iterable[bool], other: Iterable[bool], bound: str) -> Row:
    """A row of how many plugs were so."""
    mine, theirs = list(ours), list(other)
    result = f"{sum(mine)} of {len(mine)}"
    return Row(what, result, f"{sum(theirs)} of {len(theirs)}" if theirs else "", result, bound)


def of(lines: Sequence[Figures], scenario: str, contender: str) -> list[Figures]:
    """The figures of one contender in one scenario."""
    return [x for x in lines if (x["scenario"], x["contender"]) == (scenario, contender)]


OURS, THEIRS = "pymodeswitch", "usb_modeswitch"


def usable_s(figures: Figures) -> float:
    """From the plug to both ports, less the time from when the stick leaves until it is configured anew."""
    return float(figures["usable_s"] - figures["away_s"])


def _plug_rows(ours: Sequence[Figures], theirs: Sequence[Figures], where: str = "") -> list[Row]:
    return [
        compared(
            f"1. SET_CONFIGURATION to the first switching message{where}",
            [x["message_s"] for x in ours],
            [x["message_s"] for x in theirs],
            0.55,
        ),
        counted(
            f"1. message before usb-storage's first command{where}",
            [x["scsi_before"] == 0 for x in ours],
            [x["scsi_before"] == 0 for x in theirs],
            "9 of 10",
        ),
        compared(
            f"2. plug to both ttyACM nodes, less the stick's own time{where}",
            [usable_s(x) for x in ours],
            [usable_s(x) for x in theirs],
            0.6,
        ),
    ]


def rows(
    lines: Sequence[Figures], starts: dict[str, list[Any]], lookups: dict[int, list[float]]
) -> list[Row]:
    """The seven comparisons."""
    ours, theirs = of(lines, "plug", OURS), of(lines, "plug", THEIRS)
    table = [
        *_plug_rows(ours, theirs),
        *(
            row._replace(bound="none")  # what is aimed at is the way without
            for row in _plug_rows(of(lines, "unit", OURS), of(lines, "unit", THEIRS), ", under systemd")
        ),
        counted(
            "3. a stick that hangs in the scan is switched",
            [x["usable_s"] is not None for x in of(lines, "hang", OURS)],
            [x["usable_s"] is not None for x in of(lines, "hang", THEIRS)],
            "9 of 10",
        ),
        compared(
            "4. CPU of one switch, all processes but udev's own",
            [x["cpu_s"] for x in ours],
            [x["cpu_s"] for x in theirs],
            1.0,
        ),
        compared(
            "4. the same with udev's",
            [x["with_udev_s"] for x in ours],
            [x["with_udev_s"] for x in theirs],
            1.0,
        ),
    ]
    table += _start_rows(starts)
    table += _many_rows(lines)
    few, many = sorted(lookups)
    table.append(
        compared(
            f"7. finding one of {many:,} entries, beside one of {few}",
            lookups[many],
            lookups[few],
            1.2,
            unit="ms",
        )
    )
    return table


def _start_rows(starts: dict[str, list[Any]]) -> list[Row]:
    alone = starts["pyusb alone"]
    table = []
    for name, words in (("by ID", "`python -m pymodeswitch 19d2:1201`"), ("by port", "what udev starts")):
        ours = starts[name]
        what = f"5. {words}, beside loading pyusb and libusb alone"
        table += [
            compared(
                f"{what}: CPU",
                [x.cpu_ms for x in ours],
                [x.cpu_ms for x in alone],
                1.25,
                unit="ms",
                digits=1,
            ),
            compared(
                f"{what}: peak memory",
                [x.peak_kb / 1024 for x in ours],
                [x.peak_kb / 1024 for x in alone],
                1.3,
                unit="MiB",
                digits=1,
            ),
        ]
    return table


def _many_rows(lines: Sequence[Figures]) -> list[Row]:
    table = []
    theirs = of(lines, "many", THEIRS)
    for scenario, words in (("many", "udev's rule"), ("scan", "`scan`"), ("watch", "`watch`")):
        ours = [x for x in of(lines, scenario, OURS) if x["sticks"] > 1]
        number = max((x["sticks"] for x in ours), default=0)
        ours = [x for x in ours if x["sticks"] == number]
        what = f"6. {number} sticks at once, {words}"
        switched = [
            f"{sum(x['switched'] for x in them)} of {sum(x['sticks'] for x in them)}, "
            f"{sum(x['twice'] for x in them)} twice"
            for them in (ours, theirs)
        ]
        table.append(Row(f"{what}: switched", *switched, switched[0].split(",")[0], "all, none twice"))
        for key, name in (("all_s", "time"), ("cpu_s", "CPU")):
            table.append(
                compared(
                    f"{what}: {name}",
                    [x[key] for x in ours if x[key] is not None],
                    [x[key] for x in theirs if x[key] is not None],
                    0.5,
                    digits=1,
                )
            )
        if scenario != "many":
            table.append(_memory_row(what, of(lines, scenario, OURS)))
    return table


def _memory_row(what: str, ours: Sequence[Figures]) -> Row:
    """The memory of the one process, for many sticks and for fewer."""
    by_number = {x["sticks"]: x["peak_kb"] / 1024 for x in ours}
    most = by_number.pop(max(by_number))
    return Row(
        f"{what}: peak memory, beside that for {' and '.join(map(str, by_number))}",
        f"{most:.1f} MiB",
        " and ".join(f"{one:.1f} MiB" for one in by_number.values()),
        " and ".join(f"{most / one:.2f}" for one in by_number.values()),
        "at most 1.2",
    )
