//! Flat lists without a crawl: three ways to wait for many fetches, for Rust programs.
//!
//! [`gather`] is `join_all` in input order, [`as_completed`] a bounded stream over
//! `FuturesUnordered`, [`try_gather`] a task group whose first failure cancels the rest. They share
//! [`fetch_one`] and know nothing of hosts, politeness or retries: that is what
//! [`crawl`](crate::crawl()) is for. Dropping any of these futures or streams cancels its requests.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use futures::future::{FutureExt as _, join_all};
use futures::stream::{FuturesUnordered, Stream, StreamExt as _};
use tokio::sync::Semaphore;

use crate::fetch::{ErrorKind, Fetch, Request};
use crate::outcome::{Keep, Outcome, OutcomeKind, ShowBody};

/// Fetches one URL; a failure is an [`Outcome`] too. The outcome keeps headers and body.
pub async fn fetch_one<F: Fetch>(fetch: Arc<F>, request: Request, seq: u64) -> Outcome {
    let mut outcome = Outcome::new(OutcomeKind::Finished, Some(request.url.clone()));
    outcome.seq = seq;
    outcome.attempts = 1;
    outcome.settle(
        fetch.fetch(request).await,
        Keep { headers: true, body: true, show_body: ShowBody::Text, ..Keep::default() },
    )
}

/// Fetches all, at most `limit` at a time, and returns all outcomes in input order once all are done.
pub async fn gather<F: Fetch>(fetch: Arc<F>, requests: Vec<Request>, limit: usize) -> Vec<Outcome> {
    join_all(limited(fetch, requests, limit)).await
}

/// Fetches all, at most `limit` at a time, and yields each outcome as it finishes. `requests` is read
/// only as far as there is room, so it may be endless.
pub fn as_completed<F: Fetch>(
    fetch: Arc<F>,
    requests: impl IntoIterator<Item = Request>,
    limit: usize,
) -> impl Stream<Item = Outcome> {
    let mut waiting = requests.into_iter().fuse().zip(0u64..);
    let start = move |(request, seq)| fetch_one(Arc::clone(&fetch), request, seq);
    let running: FuturesUnordered<_> = waiting.by_ref().take(limit.max(1)).map(&start).collect();
    futures::stream::unfold((running, waiting, start), |(mut running, mut waiting, start)| async move {
        let outcome = running.next().await?;
        running.extend(waiting.next().map(&start));
        Some((outcome, (running, waiting, start)))
    })
}

/// Fetches all, at most `limit` at a time, in input order; the first failure cancels the rest.
///
/// # Errors
/// The failures, grouped by kind: the first one, and those that had failed by the time it was seen.
pub async fn try_gather<F: Fetch>(
    fetch: Arc<F>,
    requests: Vec<Request>,
    limit: usize,
) -> Result<Vec<Outcome>, FailureGroup> {
    let total = requests.len();
    let mut outcomes: Vec<Option<Outcome>> = (0..total).map(|_| None).collect();
    let over = Arc::new(AtomicBool::new(false));
    let start = |(request, seq)| {
        let (fetch, over) = (Arc::clone(&fetch), Arc::clone(&over));
        async move {
            if over.load(Relaxed) {
                return None;
            }
            Some(fetch_one(fetch, request, seq).await)
        }
    };
    let mut waiting = requests.into_iter().zip(0u64..);
    let mut running: FuturesUnordered<_> = waiting.by_ref().take(limit.max(1)).map(start).collect();
    while let Some(Some(outcome)) = running.next().await {
        let failed = !matches!(outcome.kind, OutcomeKind::Finished | OutcomeKind::Skipped);
        let seq = outcome.seq as usize;
        outcomes[seq] = Some(outcome);
        if failed {
            // What else is ready now failed or finished before anything could be cancelled.
            over.store(true, Relaxed);
            while let Some(Some(ended)) = running.next().now_or_never() {
                let Some(outcome) = ended else { continue };
                let seq = outcome.seq as usize;
                outcomes[seq] = Some(outcome);
            }
            return Err(FailureGroup::of(outcomes));
        }
        running.extend(waiting.next().map(start));
    }
    Ok(outcomes.into_iter().flatten().collect())
}

/// Why a task group failed: its failures by kind, and how many siblings were cancelled.
#[derive(Debug)]
pub struct FailureGroup {
    /// The failures.
    pub failures: BTreeMap<ErrorKind, Vec<Outcome>>,
    /// Those that had finished before.
    pub finished: Vec<Outcome>,
    /// How many were cancelled, started or not.
    pub cancelled: usize,
}

impl FailureGroup {
    fn of(outcomes: Vec<Option<Outcome>>) -> Self {
        let mut group = Self { failures: BTreeMap::new(), finished: Vec::new(), cancelled: 0 };
        for outcome in outcomes {
            match outcome {
                None => group.cancelled += 1,
                Some(outcome) => match &outcome.error {
                    Some(error) => group.failures.entry(error.kind).or_default().push(outcome),
                    None => group.finished.push(outcome),
                },
            }
        }
        group
    }
}

impl fmt::Display for FailureGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count: usize = self.failures.values().map(Vec::len).sum();
        write!(f, "{count} failed, {} cancelled:", self.cancelled)?;
        for (kind, outcomes) in &self.failures {
            let example = outcomes.first().map(Outcome::name).unwrap_or_default();
            write!(f, " {kind} ({}, e.g. `{example}`)", outcomes.len())?;
        }
        Ok(())
    }
}

impl std::error::Error for FailureGroup {}

/// One future per request, of which at most `limit` make progress.
fn limited<F: Fetch>(
    fetch: Arc<F>,
    requests: Vec<Request>,
    limit: usize,
) -> impl Iterator<Item = impl Future<Output = Outcome>> {
    let slots = Arc::new(Semaphore::new(limit.max(1)));
    requests.into_iter().zip(0u64..).map(move |(request, seq)| {
        let (fetch, slots) = (Arc::clone(&fetch), Arc::clone(&slots));
        async move {
            let _slot = slots.acquire().await;
            fetch_one(fetch, request, seq).await
        }
    })
}
