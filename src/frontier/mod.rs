//! The frontier: every URL that is known and not done, and the order among them.
//!
//! The dispatcher owns one [`Frontier`] and asks it what may be fetched *now*; nobody ever waits in
//! here. The implementation is two layers: the [`Scheduler`] knows time and politeness, a
//! [`Store`](store::Store) behind it keeps queues and the set of URLs seen. Time comes in as an
//! argument, so all of it is tested without a runtime.

mod clock;
mod host_queue;
mod limits;
mod options;
mod pace;
#[cfg(test)]
mod pace_tests;
mod pages;
mod scheduler;
#[cfg(test)]
mod scheduler_tests;
pub mod store;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::clock::WallClock;
pub use self::host_queue::{
    BACKOFF, FORGIVEN_AFTER, MAX_CRAWL_DELAY, MAX_LOST, MAX_PARK, MAX_PARKED, MAX_WAVES, PARK,
};
pub use self::limits::{HostPace, Limits, Politeness, QueueKey};
pub use self::options::SeedOptions;
pub use self::scheduler::Scheduler;

use tokio::sync::Notify;

use crate::error::Error;
use crate::extract::Via;
use crate::fetch::{ErrorKind, Phase};
use crate::robots::Rules;
use crate::scope::Trap;
use crate::url::{CrawlUrl, Fingerprinter};

/// What the dispatcher needs of a frontier. Synchronous and batch-first; it never waits, it says when
/// to come back.
pub trait Frontier: Send {
    /// Takes the new ones out of `candidates` and queues them; leaves those already seen.
    fn admit(&mut self, candidates: &mut Vec<Candidate>, now: Instant) -> u64;

    /// A job that may be started now, or `None`: see [`ready_at`](Self::ready_at).
    fn pop(&mut self, now: Instant) -> Option<Job>;

    /// When [`pop`](Self::pop) may next give a job without anything finishing before; in the past when it
    /// may at once, `None` when only a report or a seed can change the answer.
    fn ready_at(&self) -> Option<Instant>;

    /// Ends a job: exactly once per popped job.
    fn finished(&mut self, job: Job, how: Disposition, now: Instant);

    /// From now on gives out only URLs that were given out before (retries).
    fn close(&mut self);

    /// Gives out any pending URL at once, as a job that is [cancelled](Fate::Cancelled), politeness aside.
    fn evict(&mut self) -> Option<Job>;

    /// Takes in what the store has got ready since. Call it whenever [`bell`](Self::bell) rings.
    ///
    /// # Errors
    /// When the store cannot go on, e.g. because its disk is full.
    fn poll(&mut self, now: Instant) -> Result<Late, Error>;

    /// Rings when [`poll`](Self::poll) has something to take in.
    fn bell(&self) -> Option<Arc<Notify>>;

    /// How many URLs are where.
    fn counts(&self) -> Counts;

    /// How many requests hosts were found to stand, of those that most is known of.
    fn host_limits(&self) -> Vec<HostLimit> {
        Vec::new()
    }

    /// A seed that ends without entering a queue: gives it a number and keeps `what` until
    /// [`drop_aside`](Self::drop_aside).
    fn put_aside(&mut self, what: &[u8]) -> u64;

    /// What was put aside has its outcome.
    fn drop_aside(&mut self, number: u64);

    /// A source was read up to this line of it (exclusive); `ended` when that was all.
    fn read_to(&mut self, source: u32, line: u64, ended: bool);

    /// Makes what happened since the last call a unit that survives whole or not at all, if it is time to; `note` says
    /// what the run wants to find beside it. Call it between two reports.
    fn commit(&mut self, now: Instant, note: &mut dyn FnMut() -> Vec<u8>);

    /// When [`commit`](Self::commit) is to be called at the latest, if anything waits for it.
    fn commit_at(&self) -> Option<Instant>;

    /// Ends it: saves what makes the next start quick.
    fn shut(&mut self, note: &mut dyn FnMut() -> Vec<u8>);
}

/// What turned out about URLs that were admitted provisionally.
#[derive(Debug, Default)]
pub struct Late {
    /// Links that are new.
    pub discovered: u64,
    /// Links that were known.
    pub seen: u64,
    /// Seeds that were known.
    pub seeds: Vec<Candidate>,
}

/// A URL proposed for fetching.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The URL.
    pub url: CrawlUrl,
    /// Its identity ([`Fingerprinter`]).
    pub fingerprint: u64,
    /// Links from a seed.
    pub depth: u16,
    /// Where it comes from.
    pub found: Found,
}

/// Where a URL comes from.
#[derive(Clone, Debug)]
pub enum Found {
    /// The user named it.
    Seed {
        /// Its place in the input.
        position: Position,
        /// As written, when that is not the URL.
        input: Option<Arc<str>>,
        /// What it asks for beyond its URL.
        options: Option<Arc<SeedOptions>>,
    },
    /// A page links to it.
    Link {
        /// What the page descends from.
        root: Arc<Root>,
        /// The page.
        source: CrawlUrl,
        /// Where on the page.
        via: Via,
        /// How many redirects in a row lead here, one job each; 0 for a link. What an index of sitemaps names is of the
        /// same depth too, so such indexes count with them.
        redirects: u16,
        /// A seed redirects here, so this stands for it.
        for_seed: bool,
        /// The page was served from a public address, so that it may not lead to a private one.
        on_public: bool,
        /// When the sitemap says that it was last changed, as written there.
        lastmod: Option<Arc<str>>,
    },
}

/// The seed that a URL descends from, or what that seed redirects to. Scope is judged against it.
#[derive(Clone, Debug)]
pub struct Root {
    /// Its URL.
    pub url: CrawlUrl,
    /// The user named its host; false when only a redirect did.
    pub named: bool,
    /// The tag of the seed.
    pub tag: Option<Arc<str>>,
}

impl Found {
    /// A seed of nothing but a URL.
    pub fn seed(position: Position, input: Option<Arc<str>>) -> Self {
        Self::Seed { position, input, options: None }
    }

    /// The tag of the seed that it is or descends from.
    pub fn tag(&self) -> Option<&Arc<str>> {
        match self {
            Self::Seed { options, .. } => options.as_ref()?.tag.as_ref(),
            Self::Link { root, .. } => root.tag.as_ref(),
        }
    }

    /// What it asks for beyond its URL.
    pub fn options(&self) -> Option<&SeedOptions> {
        match self {
            Self::Seed { options, .. } => options.as_deref(),
            Self::Link { .. } => None,
        }
    }

    /// The identity of a URL that was found so.
    pub fn fingerprint(&self, url: &CrawlUrl, fingerprinter: &Fingerprinter) -> u64 {
        match self.options() {
            Some(options) => options.fingerprint(url, fingerprinter),
            None => fingerprinter.fingerprint(url),
        }
    }
}

/// The place of a URL in the input: which seed argument, which line of it. Orders `gather`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Index of the source.
    pub source: u32,
    /// Line of its list, from 0.
    pub line: u64,
}

impl Position {
    /// The position of what no line of the input names.
    pub const NONE: Self = Self { source: u32::MAX, line: u64::MAX };
}

/// An admitted URL, as it waits in a queue.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The URL.
    pub url: CrawlUrl,
    /// Number in the order of admission.
    pub seq: u64,
    /// Links from a seed.
    pub depth: u16,
    /// How often it was handed out to be fetched.
    pub attempts: u32,
    /// How often it came back untried.
    pub returned: u32,
    /// How often the process died while it was out.
    pub lost: u32,
    /// Whether it was ever handed out to be fetched, successfully or not.
    pub handed_out: bool,
    /// When it was admitted.
    pub admitted: Instant,
    /// Where it comes from.
    pub found: Found,
}

impl Entry {
    /// The URL that scope is judged against.
    pub fn root(&self) -> &CrawlUrl {
        match &self.found {
            Found::Seed { .. } => &self.url,
            Found::Link { root, .. } => &root.url,
        }
    }

    /// Whether the user named its host, so that it may see what is meant for that host alone.
    pub fn is_home(&self) -> bool {
        match &self.found {
            Found::Seed { .. } => true,
            Found::Link { root, .. } => root.named && root.url.host_key() == self.url.host_key(),
        }
    }

    /// Whether a page on a public address led here, so that it may not be at a private one.
    pub fn is_from_public(&self) -> bool {
        matches!(self.found, Found::Link { on_public: true, .. })
    }

    /// Whether it is a seed, or what a seed redirects to.
    pub fn is_for_seed(&self) -> bool {
        matches!(self.found, Found::Seed { .. } | Found::Link { for_seed: true, .. })
    }

    /// Where it was found; `None` for a seed.
    pub fn via(&self) -> Option<Via> {
        match self.found {
            Found::Seed { .. } => None,
            Found::Link { via, .. } => Some(via),
        }
    }

    /// How many redirects, and indexes of sitemaps, in a row led here, one job each.
    pub fn redirects(&self) -> u16 {
        match self.found {
            Found::Seed { .. } => 0,
            Found::Link { redirects, .. } => redirects,
        }
    }
}

/// A URL handed out.
#[derive(Debug)]
pub struct Job {
    /// The URL; for [`Work::Robots`] and [`Work::Locate`] the host's robots.txt, which is no URL of the run.
    pub entry: Entry,
    /// Its host queue.
    pub host: store::GroupId,
    /// What is to be done.
    pub work: Work,
    /// Handed out to be fetched for the first time.
    pub first: bool,
}

impl Job {
    /// A URL that goes out again.
    pub fn is_retry(&self) -> bool {
        matches!(self.work, Work::Fetch(_)) && self.entry.attempts > 1
    }

    /// No URL of the run, but a host's robots.txt.
    pub fn is_robots(&self) -> bool {
        matches!(self.work, Work::Robots { .. })
    }
}

/// What is to be done with a job.
#[derive(Debug)]
pub enum Work {
    /// Fetch it; the rules of its host, when they bind.
    Fetch(Option<Arc<Rules>>),
    /// Fetch the host's robots.txt and report its rules.
    Robots {
        /// As if a public page led there: nobody has looked yet who leads to this host.
        from_public: bool,
    },
    /// Look up the address of the host and report it.
    Locate,
    /// Nothing: only record what became of it.
    Settle(Fate),
}

/// What became of a URL that need not be fetched.
#[derive(Clone, Debug)]
pub enum Fate {
    /// These rules of robots.txt forbid it.
    RobotsDenied(Arc<Rules>),
    /// robots.txt asks for a delay above [`MAX_CRAWL_DELAY`].
    CrawlDelay(Duration),
    /// The host answered 429 or 503 for too long.
    Throttled,
    /// It looks as if it led nowhere.
    Trap(Trap),
    /// The host was given up.
    Failed {
        /// The last error's kind.
        kind: ErrorKind,
        /// The last error's phase.
        phase: Phase,
        /// What happened.
        message: Arc<str>,
    },
    /// The run is being stopped.
    Cancelled,
    /// The process died while it was out, so often.
    Deadly(u32),
}

/// What the frontier does next with a job that ended.
#[derive(Debug)]
pub enum Disposition {
    /// Its outcome is recorded, and what it tells about the host.
    Done {
        /// About the host.
        signal: HostSignal,
        /// No whole answer came, so that somebody may want to try it again.
        failed: bool,
    },
    /// The same URL again, after this long.
    Retry(Duration, HostSignal),
    /// It was not tried: back to its queue, before all others.
    Returned,
    /// What robots.txt said, for a [`Work::Robots`] job.
    Robots(Result<Rules, RobotsDown>),
    /// The address of the host, for a [`Work::Locate`] job, if it has one.
    Located(Option<IpAddr>),
}

impl Disposition {
    /// Whether a robots.txt was asked for, and not left alone because of where it is.
    pub fn asked_for_robots(&self) -> bool {
        let is_blocked = |down: &RobotsDown| down.kind == ErrorKind::BlockedAddress;
        matches!(self, Self::Robots(answer) if !answer.as_ref().is_err_and(is_blocked))
    }
}

/// robots.txt could not be had.
#[derive(Debug)]
pub struct RobotsDown {
    /// Why, for the URLs that cannot be fetched because of it.
    pub kind: ErrorKind,
    /// Why, in words.
    pub message: String,
    /// How long to wait before asking again, if it is worth asking again.
    pub ask_again: Option<Duration>,
}

/// What a fetch tells about its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostSignal {
    /// It answers, and took so long to the first byte.
    Answered(Duration),
    /// It answers, though not with what was asked for (e.g. 500).
    Healthy,
    /// It let somebody wait too long, or broke off.
    Strained,
    /// It wants fewer requests (429, 503), for this long if it said so.
    Throttled(Option<Duration>),
    /// It cannot be reached: the error's kind and words.
    Unreachable(ErrorKind, String),
    /// Nothing.
    Neutral,
}

/// How many requests at once a host was found to stand ([`Politeness::adaptive`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostLimit {
    /// Scheme, host and port, e.g. `https://example.org`.
    pub host: String,
    /// Requests at once.
    pub limit: u32,
    /// Requests that told so.
    pub answers: u64,
}

/// How many URLs are where. `pending` is their sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Admitted and never handed out.
    pub queued: u64,
    /// To be tried again.
    pub retrying: u64,
    /// Handed out.
    pub in_flight: u64,
    /// Host queues at hand; those that left no mark are forgotten.
    pub hosts: u64,
    /// Host queues with work that wait for a time to come.
    pub waiting_hosts: u64,
    /// Offered, and not known yet whether new. They are no part of `pending`.
    pub undecided: u64,
}

impl Counts {
    /// Admitted URLs whose outcome is open.
    pub fn pending(&self) -> u64 {
        self.queued + self.retrying + self.in_flight
    }
}
