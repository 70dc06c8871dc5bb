#!/usr/bin/env python3
"""Writes the site that compare.sh and scaling.sh serve: the same for the same arguments.

usage: site.py DIRECTORY PAGES KIB LINKS ORIGIN [gzip]

PAGES pages of about KIB KiB with about LINKS links each, all of them within reach of /index.html, a robots.txt that
allows them and a style sheet. Links are what they are on real pages: absolute and relative paths, fragments, pages named
twice, a mailto:, a javascript:, and two that nobody may follow, in a script and in a comment. With `gzip` each page is
stored compressed, under the same name.

Beside the directory it leaves DIRECTORY.urls, the URL of each page on ORIGIN, and DIRECTORY.sizes, lines of
`bytes path`: what a server that served each page whole must have sent.
"""

import gzip
import random
import sys
from pathlib import Path

SECTIONS = 64
CHILDREN = 12
WORDS = """gull tern skua auk cliff ledge nest egg chick wing plunge dive herring sprat mackerel shoal wave swell
spray rock island colony flight glide gust calm fog lighthouse keeper boat rope net harbour tide ebb drift horizon
feather beak throat foot web cold bright salt grey white black yellow northern winter summer season watch count""".split()


def path(page: int) -> str:
    return "/index.html" if page == 0 else f"/s{page % SECTIONS}/{page}.html"


def href(page: int, target: int, place: int) -> str:
    """The same page in the ways that people write it."""
    written = path(target)
    if place % 4 == 1:
        written = f"..{written}" if page else written[1:]
    if place % 6 == 2:
        written += f"#part-{place}"
    return written


def targets(page: int, pages: int, links: int, chance: random.Random) -> list[int]:
    """The page's children in a tree, then pages from anywhere, two of them twice."""
    first = page * CHILDREN + 1
    chosen = list(range(first, min(first + CHILDREN, pages)))[:links]
    chosen += [chance.randrange(pages) for _ in range(max(links - len(chosen) - 2, 0))]
    return chosen + chosen[-2:]


def render(page: int, pages: int, size: int, links: int, prose: str) -> str:
    chance = random.Random(page)
    parts = [
        f"<!doctype html>\n<html lang=en><head><meta charset=utf-8><title>Ledge {page}</title>\n"
        f'<link rel="stylesheet" href="/style.css"><link rel="canonical" href="{path(page)}">\n'
        "<script>const no = \"<a href='/in-a-script.html'>\";</script></head>\n<body><header>"
        '<a href="/index.html">Home</a> <a href="#end">End</a> <a href="mailto:keeper@example.org">Mail</a> '
        f'<a href="javascript:print()">Print</a></header>\n<h1>Ledge {page}</h1>\n'
    ]
    chosen = targets(page, pages, links, chance)
    paragraph = max((size - 500) // max(len(chosen), 1) - 120, 10)
    for place, target in enumerate(chosen):
        start = chance.randrange(len(prose) - paragraph)
        parts.append(
            f'<section id="part-{place}" class="part"><p>{prose[start : start + paragraph]}</p>\n'
            f'<a class="more" title="Ledge {target}" href="{href(page, target, place)}">gulls &amp; {target}</a></section>\n'
        )
    parts.append('<!-- <a href="/in-a-comment.html"> --><p id="end">.</p></body></html>\n')
    return "".join(parts)


def main() -> None:
    directory, origin = Path(sys.argv[1]), sys.argv[5]
    pages, kib, links = map(int, sys.argv[2:5])
    compressed = sys.argv[6:] == ["gzip"]
    chance = random.Random(pages)
    prose = " ".join(chance.choice(WORDS) for _ in range(40_000))
    for section in range(SECTIONS):
        (directory / f"s{section}").mkdir(parents=True, exist_ok=True)
    (directory / "robots.txt").write_text("User-agent: *\nDisallow: /private/\n")
    (directory / "style.css").write_text("p { margin: 1em }\n")
    with open(f"{directory}.urls", "w") as urls, open(f"{directory}.sizes", "w") as sizes:
        for page in range(pages):
            body = render(page, pages, kib * 1024, links, prose).encode()
            if compressed:
                body = gzip.compress(body, 6, mtime=0)
            Path(f"{directory}{path(page)}").write_bytes(body)
            urls.write(f"{origin}{path(page)}\n")
            sizes.write(f"{len(body)} {path(page)}\n")


main()
