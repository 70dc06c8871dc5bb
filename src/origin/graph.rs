//! The web as a function: what a URL is, where it links to, and what a crawl must make of it.
//!
//! Pages of a host form a tree (page *i* links to *i·fan+1 …*), and so do the hosts' roots, so that
//! everything is reachable from `/` of each host and even from the first host alone. The other links
//! lead to random pages. Broken, private and parametrised URLs are leaves hung on pages of their own host:
//! losing one loses nothing else. Paths say what they are (`/x/stall/7`), so any kind can also be asked
//! for directly, whether or not the site links to it.
//!
//! [`Graph::truth`] enumerates; a test walks the rendered pages and arrives at the same set.

use std::fmt;
use std::net::SocketAddr;

use super::expect::Expect;
use super::faults::Kind;
use super::hash::{Draw, below, hash, mix, unit};
use super::maps::PER_SITEMAP;
use super::path::{Leaf, What, number};
use super::site::{Addressing, Robots, Site};

/// The target of a link: number of the host, and what is meant there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Link {
    /// `0..site.hosts`.
    pub host: u32,
    /// What the link leads to.
    pub what: What,
}

/// What a host is called in URLs: `Display` gives `127.0.0.1:8080` or `h3.test`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authority {
    /// A port of this machine.
    Port(SocketAddr),
    /// The number in the name.
    Name(u32),
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(address) => address.fmt(f),
            Self::Name(host) => write!(f, "h{host}.test"),
        }
    }
}

/// A [`Site`] with the addresses of its hosts: the pure function behind the server.
#[derive(Clone, Debug)]
pub struct Graph {
    site: Site,
    ports: Vec<SocketAddr>,
}

impl Graph {
    /// A graph whose host *i* is at `ports[i]`, or is named `hI.test` when the site goes by names.
    pub fn new(site: Site, ports: Vec<SocketAddr>) -> Self {
        Self { site, ports }
    }

    /// The configuration.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// The root of every host, in order.
    pub fn seeds(&self) -> impl Iterator<Item = String> + '_ {
        (0..self.site.hosts).map(|host| self.url(host, What::Page(0)))
    }

    /// Every URL that a complete crawl must find, once each, with what must become of it.
    ///
    /// It is the same for all seeds at scope `host` and for the first seed at scope `any`. Not part of
    /// it: `/robots.txt`, the style sheet, the trap, the sitemaps and the feed.
    pub fn truth(&self) -> impl Iterator<Item = (String, Expect)> + '_ {
        (0..self.site.hosts).flat_map(|host| self.truth_of(host))
    }

    /// The part of [`truth`](Self::truth) on one host: what a crawl at scope `host` from its root finds.
    pub fn truth_of(&self, host: u32) -> impl Iterator<Item = (String, Expect)> + '_ {
        let closed = self.site.robots == Robots::Unavailable;
        let pages = if closed { 1 } else { self.site.pages };
        let found = (0..pages).flat_map(move |page| {
            let mut found = vec![What::Page(page)];
            if !closed {
                self.leaves(host, page, |what| found.push(what));
            }
            found
        });
        found.filter_map(move |what| Some((self.url(host, what), self.expect(host, what)?)))
    }

    /// What must become of a URL; `None` for what is not part of the truth.
    pub fn expect(&self, host: u32, what: What) -> Option<Expect> {
        if self.site.robots == Robots::Unavailable {
            return Some(Expect::RobotsUnavailable);
        }
        Some(match what {
            What::Page(_) | What::List(_) | What::Leaf(Leaf::Drip | Leaf::Encoded, _) => Expect::Page,
            What::Private(_) if matches!(self.site.robots, Robots::Rules { .. }) => Expect::RobotsDenied,
            What::Private(_) => Expect::Page,
            What::Leaf(Leaf::Status(200..=299), _) => Expect::Page,
            What::Leaf(Leaf::Status(status), _) => Expect::Error(status),
            What::Leaf(Leaf::Flaky, _) => Expect::Flaky,
            What::Leaf(Leaf::Stall, _) => Expect::Stall,
            What::Leaf(Leaf::Reset, _) => Expect::Reset,
            What::Leaf(Leaf::ResetBody, _) => Expect::ResetBody,
            What::Leaf(Leaf::Truncated, _) => Expect::Truncated,
            What::Leaf(Leaf::Loop | Leaf::LoopBack, _) => Expect::RedirectLoop,
            What::Leaf(Leaf::Redirect | Leaf::Chain, _) => {
                let to = self.redirect(host, what)?;
                Expect::Redirect(self.url(to.host, to.what))
            }
            What::Nothing => Expect::Error(404),
            What::Trap(_) | What::Robots | What::Style | What::Index | What::Sitemap(_) | What::Feed => {
                return None;
            }
        })
    }

    /// Where a redirecting URL leads; `None` for all others.
    pub fn redirect(&self, host: u32, what: What) -> Option<Link> {
        let What::Leaf(leaf, n) = what else { return None };
        let what = match leaf {
            Leaf::Redirect => return Some(self.anywhere(host, Draw::Redirect, [u64::from(host), n, 0])),
            Leaf::Chain if n <= 1 => What::Page(0),
            Leaf::Chain => What::Leaf(Leaf::Chain, n - 1),
            Leaf::Loop => What::Leaf(Leaf::LoopBack, n),
            Leaf::LoopBack => What::Leaf(Leaf::Loop, n),
            _ => return None,
        };
        Some(Link { host, what })
    }

    /// Calls `visit` for each link on a page, in the order of the page; the same link may come twice.
    pub fn links(&self, host: u32, page: u64, mut visit: impl FnMut(Link)) {
        let fan = u64::from(self.site.links.div_ceil(2));
        let mut left = u64::from(self.site.links);
        for child in children(page, fan, self.site.pages) {
            visit(Link { host, what: What::Page(child) });
            left -= 1;
        }
        for k in 0..left {
            visit(self.anywhere(host, Draw::Link, [u64::from(host), page, k]));
        }
        if page == 0 {
            for child in children(u64::from(host), fan, u64::from(self.site.hosts)) {
                visit(Link { host: child as u32, what: What::Page(0) });
            }
            if host == 0 && self.site.trap {
                visit(Link { host, what: What::Trap(0) });
            }
        }
        self.leaves(host, page, |what| visit(Link { host, what }));
    }

    /// The URL of something on a host.
    pub fn url(&self, host: u32, what: What) -> String {
        format!("http://{}{what}", self.authority(host))
    }

    /// What a host is called in URLs, e.g. `h3.test` or `127.0.0.1:8080`.
    pub fn authority(&self, host: u32) -> Authority {
        self.ports.get(host as usize).map_or(Authority::Name(host), |address| Authority::Port(*address))
    }

    /// The host that an authority names, in any case and with or without the default port.
    pub fn find(&self, authority: &str) -> Option<u32> {
        let host = match self.site.addressing {
            Addressing::Names => named(authority)?,
            Addressing::Ports => {
                let address: SocketAddr = authority.parse().ok()?;
                self.ports.iter().position(|port| *port == address)?.try_into().ok()?
            }
        };
        (host < self.site.hosts).then_some(host)
    }

    /// What a request target (path and query, as sent) is on any host of this site.
    pub fn what(&self, target: &str) -> What {
        match What::parse(target) {
            What::Page(n) | What::List(n) | What::Private(n) if n >= self.site.pages => What::Nothing,
            What::Sitemap(n) if n >= self.site.pages.div_ceil(PER_SITEMAP) => What::Nothing,
            What::Trap(_) if !self.site.trap => What::Nothing,
            what => what,
        }
    }

    /// A draw that belongs to a URL of this web, for what else is decided by URL.
    pub(super) fn draw(&self, draw: Draw, host: u32, what: What) -> u64 {
        let (kind, n) = what.code();
        hash(self.site.seed, draw, [u64::from(host), kind, n])
    }

    /// The leaves hung on one page, each on this page only.
    fn leaves(&self, host: u32, page: u64, mut visit: impl FnMut(What)) {
        match page % 8 {
            0 => visit(What::Private(page)),
            3 => visit(What::List(page)),
            _ => {}
        }
        for (index, (kind, share)) in self.site.faults.shares().into_iter().enumerate() {
            if share > 0.0 {
                let drawn = hash(self.site.seed, Draw::Fault, [u64::from(host), page, index as u64]);
                if unit(drawn) < share {
                    visit(What::Leaf(leaf(kind, mix(drawn)), page));
                }
            }
        }
    }

    /// A random page, on another host as often as `cross_links` says.
    fn anywhere(&self, host: u32, draw: Draw, parts: [u64; 3]) -> Link {
        let first = hash(self.site.seed, draw, parts);
        let second = mix(first);
        let host = match unit(first) < self.site.cross_links {
            true => below(second, self.site.hosts.into()) as u32,
            false => host,
        };
        Link { host, what: What::Page(below(mix(second), self.site.pages)) }
    }
}

/// The leaf of a kind of fault that a draw picks.
fn leaf(kind: Kind, drawn: u64) -> Leaf {
    match kind {
        // 404 is by far the most common error of the real web.
        Kind::Error => Leaf::Status([404, 404, 404, 404, 410, 500, 500, 503][(drawn & 7) as usize]),
        Kind::Flaky => Leaf::Flaky,
        Kind::Stall => Leaf::Stall,
        Kind::Reset if drawn & 1 == 0 => Leaf::Reset,
        Kind::Reset => Leaf::ResetBody,
        Kind::Redirect => Leaf::Redirect,
        Kind::Loop => Leaf::Loop,
        Kind::Truncated => Leaf::Truncated,
        Kind::Drip => Leaf::Drip,
        Kind::Encoded => Leaf::Encoded,
    }
}

/// The children of node `parent` in a complete tree of `total` nodes with `fan` children each.
fn children(parent: u64, fan: u64, total: u64) -> std::ops::Range<u64> {
    let first = parent.saturating_mul(fan).saturating_add(1);
    first.min(total)..first.saturating_add(fan).min(total)
}

/// N from `hN.test` or `hN.test:80`.
fn named(authority: &str) -> Option<u32> {
    let name = authority.strip_suffix(":80").unwrap_or(authority);
    let (head, tail) = name.split_at_checked(name.len().checked_sub(".test".len())?)?;
    let digits = head.strip_prefix(['h', 'H'])?;
    if !tail.eq_ignore_ascii_case(".test") {
        return None;
    }
    number(digits)?.try_into().ok()
}
