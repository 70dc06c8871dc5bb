//! Where admitted URLs wait, and the set of all URLs seen: the layer below the scheduler.
//!
//! A store knows groups, entries and fingerprints, and nothing of time or politeness. It hands out a few entries of a
//! group at a visit, so that one behind a disk or a network pays per visit and not per URL; what it cannot give at once
//! it gives later, by [`Store::arrivals`], and rings a bell. Nothing here iterates over all URLs.
//!
//! A store that outlives the process is told of everything that must: what goes out, what comes back, what is done.

pub(crate) mod disk;
mod memory;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Notify;

pub use self::disk::{Disk, Opened, Options as DiskOptions, Pace, Recovery, State as DiskState, Stock};
pub use self::memory::Memory;

use super::{Candidate, Entry};
use crate::error::Error;

/// Index of a group: the URLs of one host key, which share politeness. Dense, from 0; one that was released is
/// given out again first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u32);

/// What a visit of a group brings.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Entries from its head, in order.
    pub entries: VecDeque<Entry>,
    /// How many entries it still has in the store.
    pub left: u64,
    /// What was last [saved](Store::save) for it.
    pub state: Option<Box<[u8]>>,
}

/// What a store could not answer at once. Small, since a start may bring one for each of a million groups.
#[derive(Debug)]
pub enum Arrival {
    /// What was asked for with [`Store::load`].
    Loaded(GroupId, Box<Loaded>),
    /// So many entries more wait in a group, and whether something is saved for it.
    Grown(GroupId, u64, bool),
    /// An entry of an earlier run, which is to go out again at this time.
    Retry(GroupId, Box<Entry>, Instant),
    /// Links offered earlier are decided: so many were new, so many known. (The new ones come as `Grown`.)
    Decided {
        /// Links that are admitted.
        new: u64,
        /// Links that were known.
        seen: u64,
    },
    /// A seed offered earlier turns out to be known.
    Seen(Box<Candidate>),
}

/// Keeps entries by group, each URL at most once.
pub trait Store: Send {
    /// Takes the new ones out of `candidates`, queues each at the tail of its group, and adds that group to
    /// `grown` (once per entry). Those already seen stay. A store that cannot tell yet takes them all, counts them as
    /// [undecided](Self::undecided), and answers later.
    fn offer(&mut self, candidates: &mut Vec<Candidate>, now: Instant, grown: &mut Vec<GroupId>);

    /// Asks for at least `max` entries from the head of a group (a few more may come), and for what is saved for it.
    /// `None` when they come later; a group is not asked for twice at a time.
    fn load(&mut self, group: GroupId, max: usize) -> Option<Loaded>;

    /// Puts entries that were loaded and not handed out back, before all others of their group.
    fn put_back(&mut self, group: GroupId, entries: VecDeque<Entry>);

    /// Remembers something about a group until it is loaded again. Opaque; replaces what was saved before.
    fn save(&mut self, group: GroupId, state: Box<[u8]>);

    /// An empty group is not needed any more: its id may be given to another, what is saved for it is forgotten.
    fn release(&mut self, group: GroupId);

    /// Draws the next sequence number; offered entries draw from the same.
    fn number(&mut self) -> u64;

    /// The name of a group: its host key.
    fn name(&self, group: GroupId) -> &str;

    /// What has come since the last call.
    ///
    /// # Errors
    /// When the store cannot go on, e.g. because its disk is full.
    fn arrivals(&mut self, _now: Instant, _into: &mut Vec<Arrival>) -> Result<(), Error> {
        Ok(())
    }

    /// Rings when there may be [arrivals](Self::arrivals).
    fn bell(&self) -> Option<Arc<Notify>> {
        None
    }

    /// Candidates offered whose newness is not known yet.
    fn undecided(&self) -> u64 {
        0
    }

    /// Wants the undecided decided soon, since there is nothing else to do. May be called at any time.
    fn decide(&mut self, _now: Instant) {}

    /// So much waits to be written that nothing more should be handed out for now.
    fn is_behind(&self) -> bool {
        false
    }

    /// A loaded entry goes out to be fetched; its attempt is counted.
    fn handed_out(&mut self, _group: GroupId, _entry: &Entry) {}

    /// An entry that was handed out waits in memory for `due`.
    fn waits(&mut self, _group: GroupId, _entry: &Entry, _due: Instant) {}

    /// A loaded entry is done for good: its outcome is recorded.
    fn done(&mut self, _group: GroupId, _entry: &Entry, _failed: bool) {}

    /// Something of the run that is no URL of a queue, e.g. a line that is no URL: kept under its number until
    /// [`drop_aside`](Self::drop_aside).
    fn put_aside(&mut self, _number: u64, _what: &[u8]) {}

    /// What was put aside is done: its outcome is recorded.
    fn drop_aside(&mut self, _number: u64) {}

    /// Seeds of a source were offered, or put aside, up to this line of it (exclusive); `ended` when that was all.
    fn read_to(&mut self, _source: u32, _line: u64, _ended: bool) {}

    /// Makes a unit of all that was told since the last call, which survives whole or not at all, if it is time to;
    /// `note` gives what the run wants to find beside it.
    fn commit(&mut self, _now: Instant, _force: bool, _note: &mut dyn FnMut() -> Vec<u8>) {}

    /// When [`commit`](Self::commit) should be called at the latest, if anything waits for it.
    fn commit_at(&self) -> Option<Instant> {
        None
    }

    /// Nothing more will come: saves what makes the next start quick.
    fn close(&mut self, _note: &mut dyn FnMut() -> Vec<u8>) {}
}
