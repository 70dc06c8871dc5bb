//! An output of a job: a file whose good length is known.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A file that is written from its good length on, and counts.
pub struct Tracked {
    path: PathBuf,
    file: Arc<File>,
    length: Arc<AtomicU64>,
    start: u64,
    cut: u64,
}

/// Looks at a [`Tracked`] output from outside.
pub struct Meter {
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
    pub fn meter(&self) -> Meter {
        Meter { file: Arc::clone(&self.file), length: Arc::clone(&self.length) }
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

impl Meter {
    /// Bytes that the system has taken.
    pub fn length(&self) -> u64 {
        self.length.load(Relaxed)
    }

    /// Waits until they are on the disk itself.
    ///
    /// # Errors
    /// When the disk says so.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// The lengths of the files that are there; 0 for one that is not.
pub(super) fn lengths(paths: &[PathBuf]) -> io::Result<Vec<u64>> {
    let length = |path: &PathBuf| match path.metadata() {
        Ok(metadata) => Ok(metadata.len()),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(why) => Err(io::Error::new(why.kind(), format!("`{}`: {why}", path.display()))),
    };
    paths.iter().map(length).collect()
}
