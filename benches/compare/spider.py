"""The peer in Scrapy: follows the links of a site with its LinkExtractor, one item a page, so many pages.

usage: scrapy runspider spider.py -O OUT.jsonl -a seed=URL -a pages=N -s CONCURRENT_REQUESTS=N ...

It asks for exactly `pages` pages and ends when these are in. Everything else is Scrapy's default, robots.txt included
as in a project that it makes.
"""

import scrapy
from scrapy.linkextractors import LinkExtractor


class Pages(scrapy.Spider):
    name = "pages"
    links = LinkExtractor()

    def __init__(self, seed: str, pages: str, **kwargs):
        super().__init__(**kwargs)
        self.start_urls = [seed]
        self.known = {seed}
        self.wanted = int(pages)

    def parse(self, response):
        yield {
            "url": response.url,
            "status_code": response.status,
            "title": response.css("title::text").get(),
            "body_bytes": len(response.body),
        }
        for link in self.links.extract_links(response):
            url = link.url.partition("#")[0]
            if url not in self.known and len(self.known) < self.wanted:
                self.known.add(url)
                yield response.follow(url)
