//! What [`Names`] asks for, and how often, held against sources that count.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::advance;

use super::*;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A source that counts, and answers with what `answer` makes of the number of the question.
struct Source {
    asked: AtomicUsize,
    /// Answers that may be given.
    leave: Semaphore,
    answer: fn(usize) -> Result<Found, Failure>,
}

impl Source {
    fn new(leave: usize, answer: fn(usize) -> Result<Found, Failure>) -> Arc<Self> {
        Arc::new(Self { asked: AtomicUsize::new(0), leave: Semaphore::new(leave), answer })
    }

    fn names(self: &Arc<Self>, options: DnsOptions) -> Arc<Names> {
        let source = Arc::clone(self);
        let look_up: LookUp = Arc::new(move |_| {
            let source = Arc::clone(&source);
            Box::pin(async move {
                let nth = source.asked.fetch_add(1, SeqCst);
                source.leave.acquire().await.unwrap().forget();
                (source.answer)(nth)
            })
        });
        Names::new(look_up, &options)
    }

    fn asked(&self) -> usize {
        self.asked.load(SeqCst)
    }
}

fn found(text: &str, ttl: Option<u64>) -> Result<Found, Failure> {
    let addresses = text.split_whitespace().map(address).collect();
    Ok(Found { addresses, ttl: ttl.map(Duration::from_secs) })
}

fn failed(fault: DnsFault) -> Result<Found, Failure> {
    Err(Failure::new(fault, "why"))
}

const MANY: usize = 1000;

async fn ask(names: &Arc<Names>) -> Result<String, DnsFault> {
    let looked_up = Arc::clone(names).look_up("a.test".to_owned(), Some(80)).await;
    looked_up.map(|found| found.addresses[0].to_string()).map_err(|failure| failure.fault)
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_kept_as_long_as_it_says_or_as_is_set() {
    for (ttl, kept) in [(None, 60), (Some(5), 5), (Some(0), 1), (Some(1 << 31), 24 * 60 * 60)] {
        let source = Source::new(
            MANY,
            match ttl {
                None => |_| found("10.0.0.1", None),
                Some(5) => |_| found("10.0.0.1", Some(5)),
                Some(0) => |_| found("10.0.0.1", Some(0)),
                Some(_) => |_| found("10.0.0.1", Some(1 << 31)),
            },
        );
        let names = source.names(DnsOptions::default());
        let before = Instant::now();
        for _ in 0..3 {
            ask(&names).await.unwrap();
        }
        advance(before + Duration::from_secs(kept) - Instant::now() - Duration::from_millis(500)).await;
        ask(&names).await.unwrap();
        assert_eq!(source.asked(), 1, "{ttl:?}");
        advance(Duration::from_secs(1)).await;
        ask(&names).await.unwrap();
        assert_eq!(source.asked(), 2, "{ttl:?}");
    }
}

#[tokio::test]
async fn nothing_is_kept_where_that_is_asked_for() {
    let source = Source::new(MANY, |_| found("10.0.0.1", Some(100)));
    let names = source.names(DnsOptions { cache_time: Duration::ZERO, ..DnsOptions::default() });
    for nth in 1..4 {
        ask(&names).await.unwrap();
        assert_eq!(source.asked(), nth);
    }
}

#[tokio::test(start_paused = true)]
async fn only_what_is_not_there_is_remembered_as_failed_and_nothing_stale_is_served() {
    let source = Source::new(MANY, |nth| match nth {
        0 => found("10.0.0.1", Some(2)),
        1 => failed(DnsFault::Failed),
        2 => failed(DnsFault::NoSuchName),
        _ => found("10.0.0.2", None),
    });
    let names = source.names(DnsOptions::default());
    assert_eq!(ask(&names).await.unwrap(), "10.0.0.1");
    advance(Duration::from_secs(3)).await;
    assert_eq!(ask(&names).await, Err(DnsFault::Failed));
    assert_eq!(ask(&names).await, Err(DnsFault::NoSuchName));
    assert_eq!(ask(&names).await, Err(DnsFault::NoSuchName));
    assert_eq!(source.asked(), 3);
    advance(Duration::from_secs(11)).await;
    assert_eq!(ask(&names).await.unwrap(), "10.0.0.2");
}

#[tokio::test]
async fn who_waits_for_a_name_waits_for_one_question_and_may_go_away() {
    let source = Source::new(0, |_| found("10.0.0.1", None));
    let names = source.names(DnsOptions::default());
    let mut waiting = JoinSet::new();
    let mut handles: Vec<_> = (0..10)
        .map(|_| {
            let names = Arc::clone(&names);
            waiting.spawn(async move { ask(&names).await })
        })
        .collect();
    while source.asked() == 0 {
        tokio::task::yield_now().await;
    }
    // The one that began it goes, and another.
    for gone in handles.drain(..2) {
        gone.abort();
    }
    source.leave.add_permits(1);
    let mut ended = Vec::new();
    while let Some(result) = waiting.join_next().await {
        ended.extend(result.ok()); // those that went away have none
    }
    assert_eq!(ended, vec![Ok("10.0.0.1".to_owned()); 8]);
    assert_eq!(source.asked(), 1);
    assert!(names.state().under_way.is_empty());
}

#[tokio::test]
async fn a_question_that_nobody_waits_for_any_more_ends() {
    let source = Source::new(0, |_| found("10.0.0.1", None));
    let names = source.names(DnsOptions::default());
    let mut first = Box::pin(ask(&names));
    assert!(futures::poll!(&mut first).is_pending());
    drop(first);
    assert!(names.state().under_way.is_empty());
    source.leave.add_permits(1);
    assert_eq!(ask(&names).await.unwrap(), "10.0.0.1");
    assert_eq!(source.asked(), 2);
}

#[tokio::test]
async fn a_panic_ends_one_look_up_and_no_other() {
    let source = Source::new(0, |nth| if nth == 0 { panic!("a fault") } else { found("10.0.0.1", None) });
    let names = source.names(DnsOptions::default());
    let (mut one, mut two) = (Box::pin(ask(&names)), Box::pin(ask(&names)));
    assert!(futures::poll!(&mut one).is_pending() && futures::poll!(&mut two).is_pending());
    source.leave.add_permits(2);
    assert_eq!((one.await, two.await), (Err(DnsFault::Failed), Err(DnsFault::Failed)));
    assert_eq!(ask(&names).await.unwrap(), "10.0.0.1");
}

#[tokio::test(start_paused = true)]
async fn addresses_that_were_slow_come_last_for_a_while() {
    let source = Source::new(MANY, |_| found("10.0.0.1 10.0.0.2 10.0.0.3", Some(10_000)));
    let names = source.names(DnsOptions::default());
    let offered = ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map(address);
    names.connected(&offered, offered[0]);
    assert_eq!(ask(&names).await.unwrap(), "10.0.0.1");
    names.connected(&offered, offered[1]);
    assert_eq!(ask(&names).await.unwrap(), "10.0.0.2");
    names.connected(&offered[1..], offered[2]);
    assert_eq!(ask(&names).await.unwrap(), "10.0.0.3");
    advance(SLOW + Duration::from_secs(1)).await;
    assert_eq!(ask(&names).await.unwrap(), "10.0.0.1");
}

#[tokio::test]
async fn given_addresses_ask_nobody_and_the_family_holds_for_them_too() {
    let source = Source::new(MANY, |_| found("10.0.0.9 ::9", None));
    let pins = ["a.test:80:10.0.0.1,::1", "b.test:80:10.0.0.2"].map(|pin| pin.parse().unwrap()).to_vec();
    let names = |family| source.names(DnsOptions { pins: pins.clone(), family, ..DnsOptions::default() });
    assert_eq!(ask(&names(Family::Any)).await.unwrap(), "10.0.0.1");
    assert_eq!(ask(&names(Family::V6)).await.unwrap(), "::1");
    assert_eq!(source.asked(), 0);
    let v6 = |name: &str, port| names(Family::V6).look_up(name.to_owned(), Some(port));
    let refused = v6("b.test", 80).await.err().unwrap();
    assert_eq!(refused.to_string(), "the name has no IPv6 address, and no other may be used");
    assert_eq!(v6("b.test", 81).await.unwrap().addresses, [address("::9")]);
}
