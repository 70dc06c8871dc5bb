#!/usr/bin/env python3
"""The peer in Python: aiohttp on uvloop, a bounded asyncio.Queue and so many workers, links by a regular expression.

usage: list_aiohttp.py URLS AT_ONCE

What a careful programmer writes for a list: each page is fetched once, read whole, decoded and searched for links. Prints
pages, bytes and links.
"""

import asyncio
import re
import sys

import aiohttp
import uvloop

HREF = re.compile(r"""<a\s[^>]*?href\s*=\s*["']?([^"'\s>]+)""", re.IGNORECASE)


async def worker(session: aiohttp.ClientSession, queue: asyncio.Queue, totals: list[int]) -> None:
    while (url := await queue.get()) is not None:
        async with session.get(url) as response:
            response.raise_for_status()
            page = await response.text()
        totals[0] += 1
        totals[1] += len(page)
        totals[2] += len(HREF.findall(page))


async def fetch(path: str, at_once: int) -> None:
    queue: asyncio.Queue = asyncio.Queue(maxsize=2 * at_once)
    totals = [0, 0, 0]
    connector = aiohttp.TCPConnector(limit=at_once)
    async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(worker(session, queue, totals))
        with open(path) as urls:
            for url in urls:
                await queue.put(url.strip())
        for _ in range(at_once):
            await queue.put(None)
    print(*totals)


uvloop.run(fetch(sys.argv[1], int(sys.argv[2])))
