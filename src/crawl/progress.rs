//! [`Progress`]: the numbers of a running crawl, for whoever wants to look while it runs.
//!
//! The dispatcher writes them, a progress bar on another thread reads them; all are atomics, so
//! neither waits for the other and no snapshot is exact to the last URL.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::summary::Tally;
use crate::frontier::Counts;

/// Numbers of a running crawl; all counts are of URLs unless said otherwise.
#[derive(Debug, Default)]
pub struct Progress {
    /// Seeds and admitted links.
    pub known: AtomicU64,
    /// Waiting for their first try.
    pub queued: AtomicU64,
    /// Waiting for another try.
    pub retrying: AtomicU64,
    /// Orders that workers have.
    pub in_flight: AtomicU64,
    /// Outcomes.
    pub settled: AtomicU64,
    /// Outcomes that are failures.
    pub failed: AtomicU64,
    /// Finished with status 400 or above.
    pub http_errors: AtomicU64,
    /// Bytes of bodies over the wire.
    pub wire_bytes: AtomicU64,
    /// Hosts that wait: parked, delayed, or out of reach.
    pub waiting_hosts: AtomicU64,
    /// Host queues.
    pub hosts: AtomicU64,
    /// The number of workers that descriptors or ports suffice for, once that is fewer than asked for; else 0.
    pub reduced_to: AtomicU64,
}

impl Progress {
    pub(super) fn settled(&self, tally: &Tally) {
        self.settled.fetch_add(1, Relaxed);
        self.failed.fetch_add(u64::from(tally.is_failure()), Relaxed);
        self.http_errors.fetch_add(u64::from(tally.is_http_error()), Relaxed);
        self.wire_bytes.fetch_add(tally.bytes().0, Relaxed);
    }

    pub(super) fn exhausted(&self, allowed: usize) {
        self.reduced_to.store(allowed as u64, Relaxed);
    }

    pub(super) fn publish(&self, known: u64, counts: Counts, out: usize) {
        self.known.store(known, Relaxed);
        self.queued.store(counts.queued, Relaxed);
        self.retrying.store(counts.retrying, Relaxed);
        self.in_flight.store(out as u64, Relaxed);
        self.waiting_hosts.store(counts.waiting_hosts, Relaxed);
        self.hosts.store(counts.hosts, Relaxed);
    }
}
