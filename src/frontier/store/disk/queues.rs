//! FIFO queues of many groups on disk: 40 bytes of memory per group, however many entries wait.
//!
//! Called by the thread that owns the disk store, and by no other. Knows nothing of URLs: an entry is part of
//! a block, which is opaque bytes and a count (`block`). Blocks lie in chunks in append-only files (`log`).
//! Of each group memory holds two pointers: to a *head*, chunks linked forward, which `take` reads, and to a
//! *tail*, what was appended since, linked backward because what is on disk is never changed. When the head
//! is used up, the tail is turned around once and becomes the head (`tail`). So an entry is written at most
//! twice, an append reads nothing, and a take reads entries of its group only, and no dead ones.
//!
//! Promises: what a save points to stays as it was until the `sweep` after a later save, and damage on disk
//! gives an `InvalidData` error that names the place, never a wrong block. After an error of a call that
//! writes, the queues are as before it, save for space that is not given back before they are empty.

mod block;
mod chunk;
mod group;
mod handles;
mod log;
mod saved;
mod tail;

#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;

pub(super) use self::block::{blocks, encoded_len, push_block};

use self::chunk::{HEADER, Link, Place};
use self::group::{Group, Groups};
use self::log::{Limits, Log};

/// The queues of all groups. A group is a number, small because memory is proportional to the highest, or
/// `u32::MAX`; it needs no announcement and is empty at first.
pub(super) struct Queues {
    log: Log,
    groups: Groups,
    /// The chunk read last, kept for its capacity.
    chunk: Vec<u8>,
}

impl Queues {
    /// Opens the queues in `dir`, which exists, as they were at the [`save`](Self::save) that gave `saved`,
    /// or empty. If it is to be written, deletes every queue file that the save does not know.
    ///
    /// # Errors
    /// When the directory cannot be read or cleared; `InvalidData` when `saved` does not come from a save.
    /// It is checked for sense only: that it is whole is for the caller to know.
    pub(super) fn open(dir: &Path, saved: Option<&[u8]>, writable: bool) -> io::Result<Self> {
        Self::open_with(dir, saved, writable, Limits::default())
    }

    fn open_with(dir: &Path, saved: Option<&[u8]>, writable: bool, limits: Limits) -> io::Result<Self> {
        let state = match saved {
            Some(bytes) => saved::decode(bytes).ok_or_else(|| invalid("the saved queues make no sense"))?,
            None => saved::State::default(),
        };
        let log = Log::open(dir, state.current, state.files, writable, limits)?;
        Ok(Self { log, groups: state.groups, chunk: Vec::new() })
    }

    /// Puts blocks (see [`push_block`]) behind all others of the group; `entries` is the sum of their counts.
    ///
    /// # Errors
    /// When writing fails; `InvalidInput` when the bytes are not blocks with that many entries.
    pub(super) fn append(&mut self, id: u32, blocks: &[u8], entries: u32) -> io::Result<()> {
        let mut group = self.groups.get(id);
        if group.is_empty() {
            return self.prepend(id, blocks, entries);
        }
        block::check(blocks, entries)?;
        for run in block::cut(blocks, self.log.limits().run)? {
            group.tail = self.log.write(id, run, Link::Before(group.tail))?;
            group.tail_runs += 1;
        }
        group.tail_entries += u64::from(entries);
        self.groups.set(id, group);
        Ok(())
    }

    /// Puts blocks before all others of the group.
    ///
    /// # Errors
    /// As for [`append`](Self::append).
    pub(super) fn prepend(&mut self, id: u32, blocks: &[u8], entries: u32) -> io::Result<()> {
        block::check(blocks, entries)?;
        let mut group = self.groups.get(id);
        for run in block::cut(blocks, self.log.limits().run)?.into_iter().rev() {
            group.head = Place::start(self.log.write(id, run, Link::After(group.head))?);
        }
        group.head_entries += u64::from(entries);
        self.groups.set(id, group);
        Ok(())
    }

    /// Moves whole blocks from the front of the group to the end of `out` until they hold `at_least` entries
    /// or the group is empty. Returns how many they hold.
    ///
    /// # Errors
    /// When reading fails, or writing, as a tail may have to be turned around; `InvalidData` for damage. What
    /// was moved before it stays in `out` and is no longer in the queue.
    pub(super) fn take(&mut self, id: u32, at_least: u32, out: &mut Vec<u8>) -> io::Result<u32> {
        let mut taken = 0;
        while taken < u64::from(at_least) {
            let group = self.groups.get(id);
            let wanted = u64::from(at_least) - taken;
            taken += match (group.head.is_none(), group.tail_runs) {
                (false, _) => self.take_head(id, group, wanted, out)?,
                (true, 0) => break,
                (true, 1) => self.take_head(id, group.with_tail_as_head(), wanted, out)?,
                (true, _) => self.turn_around(id, group, wanted, out)?,
            };
        }
        Ok(u32::try_from(taken).unwrap_or(u32::MAX))
    }

    /// Moves up to `wanted` entries, and the rest of the last block, from the first chunk of the head.
    fn take_head(&mut self, id: u32, mut group: Group, wanted: u64, out: &mut Vec<u8>) -> io::Result<u64> {
        let at = group.head.at;
        let header = self.log.read(at, id, &mut self.chunk)?;
        let waiting =
            rest(&self.chunk, group.head).ok_or_else(|| self.log.damaged(at, "it has no such block"))?;
        let (used, entries) =
            block::first(waiting, wanted).map_err(|_| self.log.damaged(at, "a block is malformed"))?;
        let whole = used == waiting.len();
        group.head = if whole { header.next(at) } else { group.head.skip(used) };
        group.head_entries = group
            .head_entries
            .checked_sub(entries)
            .filter(|left| (*left == 0) == group.head.is_none())
            .ok_or_else(|| self.log.damaged(at, "the queue has another length"))?;
        if whole {
            self.log.release(at.file, header.size())?;
        }
        out.extend_from_slice(&waiting[..used]);
        self.groups.set(id, group);
        Ok(entries)
    }

    /// Number of entries that wait in the group.
    pub(super) fn len(&self, id: u32) -> u64 {
        self.groups.get(id).entries()
    }

    /// Number of entries that wait in all groups.
    #[cfg(test)]
    fn total(&self) -> u64 {
        self.groups.iter().map(|(_, group)| group.entries()).sum()
    }

    /// The groups that have entries, by number.
    pub(super) fn groups(&self) -> impl Iterator<Item = u32> {
        self.groups.iter().map(|(id, _)| id)
    }

    /// Bytes in the queue files, those not yet flushed included.
    #[cfg(test)]
    fn disk_bytes(&self) -> u64 {
        self.log.disk_bytes()
    }

    /// Shows each block of the group, with its count, from the front; takes nothing.
    ///
    /// # Errors
    /// When reading fails; `InvalidData` for damage.
    pub(super) fn walk(&mut self, id: u32, mut each: impl FnMut(u32, &[u8])) -> io::Result<()> {
        let group = self.groups.get(id);
        self.walk_chunks(id, group.head, &mut each)?;
        let mut starts = Vec::with_capacity(group.tail_runs as usize);
        let mut at = group.tail;
        for _ in 0..group.tail_runs {
            starts.push(at);
            at = self.log.read(at, id, &mut self.chunk)?.before();
        }
        starts.into_iter().rev().try_for_each(|start| self.walk_chunks(id, Place::start(start), &mut each))
    }

    fn walk_chunks(&mut self, id: u32, mut from: Place, each: &mut impl FnMut(u32, &[u8])) -> io::Result<()> {
        while !from.is_none() {
            let header = self.log.read(from.at, id, &mut self.chunk)?;
            let waiting =
                rest(&self.chunk, from).ok_or_else(|| self.log.damaged(from.at, "it has no such block"))?;
            for block in blocks(waiting) {
                let (entries, bytes) =
                    block.map_err(|_| self.log.damaged(from.at, "a block is malformed"))?;
                each(entries, bytes);
            }
            from = header.next(from.at);
        }
        Ok(())
    }

    /// Writes out what is buffered, and adds to `out` all that [`open`](Self::open) needs to come back to
    /// this state. It may be relied on after [`sync`](Self::sync).
    ///
    /// # Errors
    /// When writing fails.
    pub(super) fn save(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        self.log.flush()?;
        self.log.retire();
        saved::encode(self.log.current(), self.log.files(), &self.groups, out);
        Ok(())
    }

    /// Makes what was written durable.
    ///
    /// # Errors
    /// When writing fails.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.log.sync()
    }

    /// Deletes the files of which nothing was needed at the last save. To be called when that save has been
    /// published, as the one before it may still need them. Returns how many there were.
    ///
    /// # Errors
    /// When a file cannot be deleted; the next sweep tries again.
    pub(super) fn sweep(&mut self) -> io::Result<usize> {
        self.log.sweep()
    }
}

/// The blocks of a chunk from a place on; `None` when there are none.
fn rest(chunk: &[u8], from: Place) -> Option<&[u8]> {
    chunk.get(HEADER + from.skip as usize..).filter(|blocks| !blocks.is_empty())
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
