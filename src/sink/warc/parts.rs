//! The files of an archive, in order: `crawl-00000.warc.gz`, `crawl-00001.warc.gz` … and the open one, `crawl.warc.gz`.
//!
//! The open part always has the name that was given; when it is full it is renamed to the next number. The names sort in
//! the order in which the parts were written. The length of an archive is that of all parts together; it only ever grows
//! while a run lasts, and a later run can go back to any length it had ([`Parts::open`]).

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use super::member::Compression;

/// The open part, and how much there is of all of them.
pub(super) struct Parts {
    path: PathBuf,
    file: Arc<File>,
    /// Numbered parts.
    closed: u32,
    /// Bytes of the open part.
    length: u64,
    gauge: Arc<Gauge>,
}

/// Looks at an archive from outside while it is written.
pub struct Gauge {
    total: AtomicU64,
    file: Mutex<Arc<File>>,
}

impl Gauge {
    /// Bytes of all parts that were handed to the system.
    pub fn length(&self) -> u64 {
        self.total.load(Relaxed)
    }

    /// Waits until they are on the disk itself.
    ///
    /// # Errors
    /// When the disk says so.
    pub fn sync(&self) -> io::Result<()> {
        let file = Arc::clone(&self.file.lock().unwrap_or_else(PoisonError::into_inner));
        file.sync_data() // what was closed before is there already
    }
}

/// The name of a part that is full.
pub(super) fn numbered(path: &Path, number: u32) -> PathBuf {
    let (stem, suffix) = split(path);
    path.with_file_name(format!("{stem}-{number:05}{suffix}"))
}

/// The name of the index of an archive: `crawl.cdxj` beside `crawl.warc.gz`.
pub fn index_path(path: &Path) -> PathBuf {
    path.with_file_name(format!("{}.cdxj", split(path).0))
}

/// The name of an archive without and with its suffix alone.
fn split(path: &Path) -> (String, String) {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let stem = Compression::of(path).map_or_else(|| name.clone(), |(stem, _)| stem.to_owned());
    let suffix = name[stem.len()..].to_owned();
    (stem, suffix)
}

/// The directory that a file is in.
pub(super) fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."))
}

/// The parts that are full, in order.
fn closed(path: &Path) -> impl Iterator<Item = PathBuf> + '_ {
    (0..).map(|number| numbered(path, number)).take_while(|path| path.exists())
}

fn length_of(path: &Path) -> io::Result<u64> {
    match path.metadata() {
        Ok(metadata) => Ok(metadata.len()),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(why) => Err(why),
    }
}

/// The parts of an archive that are there, in order, with their lengths.
pub(super) fn files(path: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
    let open = path.exists().then(|| path.to_owned());
    closed(path).chain(open).map(|part| length_of(&part).map(|length| (part, length))).collect()
}

/// Bytes of all parts of an archive; 0 if there is none.
///
/// # Errors
/// When a part cannot be looked at.
pub fn total_length(path: &Path) -> io::Result<u64> {
    Ok(files(path)?.iter().map(|(_, length)| length).sum())
}

/// A part of an earlier run, if there is one: a new archive would be taken for its end.
pub fn leftover(path: &Path) -> Option<PathBuf> {
    closed(path).next()
}

/// Cuts an archive to a length that it had.
///
/// # Errors
/// When a part cannot be changed.
pub fn cut(path: &Path, length: u64) -> io::Result<()> {
    Parts::open(path, length)?.file.sync_data()
}

impl Parts {
    /// Opens the archive at a length that it had: what is beyond is cut off.
    pub(super) fn open(path: &Path, length: u64) -> io::Result<Self> {
        let (mut before, mut kept) = (0, 0);
        let mut all = closed(path).collect::<Vec<_>>().into_iter();
        let mut reopened = None;
        for part in all.by_ref() {
            let end = before + length_of(&part)?;
            if end > length {
                reopened = Some(part);
                break;
            }
            (before, kept) = (end, kept + 1);
        }
        if let Some(part) = reopened {
            // The last goes first: whatever of this a crash leaves undone is done by the next start.
            if path.exists() {
                std::fs::remove_file(path)?;
            }
            all.rev().try_for_each(std::fs::remove_file)?;
            std::fs::rename(part, path)?;
        }
        if length == 0 {
            // It would speak of another archive.
            let _ = std::fs::remove_file(index_path(path));
        }
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        file.set_len(length - before)?;
        let file = Arc::new(file);
        let gauge = Gauge { total: AtomicU64::new(length), file: Mutex::new(Arc::clone(&file)) };
        Ok(Self {
            path: path.to_owned(),
            file,
            closed: kept,
            length: length - before,
            gauge: Arc::new(gauge),
        })
    }

    pub(super) fn gauge(&self) -> Arc<Gauge> {
        Arc::clone(&self.gauge)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The number that the open part will have.
    pub(super) fn number(&self) -> u32 {
        self.closed
    }

    /// Bytes of the open part.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        (&*self.file).write_all(bytes)?;
        self.length += bytes.len() as u64;
        self.gauge.total.fetch_add(bytes.len() as u64, Relaxed);
        Ok(())
    }

    /// Gives the open part its number, and opens the next.
    pub(super) fn rotate(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        let full = numbered(&self.path, self.closed);
        if full.exists() {
            let why = format!("`{}` is there already", full.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
        }
        std::fs::rename(&self.path, full)?;
        let file = Arc::new(OpenOptions::new().create_new(true).append(true).open(&self.path)?);
        File::open(directory_of(&self.path))?.sync_all()?;
        *self.gauge.file.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&file);
        (self.file, self.closed, self.length) = (file, self.closed + 1, 0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<(String, u64)> {
        let entries = std::fs::read_dir(directory).unwrap().map(Result::unwrap);
        let mut names: Vec<_> =
            entries.map(|e| (e.file_name().into_string().unwrap(), e.metadata().unwrap().len())).collect();
        names.sort();
        names
    }

    /// An archive of parts with 3, 4 and 5 bytes.
    fn three(directory: &Path) -> PathBuf {
        let path = directory.join("a.b.warc.gz");
        let mut parts = Parts::open(&path, 0).unwrap();
        for part in [&b"abc"[..], b"defg", b"hijkl"] {
            if parts.length() > 0 {
                parts.rotate().unwrap();
            }
            parts.write(part).unwrap();
        }
        assert_eq!((parts.gauge().length(), parts.number()), (12, 2));
        path
    }

    #[test]
    fn the_names_of_parts_sort() {
        let directory = tempfile::tempdir().unwrap();
        let path = three(directory.path());
        let found = names(directory.path());
        let expected = [("a.b-00000.warc.gz", 3), ("a.b-00001.warc.gz", 4), ("a.b.warc.gz", 5)];
        assert_eq!(found, expected.map(|(name, length)| (name.to_owned(), length)));
        assert_eq!(total_length(&path).unwrap(), 12);
        assert_eq!(index_path(&path), directory.path().join("a.b.cdxj"));
        assert!(leftover(&path).is_some());
    }

    #[test]
    fn an_archive_goes_back_to_any_length() {
        for length in 0..=12u64 {
            let directory = tempfile::tempdir().unwrap();
            let path = three(directory.path());
            let mut parts = Parts::open(&path, length).unwrap();
            assert_eq!(total_length(&path).unwrap(), length);
            parts.write(b"XY").unwrap();
            let whole: Vec<u8> =
                files(&path).unwrap().iter().flat_map(|(path, _)| std::fs::read(path).unwrap()).collect();
            assert_eq!(whole, [&b"abcdefghijkl"[..length as usize], b"XY"].concat(), "{length}");
            assert_eq!((parts.gauge().length(), total_length(&path).unwrap()), (length + 2, length + 2));
            parts.rotate().unwrap();
            assert_eq!(parts.length(), 0);
        }
    }
}
