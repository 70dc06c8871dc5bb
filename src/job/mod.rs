//! The job directory: a run that survives its process (`--job DIR`).
//!
//! ```text
//! DIR/job.json        what the job is: format, key, settings that must not change, how often it ran
//! DIR/lock            one process at a time
//! DIR/frontier/       the store: URLs seen, URLs that wait, what became of the rest
//! DIR/records.jsonl   the output, unless others are given
//! ```
//!
//! [`Job::open`] makes or resumes one; [`Job::start`] gives the frontier to crawl with and the [`Writer`] that records:
//! it writes the outcome of a URL to the outputs first and then, in the journal, that the URL is done, so that after any
//! end of the process each URL has exactly one record. `docs/durability.md` has the promises and the formats.

mod manifest;
mod note;
mod output;
mod retry;
mod rewrite;
mod spool;
mod text;
mod verify;

mod writer;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

pub use self::manifest::{Difference, Manifest};
pub use self::note::{Again, Note};
pub use self::output::{Kept, Kind, Meter, Tracked, watch};
pub use self::retry::{is_cut_short, retry_failed};
pub use self::spool::{Spool, deliver};
pub use self::verify::{Finding, Numbers, verify};

pub use self::writer::{JobSink, Sync, Writer};

use crate::error::Error;
use crate::frontier::store::disk::files::{Lock, LockError, boot_id, this_process};
use crate::frontier::store::{Disk, DiskOptions, DiskState, Recovery};

/// The file that is made when a frontier is read for the first time.
const FIRST_OF_FRONTIER: &str = "hosts-00000000";

/// A job directory that this process holds.
pub struct Job {
    directory: PathBuf,
    manifest: Manifest,
    /// It is new.
    is_new: bool,
    rebooted: bool,
    /// Failed URLs that opening put back, where that was cut short.
    put_back: u64,
    _lock: Lock,
}

/// A job under way.
pub struct Started {
    /// The store to crawl with.
    pub store: Disk,
    /// What the run finds of earlier ones.
    pub past: Past,
    /// What had to be left out.
    pub recovery: Recovery,
    /// Writes the records.
    pub writer: Writer,
    /// Ends after the store is dropped.
    pub keeper: JoinHandle<()>,
}

/// What a run finds of those before it.
#[derive(Clone, Debug)]
pub struct Past {
    /// The key of the job's fingerprints.
    pub key: (u64, u64),
    /// What the run noted last; empty for a new job.
    pub note: Vec<u8>,
    /// Seeds that never got to the frontier and have no record yet, by number.
    pub asides: BTreeMap<u64, Vec<u8>>,
    /// How far each source was read, and whether to its end.
    pub sources: BTreeMap<u32, (u64, bool)>,
}

impl Default for Past {
    /// Nothing, and a random key.
    fn default() -> Self {
        let key = (fastrand::u64(..), fastrand::u64(..));
        Self { key, note: Vec::new(), asides: BTreeMap::new(), sources: BTreeMap::new() }
    }
}

impl Job {
    /// Whether there is a job in this directory.
    pub fn exists(directory: &Path) -> bool {
        Manifest::path(directory).exists()
    }

    /// Opens the job in `directory`, or makes one there from `asked`.
    ///
    /// # Errors
    /// When another process has it, when it cannot be read or written, or when it is of another format.
    pub fn open(directory: &Path, asked: Manifest) -> Result<Self, Error> {
        let io = |why| Error::Io(format!("cannot use the job directory `{}`", directory.display()), why);
        if directory.is_file() {
            return Err(Error::Config(format!("`{}` is a file, not a job directory", directory.display())));
        }
        if !Self::exists(directory) && is_occupied(directory) {
            return Err(Error::Config(format!(
                "`{}` is not empty, and no job of gannet\nhint: name a directory that does not exist yet",
                directory.display()
            )));
        }
        std::fs::create_dir_all(directory)
            .and_then(|()| private_dir(&directory.join("frontier")))
            .map_err(io)?;
        let lock = match lock(&directory.join("lock")) {
            Ok(lock) => lock,
            Err(LockError::Held(who)) => return Err(in_use(directory, &who)),
            Err(LockError::Io(why)) => return Err(io(why)),
        };
        let (manifest, is_new) = match Self::exists(directory) {
            true => (Manifest::read(directory)?, false),
            false => (asked, true),
        };
        let boot = boot_id();
        let rebooted = !is_new && manifest.boot_id.is_some() && boot.is_some() && manifest.boot_id != boot;
        let directory = directory.to_owned();
        let mut job = Self { directory, manifest, is_new, rebooted, put_back: 0, _lock: lock };
        if is_cut_short(&job.directory) {
            job.put_back = retry::complete(&job)?;
        }
        Ok(job)
    }

    /// Whether it was made just now.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// What it is.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The machine was started anew since it last ran.
    pub fn rebooted(&self) -> bool {
        self.rebooted
    }

    /// Begins a run of it. `make` opens the output of that number at this length, cutting off what is beyond.
    ///
    /// # Errors
    /// When the frontier is damaged or of another format, or cannot be written, and those of `make`.
    pub fn start(
        &mut self,
        free: BTreeMap<String, String>,
        memory: u64,
        sync: Sync,
        make: impl FnMut((usize, u64)) -> Result<JobSink, Error>,
    ) -> Result<Started, Error> {
        let io = |why| frontier_error(&self.directory, why);
        let options = self.options(memory, sync != Sync::Never);
        let outputs = &self.manifest.outputs;
        let state = DiskState::read(&options, &output::lengths(outputs).map_err(io)?, true).map_err(io)?;
        let lengths = state.outputs.iter().copied().chain(std::iter::repeat(0));
        let sinks = lengths.take(outputs.len()).enumerate().map(make).collect::<Result<Vec<_>, _>>()?;
        self.manifest.begin_run(free, boot_id());
        self.manifest.write(&self.directory, sync != Sync::Never)?;
        let opened = state.start(options).map_err(io)?;
        let key = self.manifest.key;
        let past = Past { key, note: opened.note, asides: opened.asides, sources: opened.sources };
        let link = writer::Link {
            journal: opened.journal,
            commits: opened.commits,
            backlog: opened.backlog,
            bell: opened.bell,
        };
        let writer = Writer::new(self.directory.join("frontier"), key, link, sync, sinks, past.note.clone());
        Ok(Started { store: opened.store, past, recovery: opened.recovery, writer, keeper: opened.keeper })
    }

    fn options(&self, memory: u64, sync: bool) -> DiskOptions {
        DiskOptions {
            directory: self.directory.join("frontier"),
            key: self.manifest.key,
            unique: self.manifest.unique,
            memory,
            sync,
            rebooted: self.rebooted,
            pace: output::pace(&self.manifest.outputs),
        }
    }
}

/// Reads the frontier of a job that this process does not hold, without changing anything.
///
/// # Errors
/// When it cannot be read, is damaged, or of another format, or when an output has lost records.
pub fn read_state(directory: &Path, manifest: &Manifest) -> Result<DiskState, Error> {
    let io = |why| frontier_error(directory, why);
    let options = DiskOptions {
        directory: directory.join("frontier"),
        key: manifest.key,
        unique: manifest.unique,
        memory: 0,
        sync: true,
        rebooted: manifest.boot_id.is_some() && boot_id().is_some_and(|now| manifest.boot_id != Some(now)),
        pace: output::pace(&manifest.outputs),
    };
    let lengths = match holder(directory).is_some() || is_cut_short(directory) {
        // They change while we look.
        true => vec![u64::MAX; manifest.outputs.len()],
        false => output::lengths(&manifest.outputs).map_err(io)?,
    };
    DiskState::read(&options, &lengths, false).map_err(io)
}

/// The process that holds a job, if one does: `pid host`.
pub fn holder(directory: &Path) -> Option<String> {
    Lock::holder(&directory.join("lock"))
}

/// Takes the lock. Who only looks at the job has it for a moment, so a few tries are made.
fn lock(path: &Path) -> Result<Lock, LockError> {
    const TRIES: u32 = 10;
    for _ in 1..TRIES {
        match Lock::acquire(path, &this_process()) {
            Err(LockError::Held(_)) => std::thread::park_timeout(Duration::from_millis(5)),
            other => return other,
        }
    }
    Lock::acquire(path, &this_process())
}

fn frontier_error(directory: &Path, why: io::Error) -> Error {
    Error::Io(format!("cannot read the frontier of the job in `{}`", directory.display()), why)
}

fn in_use(directory: &Path, who: &str) -> Error {
    let holder = match who.split_once(' ') {
        Some((pid, host)) => format!("process {pid} on {host}"),
        None => "another process".to_owned(),
    };
    Error::Config(format!("the job in `{}` is in use by {holder}", directory.display()))
}

/// URLs may hold passwords, so where they are kept is for their owner alone.
fn private_dir(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}

/// Whether a directory holds more than what is left when a process was killed before it had written its job down: files
/// without content, and a frontier without one.
fn is_occupied(directory: &Path) -> bool {
    has(directory, |entry| match entry.file_name().to_str() {
        Some("lock" | "job.json.new") => false,
        Some("frontier") => has(&entry.path(), |entry| entry.file_name() != FIRST_OF_FRONTIER),
        _ => entry.metadata().is_ok_and(|metadata| !metadata.is_file() || metadata.len() > 0),
    })
}

fn has(directory: &Path, of: impl Fn(&std::fs::DirEntry) -> bool) -> bool {
    std::fs::read_dir(directory)
        .is_ok_and(|mut entries| entries.any(|entry| entry.is_ok_and(|entry| of(&entry))))
}
