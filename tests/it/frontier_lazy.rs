//! A store that answers late, or at once, as the dice fall: for the scheduler's [walk](crate::frontier_walk), and for
//! whole [runs](crate::engine).
//!
//! It is a [`Memory`] behind a slow door, and checks that the scheduler keeps to what a store may expect: that no
//! group is asked for twice at a time, none is given something back or released meanwhile, every entry that is
//! done was loaded, and no source ends before its last seed.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

use gannet::Error;
use gannet::frontier::store::{Arrival, GroupId, Loaded, Memory, Store};
use gannet::frontier::{Candidate, Entry, Found};
use tokio::sync::Notify;

pub(crate) struct Lazy {
    inner: Memory,
    dice: fastrand::Rng,
    loads: Vec<(GroupId, usize)>,
    undecided: Vec<Candidate>,
    /// Decides only when asked to.
    is_stubborn: bool,
    asked_to_decide: bool,
    is_behind: bool,
    loaded: BTreeSet<u64>,
    aside: BTreeSet<u64>,
    ended: BTreeSet<u32>,
    bell: Arc<Notify>,
    /// Whether nothing is on its way: for the test, which has no other way to look in here.
    quiet: Arc<AtomicBool>,
}

impl Lazy {
    pub(crate) fn new(inner: Memory, seed: u64, quiet: Arc<AtomicBool>) -> Self {
        Self {
            inner,
            dice: fastrand::Rng::with_seed(seed),
            loads: Vec::new(),
            undecided: Vec::new(),
            is_stubborn: seed.is_multiple_of(2),
            asked_to_decide: false,
            is_behind: false,
            loaded: BTreeSet::new(),
            aside: BTreeSet::new(),
            ended: BTreeSet::new(),
            bell: Arc::new(Notify::new()),
            quiet,
        }
    }

    fn ring(&mut self) {
        let is_quiet = self.loads.is_empty() && self.undecided.is_empty() && !self.is_behind;
        self.quiet.store(is_quiet, Relaxed);
        // What waits to be asked for does not come by itself.
        let decides = !self.undecided.is_empty() && (self.asked_to_decide || !self.is_stubborn);
        if decides || self.is_behind || !self.loads.is_empty() {
            self.bell.notify_one();
        }
    }

    fn load_now(&mut self, group: GroupId, max: usize) -> Loaded {
        let loaded = self.inner.load(group, max).unwrap();
        self.loaded.extend(loaded.entries.iter().map(|entry| entry.seq));
        loaded
    }

    fn is_asked(&self, group: GroupId) -> bool {
        self.loads.iter().any(|(asked, _)| *asked == group)
    }

    fn decide_one(&mut self, candidate: Candidate, now: Instant, into: &mut Vec<Arrival>) {
        let is_link = matches!(candidate.found, Found::Link { .. });
        let (mut grown, mut known) = (Vec::new(), vec![candidate]);
        self.inner.offer(&mut known, now, &mut grown);
        if is_link {
            into.push(Arrival::Decided { new: grown.len() as u64, seen: known.len() as u64 });
            known.clear();
        }
        into.extend(grown.into_iter().map(|group| Arrival::Grown(group, 1, false)));
        into.extend(known.into_iter().map(Box::new).map(Arrival::Seen));
    }
}

impl Store for Lazy {
    fn offer(&mut self, candidates: &mut Vec<Candidate>, now: Instant, grown: &mut Vec<GroupId>) {
        let mut at_once = Vec::new();
        for candidate in candidates.drain(..) {
            match self.dice.bool() {
                true => at_once.push(candidate),
                false => self.undecided.push(candidate),
            }
        }
        self.inner.offer(&mut at_once, now, grown);
        *candidates = at_once;
        self.ring();
    }

    fn load(&mut self, group: GroupId, max: usize) -> Option<Loaded> {
        assert!(!self.is_asked(group), "asked twice");
        if self.dice.u8(..4) == 0 {
            return Some(self.load_now(group, max));
        }
        self.loads.push((group, max));
        self.ring();
        None
    }

    fn put_back(&mut self, group: GroupId, entries: VecDeque<Entry>) {
        assert!(!self.is_asked(group), "given back while being asked");
        for entry in &entries {
            assert!(self.loaded.remove(&entry.seq), "given back, not loaded");
        }
        self.inner.put_back(group, entries);
    }

    fn save(&mut self, group: GroupId, state: Box<[u8]>) {
        self.inner.save(group, state);
    }

    fn release(&mut self, group: GroupId) {
        assert!(!self.is_asked(group), "released while being asked");
        self.inner.release(group);
    }

    fn number(&mut self) -> u64 {
        self.inner.number()
    }

    fn name(&self, group: GroupId) -> &str {
        self.inner.name(group)
    }

    fn arrivals(&mut self, now: Instant, into: &mut Vec<Arrival>) -> Result<(), Error> {
        let decides = std::mem::take(&mut self.asked_to_decide);
        self.is_behind = false;
        for candidate in std::mem::take(&mut self.undecided) {
            match decides || (!self.is_stubborn && self.dice.u8(..4) == 0) {
                true => self.decide_one(candidate, now, into),
                false => self.undecided.push(candidate),
            }
        }
        for (group, max) in std::mem::take(&mut self.loads) {
            match self.dice.bool() {
                true => into.push(Arrival::Loaded(group, Box::new(self.load_now(group, max)))),
                false => self.loads.push((group, max)),
            }
        }
        self.ring();
        Ok(())
    }

    fn bell(&self) -> Option<Arc<Notify>> {
        Some(Arc::clone(&self.bell))
    }

    fn undecided(&self) -> u64 {
        self.undecided.len() as u64
    }

    fn decide(&mut self, _now: Instant) {
        self.asked_to_decide = true;
        self.ring();
    }

    fn is_behind(&self) -> bool {
        self.is_behind
    }

    fn handed_out(&mut self, _group: GroupId, entry: &Entry) {
        assert!(self.loaded.contains(&entry.seq) && entry.handed_out);
    }

    fn waits(&mut self, _group: GroupId, entry: &Entry, _due: Instant) {
        assert!(self.loaded.contains(&entry.seq));
    }

    fn done(&mut self, _group: GroupId, entry: &Entry, _failed: bool) {
        assert!(self.loaded.remove(&entry.seq), "done, not loaded");
        self.is_behind = self.dice.u8(..8) == 0;
        self.ring();
    }

    fn put_aside(&mut self, number: u64, what: &[u8]) {
        assert!(gannet::seeds::Seed::from_bytes(what).is_some());
        assert!(self.aside.insert(number), "put aside twice");
    }

    fn drop_aside(&mut self, number: u64) {
        assert!(self.aside.remove(&number), "dropped, not put aside");
    }

    fn read_to(&mut self, source: u32, _line: u64, ended: bool) {
        assert!(!self.ended.contains(&source), "ended too early");
        self.ended.extend(ended.then_some(source));
    }
}
