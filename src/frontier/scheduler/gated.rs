//! Between the scheduler and its [gates](super::gate): who is let through.
//!
//! A host that could start something, or could use entries of the store, stands in the line of its gate. With each change
//! the gate is looked at: the first in line that can start gets a pass and is *ready*, as long as there are passes; and
//! the first [`NEAR`] of them are brought entries. Who stands behind these holds no entries: it gave back what it had. So a
//! gate with thousands of hosts does not take the room of others.
//!
//! *Why nobody starves.* A host joins at the end of the line, and those before it leave it one by one: each is given a
//! pass, can start nothing and goes out of line, or is near and waits for the store, which answers and which finds room (the
//! argument of [`supply`](super::supply) holds: entries at hand are with a host that has a pass, or near at a gate that
//! opens soon or when a request of it ends; at one that is shut for longer all are given back). Who starts something comes
//! back behind those who wait. A pass is used when the turn of its host comes, or handed in as soon as the host cannot
//! start. A gate that is shut by time and has somebody in line has an alarm; one that is shut because of its requests is
//! looked at when one of them ends. So no change that could open a gate goes by unseen, and nobody has to ask again.

use std::net::IpAddr;
use std::time::Instant;

use super::gate::At;
use super::supply::SOON;
use super::{Scheduler, robots_entry};
use crate::frontier::store::{GroupId, Store};
use crate::frontier::{Disposition, HostSignal, Job, Work};

/// Hosts of one line that may hold entries.
const NEAR: usize = 16;

impl<S: Store> Scheduler<S> {
    /// What is left of the times of a host, when it may start and when it wants entries, once its gate has spoken: what
    /// is `None` then will be told by the gate.
    pub(super) fn held(
        &mut self,
        id: GroupId,
        (start, hunger): (Option<Instant>, Option<Instant>),
        now: Instant,
    ) -> (Option<Instant>, Option<Instant>) {
        let is_retired = self.is_retired(id);
        let Some(gates) = &mut self.gates else { return (start, hunger) };
        if is_retired {
            gates.hand_in(id);
            return (start, hunger);
        }
        let has_come = |at: &Instant| *at <= now;
        let can_start = start.is_some_and(|at| has_come(&at));
        match gates.at(id, self.store.name(id), now) {
            At::Unknown => (start, hunger),
            At::Asked => (start.filter(|_| !can_start), hunger),
            At::Gate(_) => {
                if gates.has_pass(id) && gates.is_shut_until(id, now) {
                    gates.hand_in(id);
                }
                if gates.has_pass(id) {
                    let is_fed = can_start && gates.has_line_above(id, NEAR);
                    return (start, hunger.filter(|_| !is_fed));
                }
                if (can_start || hunger.as_ref().is_some_and(has_come))
                    && gates.line_up(id).is_some_and(|length| length > NEAR)
                {
                    self.put_back(id);
                }
                (start.filter(|_| !can_start), hunger.filter(|at| !has_come(at)))
            }
        }
    }

    fn is_retired(&self, id: GroupId) -> bool {
        self.hosts[id.0 as usize].queue.as_ref().is_some_and(|queue| queue.is_retired())
    }

    /// Whether it gets no entries, since its gate is shut for long.
    pub(super) fn is_barred(&self, id: GroupId, now: Instant) -> bool {
        self.gates.as_ref().is_some_and(|gates| gates.is_shut_until(id, now + SOON)) && !self.is_retired(id)
    }

    /// Whether its gate was shut after it got its pass, e.g. by a 429.
    pub(super) fn is_stopped(&self, id: GroupId, now: Instant) -> bool {
        self.gates.as_ref().is_some_and(|gates| gates.has_pass(id) && gates.is_shut_until(id, now))
    }

    /// Gives back all entries of a host.
    pub(super) fn put_back(&mut self, id: GroupId) {
        let host = &mut self.hosts[id.0 as usize];
        let Some(queue) = host.queue.as_mut().filter(|_| !host.loading) else { return };
        let entries = std::mem::take(&mut queue.fresh);
        if !entries.is_empty() {
            host.stored += entries.len() as u64;
            self.at_hand -= entries.len();
            self.store.put_back(id, entries);
        }
    }

    /// Looks at the gates of which something changed.
    pub(super) fn open_gates(&mut self, now: Instant) {
        while let Some(number) = self.gates.as_mut().and_then(|gates| gates.next_stirred()) {
            let mut place = 0;
            while place < NEAR
                && let Some(id) = self.gates.as_mut().and_then(|gates| gates.stands_at(number, place))
            {
                place += usize::from(self.stays_in_line(id, number, place, now));
            }
            if let Some(gates) = &mut self.gates {
                gates.arm(number, now);
            }
        }
    }

    /// Serves one of those who are near; `false` when it left the line.
    fn stays_in_line(&mut self, id: GroupId, number: u32, place: usize, now: Instant) -> bool {
        let can_start = self.start_at(id).is_some_and(|at| at <= now);
        let is_hungry = self.hunger(id).is_some_and(|at| at <= now);
        let is_retired = self.is_retired(id);
        let host = &mut self.hosts[id.0 as usize];
        let Some(gates) = &mut self.gates else { return true };
        if is_retired || !(can_start || is_hungry || host.loading) {
            gates.step_out(number, place);
            self.place(id, now);
            return false;
        }
        if can_start && gates.give_pass(id, number, now) {
            gates.step_out(number, place);
            self.place(id, now);
            return false;
        }
        if gates.is_shut_until(id, now + SOON) {
            self.put_back(id);
        } else if is_hungry
            && !(can_start && gates.length(number) > NEAR)
            && !std::mem::replace(&mut host.in_wants, true)
        {
            self.wants.push_back(id);
        }
        true
    }

    /// A host whose address has to be known first has it looked up.
    pub(super) fn locate(&mut self, id: GroupId, now: Instant) -> Option<Job> {
        let is_retired = self.is_retired(id);
        let gates = self.gates.as_mut().filter(|gates| gates.is_unknown(id) && !is_retired)?;
        let entry = robots_entry(self.store.name(id), now)?;
        gates.ask(id);
        Some(Job { entry, host: id, work: Work::Locate, first: false })
    }

    /// A host's turn led to this job, if to any.
    pub(super) fn went_out(&mut self, job: &Job, now: Instant) {
        if let (Some(gates), Work::Fetch(_) | Work::Robots { .. }) = (&mut self.gates, &job.work) {
            gates.started(job.host, now, &mut self.chance);
        }
    }

    /// What the end of a job says to the gate of its host, which has heard of it already.
    pub(super) fn came_back(&mut self, id: GroupId, is_request: bool, throttled: bool, now: Instant) {
        let Some(gates) = self.gates.as_mut().filter(|_| is_request) else { return };
        gates.landed(id);
        if throttled && let Some(queue) = &self.hosts[id.0 as usize].queue {
            gates.snooze(id, queue.rests_until().max(now));
        }
    }

    /// A look-up has ended.
    pub(super) fn located(&mut self, id: GroupId, how: &Disposition, now: Instant) {
        let answer: Option<Option<IpAddr>> = match how {
            Disposition::Located(answer) => Some(*answer),
            _ => None,
        };
        if let Some(gates) = &mut self.gates {
            gates.located(id, self.store.name(id), answer, now);
        }
    }
}

/// Whether the answer asks for fewer requests.
pub(super) fn is_throttled(how: &Disposition) -> bool {
    matches!(
        how,
        Disposition::Done { signal: HostSignal::Throttled(_), .. }
            | Disposition::Retry(_, HostSignal::Throttled(_))
    )
}
