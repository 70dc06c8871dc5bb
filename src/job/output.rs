//! An output of a job: something whose good length is known, so that the next start can go back to it.
//!
//! The writer puts the length of each output into every frame of the journal, and the next start opens each at the length
//! of the last good frame. What a length counts is the [`Kind`]'s business. [`Tracked`] is the usual one, a file.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::{Deserialize, Serialize};

use crate::frontier::store::Pace;
use crate::sink::sqlite;
use crate::sink::warc::{self, Gauge};

/// What an output is, and so what its length counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A file; its length is in bytes.
    #[default]
    File,
    /// A web archive; its length is that of all its parts.
    Archive,
    /// A file of compressed members; its length is in bytes, and each commit ends a member.
    Packed,
    /// A SQLite database; its length is in rows of `pages`.
    Rows,
}

impl Kind {
    /// How long what is there is; 0 if nothing is.
    pub(super) fn length(self, path: &Path) -> io::Result<u64> {
        match self {
            Self::File | Self::Packed => match path.metadata() {
                Ok(metadata) => Ok(metadata.len()),
                Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(0),
                Err(why) => Err(why),
            },
            Self::Archive => warc::total_length(path),
            Self::Rows if path.exists() => sqlite::rows(path),
            Self::Rows => Ok(0),
        }
    }
}

/// Where an output is, and of which kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Its path; of several files the one that is named.
    pub path: PathBuf,
    /// What is there.
    pub kind: Kind,
}

/// Looks from outside at an output that is being written.
pub trait Meter: Send {
    /// How much of it was handed to the system, counted as its [`Kind`] says.
    fn length(&self) -> u64;

    /// Waits until that is on the disk itself.
    ///
    /// # Errors
    /// When the disk says so.
    fn sync(&self) -> io::Result<()>;
}

/// A [`Meter`] of an archive.
pub fn watch(gauge: Arc<Gauge>) -> Box<dyn Meter> {
    Box::new(ArchiveMeter(gauge))
}

struct ArchiveMeter(Arc<Gauge>);

impl Meter for ArchiveMeter {
    fn length(&self) -> u64 {
        self.0.length()
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync()
    }
}

/// A file that is written from its good length on, and counts.
pub struct Tracked {
    path: PathBuf,
    file: Arc<File>,
    length: Arc<AtomicU64>,
    start: u64,
    cut: u64,
}

/// Looks at a [`Tracked`] file.
struct FileMeter {
    file: Arc<File>,
    length: Arc<AtomicU64>,
}

impl Tracked {
    /// Opens a file and cuts it to this length.
    ///
    /// # Errors
    /// When it cannot be opened, made or cut.
    pub fn open(path: &Path, length: u64) -> io::Result<Self> {
        let open = OpenOptions::new().create(true).append(true).open(path);
        let name = |why: io::Error| io::Error::new(why.kind(), format!("`{}`: {why}", path.display()));
        let file = open.map_err(name)?;
        let before = file.metadata().map_err(name)?.len();
        file.set_len(length).map_err(name)?;
        let (file, count) = (Arc::new(file), Arc::new(AtomicU64::new(length)));
        Ok(Self {
            path: path.to_owned(),
            file,
            length: count,
            start: length,
            cut: before.saturating_sub(length),
        })
    }

    /// Its name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How long it was when it was opened: 0 for a new one.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Bytes beyond that, which were cut off.
    pub fn cut(&self) -> u64 {
        self.cut
    }

    /// Something to watch it by.
    pub fn meter(&self) -> Box<dyn Meter> {
        Box::new(FileMeter { file: Arc::clone(&self.file), length: Arc::clone(&self.length) })
    }
}

impl Write for Tracked {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = (&*self.file).write(bytes)?;
        self.length.fetch_add(written as u64, Relaxed);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Meter for FileMeter {
    fn length(&self) -> u64 {
        self.length.load(Relaxed)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

impl Meter for sqlite::Watch {
    fn length(&self) -> u64 {
        self.rows()
    }

    fn sync(&self) -> io::Result<()> {
        self.sync()
    }
}

/// How often a job with these outputs commits.
pub(super) fn pace(outputs: &[Kept]) -> Pace {
    match outputs.iter().any(|output| matches!(output.kind, Kind::Packed | Kind::Rows)) {
        true => Pace::THRIFTY,
        false => Pace::QUICK,
    }
}

/// The lengths of the outputs that are there; 0 for one that is not.
pub(super) fn lengths(outputs: &[Kept]) -> io::Result<Vec<u64>> {
    let length = |Kept { path, kind }: &Kept| {
        let named = |why: io::Error| io::Error::new(why.kind(), format!("`{}`: {why}", path.display()));
        kind.length(path).map_err(named)
    };
    outputs.iter().map(length).collect()
}
