//! Pages of links, as a crawl of many sites would offer them to the frontier.
//!
//! A page has 64 links, every other one new. Three quarters stay on the page's own host, the rest go anywhere; they come
//! in random order. The hosts of pages and of links that go elsewhere are drawn log-uniformly, which is Zipf's law with
//! exponent 1: of 100,000 hosts the first gets 6 % and the last 10,000 together 1 %. A URL is a host and a number, so
//! that a known one can be written down again from 4 bytes per host.

use std::fmt::Write as _;
use std::sync::Arc;

use fastrand::Rng;
use gannet::CrawlUrl;
use gannet::extract::Via;
use gannet::frontier::{Candidate, Found, Position, Root};
use gannet::url::Fingerprinter;

/// Links of a page.
pub const PAGE: usize = 64;

/// See the module.
pub struct Web {
    /// How many URLs of each host were offered.
    known: Vec<u32>,
    /// Distinct URLs offered.
    pub made: u64,
    log_hosts: f64,
    fingerprinter: Fingerprinter,
    rng: Rng,
    text: String,
}

impl Web {
    pub fn new(hosts: usize, key: (u64, u64)) -> Self {
        Self {
            known: vec![0; hosts],
            made: 0,
            log_hosts: (hosts as f64).ln(),
            fingerprinter: Fingerprinter::with_key(key.0, key.1),
            rng: Rng::with_seed(7),
            text: String::new(),
        }
    }

    /// The first URL of the first host.
    pub fn seed(&mut self) -> Candidate {
        let position = Position { source: 0, line: 0 };
        let url = self.new_url(0);
        self.candidate(url, 0, Found::seed(position, None))
    }

    /// The links of a page.
    pub fn page(&mut self, into: &mut Vec<Candidate>) {
        let host = self.host();
        let source = self.known_url(host);
        let front = self.front(host);
        let found = Found::Link {
            root: Arc::new(Root { url: front, named: true, tag: None }),
            source,
            via: Via::named("a", "href"),
            redirects: 0,
            for_seed: false,
            on_public: false,
            lastmod: None,
        };
        let depth = self.rng.u16(1..8);
        for nth in 0..PAGE {
            let target = if self.rng.u8(..) < 192 { host } else { self.host() };
            let url = if nth % 2 == 0 { self.new_url(target) } else { self.known_url(target) };
            into.push(self.candidate(url, depth, found.clone()));
        }
    }

    fn candidate(&self, url: CrawlUrl, depth: u16, found: Found) -> Candidate {
        Candidate { fingerprint: self.fingerprinter.fingerprint(&url), url, depth, found }
    }

    fn host(&mut self) -> usize {
        ((self.rng.f64() * self.log_hosts).exp() as usize - 1).min(self.known.len() - 1)
    }

    fn new_url(&mut self, host: usize) -> CrawlUrl {
        self.known[host] += 1;
        self.made += 1;
        self.url(host, self.known[host] - 1)
    }

    /// One that was offered before, if there is any.
    fn known_url(&mut self, host: usize) -> CrawlUrl {
        match self.known[host] {
            0 => self.new_url(host),
            known => {
                let nth = self.rng.u32(..known);
                self.url(host, nth)
            }
        }
    }

    /// A URL of 80 bytes.
    fn url(&mut self, host: usize, nth: u32) -> CrawlUrl {
        self.text.clear();
        let section = nth % 32;
        write!(
            self.text,
            "https://www.site-{host:07}.example/archive/section-{section:02}/the-title-of-a-page-{nth:08x}"
        )
        .unwrap();
        CrawlUrl::parse(&self.text).unwrap()
    }

    fn front(&mut self, host: usize) -> CrawlUrl {
        self.text.clear();
        write!(self.text, "https://www.site-{host:07}.example/").unwrap();
        CrawlUrl::parse(&self.text).unwrap()
    }
}
