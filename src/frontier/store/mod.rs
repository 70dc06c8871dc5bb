//! Where admitted URLs wait, and the set of all URLs seen: the layer below the scheduler.
//!
//! A store knows groups, entries and fingerprints, and nothing of time or politeness. It hands out a
//! few entries of a group at a visit, so that one behind a disk or a network pays per visit and not
//! per URL. Nothing here iterates over all URLs.

mod disk;
mod memory;

use std::collections::VecDeque;
use std::time::Instant;

pub use self::memory::Memory;

use super::{Candidate, Entry};
use crate::error::Error;

/// Index of a group: the URLs of one host key, which share politeness. Dense, from 0; one that was released is
/// given out again first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u32);

/// Keeps entries by group, each URL at most once.
pub trait Store: Send {
    /// Takes the new ones out of `candidates`, queues each at the tail of its group, and adds that group to
    /// `grown` (once per entry). Those already seen stay.
    fn offer(&mut self, candidates: &mut Vec<Candidate>, now: Instant, grown: &mut Vec<GroupId>);

    /// Moves up to `max` entries from the head of a group to `into`.
    fn take(&mut self, group: GroupId, max: usize, into: &mut VecDeque<Entry>);

    /// An entry that was taken is done for good.
    fn complete(&mut self, group: GroupId, seq: u64);

    /// An empty group is not needed any more: its id may be given to another.
    fn release(&mut self, group: GroupId);

    /// Draws the next sequence number; offered entries draw from the same.
    fn number(&mut self) -> u64;

    /// The name of a group: its host key.
    fn name(&self, group: GroupId) -> &str;

    /// Makes durable what was offered and completed.
    ///
    /// # Errors
    /// When writing fails.
    fn sync(&mut self) -> Result<(), Error>;
}
