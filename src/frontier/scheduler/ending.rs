//! What the end of a job changes: for its host, for the store, and for the URL itself.
//!
//! Called by [`finished`](crate::frontier::Frontier::finished), which then puts the host where it belongs.

use std::time::Instant;

use super::{Place, Scheduler};
use crate::frontier::store::{GroupId, Store};
use crate::frontier::{Disposition, Entry, HostSignal};

impl<S: Store> Scheduler<S> {
    /// Forgets a host that left no mark, so that memory does not grow with the hosts of a list. (A host of a crawl
    /// has its robots.txt, and is kept.)
    pub(super) fn forget(&mut self, id: GroupId, now: Instant) {
        let host = &mut self.hosts[id.0 as usize];
        let is_done = host.place == Place::Nowhere && host.stored == 0 && !host.loading;
        let is_asked = self.gates.as_ref().is_some_and(|gates| gates.is_asked(id));
        if is_done && !is_asked && host.queue.as_ref().is_some_and(|queue| queue.is_forgettable(now)) {
            let queue = host.queue.take();
            host.forget();
            if let Some(gates) = &mut self.gates {
                gates.leave(id);
            }
            queue.iter().for_each(|queue| self.note_limit(id, queue));
            self.awake -= 1;
            self.counts.hosts -= 1;
            self.store.release(id);
        }
    }

    /// robots.txt was answered, or its request called off.
    pub(super) fn robots_ended(&mut self, id: GroupId, how: Disposition, now: Instant) {
        let retries = self.politeness.retries;
        let queue = self.queue(id, now);
        match how {
            Disposition::Robots(answer) => queue.robots(answer, retries, now),
            _ => queue.robots_returned(),
        }
    }

    /// A URL came back, fetched or only recorded.
    pub(super) fn ended(
        &mut self,
        id: GroupId,
        entry: Entry,
        fetched: bool,
        mut how: Disposition,
        now: Instant,
    ) {
        let signal = match &mut how {
            Disposition::Done { signal, .. } | Disposition::Retry(_, signal) => {
                std::mem::replace(signal, HostSignal::Neutral)
            }
            Disposition::Returned | Disposition::Robots(_) | Disposition::Located(_) => HostSignal::Neutral,
        };
        self.queue(id, now);
        if let Some(queue) = &mut self.hosts[id.0 as usize].queue {
            match fetched {
                true => queue.landed(signal, &self.politeness, now),
                false => queue.recorded(),
            }
            if entry.handed_out && matches!(how, Disposition::Done { .. }) {
                queue.settled(entry.depth);
            }
        }
        match how {
            Disposition::Done { failed, .. } => self.store.done(id, &entry, failed),
            Disposition::Retry(after, _) => self.try_again(id, entry, fetched, now + after, now),
            Disposition::Returned | Disposition::Robots(_) | Disposition::Located(_) => {
                let untried = u32::from(fetched);
                let attempts = entry.attempts - untried;
                let entry = Entry { attempts, returned: entry.returned + untried, ..entry };
                self.try_again(id, entry, fetched, now, now);
            }
        }
    }

    fn try_again(&mut self, id: GroupId, entry: Entry, fetched: bool, due: Instant, now: Instant) {
        if fetched {
            self.store.waits(id, &entry, due);
        }
        self.queue(id, now).retry(entry, due);
        self.counts.retrying += 1;
    }
}
