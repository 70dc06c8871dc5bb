"""Adds up samples of `perf script --fields comm,ip,sym,dso` at 2 kHz by what the time was spent on.

usage: profile.py PAGES BARE FETCH CRAWL     prints a Markdown table of CPU µs per page
"""

import collections
import sys

# The first line with a part that stands in the sample says what it is; samples of the kernel are told apart first.
KERNEL = [
    ("kernel: copying what came", ["copy_to_iter", "copy_to_user", "check_object", "virt_addr", "skb_datagram"]),
    ("kernel: memory", ["clear_page", "fault", "folio", "_pmd", "vma_", "alloc_pages", "unmap"]),
    ("kernel: sending, waking, waiting", [""]),
]
OWN = [
    ("finding links, title and charset", ["gannet::extract", "memchr::", "siphasher", "fingerprint", "encoding_rs"]),
    ("gannet: engine, fetch, outcome", ["gannet::"]),
    ("reqwest and hyper", ["hyper", "reqwest", "tower", "http::", "httparse", "h2::", "rustls"]),
    ("URL parser", ["url::", "idna"]),
    ("tokio", ["tokio", "futures", "mio::"]),
    ("allocator", ["mi_", "malloc", "free", "realloc", "arena"]),
    ("copying, comparing", ["memmove", "memcpy", "memset", "memcmp", "bytes::"]),
    ("other", [""]),
]


def kind(line):
    thread, _, *symbol, binary = line.split()
    symbol = " ".join(symbol)
    if "sink" in thread:
        return "writing records, on a thread of its own"
    table = KERNEL if "kernel" in binary else OWN
    return next(name for name, parts in table if any(part in symbol for part in parts))


def read(path):
    with open(path, errors="replace") as samples:
        return collections.Counter(kind(line) for line in samples if len(line.split()) > 2)


def main():
    pages, *paths = sys.argv[1:]
    columns = [read(path) for path in paths]
    micros = lambda samples: f"{samples * 500 / int(pages):.1f}"
    kinds = sorted(set().union(*columns), key=lambda name: -columns[-1][name])
    print("| CPU µs per page | bare loop | fetch | crawl |")
    print("| --- | --: | --: | --: |")
    for name in kinds:
        print(f"| {name} | " + " | ".join(micros(column[name]) for column in columns) + " |")
    print("| all | " + " | ".join(micros(column.total()) for column in columns) + " |")


main()
