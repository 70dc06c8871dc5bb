//! The three ways to wait for a flat list, in virtual time.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use gannet::batch::{as_completed, gather, try_gather};
use gannet::fetch::Phase;
use gannet::{CrawlUrl, ErrorKind, Outcome, Request};

use crate::engine_web::{Answer, Web};

const MOMENT: Duration = Duration::from_millis(1);

fn request(n: u64) -> Request {
    Request::get(CrawlUrl::parse(&format!("http://h/{n}")).unwrap())
}

fn requests(count: u64) -> Vec<Request> {
    (0..count).map(request).collect()
}

fn number(url: &str) -> u64 {
    url.rsplit('/').next().unwrap().parse().unwrap()
}

/// Each URL takes a time of its own, in no order.
fn jittery() -> Web {
    Web::new(|url, _| {
        let time = fastrand::Rng::with_seed(number(url)).u64(1..200);
        (MOMENT * time as u32, Answer::Page(200, Vec::new()))
    })
}

fn numbers(outcomes: &[Outcome]) -> Vec<u64> {
    outcomes.iter().map(|outcome| number(&outcome.name())).collect()
}

#[tokio::test(start_paused = true)]
async fn gather_keeps_the_order_and_the_bound() {
    for limit in [0, 1, 7, 5000] {
        let web = jittery();
        let outcomes = gather(Arc::new(web.clone()), requests(1000), limit).await;
        assert_eq!(numbers(&outcomes), (0..1000).collect::<Vec<_>>());
        assert!(outcomes.iter().zip(0..).all(|(outcome, seq)| outcome.seq == seq));
        assert_eq!(web.most(), limit.clamp(1, 1000) as u64);
    }
}

#[tokio::test(start_paused = true)]
async fn as_completed_yields_the_fastest_first() {
    let web = Web::new(|url, _| (MOMENT * (100 - number(url) as u32), Answer::Page(200, Vec::new())));
    let outcomes: Vec<_> = as_completed(Arc::new(web), requests(100), 100).collect().await;
    assert_eq!(numbers(&outcomes), (0..100).rev().collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn as_completed_holds_the_bound_and_gives_each_once() {
    let web = jittery();
    let mut outcomes: Vec<_> = as_completed(Arc::new(web.clone()), requests(1000), 13).collect().await;
    assert_eq!(web.most(), 13);
    outcomes.sort_by_key(|outcome| outcome.seq);
    assert_eq!(numbers(&outcomes), (0..1000).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn as_completed_reads_an_endless_list_only_as_far_as_there_is_room() {
    let web = jittery();
    let read = Cell::new(0u64);
    let endless = (0..).map(|n| {
        read.set(n + 1);
        request(n)
    });
    let mut stream = std::pin::pin!(as_completed(Arc::new(web.clone()), endless, 5));
    for done in 1..=100u64 {
        assert!(stream.next().await.is_some());
        assert!(read.get() <= done + 5, "{} read after {done}", read.get());
    }
    assert_eq!(web.most(), 5);
}

/// An iterator that has ended is not asked again.
#[tokio::test(start_paused = true)]
async fn as_completed_takes_the_end_of_a_list_for_its_end() {
    let mut calls = 0;
    let list = std::iter::from_fn(|| {
        calls += 1;
        (calls != 3).then(|| request(calls))
    });
    let outcomes: Vec<_> = as_completed(Arc::new(jittery()), list, 4).collect().await;
    assert_eq!(outcomes.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_stream_cancels() {
    let web = Web::plain(MOMENT * 100);
    {
        let mut stream = std::pin::pin!(as_completed(Arc::new(web.clone()), (0..).map(request), 8));
        assert!(stream.next().await.is_some());
    }
    assert_eq!((web.running(), web.started(), web.dropped()), (0, 8, 7));
}

#[tokio::test(start_paused = true)]
async fn try_gather_gives_all_or_cancels_the_rest() {
    let fine = try_gather(Arc::new(jittery()), requests(100), 7).await.unwrap();
    assert_eq!(numbers(&fine), (0..100).collect::<Vec<_>>());

    // 3 and 5 fail together, of two kinds; 0 is done by then, 1 runs, the others wait.
    let web = Web::new(|url, _| match number(url) {
        0 => (MOMENT * 10, Answer::Page(200, Vec::new())),
        3 => (MOMENT * 50, Answer::Fail(ErrorKind::Dns, Phase::Resolve)),
        5 => (MOMENT * 50, Answer::Fail(ErrorKind::Tls, Phase::Connect)),
        _ => (MOMENT * 900, Answer::Page(200, Vec::new())),
    });
    let group = try_gather(Arc::new(web.clone()), requests(50), 6).await.unwrap_err();
    let kinds: Vec<_> = group.failures.iter().map(|(kind, failed)| (*kind, failed.len())).collect();
    assert_eq!(kinds, [(ErrorKind::Dns, 1), (ErrorKind::Tls, 1)]);
    assert_eq!((numbers(&group.finished), group.cancelled), (vec![0], 47));
    assert_eq!((web.running(), web.started(), web.dropped()), (0, 7, 4));
    assert!(group.to_string().starts_with("2 failed, 47 cancelled:"), "{group}");
}

#[tokio::test(start_paused = true)]
async fn try_gather_starts_nothing_after_the_first_failure() {
    use gannet::{Fetch, FetchError, Response};
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
    /// Fails without ever waiting.
    struct AtOnce(AtomicU32);
    impl Fetch for AtOnce {
        async fn fetch(&self, _: Request) -> Result<Response, FetchError> {
            self.0.fetch_add(1, SeqCst);
            Err(FetchError::new(ErrorKind::Dns, Phase::Resolve, "no such name"))
        }
    }
    let fetch = Arc::new(AtOnce(AtomicU32::new(0)));
    let group = try_gather(Arc::clone(&fetch), requests(100), 10).await.unwrap_err();
    assert_eq!((fetch.0.load(SeqCst), group.cancelled), (1, 99));
}
