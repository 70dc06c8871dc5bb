#!/usr/bin/env python3
"""Prints a Markdown table of figures: lines of `round, what, units, CPU s, wall s[, server's CPU s]` with tabs.

usage: table.py FIGURES UNIT [ratio|more|cores]

Microseconds a unit (a page, a run): the median of the rounds, and in brackets the least and the most. The last column sets
each round beside the first row of the same round, so that what slows the machine for a while slows both: as a `ratio`
of CPU, or by how much CPU it is `more`; `cores` has what the server took beside it, and the factor of speed of a row on
2 cores to the row of the same name on 1.
"""

import statistics
import sys
from collections.abc import Callable
from typing import NamedTuple


class Cost(NamedTuple):
    cpu: float
    wall: float
    server: float


Rounds = dict[str, Cost]


def read(path: str) -> dict[str, Rounds]:
    rows: dict[str, Rounds] = {}
    with open(path) as file:
        for line in file:
            number, what, units, *seconds = line.rstrip("\n").split("\t")
            each = [float(second) * 1e6 / int(units) for second in seconds]
            rows.setdefault(what, {})[number] = Cost(*(each + [0])[:3])
    return rows


def spread(values: list[float], digits: int = 0) -> str:
    middle, least, most = statistics.median(values), min(values), max(values)
    return f"{middle:.{digits}f} ({least:.{digits}f}–{most:.{digits}f})"


def against(mine: Rounds, base: Rounds, how: Callable[[Cost, Cost], float]) -> list[float]:
    return [how(cost, base[number]) for number, cost in mine.items() if number in base]


def line(*cells: object) -> None:
    print("|", " | ".join(map(str, cells)), "|")


def main() -> None:
    rows, unit, mode = read(sys.argv[1]), sys.argv[2], (sys.argv[3:] or ["ratio"])[0]
    first = next(iter(rows), "")
    last = {
        "ratio": ["ratio of CPU to the first"],
        "more": ["CPU µs more than the first"],
        "cores": [f"server's CPU µs per {unit}", "times as fast"],
    }[mode]
    line("what", f"CPU µs per {unit} (min–max)", f"wall µs per {unit} (min–max)", *last, "rounds")
    line("---", *["--:"] * (len(last) + 3))
    for what, mine in rows.items():
        cells = [spread([cost.cpu for cost in mine.values()]), spread([cost.wall for cost in mine.values()])]
        if mode == "cores":
            cells.append(spread([cost.server for cost in mine.values()]))
            faster = against(mine, rows.get(what.replace("2 cores", "1 core"), {}), lambda my, base: base.wall / my.wall)
            cells.append(spread(faster, 2) if "2 cores" in what and faster else "")
        elif mode == "more":
            cells.append(spread(against(mine, rows[first], lambda my, base: my.cpu - base.cpu)))
        else:
            ratios = against(mine, rows[first], lambda my, base: my.cpu / base.cpu)
            cells.append(spread(ratios, 2 if max(ratios, default=0) < 20 else 0) if ratios else "")
        line(what, *cells, len(mine))


main()
