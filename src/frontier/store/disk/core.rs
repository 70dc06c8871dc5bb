//! What must survive, in memory: [`Core`] holds it, applies the journal's events to it, and writes itself into a
//! checkpoint. It does no I/O; what is too much for memory is on disk, behind the keeper.
//!
//! An admitted entry is in one of three places: the *tail* of its group (in memory, as blocks), the group's queue on disk
//! (older than the tail), or *taken*: at hand in the scheduler, out at a worker, or waiting to be tried again. A
//! checkpoint moves the tails to disk and holds the taken ones itself. What the journal says afterwards about an entry
//! that is still on disk is kept as a [`Fate`] until the entry is loaded.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::BuildHasherDefault;

use super::block;
use super::bytes::{Damaged, Reader, put, put_bytes};
use super::event::{Event, prints};
use super::keeper::Merged;
use super::names::Names;
use super::queues::{self, push_block};
use super::seen::Seen;
use crate::frontier::pages::Pages;
use crate::frontier::{Entry, WallClock};
use crate::url::Fingerprinter;
use crate::url::Identity;

type BySeq<T> = HashMap<u64, T, BuildHasherDefault<Identity>>;

/// See the module.
pub(super) struct Core {
    pub(super) fingerprinter: Fingerprinter,
    pub(super) clock: WallClock,
    pub(super) names: Names,
    groups: Pages<Group>,
    /// The tails that hold something; `Group::tail` is the index.
    pub(super) tails: Vec<Tail>,
    pub(super) tails_bytes: usize,
    pub(super) known: Known,
    pub(super) undecided: u64,
    /// Boxed, since the map would otherwise hold everybody up when it grows.
    pub(super) taken: BySeq<Box<Taken>>,
    /// What a merge decided, or reading the journal again, as long as no run has heard it.
    pub(super) unheard: Merged,
    /// What went out since anything was done: one of these may have ended the process.
    suspects: BySeq<()>,
    /// What became of entries that were not loaded since.
    fates: BySeq<(u32, Fate)>,
    /// What was saved for groups and is not on disk yet.
    pub(super) saved: HashMap<u32, Box<[u8]>>,
    /// Groups named since the last checkpoint; `None` for a released one.
    pub(super) renamed: Vec<u32>,
    pub(super) asides: BTreeMap<u64, Vec<u8>>,
    pub(super) sources: BTreeMap<u32, (u64, bool)>,
    /// Failed entries since the last checkpoint, as blocks that need no group to be read.
    pub(super) failed: Vec<u8>,
    pub(super) failed_entries: u32,
    pub(super) next_seq: u64,
}

/// One group; small, since there may be millions.
#[derive(Clone, Copy)]
struct Group {
    tail: u32,
    /// Entries on disk, those with a fate included.
    disk: u32,
    /// Entries in tail and on disk that are not done.
    waiting: u32,
}

const NO_TAIL: u32 = u32::MAX;

impl Default for Group {
    fn default() -> Self {
        Self { tail: NO_TAIL, disk: 0, waiting: 0 }
    }
}

/// The newest entries of a group, as blocks.
pub(super) struct Tail {
    pub(super) group: u32,
    pub(super) entries: u32,
    bytes: Vec<u8>,
    /// What was read already, bytes.
    used: usize,
}

impl Tail {
    /// The blocks that were not read.
    pub(super) fn blocks(&self) -> &[u8] {
        &self.bytes[self.used..]
    }
}

/// Which URLs were seen.
pub(super) enum Known {
    /// Nobody asks: a URL is queued as often as it is offered.
    Unasked,
    /// All of them are here, and those since the last checkpoint once more.
    All { seen: Seen, fresh: Vec<u64> },
    /// Those since the last merge; the others are in a file.
    /// `repeats` is set when a journal offers one of them twice.
    Sieve { since: Seen, repeats: bool },
}

impl Known {
    /// Remembers a fingerprint; `false` when it was known, so far as can be told.
    pub(super) fn insert(&mut self, print: u64) -> bool {
        match self {
            Self::Unasked => true,
            Self::Sieve { since, .. } => since.insert(print),
            Self::All { seen, fresh } => {
                let is_new = seen.insert(print);
                if is_new {
                    fresh.push(print);
                }
                is_new
            }
        }
    }
}

/// An entry that was loaded and is not done.
pub(super) struct Taken {
    pub(super) group: u32,
    pub(super) entry: Entry,
    /// At a worker.
    pub(super) out: bool,
    /// When it is to go out again, Unix milliseconds; 0 when there is no such time.
    pub(super) due: u64,
}

/// What became of an entry that is still on disk.
#[derive(Clone, Copy)]
enum Fate {
    Done,
    Tried { attempts: u32, returned: u32, lost: u32, out: bool },
}

impl Core {
    pub(super) fn new(fingerprinter: Fingerprinter, clock: WallClock, unique: bool) -> Self {
        let known = match unique {
            true => Known::All { seen: Seen::new(), fresh: Vec::new() },
            false => Known::Unasked,
        };
        Self {
            fingerprinter,
            clock,
            names: Names::new(fingerprinter),
            groups: Pages::default(),
            tails: Vec::new(),
            tails_bytes: 0,
            known,
            undecided: 0,
            taken: BySeq::default(),
            unheard: Merged::default(),
            suspects: BySeq::default(),
            fates: BySeq::default(),
            saved: HashMap::new(),
            renamed: Vec::new(),
            asides: BTreeMap::new(),
            sources: BTreeMap::new(),
            failed: Vec::new(),
            failed_entries: 0,
            next_seq: 0,
        }
    }

    fn group(&mut self, id: u32) -> &mut Group {
        self.groups.at(id as usize)
    }

    /// Entries of a group that wait, and how many there are on disk.
    pub(super) fn waiting(&self, id: u32) -> (u64, u32) {
        self.groups.get(id as usize).map_or((0, 0), |group| (group.waiting.into(), group.disk))
    }

    /// Applies an event of the journal that is read again.
    pub(super) fn replay(&mut self, event: Event<'_>) -> Result<(), Damaged> {
        match event {
            Event::Out { seq, .. } => {
                self.suspects.insert(seq, ());
            }
            Event::Waits { seq, .. } => {
                self.suspects.remove(&seq);
            }
            Event::Done { .. } | Event::Failed { .. } => self.suspects.clear(),
            _ => {}
        }
        match event {
            Event::Group { group, name } => self.name(group, name),
            Event::Admitted { group, entries, block } => self.admitted_before(group, entries, block)?,
            Event::Offered { group, entries, prints, block } => {
                self.offered_before(group, entries, prints, block)?;
            }
            Event::Out { group, seq, attempts } => self.tried(group, seq, |tried| {
                (tried.attempts, tried.out, tried.due) = (attempts, true, 0);
            }),
            Event::Waits { group, seq, due, attempts, returned } => self.tried(group, seq, |tried| {
                (tried.attempts, tried.returned, tried.out, tried.due) = (attempts, returned, false, due);
            }),
            Event::Done { group, seq } => self.done(group, seq),
            Event::Failed { group, seq, block } => {
                self.done(group, seq);
                self.failed(block);
            }
            Event::Saved { group, state } => {
                self.saved.insert(group, state.into());
            }
            Event::Released { group } => self.release(group),
            Event::Aside { number, what } => {
                self.asides.insert(number, what.to_vec());
            }
            Event::AsideDone { number } => {
                self.asides.remove(&number);
            }
            Event::Read { source, line, ended } => {
                self.sources.insert(source, (line, ended));
            }
            Event::Resumed => self.count_lost(),
            Event::Heard => self.unheard = Merged::default(),
        }
        Ok(())
    }

    fn admitted_before(&mut self, group: u32, entries: u32, block: &[u8]) -> Result<(), Damaged> {
        if matches!(self.known, Known::All { .. }) {
            let fingerprinter = self.fingerprinter;
            block::prints(block, self.names.name(group), &fingerprinter, |print| {
                self.known.insert(print);
            })?;
        }
        self.append(group, entries, block);
        Ok(())
    }

    /// Offers are decided by a merge; with all fingerprints at hand, now.
    fn offered_before(
        &mut self,
        group: u32,
        entries: u32,
        offered: &[u8],
        block: &[u8],
    ) -> Result<(), Damaged> {
        match &mut self.known {
            Known::Unasked => self.append(group, entries, block),
            Known::All { seen, fresh } => {
                let mut is_new = |print: u64| {
                    let new = seen.insert(print);
                    fresh.extend(new.then_some(print));
                    new
                };
                let verdicts: Vec<_> = prints(offered).map(&mut is_new).collect();
                let (new, kept) = self.unheard.decide(group, entries, block, &verdicts)?;
                if new > 0 {
                    self.append(group, new, &kept);
                }
            }
            Known::Sieve { since, repeats } => {
                prints(offered).for_each(|print| *repeats |= !since.insert(print));
                self.undecided += u64::from(entries);
            }
        }
        Ok(())
    }

    /// Adds entries to the tail of their group.
    pub(super) fn append(&mut self, group: u32, entries: u32, block: &[u8]) {
        let index = self.group(group).tail;
        self.group(group).waiting += entries;
        let tail = match self.tails.get_mut(index as usize) {
            Some(tail) => tail,
            None => {
                self.group(group).tail = self.tails.len() as u32;
                self.tails.push(Tail { group, entries: 0, bytes: Vec::new(), used: 0 });
                self.tails.last_mut().unwrap_or_else(|| unreachable!("just pushed"))
            }
        };
        let before = tail.bytes.capacity();
        push_block(&mut tail.bytes, entries, block);
        tail.entries += entries;
        self.tails_bytes += tail.bytes.capacity() - before;
    }

    /// The tail of a group.
    pub(super) fn tail(&mut self, group: u32) -> Option<&mut Tail> {
        let index = self.groups.get(group as usize)?.tail;
        self.tails.get_mut(index as usize).filter(|tail| tail.entries > 0)
    }

    /// Puts entries before all others of a group of which nothing is on disk.
    pub(super) fn prepend(&mut self, group: u32, entries: u32, mut bytes: Vec<u8>) {
        let mut tail = Tail { group, entries, bytes: Vec::new(), used: 0 };
        let index = self.group(group).tail;
        if let Some(before) = self.tails.get(index as usize) {
            bytes.extend_from_slice(before.blocks());
            tail.entries += before.entries;
            self.tails_bytes -= before.bytes.capacity();
        }
        self.tails_bytes += bytes.capacity();
        tail.bytes = bytes;
        match self.tails.get_mut(index as usize) {
            Some(before) => *before = tail,
            None => {
                self.group(group).tail = self.tails.len() as u32;
                self.tails.push(tail);
            }
        }
    }

    /// Takes whole blocks from the tail of a group, with this many entries at least, and gives each to `read`.
    pub(super) fn read_tail(&mut self, group: u32, at_least: usize, mut read: impl FnMut(&mut Self, &[u8])) {
        let Some(tail) = self.tail(group) else { return };
        let (bytes, mut used) = (std::mem::take(&mut tail.bytes), tail.used);
        let mut taken = 0;
        for block in queues::blocks(&bytes[used..]) {
            // It was written by this process, so it can be read.
            let Ok((entries, block)) = block else { break };
            if taken as usize >= at_least {
                break;
            }
            used += queues::encoded_len(entries, block);
            taken += entries;
            read(self, block);
        }
        self.give_back(group, bytes, used, taken);
    }

    /// What is left of a tail goes back; what was read of it is given up when it is most of it.
    fn give_back(&mut self, group: u32, mut bytes: Vec<u8>, mut used: usize, taken: u32) {
        let before = bytes.capacity();
        if used == bytes.len() {
            (bytes, used) = (Vec::new(), 0);
        } else if used > bytes.len() / 2 {
            bytes.drain(..used);
            bytes.shrink_to_fit();
            used = 0;
        }
        self.tails_bytes = self.tails_bytes + bytes.capacity() - before;
        if let Some(tail) = self.tail(group) {
            (tail.bytes, tail.used) = (bytes, used);
            tail.entries -= taken;
        }
    }

    /// Gives all tails away: their entries are on disk from now on.
    pub(super) fn spill(&mut self) -> Vec<Tail> {
        for tail in &self.tails {
            let group = &mut self.groups[tail.group as usize];
            group.tail = NO_TAIL;
            group.disk += tail.entries;
        }
        self.tails_bytes = 0;
        let mut tails = std::mem::take(&mut self.tails);
        tails.retain(|tail| tail.entries > 0);
        tails
    }

    /// So many entries of a group were read from disk, or put there.
    pub(super) fn moved(&mut self, group: u32, from_disk: u32, to_disk: u32) {
        let group = self.group(group);
        group.disk = (group.disk + to_disk).saturating_sub(from_disk);
    }

    /// So many entries more wait in a group, on disk.
    pub(super) fn grown(&mut self, group: u32, entries: u32) {
        let group = self.group(group);
        group.disk += entries;
        group.waiting += entries;
    }

    /// An entry comes from tail or disk: taken, unless it is done. When an earlier run wanted to try it again does not
    /// matter any more.
    fn take(&mut self, group: u32, mut entry: Entry) -> Option<Entry> {
        if !self.fates.is_empty() {
            match self.fates.remove(&entry.seq) {
                Some((_, Fate::Done)) => return None,
                Some((_, Fate::Tried { attempts, returned, lost, .. })) => {
                    (entry.attempts, entry.returned, entry.handed_out) = (attempts, returned, true);
                    entry.lost += lost;
                }
                None => {}
            }
        }
        self.group(group).waiting -= 1;
        let taken = Taken { group, entry: entry.clone(), out: false, due: 0 };
        self.taken.insert(entry.seq, Box::new(taken));
        Some(entry)
    }

    /// Makes the entries of a block taken ones. `false` when the block is damaged.
    pub(super) fn take_block(&mut self, group: u32, block: &[u8], into: &mut VecDeque<Entry>) -> bool {
        let mut entries = VecDeque::new();
        let whole = block::read(block, self.names.name(group), &self.clock, &mut entries).is_ok();
        into.extend(entries.into_iter().filter_map(|entry| self.take(group, entry)));
        whole
    }

    /// An entry goes back to where it waited: it is not taken any more.
    pub(super) fn untake(&mut self, group: u32, seq: u64) {
        if self.taken.remove(&seq).is_some() {
            self.group(group).waiting += 1;
        }
    }

    fn tried(&mut self, group: u32, seq: u64, change: impl FnOnce(&mut Tried)) {
        if let Some(taken) = self.taken.get_mut(&seq) {
            let Entry { attempts, returned, .. } = taken.entry;
            let mut tried = Tried { attempts, returned, out: taken.out, due: taken.due };
            change(&mut tried);
            (taken.entry.attempts, taken.entry.returned, taken.entry.handed_out) =
                (tried.attempts, tried.returned, true);
            (taken.out, taken.due) = (tried.out, tried.due);
            return;
        }
        let (attempts, returned, lost, out) = match self.fates.get(&seq) {
            Some((_, Fate::Done)) => return,
            Some((_, Fate::Tried { attempts, returned, lost, out })) => (*attempts, *returned, *lost, *out),
            None => (0, 0, 0, false),
        };
        let mut tried = Tried { attempts, returned, out, due: 0 };
        change(&mut tried);
        let Tried { attempts, returned, out, .. } = tried;
        self.fates.insert(seq, (group, Fate::Tried { attempts, returned, lost, out }));
    }

    /// An entry is done.
    pub(super) fn done(&mut self, group: u32, seq: u64) {
        if self.taken.remove(&seq).is_none() {
            self.fates.insert(seq, (group, Fate::Done));
            let group = self.group(group);
            group.waiting = group.waiting.saturating_sub(1);
        }
    }

    /// Remembers a failed entry, so that it can be listed and tried again.
    pub(super) fn failed(&mut self, block: &[u8]) {
        push_block(&mut self.failed, 1, block);
        self.failed_entries += 1;
    }

    /// Gives a group a name.
    pub(super) fn name(&mut self, group: u32, name: &str) {
        self.names.set(group, name);
        self.renamed.push(group);
        self.saved.remove(&group);
        self.group(group);
    }

    /// A group has a name, as the file of groups says; empty for one that was released.
    pub(super) fn known_name(&mut self, group: u32, name: &str) {
        match name {
            "" => self.names.release(group),
            name => self.names.set(group, name),
        }
        self.group(group);
    }

    /// Entries that were out when the process ended.
    pub(super) fn out(&self) -> u64 {
        let taken = self.taken.values().filter(|taken| taken.out).count();
        let stored =
            self.fates.values().filter(|(_, fate)| matches!(fate, Fate::Tried { out: true, .. })).count();
        (taken + stored) as u64
    }

    /// Entries that wait in all groups, on disk and in tails.
    pub(super) fn waiting_in_all(&self) -> u64 {
        self.groups.iter().map(|group| u64::from(group.waiting)).sum()
    }

    /// An entry still on disk, or in a tail, is done.
    pub(super) fn is_done(&self, seq: u64) -> bool {
        matches!(self.fates.get(&seq), Some((_, Fate::Done)))
    }

    pub(super) fn release(&mut self, group: u32) {
        self.names.release(group);
        self.renamed.push(group);
        self.saved.remove(&group);
    }

    /// The process that wrote this died. What was out then is not any more, and what of it went out after anything was
    /// done was lost once more: a page that ends the process does so before long, and as long as others are done the
    /// crawl gets on.
    pub(super) fn count_lost(&mut self) {
        let suspects = std::mem::take(&mut self.suspects);
        for (seq, taken) in self.taken.iter_mut().filter(|(_, taken)| taken.out) {
            taken.entry.lost += u32::from(suspects.contains_key(seq));
            taken.out = false;
        }
        for (seq, (_, fate)) in &mut self.fates {
            if let Fate::Tried { lost, out, .. } = fate
                && std::mem::take(out)
            {
                *lost += u32::from(suspects.contains_key(seq));
            }
        }
    }

    /// Writes what a checkpoint holds itself.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        put(out, self.next_seq);
        put(out, self.taken.len() as u64);
        let mut block = Vec::new();
        for taken in self.taken.values() {
            block.clear();
            block::single(&mut block, self.names.name(taken.group), &taken.entry, &self.clock);
            put(out, u64::from(taken.group));
            put(out, taken.due);
            out.push(u8::from(taken.out));
            put_bytes(out, &block);
        }
        put(out, self.fates.len() as u64);
        for (seq, (group, fate)) in &self.fates {
            put(out, *seq);
            put(out, u64::from(*group));
            match *fate {
                Fate::Done => out.push(0),
                Fate::Tried { attempts, returned, lost, out: is_out } => {
                    out.push(1 + u8::from(is_out));
                    [attempts, returned, lost].iter().for_each(|n| put(out, u64::from(*n)));
                }
            }
        }
        put(out, self.asides.len() as u64);
        for (number, what) in &self.asides {
            put(out, *number);
            put_bytes(out, what);
        }
        put(out, self.sources.len() as u64);
        for (source, (line, ended)) in &self.sources {
            put(out, u64::from(*source));
            put(out, *line);
            out.push(u8::from(*ended));
        }
    }

    /// Reads what [`write`](Self::write) wrote; the names must be there already, and the counts of the queues on disk
    /// [set](Self::grown).
    pub(super) fn read(&mut self, reader: &mut Reader<'_>) -> Result<(), Damaged> {
        self.next_seq = reader.number()?;
        let mut entries = std::collections::VecDeque::new();
        for _ in 0..reader.number()? {
            let (group, due, out) = (reader.small()?, reader.number()?, reader.byte()? != 0);
            block::read(reader.bytes()?, self.names.name(group), &self.clock, &mut entries)?;
            let entry = entries.pop_front().ok_or(Damaged)?;
            self.taken.insert(entry.seq, Box::new(Taken { group, entry, out, due }));
        }
        for _ in 0..reader.number()? {
            let (seq, group) = (reader.number()?, reader.small()?);
            let fate = match reader.byte()? {
                0 => {
                    let group = self.group(group);
                    group.waiting = group.waiting.saturating_sub(1);
                    Fate::Done
                }
                kind => {
                    let (attempts, returned, lost) = (reader.small()?, reader.small()?, reader.small()?);
                    Fate::Tried { attempts, returned, lost, out: kind == 2 }
                }
            };
            self.fates.insert(seq, (group, fate));
        }
        for _ in 0..reader.number()? {
            let (number, what) = (reader.number()?, reader.bytes()?.to_vec());
            self.asides.insert(number, what);
        }
        for _ in 0..reader.number()? {
            let (source, line, ended) = (reader.small()?, reader.number()?, reader.byte()? != 0);
            self.sources.insert(source, (line, ended));
        }
        Ok(())
    }
}

/// The changing part of an entry, wherever the entry is.
struct Tried {
    attempts: u32,
    returned: u32,
    out: bool,
    due: u64,
}
