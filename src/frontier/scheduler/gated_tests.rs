//! Hosts that share a gate, with time in hand. The property: a gate lets through what it may, all that it may and nothing
//! else, in turn, and the scheduler always says when to come back.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::frontier::store::Memory;
use crate::frontier::{HostSignal, QueueKey};
use crate::robots::Rules;
use crate::url::CrawlUrl;

const SECOND: Duration = Duration::from_secs(1);
const PARK: Duration = Duration::from_secs(90);

fn by(queue_key: QueueKey) -> Politeness {
    Politeness { queue_key, robots: false, ..Politeness::default() }
}

fn scheduler(politeness: Politeness) -> Scheduler<Memory> {
    Scheduler::new(Memory::repeating(), politeness)
}

fn admit<S: Store>(s: &mut Scheduler<S>, urls: &[&str], now: Instant) {
    let found = Found::Seed { position: Position::NONE, input: None, options: None };
    let candidate = |url: &&str| Candidate {
        url: CrawlUrl::parse(url).unwrap(),
        fingerprint: 0,
        depth: 0,
        found: found.clone(),
    };
    s.admit(&mut urls.iter().map(candidate).collect(), now);
}

fn done() -> Disposition {
    Disposition::Done { signal: HostSignal::Healthy, failed: false }
}

fn hosts(s: &mut Scheduler<Memory>, now: Instant) -> Vec<String> {
    std::iter::from_fn(|| s.pop(now)).map(|job| job.entry.url.host().to_owned()).collect()
}

#[test]
fn hosts_of_a_domain_share_its_limit_and_others_do_not() {
    let now = Instant::now();
    let mut s = scheduler(Politeness { per_host: 2, ..by(QueueKey::Domain) });
    let urls = ["http://a.x.co.uk/1", "https://b.x.co.uk/1", "http://x.co.uk:81/1", "http://a.y.co.uk/1"];
    admit(&mut s, &urls, now);
    let (first, second) = (s.pop(now).unwrap(), s.pop(now).unwrap());
    assert_eq!(s.pop(now).unwrap().entry.url.host(), "a.y.co.uk");
    assert!(s.pop(now).is_none() && s.ready_at().is_none(), "only a report can change it");
    s.finished(first, done(), now);
    assert_eq!(s.pop(now).unwrap().entry.url.host(), "x.co.uk");
    s.finished(second, done(), now);
    assert!(s.pop(now).is_none());
}

#[test]
fn the_delay_holds_from_host_to_host() {
    let now = Instant::now();
    let mut s = scheduler(Politeness { delay: SECOND, ..by(QueueKey::Domain) });
    admit(&mut s, &["http://a.x.org/1", "http://b.x.org/1", "http://a.x.org/2"], now);
    for (turn, host) in [(0, "a.x.org"), (1, "b.x.org"), (2, "a.x.org")] {
        let at = now + turn * SECOND;
        assert_eq!(hosts(&mut s, at), [host]);
        assert_eq!(s.ready_at(), (turn < 2).then_some(at + SECOND));
        assert!(s.pop(at + SECOND / 2).is_none());
    }
}

#[test]
fn a_pause_is_that_of_all_hosts() {
    let now = Instant::now();
    let mut s = scheduler(by(QueueKey::Domain));
    admit(&mut s, &["http://a.x.org/1", "http://b.x.org/1", "http://b.x.org/2", "http://y.org/"], now);
    let job = s.pop(now).unwrap();
    s.finished(job, Disposition::Retry(SECOND, HostSignal::Throttled(Some(PARK))), now);
    assert_eq!(hosts(&mut s, now), ["y.org"]);
    assert_eq!((s.ready_at(), s.at_hand), (Some(now + PARK), 0), "and nobody holds entries meanwhile");
    assert_eq!(hosts(&mut s, now + PARK).len(), 3);
}

#[test]
fn an_address_is_known_before_the_first_request() {
    let now = Instant::now();
    let mut s = scheduler(Politeness { per_host: 1, ..by(QueueKey::Ip) });
    let address = "10.0.0.1".parse().ok();
    admit(&mut s, &["http://a/", "http://b/", "http://10.0.0.1/", "http://c/", "http://d/"], now);
    let jobs: Vec<_> = std::iter::from_fn(|| s.pop(now)).collect();
    let literal = jobs.iter().position(|job| matches!(job.work, Work::Fetch(_))).unwrap();
    assert_eq!((jobs.len(), jobs[literal].entry.url.host(), s.counts().in_flight), (5, "10.0.0.1", 1));
    let mut fetched = None;
    for job in jobs {
        let how = match job.entry.url.host() {
            "10.0.0.1" => {
                fetched = Some(job);
                continue;
            }
            "a" | "b" => Disposition::Located(address),
            "c" => Disposition::Located(None),
            _ => Disposition::Returned,
        };
        s.finished(job, how, now);
    }
    let alone = s.pop(now).unwrap();
    assert_eq!(alone.entry.url.host(), "c", "without an address it is nobody else's");
    assert!(matches!(s.pop(now).unwrap().work, Work::Locate), "asked again when it was called off");
    assert!(s.pop(now).is_none());
    s.finished(fetched.unwrap(), done(), now);
    assert_eq!(hosts(&mut s, now), ["a"]);
}

#[test]
fn a_gate_is_gone_when_its_hosts_are_and_its_times_are_past() {
    let mut now = Instant::now();
    let mut s = scheduler(Politeness { delay: SECOND, ..by(QueueKey::Domain) });
    for n in 0..1000 {
        admit(&mut s, &[&format!("http://www.x{n}.org/")], now);
        let job = s.pop(now).unwrap();
        s.finished(job, done(), now);
        now += SECOND / 10;
        // A host is forgotten only when its delay is over, and nobody looks then: what wakes it here is another URL.
        admit(&mut s, &[&format!("http://www.x{n}.org/")], now);
        assert!(s.pop(now).is_none(), "the delay holds");
        now += SECOND;
        let job = s.pop(now).unwrap();
        now += SECOND;
        s.finished(job, done(), now);
    }
    assert!(s.gates.unwrap().count() < 4);
}

#[test]
fn a_long_line_takes_no_room_from_others() {
    let now = Instant::now();
    let limits = Limits { at_hand: 2000, awake: 16 };
    let mut s = scheduler(Politeness { per_host: 1, ..by(QueueKey::Domain) }).with_limits(limits);
    for n in 0..1000 {
        let url = format!("http://h{n}.x.org/");
        admit(&mut s, &[url.as_str(); 20], now);
    }
    admit(&mut s, &["http://y.org/"; 20], now);
    assert!(s.at_hand <= 600, "{}", s.at_hand);
    let mut order = Vec::new();
    for _ in 0..40 {
        let Some(job) = s.pop(now) else { break };
        order.push(job.entry.url.host().to_owned());
        s.finished(job, done(), now);
    }
    assert_eq!(order.iter().filter(|host| *host == "y.org").count(), 20);
}

/// A world to play in: gates of several hosts, and what is under way.
struct World {
    politeness: Politeness,
    gates: usize,
    /// For each host: URLs left, and whether robots.txt is known.
    left: Vec<usize>,
    known: Vec<bool>,
    out: BTreeMap<usize, u32>,
    next_start: BTreeMap<usize, Instant>,
    /// For each host, starts of its gate since it was last started while it has something to start.
    waited: Vec<usize>,
}

impl World {
    fn gate(&self, host: usize) -> usize {
        host % self.gates
    }

    fn name(&self, host: usize) -> String {
        format!("http://h{host}.gate{}.org", self.gate(host))
    }

    fn host_of(job: &Job) -> usize {
        job.entry.url.host().split('.').next().and_then(|name| name[1..].parse().ok()).unwrap()
    }

    fn open_at(&self, gate: usize, now: Instant) -> Option<Instant> {
        let free = self.out.get(&gate).copied().unwrap_or(0) < self.politeness.per_host;
        free.then(|| self.next_start.get(&gate).copied().unwrap_or(now))
    }

    /// When something must be given out, the latest.
    fn must_by(&self, asking: &[bool], now: Instant) -> Option<Instant> {
        let can = |host: &usize| self.left[*host] > 0 && !asking[*host];
        (0..self.left.len()).filter(can).filter_map(|host| self.open_at(self.gate(host), now)).min()
    }

    fn start(&mut self, host: usize, asking: &[bool], now: Instant) {
        let gate = self.gate(host);
        assert!(self.open_at(gate, now).is_some_and(|at| at <= now), "against its gate");
        *self.out.entry(gate).or_default() += 1;
        self.next_start.insert(gate, now + self.politeness.delay);
        let gates = self.gates;
        for (other, waited) in self.waited.iter_mut().enumerate().filter(|(other, _)| other % gates == gate) {
            *waited = if other == host { 0 } else { *waited + usize::from(!asking[other]) };
        }
    }
}

fn play(mut world: World, limits: Limits, by_ip: bool, steps: &[u32]) {
    let mut now = Instant::now();
    let mut s = Scheduler::new(Memory::repeating(), world.politeness.clone()).with_limits(limits);
    for host in 0..world.left.len() {
        let url = format!("{}/", world.name(host));
        admit(&mut s, &vec![url.as_str(); world.left[host]], now);
    }
    let mut asking = vec![by_ip; world.left.len()];
    let (mut out, mut steps) = (Vec::<Job>::new(), steps.iter().cycle().copied());
    // Rooms so small that one host waits for another may keep what is due waiting; nothing is lost in them.
    let is_strict = limits.at_hand > 10_000;
    for _ in 0..20_000 {
        let choice = steps.next().unwrap_or(0);
        if choice % 3 > 0 || out.is_empty() {
            let Some(job) = s.pop(now) else {
                let (said, due) = (s.ready_at(), world.must_by(&asking, now));
                assert!(said.is_none_or(|at| at > now), "a dispatcher would spin");
                if is_strict && let Some(due) = due {
                    assert!(due > now, "nothing given, though a gate is open");
                    assert!(said.is_some_and(|at| at <= due), "says {said:?}, due {due:?}");
                }
                match (out.is_empty(), said) {
                    (true, None) => break,
                    (true, Some(at)) => now = at,
                    (false, Some(at)) if choice % 2 == 0 => now = at,
                    _ => finish(&mut s, &mut world, &mut asking, &mut out, choice, now),
                }
                continue;
            };
            let host = World::host_of(&job);
            match job.work {
                Work::Locate => {}
                Work::Robots { .. } => {
                    assert!(!world.known[host], "asked twice");
                    asking[host] = true;
                    world.start(host, &asking, now);
                }
                _ => {
                    assert!(!asking[host] || world.known[host], "too early");
                    world.left[host] -= 1;
                    let peers = world.left.len().div_ceil(world.gates);
                    let most = 2 * peers + world.politeness.per_host as usize;
                    assert!(!is_strict || world.waited[host] <= most, "starved: {}", world.waited[host]);
                    world.start(host, &asking, now);
                }
            }
            out.push(job);
        } else {
            finish(&mut s, &mut world, &mut asking, &mut out, choice, now);
            now += Duration::from_millis(u64::from(choice % 5) * 100);
        }
    }
    assert_eq!((world.left.iter().sum::<usize>(), s.counts().pending()), (0, 0), "left behind");
}

fn finish(
    s: &mut Scheduler<Memory>,
    world: &mut World,
    asking: &mut [bool],
    out: &mut Vec<Job>,
    choice: u32,
    now: Instant,
) {
    let job = out.swap_remove(choice as usize % out.len());
    let host = World::host_of(&job);
    let gate = world.gate(host);
    if matches!(job.work, Work::Locate) {
        if choice.is_multiple_of(5) {
            return s.finished(job, Disposition::Returned, now);
        }
        asking[host] = false;
        let address = [10, 0, 0, gate as u8].into();
        return s.finished(job, Disposition::Located(Some(address)), now);
    }
    *world.out.get_mut(&gate).unwrap() -= 1;
    if job.is_robots() {
        (asking[host], world.known[host]) = (false, true);
        return s.finished(job, Disposition::Robots(Ok(Rules::allow_all())), now);
    }
    if choice.is_multiple_of(17) {
        let until = now + Duration::from_secs(u64::from(choice % 50));
        let next = world.next_start.entry(gate).or_insert(now);
        *next = until.max(*next);
        let asked = Some(until - now);
        let signal = HostSignal::Throttled(asked);
        return s.finished(job, Disposition::Done { signal, failed: false }, now);
    }
    s.finished(job, done(), now);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 150, failure_persistence: None, rng_seed: proptest::test_runner::RngSeed::Fixed(7), ..ProptestConfig::default()
    })]

    #[test]
    fn gates_let_through_what_they_may_in_turn(
        hosts in 1usize..60,
        gates in 1usize..4,
        urls in 1usize..12,
        per_host in 1u32..4,
        delay in prop_oneof![Just(0u64), 1u64..2000],
        robots in any::<bool>(),
        by_ip in any::<bool>(),
        limits in prop_oneof![
            Just(Limits::default()),
            Just(Limits { at_hand: 1, awake: 0 }),
            Just(Limits { at_hand: 40, awake: 3 }),
        ],
        steps in proptest::collection::vec(any::<u32>(), 10..300),
    ) {
        let queue_key = if by_ip { QueueKey::Ip } else { QueueKey::Domain };
        let delay = Duration::from_millis(delay);
        let politeness = Politeness { per_host, delay, robots, ..by(queue_key) };
        let world = World {
            politeness,
            gates,
            left: vec![urls; hosts],
            known: vec![false; hosts],
            out: BTreeMap::new(),
            next_start: BTreeMap::new(),
            waited: vec![0; hosts],
        };
        play(world, limits, by_ip, &steps);
    }
}
