//! Marks, written by one process and read by another.

use super::*;
use crate::frontier::WallClock;

const SECOND: Duration = Duration::from_secs(1);
const UNIX_MS: u64 = 1_700_000_000_000;

fn clock(instant: Instant) -> WallClock {
    WallClock { instant, unix_ms: UNIX_MS }
}

fn queue(now: Instant) -> HostQueue {
    HostQueue::new(&Politeness::default(), None, now)
}

/// A page comes back.
fn heed(queue: &mut HostQueue, signal: HostSignal, now: Instant) {
    queue.landed(signal, &Politeness::default(), now);
}

/// Asks for robots.txt, which says this.
fn ask(queue: &mut HostQueue, text: &str, now: Instant) {
    queue.robots.state = State::Asking { asked: 1, returned: 0 };
    queue.robots(Ok(Rules::parse(text.as_bytes(), "x")), 2, now);
}

#[test]
fn a_host_without_marks_has_nothing_to_save() {
    let now = Instant::now();
    assert!(queue(now).save(&clock(now), now).is_none());
    let mut lax = HostQueue::new(&Politeness { robots: false, ..Politeness::default() }, None, now);
    heed(&mut lax, HostSignal::Healthy, now);
    assert!(lax.save(&clock(now), now).is_none() && lax.unsaved(&clock(now), now).is_none());
}

#[test]
fn marks_read_back() {
    let now = Instant::now();
    let (here, there) = (clock(now), clock(now + 5 * SECOND));
    let histories: [fn(&mut HostQueue, Instant); 7] = [
        |q, now| heed(q, HostSignal::Throttled(None), now),
        |q, now| heed(q, HostSignal::Unreachable(ErrorKind::Dns, "no such host".into()), now),
        |q, now| ask(q, "User-agent: *\nDisallow: /x\nCrawl-delay: 3\n", now),
        |q, now| ask(q, "User-agent: *\nCrawl-delay: 300\n", now),
        |q, now| ask(q, "", now),
        |q, now| {
            q.robots.state = State::Asking { asked: 1, returned: 4 };
            let (kind, message) = (ErrorKind::RobotsUnavailable, String::new());
            q.robots(Err(RobotsDown { kind, message, ask_again: Some(SECOND) }), 2, now);
        },
        |q, now| {
            // Read once, and then it could not be had.
            ask(q, "User-agent: *\nDisallow: /x\n", now);
            q.robots.state = State::Asking { asked: 1, returned: 0 };
            let (kind, message) = (ErrorKind::RobotsUnavailable, String::new());
            q.robots(Err(RobotsDown { kind, message, ask_again: None }), 2, now);
            assert!(q.retired.is_none() && !q.robots.rules().unwrap().allows("/x"));
        },
    ];
    for history in histories {
        let mut before = queue(now);
        history(&mut before, now);
        let saved = before.unsaved(&here, now).unwrap();
        assert!(!saved.is_empty() && before.unsaved(&here, now).is_none(), "saved once");
        let mut after = queue(now);
        after.restore(&saved, &here, now);
        assert_eq!(after.save(&here, now), Some(saved.clone()), "{}", String::from_utf8_lossy(&saved));
        // The other process began five seconds later by its own clock, at the same time by that on the wall.
        let mut elsewhere = queue(there.instant);
        elsewhere.restore(&saved, &there, there.instant);
        assert_eq!(elsewhere.save(&there, there.instant), Some(saved));
    }
}

#[test]
fn a_host_that_was_given_up_stays_so() {
    let now = Instant::now();
    for fate in [
        Fate::Throttled,
        Fate::CrawlDelay(40 * SECOND),
        Fate::Failed { kind: ErrorKind::Dns, phase: Phase::Resolve, message: "gone".into() },
    ] {
        let mut before = queue(now);
        before.retired = Some(fate.clone());
        let mut after = queue(now);
        after.restore(&before.save(&clock(now), now).unwrap(), &clock(now), now);
        assert_eq!(format!("{:?}", after.retired), format!("{:?}", Some(fate)));
    }
}

#[test]
fn a_clock_that_was_set_stalls_nobody() {
    let now = Instant::now();
    let mut before = queue(now);
    ask(&mut before, "", now);
    heed(&mut before, HostSignal::Throttled(None), now);
    before.next_start = now + SECOND;
    let saved = before.save(&clock(now), now).unwrap();
    for unix_ms in [0, UNIX_MS / 2, UNIX_MS * 2, u64::MAX / 2] {
        let clock = WallClock { instant: now, unix_ms };
        let mut after = queue(now);
        after.restore(&saved, &clock, now);
        assert!(after.rests_until() <= now + MAX_PARK && after.circuit.last_strike <= now);
        assert!(after.robots.copy.unwrap().read <= now);
        assert!(matches!(after.robots.state, State::Known { until } if until <= now + robots::TTL));
    }
}

#[test]
fn what_makes_no_sense_is_as_good_as_nothing() {
    let now = Instant::now();
    for saved in [&b""[..], b"{", b"[]", b"\xff", br#"{"f":"?"}"#, br#"{"f":{"f":["?","dns","gone"]}}"#] {
        let mut queue = queue(now);
        queue.restore(saved, &clock(now), now);
        assert!(queue.save(&clock(now), now).is_none());
    }
}
