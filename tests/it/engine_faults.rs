//! Faults around a run rather than in it: workers that die, kills that race with the hand-out.

use std::time::{Duration, Instant};

use gannet::crawl::{Ended, Plan};
use gannet::fetch::Phase;
use gannet::frontier::store::Memory;
use gannet::frontier::{
    Candidate, Disposition, FORGIVEN_AFTER, Found, Frontier, HostSignal, PARK, Politeness, Position,
    Scheduler,
};
use gannet::{CrawlUrl, Error, ErrorKind, Fetch, FetchError, Request, Response};

use crate::engine_web::{Web, given, run_with};

/// One URL fails after a moment; the others never answer, and panic when they are dropped.
struct Brittle;

struct PanicsOnDrop;

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            std::panic::resume_unwind(Box::new("dropped"));
        }
    }
}

impl Fetch for Brittle {
    async fn fetch(&self, request: Request) -> Result<Response, FetchError> {
        if request.url.as_str() != "http://h/0" {
            let _fragile = PanicsOnDrop;
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        Err(FetchError::new(ErrorKind::Tls, Phase::Connect, "as told"))
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_dies_ends_the_run_with_an_error() {
    worker_dies(1).await;
}

#[tokio::test]
async fn a_worker_that_dies_in_another_lane_does_so_too() {
    worker_dies(2).await;
}

async fn worker_dies(threads: usize) {
    let (recorder, mut receivers) = gannet::crawl::Recorder::new(1, 8);
    let plan = Plan { fail_fast: true, threads, ..Plan::fetch(2) };
    // So many that orders go on when a worker has died.
    let seeds = given((0..500).map(|n| format!("http://h/{n}")));
    let run = gannet::crawl::start(plan, Brittle, seeds, recorder);
    let read = async {
        let mut records = 0;
        while receivers[0].recv().await.is_some() {
            records += 1;
        }
        records
    };
    let (records, (summary, error)) =
        tokio::time::timeout(Duration::from_secs(60), async { tokio::join!(read, run.finish()) })
            .await
            .unwrap();
    assert!(summary.is_balanced() && summary.settled() == records, "{summary:?}");
    assert!(summary.pending >= 1, "the order that died with its worker: {summary:?}");
    assert!(matches!(&error, Some(Error::Internal(why)) if why.contains("a worker ended")), "{error:?}");
}

/// Lines that are no URL never enter a queue; they are counted all the same wherever a kill finds them.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn refused_seeds_balance_at_any_kill() {
    let web = Web::plain(Duration::ZERO);
    for round in 0..300u64 {
        let plan = Plan { capacity: 4, ..Plan::fetch(8) };
        let seeds = given((0..300).map(|n| format!("mailto:{n}")));
        let end = run_with(plan, &web, seeds, Duration::ZERO, async |handle| {
            for _ in 0..round {
                tokio::task::yield_now().await;
            }
            handle.kill();
        })
        .await;
        end.check();
        assert!(matches!(end.summary.ended, Ended::Stopped | Ended::Done), "{:?}", end.summary.ended);
    }
}

fn candidate(url: &str, fingerprint: u64) -> Candidate {
    let found = Found::seed(Position::NONE, None);
    Candidate { url: CrawlUrl::parse(url).unwrap(), fingerprint, depth: 0, found }
}

/// Links of a page that was still on its way may belong to a host that was evicted already.
#[test]
fn eviction_comes_back_for_what_is_admitted_behind_it() {
    let now = Instant::now();
    let mut scheduler = Scheduler::new(Memory::unique(), Politeness::default());
    scheduler.admit(&mut vec![candidate("http://a/1", 1), candidate("http://b/1", 2)], now);
    assert!(scheduler.evict().is_some() && scheduler.evict().is_some());
    scheduler.admit(&mut vec![candidate("http://a/2", 3)], now);
    assert_eq!(scheduler.evict().map(|job| job.entry.url.to_string()).as_deref(), Some("http://a/2"));
    assert!(scheduler.evict().is_none());
}

#[test]
fn a_host_that_throttles_is_asked_ever_more_rarely() {
    let lax = Politeness { robots: false, ..Politeness::default() };
    let mut scheduler = Scheduler::new(Memory::unique(), lax);
    let mut now = Instant::now();
    scheduler.admit(&mut vec![candidate("http://h/", 1)], now);
    let mut park = |now: Instant| {
        let job = scheduler.pop(now).unwrap();
        scheduler.finished(job, Disposition::Retry(Duration::ZERO, HostSignal::Throttled(None)), now);
        assert!(scheduler.pop(now).is_none());
        scheduler.ready_at().unwrap() - now
    };
    for strike in 0..4 {
        let parked = park(now);
        assert_eq!(parked, PARK * 2u32.pow(strike));
        now += parked;
    }
    // Time in which it was asked nothing was no good conduct; time in which it might have been is.
    assert_eq!(park(now + FORGIVEN_AFTER), PARK);
}
