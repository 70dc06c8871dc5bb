"""The peer in Scrapy: follows the links of a site with a LinkExtractor, one item a page, and ends after so many pages.

usage: scrapy runspider spider.py -O OUT.jsonl -a seed=URL -s CLOSESPIDER_PAGECOUNT=N -s CONCURRENT_REQUESTS=N ...

What Scrapy's tutorial does: each link is a request, and its duplicates filter drops what is known. Pages that are under
way when it ends are finished, so that the items are a few more than N.
"""

import scrapy
from scrapy.linkextractors import LinkExtractor


class Pages(scrapy.Spider):
    name = "pages"
    links = LinkExtractor()

    def __init__(self, seed: str, **kwargs):
        super().__init__(**kwargs)
        self.start_urls = [seed]

    def parse(self, response):
        yield {
            "url": response.url,
            "status_code": response.status,
            "title": response.css("title::text").get(),
            "body_bytes": len(response.body),
        }
        yield from response.follow_all(self.links.extract_links(response), self.parse)
