//! What the server saw: counters always, every request when asked to record.
//!
//! The record lets a test judge a crawler's politeness where it counts, at the server: each [`Hit`] has
//! its time and how many requests to the same host were open at that moment. A request is open until its
//! answer (or the last piece of it) is handed to the socket, so a client that waits for an answer before
//! it asks again is never seen as two. Memory is bounded by [`MAX_HITS`] and the number of connections.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many hits are kept; later ones only count.
const MAX_HITS: usize = 1 << 20;

/// One request, as recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Number of the host, `None` when the site has no such host.
    pub host: Option<u32>,
    /// The URL asked for, path and query as sent; empty when the request was not understood.
    pub url: String,
    /// When its head was read, since the start of the server.
    pub at: Duration,
    /// Requests open on this host at that moment, this one included.
    pub in_flight: u32,
}

/// What was served since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Connections accepted.
    pub connections: u64,
    /// Request heads read.
    pub requests: u64,
    /// Requests that were given no status: stalled, or reset before the head.
    pub unanswered: u64,
    /// Answers by status.
    pub by_status: BTreeMap<u16, u64>,
}

/// Counts and records.
#[derive(Debug)]
pub(super) struct Log {
    connections: AtomicU64,
    requests: AtomicU64,
    unanswered: AtomicU64,
    statuses: Box<[AtomicU64]>,
    record: Option<Record>,
}

#[derive(Debug)]
struct Record {
    start: Instant,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    hits: Vec<Hit>,
    open: HashMap<Option<u32>, u32>,
}

impl Log {
    pub(super) fn new(record: bool) -> Self {
        Self {
            connections: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            unanswered: AtomicU64::new(0),
            statuses: (0..600).map(|_| AtomicU64::new(0)).collect(),
            record: record.then(|| Record { start: Instant::now(), seen: Mutex::default() }),
        }
    }

    pub(super) fn connection(&self) {
        self.connections.fetch_add(1, Relaxed);
    }

    /// Counts a request; `url` is only called when it is recorded. The request is open while the guard lives.
    pub(super) fn request(&self, host: Option<u32>, url: impl FnOnce() -> String) -> Open<'_> {
        self.requests.fetch_add(1, Relaxed);
        if let Some(record) = &self.record {
            let url = url();
            let mut seen = record.lock();
            let open = seen.open.entry(host).or_default();
            *open += 1;
            let in_flight = *open;
            if seen.hits.len() < MAX_HITS {
                seen.hits.push(Hit { host, url, at: record.start.elapsed(), in_flight });
            }
        }
        Open { record: self.record.as_ref(), host }
    }

    /// Counts an answer; `None` when there was none.
    pub(super) fn answer(&self, status: Option<u16>) {
        let counter = status.and_then(|status| self.statuses.get(usize::from(status)));
        counter.unwrap_or(&self.unanswered).fetch_add(1, Relaxed);
    }

    pub(super) fn stats(&self) -> Stats {
        let by_status = (0u16..).zip(&self.statuses).map(|(status, n)| (status, n.load(Relaxed)));
        Stats {
            connections: self.connections.load(Relaxed),
            requests: self.requests.load(Relaxed),
            unanswered: self.unanswered.load(Relaxed),
            by_status: by_status.filter(|(_, n)| *n > 0).collect(),
        }
    }

    /// Runs over what was recorded, in the order of arrival; over nothing when nothing is recorded.
    pub(super) fn with_hits<T>(&self, read: impl FnOnce(&[Hit]) -> T) -> T {
        match &self.record {
            Some(record) => read(&record.lock().hits),
            None => read(&[]),
        }
    }
}

impl Record {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        // Nothing panics between two related writes, so what a panic left behind is whole.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An open request; dropping it closes it.
pub(super) struct Open<'a> {
    record: Option<&'a Record>,
    host: Option<u32>,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let Some(record) = self.record else { return };
        let mut seen = record.lock();
        if let Some(open) = seen.open.get_mut(&self.host) {
            *open -= 1;
            if *open == 0 {
                seen.open.remove(&self.host);
            }
        }
    }
}

/// The most requests open at once on a host.
pub(super) fn max_in_flight(hits: &[Hit], host: u32) -> u32 {
    hits.iter().filter(|hit| hit.host == Some(host)).map(|hit| hit.in_flight).max().unwrap_or(0)
}

/// The shortest time between the starts of two requests to a host.
pub(super) fn min_gap(hits: &[Hit], host: u32) -> Option<Duration> {
    let mut at: Vec<_> = hits.iter().filter(|hit| hit.host == Some(host)).map(|hit| hit.at).collect();
    at.sort_unstable();
    at.windows(2).map(|pair| pair[1] - pair[0]).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_requests_are_counted_by_host() {
        let log = Log::new(true);
        let first = log.request(Some(1), || "a".to_owned());
        let second = log.request(Some(1), || "b".to_owned());
        let other = log.request(Some(2), || "c".to_owned());
        drop((first, second, other));
        drop(log.request(Some(1), || "d".to_owned()));
        let open = log.with_hits(|hits| hits.iter().map(|hit| hit.in_flight).collect::<Vec<_>>());
        assert_eq!(open, [1, 2, 1, 1]);
        assert_eq!(log.with_hits(|hits| max_in_flight(hits, 1)), 2);
        assert!(log.with_hits(|hits| min_gap(hits, 1)).is_some());
        assert_eq!(log.with_hits(|hits| min_gap(hits, 2)), None);
        assert!(log.record.as_ref().is_some_and(|record| record.lock().open.is_empty()));
    }

    #[test]
    fn nothing_is_kept_unless_asked() {
        let log = Log::new(false);
        drop(log.request(Some(1), || unreachable!("not recorded")));
        log.answer(Some(404));
        log.answer(None);
        assert_eq!(log.with_hits(<[Hit]>::len), 0);
        let stats = log.stats();
        assert_eq!((stats.requests, stats.unanswered), (1, 1));
        assert_eq!(stats.by_status, BTreeMap::from([(404, 1)]));
    }
}
