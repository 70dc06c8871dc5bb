//! The scheduler: which host may be asked next. Knows time and politeness, nothing of disks.
//!
//! Every host is in at most one place: the *ready* ring (it may start a request now; served in turn, so hosts are
//! treated alike), the ring of those that go on *again* (their delay is over), the *due* heap (it may at a known time), or
//! none (only a report or the store can change it). Who goes on comes first, so that a crawl with a delay talks to as
//! many hosts as it needs to be busy, and not to all that it knows between two requests to one: their connections are
//! then still open. After [`SESSION`](super::host_queue::SESSION) requests a host stands behind all others, so each of them has its turn.
//! Beside that it may stand in the rings of the [`supply`]: those that want more from the store, and those at rest.
//! [`Scheduler::pop`] costs O(log hosts) and never scans. What a host is, is in [`host`].

mod adapted;
mod ending;
mod gate;
mod gated;
#[cfg(test)]
mod gated_tests;
mod host;
mod supply;
#[cfg(test)]
mod supply_tests;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use self::gate::Gates;
use self::host::{Host, Place};
use super::host_queue::Next;
use super::pace::{next_beat, varied};
use super::pages::Pages;
use super::store::{Arrival, GroupId, Store};
use super::{
    Candidate, Counts, Disposition, Entry, Fate, Found, Frontier, HostLimit, Job, Late, Limits, Politeness,
    Position, WallClock, Work,
};
use crate::error::Error;
use crate::robots;

/// Arrivals that room is kept for.
const ARRIVALS: usize = 4096;
/// So much earlier than now a caller's time may be, e.g. because it was taken before the scheduler was made.
const EARLIER: Duration = Duration::from_secs(60);

/// The [`Frontier`] over any [`Store`].
pub struct Scheduler<S> {
    store: S,
    politeness: Politeness,
    limits: Limits,
    /// What hosts share, if they share anything.
    gates: Option<Box<Gates>>,
    hosts: Pages<Host>,
    ready: VecDeque<GroupId>,
    again: VecDeque<GroupId>,
    due: BinaryHeap<Reverse<(u64, GroupId)>>,
    /// Hosts that want more from the store, and hosts at rest.
    wants: VecDeque<GroupId>,
    resting: VecDeque<GroupId>,
    /// A time that is always past; the times of hosts count from here.
    born: Instant,
    clock: WallClock,
    /// The last time that somebody told.
    now: Instant,
    /// When the run was taken up again, if it was.
    resumed: Option<Instant>,
    /// When the pace of the whole run allows the next start.
    next_start: Option<Instant>,
    /// For waits that are varied.
    pub(super) chance: fastrand::Rng,
    closed: bool,
    counts: Counts,
    /// Entries at hand, entries asked of the store, and hosts with a queue.
    at_hand: usize,
    asked: usize,
    awake: usize,
    /// Where [`Frontier::evict`] goes on.
    evicting: usize,
    /// What hosts without a queue were found to stand.
    adapted: Vec<HostLimit>,
    grown: Vec<GroupId>,
    arrivals: Vec<Arrival>,
}

impl<S: Store> Scheduler<S> {
    /// A scheduler over a store, with the default [`Limits`].
    pub fn new(store: S, mut politeness: Politeness) -> Self {
        // None at all would be a crawl that never ends.
        politeness.per_host = politeness.per_host.max(1);
        let now = Instant::now();
        let gates = Gates::new(&mut politeness, now.checked_sub(EARLIER).unwrap_or(now));
        Self {
            store,
            politeness,
            gates,
            limits: Limits::default(),
            hosts: Pages::default(),
            ready: VecDeque::new(),
            again: VecDeque::new(),
            due: BinaryHeap::new(),
            wants: VecDeque::new(),
            resting: VecDeque::new(),
            born: now.checked_sub(EARLIER).unwrap_or(now),
            clock: WallClock::now(),
            now,
            resumed: None,
            next_start: None,
            chance: fastrand::Rng::new(),
            closed: false,
            counts: Counts::default(),
            at_hand: 0,
            asked: 0,
            awake: 0,
            evicting: 0,
            adapted: Vec::new(),
            grown: Vec::new(),
            arrivals: Vec::new(),
        }
    }

    /// The same with other limits.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = Limits { at_hand: limits.at_hand.max(1), ..limits };
        self
    }

    /// The same for a run that goes on where an earlier process left it: no host is asked before its delay has passed
    /// from `now` on, since nobody knows when it was asked last. Call it before anything else.
    pub fn resumed(mut self, now: Instant) -> Self {
        self.resumed = Some(now);
        if let Some(gates) = &mut self.gates {
            gates.resumed(now);
        }
        self
    }

    fn stamp(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.born).as_nanos() as u64
    }

    fn instant(&self, stamp: u64) -> Instant {
        self.born + Duration::from_nanos(stamp)
    }

    /// Puts a host where it belongs after a change.
    fn place(&mut self, id: GroupId, now: Instant) {
        self.give_back(id, now);
        let host = &self.hosts[id.0 as usize];
        if host.queue.is_some() && host.is_unread() && !host.loading {
            // It has a retry of an earlier run, which needs no room, but the marks.
            self.load(id, now);
        }
        let (mut start, mut hunger) = (self.start_at(id), self.hunger(id));
        if self.gates.is_some() {
            (start, hunger) = self.held(id, (start, hunger), now);
        }
        let later = [start, hunger].into_iter().flatten().filter(|at| *at > now).min();
        match (start, later) {
            (Some(at), _) if at <= now => self.stand(id, Place::Ready, now),
            (_, Some(at)) => self.stand(id, Place::Due, at),
            _ => self.stand(id, Place::Nowhere, now),
        }
        let host = &mut self.hosts[id.0 as usize];
        if hunger.is_some_and(|at| at <= now) && !std::mem::replace(&mut host.in_wants, true) {
            self.wants.push_back(id);
        }
        if host.is_at_rest() {
            host.queue.iter_mut().for_each(|queue| queue.rest());
            if !std::mem::replace(&mut host.in_resting, true) {
                self.resting.push_back(id);
            }
        }
    }

    /// When something of this host may be handed out, from what is at hand.
    fn start_at(&self, id: GroupId) -> Option<Instant> {
        let host = &self.hosts[id.0 as usize];
        match &host.queue {
            Some(_) if host.is_unread() => None,
            Some(queue) => queue.next_at(&self.politeness, self.closed, host.stored),
            // Its robots.txt comes first, and needs nothing at hand.
            None if self.politeness.robots && !host.saved && !host.loading => {
                (host.stored > 0 && !self.closed).then(|| self.instant(host.at))
            }
            None => None,
        }
    }

    fn stand(&mut self, id: GroupId, place: Place, at: Instant) {
        let at = self.stamp(at);
        let host = &mut self.hosts[id.0 as usize];
        let before = (std::mem::replace(&mut host.place, place), host.at);
        match place {
            // One that lost its readiness while in the ring is found out when its turn comes.
            Place::Ready if !std::mem::replace(&mut host.in_ready, true) => {
                let goes_on = host.queue.as_mut().is_some_and(|queue| queue.goes_on());
                let ring = if goes_on { &mut self.again } else { &mut self.ready };
                ring.push_back(id);
            }
            Place::Due if before != (place, at) => {
                host.at = at;
                self.due.push(Reverse((at, id)));
            }
            _ => {}
        }
        self.counts.waiting_hosts += u64::from(place == Place::Due);
        self.counts.waiting_hosts -= u64::from(before.0 == Place::Due);
        if let (Some(gates), true) = (&mut self.gates, place != Place::Ready) {
            gates.hand_in(id);
        }
    }

    /// The host whose turn it is.
    fn turn(&mut self) -> Option<GroupId> {
        self.again.pop_front().or_else(|| self.ready.pop_front())
    }

    /// Whether no host may start something now.
    fn is_idle(&self) -> bool {
        self.ready.is_empty() && self.again.is_empty()
    }

    /// Looks again at hosts whose time has come.
    fn wake(&mut self, now: Instant) {
        if let Some(gates) = &mut self.gates {
            gates.ring(now);
        }
        let now_stamp = self.stamp(now);
        while let Some(Reverse((at, id))) = self.due.peek().copied() {
            let host = &self.hosts[id.0 as usize];
            let stale = host.place != Place::Due || host.at != at;
            if !stale && at > now_stamp {
                return;
            }
            self.due.pop();
            if !stale {
                self.place(id, now);
            }
        }
    }

    /// What this host may do now, as a job.
    fn next_of(&mut self, id: GroupId, now: Instant) -> Option<Job> {
        if self.hosts[id.0 as usize].place != Place::Ready || self.start_at(id).is_none_or(|at| at > now) {
            return None;
        }
        if self.gates.is_some() {
            if let Some(job) = self.locate(id, now) {
                return Some(job);
            }
            if self.is_stopped(id, now) {
                return None;
            }
        }
        self.queue(id, now);
        let queue = self.hosts[id.0 as usize].queue.as_mut()?;
        let (fresh, retries) = (queue.fresh.len(), queue.retries());
        let next = queue.next(now, &self.politeness, &mut self.chance, self.closed)?;
        let (fresh, retries) = (fresh - queue.fresh.len(), retries - queue.retries());
        let (mut entry, work) = match next {
            Next::Fetch(entry, rules) => (entry, Work::Fetch(rules)),
            Next::Settle(entry, fate) => (entry, Work::Settle(fate)),
            Next::Robots { asked, returned, from_public } => {
                let entry = Entry { attempts: asked, returned, ..robots_entry(self.store.name(id), now)? };
                return Some(Job { entry, host: id, work: Work::Robots { from_public }, first: false });
            }
        };
        let mut first = false;
        if matches!(work, Work::Fetch(_)) {
            first = !std::mem::replace(&mut entry.handed_out, true);
            self.store.handed_out(id, &entry);
        }
        self.goes_out(fresh, retries);
        Some(Job { entry, host: id, work, first })
    }

    /// Of what was at hand and what was to be tried again, one is now out.
    fn goes_out(&mut self, fresh: usize, retries: u64) {
        self.at_hand -= fresh;
        self.counts.queued -= fresh as u64;
        self.counts.retrying -= retries;
        self.counts.in_flight += 1;
    }

    /// Keeps the pace of the whole run.
    fn started(&mut self, work: &Work, now: Instant) {
        if !self.politeness.pace.is_zero() && !matches!(work, Work::Settle(_) | Work::Locate) {
            let every = varied(self.politeness.pace, self.politeness.jitter, &mut self.chance);
            self.next_start = Some(next_beat(self.next_start.unwrap_or(now), now, every));
        }
    }

    /// Any entry of a host; asks the store when it has some and none are at hand.
    fn evict_of(&mut self, id: GroupId) -> Option<Entry> {
        let Host { stored, loading, queue, .. } = &self.hosts[id.0 as usize];
        let has_any = queue.as_ref().is_some_and(|queue| queue.retries() > 0 || !queue.fresh.is_empty());
        if !has_any {
            if *stored == 0 || *loading || !self.has_room() {
                return None;
            }
            self.load(id, self.now);
        }
        let queue = self.hosts[id.0 as usize].queue.as_mut()?;
        let (fresh, retries) = (queue.fresh.len(), queue.retries());
        let entry = queue.evict()?;
        let (fresh, retries) = (fresh - queue.fresh.len(), retries - queue.retries());
        self.goes_out(fresh, retries);
        Some(entry)
    }

    /// There is nothing else to do: the store should decide about what was offered.
    fn decide(&mut self, now: Instant) {
        let wants = !self.closed && !self.wants.is_empty();
        if self.asked == 0 && !wants && self.store.undecided() > 0 {
            self.store.decide(now);
        }
    }
}

impl<S: Store> Frontier for Scheduler<S> {
    fn admit(&mut self, candidates: &mut Vec<Candidate>, now: Instant) -> u64 {
        self.now = now;
        let mut grown = std::mem::take(&mut self.grown);
        self.store.offer(candidates, now, &mut grown);
        let admitted = grown.len() as u64;
        for id in grown.drain(..) {
            self.grow(id, 1, false, now);
        }
        self.grown = grown;
        self.tend(now);
        admitted
    }

    fn pop(&mut self, now: Instant) -> Option<Job> {
        self.now = now;
        if self.store.is_behind() {
            return None;
        }
        self.wake(now);
        self.tend(now);
        let may_start = self.next_start.is_none_or(|at| at <= now);
        while may_start && let Some(id) = self.turn() {
            self.hosts[id.0 as usize].in_ready = false;
            let job = self.next_of(id, now);
            if let Some(job) = &job {
                self.went_out(job, now);
            }
            self.place(id, now);
            self.tend(now);
            if let Some(job) = job {
                self.started(&job.work, now);
                return Some(job);
            }
        }
        if self.is_idle() {
            self.decide(now);
        }
        None
    }

    fn ready_at(&self) -> Option<Instant> {
        if self.store.is_behind() {
            return None;
        }
        let due = self.due.peek().map(|Reverse((at, _))| self.instant(*at));
        let alarm = self.gates.as_ref().and_then(|gates| gates.alarm());
        let due = due.into_iter().chain(alarm).min();
        match (self.is_idle(), self.next_start) {
            (false, pace) => Some(pace.unwrap_or(self.born)),
            (true, Some(pace)) => due.map(|at| at.max(pace)),
            (true, None) => due,
        }
    }

    fn finished(&mut self, job: Job, how: Disposition, now: Instant) {
        self.now = now;
        let Job { entry, host: id, work, .. } = job;
        let throttled = self.gates.is_some() && gated::is_throttled(&how);
        let is_request = matches!(work, Work::Fetch(_) | Work::Robots { .. });
        match work {
            Work::Locate => self.located(id, &how, now),
            Work::Robots { .. } => self.robots_ended(id, how, now),
            work => {
                self.counts.in_flight -= 1;
                self.ended(id, entry, matches!(work, Work::Fetch(_)), how, now);
            }
        }
        self.came_back(id, is_request, throttled, now);
        self.keep_marks(id, now);
        self.place(id, now);
        self.forget(id, now);
        self.tend(now);
    }

    fn close(&mut self) {
        self.closed = true;
    }

    fn evict(&mut self) -> Option<Job> {
        if self.store.is_behind() {
            return None;
        }
        // Hosts already passed may have got more meanwhile: go round until nothing waits, or only for the store.
        for _ in 0..self.hosts.len() {
            if self.counts.queued + self.counts.retrying == 0 {
                break;
            }
            if self.evicting >= self.hosts.len() {
                self.evicting = 0;
            }
            let id = GroupId(self.evicting as u32);
            if let Some(entry) = self.evict_of(id) {
                return Some(Job { entry, host: id, work: Work::Settle(Fate::Cancelled), first: false });
            }
            self.evicting += 1;
        }
        self.decide(self.now);
        None
    }

    fn poll(&mut self, now: Instant) -> Result<Late, Error> {
        self.now = now;
        let mut late = Late::default();
        let mut arrivals = std::mem::take(&mut self.arrivals);
        let how = self.store.arrivals(now, &mut arrivals);
        for arrival in arrivals.drain(..) {
            self.arrived(arrival, now, &mut late);
        }
        // At a start they are as many as there are hosts.
        arrivals.shrink_to(ARRIVALS);
        self.arrivals = arrivals;
        self.tend(now);
        how.map(|()| late)
    }

    fn bell(&self) -> Option<Arc<Notify>> {
        self.store.bell()
    }

    fn counts(&self) -> Counts {
        Counts { undecided: self.store.undecided(), ..self.counts }
    }

    fn host_limits(&self) -> Vec<HostLimit> {
        self.limits_of_hosts()
    }

    fn put_aside(&mut self, what: &[u8]) -> u64 {
        let number = self.store.number();
        self.store.put_aside(number, what);
        number
    }

    fn drop_aside(&mut self, number: u64) {
        self.store.drop_aside(number);
    }

    fn read_to(&mut self, source: u32, line: u64, ended: bool) {
        self.store.read_to(source, line, ended);
    }

    fn commit(&mut self, now: Instant, note: &mut dyn FnMut() -> Vec<u8>) {
        self.store.commit(now, false, note);
    }

    fn commit_at(&self) -> Option<Instant> {
        self.store.commit_at()
    }

    fn shut(&mut self, note: &mut dyn FnMut() -> Vec<u8>) {
        self.store.close(note);
    }
}

/// The robots.txt of a host key, as something to fetch.
fn robots_entry(host_key: &str, now: Instant) -> Option<Entry> {
    let url = robots::url_of(host_key)?;
    let found = Found::seed(Position::NONE, None);
    Some(Entry {
        url,
        seq: 0,
        depth: 0,
        attempts: 1,
        returned: 0,
        lost: 0,
        handed_out: true,
        admitted: now,
        found,
    })
}
