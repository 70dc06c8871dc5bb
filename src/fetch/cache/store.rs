//! [`Store`]: a directory of entries, each a file that is named by the SHA-256 of its URL and replaced as a whole.
//!
//! So two processes may use one directory: whoever reads has an entry as it was or as it is. What was used last is known
//! by the times of the files. When all is more than the limit, the entries that were used least lately are removed until nine
//! tenths are left; each process counts what it wrote itself, so that several may be above it for a while. All of it blocks.

use std::fs::{self, File, FileTimes};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::entry::Entry;

/// Says what the directory is, to backup programs too (bford.info/cachedir).
const TAG: &str = "CACHEDIR.TAG";
const TAG_TEXT: &str = "Signature: 8a477f597d28d172789f06886806bc55\n# HTTP answers of gannet (--cache)\n";

/// A use is noted if the last is so long ago.
const NOTE: Duration = Duration::from_secs(60);

/// A temporary file that is so old is what a process left that was killed.
const LEFT: Duration = Duration::from_secs(3600);

/// See the module.
#[derive(Debug)]
pub(super) struct Store {
    directory: PathBuf,
    most: u64,
    /// Bytes that are there, as far as this process knows.
    used: AtomicU64,
    /// One cleans up at a time.
    cleaning: Mutex<()>,
}

impl Store {
    /// Opens a directory, or makes it, and cleans up.
    ///
    /// # Errors
    /// When it cannot be made or read, or holds something else.
    pub(super) fn open(directory: &Path, most: u64) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let tag = directory.join(TAG);
        if !tag.is_file() {
            if fs::read_dir(directory)?.next().is_some() {
                return Err(io::Error::new(ErrorKind::AlreadyExists, "it holds something else than a cache"));
            }
            fs::write(tag, TAG_TEXT)?;
        }
        let store = Self {
            directory: directory.to_owned(),
            most,
            used: AtomicU64::new(0),
            cleaning: Mutex::default(),
        };
        store.clean()?;
        Ok(store)
    }

    fn path(&self, url: &str) -> PathBuf {
        let hash = Sha256::digest(url.as_bytes());
        let name: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        self.directory.join(&name[..2]).join(&name[2..])
    }

    /// The entry of a URL. What cannot be read is not there.
    pub(super) fn get(&self, url: &str) -> Option<Entry> {
        let mut file = File::open(self.path(url)).ok()?;
        let metadata = file.metadata().ok()?;
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(self.most)).ok()?);
        (&mut file).take(self.most).read_to_end(&mut bytes).ok()?;
        let now = SystemTime::now();
        if metadata.modified().is_ok_and(|used| now.duration_since(used).is_ok_and(|ago| ago > NOTE)) {
            // Not allowed, it is merely removed earlier.
            let _ = file.set_times(FileTimes::new().set_modified(now));
        }
        Entry::from_bytes(Bytes::from(bytes)).filter(|entry| entry.url == url)
    }

    /// Puts an entry in place of that of its URL.
    ///
    /// # Errors
    /// What the disk says.
    pub(super) fn put(&self, entry: &Entry) -> io::Result<()> {
        let (head, body) = entry.to_parts()?;
        let length = (head.len() + body.len()) as u64;
        if length > self.most {
            return Ok(());
        }
        let path = self.path(&entry.url);
        let parent = path.parent().unwrap_or(&self.directory);
        fs::create_dir_all(parent)?;
        let mut file = tempfile::Builder::new().prefix(".").suffix(".new").tempfile_in(parent)?;
        file.write_all(&head)?;
        file.write_all(body)?;
        file.persist(&path)?;
        if self.used.fetch_add(length, Relaxed) + length > self.most {
            self.clean()?;
        }
        Ok(())
    }

    /// Forgets a URL.
    pub(super) fn remove(&self, url: &str) -> io::Result<()> {
        match fs::remove_file(self.path(url)) {
            Err(why) if why.kind() != ErrorKind::NotFound => Err(why),
            _ => Ok(()),
        }
    }

    /// Counts what is there, and removes what is too much.
    fn clean(&self) -> io::Result<()> {
        let Ok(_turn) = self.cleaning.try_lock() else { return Ok(()) };
        let mut entries = Vec::new();
        let mut used = 0;
        for directory in fs::read_dir(&self.directory)? {
            let directory = directory?.path();
            if !is_hex(&directory, 2) {
                continue;
            }
            for file in fs::read_dir(directory)? {
                let file = file?;
                // Another process may have removed it.
                let Ok(metadata) = file.metadata() else { continue };
                let at = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                if is_hex(&file.path(), 62) {
                    used += metadata.len();
                    entries.push((at, metadata.len(), file.path()));
                } else if at.elapsed().is_ok_and(|ago| ago > LEFT) {
                    let _ = fs::remove_file(file.path());
                }
            }
        }
        if used > self.most {
            entries.sort_unstable();
            for (_, length, path) in entries {
                if used <= self.most / 10 * 9 {
                    break;
                }
                if fs::remove_file(path).is_ok() {
                    used -= length;
                }
            }
        }
        self.used.store(used, Relaxed);
        Ok(())
    }
}

/// Whether this is a name that entries and their directories have.
fn is_hex(path: &Path, length: usize) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.len() == length && name.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    fn entry(n: u64, length: usize) -> Entry {
        let now = SystemTime::now();
        Entry {
            url: format!("http://h/{n}"),
            status: 200,
            is_http2: false,
            is_public: false,
            sent: now,
            received: now,
            vary: Vec::new(),
            headers: HeaderMap::new(),
            body: vec![n as u8; length].into(),
        }
    }

    fn total(directory: &Path) -> u64 {
        let files = fs::read_dir(directory).unwrap().flat_map(|directory| {
            fs::read_dir(directory.unwrap().path())
                .into_iter()
                .flatten()
                .map(|file| file.unwrap().metadata().unwrap().len())
        });
        files.sum()
    }

    #[test]
    fn what_was_used_least_lately_goes_first_and_the_limit_holds() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cache");
        let store = Store::open(&path, 100_000).unwrap();
        for n in 0..300 {
            store.put(&entry(n, 1000)).unwrap();
            let used = SystemTime::now() - Duration::from_secs(1000 - n);
            let file = File::options().append(true).open(store.path(&format!("http://h/{n}")));
            file.unwrap().set_times(FileTimes::new().set_modified(used)).unwrap();
            let _ = store.get("http://h/0"); // is used all the time
            assert!(total(&path) <= 100_000);
        }
        assert!(store.get("http://h/0").is_some() && store.get("http://h/299").is_some());
        assert!(store.get("http://h/150").is_none());
        store.put(&entry(1000, 200_000)).unwrap();
        assert!(store.get("http://h/1000").is_none(), "larger than all");
        Store::open(&path, 10_000).unwrap();
        assert!(total(&path) <= 9_000);
    }

    #[test]
    fn a_directory_with_something_else_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("thesis.txt"), "x").unwrap();
        assert!(Store::open(directory.path(), 1).unwrap_err().to_string().contains("something else"));
        let path = directory.path().join("cache");
        let store = Store::open(&path, 100_000).unwrap();
        store.put(&entry(1, 10)).unwrap();
        fs::write(path.join("note"), "x").unwrap();
        Store::open(&path, 1).unwrap();
        assert!(path.join("note").exists() && store.get("http://h/1").is_none());
    }

    #[test]
    fn damaged_files_are_not_there() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), 100_000).unwrap();
        store.put(&entry(1, 100)).unwrap();
        let path = store.path("http://h/1");
        File::options().write(true).open(&path).unwrap().set_len(150).unwrap();
        assert!(store.get("http://h/1").is_none());
        store.put(&entry(1, 100)).unwrap();
        assert!(store.get("http://h/1").is_some());
        fs::rename(&path, store.path("http://h/2").with_file_name("x")).ok();
        store.remove("http://h/1").unwrap();
        store.remove("http://h/1").unwrap();
    }
}
