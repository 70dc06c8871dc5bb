//! Hosts that sleep, entries that go back, and runs that are taken up again.

use super::*;
use crate::fetch::ErrorKind;
use crate::frontier::store::{Loaded, Memory};
use crate::frontier::{HostSignal, MAX_LOST, MAX_WAVES, PARK, RobotsDown};
use crate::robots::Rules;
use crate::url::CrawlUrl;

const SECOND: Duration = Duration::from_secs(1);
/// Nobody stays awake who is at rest, and one entry is enough.
const TINY: Limits = Limits { at_hand: 1, awake: 0 };

fn lax() -> Politeness {
    Politeness { robots: false, ..Politeness::default() }
}

fn candidate(url: &str, fingerprint: u64) -> Candidate {
    let found = Found::seed(Position::NONE, None);
    Candidate { url: CrawlUrl::parse(url).unwrap(), fingerprint, depth: 0, found }
}

/// URLs of hosts, so many of each.
fn admit<S: Store>(s: &mut Scheduler<S>, hosts: &[&str], each: usize, now: Instant) {
    let urls = (0..each).flat_map(|n| hosts.iter().map(move |host| format!("http://{host}/{n}")));
    s.admit(&mut urls.map(|url| candidate(&url, 0)).collect(), now);
}

fn tiny(politeness: Politeness) -> Scheduler<Memory> {
    Scheduler::new(Memory::repeating(), politeness).with_limits(TINY)
}

fn done(signal: HostSignal) -> Disposition {
    Disposition::Done { signal, failed: false }
}

fn down() -> HostSignal {
    HostSignal::Unreachable(ErrorKind::Connect, "connection refused".into())
}

#[test]
fn a_host_that_nobody_talks_to_is_small() {
    assert!(size_of::<Host>() <= 32, "{}", size_of::<Host>());
}

#[test]
fn very_many_hosts_are_all_served() {
    let now = Instant::now();
    for politeness in [lax(), Politeness::default()] {
        let limits = Limits { at_hand: 1000, awake: 100 };
        let mut s = Scheduler::new(Memory::repeating(), politeness).with_limits(limits);
        for n in 0..100_000 {
            admit(&mut s, &[&n.to_string()], 1, now);
        }
        let mut served = 0;
        while let Some(job) = s.pop(now) {
            assert!(s.at_hand + s.asked <= 1000 + 16 && s.awake <= 1100);
            match job.work {
                Work::Robots { .. } => s.finished(job, Disposition::Robots(Ok(Rules::allow_all())), now),
                _ => {
                    served += 1;
                    s.finished(job, done(HostSignal::Healthy), now);
                }
            }
        }
        assert_eq!((served, s.counts().pending(), s.at_hand), (100_000, 0, 0));
    }
}

#[test]
fn a_parked_host_gives_its_entries_back_and_sleeps() {
    let mut now = Instant::now();
    let mut s = tiny(lax());
    admit(&mut s, &["a", "b"], 9, now);
    for park in [1, 2, 4] {
        let job = s.pop(now).unwrap();
        assert_eq!(job.entry.url.host(), "a");
        s.finished(job, done(HostSignal::Throttled(None)), now);
        let of_b = s.pop(now).unwrap();
        assert_eq!(of_b.entry.url.host(), "b", "there is room for it");
        s.finished(of_b, done(HostSignal::Throttled(None)), now);
        assert_eq!((s.at_hand, s.awake, s.counts().waiting_hosts), (0, 0, 2));
        assert!(s.pop(now + park * PARK - SECOND).is_none());
        assert_eq!(s.ready_at(), Some(now + park * PARK), "the strikes are remembered");
        now += park * PARK;
    }
    assert_eq!(s.pop(now).map(|job| job.entry.seq), Some(6), "in order");
}

#[test]
fn a_sleeper_knows_its_rules_and_its_delay() {
    let mut now = Instant::now();
    let mut s = tiny(Politeness::default());
    admit(&mut s, &["a"], 1, now);
    let job = s.pop(now).unwrap();
    let rules = Rules::parse(b"User-agent: *\nDisallow: /1\nCrawl-delay: 7", "gannet");
    s.finished(job, Disposition::Robots(Ok(rules)), now);
    now += 7 * SECOND;
    let job = s.pop(now).unwrap();
    s.finished(job, done(HostSignal::Healthy), now);
    assert_eq!(s.awake, 0);
    admit(&mut s, &["a"], 2, now);
    assert!(s.pop(now + 6 * SECOND).is_none());
    now += 7 * SECOND;
    let job = s.pop(now).unwrap();
    assert!(matches!(job.work, Work::Fetch(Some(_))), "not asked for again");
    s.finished(job, done(HostSignal::Healthy), now);
    now += 7 * SECOND;
    assert!(matches!(s.pop(now).unwrap().work, Work::Settle(Fate::RobotsDenied(_))));
}

#[test]
fn a_sleeper_knows_how_often_it_was_out_of_reach_and_that_it_was_given_up() {
    let mut now = Instant::now();
    let mut s = tiny(lax());
    for _ in 0..MAX_WAVES {
        admit(&mut s, &["a"], 1, now);
        now = s.ready_at().unwrap().max(now);
        let job = s.pop(now).unwrap();
        assert!(matches!(job.work, Work::Fetch(_)));
        s.finished(job, done(down()), now);
        assert_eq!(s.awake, 0);
    }
    admit(&mut s, &["a"], 1, now);
    assert!(matches!(s.pop(now).unwrap().work, Work::Settle(Fate::Failed { .. })));
}

#[test]
fn robots_that_are_down_are_asked_as_often_by_one_that_sleeps() {
    let mut now = Instant::now();
    let mut s = tiny(Politeness { retries: 1, ..Politeness::default() });
    admit(&mut s, &["a"], 3, now);
    for _ in 0..2 {
        let job = s.pop(now).unwrap();
        assert!(matches!(job.work, Work::Robots { .. }));
        let (kind, message) = (ErrorKind::RobotsUnavailable, "500".into());
        s.finished(job, Disposition::Robots(Err(RobotsDown { kind, message, ask_again: Some(SECOND) })), now);
        now += SECOND;
    }
    assert!(matches!(s.pop(now).unwrap().work, Work::Settle(Fate::Failed { .. })));
}

/// What waits for a retry far away keeps one entry, which says that its level is shut.
#[test]
fn a_level_that_is_shut_for_long_holds_one_entry() {
    let now = Instant::now();
    let mut s = Scheduler::new(Memory::repeating(), Politeness { by_depth: true, ..lax() });
    admit(&mut s, &["a"], 1, now);
    let job = s.pop(now).unwrap();
    let deeper: Vec<_> = (0..9).map(|n| Candidate { depth: 1, ..candidate("http://a/x", n) }).collect();
    s.admit(&mut deeper.clone(), now);
    s.finished(job, Disposition::Retry(3600 * SECOND, HostSignal::Healthy), now);
    assert_eq!((s.at_hand, s.counts().queued), (1, 9));
    let again = s.pop(now + 3600 * SECOND).unwrap();
    s.finished(again, done(HostSignal::Healthy), now + 3600 * SECOND);
    assert_eq!(std::iter::from_fn(|| s.pop(now + 3600 * SECOND)).count(), 6);
}

/// Two are out only to be recorded when the first of them is done: the host is not forgotten before the last.
#[test]
fn a_host_is_not_forgotten_while_something_of_it_is_out() {
    let now = Instant::now();
    let mut s = Scheduler::new(Memory::repeating(), lax());
    admit(&mut s, &["a"], 2, now);
    let (first, second) = (s.evict().unwrap(), s.evict().unwrap());
    s.finished(first, done(HostSignal::Neutral), now);
    assert_eq!(s.counts().hosts, 1);
    s.finished(second, Disposition::Returned, now);
    assert_eq!((s.counts().pending(), s.evict().is_some()), (1, true));
}

/// A memory with something to say first, as one that outlived a process has.
struct Revived {
    memory: Memory,
    arrivals: Vec<Arrival>,
}

impl Revived {
    fn new(urls: &[&str], state: Option<&[u8]>) -> Self {
        let mut memory = Memory::repeating();
        let mut candidates: Vec<_> = urls.iter().map(|url| candidate(url, 0)).collect();
        let mut grown = Vec::new();
        memory.offer(&mut candidates, Instant::now(), &mut grown);
        for id in grown.iter().filter(|_| state.is_some()) {
            memory.save(*id, state.unwrap().into());
        }
        let arrivals = grown.into_iter().map(|id| Arrival::Grown(id, 1, state.is_some())).collect();
        Self { memory, arrivals }
    }

    /// Makes the first entry one that was out when the process ended, so often.
    fn lost(mut self, times: u32, due: Instant) -> Self {
        let Loaded { mut entries, state, .. } = self.memory.load(GroupId(0), 1).unwrap();
        if let Some(state) = state {
            self.memory.save(GroupId(0), state);
        }
        let mut entry = entries.pop_front().unwrap();
        (entry.lost, entry.attempts, entry.handed_out) = (times, times, true);
        self.arrivals.remove(0);
        self.arrivals.push(Arrival::Retry(GroupId(0), Box::new(entry), due));
        self
    }
}

impl Store for Revived {
    fn offer(&mut self, candidates: &mut Vec<Candidate>, now: Instant, grown: &mut Vec<GroupId>) {
        self.memory.offer(candidates, now, grown);
    }
    fn load(&mut self, group: GroupId, max: usize) -> Option<Loaded> {
        self.memory.load(group, max)
    }
    fn put_back(&mut self, group: GroupId, entries: VecDeque<Entry>) {
        self.memory.put_back(group, entries);
    }
    fn save(&mut self, group: GroupId, state: Box<[u8]>) {
        self.memory.save(group, state);
    }
    fn release(&mut self, group: GroupId) {
        self.memory.release(group);
    }
    fn number(&mut self) -> u64 {
        self.memory.number()
    }
    fn name(&self, group: GroupId) -> &str {
        self.memory.name(group)
    }
    fn arrivals(&mut self, _now: Instant, into: &mut Vec<Arrival>) -> Result<(), Error> {
        into.append(&mut self.arrivals);
        Ok(())
    }
}

#[test]
fn gaps_hold_across_a_restart() {
    let now = Instant::now();
    let delay = 3 * SECOND;
    for (politeness, state, gap) in [
        (lax(), None, 0),
        (Politeness { delay, ..lax() }, None, 3),
        (Politeness { delay, ..Politeness::default() }, None, 3),
        (Politeness::default(), Some(&br#"{"u":99999999999999,"r":"User-agent: *\nCrawl-delay: 5"}"#[..]), 5),
    ] {
        let store = Revived::new(&["http://a/0", "http://a/1"], state);
        let mut s = Scheduler::new(store, politeness).resumed(now);
        s.poll(now).unwrap();
        assert_eq!(s.counts().pending(), 2);
        assert_eq!(s.pop(now).is_some(), gap == 0);
        if gap > 0 {
            assert_eq!(s.ready_at(), Some(now + gap * SECOND));
            let job = s.pop(now + gap * SECOND).unwrap();
            assert_eq!(job.is_robots(), state.is_none() && s.politeness.robots);
        }
    }
}

/// Marks are known before anything goes out, also when all that is left of a host is a retry.
#[test]
fn a_retry_of_an_earlier_run_keeps_to_the_marks() {
    let now = Instant::now();
    let rules: &[u8] = br#"{"u":99999999999999,"r":"User-agent: *\nDisallow: /0"}"#;
    for grown_first in [true, false] {
        let store = Revived::new(&["http://a/0"], Some(rules)).lost(1, now);
        let mut s = Scheduler::new(store, Politeness::default()).resumed(now);
        let at = if grown_first { 0 } else { 1 };
        s.store.arrivals.insert(at, Arrival::Grown(GroupId(0), 0, true));
        s.poll(now).unwrap();
        assert_eq!(s.counts().retrying, 1);
        assert!(matches!(s.pop(now).unwrap().work, Work::Settle(Fate::RobotsDenied(_))), "{grown_first}");
    }
}

#[test]
fn what_ends_the_process_again_and_again_is_given_up() {
    let now = Instant::now();
    for lost in [MAX_LOST - 1, MAX_LOST] {
        let mut s = Scheduler::new(Revived::new(&["http://a/0"], None).lost(lost, now), lax()).resumed(now);
        s.poll(now).unwrap();
        let job = s.pop(now).unwrap();
        assert_eq!(matches!(job.work, Work::Settle(Fate::Deadly(MAX_LOST))), lost == MAX_LOST);
    }
}
