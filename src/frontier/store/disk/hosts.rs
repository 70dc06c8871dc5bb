//! The file of the groups: their names, and what is saved for each while it sleeps. Append-only rows, the last one of a
//! group counts, and each has a checksum; rewritten when most of it is out of date. In memory it costs 8 bytes per group.

use std::fs::{self, File, OpenOptions};
use std::hash::Hasher as _;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use siphasher::sip::SipHasher13;

use super::bytes::{Damaged, Reader, put, put_bytes};
use super::files;

/// A row: a group's name, its saved state, or that it has neither any more.
const NAMED: u8 = 0;
const SAVED: u8 = 1;
const RELEASED: u8 = 2;
/// The file is rewritten when it is twice as long as what counts of it, and this much at least.
const REWRITE_ABOVE: u64 = 64 << 20;
/// Bytes of a row's checksum.
const CHECK: usize = 4;
/// The longest row that is believed.
const LONGEST: u64 = 16 << 20;

/// See the module.
pub(super) struct Hosts {
    directory: PathBuf,
    generation: u64,
    file: File,
    length: u64,
    /// Bytes of rows that count.
    live: u64,
    /// Where the saved state of a group stands; 0 for none.
    saved_at: Vec<u64>,
    buffer: Vec<u8>,
    outdated: Vec<u64>,
}

impl Hosts {
    /// The file as a checkpoint knew it, or a new one; calls `each` with every name.
    pub(super) fn open(
        directory: &Path,
        generation: u64,
        length: u64,
        writable: bool,
        mut each: impl FnMut(u32, &str),
    ) -> io::Result<Self> {
        let path = path(directory, generation);
        let mut file = match writable {
            true => OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?,
            false => File::open(&path)?,
        };
        if file.metadata()?.len() < length {
            let why = format!("`{}` is shorter than the checkpoint says", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        if writable {
            file.set_len(length)?;
            if length == 0 {
                // So that no row stands at 0.
                file.write_all(b"hosts1\n\0")?;
            }
        }
        let length = length.max(8);
        let mut hosts = Self {
            directory: directory.to_owned(),
            generation,
            file,
            length,
            live: 0,
            saved_at: Vec::new(),
            buffer: Vec::new(),
            outdated: Vec::new(),
        };
        let rows = hosts.rows()?;
        for row in rows {
            let Row { at, group, kind, bytes } = row?;
            hosts.live += bytes.len() as u64 + 4;
            match kind {
                NAMED => {
                    hosts.set(group, 0);
                    each(group, std::str::from_utf8(&bytes).map_err(|_| Damaged)?);
                }
                SAVED => hosts.set(group, at),
                _ => {
                    hosts.set(group, 0);
                    each(group, "");
                }
            }
        }
        Ok(hosts)
    }

    /// Generation and length, for the checkpoint.
    pub(super) fn position(&self) -> (u64, u64) {
        (self.generation, self.length)
    }

    pub(super) fn has_state(&self, group: u32) -> bool {
        self.saved_at.get(group as usize).is_some_and(|at| *at > 0)
    }

    /// What was last saved for a group.
    pub(super) fn state(&mut self, group: u32) -> io::Result<Option<Box<[u8]>>> {
        let at = self.saved_at.get(group as usize).copied().unwrap_or(0);
        if at == 0 {
            return Ok(None);
        }
        self.file.seek(SeekFrom::Start(at))?;
        let row = Row::read(&mut BufReader::with_capacity(512, &self.file), at);
        let row = row.map_err(|why| damaged(&path(&self.directory, self.generation), &why))?;
        Ok(Some(row.bytes.into()))
    }

    pub(super) fn name(&mut self, group: u32, name: Option<&str>) {
        let kind = if name.is_some() { NAMED } else { RELEASED };
        self.row(group, kind, name.unwrap_or_default().as_bytes());
        self.set(group, 0);
    }

    pub(super) fn save(&mut self, group: u32, state: &[u8]) {
        let at = self.row(group, SAVED, state);
        self.set(group, at);
    }

    /// Writes what was added.
    pub(super) fn flush(&mut self, sync: bool) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.length - self.buffer.len() as u64))?;
        self.file.write_all(&self.buffer)?;
        self.buffer.clear();
        if self.length > REWRITE_ABOVE && self.length > 2 * self.live {
            self.rewrite()?;
        }
        if sync { self.file.sync_data() } else { Ok(()) }
    }

    /// Removes the files that no checkpoint knows any more.
    pub(super) fn sweep(&mut self) {
        for generation in self.outdated.drain(..) {
            // It is only garbage: the next sweep of its directory may have it.
            let _ = fs::remove_file(path(&self.directory, generation));
        }
    }

    fn row(&mut self, group: u32, kind: u8, bytes: &[u8]) -> u64 {
        let (at, before) = (self.length, self.buffer.len());
        self.buffer.push(kind);
        put(&mut self.buffer, u64::from(group));
        put_bytes(&mut self.buffer, bytes);
        let check = check(at, kind, group, bytes);
        self.buffer.extend_from_slice(&check);
        self.length += (self.buffer.len() - before) as u64;
        self.live += bytes.len() as u64 + 4;
        at
    }

    fn set(&mut self, group: u32, at: u64) {
        if self.saved_at.len() <= group as usize {
            self.saved_at.resize(group as usize + 1, 0);
        }
        let before = std::mem::replace(&mut self.saved_at[group as usize], at);
        if before > 0 {
            // States of a group are about as long as each other.
            self.live = self.live.saturating_sub(self.live / self.saved_at.len() as u64);
        }
    }

    fn rows(&mut self) -> io::Result<impl Iterator<Item = io::Result<Row>> + use<>> {
        let mut file = BufReader::with_capacity(256 << 10, self.file.try_clone()?);
        file.seek(SeekFrom::Start(8))?;
        let (mut at, end, name) = (8, self.length, path(&self.directory, self.generation));
        Ok(std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let row = Row::read(&mut file, at);
            at = row.as_ref().map_or(end, Row::end);
            Some(row.map_err(|why| damaged(&name, &why)))
        }))
    }

    /// Copies the rows that count into a new file.
    fn rewrite(&mut self) -> io::Result<()> {
        let mut named_at = vec![0; self.saved_at.len()];
        for row in self.rows()? {
            let row = row?;
            match row.kind {
                NAMED => named_at[row.group as usize] = row.at,
                RELEASED => named_at[row.group as usize] = 0,
                _ => {}
            }
        }
        let mut new = Self::open(&self.directory, self.generation + 1, 0, true, |_, _| {})?;
        for row in self.rows()? {
            let Row { at, group, kind, bytes } = row?;
            match kind {
                NAMED if named_at[group as usize] == at => {
                    new.row(group, NAMED, &bytes);
                }
                SAVED if self.saved_at[group as usize] == at => new.save(group, &bytes),
                _ => {}
            }
            if new.buffer.len() > 1 << 20 {
                new.file.write_all(&new.buffer)?;
                new.buffer.clear();
            }
        }
        new.file.write_all(&new.buffer)?;
        new.buffer.clear();
        new.saved_at.resize(self.saved_at.len(), 0);
        new.outdated = std::mem::take(&mut self.outdated);
        new.outdated.push(self.generation);
        *self = new;
        files::sync_dir(&self.directory)
    }
}

/// Where the groups stand.
fn path(directory: &Path, generation: u64) -> PathBuf {
    directory.join(format!("hosts-{generation:08}"))
}

struct Row {
    at: u64,
    group: u32,
    kind: u8,
    bytes: Vec<u8>,
}

impl Row {
    fn read(file: &mut impl Read, at: u64) -> io::Result<Self> {
        let kind = number(file, 1)? as u8;
        let group = u32::try_from(number(file, 10)?).map_err(|_| Damaged)?;
        let length = number(file, 10)?;
        if length > LONGEST || kind > RELEASED {
            return Err(Damaged.into());
        }
        let mut bytes = vec![0; length as usize];
        file.read_exact(&mut bytes)?;
        let mut found = [0; CHECK];
        file.read_exact(&mut found)?;
        if found != check(at, kind, group, &bytes) {
            return Err(Damaged.into());
        }
        Ok(Self { at, group, kind, bytes })
    }

    fn end(&self) -> u64 {
        let mut front = vec![self.kind];
        put(&mut front, u64::from(self.group));
        put(&mut front, self.bytes.len() as u64);
        self.at + (front.len() + self.bytes.len() + CHECK) as u64
    }
}

/// What tells that a row is whole, and where it was written.
fn check(at: u64, kind: u8, group: u32, bytes: &[u8]) -> [u8; CHECK] {
    let mut hasher = SipHasher13::new_with_keys(at, u64::from(group) << 8 | u64::from(kind));
    hasher.write(bytes);
    (hasher.finish() as u32).to_le_bytes()
}

fn damaged(path: &Path, why: &io::Error) -> io::Error {
    io::Error::new(why.kind(), format!("`{}` is damaged: {why}", path.display()))
}

/// Reads a varint of at most so many bytes.
fn number(file: &mut impl Read, most: usize) -> io::Result<u64> {
    let mut bytes = Vec::with_capacity(most);
    let mut byte = [0x80];
    while byte[0] >= 0x80 && bytes.len() < most {
        file.read_exact(&mut byte)?;
        bytes.push(byte[0]);
    }
    Ok(Reader(&bytes).number()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_row_counts() {
        let directory = tempfile::tempdir().unwrap();
        let mut hosts = Hosts::open(directory.path(), 1, 0, true, |_, _| {}).unwrap();
        hosts.name(0, Some("http://a"));
        hosts.name(1, Some("http://b"));
        hosts.save(1, b"first");
        hosts.save(1, b"second");
        hosts.flush(false).unwrap();
        assert_eq!(hosts.state(1).unwrap().as_deref(), Some(&b"second"[..]));
        let (generation, length) = hosts.position();
        hosts.name(1, None);
        hosts.flush(true).unwrap();
        assert!(!hosts.has_state(1));
        drop(hosts);
        let mut names = Vec::new();
        let mut hosts = Hosts::open(directory.path(), generation, length, true, |id, name| {
            names.push((id, name.to_owned()));
        })
        .unwrap();
        assert_eq!(names, [(0, "http://a".to_owned()), (1, "http://b".to_owned())]);
        assert_eq!(hosts.state(1).unwrap().as_deref(), Some(&b"second"[..]));
        assert_eq!(hosts.state(0).unwrap(), None);
        hosts.rewrite().unwrap();
        assert_eq!(hosts.state(1).unwrap().as_deref(), Some(&b"second"[..]));
        hosts.sweep();
        let (generation, length) = hosts.position();
        assert_eq!(generation, 2);
        names.clear();
        Hosts::open(directory.path(), generation, length, false, |id, name| {
            names.push((id, name.to_owned()))
        })
        .unwrap();
        assert_eq!(names.len(), 2);
    }

    #[test]
    fn a_file_that_is_too_short_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let why = Hosts::open(directory.path(), 1, 100, true, |_, _| {}).err().unwrap();
        assert!(why.to_string().contains("shorter"), "{why}");
    }
}
