//! The scheduler: which host may be asked next. Knows time and politeness, nothing of disks.
//!
//! Every host queue with work is in exactly one place: the *ready* ring (it may start a request now;
//! served in turn, so hosts are treated alike), the *due* heap (it may at a known time), or neither (only
//! a report can change it). [`Scheduler::pop`] costs O(log hosts) and never scans.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::{Duration, Instant};

use super::host_queue::{HostQueue, Next};
use super::store::{GroupId, Store};
use super::{Candidate, Counts, Disposition, Entry, Fate, Found, Frontier, HostSignal, Job, Position, Work};
use crate::error::Error;
use crate::url::CrawlUrl;

/// How late a timer may be without slowing the pace.
const TIMER_SLACK: Duration = Duration::from_millis(10);
/// Entries taken from the store at a visit of a host.
const VISIT: usize = 16;

/// The limits that hold for every host, and for all together.
#[derive(Clone, Debug)]
pub struct Politeness {
    /// Requests in flight to one host; default 6, what browsers use.
    pub per_host: u32,
    /// Least time between the starts of two requests to one host; default 0.
    pub delay: Duration,
    /// Least time between the starts of any two requests; default 0.
    pub pace: Duration,
    /// Hand out the URLs of a host level by level, so that each has the least depth that it can have on its
    /// host; default false.
    pub by_depth: bool,
    /// Ask for robots.txt first, and obey it; default true.
    pub robots: bool,
    /// How often robots.txt is asked for again when it cannot be had; default 2.
    pub retries: u32,
}

impl Default for Politeness {
    fn default() -> Self {
        Self {
            per_host: 6,
            delay: Duration::ZERO,
            pace: Duration::ZERO,
            by_depth: false,
            robots: true,
            retries: 2,
        }
    }
}

impl Politeness {
    /// Whether requests keep a distance in time.
    pub fn is_paced(&self) -> bool {
        !self.delay.is_zero() || !self.pace.is_zero()
    }
}

/// The [`Frontier`] over any [`Store`].
pub struct Scheduler<S> {
    store: S,
    politeness: Politeness,
    hosts: Vec<Host>,
    ready: VecDeque<GroupId>,
    due: BinaryHeap<Reverse<(Instant, GroupId)>>,
    /// A time that is always past.
    born: Instant,
    /// When the pace of the whole run allows the next start.
    next_start: Option<Instant>,
    closed: bool,
    counts: Counts,
    /// Where [`Frontier::evict`] goes on.
    evicting: usize,
    grown: Vec<GroupId>,
}

struct Host {
    queue: HostQueue,
    place: Place,
    /// Stands in the ring, ready or not: at most once.
    in_ring: bool,
    /// Is counted among the hosts.
    counted: bool,
}

/// Where a host stands. Entries of the due heap that disagree are stale.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Nowhere,
    Ready,
    Due(Instant),
}

impl Host {
    fn new(politeness: &Politeness, now: Instant) -> Self {
        let queue = HostQueue::new(politeness.robots, politeness.by_depth, now);
        Self { queue, place: Place::Nowhere, in_ring: false, counted: false }
    }
}

impl<S: Store> Scheduler<S> {
    /// A scheduler over an empty store.
    pub fn new(store: S, mut politeness: Politeness) -> Self {
        // None at all would be a crawl that never ends.
        politeness.per_host = politeness.per_host.max(1);
        Self {
            store,
            politeness,
            hosts: Vec::new(),
            ready: VecDeque::new(),
            due: BinaryHeap::new(),
            born: Instant::now(),
            next_start: None,
            closed: false,
            counts: Counts::default(),
            evicting: 0,
            grown: Vec::new(),
        }
    }

    /// Puts a host where it belongs after a change.
    fn place(&mut self, id: GroupId, now: Instant) {
        if self.politeness.by_depth {
            self.refill(id);
        }
        let host = &mut self.hosts[id.0 as usize];
        let place = match host.queue.next_at(self.politeness.per_host, self.closed) {
            None => Place::Nowhere,
            Some(at) if at <= now => Place::Ready,
            Some(at) => Place::Due(at),
        };
        let before = std::mem::replace(&mut host.place, place);
        match place {
            // One that lost its readiness while in the ring is found out when its turn comes.
            Place::Ready if !host.in_ring => {
                host.in_ring = true;
                self.ready.push_back(id);
            }
            Place::Due(at) if before != place => self.due.push(Reverse((at, id))),
            _ => {}
        }
        self.counts.waiting_hosts += u64::from(matches!(place, Place::Due(_)));
        self.counts.waiting_hosts -= u64::from(matches!(before, Place::Due(_)));
    }

    /// Moves hosts whose time has come to the ring.
    fn wake(&mut self, now: Instant) {
        while let Some(Reverse((at, id))) = self.due.peek().copied() {
            let stale = self.hosts[id.0 as usize].place != Place::Due(at);
            if !stale && at > now {
                return;
            }
            self.due.pop();
            if !stale {
                self.place(id, now);
            }
        }
    }

    /// Takes more entries of a host from the store when none are at hand.
    fn refill(&mut self, id: GroupId) {
        let queue = &mut self.hosts[id.0 as usize].queue;
        if queue.fresh.is_empty() && queue.queued > 0 {
            self.store.take(id, VISIT, &mut queue.fresh);
        }
    }

    /// What this host may do now, as a job.
    fn next_of(&mut self, id: GroupId, now: Instant) -> Option<Job> {
        let Host { queue, .. } = &mut self.hosts[id.0 as usize];
        if queue.next_at(self.politeness.per_host, self.closed).is_none_or(|at| at > now) {
            return None;
        }
        self.refill(id);
        let Host { queue, .. } = &mut self.hosts[id.0 as usize];
        let (queued, retries) = (queue.queued, queue.retries());
        let next = queue.next(now, self.politeness.delay, self.closed)?;
        let (mut entry, work) = match next {
            Next::Fetch(entry, rules) => (entry, Work::Fetch(rules)),
            Next::Settle(entry, fate) => (entry, Work::Settle(fate)),
            Next::Robots { returned } => {
                let entry = Entry { returned, ..robots_entry(self.store.name(id), now)? };
                return Some(Job { entry, host: id, work: Work::Robots, first: false });
            }
        };
        let first = matches!(work, Work::Fetch(_)) && !std::mem::replace(&mut entry.handed_out, true);
        self.counts.queued -= queued - queue.queued;
        self.counts.retrying -= retries - queue.retries();
        self.counts.in_flight += 1;
        Some(Job { entry, host: id, work, first })
    }

    /// Keeps the pace of the whole run; a late start earns credit for what a timer may be late, no more.
    fn started(&mut self, work: &Work, now: Instant) {
        if !self.politeness.pace.is_zero() && !matches!(work, Work::Settle(_)) {
            let pace = self.politeness.pace;
            let earliest = now.checked_sub(TIMER_SLACK).unwrap_or(now);
            self.next_start = Some(self.next_start.unwrap_or(now).max(earliest) + pace);
        }
    }

    /// Forgets a host that left no mark, so that memory does not grow with the hosts of a list. (A host of a crawl
    /// has its robots.txt, and is kept.)
    fn forget(&mut self, id: GroupId, now: Instant) {
        let host = &mut self.hosts[id.0 as usize];
        if host.place == Place::Nowhere && !host.in_ring && host.queue.is_forgettable(now) {
            *host = Host::new(&self.politeness, now);
            self.counts.hosts -= 1;
            self.store.release(id);
        }
    }

    fn landed(&mut self, id: GroupId, signal: HostSignal, now: Instant) {
        let queue = &mut self.hosts[id.0 as usize].queue;
        queue.landed();
        queue.heed(signal, now);
    }
}

impl<S: Store> Frontier for Scheduler<S> {
    fn admit(&mut self, candidates: &mut Vec<Candidate>, now: Instant) -> u64 {
        let mut grown = std::mem::take(&mut self.grown);
        self.store.offer(candidates, now, &mut grown);
        let admitted = grown.len() as u64;
        self.counts.queued += admitted;
        for id in grown.drain(..) {
            // Ids are dense: a new one is the next.
            if id.0 as usize == self.hosts.len() {
                self.hosts.push(Host::new(&self.politeness, now));
            }
            let host = &mut self.hosts[id.0 as usize];
            self.counts.hosts += u64::from(!std::mem::replace(&mut host.counted, true));
            host.queue.queued += 1;
            // More of the same changes nothing; the first may come before a retry that is due later.
            if host.queue.queued == 1 {
                self.place(id, now);
            }
        }
        self.grown = grown;
        admitted
    }

    fn pop(&mut self, now: Instant) -> Option<Job> {
        self.wake(now);
        if self.next_start.is_some_and(|at| at > now) {
            return None;
        }
        while let Some(id) = self.ready.pop_front() {
            self.hosts[id.0 as usize].in_ring = false;
            let job = self.next_of(id, now);
            self.place(id, now);
            if let Some(job) = job {
                self.started(&job.work, now);
                return Some(job);
            }
        }
        None
    }

    fn ready_at(&self) -> Option<Instant> {
        let due = self.due.peek().map(|Reverse((at, _))| *at);
        match (self.ready.is_empty(), self.next_start) {
            (false, pace) => Some(pace.unwrap_or(self.born)),
            (true, Some(pace)) => due.map(|at| at.max(pace)),
            (true, None) => due,
        }
    }

    fn finished(&mut self, job: Job, how: Disposition, now: Instant) {
        let Job { mut entry, host: id, work, .. } = job;
        if let Disposition::Robots(answer) = how {
            self.hosts[id.0 as usize].queue.robots(answer, self.politeness.retries, now);
            self.place(id, now);
            return;
        }
        if matches!(work, Work::Robots) {
            self.hosts[id.0 as usize].queue.robots_returned();
            self.place(id, now);
            return;
        }
        self.counts.in_flight -= 1;
        let fetched = matches!(work, Work::Fetch(_));
        match how {
            Disposition::Done(signal) => {
                self.store.complete(id, entry.seq);
                if entry.handed_out {
                    self.hosts[id.0 as usize].queue.settled(entry.depth);
                }
                if fetched {
                    self.landed(id, signal, now);
                }
            }
            Disposition::Retry(after, signal) => {
                self.landed(id, signal, now);
                self.hosts[id.0 as usize].queue.retry(entry, now + after);
                self.counts.retrying += 1;
            }
            Disposition::Returned => {
                if fetched {
                    entry.attempts -= 1;
                    entry.returned += 1;
                    self.landed(id, HostSignal::Neutral, now);
                }
                self.hosts[id.0 as usize].queue.retry(entry, now);
                self.counts.retrying += 1;
            }
            Disposition::Robots(_) => {}
        }
        self.place(id, now);
        self.forget(id, now);
    }

    fn close(&mut self) {
        self.closed = true;
    }

    fn evict(&mut self) -> Option<Job> {
        // Hosts already passed may have got more meanwhile: go round until nothing waits.
        while self.counts.queued + self.counts.retrying > 0 {
            if self.evicting >= self.hosts.len() {
                self.evicting = 0;
            }
            let id = GroupId(self.evicting as u32);
            self.refill(id);
            let queue = &mut self.hosts[self.evicting].queue;
            let retries = queue.retries();
            if let Some(entry) = queue.evict() {
                let retried = retries > queue.retries();
                self.counts.retrying -= u64::from(retried);
                self.counts.queued -= u64::from(!retried);
                self.counts.in_flight += 1;
                return Some(Job { entry, host: id, work: Work::Settle(Fate::Cancelled), first: false });
            }
            self.evicting += 1;
        }
        None
    }

    fn number(&mut self) -> u64 {
        self.store.number()
    }

    fn counts(&self) -> Counts {
        self.counts
    }

    fn checkpoint(&mut self) -> Result<(), Error> {
        self.store.sync()
    }
}

/// The robots.txt of a host key, as something to fetch.
fn robots_entry(host_key: &str, now: Instant) -> Option<Entry> {
    let url = CrawlUrl::parse(&format!("{host_key}/robots.txt")).ok()?;
    let found = Found::Seed { position: Position::NONE, input: None };
    Some(Entry { url, seq: 0, depth: 0, attempts: 1, returned: 0, handed_out: true, admitted: now, found })
}
