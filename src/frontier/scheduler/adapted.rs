//! What `--adaptive` found out, for the end of a run: the hosts that it learnt most about, a few of them.
//!
//! A queue that goes away, since its host is forgotten or sleeps, leaves what it knew here.

use super::Scheduler;
use crate::frontier::store::{GroupId, Store};
use crate::frontier::{HostLimit, host_queue::HostQueue};

/// So many hosts are told of.
const MOST: usize = 10;

impl<S: Store> Scheduler<S> {
    /// The queue of this host goes away.
    pub(super) fn note_limit(&mut self, id: GroupId, queue: &HostQueue) {
        if let Some((limit, answers)) = queue.adapted() {
            add(&mut self.adapted, HostLimit { host: self.store.name(id).to_owned(), limit, answers });
        }
    }

    /// What is known now, most answers first.
    pub(super) fn limits_of_hosts(&self) -> Vec<HostLimit> {
        let mut limits = self.adapted.clone();
        for at in 0..self.hosts.len() {
            let queue = self.hosts[at].queue.as_ref();
            if let Some((limit, answers)) = queue.and_then(|queue| queue.adapted()) {
                let host = self.store.name(GroupId(at as u32)).to_owned();
                add(&mut limits, HostLimit { host, limit, answers });
            }
        }
        limits
    }
}

/// Keeps those with the most answers. A host that was met anew has learnt anew, from more answers in all.
fn add(limits: &mut Vec<HostLimit>, mut new: HostLimit) {
    if let Some(old) = limits.iter().position(|old| old.host == new.host) {
        new.answers += limits.remove(old).answers;
    }
    let at = limits.partition_point(|other| other.answers >= new.answers);
    limits.insert(at, new);
    limits.truncate(MOST);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_with_the_most_answers_are_kept() {
        let mut limits = Vec::new();
        for n in 0..100 {
            add(
                &mut limits,
                HostLimit { host: format!("h{}", n % 50), limit: n, answers: u64::from(n % 50) },
            );
        }
        let shown: Vec<_> = limits.iter().map(|l| (l.host.as_str(), l.limit, l.answers)).collect();
        assert_eq!(shown.len(), MOST);
        assert_eq!(shown[..2], [("h49", 99, 98), ("h48", 98, 96)]);
    }
}
