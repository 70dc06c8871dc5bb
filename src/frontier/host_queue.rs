//! The politeness of one host: when its next request may start, and what its answers change.
//!
//! A [`HostQueue`] holds the entries taken from the store for it, its retries, and five facts: requests
//! in flight, when the next may start, the state of its [`circuit`], what robots.txt said, and whether it was
//! given up (retired). The scheduler asks [`next_at`](HostQueue::next_at) after every change. What must outlive the
//! queue, and the process, are its [`marks`].

mod adaptive;
mod circuit;
mod marks;
#[cfg(test)]
mod marks_tests;
mod robots;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::adaptive::Adaptive;
use self::circuit::Circuit;
use self::robots::{Robots, State};
use super::pace::{next_beat, varied};
use super::{Entry, Fate, HostPace, HostSignal, Politeness, RobotsDown};
use crate::fetch::{ErrorKind, Phase};
use crate::robots::Rules;

/// How long a host is parked after 429 or 503 without Retry-After; doubles with each strike.
pub const PARK: Duration = Duration::from_secs(60);
/// The longest park, whatever Retry-After says.
pub const MAX_PARK: Duration = Duration::from_secs(24 * 3600);
/// After this long without 429 or 503 the doubling starts anew.
pub const FORGIVEN_AFTER: Duration = Duration::from_secs(30 * 60);
/// Crawl-delay is honoured up to here; a host that asks for more is skipped.
pub const MAX_CRAWL_DELAY: Duration = Duration::from_secs(30);
/// How long a host rests that could not be reached; doubles with each failure in a row.
pub const BACKOFF: Duration = Duration::from_secs(1);
/// So many failures to reach a host in a row, each after a rest, and it is given up, unless set otherwise.
pub const MAX_WAVES: u32 = 5;
/// After pauses of so much time in all without a good answer, another 429 or 503 gives the host up.
pub const MAX_PARKED: Duration = Duration::from_secs(30 * 60);
/// An entry that was out so often when the process ended is not tried again.
pub const MAX_LOST: u32 = 5;
/// Requests that a host may start one after the other, each when its delay is over, before it stands behind all others.
pub(super) const SESSION: u32 = 64;
/// Entries asked of the store at a visit, and the most when visits turn out too small.
pub(super) const VISIT: u32 = 16;
const MAX_VISIT: u32 = 1024;

/// See the module.
pub(super) struct HostQueue {
    /// Entries at hand; more may be in the store.
    pub(super) fresh: VecDeque<Entry>,
    /// How many to ask of the store.
    visit: u32,
    retries: BinaryHeap<Reverse<Retry>>,
    in_flight: u32,
    /// It was asked, and a delay goes before it may be asked again; how often it was over.
    paced: bool,
    turns: u32,
    /// Entries that are out only to be recorded.
    settling: u32,
    next_start: Instant,
    /// Where its rate is; when the next may start is not before.
    beat: Instant,
    /// What holds for this host and not for all.
    own: Option<Box<HostPace>>,
    circuit: Circuit,
    /// How many requests it stands, where that is to be found out.
    adaptive: Option<Box<Adaptive>>,
    robots: Robots,
    /// With an order by depth: how many URLs of each depth are handed out and not settled.
    levels: Option<BTreeMap<u16, u32>>,
    retired: Option<Fate>,
    /// A mark was made that is not saved.
    marked: bool,
}

/// What a host may do now.
pub(super) enum Next {
    /// Ask for robots.txt for the `asked`-th time; it came back untried so often. With `from_public` at a public address
    /// only.
    Robots { asked: u32, returned: u32, from_public: bool },
    /// Hand out this entry, under these rules.
    Fetch(Entry, Option<Arc<Rules>>),
    /// Record this entry.
    Settle(Entry, Fate),
}

struct Retry {
    due: Instant,
    entry: Entry,
}

impl HostQueue {
    /// For a host with this pace of its own; nothing may start before `now`.
    pub(super) fn new(politeness: &Politeness, own: Option<&HostPace>, now: Instant) -> Self {
        Self {
            fresh: VecDeque::new(),
            visit: VISIT,
            retries: BinaryHeap::new(),
            in_flight: 0,
            paced: false,
            turns: 0,
            settling: 0,
            next_start: now,
            beat: now,
            own: own.cloned().map(Box::new),
            circuit: Circuit::new(now),
            adaptive: politeness.adaptive.then(|| Box::new(Adaptive::new())),
            robots: Robots::new(politeness.robots),
            levels: politeness.by_depth.then(BTreeMap::new),
            retired: None,
            marked: false,
        }
    }

    /// When something of this host may be handed out; `None` when only a report, a new URL or the store can tell,
    /// which has `stored` more. With `closed`, entries never handed out before do not count.
    pub(super) fn next_at(&self, politeness: &Politeness, closed: bool, stored: u64) -> Option<Instant> {
        // robots.txt can be asked for before anything is at hand.
        let asks = stored > 0 && self.retired.is_none() && matches!(self.robots.state, State::Unasked { .. });
        let has_fresh = !closed && (asks || !self.fresh.is_empty());
        let retry_at = self.retries.peek().map(|Reverse(retry)| retry.due);
        if self.retired.is_some() {
            let has_any = has_fresh || retry_at.is_some();
            return has_any.then(|| retry_at.map_or(self.next_start, |due| due.min(self.next_start)));
        }
        let work_at = match retry_at {
            _ if has_fresh && self.level_is_open() => self.next_start,
            Some(due) => due,
            None => return None,
        };
        let may_start = match self.robots.state {
            State::Asking { .. } => false,
            State::Unasked { .. } => true,
            State::Private | State::Known { .. } | State::Ignored => self.in_flight < self.limit(politeness),
        };
        may_start.then(|| work_at.max(self.next_start).max(self.circuit.until))
    }

    /// It may start something: whether it goes before the hosts that are not under way.
    pub(super) fn goes_on(&mut self) -> bool {
        self.turns = self.turns.wrapping_add(u32::from(self.paced));
        self.paced && !self.turns.is_multiple_of(SESSION)
    }

    /// Until when nothing of this host may be handed out, whatever it has.
    pub(super) fn rests_until(&self) -> Instant {
        match self.retired {
            Some(_) => self.next_start,
            None => self.next_start.max(self.circuit.until),
        }
    }

    /// Whether it can use more entries of the store: not when it has enough at hand, nor before something else happens.
    pub(super) fn is_hungry(&self) -> bool {
        let is_low = self.fresh.len() as u32 <= self.visit / 2;
        let is_asking = matches!(self.robots.state, State::Unasked { .. } | State::Asking { .. });
        let is_shut = !self.fresh.is_empty() && !self.level_is_open();
        is_low && (self.retired.is_some() || (!is_asking && !is_shut))
    }

    /// How many entries a visit of the store is to bring.
    pub(super) fn visit(&self) -> usize {
        self.visit as usize
    }

    /// Takes in what a visit brought. One that comes when all of the last is out was too small.
    pub(super) fn stock(&mut self, mut entries: VecDeque<Entry>) {
        if !self.fresh.is_empty() {
            self.fresh.append(&mut entries);
            return;
        }
        if self.in_flight > 0 {
            self.visit = (self.visit * 2).min(MAX_VISIT);
        }
        self.fresh = entries;
    }

    /// What waits for nothing but a retry in the distant future is better kept by the store. The first stays if there
    /// are levels: it says that its level is shut.
    pub(super) fn spare(&mut self, soon: Instant) -> VecDeque<Entry> {
        if self.rests_until() > soon {
            return std::mem::take(&mut self.fresh);
        }
        let is_far = self.retries.peek().is_some_and(|Reverse(retry)| retry.due > soon);
        match is_far && self.in_flight == 0 && self.fresh.len() > 1 && !self.level_is_open() {
            true => self.fresh.split_off(1),
            false => VecDeque::new(),
        }
    }

    /// Takes what may be handed out now; call it only when [`next_at`](Self::next_at) has come.
    pub(super) fn next(
        &mut self,
        now: Instant,
        politeness: &Politeness,
        chance: &mut fastrand::Rng,
        closed: bool,
    ) -> Option<Next> {
        if let Some(fate) = self.retired.clone() {
            return self.take(None, closed).map(|entry| self.settle(entry, fate));
        }
        self.robots.expire(now);
        match self.robots.state {
            State::Unasked { asked, returned } => {
                self.started(now, politeness, chance);
                return Some(self.ask(asked + 1, returned));
            }
            State::Asking { .. } => return None,
            State::Private => return self.next_of_private(now, politeness, chance, closed),
            State::Known { .. } | State::Ignored => {}
        }
        self.next_page(now, politeness, chance, closed)
    }

    /// The same where the host's rules are known.
    fn next_page(
        &mut self,
        now: Instant,
        politeness: &Politeness,
        chance: &mut fastrand::Rng,
        closed: bool,
    ) -> Option<Next> {
        let rules = self.robots.rules().cloned();
        let mut entry = self.take_probe(closed).or_else(|| self.take(Some(now), closed))?;
        if entry.lost >= MAX_LOST {
            let fate = Fate::Deadly(entry.lost);
            return Some(self.settle(entry, fate));
        }
        if !entry.is_for_seed()
            && let Some(trap) = politeness.traps.judge(&entry.url)
        {
            return Some(self.settle(entry, Fate::Trap(trap)));
        }
        if let Some(rules) = rules.as_ref().filter(|rules| !rules.allows(entry.url.path_and_query())) {
            return Some(self.settle(entry, Fate::RobotsDenied(Arc::clone(rules))));
        }
        self.in_flight += 1;
        self.circuit.started();
        entry.attempts += 1;
        if let (Some(levels), false) = (&mut self.levels, entry.handed_out) {
            *levels.entry(entry.depth).or_default() += 1;
        }
        self.started(now, politeness, chance);
        Some(Next::Fetch(entry, rules))
    }

    /// A request starts: says when the next may. What the site asks for is the least, and is not varied.
    fn started(&mut self, now: Instant, politeness: &Politeness, chance: &mut fastrand::Rng) {
        let (delay, every) = politeness.waits(self.own.as_deref());
        let asked = self.robots.rules().and_then(|rules| rules.crawl_delay()).unwrap_or_default();
        self.next_start = now + varied(delay, politeness.jitter, chance).max(asked);
        if !every.is_zero() {
            self.beat = next_beat(self.beat, now, varied(every, politeness.jitter, chance));
            self.next_start = self.next_start.max(self.beat);
        }
        self.paced = !delay.max(asked).max(every).is_zero();
    }

    /// Has robots.txt asked for.
    fn ask(&mut self, asked: u32, returned: u32) -> Next {
        self.robots.state = State::Asking { asked, returned };
        Next::Robots { asked, returned, from_public: !self.robots.open }
    }

    /// What public pages led to is not fetched; the first other entry has robots.txt asked for wherever it is.
    fn next_of_private(
        &mut self,
        now: Instant,
        politeness: &Politeness,
        chance: &mut fastrand::Rng,
        closed: bool,
    ) -> Option<Next> {
        let Some(entry) = self.take_if(Some(now), closed, Entry::is_from_public)? else {
            self.robots.open = true;
            self.started(now, politeness, chance);
            return Some(self.ask(1, 0));
        };
        let message = "robots.txt could not be fetched: the host has no public address".into();
        let fate = Fate::Failed { kind: ErrorKind::BlockedAddress, phase: Phase::Robots, message };
        Some(self.settle(entry, fate))
    }

    fn settle(&mut self, entry: Entry, fate: Fate) -> Next {
        self.settling += 1;
        Next::Settle(entry, fate)
    }

    /// What the host is probed with: a URL that did not fail says more of it than the one that did.
    fn take_probe(&mut self, closed: bool) -> Option<Entry> {
        let may = !self.circuit.is_closed() && !closed && self.level_is_open();
        if may { self.fresh.pop_front() } else { None }
    }

    /// A retry that is due by `now` (any, without it), else the next fresh entry.
    fn take(&mut self, now: Option<Instant>, closed: bool) -> Option<Entry> {
        self.take_if(now, closed, |_| true)?
    }

    /// The same, if it is as wanted; `None` when there is none, `Some(None)` when it is not and stays.
    fn take_if(
        &mut self,
        now: Option<Instant>,
        closed: bool,
        wanted: impl Fn(&Entry) -> bool,
    ) -> Option<Option<Entry>> {
        if let Some(Reverse(retry)) = self.retries.peek()
            && now.is_none_or(|now| retry.due <= now)
        {
            let wanted = wanted(&retry.entry);
            return Some(if wanted { self.retries.pop().map(|Reverse(retry)| retry.entry) } else { None });
        }
        if closed || (now.is_some() && !self.level_is_open()) {
            return None;
        }
        let wanted = wanted(self.fresh.front()?);
        Some(if wanted { self.fresh.pop_front() } else { None })
    }

    /// May the next fresh entry go out? With an order by depth only when none above it is open, since what
    /// is open above could still find it on a shorter way.
    fn level_is_open(&self) -> bool {
        let open = self.levels.as_ref().and_then(|levels| levels.first_key_value());
        open.is_none_or(|(depth, _)| self.fresh.front().is_some_and(|entry| entry.depth <= *depth))
    }

    /// Whether it was given up.
    pub(super) fn is_retired(&self) -> bool {
        self.retired.is_some()
    }

    /// Whether it has nothing at hand, out or to be tried again.
    pub(super) fn is_at_rest(&self) -> bool {
        let asking = matches!(self.robots.state, State::Asking { .. });
        let out = self.in_flight + self.settling;
        self.fresh.is_empty() && self.retries.is_empty() && out == 0 && !asking
    }

    /// Gives the memory back that its entries were in: thousands of hosts may be at rest.
    pub(super) fn rest(&mut self) {
        (self.fresh, self.retries) = (VecDeque::new(), BinaryHeap::new());
    }

    /// Whether it holds nothing that the next URL of this host would have to know.
    pub(super) fn is_forgettable(&self, now: Instant) -> bool {
        let unmarked = self.circuit.is_blank() && self.retired.is_none();
        self.is_at_rest() && unmarked && self.robots.state == State::Ignored && self.rests_until() <= now
    }

    /// A URL of this depth that was handed out is settled.
    pub(super) fn settled(&mut self, depth: u16) {
        let Some(levels) = &mut self.levels else { return };
        if let std::collections::btree_map::Entry::Occupied(mut open) = levels.entry(depth) {
            *open.get_mut() -= 1;
            if *open.get() == 0 {
                open.remove();
            }
        }
    }

    /// Any entry at all, for an end that asks no politeness.
    pub(super) fn evict(&mut self) -> Option<Entry> {
        let entry = self.take(None, false)?;
        self.settling += 1;
        Some(entry)
    }

    /// An entry that an earlier run had handed out: it keeps its level open as if this one had.
    pub(super) fn adopt(&mut self, entry: Entry, due: Instant) {
        if let (Some(levels), true) = (&mut self.levels, entry.handed_out) {
            *levels.entry(entry.depth).or_default() += 1;
        }
        self.retry(entry, due);
    }

    pub(super) fn retry(&mut self, entry: Entry, due: Instant) {
        self.retries.push(Reverse(Retry { due, entry }));
    }

    pub(super) fn retries(&self) -> u64 {
        self.retries.len() as u64
    }

    /// What was out only to be recorded is back.
    pub(super) fn recorded(&mut self) {
        self.settling = self.settling.saturating_sub(1);
    }

    /// A page of this host came back, and says this of it.
    pub(super) fn landed(&mut self, signal: HostSignal, politeness: &Politeness, now: Instant) {
        let at_once = politeness.at_once(self.own.as_deref());
        if let Some(adaptive) = &mut self.adaptive {
            adaptive.landed(&signal, self.in_flight, at_once);
        }
        self.in_flight = self.in_flight.saturating_sub(1);
        let (is_marked, fate) = self.circuit.heed(signal, politeness.max_host_errors, now);
        self.marked |= is_marked;
        self.retired = fate.or_else(|| self.retired.take());
    }

    /// robots.txt was answered, or could not be had.
    pub(super) fn robots(&mut self, answer: Result<Rules, RobotsDown>, retries: u32, now: Instant) {
        let State::Asking { asked, .. } = self.robots.state else { return };
        self.marked = true;
        match answer {
            Ok(rules) => {
                if let Some(delay) = rules.crawl_delay().filter(|delay| *delay > MAX_CRAWL_DELAY) {
                    self.retired = Some(Fate::CrawlDelay(delay));
                }
                self.robots.answered(rules, now);
                self.circuit.close();
            }
            Err(RobotsDown { kind: ErrorKind::BlockedAddress, .. }) if !self.robots.open => {
                self.robots.state = State::Private;
                (self.next_start, self.beat) = (now, now); // nothing was sent
            }
            Err(RobotsDown { kind, message, ask_again }) => {
                let wait = ask_again.unwrap_or_default().min(MAX_PARK);
                self.circuit.rest(now + wait);
                let tries = if ask_again.is_some() { retries.saturating_add(1) } else { 0 };
                if !self.robots.unavailable(asked, tries, now, self.rests_until()) {
                    let message = format!("robots.txt could not be fetched: {message}").into();
                    self.retired = Some(Fate::Failed { kind, phase: Phase::Robots, message });
                }
            }
        }
        if let Some(delay) = self.robots.rules().and_then(|rules| rules.crawl_delay()) {
            self.next_start = self.next_start.max(now + delay.min(MAX_CRAWL_DELAY));
        }
    }

    /// The robots.txt request was called off.
    pub(super) fn robots_returned(&mut self) {
        self.marked |= self.robots.returned();
    }

    /// One at a time when it is to be probed, or when it asks for a delay.
    fn limit(&self, politeness: &Politeness) -> u32 {
        let slow = self.robots.rules().is_some_and(|rules| rules.crawl_delay().is_some());
        if slow || !self.circuit.is_closed() {
            return 1;
        }
        let at_once = politeness.at_once(self.own.as_deref());
        self.adaptive.as_ref().map_or(at_once, |adaptive| adaptive.limit().min(at_once))
    }

    /// How many requests it was found to stand, by how many answers.
    pub(super) fn adapted(&self) -> Option<(u32, u64)> {
        self.adaptive.as_ref().map(|adaptive| (adaptive.limit(), adaptive.answers()))
    }
}

impl PartialEq for Retry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Retry {}

impl PartialOrd for Retry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Retry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.entry.seq).cmp(&(other.due, other.entry.seq))
    }
}
