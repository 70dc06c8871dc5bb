//! [`Summary`]: what a run came to, in numbers that balance.
//!
//! The dispatcher owns it and counts each settled URL once, from the [`Tally`] in its report. Memory
//! is bounded: kinds and statuses are few, latencies are histograms, hosts are capped.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::extract::Via;
use crate::fetch::{Connections, ErrorKind};
use crate::frontier::HostLimit;
use crate::outcome::{Outcome, OutcomeKind, Skip};
use crate::scope::Reason;
use crate::url::CrawlUrl;

/// Hosts that are told apart by their fetches.
const MAX_HOSTS: usize = 10_000;

/// What a run came to.
#[derive(Debug)]
pub struct Summary {
    /// Lines of the input that ask for a URL, good or bad.
    pub seeds: u64,
    /// Seeds that repeat an earlier one and were dropped without a record (`--unique`).
    pub dropped: u64,
    /// Admitted links.
    pub discovered: u64,
    /// URLs with an outcome that earlier runs of the job decided; the other numbers include them.
    pub earlier: u64,
    /// Outcomes by kind.
    pub finished: u64,
    /// See [`OutcomeKind::Failed`].
    pub failed: u64,
    /// See [`OutcomeKind::Fallback`].
    pub fallback: u64,
    /// See [`OutcomeKind::Cancelled`].
    pub cancelled: u64,
    /// Skipped URLs by reason.
    pub skipped: BTreeMap<Skip, u64>,
    /// Admitted URLs without an outcome: the run was stopped before.
    pub pending: u64,
    /// The input was not read to its end: there may be more.
    pub input_left: bool,
    /// Finished URLs by HTTP status; a `/sitemap.xml` that nobody named and that is not there is left out.
    pub statuses: BTreeMap<u16, u64>,
    /// Failed and fallback URLs by kind of error.
    pub errors: BTreeMap<ErrorKind, ErrorGroup>,
    /// Seeds that failed.
    pub failed_seeds: u64,
    /// Finished URLs that are as they were in an earlier run.
    pub unchanged: u64,
    /// Finished URLs with the content of another, where that was looked for.
    pub duplicates: u64,
    /// Links met on pages.
    pub links: Links,
    /// Tries after the first.
    pub retries: u64,
    /// Requests for robots.txt.
    pub robots: u64,
    /// Connections opened and requests sent; in a job by its last run.
    pub connections: Connections,
    /// Bytes of bodies over the wire.
    pub wire_bytes: u64,
    /// Bytes of bodies, decoded.
    pub body_bytes: u64,
    /// Duration of fetches, microseconds.
    pub latency: Histogram<u64>,
    /// From admission to the start of the last try, microseconds.
    pub queue_wait: Histogram<u64>,
    /// Hosts with their fetches.
    pub hosts: HashMap<String, HostTally>,
    /// How many requests hosts were found to stand, where that was looked for: of a few hosts.
    pub host_limits: Vec<HostLimit>,
    /// Hosts that the run met; of a `fetch` of more than 10,000, so many at least.
    pub host_count: u64,
    /// Wall time of the run.
    pub elapsed: Duration,
    /// Why it ended.
    pub ended: Ended,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ended {
    /// Nothing was left to do.
    #[default]
    Done,
    /// `--max-pages` was reached.
    MaxPages,
    /// `--max-time` was over.
    MaxTime,
    /// A failure under `--fail-fast`.
    FailFast,
    /// Asked to stop.
    Stopped,
    /// An output could not be written, or a fault in gannet.
    Broken,
}

/// Failures of one kind.
#[derive(Clone, Debug)]
pub struct ErrorGroup {
    /// How many.
    pub count: u64,
    /// The first URL, or seed, that failed so.
    pub example: String,
    /// What it failed with.
    pub message: String,
}

/// Links met on pages, by what became of them.
#[derive(Clone, Debug, Default)]
pub struct Links {
    /// All, each counted once per page.
    pub found: u64,
    /// Already known.
    pub seen: u64,
    /// Refused by the scope, by reason.
    pub rejected: BTreeMap<Reason, u64>,
}

/// The fetches of one host.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostTally {
    /// Fetches that ended.
    pub fetches: u64,
    /// The time they took together.
    pub time: Duration,
}

/// What a report adds to the summary: a copy of the few facts that it counts.
#[derive(Debug)]
pub(super) struct Tally {
    kind: OutcomeKind,
    url: Option<CrawlUrl>,
    seed: bool,
    status: Option<u16>,
    error: Option<(ErrorKind, String, String)>,
    skipped: Option<Skip>,
    is_duplicate: bool,
    is_unchanged: bool,
    bytes: (u64, u64),
    queue: Option<Duration>,
    total: Option<Duration>,
}

impl Tally {
    pub(super) fn of(outcome: &Outcome) -> Self {
        let bytes = outcome.response.as_ref().map_or((0, 0), |r| (r.wire_bytes, r.body_bytes));
        let error = outcome.error.as_ref();
        // Nobody said that there is a `/sitemap.xml`, so that it is not there is no error.
        let is_guess = outcome.via == Some(Via::SITEMAP_DEFAULT);
        Self {
            kind: outcome.kind,
            url: outcome.url.clone(),
            seed: outcome.source.is_none(),
            status: outcome.status().filter(|status| *status < 400 || !is_guess),
            error: error.map(|e| (e.kind, outcome.name().into_owned(), e.message.clone())),
            skipped: outcome.skipped,
            is_duplicate: outcome.is_duplicate(),
            is_unchanged: outcome.is_unchanged(),
            bytes,
            queue: outcome.queue,
            total: outcome.timings.map(|t| t.total),
        }
    }

    /// No whole answer came, and no fallback stands in.
    pub(super) fn is_failure(&self) -> bool {
        self.kind == OutcomeKind::Failed
    }

    pub(super) fn is_seed(&self) -> bool {
        self.seed
    }

    pub(super) fn is_http_error(&self) -> bool {
        self.kind == OutcomeKind::Finished && self.status.is_some_and(|s| s >= 400)
    }

    pub(super) fn has_status_in(&self, statuses: &[RangeInclusive<u16>]) -> bool {
        let is_in = |status| statuses.iter().any(|range| range.contains(&status));
        self.kind == OutcomeKind::Finished && self.status.is_some_and(is_in)
    }

    pub(super) fn bytes(&self) -> (u64, u64) {
        self.bytes
    }
}

impl Default for Summary {
    fn default() -> Self {
        // Two significant digits suffice for people; the bounds grow by themselves.
        let histogram = || Histogram::new(2).unwrap_or_else(|_| unreachable!("2 digits are allowed"));
        Self {
            seeds: 0,
            dropped: 0,
            discovered: 0,
            earlier: 0,
            finished: 0,
            failed: 0,
            fallback: 0,
            cancelled: 0,
            skipped: BTreeMap::new(),
            pending: 0,
            input_left: false,
            statuses: BTreeMap::new(),
            errors: BTreeMap::new(),
            failed_seeds: 0,
            unchanged: 0,
            duplicates: 0,
            links: Links::default(),
            retries: 0,
            robots: 0,
            connections: Connections::default(),
            wire_bytes: 0,
            body_bytes: 0,
            latency: histogram(),
            queue_wait: histogram(),
            hosts: HashMap::new(),
            host_limits: Vec::new(),
            host_count: 0,
            elapsed: Duration::ZERO,
            ended: Ended::Done,
        }
    }
}

impl Summary {
    /// Counts a settled URL.
    pub(super) fn count(&mut self, tally: Tally) {
        match tally.kind {
            OutcomeKind::Finished => self.finished += 1,
            OutcomeKind::Failed => self.failed += 1,
            OutcomeKind::Fallback => self.fallback += 1,
            OutcomeKind::Cancelled => self.cancelled += 1,
            OutcomeKind::Skipped => {}
        }
        if let Some(skip) = tally.skipped {
            *self.skipped.entry(skip).or_default() += 1;
        }
        self.failed_seeds += u64::from(tally.seed && tally.is_failure());
        self.unchanged += u64::from(tally.is_unchanged);
        self.duplicates += u64::from(tally.is_duplicate);
        if let (OutcomeKind::Finished, Some(status)) = (tally.kind, tally.status) {
            *self.statuses.entry(status).or_default() += 1;
        }
        self.wire_bytes += tally.bytes.0;
        self.body_bytes += tally.bytes.1;
        if let (Some(url), Some(total)) = (&tally.url, tally.total) {
            self.count_time(url, tally.queue, total);
        }
        let failed = matches!(tally.kind, OutcomeKind::Failed | OutcomeKind::Fallback);
        if let Some((kind, example, message)) = tally.error.filter(|_| failed) {
            self.errors.entry(kind).or_insert(ErrorGroup { count: 0, example, message }).count += 1;
        }
    }

    fn count_time(&mut self, url: &CrawlUrl, queue: Option<Duration>, total: Duration) {
        record(&mut self.latency, total);
        if let Some(queue) = queue {
            record(&mut self.queue_wait, queue);
        }
        let key = url.host_key();
        if !self.hosts.contains_key(key.as_str()) && self.hosts.len() < MAX_HOSTS {
            self.hosts.insert(key.as_str().to_owned(), HostTally::default());
        }
        let Some(host) = self.hosts.get_mut(key.as_str()) else { return };
        host.fetches += 1;
        host.time += total;
    }

    /// Whether there may have been more hosts than were counted.
    pub fn more_hosts(&self) -> bool {
        self.hosts.len() == MAX_HOSTS && self.host_count == MAX_HOSTS as u64
    }

    /// Nothing is left to do.
    pub fn is_complete(&self) -> bool {
        self.pending == 0 && !self.input_left
    }

    /// URLs that were not fetched, for whatever reason.
    pub fn skipped_total(&self) -> u64 {
        self.skipped.values().sum()
    }

    /// URLs with an outcome.
    pub fn settled(&self) -> u64 {
        self.finished + self.failed + self.fallback + self.cancelled + self.skipped_total()
    }

    /// Finished URLs with a status of 400 and above.
    pub fn http_errors(&self) -> u64 {
        self.statuses.range(400..).map(|(_, count)| count).sum()
    }

    /// The conservation law: what came in equals what came out and what is left.
    pub fn is_balanced(&self) -> bool {
        self.seeds + self.discovered == self.settled() + self.dropped + self.pending
    }
}

/// The histogram grows by itself; should it not, one value more or less does not matter.
fn record(histogram: &mut Histogram<u64>, time: Duration) {
    let _ = histogram.record(time.as_micros() as u64);
}
