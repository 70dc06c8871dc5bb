//! What the synthetic web shall be: its size, its manners and its troubles.
//!
//! [`Site`] is plain data with a default for everything; the command line fills it from flags, tests
//! with struct update syntax. [`Site::check`] refuses what makes no sense before a port is opened.

use std::io;
use std::time::Duration;

use super::faults::{Faults, Latency};

/// The configuration of a synthetic web. Two equal sites are the same web, byte for byte.
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    /// Moves every link, fault and latency. Default 1.
    pub seed: u64,
    /// Number of hosts, at least 1. Default 1.
    pub hosts: u32,
    /// Good pages per host, at least 1: `/` and `/p/1`, `/p/2` … Default 100.
    pub pages: u64,
    /// Links from a page to pages, at least 1. Half of them (rounded up) keep the site connected, the
    /// others lead anywhere. Default 10.
    pub links: u32,
    /// Share of the links to anywhere that lead to another host, `0.0..=1.0`. Default 0.2.
    pub cross_links: f64,
    /// Size of a page in bytes; a page whose links need more is longer. Default 4096.
    pub page_size: usize,
    /// Time before each answer. Default none.
    pub latency: Latency,
    /// What is broken. Default nothing.
    pub faults: Faults,
    /// What `/robots.txt` says. Default: everything is allowed but `/private/`.
    pub robots: Robots,
    /// Whether the first page of the first host leads into `/trap/`, which never ends. Default no.
    pub trap: bool,
    /// Whether hosts are ports or names. Default ports.
    pub addressing: Addressing,
    /// Whether every request is kept for [`Origin::log`](super::Origin::log) (the first 2²⁰ of them).
    /// Default no.
    pub record: bool,
}

impl Default for Site {
    fn default() -> Self {
        Self {
            seed: 1,
            hosts: 1,
            pages: 100,
            links: 10,
            cross_links: 0.2,
            page_size: 4096,
            latency: Latency::None,
            faults: Faults::default(),
            robots: Robots::default(),
            trap: false,
            addressing: Addressing::Ports,
            record: false,
        }
    }
}

impl Site {
    /// Refuses what makes no sense.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`], naming the field.
    pub fn check(&self) -> io::Result<()> {
        let positive =
            [("hosts", u64::from(self.hosts)), ("pages", self.pages), ("links", self.links.into())];
        if let Some((name, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(invalid(format!("`{name}` must be at least 1")));
        }
        let share = |value: f64| (0.0..=1.0).contains(&value);
        if !share(self.cross_links) {
            return Err(invalid(format!("`cross_links` is {}, not a share of 0 to 1", self.cross_links)));
        }
        if let Some((kind, value)) = self.faults.shares().into_iter().find(|(_, value)| !share(*value)) {
            return Err(invalid(
                format!("share of {kind:?} is {value}, not a share of 0 to 1").to_lowercase(),
            ));
        }
        Ok(())
    }
}

fn invalid(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

/// What `/robots.txt` says, on every host the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Robots {
    /// All robots are kept out of `/private/`, and asked for a pause between requests if given.
    Rules {
        /// `Crawl-delay`, in the file as seconds. Default none.
        crawl_delay: Option<Duration>,
    },
    /// 404: everything is allowed (RFC 9309 §2.3.1.3).
    Missing,
    /// 503: nothing is allowed (RFC 9309 §2.3.1.4).
    Unavailable,
}

impl Default for Robots {
    fn default() -> Self {
        Self::Rules { crawl_delay: None }
    }
}

/// How a host is told from another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Addressing {
    /// Each host has its own port: `http://127.0.0.1:PORT/`. Good for a few hundred hosts.
    #[default]
    Ports,
    /// Hosts are `h0.test`, `h1.test` … (RFC 6761) behind one forward HTTP proxy. Good for millions.
    Names,
}
