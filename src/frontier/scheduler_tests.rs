//! The scheduler with time in hand: no runtime, no network.

use std::time::{Duration, Instant};

use super::store::Memory;
use super::*;
use crate::fetch::ErrorKind;
use crate::frontier::host_queue::SESSION;
use crate::frontier::{FORGIVEN_AFTER, MAX_WAVES, PARK, RobotsDown};
use crate::robots::Rules;
use crate::url::Fingerprinter;

pub(super) const SECOND: Duration = Duration::from_secs(1);

pub(super) fn scheduler(politeness: Politeness) -> Scheduler<Memory> {
    Scheduler::new(Memory::unique(), politeness)
}

pub(super) fn lax() -> Politeness {
    Politeness { robots: false, ..Politeness::default() }
}

/// Admits a URL as found `depth` links from its seed.
fn admit_at(s: &mut Scheduler<Memory>, url: &str, depth: u16, now: Instant) {
    let url = CrawlUrl::parse(url).unwrap();
    let fingerprint = Fingerprinter::with_key(1, 2).fingerprint(&url);
    let found = Found::seed(Position::NONE, None);
    s.admit(&mut vec![Candidate { url, fingerprint, depth, found }], now);
}

pub(super) fn admit(s: &mut Scheduler<Memory>, urls: &[&str], now: Instant) -> u64 {
    let print = Fingerprinter::with_key(1, 2);
    let mut candidates = urls
        .iter()
        .map(|url| CrawlUrl::parse(url).unwrap())
        .map(|url| Candidate {
            fingerprint: print.fingerprint(&url),
            url,
            depth: 0,
            found: Found::seed(Position::NONE, None),
        })
        .collect();
    s.admit(&mut candidates, now)
}

pub(super) fn pop(s: &mut Scheduler<Memory>, now: Instant) -> Option<String> {
    s.pop(now).map(|job| job.entry.url.to_string())
}

pub(super) fn done() -> Disposition {
    Disposition::Done { signal: HostSignal::Healthy, failed: false }
}

#[test]
fn each_url_once_hosts_in_turn() {
    let now = Instant::now();
    let mut s = scheduler(lax());
    assert_eq!(admit(&mut s, &["http://a/1", "http://a/2", "http://b/1", "http://a/1"], now), 3);
    assert_eq!(admit(&mut s, &["http://a/2"], now), 0);
    let order: Vec<_> = std::iter::from_fn(|| pop(&mut s, now)).collect();
    assert_eq!(order, ["http://a/1", "http://b/1", "http://a/2"]);
    assert_eq!((s.counts().in_flight, s.counts().pending(), s.ready_at()), (3, 3, None));
}

#[test]
fn per_host_limit_and_delay() {
    let now = Instant::now();
    let mut s = scheduler(Politeness { per_host: 2, delay: SECOND, ..lax() });
    admit(&mut s, &["http://a/1", "http://a/2", "http://a/3"], now);
    let first = s.pop(now).unwrap();
    assert!(s.pop(now).is_none());
    assert_eq!(s.ready_at(), Some(now + SECOND));
    assert!(s.pop(now + SECOND).is_some());
    assert!(s.pop(now + 3 * SECOND).is_none(), "two in flight");
    assert_eq!(s.ready_at(), None);
    s.finished(first, done(), now + 4 * SECOND);
    assert!(s.pop(now + 4 * SECOND).is_some());
}

#[test]
fn robots_comes_first_and_is_obeyed() {
    let now = Instant::now();
    let mut s = scheduler(Politeness::default());
    admit(&mut s, &["http://a/private/1", "http://a/2"], now);
    let job = s.pop(now).unwrap();
    assert_eq!((job.entry.url.as_str(), s.counts().in_flight), ("http://a/robots.txt", 0));
    assert!(s.pop(now).is_none(), "single flight");
    let rules = Rules::parse(b"User-agent: *\nDisallow: /private/", "gannet");
    s.finished(job, Disposition::Robots(Ok(rules)), now);
    let denied = s.pop(now).unwrap();
    assert!(matches!(denied.work, Work::Settle(Fate::RobotsDenied(_))));
    assert!(matches!(s.pop(now).unwrap().work, Work::Fetch(Some(_))));
}

#[test]
fn robots_that_cannot_be_had_fails_the_host_after_asking_again() {
    let mut now = Instant::now();
    let mut s = scheduler(Politeness { retries: 1, ..Politeness::default() });
    admit(&mut s, &["http://a/1"], now);
    let down =
        || RobotsDown { kind: ErrorKind::RobotsUnavailable, message: "500".into(), ask_again: Some(SECOND) };
    let job = s.pop(now).unwrap();
    s.finished(job, Disposition::Robots(Err(down())), now);
    assert!(s.pop(now).is_none());
    now += SECOND;
    let job = s.pop(now).unwrap();
    assert!(matches!(job.work, Work::Robots { .. }));
    s.finished(job, Disposition::Robots(Err(down())), now);
    assert!(matches!(
        s.pop(now).unwrap().work,
        Work::Settle(Fate::Failed { kind: ErrorKind::RobotsUnavailable, .. })
    ));
}

/// Admits a URL that a public page leads to.
fn admit_from_public(s: &mut Scheduler<Memory>, url: &str, now: Instant) {
    let url = CrawlUrl::parse(url).unwrap();
    let source = CrawlUrl::parse("http://public/").unwrap();
    let found = Found::Link {
        root: Arc::new(Root { url: source.clone(), named: true, tag: None }),
        source,
        via: Via::REDIRECT,
        redirects: 0,
        for_seed: false,
        on_public: true,
        lastmod: None,
    };
    let fingerprint = Fingerprinter::with_key(1, 2).fingerprint(&url);
    s.admit(&mut vec![Candidate { url, fingerprint, depth: 1, found }], now);
}

#[test]
fn robots_of_a_private_host_is_asked_for_only_when_the_user_led_there() {
    let now = Instant::now();
    let mut s = scheduler(Politeness { delay: SECOND, ..Politeness::default() });
    let blocked =
        || RobotsDown { kind: ErrorKind::BlockedAddress, message: "private".into(), ask_again: None };
    admit_from_public(&mut s, "http://a/1", now);
    let job = s.pop(now).unwrap();
    assert!(matches!(job.work, Work::Robots { from_public: true }));
    s.finished(job, Disposition::Robots(Err(blocked())), now);
    let job = s.pop(now).unwrap();
    let Work::Settle(Fate::Failed { kind, .. }) = &job.work else { panic!("{:?}", job.work) };
    assert_eq!(*kind, ErrorKind::BlockedAddress);
    s.finished(job, Disposition::Done { signal: HostSignal::Neutral, failed: true }, now);
    assert!(s.pop(now).is_none() && s.counts().pending() == 0);

    // Nothing was sent, so the delay does not count from there.
    admit(&mut s, &["http://a/2"], now);
    admit_from_public(&mut s, "http://a/3", now);
    let job = s.pop(now).unwrap();
    assert!(matches!(job.work, Work::Robots { from_public: false }));
    s.finished(job, Disposition::Robots(Ok(Rules::allow_all())), now);
    assert_eq!(pop(&mut s, now + SECOND).unwrap(), "http://a/2");
    assert!(s.pop(now + 2 * SECOND).unwrap().entry.is_from_public(), "and its fetch finds out");
}

#[test]
fn robots_that_nobody_may_ask_for_fails_the_host() {
    let now = Instant::now();
    let mut s = scheduler(Politeness::default());
    admit(&mut s, &["http://a/1"], now);
    for from_public in [true, false] {
        let job = s.pop(now).unwrap();
        assert!(matches!(job.work, Work::Robots { from_public: guarded } if guarded == from_public));
        let down = RobotsDown { kind: ErrorKind::BlockedAddress, message: "private".into(), ask_again: None };
        s.finished(job, Disposition::Robots(Err(down)), now);
    }
    assert!(matches!(s.pop(now).unwrap().work, Work::Settle(Fate::Failed { .. })));
}

#[test]
fn rules_that_cannot_be_asked_for_again_go_on_with_their_delay() {
    let mut now = Instant::now();
    let mut s = scheduler(Politeness::default());
    admit(&mut s, &["http://a/1", "http://a/2", "http://a/private/3"], now);
    let job = s.pop(now).unwrap();
    let rules = Rules::parse(b"User-agent: *\nDisallow: /private/\nCrawl-delay: 9", "gannet");
    s.finished(job, Disposition::Robots(Ok(rules)), now);
    now += 9 * SECOND;
    let page = s.pop(now).unwrap();
    s.finished(page, done(), now);
    now += 24 * 3600 * SECOND;
    let job = s.pop(now).unwrap();
    assert!(job.is_robots() && s.pop(now).is_none(), "no page while it is asked for");
    let down = RobotsDown { kind: ErrorKind::Connect, message: "refused".into(), ask_again: Some(SECOND) };
    s.finished(job, Disposition::Robots(Err(down)), now);
    assert!(s.pop(now + 8 * SECOND).is_none());
    now += 9 * SECOND;
    assert_eq!(pop(&mut s, now).unwrap(), "http://a/2");
    assert!(s.pop(now + 9 * SECOND).is_none(), "one at a time");
}

#[test]
fn a_throttled_host_is_parked_whole_and_others_go_on() {
    let now = Instant::now();
    let mut s = scheduler(lax());
    admit(&mut s, &["http://a/1", "http://a/2", "http://b/1"], now);
    let job = s.pop(now).unwrap();
    s.finished(job, Disposition::Retry(Duration::ZERO, HostSignal::Throttled(Some(10 * SECOND))), now);
    assert_eq!(pop(&mut s, now).unwrap(), "http://b/1");
    assert!(s.pop(now + 9 * SECOND).is_none());
    assert_eq!(s.counts().waiting_hosts, 1);
    assert_eq!(
        pop(&mut s, now + 10 * SECOND).unwrap(),
        "http://a/2",
        "another one says whether it was the URL"
    );
}

#[test]
fn parking_doubles_and_is_forgiven() {
    let mut now = Instant::now();
    let mut s = scheduler(lax());
    let urls: Vec<String> = (0..9).map(|n| format!("http://a/{n}")).collect();
    admit(&mut s, &urls.iter().map(String::as_str).collect::<Vec<_>>(), now);
    let mut throttled_for = |now: Instant| {
        let job = s.pop(now).unwrap();
        s.finished(job, Disposition::Done { signal: HostSignal::Throttled(None), failed: false }, now);
        assert!(s.pop(now).is_none());
        s.ready_at().unwrap() - now
    };
    for park in [60, 120, 240] {
        assert_eq!(throttled_for(now), park * SECOND);
        now += park * SECOND;
    }
    now += FORGIVEN_AFTER;
    assert_eq!(throttled_for(now), 60 * SECOND);
}

#[test]
fn an_unreachable_host_is_probed_and_given_up() {
    let mut now = Instant::now();
    let mut s = scheduler(lax());
    let urls: Vec<String> = (0..20).map(|n| format!("http://a/{n}")).collect();
    admit(&mut s, &urls.iter().map(String::as_str).collect::<Vec<_>>(), now);
    let down = || HostSignal::Unreachable(ErrorKind::Connect, "connection refused".into());
    let six: Vec<_> = std::iter::from_fn(|| s.pop(now)).collect();
    assert_eq!(six.len(), 6);
    for job in six {
        s.finished(job, Disposition::Done { signal: down(), failed: false }, now);
    }
    for wave in 1..MAX_WAVES {
        assert!(s.pop(now).is_none());
        now = s.ready_at().unwrap();
        let probe = s.pop(now).unwrap();
        assert!(s.pop(now).is_none(), "one probe at a time, wave {wave}");
        s.finished(probe, Disposition::Done { signal: down(), failed: false }, now);
    }
    let rest: Vec<_> = std::iter::from_fn(|| s.pop(now)).collect();
    assert_eq!(rest.len(), 20 - 6 - (MAX_WAVES as usize - 1));
    assert!(
        rest.iter()
            .all(|job| matches!(&job.work, Work::Settle(Fate::Failed { kind: ErrorKind::Connect, .. })))
    );
}

#[test]
fn closed_gives_out_only_retries() {
    let now = Instant::now();
    let mut s = scheduler(lax());
    admit(&mut s, &["http://a/1", "http://a/2", "http://b/1"], now);
    let job = s.pop(now).unwrap();
    s.finished(job, Disposition::Retry(SECOND, HostSignal::Neutral), now);
    s.close();
    assert!(s.pop(now).is_none());
    let job = s.pop(now + SECOND).unwrap();
    assert_eq!((job.entry.url.as_str(), job.entry.attempts), ("http://a/1", 2));
    s.finished(job, done(), now);
    assert_eq!((s.counts().queued, s.counts().retrying, s.counts().in_flight), (2, 0, 0));
}

#[test]
fn returned_jobs_and_evicted_ones_are_accounted_for() {
    let now = Instant::now();
    let mut s = scheduler(lax());
    admit(&mut s, &["http://a/1", "http://a/2", "http://b/1"], now);
    let job = s.pop(now).unwrap();
    s.finished(job, Disposition::Returned, now);
    assert_eq!((s.counts().queued, s.counts().retrying), (2, 1));
    let mut evicted = 0;
    while let Some(job) = s.evict() {
        s.finished(job, Disposition::Done { signal: HostSignal::Neutral, failed: false }, now);
        evicted += 1;
    }
    assert_eq!((evicted, s.counts().pending()), (3, 0));
}

#[test]
fn a_host_that_always_throttles_is_given_up() {
    let mut now = Instant::now();
    let mut s = scheduler(lax());
    let urls: Vec<String> = (0..9).map(|n| format!("http://a/{n}")).collect();
    admit(&mut s, &urls.iter().map(String::as_str).collect::<Vec<_>>(), now);
    let mut tries = 0;
    loop {
        let job = s.pop(now).unwrap();
        if let Work::Settle(fate) = job.work {
            assert!(matches!(fate, Fate::Throttled));
            break;
        }
        s.finished(job, Disposition::Done { signal: HostSignal::Throttled(None), failed: false }, now);
        now += PARK * 2u32.pow(tries);
        tries += 1;
    }
    assert_eq!(tries, 6, "pauses of 1 + 2 + 4 + 8 + 16 minutes, and once more");
}

#[test]
fn by_depth_a_level_waits_for_the_one_above() {
    let now = Instant::now();
    let mut s = scheduler(Politeness { by_depth: true, ..lax() });
    admit_at(&mut s, "http://a/0", 0, now);
    admit_at(&mut s, "http://a/0b", 0, now);
    let (first, second) = (s.pop(now).unwrap(), s.pop(now).unwrap());
    admit_at(&mut s, "http://a/1", 1, now);
    assert!(s.pop(now).is_none());
    s.finished(first, done(), now);
    assert!(s.pop(now).is_none(), "one of the level above is still out");
    s.finished(second, Disposition::Retry(SECOND, HostSignal::Neutral), now);
    assert!(s.pop(now).is_none(), "or to be tried again");
    let again = s.pop(now + SECOND).unwrap();
    assert_eq!(again.entry.attempts, 2);
    s.finished(again, done(), now);
    assert_eq!(pop(&mut s, now + SECOND).unwrap(), "http://a/1");
}

#[test]
fn a_host_that_is_given_up_keeps_no_level_open() {
    let mut now = Instant::now();
    let mut s = scheduler(Politeness { by_depth: true, ..lax() });
    admit_at(&mut s, "http://a/0", 0, now);
    admit_at(&mut s, "http://a/1", 1, now);
    let down = || HostSignal::Unreachable(ErrorKind::Connect, "connection refused".into());
    for _ in 0..MAX_WAVES {
        let job = s.pop(now).unwrap();
        s.finished(job, Disposition::Retry(Duration::ZERO, down()), now);
        now += 60 * SECOND;
    }
    let rest: Vec<_> = std::iter::from_fn(|| s.pop(now)).collect();
    assert_eq!(rest.len(), 2);
    for job in rest {
        assert!(matches!(job.work, Work::Settle(Fate::Failed { .. })));
        s.finished(job, done(), now);
    }
    assert_eq!(s.counts().pending(), 0);
}

#[test]
fn the_pace_holds_for_all_hosts() {
    let now = Instant::now();
    let mut s = scheduler(Politeness { pace: SECOND / 10, ..lax() });
    admit(&mut s, &["http://a/1", "http://b/1", "http://c/1"], now);
    assert!(s.pop(now).is_some() && s.pop(now).is_none());
    assert_eq!(s.ready_at(), Some(now + SECOND / 10));
    assert!(s.pop(now + SECOND / 10).is_some());
}

#[test]
fn hosts_that_leave_no_mark_are_forgotten() {
    let now = Instant::now();
    let mut s = Scheduler::new(Memory::repeating(), lax());
    let down = || HostSignal::Unreachable(ErrorKind::Connect, "connection refused".into());
    for n in 0..1000 {
        admit(&mut s, &[&format!("http://host-{n}/")], now);
        let job = s.pop(now).unwrap();
        assert!(job.host.0 < 2, "the ids of hosts that are done are used again");
        let signal = if n == 0 { down() } else { HostSignal::Healthy };
        s.finished(job, Disposition::Done { signal, failed: false }, now);
    }
    assert_eq!((s.counts().hosts, s.counts().pending()), (1, 0));
    admit(&mut s, &["http://host-0/again"], now);
    assert!(s.pop(now).is_none(), "the one that was out of reach is remembered");
}

#[test]
fn a_host_whose_time_has_come_goes_before_those_not_under_way_but_not_for_ever() {
    let mut now = Instant::now();
    let mut s = scheduler(Politeness { delay: SECOND, ..lax() });
    for page in 0..2 * SESSION {
        admit(&mut s, &[&format!("http://a/{page}")], now);
    }
    admit(&mut s, &["http://b/"], now);
    let mut asked = 0;
    while let Some(job) = s.pop(now).filter(|job| job.entry.url.host() == "a") {
        s.finished(job, done(), now);
        (asked, now) = (asked + 1, now + SECOND);
    }
    assert_eq!(asked, SESSION);
}
