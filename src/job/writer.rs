//! The writer: the one thread that writes a job's records and its journal, in the order that makes them agree.
//!
//! For each group commit it writes the outcomes of the URLs that are done to every output, then one frame to the journal
//! that says so and how long the outputs are now. A process that dies in between leaves records too many, never too few:
//! the next start cuts the outputs to the lengths of the last frame. It waits for nobody but the disk.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc};

use super::output::Meter;
use crate::error::Error;
use crate::frontier::store::disk::frame::Frame;
use crate::frontier::store::disk::journal::Journal;
use crate::frontier::store::disk::{BACKLOG, Closed, ToJournal};
use crate::outcome::{Outcome, Record};
use crate::sink::{self, Sink};

/// Outcomes taken from the channel at once.
const BATCH: usize = 256;

/// When what is written is made to survive a loss of power as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// With every group commit.
    Always,
    /// This often; so much is fetched again.
    Every(Duration),
    /// Never: a loss of power may cost the job.
    Never,
}

/// An output of a job, or one beside it that is not tracked.
pub struct JobSink {
    /// What to call it.
    pub name: String,
    /// Where outcomes go.
    pub sink: Box<dyn Sink>,
    /// Its length, when it is tracked.
    pub meter: Option<Box<dyn Meter>>,
}

/// The writer's ends of what it shares with the store.
pub(super) struct Link {
    pub(super) journal: Journal,
    pub(super) commits: mpsc::UnboundedReceiver<ToJournal>,
    pub(super) backlog: Arc<AtomicUsize>,
    /// Rung when the backlog shrinks, for a store that was behind.
    pub(super) bell: Arc<Notify>,
}

/// See the module.
pub struct Writer {
    directory: PathBuf,
    key: (u64, u64),
    link: Link,
    sync: Sync,
    sinks: Vec<JobSink>,
    /// Outcomes whose commit has not come.
    waiting: HashMap<u64, Arc<Outcome>>,
    note: Vec<u8>,
    segment: u64,
    synced: (u64, u64),
    /// Since when something waits to be synced.
    unsynced: Option<Instant>,
    frame: Vec<u8>,
}

impl Writer {
    pub(super) fn new(
        directory: PathBuf,
        key: (u64, u64),
        link: Link,
        sync: Sync,
        sinks: Vec<JobSink>,
        note: Vec<u8>,
    ) -> Self {
        let segment = link.journal.segment();
        // Nobody asks for a sync: then everything of this run counts that can be read. A later run may ask again.
        let synced = if sync == Sync::Never { (segment, u64::MAX) } else { (0, 0) };
        let (waiting, frame) = (HashMap::new(), Vec::new());
        Self { directory, key, link, sync, sinks, waiting, note, segment, synced, unsynced: None, frame }
    }

    /// Adds an output that is not tracked: after a crash it may hold a record twice, or none.
    pub fn add(&mut self, sink: JobSink) {
        self.sinks.push(sink);
    }

    /// Starts the thread: it ends after the store and all senders of outcomes are gone.
    ///
    /// # Errors
    /// When no thread can be had.
    pub fn spawn(self, records: mpsc::Receiver<Record>) -> io::Result<JoinHandle<Result<(), Error>>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let bell = Arc::clone(&self.link.bell);
        let run = move || {
            let end = runtime.block_on(self.run(records));
            // Whoever waits for the backlog to shrink waits in vain if this is an error.
            bell.notify_one();
            end
        };
        std::thread::Builder::new().name("gannet-writer".into()).spawn(run)
    }

    async fn run(mut self, mut records: mpsc::Receiver<Record>) -> Result<(), Error> {
        let (mut batch, mut open) = (Vec::with_capacity(BATCH), true);
        let gathering = sink::gathering(&records);
        loop {
            let sync_at = self.sync_at();
            tokio::select! {
                biased;
                message = self.link.commits.recv() => match message {
                    Some(ToJournal::Commit { body, done }) => self.commit(&body, &done, &mut records)?,
                    Some(ToJournal::Segment(segment, closed)) => self.next_segment(segment, &closed)?,
                    None => break,
                },
                count = records.recv_many(&mut batch, BATCH), if open => {
                    open = count > 0;
                    batch.drain(..).try_for_each(|record| self.keep(record))?;
                    std::thread::park_timeout(gathering);
                }
                () = tokio::time::sleep_until(sync_at.unwrap_or_else(Instant::now).into()), if sync_at.is_some() => {
                    self.sync()?;
                }
            }
        }
        self.sync()?;
        for JobSink { name, sink, .. } in self.sinks {
            sink.finish().map_err(cannot_write(&name))?;
        }
        Ok(())
    }

    /// Keeps an outcome until its commit comes. An aside is written at once: the commit of what it led to is still to come,
    /// since a worker records before it reports.
    fn keep(&mut self, record: Record) -> Result<(), Error> {
        match record {
            Record::Outcome(outcome) => drop(self.waiting.insert(outcome.seq, outcome)),
            Record::Aside(aside) => {
                for JobSink { name, sink, .. } in &mut self.sinks {
                    sink.aside(&aside).map_err(cannot_write(name))?;
                }
            }
        }
        Ok(())
    }

    /// Records first, then the journal.
    fn commit(
        &mut self,
        body: &[u8],
        done: &[u64],
        records: &mut mpsc::Receiver<Record>,
    ) -> Result<(), Error> {
        while let Ok(record) = records.try_recv() {
            self.keep(record)?;
        }
        for seq in done {
            // A worker records an outcome before it reports it.
            let Some(outcome) = self.waiting.remove(seq) else {
                return Err(Error::Internal(format!("the outcome of URL {seq} was not recorded")));
            };
            for JobSink { name, sink, .. } in &mut self.sinks {
                sink.write(&outcome).map_err(cannot_write(name))?;
            }
        }
        for JobSink { name, sink, .. } in &mut self.sinks {
            sink.flush().map_err(cannot_write(name))?;
        }
        if self.sync == Sync::Always {
            self.sync_outputs()?;
        }
        self.frame.clear();
        let lengths = self.lengths();
        Frame::front(&mut self.frame, self.synced, &lengths);
        self.frame.extend_from_slice(body);
        let appended = self.link.journal.append(&self.frame);
        appended.map_err(|why| self.cannot_journal(why))?;
        self.note = Frame::read(&self.frame).map(|frame| frame.note.to_vec()).unwrap_or_default();
        if self.link.backlog.fetch_sub(body.len(), Relaxed) > BACKLOG / 2 {
            self.link.bell.notify_one();
        }
        match self.sync {
            Sync::Always => self.sync_journal(),
            Sync::Every(_) => {
                self.unsynced.get_or_insert_with(Instant::now);
                Ok(())
            }
            Sync::Never => Ok(()),
        }
    }

    fn lengths(&self) -> Vec<u64> {
        self.sinks.iter().filter_map(|sink| sink.meter.as_ref()).map(|meter| meter.length()).collect()
    }

    fn next_segment(&mut self, segment: u64, closed: &std::sync::mpsc::Sender<Closed>) -> Result<(), Error> {
        self.sync()?;
        self.link.journal =
            Journal::create(&self.directory, segment, self.key).map_err(|why| self.cannot_journal(why))?;
        self.segment = segment;
        if self.sync == Sync::Never {
            self.synced = (segment, u64::MAX);
        }
        // Should the keeper be gone, it has said why.
        let _ = closed.send(Closed { outputs: self.lengths(), note: self.note.clone() });
        Ok(())
    }

    fn sync_at(&self) -> Option<Instant> {
        match self.sync {
            Sync::Every(every) => self.unsynced.map(|since| since + every),
            Sync::Always | Sync::Never => None,
        }
    }

    /// Makes everything survive a loss of power: the records before the journal that speaks of them.
    fn sync(&mut self) -> Result<(), Error> {
        if self.unsynced.take().is_none() {
            return Ok(());
        }
        self.sync_outputs()?;
        self.sync_journal()
    }

    fn sync_outputs(&self) -> Result<(), Error> {
        let tracked = self.sinks.iter().filter_map(|sink| Some((&sink.name, sink.meter.as_ref()?)));
        for (name, meter) in tracked {
            meter.sync().map_err(cannot_write(name))?;
        }
        Ok(())
    }

    fn sync_journal(&mut self) -> Result<(), Error> {
        let end = self.link.journal.end();
        let synced = self.link.journal.sync();
        synced.map_err(|why| self.cannot_journal(why))?;
        self.synced = (self.segment, end);
        Ok(())
    }

    fn cannot_journal(&self, why: io::Error) -> Error {
        Error::Io(format!("cannot write the journal in `{}`", self.directory.display()), why)
    }
}

fn cannot_write(name: &str) -> impl FnOnce(io::Error) -> Error + use<'_> {
    move |why| Error::Io(format!("cannot write {name}"), why)
}
