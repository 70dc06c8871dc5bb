//! Opening a frontier: what a checkpoint and the journal after it say, made into memory again.
//!
//! The journal is believed up to a *cut*: the last group commit that is whole, whose records are in the outputs, and, when
//! the machine went down since, that is known to have reached the disk. What comes after is dropped from the journal, and
//! the outputs are to be cut to the lengths that the commit names: those pages are fetched again.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::{Notify, mpsc};

use super::block::{self, BlockWriter};
use super::bytes::{Damaged, Reader};
use super::checkpoint::{Checkpoint, SeenFile};
use super::core::{Core, Known};
use super::event::Event;
use super::files;
use super::frame::Frame;
use super::hosts::Hosts;
use super::journal::{self, Journal};
use super::keeper::{self, Answers, Closed, FAILED, Files, Flush, Merged, NewlySeen};
use super::queues::{self, Queues, push_block};
use super::seen::Seen;
use super::{Bits, CheckpointState, Disk, Options, ToJournal};
use crate::frontier::store::{Arrival, GroupId};
use crate::frontier::{Entry, WallClock};
use crate::url::Fingerprinter;

/// A frontier, ready to go on.
pub struct Opened {
    /// It.
    pub store: Disk,
    /// The thread that keeps its files; ends after the store is dropped.
    pub keeper: JoinHandle<()>,
    /// What the run noted last; empty for a new one.
    pub note: Vec<u8>,
    /// What was put aside and not dropped, by number.
    pub asides: BTreeMap<u64, Vec<u8>>,
    /// How far each source was read, and whether to its end.
    pub sources: BTreeMap<u32, (u64, bool)>,
    /// The length that each output is to have.
    pub outputs: Vec<u64>,
    /// What had to be left out.
    pub recovery: Recovery,
    pub(crate) journal: Journal,
    pub(crate) commits: mpsc::UnboundedReceiver<ToJournal>,
    pub(crate) backlog: Arc<AtomicUsize>,
    pub(crate) bell: Arc<Notify>,
}

/// What opening found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Bytes at the end of the journal that were no whole commit.
    pub torn: u64,
    /// Whole commits that were dropped, since their records or they themselves may not have reached the disk.
    pub dropped: u64,
    /// Bytes at the end of the outputs that no commit speaks of; set by who opens them.
    pub records: u64,
    /// Commits read again on top of the checkpoint, and their bytes.
    pub commits: u64,
    /// See [`commits`](Self::commits).
    pub journal: u64,
}

/// A frontier at rest: read from its files, and not changing.
pub struct State {
    files: Files,
    core: Core,
    /// What the run noted last.
    pub note: Vec<u8>,
    /// The length that each output has at this moment.
    pub outputs: Vec<u64>,
    /// What opening found.
    pub recovery: Recovery,
    cut: (u64, u64),
}

/// How many URLs are where, of a frontier at rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stock {
    /// Entries that wait, to be tried again or for the first time.
    pub waiting: u64,
    /// Entries that were being fetched when the process ended.
    pub out: u64,
    /// Put aside, or seeds that turned out to be known: they only want a record.
    pub aside: u64,
    /// Offered and not decided.
    pub undecided: u64,
    /// Offered and found to be new links, which the note does not know yet.
    pub new_links: u64,
    /// Offered and found to be known links, which the note does not know yet.
    pub seen_links: u64,
    /// Failed, and kept to be tried again on request.
    pub failed: u64,
    /// Groups.
    pub hosts: u64,
    /// URLs seen; `None` when that is not kept.
    pub seen: Option<u64>,
    /// Bytes on disk.
    pub bytes: u64,
}

impl State {
    /// Reads the frontier in `options.directory`; `outputs` are the lengths that the outputs have.
    ///
    /// # Errors
    /// When a file cannot be read, is damaged, is of another version, or an output is shorter than it was.
    pub fn read(options: &Options, outputs: &[u64], writable: bool) -> io::Result<Self> {
        let directory = &options.directory;
        let checkpoint = Checkpoint::read(directory)?.unwrap_or_default();
        let scan = Scan::of(directory, options, &checkpoint, outputs)?;
        let clock = WallClock::now();
        let mut core =
            Core::new(Fingerprinter::with_key(options.key.0, options.key.1), clock, options.unique);
        let (generation, length) = checkpoint.hosts;
        let hosts =
            Hosts::open(directory, generation, length, writable, |group, name| core.known_name(group, name))?;
        let queues = Queues::open(
            directory,
            Some(&checkpoint.queues[..]).filter(|saved| !saved.is_empty()),
            writable,
        )?;
        for group in queues.groups().filter(|group| *group != FAILED) {
            core.grown(group, u32::try_from(queues.len(group)).unwrap_or(u32::MAX));
        }
        if !checkpoint.core.is_empty() {
            core.read(&mut Reader(&checkpoint.core))?;
        }
        core.known = known(directory, &checkpoint, options.unique)?;
        if !checkpoint.unheard.is_empty() {
            core.unheard = Merged::read(Reader(&checkpoint.unheard))?;
        }
        let files = Files {
            directory: directory.clone(),
            key: options.key,
            queues,
            hosts,
            seen: checkpoint.seen,
            failed: checkpoint.failed,
            segment: checkpoint.segment,
            sync: options.sync,
            unheard: Merged::default(),
            gather: usize::try_from(options.memory / 16).unwrap_or(usize::MAX).clamp(1 << 20, 32 << 20),
        };
        let mut state = Self {
            files,
            core,
            note: checkpoint.note,
            outputs: checkpoint.outputs,
            recovery: scan.recovery,
            cut: scan.cut,
        };
        state.replay()?;
        if writable {
            state.cut_journal()?;
        }
        Ok(state)
    }

    /// Applies the journal up to the cut.
    fn replay(&mut self) -> io::Result<()> {
        let cut = self.cut;
        for segment in journal::segments(&self.files.directory)? {
            if segment < self.files.segment || segment > cut.0 {
                continue;
            }
            journal::read(&self.files.directory, segment, self.files.key, |payload, end| {
                if (segment, end) > cut {
                    return Ok(());
                }
                let frame = Frame::read(payload)?;
                for event in Event::all(frame.events) {
                    self.core.replay(event?)?;
                }
                self.core.next_seq = frame.next_seq;
                self.note = frame.note.to_vec();
                self.outputs = frame.outputs()?;
                Ok(())
            })?;
        }
        Ok(())
    }

    /// How many URLs are where.
    pub fn stock(&self) -> Stock {
        let out = self.core.out();
        let waiting = self.core.waiting_in_all() + self.core.taken.len() as u64;
        let seen = match &self.core.known {
            Known::Unasked => None,
            Known::All { seen, .. } => Some(seen.len()),
            Known::Sieve { .. } => keeper::seen_path(&self.files.directory, self.files.seen)
                .and_then(|path| super::sieve::count(&path).ok()),
        };
        Stock {
            waiting: waiting - out,
            out,
            aside: self.core.asides.len() as u64 + self.core.unheard.seed_count(),
            undecided: self.core.undecided,
            new_links: self.core.unheard.new_links,
            seen_links: self.core.unheard.seen_links,
            failed: self.files.failed + u64::from(self.core.failed_entries),
            hosts: u64::from(self.core.names.len()),
            seen,
            bytes: directory_bytes(&self.files.directory),
        }
    }

    /// Makes it go on: cuts the journal, begins a new segment, and starts the keeper.
    ///
    /// # Errors
    /// When that cannot be written, or no thread can be had.
    pub fn start(mut self, options: Options) -> io::Result<Opened> {
        let was_out = self.core.out() > 0;
        let segment = self.settle()?;
        let mut journal = Journal::create(&options.directory, segment, options.key)?;
        if options.sync {
            files::sync_dir(&options.directory)?;
        }
        if was_out {
            journal.append(&self.resumed(options.sync))?;
        }
        let restored = self.arrivals();
        let (sender, commits) = {
            #[expect(
                clippy::disallowed_methods,
                reason = "bounded by `Disk::is_behind`, and by the records, which wait for the same thread"
            )]
            mpsc::unbounded_channel()
        };
        let (requests, receiver) = std::sync::mpsc::channel();
        let answers = Arc::new(Answers::default());
        let mut with_state = Bits::default();
        (0..self.core.names.len()).for_each(|group| with_state.set(group, self.files.hosts.has_state(group)));
        let unheard = std::mem::take(&mut self.core.unheard);
        let keeper = keeper::start(self.files, receiver, Arc::clone(&answers))?;
        answers.bell.notify_one();
        let (backlog, bell) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&answers.bell));
        let (asides, sources) = (self.core.asides.clone(), self.core.sources.clone());
        let mut store = Disk {
            core: self.core,
            options,
            writer: BlockWriter::default(),
            prints: Vec::new(),
            order: Vec::new(),
            events: Vec::new(),
            done: Vec::new(),
            last_commit: Instant::now(),
            journal: sender,
            backlog: Arc::clone(&backlog),
            journalled: usize::try_from(self.recovery.journal).unwrap_or(usize::MAX),
            segment,
            requests,
            answers,
            loading: HashMap::new(),
            held: Vec::new(),
            with_state,
            checkpoint: CheckpointState::None,
            last_checkpoint: Instant::now(),
            decide_at: None,
            restored,
        };
        let mut heard = Vec::new();
        if unheard.says_something() {
            store.merged(unheard, &mut heard).map_err(io::Error::other)?;
        }
        store.restored.append(&mut heard);
        let (note, outputs, recovery) = (self.note, self.outputs, self.recovery);
        Ok(Opened {
            store,
            keeper,
            note,
            asides,
            sources,
            outputs,
            recovery,
            journal,
            commits,
            backlog,
            bell,
        })
    }

    /// Cuts the journal where it is not believed. Comes before the outputs are cut and before this boot of the machine is
    /// noted: should the process die in between, the next start comes to the same cut.
    fn cut_journal(&self) -> io::Result<()> {
        let directory = &self.files.directory;
        for segment in journal::segments(directory)?.into_iter().rev() {
            match segment.cmp(&self.cut.0) {
                std::cmp::Ordering::Equal => journal::cut(directory, segment, self.cut.1)?,
                std::cmp::Ordering::Greater => fs::remove_file(journal::path(directory, segment))?,
                std::cmp::Ordering::Less => {}
            }
        }
        Ok(())
    }

    /// The commit that says that another process goes on. At once, or a page that ends the process before anything else
    /// is committed would be tried for ever.
    fn resumed(&self, sync: bool) -> Vec<u8> {
        let (mut events, mut frame) = (Vec::new(), Vec::new());
        Event::Resumed.write(&mut events);
        let synced = if sync { (0, 0) } else { (u64::MAX, u64::MAX) };
        Frame::front(&mut frame, synced, &self.outputs);
        Frame::body(&mut frame, self.core.next_seq, &self.note, &events);
        frame
    }

    /// What was out or at hand goes back to the head of its queue. Gives the next segment.
    fn settle(&mut self) -> io::Result<u64> {
        let segments = journal::segments(&self.files.directory)?;
        let next = segments.last().map_or(0, |last| last + 1).max(self.files.segment).max(1);
        self.core.count_lost();
        let now = self.core.clock.to_unix_ms(Instant::now());
        let mut back: BTreeMap<(u32, u64), Entry> = BTreeMap::new();
        for taken in self.core.taken.values().filter(|taken| taken.due <= now) {
            back.insert((taken.group, taken.entry.seq), taken.entry.clone());
        }
        let mut blocks = BTreeMap::<u32, (Vec<u8>, u32)>::new();
        for ((group, seq), entry) in back {
            let mut block = Vec::new();
            block::single(&mut block, self.core.names.name(group), &entry, &self.core.clock);
            let (bytes, entries) = blocks.entry(group).or_default();
            push_block(bytes, 1, &block);
            *entries += 1;
            self.core.untake(group, seq);
        }
        for (group, (bytes, entries)) in blocks {
            if self.core.waiting(group).1 == 0 {
                self.core.prepend(group, entries, bytes);
            } else {
                self.files.queues.prepend(group, &bytes, entries)?;
                self.core.moved(group, 0, entries);
            }
        }
        Ok(next)
    }

    /// What the scheduler has to hear first.
    fn arrivals(&self) -> Vec<Arrival> {
        let mut arrivals = Vec::new();
        for group in 0..self.core.names.len() {
            let (waiting, _) = self.core.waiting(group);
            if waiting > 0 {
                let has_state = self.core.saved.contains_key(&group) || self.files.hosts.has_state(group);
                arrivals.push(Arrival::Grown(GroupId(group), waiting, has_state));
            }
        }
        for taken in self.core.taken.values() {
            let due = self.core.clock.to_instant(taken.due);
            arrivals.push(Arrival::Retry(GroupId(taken.group), Box::new(taken.entry.clone()), due));
        }
        arrivals
    }

    /// Calls `each` with every URL that waits, and its number.
    ///
    /// # Errors
    /// When a file cannot be read or is damaged.
    pub fn pending(&mut self, mut each: impl FnMut(u64, &str)) -> io::Result<()> {
        let core = &self.core;
        for taken in core.taken.values() {
            each(taken.entry.seq, taken.entry.url.as_str());
        }
        let mut block = |group: u32, block: &[u8]| {
            block::urls(block, core.names.name(group), |seq, url| {
                if !core.is_done(seq) {
                    each(seq, url);
                }
            })
        };
        for group in 0..core.names.len() {
            let mut whole = Ok(());
            self.files.queues.walk(group, |_, bytes| whole = whole.and(block(group, bytes)))?;
            whole?;
        }
        for tail in &core.tails {
            for part in queues::blocks(tail.blocks()) {
                block(tail.group, part?.1)?;
            }
        }
        Ok(())
    }

    /// What was put aside.
    pub fn asides(&self) -> &BTreeMap<u64, Vec<u8>> {
        &self.core.asides
    }

    /// How far each source was read, and whether to its end.
    pub fn sources(&self) -> &BTreeMap<u32, (u64, bool)> {
        &self.core.sources
    }

    /// Whether a URL is among those seen; `None` when that is not kept.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn was_seen(&mut self, url: &str) -> io::Result<Option<bool>> {
        let print = self.core.fingerprinter.fingerprint_str(url);
        Ok(match &self.core.known {
            Known::Unasked => None,
            Known::All { seen, .. } => Some(seen.contains(print)),
            Known::Sieve { since, .. } if since.contains(print) => Some(true),
            Known::Sieve { .. } => match keeper::seen_path(&self.files.directory, self.files.seen) {
                Some(path) => Some(super::sieve::Sorted::open(&path)?.contains(print)?),
                None => Some(false),
            },
        })
    }

    /// Calls `each` with every failed entry that is kept.
    ///
    /// # Errors
    /// When a file cannot be read or is damaged.
    pub fn failed(&mut self, mut each: impl FnMut(Entry)) -> io::Result<()> {
        let core = &self.core;
        let mut one = |bytes: &[u8]| -> Result<(), Damaged> {
            let mut entries = VecDeque::new();
            block::read(bytes, "", &core.clock, &mut entries)?;
            entries.into_iter().for_each(&mut each);
            Ok(())
        };
        let mut whole = Ok(());
        self.files.queues.walk(FAILED, |_, bytes| whole = whole.and(one(bytes)))?;
        whole?;
        for block in queues::blocks(&core.failed) {
            one(block?.1)?;
        }
        Ok(())
    }

    /// Puts every failed entry back to the end of its queue, as if it had never been tried, and makes a checkpoint
    /// with this note and these lengths of the outputs.
    ///
    /// # Errors
    /// When a file cannot be read, written, or is damaged.
    pub fn retry_failed(mut self, note: Vec<u8>, outputs: Vec<u64>) -> io::Result<u64> {
        let next = self.settle()?;
        let mut again = Vec::new();
        self.failed(|entry| again.push(entry))?;
        for entry in &again {
            let fresh = Entry { attempts: 0, returned: 0, lost: 0, handed_out: false, ..entry.clone() };
            let (group, is_new) = self.core.names.id(fresh.url.host_key().as_str());
            if is_new {
                self.core.name(group, fresh.url.host_key().as_str());
            }
            let mut block = Vec::new();
            block::single(&mut block, self.core.names.name(group), &fresh, &self.core.clock);
            self.core.append(group, 1, &block);
        }
        let mut gone = Vec::new();
        self.files.queues.take(FAILED, u32::MAX, &mut gone)?;
        (self.files.failed, self.core.failed_entries) = (0, 0);
        self.core.failed.clear();
        self.checkpoint(next, note, outputs)?;
        Ok(again.len() as u64)
    }

    /// Writes a checkpoint of what is here, after which the journal begins anew at `segment`. The note has to count the
    /// links that were [decided](Stock::new_links) and not heard.
    fn checkpoint(mut self, segment: u64, note: Vec<u8>, outputs: Vec<u64>) -> io::Result<()> {
        // A sieve's offers stay undecided only in the journal, so they are decided now.
        let seen = match std::mem::replace(&mut self.core.known, Known::Unasked) {
            Known::Unasked => NewlySeen::Nothing,
            Known::All { fresh, .. } => NewlySeen::More(fresh),
            Known::Sieve { since, repeats } => NewlySeen::Offered(since, repeats),
        };
        let mut core = Vec::new();
        self.core.write(&mut core);
        let names = self.core.renamed.iter();
        let name =
            |group: &u32| Some(self.core.names.name(*group)).filter(|name| !name.is_empty()).map(Box::from);
        let names = names.map(|group| (*group, name(group))).collect();
        // The note knows of the links already.
        self.files.unheard.seeds = std::mem::take(&mut self.core.unheard.seeds);
        let (sender, closed) = std::sync::mpsc::channel();
        drop(sender);
        let flush = Flush {
            segment,
            core,
            tails: self.core.spill(),
            names,
            saved: std::mem::take(&mut self.core.saved),
            failed: (std::mem::take(&mut self.core.failed), self.core.failed_entries),
            seen,
            closed,
        };
        self.files.checkpoint(flush, Closed { outputs, note })?;
        Ok(())
    }
}

/// Which commits are believed.
struct Scan {
    cut: (u64, u64),
    recovery: Recovery,
}

impl Scan {
    /// Looks at every commit after the checkpoint.
    fn of(directory: &Path, options: &Options, checkpoint: &Checkpoint, outputs: &[u64]) -> io::Result<Self> {
        let mut commits: Vec<((u64, u64), Vec<u64>)> =
            vec![((checkpoint.segment, 0), checkpoint.outputs.clone())];
        let (mut synced, mut recovery) = ((checkpoint.segment, 0), Recovery::default());
        // Segments are numbered without gaps, and what comes after a missing one means nothing.
        let mut next = checkpoint.segment.max(1);
        for segment in journal::segments(directory)? {
            if segment < checkpoint.segment {
                continue;
            }
            if segment != next {
                let path = journal::path(directory, next);
                let why = format!("`{}` is missing, or the checkpoint is", path.display());
                return Err(io::Error::new(io::ErrorKind::InvalidData, why));
            }
            next += 1;
            let tail = journal::read(directory, segment, options.key, |payload, end| {
                let frame = Frame::read(payload)?;
                synced = synced.max(frame.synced);
                commits.push(((segment, end), frame.outputs()?));
                Ok(())
            })?;
            recovery.torn += tail.torn;
            recovery.journal += tail.end;
            if tail.torn > 0 {
                // What follows a gap hangs in the air.
                break;
            }
        }
        let fits = |(at, lengths): &((u64, u64), Vec<u64>)| {
            let is_there = lengths.iter().zip(outputs).all(|(noted, there)| noted <= there);
            is_there && (!options.rebooted || *at <= synced)
        };
        // Only a loss of power makes an output shorter than its last commit says; otherwise somebody did.
        let last =
            commits.iter().rposition(fits).filter(|last| options.rebooted || last + 1 == commits.len());
        let Some(last) = last else {
            let why = "an output is shorter than it was when the job was last saved: records are missing from it\nhint: put the file back as it was, or begin another job";
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        };
        recovery.dropped = (commits.len() - 1 - last) as u64;
        recovery.commits = last as u64;
        Ok(Self { cut: commits[last].0, recovery })
    }
}

/// Reads which URLs were seen.
fn known(directory: &Path, checkpoint: &Checkpoint, unique: bool) -> io::Result<Known> {
    if !unique {
        return Ok(Known::Unasked);
    }
    let path = keeper::seen_path(directory, checkpoint.seen);
    let expected = if let SeenFile::Runs(length) = checkpoint.seen { length / 8 } else { 0 };
    let mut seen = Seen::with_capacity(expected);
    match (checkpoint.seen, path) {
        (SeenFile::Sorted(_), Some(path)) => {
            // To see that it is there, and whole.
            super::sieve::count(&path)?;
            return Ok(Known::Sieve { since: Seen::new(), repeats: false });
        }
        (SeenFile::Runs(length), Some(path)) => keeper::read_runs(&path, length, |print| {
            seen.insert(print);
        })?,
        _ => {}
    }
    Ok(Known::All { seen, fresh: Vec::new() })
}

fn directory_bytes(directory: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else { return 0 };
    entries.flatten().filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}
