//! The store of a run that leaves nothing behind: queues and fingerprints in memory.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::time::Instant;

use super::{GroupId, Store};
use crate::error::Error;
use crate::frontier::{Candidate, Entry};

/// Queues in memory; about 12 bytes per URL seen and 200 per URL pending.
#[derive(Default)]
pub struct Memory {
    /// `None` when repeated URLs are wanted.
    seen: Option<HashSet<u64, BuildHasherDefault<Identity>>>,
    ids: HashMap<Arc<str>, GroupId>,
    groups: Vec<Group>,
    released: Vec<GroupId>,
    next_seq: u64,
}

struct Group {
    name: Arc<str>,
    queue: VecDeque<Entry>,
}

impl Memory {
    /// A store that queues each URL once.
    pub fn unique() -> Self {
        Self { seen: Some(HashSet::default()), ..Self::default() }
    }

    /// A store that queues a URL as often as it is offered.
    pub fn repeating() -> Self {
        Self::default()
    }

    fn group(&mut self, name: &str) -> GroupId {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let name: Arc<str> = Arc::from(name);
        let group = Group { name: Arc::clone(&name), queue: VecDeque::new() };
        let id = match self.released.pop() {
            Some(id) => {
                self.groups[id.0 as usize] = group;
                id
            }
            None => {
                self.groups.push(group);
                GroupId(self.groups.len() as u32 - 1)
            }
        };
        self.ids.insert(name, id);
        id
    }
}

impl Store for Memory {
    fn offer(&mut self, candidates: &mut Vec<Candidate>, now: Instant, grown: &mut Vec<GroupId>) {
        let mut seen_before = Vec::new();
        for candidate in candidates.drain(..) {
            if self.seen.as_mut().is_some_and(|seen| !seen.insert(candidate.fingerprint)) {
                seen_before.push(candidate);
                continue;
            }
            let group = self.group(candidate.url.host_key().as_str());
            let Candidate { url, depth, found, .. } = candidate;
            let seq = self.number();
            let entry =
                Entry { url, seq, depth, attempts: 0, returned: 0, handed_out: false, admitted: now, found };
            self.groups[group.0 as usize].queue.push_back(entry);
            grown.push(group);
        }
        *candidates = seen_before;
    }

    fn take(&mut self, group: GroupId, max: usize, into: &mut VecDeque<Entry>) {
        let queue = &mut self.groups[group.0 as usize].queue;
        into.extend(queue.drain(..max.min(queue.len())));
        if queue.is_empty() {
            queue.shrink_to(0);
        }
    }

    fn complete(&mut self, _group: GroupId, _seq: u64) {}

    fn release(&mut self, group: GroupId) {
        self.ids.remove(&self.groups[group.0 as usize].name);
        self.released.push(group);
    }

    fn number(&mut self) -> u64 {
        self.next_seq += 1;
        self.next_seq - 1
    }

    fn name(&self, group: GroupId) -> &str {
        &self.groups[group.0 as usize].name
    }

    fn sync(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// Fingerprints are uniform already.
#[derive(Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn write(&mut self, _: &[u8]) {
        unreachable!("only u64 keys are hashed")
    }
    fn write_u64(&mut self, n: u64) {
        self.0 = n;
    }
    fn finish(&self) -> u64 {
        self.0
    }
}
