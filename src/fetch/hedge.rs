//! A second request where the first is not answered in time (`--hedge`; Dean and Barroso, *The Tail at Scale*, 2013).
//!
//! [`Hedges`] belongs to all fetches of a run that has the option, on whatever thread. A request for which the head of an
//! answer has not come after a time is sent once more, over connections that hedges have to themselves, so that it does not
//! wait behind what is slow. The head that comes first wins; the other request is dropped, and its connection closed. Both
//! count as one towards limits per host: a host may see one request more at once for each hedge.
//!
//! Bounds: none through a proxy, one more per fetch, one in [`SHARE`] fetches of the run, rounded up; none to a host that has answered 429 or
//! 503 within [`CALM`].

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::TryFutureExt as _;
use futures::future::{Either, select};
use reqwest::{Client, StatusCode};
use tokio::time::{Instant, sleep};

use super::guard::Way;
use super::http::{Http, HttpOptions};
use super::pool::Pool;
use super::trace::{TRACE, Trace};
use crate::url::CrawlUrl;

/// One in so many fetches may be hedged.
const SHARE: u64 = 10;
/// How long a host gets no second requests after 429 or 503: the least that it is left alone for.
const CALM: Duration = Duration::from_secs(60);
/// Hosts that are remembered for it. When there are more, nobody gets any.
const MOST_HOSTS: usize = 4096;

/// See the module.
pub(super) struct Hedges {
    after: Duration,
    judged: Pool,
    open: Pool,
    budget: Arc<Budget>,
}

/// What all threads share.
#[derive(Default)]
pub(super) struct Budget {
    fetches: AtomicU64,
    hedges: AtomicU64,
    /// Hosts that answered 429 or 503, and until when they are spared.
    spared: Mutex<HashMap<Box<str>, Instant>>,
}

impl Budget {
    /// One more fetch that may be hedged.
    fn earn(&self) {
        self.fetches.fetch_add(1, Relaxed);
    }

    /// Takes a hedge, if one is left.
    fn spend(&self) -> bool {
        let most = self.fetches.load(Relaxed).div_ceil(SHARE);
        let take = |spent: u64| (spent < most).then_some(spent + 1);
        self.hedges.fetch_update(Relaxed, Relaxed, take).is_ok()
    }

    fn spare(&self, host: &str, now: Instant) {
        let mut spared = self.spared.lock().unwrap_or_else(PoisonError::into_inner);
        if spared.len() >= MOST_HOSTS {
            spared.retain(|_, until| *until > now);
        }
        // One more than the most says that there are too many.
        if spared.len() <= MOST_HOSTS {
            spared.insert(host.into(), now + CALM);
        }
    }

    fn is_spared(&self, host: &str, now: Instant) -> bool {
        let mut spared = self.spared.lock().unwrap_or_else(PoisonError::into_inner);
        if spared.len() > MOST_HOSTS {
            spared.retain(|_, until| *until > now);
        }
        spared.len() > MOST_HOSTS || spared.get(host).is_some_and(|until| *until > now)
    }
}

impl Hedges {
    /// Those of one thread, with pools of their own, to public addresses and to any.
    pub(super) fn new(after: Duration, (judged, open): (Pool, Pool), budget: Arc<Budget>) -> Self {
        Self { after, judged, open, budget }
    }

    fn client(&self, way: Way, options: &HttpOptions, url: &CrawlUrl) -> Client {
        let pool = match way {
            Way::Judged => &self.judged,
            Way::Open => &self.open,
        };
        // It waits for nobody else's connection.
        pool.client(options, url).0
    }

    /// An answer came: a host that has had enough is not asked twice.
    pub(super) fn heed(&self, url: &CrawlUrl, status: StatusCode) {
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            self.budget.spare(url.host_key().as_str(), Instant::now());
        }
    }

    /// Sends a request with this client, and its twin if no head comes in time; says so in `hedged`. Gives the answer that
    /// came first; the first request's error when neither was answered.
    pub(super) async fn run(
        &self,
        shot: Shot<'_>,
        (first, twin): (reqwest::Request, reqwest::Request),
        hedged: &mut bool,
    ) -> reqwest::Result<reqwest::Response> {
        let Shot { http, client, way, url, trace, guarded } = shot;
        self.budget.earn();
        let mut first = pin!(client.execute(first));
        let now = match select(&mut first, pin!(sleep(self.after))).await {
            Either::Left((answer, _)) => return answer,
            Either::Right(_) => Instant::now(),
        };
        if self.budget.is_spared(url.host_key().as_str(), now) || !self.budget.spend() {
            return first.await;
        }
        *hedged = true;
        // A trace of its own: the fetch keeps the times of its first request.
        let own = Trace::start();
        own.aim(url.host(), url.port(), guarded);
        http.shared.traffic.sent();
        let second = TRACE.scope(Arc::clone(&own), self.client(way, &http.options, url).execute(twin));
        let second = second.inspect_ok(|_| trace.take_over(&own));
        match select(first, pin!(second)).await {
            Either::Left((Ok(answer), _)) | Either::Right((Ok(answer), _)) => Ok(answer),
            Either::Left((Err(error), second)) => second.await.or(Err(error)),
            Either::Right((Err(_), first)) => first.await,
        }
    }

    /// Lets go of all idle connections.
    pub(super) fn renew(&self, options: &HttpOptions) {
        self.judged.renew(options);
        self.open.renew(options);
    }
}

/// Where a request goes.
pub(super) struct Shot<'a> {
    pub(super) http: &'a Http,
    pub(super) client: Client,
    pub(super) way: Way,
    pub(super) url: &'a CrawlUrl,
    pub(super) trace: &'a Trace,
    pub(super) guarded: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_ten_rounded_up() {
        let budget = Budget::default();
        assert!(!budget.spend());
        let mut spent = 0;
        for fetch in 1..=100u64 {
            budget.earn();
            spent += u64::from(budget.spend());
            assert_eq!(spent, fetch.div_ceil(SHARE));
        }
        assert!(!budget.spend());
    }

    #[test]
    fn hosts_that_had_enough_are_spared_and_too_many_of_them_spare_all() {
        let now = Instant::now();
        let budget = Budget::default();
        budget.spare("http://a", now);
        assert!(budget.is_spared("http://a", now) && !budget.is_spared("http://b", now));
        assert!(!budget.is_spared("http://a", now + CALM));
        for n in 0..2 * MOST_HOSTS {
            budget.spare(&n.to_string(), now);
        }
        assert!(budget.spared.lock().unwrap().len() <= MOST_HOSTS + 1);
        assert!(budget.is_spared("http://b", now) && !budget.is_spared("http://b", now + CALM));
    }
}
