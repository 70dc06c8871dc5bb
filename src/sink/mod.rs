//! Where outcomes are written: the [`Sink`] trait, its formats, and the thread that each sink has.
//!
//! Writing blocks, so no sink runs on the runtime: [`spawn`] gives each a thread, fed by its own bounded
//! channel. A full channel makes workers wait, which is all the back-pressure there is. A record is
//! flushed as soon as no other waits behind it, so a reader of a pipe sees each as it finishes; when they come
//! thick, a millisecond later.

mod bodies;
#[cfg(any(feature = "sqlite", feature = "parquet"))]
mod columns;
mod contents;
mod csv;
mod human;
mod json;
mod late;
mod lines;
mod mirror;
mod ordered;
mod packed;
#[cfg(feature = "parquet")]
pub mod parquet;
#[cfg(not(feature = "parquet"))]
#[path = "no_parquet.rs"]
pub mod parquet;
mod printable;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(not(feature = "sqlite"))]
#[path = "no_sqlite.rs"]
pub mod sqlite;
pub mod warc;
mod whole;

use std::io;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

pub use self::bodies::Bodies;
pub use self::contents::Contents;
pub use self::csv::Csv;
pub use self::human::Human;
pub use self::json::{Json, JsonLines};
pub use self::late::{Late, Make};
pub use self::lines::Lines;
pub use self::mirror::{Mirror, Mirrored};
pub use self::ordered::Ordered;
pub use self::packed::{Codec, Packed, Seldom};
pub use self::printable::{printable, printable_lines, to_json};
pub use self::sqlite::Sqlite;

use crate::outcome::{Aside, Outcome, Record};

/// Records taken from the channel at once.
const BATCH: usize = 256;

/// Something that outcomes are written to. Lives on a thread of its own and may block.
pub trait Sink: Send {
    /// Takes one outcome; it may be kept until [`flush`](Self::flush).
    ///
    /// # Errors
    /// When writing fails; the run then stops.
    fn write(&mut self, outcome: &Outcome) -> io::Result<()>;

    /// Takes what was exchanged beside outcomes; nothing, unless it is an archive.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    fn aside(&mut self, _: &Aside) -> io::Result<()> {
        Ok(())
    }

    /// Hands what was taken to the operating system.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    fn flush(&mut self) -> io::Result<()>;

    /// Writes what belongs at the end.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// How an outcome becomes bytes, apart from where they go and in which order.
pub trait Encoder: Send {
    /// What stands before the first record.
    fn head(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Appends one record.
    ///
    /// # Errors
    /// When it cannot be expressed in the format.
    fn encode(&mut self, outcome: &Outcome, out: &mut Vec<u8>) -> io::Result<()>;

    /// What stands between two records.
    fn separator(&self) -> &'static [u8] {
        b""
    }

    /// What stands after the last record.
    fn tail(&self) -> &'static [u8] {
        b""
    }
}

impl<E: Encoder + ?Sized> Encoder for Box<E> {
    fn head(&self) -> Vec<u8> {
        (**self).head()
    }

    fn encode(&mut self, outcome: &Outcome, out: &mut Vec<u8>) -> io::Result<()> {
        (**self).encode(outcome, out)
    }

    fn separator(&self) -> &'static [u8] {
        (**self).separator()
    }

    fn tail(&self) -> &'static [u8] {
        (**self).tail()
    }
}

/// How long records gather before a thread looks again: to be woken for each costs more than to write it. A channel that
/// holds few must not be full meanwhile, for then workers wait; no two records come closer together than 20 µs.
pub(crate) fn gathering(records: &mpsc::Receiver<Record>) -> Duration {
    let room = u32::try_from(records.max_capacity()).unwrap_or(u32::MAX);
    LONGEST.min(Duration::from_micros(20).saturating_mul(room))
}

/// The longest that a record waits for others.
const LONGEST: Duration = Duration::from_millis(1);

/// So many records that were waiting together come thick.
const THICK: usize = 4;

/// Runs a sink on a thread until its channel ends; the thread's result is the sink's.
///
/// # Errors
/// When no thread can be had.
pub fn spawn(
    mut sink: Box<dyn Sink>,
    mut records: mpsc::Receiver<Record>,
) -> io::Result<JoinHandle<io::Result<()>>> {
    std::thread::Builder::new().name("gannet-sink".into()).spawn(move || {
        let mut batch = Vec::with_capacity(BATCH);
        let mut last_flush = Instant::now();
        let gathering = gathering(&records);
        loop {
            let gathered = records.blocking_recv_many(&mut batch, BATCH);
            if gathered == 0 {
                return sink.finish();
            }
            for record in batch.drain(..) {
                match record {
                    Record::Outcome(outcome) => sink.write(&outcome)?,
                    Record::Aside(aside) => sink.aside(&aside)?,
                }
            }
            if records.is_empty() {
                sink.flush()?;
                // When records come thick, let some gather: being woken for each costs more than writing it.
                if gathered >= THICK || last_flush.elapsed() < LONGEST {
                    std::thread::park_timeout(gathering);
                }
                last_flush = Instant::now();
            }
        }
    })
}
