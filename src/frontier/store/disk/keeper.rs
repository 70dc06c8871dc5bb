//! The keeper: the thread that owns what is on disk of the frontier, apart from the journal. It reads entries of groups
//! that will soon be due, takes in what memory has too much of, and makes checkpoints.
//!
//! Requests come in order through one channel, answers go to a shared list and ring a bell. It never waits for anybody
//! but the disk and, before a checkpoint, the journal's thread, which waits for nobody.

use std::collections::{HashMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::Notify;

use super::bytes::{Damaged, Reader, put, put_bytes};
use super::checkpoint::{Checkpoint, SeenFile};
use super::core::Tail;
use super::event::{Event, prints};
use super::frame::Frame;
use super::hosts::Hosts;
use super::queues::{Queues, push_block};
use super::seen::Seen;
use super::{block, journal, sieve};
use crate::error::Error;

/// The queue of the failed entries; no group has this id.
pub(super) const FAILED: u32 = u32::MAX;

/// Entries or groups of answers that are taken in at once, so that nobody waits for long.
const AT_ONCE: usize = 1024;
/// Bytes before the fingerprints of a run.
const RUN_HEADER: u64 = 16;

/// What the keeper is asked.
pub(super) enum Request {
    /// Read so many entries of a group, and what is saved for it.
    Load { group: u32, at_least: u32 },
    /// Put entries before all others of a group.
    Prepend { group: u32, entries: u32, blocks: Vec<u8> },
    /// Make a checkpoint.
    Checkpoint(Box<Flush>),
}

/// Everything that a checkpoint takes over from memory.
pub(super) struct Flush {
    /// The journal segment that begins after it.
    pub(super) segment: u64,
    /// The state of [`Core`](super::core::Core).
    pub(super) core: Vec<u8>,
    pub(super) tails: Vec<Tail>,
    /// New names, `None` for a group that was released.
    pub(super) names: Vec<(u32, Option<Box<str>>)>,
    pub(super) saved: HashMap<u32, Box<[u8]>>,
    pub(super) failed: (Vec<u8>, u32),
    pub(super) seen: NewlySeen,
    /// Answers when the segment before is written to its end.
    pub(super) closed: Receiver<Closed>,
}

/// What was seen since the last checkpoint.
pub(super) enum NewlySeen {
    /// Nobody asks.
    Nothing,
    /// These, beside those on disk.
    More(Vec<u64>),
    /// All, which are too many for memory from now on.
    All(Seen),
    /// These may be new: the offers of the journal since the last checkpoint.
    Offered(Seen, bool),
}

/// The journal's segments before a checkpoint are complete.
#[derive(Debug)]
pub(crate) struct Closed {
    /// The length of each output.
    pub(crate) outputs: Vec<u64>,
    /// What the run noted last.
    pub(crate) note: Vec<u8>,
}

/// What the keeper answers.
pub(super) enum Answer {
    Loaded {
        group: u32,
        entries: u32,
        blocks: Vec<u8>,
        state: Option<Box<[u8]>>,
    },
    /// A merge found new entries: so many for each of these groups.
    Grown(Vec<(u32, u32)>),
    /// The checkpoint is there. What else a merge found, if there was one.
    Saved(Option<Merged>),
    /// It cannot go on.
    Failed(Error),
}

/// The decision about everything that was offered.
#[derive(Default)]
pub(super) struct Merged {
    /// New entries by group, and all that were decided beside them.
    grown: HashMap<u32, u32>,
    pub(super) decided: u64,
    pub(super) new_links: u64,
    pub(super) seen_links: u64,
    /// Blocks of seeds that were known, with their groups.
    pub(super) seeds: Vec<(u32, Vec<u8>)>,
    /// The fingerprints that are in a file from now on. Allocators give memory back best in the thread that asked for it.
    pub(super) outgrown: Option<Seen>,
}

impl Merged {
    /// Adds what a later merge decided.
    pub(super) fn add(&mut self, later: &Self) {
        self.new_links += later.new_links;
        self.seen_links += later.seen_links;
        self.seeds.extend(later.seeds.iter().cloned());
    }

    /// Counts which entries of a block are new, by these verdicts; gives how many, and a block of them.
    pub(super) fn decide(
        &mut self,
        group: u32,
        entries: u32,
        block: &[u8],
        verdicts: &[bool],
    ) -> Result<(u32, Vec<u8>), Damaged> {
        let (mut kept, mut dropped) = (Vec::new(), Vec::new());
        let mut each = verdicts.iter();
        let new = block::filter(block, &mut kept, || each.next() == Some(&true))?;
        if block::is_of_seeds(block) {
            let mut each = verdicts.iter();
            if block::filter(block, &mut dropped, || each.next() == Some(&false))? > 0 {
                self.seeds.push((group, dropped));
            }
        } else {
            self.new_links += u64::from(new);
            self.seen_links += u64::from(entries - new);
        }
        Ok((new, kept))
    }

    /// Whether the run has to hear anything of it.
    pub(super) fn says_something(&self) -> bool {
        self.new_links + self.seen_links > 0 || !self.seeds.is_empty()
    }

    /// Seeds that were known.
    pub(super) fn seed_count(&self) -> u64 {
        let mut count = 0;
        for (_, bytes) in &self.seeds {
            // One that cannot be read ends the next start, with a message.
            let _ = block::urls(bytes, "", |_, _| count += 1);
        }
        count
    }

    /// Writes what the run has to hear of it: a checkpoint keeps that until the journal says that it has, since the
    /// process may end in between.
    fn write(&self, out: &mut Vec<u8>) {
        [self.new_links, self.seen_links, self.seeds.len() as u64].iter().for_each(|n| put(out, *n));
        for (group, block) in &self.seeds {
            put(out, u64::from(*group));
            put_bytes(out, block);
        }
    }

    /// Reads what [`write`](Self::write) wrote.
    pub(super) fn read(mut reader: Reader<'_>) -> Result<Self, Damaged> {
        let (new_links, seen_links) = (reader.number()?, reader.number()?);
        let count = reader.number()?;
        let seed = |_| Ok((reader.small()?, reader.bytes()?.to_vec()));
        let seeds = (0..count).map(seed).collect::<Result<_, Damaged>>()?;
        Ok(Self { new_links, seen_links, seeds, ..Self::default() })
    }

    /// Gives the new entries as answers of their own.
    fn tell_grown(&mut self, answers: &Answers) {
        let grown: Vec<_> = std::mem::take(&mut self.grown).into_iter().collect();
        for part in grown.chunks(AT_ONCE / 4) {
            self.decided -= part.iter().map(|(_, entries)| u64::from(*entries)).sum::<u64>();
            answers.give(Answer::Grown(part.to_vec()));
        }
    }
}

/// The list of answers, and the bell that tells of them.
#[derive(Default)]
pub(super) struct Answers {
    list: Mutex<VecDeque<Answer>>,
    pub(super) bell: Arc<Notify>,
}

impl Answers {
    fn give(&self, answer: Answer) {
        self.list.lock().unwrap_or_else(PoisonError::into_inner).push_back(answer);
        self.bell.notify_one();
    }

    /// The next answers, some of [`AT_ONCE`] worth of work; rings again when there are more.
    pub(super) fn take(&self) -> Vec<Answer> {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let mut work = 0;
        let within = |answer: &&Answer| {
            let fits = work < AT_ONCE;
            work += answer.work();
            fits
        };
        let some = list.iter().take_while(within).count();
        let taken = list.drain(..some).collect();
        if !list.is_empty() {
            self.bell.notify_one();
        }
        taken
    }
}

impl Answer {
    /// How much there is to take in: entries, or groups.
    fn work(&self) -> usize {
        match self {
            Self::Loaded { entries, .. } => *entries as usize,
            Self::Grown(groups) => groups.len(),
            Self::Saved { .. } | Self::Failed(_) => 1,
        }
    }
}

/// What is on disk of a frontier.
pub(super) struct Files {
    pub(super) directory: PathBuf,
    pub(super) key: (u64, u64),
    pub(super) queues: Queues,
    pub(super) hosts: Hosts,
    pub(super) seen: SeenFile,
    pub(super) failed: u64,
    /// The first journal segment that is needed.
    pub(super) segment: u64,
    /// Whether to wait for the disk itself.
    pub(super) sync: bool,
    /// What an earlier merge decided, as long as no run has heard it.
    pub(super) unheard: Merged,
    /// Bytes of new entries that a merge gathers before they go to their queues.
    pub(super) gather: usize,
}

/// Starts the thread; it ends when the sender is gone.
pub(super) fn start(
    mut files: Files,
    requests: Receiver<Request>,
    answers: Arc<Answers>,
) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("gannet-keeper".into()).spawn(move || {
        for request in requests {
            if let Err(why) = files.serve(request, &answers) {
                let what = format!("cannot keep the frontier in `{}`", files.directory.display());
                answers.give(Answer::Failed(Error::Io(what, why)));
                return;
            }
        }
    })
}

/// Asks; `false` when the keeper is gone, which it says itself.
pub(super) fn ask(requests: &Sender<Request>, request: Request) -> bool {
    requests.send(request).is_ok()
}

impl Files {
    fn serve(&mut self, request: Request, answers: &Answers) -> io::Result<()> {
        match request {
            Request::Load { group, at_least } => {
                let mut blocks = Vec::new();
                let entries = self.queues.take(group, at_least, &mut blocks)?;
                let state = self.hosts.state(group)?;
                answers.give(Answer::Loaded { group, entries, blocks, state });
            }
            Request::Prepend { group, entries, blocks } => self.queues.prepend(group, &blocks, entries)?,
            Request::Checkpoint(flush) => {
                // Without an answer the journal's thread is gone: it says why, and the journal holds everything.
                let Ok(closed) = flush.closed.recv() else { return Ok(()) };
                let mut merged = self.checkpoint(*flush, closed)?;
                if let Some(merged) = &mut merged {
                    merged.tell_grown(answers);
                }
                answers.give(Answer::Saved(merged));
            }
        }
        Ok(())
    }

    /// Takes everything in, then says so in one step.
    pub(super) fn checkpoint(&mut self, flush: Flush, closed: Closed) -> io::Result<Option<Merged>> {
        let Flush { segment, core, tails, names, saved, failed, seen, .. } = flush;
        let before = self.seen;
        let merged = self.take_in_seen(seen, segment)?;
        for tail in &tails {
            self.queues.append(tail.group, tail.blocks(), tail.entries)?;
        }
        if failed.1 > 0 {
            self.queues.append(FAILED, &failed.0, failed.1)?;
            self.failed += u64::from(failed.1);
        }
        names.iter().for_each(|(group, name)| self.hosts.name(*group, name.as_deref()));
        saved.iter().for_each(|(group, state)| self.hosts.save(*group, state));
        self.hosts.flush(self.sync)?;
        let mut queues = Vec::new();
        self.queues.save(&mut queues)?;
        if self.sync {
            self.queues.sync()?;
        }
        let hosts = self.hosts.position();
        let Closed { outputs, note } = closed;
        let (mut earlier, mut unheard) = (std::mem::take(&mut self.unheard), Vec::new());
        merged.iter().for_each(|merged| earlier.add(merged));
        earlier.write(&mut unheard);
        let checkpoint = Checkpoint {
            segment,
            seen: self.seen,
            hosts,
            failed: self.failed,
            outputs,
            note,
            queues,
            core,
            unheard,
        };
        checkpoint.publish(&self.directory, self.sync)?;
        self.segment = segment;
        self.forget_old(before)?;
        Ok(merged)
    }

    /// Removes what no checkpoint speaks of any more.
    fn forget_old(&mut self, seen_before: SeenFile) -> io::Result<()> {
        journal::remove_before(&self.directory, self.segment)?;
        self.queues.sweep()?;
        self.hosts.sweep();
        if seen_before != self.seen
            && let (SeenFile::Runs(_) | SeenFile::Sorted(_), SeenFile::Sorted(_)) = (seen_before, self.seen)
            && let Some(path) = seen_path(&self.directory, seen_before)
        {
            std::fs::remove_file(path)?;
        }
        Ok(())
    }

    fn take_in_seen(&mut self, seen: NewlySeen, segment: u64) -> io::Result<Option<Merged>> {
        match seen {
            NewlySeen::Nothing => {}
            NewlySeen::More(mut prints) => {
                // Sorted, they are quick to read back: neighbours go to the same place.
                prints.sort_unstable();
                let length = if let SeenFile::Runs(length) = self.seen { length } else { 0 };
                self.seen = SeenFile::Runs(length + append_run(&self.directory, length, &prints, self.sync)?);
            }
            NewlySeen::All(mut seen) => {
                sieve::merge(None, &mut seen, &sorted_path(&self.directory, 1))?;
                self.seen = SeenFile::Sorted(1);
                return Ok(Some(Merged { outgrown: Some(seen), ..Merged::default() }));
            }
            NewlySeen::Offered(mut since, repeats) => {
                if since.len() == 0 {
                    return Ok(Some(Merged::default()));
                }
                let SeenFile::Sorted(generation) = self.seen else {
                    return Err(io::Error::other("offers without a sorted file"));
                };
                let (old, new) =
                    (sorted_path(&self.directory, generation), sorted_path(&self.directory, generation + 1));
                sieve::merge(Some(&old), &mut since, &new)?;
                self.seen = SeenFile::Sorted(generation + 1);
                return self.admit_offered(&since, repeats, segment).map(Some);
            }
        }
        Ok(None)
    }

    /// Reads the journal's offers again and queues those that turned out to be new.
    fn admit_offered(&mut self, new: &Seen, repeats: bool, segment: u64) -> io::Result<Merged> {
        let mut merge = Merge {
            new,
            done: repeats.then(Seen::new),
            merged: Merged::default(),
            gathered: HashMap::new(),
            bytes: 0,
        };
        for nth in journal::segments(&self.directory)? {
            if nth < self.segment || nth >= segment {
                continue;
            }
            journal::read(&self.directory, nth, self.key, |payload, _| {
                for event in Event::all(Frame::read(payload)?.events) {
                    if let Event::Offered { group, entries, prints, block } = event? {
                        merge.decide(group, entries, prints, block)?;
                    }
                }
                if merge.bytes >= self.gather { merge.queue(&mut self.queues) } else { Ok(()) }
            })?;
        }
        merge.queue(&mut self.queues)?;
        Ok(merge.merged)
    }
}

/// A merge under way.
struct Merge<'a> {
    new: &'a Seen,
    /// Those admitted already, where a journal may offer one twice.
    done: Option<Seen>,
    merged: Merged,
    gathered: HashMap<u32, (Vec<u8>, u32)>,
    bytes: usize,
}

impl Merge<'_> {
    fn decide(&mut self, group: u32, entries: u32, offered: &[u8], block: &[u8]) -> io::Result<()> {
        let mut verdicts = Vec::with_capacity(entries as usize);
        for print in prints(offered) {
            let is_new = self.new.contains(print);
            verdicts.push(is_new && self.done.as_mut().is_none_or(|done| done.insert(print)));
        }
        let (new, kept) = self.merged.decide(group, entries, block, &verdicts)?;
        self.merged.decided += u64::from(entries);
        if new > 0 {
            *self.merged.grown.entry(group).or_default() += new;
            let (blocks, count) = self.gathered.entry(group).or_default();
            let before = blocks.len();
            push_block(blocks, new, &kept);
            *count += new;
            self.bytes += blocks.len() - before + 64;
        }
        Ok(())
    }

    /// Hands what was gathered to the queues.
    fn queue(&mut self, queues: &mut Queues) -> io::Result<()> {
        for (group, (blocks, entries)) in self.gathered.drain() {
            queues.append(group, &blocks, entries)?;
        }
        self.bytes = 0;
        Ok(())
    }
}

/// Where the fingerprints are.
pub(super) fn seen_path(directory: &Path, seen: SeenFile) -> Option<PathBuf> {
    match seen {
        SeenFile::None => None,
        SeenFile::Runs(_) => Some(directory.join("seen")),
        SeenFile::Sorted(generation) => Some(sorted_path(directory, generation)),
    }
}

fn sorted_path(directory: &Path, generation: u64) -> PathBuf {
    directory.join(format!("sorted-{generation:08}"))
}

/// Adds a run of fingerprints after the part that counts; gives its length. A run is their number, their sum, and they
/// themselves: [`read_runs`] reads it.
fn append_run(directory: &Path, length: u64, prints: &[u64], sync: bool) -> io::Result<u64> {
    let Some(path) = seen_path(directory, SeenFile::Runs(length)) else { return Ok(0) };
    if prints.is_empty() && length > 0 {
        return Ok(0);
    }
    let mut file: File = OpenOptions::new().create(true).append(true).open(path)?;
    file.set_len(length)?;
    let mut bytes = Vec::with_capacity(prints.len().min(1 << 17) * 8);
    let sum = prints.iter().fold(0, |sum: u64, print| sum.wrapping_add(*print));
    file.write_all(&(prints.len() as u64).to_le_bytes())?;
    file.write_all(&sum.to_le_bytes())?;
    for part in prints.chunks(1 << 17) {
        bytes.clear();
        part.iter().for_each(|print| bytes.extend_from_slice(&print.to_le_bytes()));
        file.write_all(&bytes)?;
    }
    if sync {
        file.sync_data()?;
    }
    Ok(RUN_HEADER + prints.len() as u64 * 8)
}

/// Gives `each` the fingerprints of all runs in the first `length` bytes.
pub(super) fn read_runs(path: &Path, length: u64, mut each: impl FnMut(u64)) -> io::Result<()> {
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, format!("`{}` is damaged", path.display()));
    let file =
        File::open(path).map_err(|why| io::Error::new(why.kind(), format!("`{}`: {why}", path.display())))?;
    if file.metadata()?.len() < length {
        return Err(damaged());
    }
    let mut file = BufReader::with_capacity(1 << 20, file);
    let mut number = || {
        let mut bytes = [0; 8];
        file.read_exact(&mut bytes).map(|()| u64::from_le_bytes(bytes))
    };
    let mut left = length;
    while left > 0 {
        let (count, mut sum) = (number()?, number()?);
        let size = count.checked_mul(8).and_then(|size| size.checked_add(RUN_HEADER));
        left = size.and_then(|size| left.checked_sub(size)).ok_or_else(damaged)?;
        for _ in 0..count {
            let print = number()?;
            sum = sum.wrapping_sub(print);
            each(print);
        }
        if sum != 0 {
            return Err(damaged());
        }
    }
    Ok(())
}
