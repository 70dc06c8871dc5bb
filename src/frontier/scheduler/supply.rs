//! Between the scheduler and its store: what is brought to hand, and what is given back.
//!
//! A host with entries in the store and few at hand stands in the ring of those that *want*, and is loaded in its
//! turn while fewer than [`Limits::at_hand`](super::Limits) entries are at hand. Hosts at rest stand in the ring of those
//! *resting*, and the one that came first goes to sleep when too many are awake.
//!
//! *Why the hosts that have entries do not starve those that want.* Entries are at hand only with a host that is ready; or
//! due within [`SOON`], since one that rests for longer gives them back ([`HostQueue::spare`]); or that has a request out
//! (the limit of the host, its robots.txt, a level above that is open), whose report comes; or whose open level waits
//! for a retry, and then it keeps one. So entries always leave, and each that leaves makes room for a host that wants. A
//! host that waits for the store itself holds nothing, and the store answers every question.

use std::time::{Duration, Instant};

use super::{Host, Place, Scheduler};
use crate::frontier::host_queue::{HostQueue, VISIT};
use crate::frontier::store::{Arrival, GroupId, Loaded, Store};
use crate::frontier::{Entry, Late};

/// A host that can use its entries only later than this gives them back. Not less than the longest Crawl-delay, or
/// hosts that ask for it would be loaded for each request.
pub(super) const SOON: Duration = Duration::from_secs(30);

/// Hosts that are loaded in one call, so that nobody waits for long.
const FED_AT_ONCE: usize = 64;

impl<S: Store> Scheduler<S> {
    /// Brings to hand what is wanted, and lets hosts sleep that nobody needs. Ends every change.
    pub(super) fn tend(&mut self, now: Instant) {
        self.open_gates(now);
        self.feed(now);
        if self.awake > self.limits.awake {
            self.rock(now);
            self.open_gates(now);
            // What went to sleep with entries in the store wants them at its time, which may be now.
            self.feed(now);
        }
    }

    fn feed(&mut self, now: Instant) {
        // Not all of them at once, unless nothing else is ready: the next change goes on with it.
        let mut fed = 0;
        while self.has_room() && (fed < FED_AT_ONCE || self.is_idle()) {
            fed += 1;
            let Some(id) = self.wants.pop_front() else { return };
            self.hosts[id.0 as usize].in_wants = false;
            // It may want no more: it was closed, or evicted.
            if self.hunger(id).is_some_and(|at| at <= now) && !self.is_barred(id, now) {
                self.load(id, now);
                self.place(id, now);
                self.open_gates(now);
            }
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.at_hand + self.asked < self.limits.at_hand
    }

    /// When this host can use more entries than it has; `None` when it cannot tell, or cannot.
    pub(super) fn hunger(&self, id: GroupId) -> Option<Instant> {
        let host = &self.hosts[id.0 as usize];
        if host.loading || host.stored == 0 || self.closed {
            return None;
        }
        match &host.queue {
            Some(queue) => queue.is_hungry().then(|| queue.rests_until()),
            // Without marks, robots.txt is asked for first.
            None if self.politeness.robots && !host.saved => None,
            None => Some(self.instant(host.at)),
        }
    }

    /// Asks the store for entries of a host, and for its marks.
    pub(super) fn load(&mut self, id: GroupId, now: Instant) {
        let visit = self.visit(id);
        self.asked += visit;
        self.hosts[id.0 as usize].loading = true;
        if let Some(loaded) = self.store.load(id, visit) {
            self.stock(id, loaded, now);
        }
    }

    fn visit(&self, id: GroupId) -> usize {
        self.hosts[id.0 as usize].queue.as_ref().map_or(VISIT as usize, |queue| queue.visit())
    }

    fn stock(&mut self, id: GroupId, loaded: Loaded, now: Instant) {
        let Loaded { entries, state, .. } = loaded;
        self.asked -= self.visit(id).min(self.asked);
        self.at_hand += entries.len();
        let host = &mut self.hosts[id.0 as usize];
        host.loading = false;
        // What the store has left is no news: it may have grown since, and whatever comes was announced before.
        host.stored = host.stored.saturating_sub(entries.len() as u64);
        let unread = host.is_unread();
        host.read = true;
        if entries.is_empty() && host.queue.is_none() && state.is_none() {
            (host.saved, host.read) = (false, false);
            return;
        }
        let (clock, resumed) = (self.clock, self.resumed.map(|then| (then, self.distance(id))));
        let queue = self.queue(id, now);
        if let Some(state) = state.filter(|_| unread) {
            queue.restore(&state, &clock, now);
            if let Some((then, distance)) = resumed {
                queue.hold_gap(then, distance);
            }
        }
        queue.stock(entries);
    }

    /// The queue of a host, which wakes if it is asleep.
    pub(super) fn queue(&mut self, id: GroupId, now: Instant) -> &mut HostQueue {
        let rests_until = self.instant(self.hosts[id.0 as usize].at).max(now);
        let host = &mut self.hosts[id.0 as usize];
        self.awake += usize::from(host.queue.is_none());
        let (politeness, store) = (&self.politeness, &self.store);
        host.queue.get_or_insert_with(|| {
            let own = politeness.own(store.name(id));
            Box::new(HostQueue::new(politeness, own, rests_until))
        })
    }

    /// Entries that a host can use only later than soon go back.
    pub(super) fn give_back(&mut self, id: GroupId, now: Instant) {
        if self.is_barred(id, now) {
            self.put_back(id);
            return;
        }
        let host = &mut self.hosts[id.0 as usize];
        // What is on its way stands behind what is here: it could not go back in order.
        let Some(queue) = host.queue.as_mut().filter(|_| !host.loading) else { return };
        let spared = queue.spare(now + SOON);
        if !spared.is_empty() {
            host.stored += spared.len() as u64;
            self.at_hand -= spared.len();
            self.store.put_back(id, spared);
        }
    }

    /// Puts hosts to sleep until few enough are awake.
    fn rock(&mut self, now: Instant) {
        while self.awake > self.limits.awake {
            let Some(id) = self.resting.pop_front() else { return };
            let host = &mut self.hosts[id.0 as usize];
            host.in_resting = false;
            let Some(queue) = host.queue.take_if(|queue| !host.loading && queue.is_at_rest()) else {
                continue;
            };
            self.note_limit(id, &queue);
            let marks = queue.save(&self.clock, now);
            let host = &mut self.hosts[id.0 as usize];
            let was_saved = std::mem::replace(&mut host.saved, marks.is_some());
            host.read = false;
            if was_saved || marks.is_some() {
                self.store.save(id, marks.unwrap_or_default());
            }
            self.awake -= 1;
            self.stand(id, Place::Nowhere, now);
            if let Some(gates) =
                self.gates.as_mut().filter(|gates| !gates.is_in_line(id) && !gates.is_asked(id))
            {
                gates.leave(id);
            }
            self.hosts[id.0 as usize].at = self.stamp(queue.rests_until());
            self.place(id, now);
        }
    }

    /// Has marks kept that must survive whatever comes.
    pub(super) fn keep_marks(&mut self, id: GroupId, now: Instant) {
        let host = &mut self.hosts[id.0 as usize];
        let unsaved = host.queue.as_mut().and_then(|queue| queue.unsaved(&self.clock, now));
        if let Some(marks) = unsaved {
            (host.saved, host.read) = (!marks.is_empty(), true);
            self.store.save(id, marks);
        }
    }

    /// Takes in what the store did not answer at once.
    pub(super) fn arrived(&mut self, arrival: Arrival, now: Instant, late: &mut Late) {
        match arrival {
            Arrival::Loaded(id, loaded) => {
                self.stock(id, *loaded, now);
                self.place(id, now);
            }
            Arrival::Grown(id, by, saved) => self.grow(id, by, saved, now),
            Arrival::Retry(id, entry, due) => self.adopt(id, *entry, due, now),
            Arrival::Decided { new, seen } => {
                late.discovered += new;
                late.seen += seen;
            }
            Arrival::Seen(candidate) => late.seeds.push(*candidate),
        }
    }

    /// More entries of a host wait in the store.
    pub(super) fn grow(&mut self, id: GroupId, by: u64, saved: bool, now: Instant) {
        let host = self.meet(id);
        let before = host.stored;
        host.stored += by;
        // What the scheduler saved itself it has read.
        host.saved |= saved;
        self.counts.queued += by;
        // More of the same changes nothing; the first may come before a retry that is due later.
        if before == 0 || saved {
            self.place(id, now);
        }
    }

    /// An entry that an earlier run had out waits for its time.
    fn adopt(&mut self, id: GroupId, entry: Entry, due: Instant, now: Instant) {
        self.meet(id);
        self.queue(id, now).adopt(entry, due);
        self.counts.retrying += 1;
        self.place(id, now);
    }

    /// How far its requests are apart, as the user wants it.
    fn distance(&self, id: GroupId) -> Duration {
        self.politeness.distance(self.politeness.own(self.store.name(id)))
    }

    /// The host of an id, which may be new.
    fn meet(&mut self, id: GroupId) -> &mut Host {
        let index = id.0 as usize;
        self.hosts.reach(index);
        if !self.hosts[index].counted {
            self.counts.hosts += 1;
            // After a restart nobody knows when a host was asked last.
            let gap = self.resumed.map(|then| then + self.distance(id));
            let at = gap.map_or(0, |at| self.stamp(at));
            let host = &mut self.hosts[index];
            (host.counted, host.at) = (true, at);
        }
        &mut self.hosts[index]
    }
}
