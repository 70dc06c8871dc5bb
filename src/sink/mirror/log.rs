//! What stands where in a mirror: a file of JSON lines that only grows, and an index of it in memory.
//!
//! A line says in which file the content of a URL is, or where the URL redirects to; the last line of a URL counts. URLs are
//! without user and password. Of each URL 16 bytes are kept in memory, of each file as many and of each directory 8, so that no two URLs get
//! one file and no file is where a directory must be; the rest is read from disk when it is asked for. A line that a process was killed in the middle of is cut off.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::url::Fingerprinter;

/// What is read of the log at once; most lines are shorter.
const READ: usize = 512;

/// One line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The URL, without user and password.
    pub(super) url: String,
    /// Its file, relative to the mirror.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<String>,
    /// Its content type, when its links are to be rewritten: `text/html` or `text/css`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) links: Option<String>,
    /// What the text is encoded in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) charset: Option<String>,
    /// Where it redirects to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<String>,
}

/// The log of a mirror.
pub(super) struct Log {
    path: PathBuf,
    file: File,
    end: u64,
    fingerprinter: Fingerprinter,
    /// Where the last line of a URL begins.
    lines: HashMap<u64, u64>,
    /// Whose a path is, letters of both cases being the same.
    owners: HashMap<u64, u64>,
    /// The directories of these paths.
    directories: HashSet<u64>,
}

/// Whether a URL may have a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It has it, or nobody does.
    Free,
    /// Another URL has it, or it is a directory.
    Taken,
    /// One of its directories is a file.
    Blocked,
}

impl Log {
    /// Opens the log, or makes it.
    ///
    /// # Errors
    /// When it cannot be read, or the half line at its end not be cut off.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().read(true).append(true).create(true).open(path)?;
        let mut log = Self {
            path: path.to_owned(),
            file,
            end: 0,
            fingerprinter: Fingerprinter::random(),
            lines: HashMap::new(),
            owners: HashMap::new(),
            directories: HashSet::new(),
        };
        let mut lines = log.read()?;
        while let Some((at, entry)) = lines.next_line()? {
            log.note(at, &entry);
        }
        log.end = lines.end;
        log.file.set_len(log.end)?;
        Ok(log)
    }

    /// What is known of a URL.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(super) fn get(&self, url: &str) -> io::Result<Option<Entry>> {
        let Some(&at) = self.lines.get(&self.fingerprinter.fingerprint_str(url)) else { return Ok(None) };
        let mut file = &self.file;
        file.seek(SeekFrom::Start(at))?;
        let mut line = Vec::with_capacity(READ);
        let mut reader = BufReader::with_capacity(READ, file);
        reader.read_until(b'\n', &mut line)?;
        let entry: Option<Entry> = serde_json::from_slice(&line).ok();
        Ok(entry.filter(|entry| entry.url == url))
    }

    /// Adds a line, if it says anything new.
    ///
    /// # Errors
    /// When the log cannot be read or written.
    pub(super) fn put(&mut self, entry: &Entry) -> io::Result<()> {
        if self.get(&entry.url)?.as_ref() == Some(entry) {
            return Ok(());
        }
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.note(self.end, entry);
        self.end += line.len() as u64;
        Ok(())
    }

    /// Whether this path may be that of this URL.
    pub(super) fn place(&self, path: &str, url: &str) -> Place {
        let own = self.of_path(path);
        let is_owner = |owner: &u64| *owner == self.fingerprinter.fingerprint_str(url);
        match self.owners.get(&own) {
            Some(owner) if !is_owner(owner) => Place::Taken,
            _ if self.directories.contains(&own) => Place::Taken,
            _ if directories(path).any(|above| self.owners.contains_key(&self.of_path(above))) => {
                Place::Blocked
            }
            _ => Place::Free,
        }
    }

    /// All lines from the first on, the log being left as it is.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn read(&self) -> io::Result<Lines> {
        // Opened again, so that it has a place of its own, which a look at the log in between does not move.
        Ok(Lines { reader: BufReader::new(File::open(&self.path)?), line: Vec::new(), end: 0 })
    }

    /// Whether the line at this place is the one that counts for its URL.
    pub(super) fn counts(&self, at: u64, entry: &Entry) -> bool {
        self.lines.get(&self.fingerprinter.fingerprint_str(&entry.url)) == Some(&at)
    }

    fn note(&mut self, at: u64, entry: &Entry) {
        let url = self.fingerprinter.fingerprint_str(&entry.url);
        self.lines.insert(url, at);
        if let Some(path) = &entry.path {
            self.owners.insert(self.of_path(path), url);
            for directory in directories(path) {
                self.directories.insert(self.of_path(directory));
            }
        }
    }

    fn of_path(&self, path: &str) -> u64 {
        self.fingerprinter.fingerprint_str(&path.to_ascii_lowercase())
    }
}

/// The directories that a path leads through.
fn directories(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(slash, _)| &path[..slash])
}

/// Walks over the lines of a log.
pub(super) struct Lines {
    reader: BufReader<File>,
    line: Vec<u8>,
    /// Where the last whole line ends.
    end: u64,
}

impl Lines {
    /// The next line and where it begins; what is no line of this log is passed over.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(super) fn next_line(&mut self) -> io::Result<Option<(u64, Entry)>> {
        loop {
            self.line.clear();
            let length = self.reader.read_until(b'\n', &mut self.line)?;
            if self.line.last() != Some(&b'\n') {
                return Ok(None);
            }
            let at = self.end;
            self.end += length as u64;
            if let Ok(entry) = serde_json::from_slice(&self.line) {
                return Ok(Some((at, entry)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(url: &str, path: &str) -> Entry {
        Entry { url: url.to_owned(), path: Some(path.to_owned()), ..Entry::default() }
    }

    #[test]
    fn the_last_line_of_a_url_counts_and_half_a_line_is_cut_off() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let (a, b, new) = (entry("a", "h/a"), entry("b", "h/b"), entry("a", "h/c"));
        let mut log = Log::open(&path).unwrap();
        for entry in [&a, &b, &b, &new, &new] {
            log.put(entry).unwrap();
        }
        assert_eq!(
            (log.get("a").unwrap(), log.get("b").unwrap(), log.get("c").unwrap()),
            (Some(new.clone()), Some(b), None)
        );
        let whole = std::fs::read(&path).unwrap();
        assert_eq!(
            whole.split(|byte| *byte == b'\n').count(),
            3 + 1,
            "what is said already is not said again"
        );
        for torn in [&b"{\"url\":\"b\",\"pa"[..], b"", b"no line\n\xff\n{"] {
            std::fs::write(&path, [&whole, torn].concat()).unwrap();
            let mut log = Log::open(&path).unwrap();
            assert_eq!(log.get("a").unwrap(), Some(new.clone()));
            let place = |path, url| log.place(path, url);
            assert_eq!(
                (place("H/A", "b"), place("h/C", "a"), place("h/d", "b")),
                (Place::Taken, Place::Free, Place::Free)
            );
            assert_eq!((place("H", "b"), place("h/a/x/y", "a")), (Place::Taken, Place::Blocked));
            let late = entry("d", "h/d");
            log.put(&late).unwrap();
            assert_eq!(Log::open(&path).unwrap().get("d").unwrap(), Some(late));
            let mut lines = log.read().unwrap();
            let mut counting = Vec::new();
            while let Some((at, entry)) = lines.next_line().unwrap() {
                counting.extend(log.counts(at, &entry).then_some(entry.url));
            }
            assert_eq!(counting, ["b", "a", "d"]);
        }
    }
}
