//! The store of a run that leaves nothing behind: queues and fingerprints in memory.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::time::Instant;

use super::{GroupId, Loaded, Store};
use crate::frontier::{Candidate, Entry};
use crate::url::Identity;

/// Queues in memory; about 12 bytes per URL seen, 200 per URL pending and 150 per host.
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
    /// Shared with the map of ids.
    name: Arc<str>,
    queue: VecDeque<Entry>,
    state: Option<Box<[u8]>>,
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
        let group = Group { name: Arc::clone(&name), queue: VecDeque::new(), state: None };
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
            let queue = &mut self.groups[group.0 as usize].queue;
            if queue.is_empty() {
                // Most groups of a wide crawl hold one: no room for more until there are more.
                queue.reserve_exact(1);
            }
            queue.push_back(Entry {
                url,
                seq,
                depth,
                attempts: 0,
                returned: 0,
                lost: 0,
                handed_out: false,
                admitted: now,
                found,
            });
            grown.push(group);
        }
        *candidates = seen_before;
    }

    fn load(&mut self, group: GroupId, max: usize) -> Option<Loaded> {
        let Group { queue, state, .. } = &mut self.groups[group.0 as usize];
        let entries = match queue.len() <= max {
            true => std::mem::take(queue),
            false => queue.drain(..max).collect(),
        };
        Some(Loaded { entries, left: queue.len() as u64, state: state.take() })
    }

    fn put_back(&mut self, group: GroupId, mut entries: VecDeque<Entry>) {
        let queue = &mut self.groups[group.0 as usize].queue;
        entries.append(queue);
        *queue = entries;
    }

    fn save(&mut self, group: GroupId, state: Box<[u8]>) {
        self.groups[group.0 as usize].state = Some(state);
    }

    fn release(&mut self, group: GroupId) {
        let freed = &mut self.groups[group.0 as usize];
        freed.state = None;
        self.ids.remove(&freed.name);
        self.released.push(group);
    }

    fn number(&mut self) -> u64 {
        self.next_seq += 1;
        self.next_seq - 1
    }

    fn name(&self, group: GroupId) -> &str {
        &self.groups[group.0 as usize].name
    }
}
