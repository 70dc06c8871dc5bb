//! The store of a job directory: everything that must outlive the process, in memory as far as it may be.
//!
//! ```text
//! scheduler ──▶ Disk (memory: fingerprints, newest entries, what is out) ──▶ commits ──▶ the journal's thread
//!                 ▲   │                                                                  (records, then the commit)
//!                 │   └── load · prepend · checkpoint ──▶ keeper (queues, groups, fingerprints on disk)
//!                 └──────────── answers, with a bell ◀──────┘
//! ```
//!
//! It is built as a log-structured store is: a journal for what just happened, the newest in memory, the rest in files
//! that are only appended to, and a checkpoint that says what they mean. `docs/durability.md` has the promises.

mod block;
pub(crate) mod bytes;
mod checkpoint;
mod core;
mod event;
pub(crate) mod files;
pub(crate) mod frame;
mod hosts;
pub(crate) mod journal;
#[cfg(test)]
mod journal_tests;
mod keeper;
mod names;
mod queues;
mod recover;
mod seen;
mod sieve;
#[cfg(test)]
mod tests;
mod varint;

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc};

pub(crate) use self::keeper::Closed;
pub use self::recover::{Opened, Recovery, State, Stock};

use self::block::BlockWriter;
use self::core::{Core, Known};
use self::event::Event;
use self::frame::Frame;
use self::keeper::{Answer, Answers, Flush, Merged, NewlySeen, Request, ask};
use super::{Arrival, GroupId, Loaded, Store};
use crate::error::Error;
use crate::frontier::{Candidate, Entry};

/// A commit is closed when it has so many bytes, or as its [`Pace`] says.
const COMMIT_BYTES: usize = 1 << 20;
/// Commits that wait for the disk, bytes; above it nothing more is handed out.
pub(crate) const BACKLOG: usize = 16 << 20;
/// Bytes that are left for hosts, entries at hand and checkpoints under way.
const BESIDE: usize = 80 << 20;
/// What an entry that is taken may need in a checkpoint, bytes: so that the buffer need not grow while all wait.
const TAKEN_BYTES: usize = 256;
/// A checkpoint is made this often at least, if anything happened.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(600);
/// A merge that nothing but idleness asks for waits this long after the one before.
const IDLE_MERGE_EVERY: Duration = Duration::from_millis(100);

/// When a commit is closed: so many entries are done, or so long after the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    done: usize,
    every: Duration,
}

impl Pace {
    /// Little is lost when the process dies.
    pub const QUICK: Self = Self { done: 4096, every: Duration::from_millis(20) };
    /// For outputs to which the end of a commit costs something. Fewer entries, since their outcomes wait in memory.
    pub const THRIFTY: Self = Self { done: 256, every: Duration::from_secs(1) };
}

/// How a [`Disk`] is to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where its files are.
    pub directory: PathBuf,
    /// The key of the job's fingerprints; must stay the same.
    pub key: (u64, u64),
    /// Queue each URL once; must stay the same.
    pub unique: bool,
    /// Bytes that fingerprints and entries may take in memory; default 1 GiB.
    pub memory: u64,
    /// Wait for the disk itself at checkpoints.
    pub sync: bool,
    /// The machine was started anew since the job last ran: what was not synced may be damaged.
    pub rebooted: bool,
    /// When commits are closed.
    pub pace: Pace,
}

/// What the journal's thread is told.
#[derive(Debug)]
pub(crate) enum ToJournal {
    /// A group commit: the outcomes with these numbers are written first.
    Commit { body: Vec<u8>, done: Vec<u64> },
    /// The next commits go to this segment; answer when all before are written.
    Segment(u64, Sender<Closed>),
}

/// See the module.
pub struct Disk {
    core: Core,
    options: Options,
    writer: BlockWriter,
    prints: Vec<u8>,
    /// New links of a page, by group; kept for its capacity.
    order: Vec<(u32, usize)>,
    events: Vec<u8>,
    done: Vec<u64>,
    last_commit: Instant,
    journal: mpsc::UnboundedSender<ToJournal>,
    backlog: Arc<AtomicUsize>,
    /// Bytes of commits since the last checkpoint, and which segment they are in.
    journalled: usize,
    segment: u64,
    requests: Sender<Request>,
    answers: Arc<Answers>,
    /// Loads that the keeper has not answered, with how many entries were asked for.
    loading: HashMap<u32, usize>,
    /// Loads that wait until a checkpoint is under way.
    held: Vec<(u32, usize)>,
    /// Groups that have something saved.
    with_state: Bits,
    checkpoint: CheckpointState,
    last_checkpoint: Instant,
    /// When the undecided are to be decided, if somebody waits for it.
    decide_at: Option<Instant>,
    /// Known at the start, for the scheduler.
    restored: Vec<Arrival>,
}

/// Where the next checkpoint stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CheckpointState {
    None,
    /// As soon as no load is under way.
    Wanted,
    /// The keeper is at it.
    UnderWay,
}

impl Disk {
    fn memory(&self) -> usize {
        usize::try_from(self.options.memory).unwrap_or(usize::MAX).max(1 << 14)
    }

    /// Bytes of fingerprints in memory above which they go to disk: what is left beside the tails and what is at hand.
    fn seen_limit(&self) -> usize {
        self.memory().saturating_sub(self.tails_limit() + BESIDE).max(self.memory() / 4)
    }

    /// Bytes of entries in memory above which they go to disk.
    fn tails_limit(&self) -> usize {
        (self.memory() / 8).min(128 << 20)
    }

    fn log(&mut self, event: Event<'_>) {
        event.write(&mut self.events);
    }

    /// The group of a URL.
    fn group_of(&mut self, url: &crate::url::CrawlUrl) -> u32 {
        let key = url.host_key();
        let (group, is_new) = self.core.names.id(key.as_str());
        if is_new {
            Event::Group { group, name: key.as_str() }.write(&mut self.events);
            self.with_state.set(group, false);
            self.core.name(group, key.as_str());
        }
        group
    }

    /// Adds an entry to the block under way, or to a new one.
    fn write_entry(&mut self, group: u32, candidate: &Candidate, seq: u64, admitted_ms: u64) {
        if !self.writer.fits(group, candidate) {
            self.close_block();
            self.writer.open(group, self.core.names.name(group), candidate, seq, admitted_ms);
        }
        self.writer.push(self.core.names.name(group), &candidate.url, &candidate.found, seq);
        if matches!(self.core.known, Known::Sieve { .. }) {
            self.prints.extend_from_slice(&candidate.fingerprint.to_le_bytes());
        }
    }

    /// Ends the block under way.
    fn close_block(&mut self) {
        let Some((group, entries, block)) = self.writer.take() else { return };
        if matches!(self.core.known, Known::Sieve { .. }) {
            Event::Offered { group, entries, prints: &self.prints, block }.write(&mut self.events);
            self.core.undecided += u64::from(entries);
            self.prints.clear();
        } else {
            Event::Admitted { group, entries, block }.write(&mut self.events);
            self.core.append(group, entries, block);
        }
    }

    /// Adds what the tail has, if nothing older is on disk, and what is saved.
    fn finish_load(&mut self, group: u32, at_least: usize, mut loaded: Loaded) -> Loaded {
        if loaded.entries.len() < at_least && self.core.waiting(group).1 == 0 {
            let missing = at_least - loaded.entries.len();
            self.core.read_tail(group, missing, |core, block| {
                core.take_block(group, block, &mut loaded.entries);
            });
        }
        loaded.left = self.core.waiting(group).0;
        if let Some(state) = self.core.saved.get(&group) {
            loaded.state = Some(state.clone());
        }
        loaded
    }

    fn answered(&mut self, answer: Answer, into: &mut Vec<Arrival>) -> Result<(), Error> {
        match answer {
            Answer::Loaded { group, entries, blocks, state } => {
                self.core.moved(group, entries, 0);
                let mut loaded = Loaded { state, ..Loaded::default() };
                for block in queues::blocks(&blocks) {
                    let whole =
                        block.is_ok_and(|(_, block)| self.core.take_block(group, block, &mut loaded.entries));
                    if !whole {
                        return Err(Error::Internal("an entry on disk cannot be read".into()));
                    }
                }
                let asked = self.loading.remove(&group).unwrap_or(0);
                let loaded = self.finish_load(group, asked, loaded);
                into.push(Arrival::Loaded(GroupId(group), Box::new(loaded)));
            }
            Answer::Grown(groups) => {
                for (group, entries) in groups {
                    self.core.grown(group, entries);
                    self.core.undecided = self.core.undecided.saturating_sub(entries.into());
                    into.push(Arrival::Grown(GroupId(group), entries.into(), self.has_state(group)));
                }
            }
            Answer::Saved(merged) => {
                self.checkpoint = CheckpointState::None;
                if let Some(merged) = merged {
                    self.merged(merged, into)?;
                }
            }
            Answer::Failed(why) => return Err(why),
        }
        Ok(())
    }

    fn merged(&mut self, merged: Merged, into: &mut Vec<Arrival>) -> Result<(), Error> {
        let Merged { decided, new_links, seen_links, seeds, outgrown, .. } = merged;
        drop(outgrown);
        self.log(Event::Heard);
        self.core.undecided = self.core.undecided.saturating_sub(decided);
        into.push(Arrival::Decided { new: new_links, seen: seen_links });
        let mut known = VecDeque::new();
        for (group, block) in seeds {
            block::read(&block, self.core.names.name(group), &self.core.clock, &mut known)
                .map_err(|_| Error::Internal("a seed on disk cannot be read".into()))?;
        }
        into.extend(known.into_iter().map(|entry| {
            let Entry { url, depth, found, .. } = entry;
            let fingerprint = found.fingerprint(&url, &self.core.fingerprinter);
            Arrival::Seen(Box::new(Candidate { url, fingerprint, depth, found }))
        }));
        Ok(())
    }

    fn has_state(&self, group: u32) -> bool {
        self.core.saved.contains_key(&group) || self.with_state.get(group)
    }

    /// Whether memory or the journal has enough for a checkpoint.
    fn is_full(&self) -> bool {
        let (seen, journal) = match &self.core.known {
            // A merge reads and writes all that was ever seen, so it waits for as much as memory allows.
            Known::Sieve { since, .. } => (since.len() as usize * 8 >= self.memory() / 8, 4 * self.memory()),
            Known::Unasked | Known::All { .. } => (false, (2 * self.tails_limit()).max(16 << 20)),
        };
        seen || self.core.tails_bytes >= self.tails_limit() || self.journalled >= journal
    }

    /// Whether memory fills faster than the keeper empties it.
    fn is_overfull(&self) -> bool {
        let since = match &self.core.known {
            Known::Sieve { since, .. } => since.len() as usize * 8,
            Known::Unasked | Known::All { .. } => 0,
        };
        self.core.tails_bytes > 2 * self.tails_limit() || since > self.memory() / 4
    }

    /// Begins a checkpoint if one is wanted and nothing is on its way from disk to memory, which would be in neither.
    fn checkpoint_if_due(&mut self, now: Instant, note: &mut dyn FnMut() -> Vec<u8>) {
        let to_decide = self.decide_at.is_some_and(|at| at <= now);
        if self.checkpoint == CheckpointState::None
            && (self.is_full()
                || to_decide
                || (self.journalled > 0 && now.duration_since(self.last_checkpoint) >= CHECKPOINT_EVERY))
        {
            self.checkpoint = CheckpointState::Wanted;
        }
        if self.checkpoint == CheckpointState::Wanted && self.loading.is_empty() {
            self.begin_checkpoint(now, note);
            for (group, at_least) in std::mem::take(&mut self.held) {
                self.ask_for(group, at_least);
            }
        }
    }

    fn begin_checkpoint(&mut self, now: Instant, note: &mut dyn FnMut() -> Vec<u8>) {
        self.commit_now(now, note);
        self.segment += 1;
        let (closed, receiver) = std::sync::mpsc::channel();
        if self.journal.send(ToJournal::Segment(self.segment, closed)).is_err() {
            return;
        }
        let mut core = Vec::with_capacity(self.core.taken.len() * TAKEN_BYTES);
        self.core.write(&mut core);
        let names = std::mem::take(&mut self.core.renamed);
        let name =
            |group: u32| Some(self.core.names.name(group)).filter(|name| !name.is_empty()).map(Box::from);
        let names = names.into_iter().map(|group| (group, name(group))).collect();
        let saved = std::mem::take(&mut self.core.saved);
        saved.keys().for_each(|group| self.with_state.set(*group, true));
        let failed = (std::mem::take(&mut self.core.failed), std::mem::take(&mut self.core.failed_entries));
        let seen = self.seen_since();
        let flush = Flush {
            segment: self.segment,
            core,
            tails: self.core.spill(),
            names,
            saved,
            failed,
            seen,
            closed: receiver,
        };
        ask(&self.requests, Request::Checkpoint(Box::new(flush)));
        self.checkpoint = CheckpointState::UnderWay;
        self.journalled = 0;
        self.decide_at = None;
        self.last_checkpoint = now;
    }

    /// What was seen since the last checkpoint; moves on to the sieve when memory is too small for all.
    fn seen_since(&mut self) -> NewlySeen {
        let limit = self.seen_limit();
        match &mut self.core.known {
            Known::Unasked => NewlySeen::Nothing,
            Known::All { seen, .. } if seen.len() as usize * 8 >= limit => {
                let seen = std::mem::take(seen);
                self.core.known = Known::Sieve { since: seen::Seen::new(), repeats: false };
                NewlySeen::All(seen)
            }
            Known::All { fresh, .. } => NewlySeen::More(std::mem::take(fresh)),
            Known::Sieve { since, repeats } => {
                NewlySeen::Offered(std::mem::take(since), std::mem::take(repeats))
            }
        }
    }

    fn commit_now(&mut self, now: Instant, note: &mut dyn FnMut() -> Vec<u8>) {
        self.last_commit = now;
        if self.events.is_empty() && self.done.is_empty() {
            return;
        }
        let mut body = Vec::with_capacity(self.events.len() + 512);
        Frame::body(&mut body, self.core.next_seq, &note(), &self.events);
        self.events.clear();
        self.journalled += body.len();
        self.backlog.fetch_add(body.len(), Relaxed);
        // Should its thread be gone, the workers are told by it: their records find no taker.
        let _ = self.journal.send(ToJournal::Commit { body, done: std::mem::take(&mut self.done) });
    }

    fn ask_for(&mut self, group: u32, at_least: usize) {
        self.loading.insert(group, at_least);
        ask(&self.requests, Request::Load { group, at_least: at_least as u32 });
    }
}

impl Store for Disk {
    fn offer(&mut self, candidates: &mut Vec<Candidate>, now: Instant, grown: &mut Vec<GroupId>) {
        let new: Vec<_> =
            candidates.extract_if(.., |link| self.core.known.insert(link.fingerprint)).collect();
        let decided = !matches!(self.core.known, Known::Sieve { .. });
        let mut order = std::mem::take(&mut self.order);
        for (nth, candidate) in new.iter().enumerate() {
            let group = self.group_of(&candidate.url);
            order.push((group, nth));
            grown.extend(decided.then_some(GroupId(group)));
        }
        let first = self.core.next_seq;
        self.core.next_seq += new.len() as u64;
        // So that the links of a page to one host share a block, whatever stands between them.
        order.sort_unstable();
        let admitted_ms = self.core.clock.to_unix_ms(now);
        for (group, nth) in order.drain(..) {
            self.write_entry(group, &new[nth], first + nth as u64, admitted_ms);
        }
        self.close_block();
        self.order = order;
    }

    fn load(&mut self, group: GroupId, max: usize) -> Option<Loaded> {
        let id = group.0;
        let (_, on_disk) = self.core.waiting(id);
        if on_disk == 0 && (self.core.saved.contains_key(&id) || !self.with_state.get(id)) {
            return Some(self.finish_load(id, max, Loaded::default()));
        }
        match self.checkpoint {
            CheckpointState::Wanted => self.held.push((id, max)),
            _ => self.ask_for(id, max),
        }
        None
    }

    fn put_back(&mut self, group: GroupId, entries: VecDeque<Entry>) {
        let (mut blocks, mut block) = (Vec::new(), Vec::new());
        for entry in &entries {
            block.clear();
            block::single(&mut block, self.core.names.name(group.0), entry, &self.core.clock);
            queues::push_block(&mut blocks, 1, &block);
            self.core.untake(group.0, entry.seq);
        }
        let count = entries.len() as u32;
        if self.core.waiting(group.0).1 == 0 {
            self.core.prepend(group.0, count, blocks);
        } else {
            self.core.moved(group.0, 0, count);
            ask(&self.requests, Request::Prepend { group: group.0, entries: count, blocks });
        }
    }

    fn save(&mut self, group: GroupId, state: Box<[u8]>) {
        self.log(Event::Saved { group: group.0, state: &state });
        self.core.saved.insert(group.0, state);
    }

    fn release(&mut self, group: GroupId) {
        // What is offered and not decided, and what is done and still on disk, knows its group by the id.
        if matches!(self.core.known, Known::Sieve { .. }) || self.core.waiting(group.0).1 > 0 {
            return;
        }
        self.log(Event::Released { group: group.0 });
        self.with_state.set(group.0, false);
        self.core.release(group.0);
    }

    fn number(&mut self) -> u64 {
        self.core.next_seq += 1;
        self.core.next_seq - 1
    }

    fn name(&self, group: GroupId) -> &str {
        self.core.names.name(group.0)
    }

    fn arrivals(&mut self, _now: Instant, into: &mut Vec<Arrival>) -> Result<(), Error> {
        if self.journal.is_closed() {
            return Err(Error::Internal("the thread that writes the job has ended".into()));
        }
        into.append(&mut self.restored);
        for answer in self.answers.take() {
            self.answered(answer, into)?;
        }
        Ok(())
    }

    fn bell(&self) -> Option<Arc<Notify>> {
        Some(Arc::clone(&self.answers.bell))
    }

    fn undecided(&self) -> u64 {
        self.core.undecided
    }

    fn decide(&mut self, now: Instant) {
        if self.core.undecided > 0 {
            let earliest = self.last_checkpoint + IDLE_MERGE_EVERY;
            self.decide_at.get_or_insert(earliest.max(now));
        }
    }

    fn is_behind(&self) -> bool {
        self.backlog.load(Relaxed) > BACKLOG
            || (self.checkpoint == CheckpointState::UnderWay && self.is_overfull())
    }

    fn handed_out(&mut self, group: GroupId, entry: &Entry) {
        self.log(Event::Out { group: group.0, seq: entry.seq, attempts: entry.attempts });
        if let Some(taken) = self.core.taken.get_mut(&entry.seq) {
            (taken.out, taken.due) = (true, 0);
            (taken.entry.attempts, taken.entry.handed_out) = (entry.attempts, true);
        }
    }

    fn waits(&mut self, group: GroupId, entry: &Entry, due: Instant) {
        let due = self.core.clock.to_unix_ms(due);
        let Entry { seq, attempts, returned, .. } = *entry;
        self.log(Event::Waits { group: group.0, seq, due, attempts, returned });
        if let Some(taken) = self.core.taken.get_mut(&seq) {
            (taken.out, taken.due) = (false, due);
            (taken.entry.attempts, taken.entry.returned) = (attempts, returned);
        }
    }

    fn done(&mut self, group: GroupId, entry: &Entry, failed: bool) {
        let seq = entry.seq;
        if failed {
            let mut block = Vec::new();
            // It may be kept for longer than its group has its id.
            block::single(&mut block, "", entry, &self.core.clock);
            self.log(Event::Failed { group: group.0, seq, block: &block });
            self.core.failed(&block);
        } else {
            self.log(Event::Done { group: group.0, seq });
        }
        self.core.done(group.0, seq);
        self.done.push(seq);
    }

    fn put_aside(&mut self, number: u64, what: &[u8]) {
        self.log(Event::Aside { number, what });
        self.core.asides.insert(number, what.to_vec());
    }

    fn drop_aside(&mut self, number: u64) {
        self.log(Event::AsideDone { number });
        self.core.asides.remove(&number);
        self.done.push(number);
    }

    fn read_to(&mut self, source: u32, line: u64, ended: bool) {
        self.log(Event::Read { source, line, ended });
        self.core.sources.insert(source, (line, ended));
    }

    fn commit(&mut self, now: Instant, force: bool, note: &mut dyn FnMut() -> Vec<u8>) {
        let is_large = self.events.len() >= COMMIT_BYTES || self.done.len() >= self.options.pace.done;
        if force || is_large || now.duration_since(self.last_commit) >= self.options.pace.every {
            self.commit_now(now, note);
            self.checkpoint_if_due(now, note);
        }
    }

    fn commit_at(&self) -> Option<Instant> {
        let waits = !self.events.is_empty() || self.checkpoint == CheckpointState::Wanted;
        let commit = waits.then(|| self.last_commit + self.options.pace.every);
        // While a checkpoint is under way its end comes with a bell.
        let decide = self.decide_at.filter(|_| self.checkpoint == CheckpointState::None);
        [commit, decide.map(|at| at.max(self.last_commit + self.options.pace.every))]
            .into_iter()
            .flatten()
            .min()
    }

    fn close(&mut self, note: &mut dyn FnMut() -> Vec<u8>) {
        self.commit_now(Instant::now(), note);
        // A checkpoint now makes the next start quick. Should one be under way, the journal after it is short; should
        // entries be on their way to memory, they are still in the checkpoint before.
        if self.checkpoint != CheckpointState::UnderWay && self.loading.is_empty() {
            self.begin_checkpoint(Instant::now(), note);
        }
    }
}

/// A set of small numbers, a bit each.
#[derive(Default)]
struct Bits(Vec<u64>);

impl Bits {
    fn get(&self, index: u32) -> bool {
        self.0.get(index as usize / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    fn set(&mut self, index: u32, value: bool) {
        let word = index as usize / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] = self.0[word] & !(1 << (index % 64)) | u64::from(value) << (index % 64);
    }
}
