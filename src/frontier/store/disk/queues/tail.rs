//! Turning a tail around: runs that are linked backward become runs that are linked forward, the new head.
//!
//! `take` does it when the head of a group is used up and its tail has more than one run. The runs are read
//! from the newest to the oldest and written again in their order, some megabytes at a time, so memory stays
//! bounded however long the tail is. What is written is linked forward and never turned around again. The
//! oldest blocks, read last, are still in memory in the end: what the take wants of them is not written at
//! all, which spares most groups, as most are small, any rewriting.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

use super::chunk::{HEADER, Link, Place, Pointer};
use super::group::Group;
use super::{Queues, block};

/// What has been read of a tail.
#[derive(Default)]
struct Backlog {
    bytes: Vec<u8>,
    /// The runs in `bytes`, from the newest to the oldest.
    runs: Vec<Range<usize>>,
    /// Bytes of all chunks read, by file; they are needed until all is done.
    freed: BTreeMap<u32, u32>,
}

impl Backlog {
    /// Takes the blocks out, in their order.
    fn forward(&mut self) -> Vec<u8> {
        let runs = self.runs.drain(..).rev();
        let blocks = runs.fold(Vec::with_capacity(self.bytes.len()), |mut blocks, run| {
            blocks.extend_from_slice(&self.bytes[run]);
            blocks
        });
        self.bytes.clear();
        blocks
    }
}

impl Queues {
    /// Makes the tail of a group without a head its head, and takes from it as `take_head` does.
    pub(super) fn turn_around(
        &mut self,
        id: u32,
        group: Group,
        wanted: u64,
        out: &mut Vec<u8>,
    ) -> io::Result<u64> {
        let mut backlog = Backlog::default();
        let mut head = Place::NONE;
        let mut at = group.tail;
        for _ in 0..group.tail_runs {
            if backlog.bytes.len() >= self.log.limits().run {
                head = Place::start(self.log.write(id, &backlog.forward(), Link::After(head))?);
            }
            at = self.read_run(id, at, &mut backlog)?;
        }
        let oldest = backlog.forward();
        let (used, entries) = block::first(&oldest, wanted)?;
        if used < oldest.len() {
            head = Place::start(self.log.write(id, &oldest[used..], Link::After(head))?);
        }
        let head_entries = group
            .tail_entries
            .checked_sub(entries)
            .filter(|left| at.is_none() && (*left == 0) == head.is_none())
            .ok_or_else(|| self.log.damaged(group.tail, "the queue has another length"))?;
        for (file, bytes) in backlog.freed {
            self.log.release(file, bytes)?;
        }
        out.extend_from_slice(&oldest[..used]);
        self.groups.set(id, Group { head, head_entries, ..Group::EMPTY });
        Ok(entries)
    }

    /// Adds the run at `start` to the backlog; returns where the run before it is.
    fn read_run(&mut self, id: u32, start: Pointer, backlog: &mut Backlog) -> io::Result<Pointer> {
        let from = backlog.bytes.len();
        let mut header = self.log.read(start, id, &mut self.chunk)?;
        let (mut at, before) = (start, header.before());
        loop {
            backlog.bytes.extend_from_slice(&self.chunk[HEADER..]);
            *backlog.freed.entry(at.file).or_default() += header.size();
            if !header.continues {
                break;
            }
            at = header.next(at).at;
            header = self.log.read(at, id, &mut self.chunk)?;
        }
        backlog.runs.push(from..backlog.bytes.len());
        Ok(before)
    }
}
