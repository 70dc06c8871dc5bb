#!/usr/bin/env python3
"""Prints the Markdown table of compare.sh, from lines of `round, what, pages, CPU seconds, wall seconds` with tabs.

usage: table.py FIGURES

Microseconds a page: the median, and in brackets the least and the most of the rounds. The ratio is that of CPU to the
bare loop of the same round, so that what slows the machine for a while slows both.
"""

import statistics
import sys


def spread(values: list[float], digits: int) -> str:
    middle, least, most = statistics.median(values), min(values), max(values)
    return f"{middle:.{digits}f} ({least:.{digits}f}–{most:.{digits}f})"


rounds: dict[str, dict[str, tuple[float, float]]] = {}
with open(sys.argv[1]) as file:
    for line in file:
        number, what, pages, cpu, wall = line.rstrip("\n").split("\t")
        rounds.setdefault(what, {})[number] = float(cpu) * 1e6 / int(pages), float(wall) * 1e6 / int(pages)

bare = rounds.get("bare loop", {})
print("| what | CPU µs per page (min–max) | wall µs per page (min–max) | CPU to the bare loop's (min–max) | rounds |")
print("|---|--:|--:|--:|--:|")
for what, figures in rounds.items():
    cpu, wall = zip(*figures.values())
    ratios = [mine / bare[number][0] for number, (mine, _) in figures.items() if number in bare]
    ratio = spread(ratios, 2 if max(ratios) < 20 else 0) if ratios else ""
    print(f"| {what} | {spread(cpu, 0)} | {spread(wall, 0)} | {ratio} | {len(figures)} |")
