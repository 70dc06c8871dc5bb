//! What the scheduler keeps to: [`Politeness`] towards hosts, and [`Limits`] of its own memory.
//!
//! Whoever starts a run chooses them; the scheduler reads them and never changes them.

use std::time::Duration;

use super::host_queue::MAX_WAVES;
use crate::scope::Traps;
use crate::url::{CrawlUrl, HostTable};

/// What limits per host, delays and the pauses that a host asks for hold for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueueKey {
    /// A host: scheme, name and port.
    #[default]
    Host,
    /// A registrable domain (public suffix list), all hosts of it together; an address, and a name that has no such domain,
    /// stands for itself.
    Domain,
    /// An address, all hosts at it together.
    Ip,
}

/// The limits that hold for every host, and for all together.
#[derive(Clone, Debug)]
pub struct Politeness {
    /// What counts as one host for `per_host`, `delay`, `rate`, and pauses after 429 and 503; default [`QueueKey::Host`]. What
    /// robots.txt and `hosts` say holds for a host alone, whatever this is.
    pub queue_key: QueueKey,
    /// Requests in flight to one host; default 6, what browsers use.
    pub per_host: u32,
    /// Least time between the starts of two requests to one host; default 0.
    pub delay: Duration,
    /// Mean time between the starts of requests to one host, one over the rate; default 0.
    pub rate: Duration,
    /// Mean time between the starts of any requests; default 0.
    pub pace: Duration,
    /// Find out how many requests a host stands, up to `per_host`, and send no more; default false.
    pub adaptive: bool,
    /// By what share of it each of these waits is made longer or shorter at random, 0 to 1; default 0. The mean stays.
    pub jitter: f64,
    /// What holds for some hosts in place of `per_host`, `delay` and `rate`; default empty.
    pub hosts: HostTable<HostPace>,
    /// Hand out the URLs of a host level by level, so that each has the least depth that it can have on its
    /// host; default false.
    pub by_depth: bool,
    /// Ask for robots.txt first, and obey it; default true.
    pub robots: bool,
    /// After so many failures in a row to reach a host, each after a rest, it is given up; default [`MAX_WAVES`]. 0 is
    /// never: then each of its URLs fails by itself.
    pub max_host_errors: u32,
    /// How often robots.txt is asked for again when it cannot be had; default 2.
    pub retries: u32,
    /// What a URL that was found may look like.
    pub traps: Traps,
}

impl Default for Politeness {
    fn default() -> Self {
        Self {
            queue_key: QueueKey::Host,
            per_host: 6,
            delay: Duration::ZERO,
            rate: Duration::ZERO,
            pace: Duration::ZERO,
            adaptive: false,
            jitter: 0.0,
            hosts: HostTable::default(),
            by_depth: false,
            robots: true,
            max_host_errors: MAX_WAVES,
            retries: 2,
            traps: Traps::default(),
        }
    }
}

impl Politeness {
    /// Whether requests to the host of this URL keep a distance in time.
    pub fn is_paced(&self, url: &CrawlUrl) -> bool {
        let own = if self.hosts.is_empty() { None } else { self.own(url.host_key().as_str()) };
        !self.pace.is_zero() || !self.distance(own).is_zero()
    }

    /// What the host of this key has of its own.
    pub(super) fn own(&self, host_key: &str) -> Option<&HostPace> {
        if self.hosts.is_empty() {
            return None;
        }
        let (scheme, authority) = host_key.split_once("://")?;
        let usual = if scheme == "https" { 443 } else { 80 };
        let with_port = authority.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let (host, port) = with_port.unwrap_or((authority, usual));
        self.hosts.get(host, Some(port))
    }

    /// Requests in flight to a host that has this of its own.
    pub(super) fn at_once(&self, own: Option<&HostPace>) -> u32 {
        own.and_then(|own| own.per_host).unwrap_or(self.per_host).max(1)
    }

    /// Time between the starts of two requests to it: least, and on average.
    pub(super) fn waits(&self, own: Option<&HostPace>) -> (Duration, Duration) {
        let of = |of: fn(&HostPace) -> Option<Duration>| own.and_then(of);
        (of(|own| own.delay).unwrap_or(self.delay), of(|own| own.rate).unwrap_or(self.rate))
    }

    /// The longer of the two.
    pub(super) fn distance(&self, own: Option<&HostPace>) -> Duration {
        let (least, mean) = self.waits(own);
        least.max(mean)
    }
}

/// The pace of one host, where it differs from that of all. What is `None` does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostPace {
    /// Requests in flight; at least 1.
    pub per_host: Option<u32>,
    /// Least time between the starts of two requests.
    pub delay: Option<Duration>,
    /// Mean time between the starts of requests, one over the rate.
    pub rate: Option<Duration>,
}

/// How much the scheduler holds in memory. Neither is exact: a visit more may be under way.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Entries taken from the store and not handed out, of all hosts together; default 65,536. At least 1.
    pub at_hand: usize,
    /// Hosts with a queue in memory; beyond, those at rest go to sleep; default 16,384.
    pub awake: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { at_hand: 65_536, awake: 16_384 }
    }
}

impl Limits {
    /// What suits a frontier that may take so many bytes of memory; the default from half a GiB on.
    pub fn within(memory: u64) -> Self {
        let Self { at_hand, awake } = Self::default();
        let share = |bytes, most: usize| usize::try_from(memory / bytes).unwrap_or(most).clamp(1024, most);
        Self { at_hand: share(8192, at_hand), awake: share(32_768, awake) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_host_has_its_own_pace() {
        let mut politeness = Politeness { per_host: 4, delay: SECOND, ..Politeness::default() };
        assert!(politeness.own("http://a").is_none());
        let own = HostPace { per_host: Some(0), delay: Some(Duration::ZERO), ..HostPace::default() };
        politeness.hosts.insert("a:8080", own).unwrap();
        let rate = Some(3 * SECOND);
        politeness.hosts.insert("[::1]", HostPace { rate, ..HostPace::default() }).unwrap();
        politeness.hosts.insert("b:443", HostPace { rate, ..HostPace::default() }).unwrap();
        for (url, at_once, waits) in [
            ("http://a/", 4, (1, 0)),
            ("http://a:8080/", 1, (0, 0)),
            ("https://[::1]/", 4, (1, 3)),
            ("https://[::1]:1/", 4, (1, 3)),
            ("https://b/", 4, (1, 3)),
            ("http://b/", 4, (1, 0)),
        ] {
            let url = CrawlUrl::parse(url).unwrap();
            let own = politeness.own(url.host_key().as_str());
            assert_eq!(politeness.at_once(own), at_once, "{url}");
            assert_eq!(politeness.waits(own), (waits.0 * SECOND, waits.1 * SECOND), "{url}");
            assert_eq!(politeness.is_paced(&url), waits != (0, 0), "{url}");
        }
    }
}
