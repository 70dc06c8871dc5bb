//! The data files of the queues: chunks are appended to the current one, and never changed.
//!
//! `Queues` writes and reads chunks here and says when one is no longer needed. A file is full at 64 MiB.
//! Of each file the log knows its end, beyond which nothing is read, and how many bytes are live; one
//! without live bytes is retired at the next save and deleted by the sweep after it. What was appended last
//! is in a buffer, always whole chunks, and is read from there. A log that is opened again starts a new
//! file: what a lost state wrote behind the saved end of an old one is never seen, and needs no truncating.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::block;
use super::chunk::{HEADER, Header, Link, PAYLOAD, Place, Pointer};
use super::handles::Handles;

const BUFFER: usize = 256 << 10;
const FIRST_READ: u32 = 4096;

/// Sizes in bytes.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// A file gets no more runs at this size.
    pub file: u32,
    /// Blocks of a run; also how much of a tail is in memory while it is turned around.
    pub run: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file: 64 << 20, run: 4 << 20 }
    }
}

/// What is known of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Data {
    /// Its size.
    pub end: u32,
    /// Bytes of the chunks that are still needed.
    pub live: u32,
    /// The last save does not need it.
    retired: bool,
    /// It was written to since the last sync.
    dirty: bool,
}

impl Data {
    pub(super) fn new(end: u32, live: u32) -> Self {
        Self { end, live, ..Self::default() }
    }
}

/// All data files.
pub(super) struct Log {
    handles: Handles,
    files: BTreeMap<u32, Data>,
    limits: Limits,
    /// Number of the file that is written to; it is made when it is first flushed to.
    current: u32,
    /// Size of the current file on disk. The buffer continues it.
    flushed: u32,
    buffer: Vec<u8>,
    /// A file was made since the last sync.
    new_names: bool,
}

impl Log {
    /// Opens the files that a save knew, `current` being the one then written to; deletes all others if it is to be
    /// written.
    pub(super) fn open(
        dir: &Path,
        current: u32,
        files: BTreeMap<u32, Data>,
        writable: bool,
        limits: Limits,
    ) -> io::Result<Self> {
        let mut handles = Handles::new(dir);
        for number in handles.list()? {
            if writable && !files.contains_key(&number) {
                handles.delete(number)?;
            }
        }
        let current = current + 1;
        Ok(Self { handles, files, limits, current, flushed: 0, buffer: Vec::new(), new_names: false })
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    pub(super) fn current(&self) -> u32 {
        self.current
    }

    /// The files that are still needed, with their numbers.
    pub(super) fn files(&self) -> impl Iterator<Item = (u32, Data)> {
        self.files.iter().filter(|(_, data)| !data.retired).map(|(number, data)| (*number, *data))
    }

    #[cfg(test)]
    pub(super) fn disk_bytes(&self) -> u64 {
        self.files.values().map(|data| u64::from(data.end)).sum()
    }

    /// Appends blocks, at least one, as a run; returns where it starts.
    pub(super) fn write(&mut self, group: u32, blocks: &[u8], link: Link) -> io::Result<Pointer> {
        let pieces = block::cut(blocks, PAYLOAD)?;
        let size = blocks.len() + pieces.len() * HEADER;
        self.make_room(size)?;
        let start = self.end();
        for (n, piece) in pieces.iter().enumerate() {
            let continues = n + 1 < pieces.len();
            let link = match link {
                Link::Before(_) if n == 0 => link,
                Link::After(_) if !continues => link,
                _ => Link::After(Place::NONE),
            };
            let at = self.end();
            Header::new(group, continues, link, piece.len()).write(at, piece, &mut self.buffer);
        }
        let data = self.files.entry(self.current).or_default();
        data.end += size as u32;
        data.live += size as u32;
        Ok(start)
    }

    /// Where the next chunk goes.
    fn end(&self) -> Pointer {
        Pointer { file: self.current, offset: self.flushed + self.buffer.len() as u32 }
    }

    /// Sees to it that a run of so many bytes fits into the current file, and that the buffer stays small.
    fn make_room(&mut self, size: usize) -> io::Result<()> {
        let end = self.end().offset;
        if end > 0 && end as usize + size > self.limits.file as usize {
            self.flush()?;
            self.current += 1;
            self.flushed = 0;
        } else if self.buffer.len() + size > BUFFER {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes the buffer out. After an error it is as before and may be tried again.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        if self.flushed == 0 {
            self.handles.create(self.current)?;
            self.new_names = true;
        }
        self.handles.write(self.current, self.flushed, &self.buffer)?;
        self.files.entry(self.current).or_default().dirty = true;
        self.flushed += self.buffer.len() as u32;
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER);
        Ok(())
    }

    /// Reads the chunk of `group` at `at` into `chunk`, header included, and checks it.
    pub(super) fn read(&mut self, at: Pointer, group: u32, chunk: &mut Vec<u8>) -> io::Result<Header> {
        let available = self.available(at)?;
        chunk.clear();
        self.fetch(at, available.min(FIRST_READ), chunk)?;
        let header = Header::read(chunk).ok_or_else(|| self.damaged(at, "no chunk starts here"))?;
        if header.group != group {
            return Err(self.damaged(at, "the chunk is of another group"));
        }
        if header.size() > available {
            return Err(self.damaged(at, "the chunk does not end"));
        }
        self.fetch(at, header.size(), chunk)?;
        if !header.is_intact(at, chunk) {
            return Err(self.damaged(at, "the checksum is wrong"));
        }
        Ok(header)
    }

    /// How many bytes there are to read from `at` on, all in the buffer or all in a file.
    fn available(&self, at: Pointer) -> io::Result<u32> {
        let end = match self.files.get(&at.file) {
            Some(_) if at.file == self.current && at.offset < self.flushed => self.flushed,
            Some(data) => data.end,
            None => return Err(self.damaged(at, "there is no such file")),
        };
        end.checked_sub(at.offset).ok_or_else(|| self.damaged(at, "it is behind the end"))
    }

    /// Makes `chunk`, which holds what was read from `at` so far, `size` bytes long.
    fn fetch(&mut self, at: Pointer, size: u32, chunk: &mut Vec<u8>) -> io::Result<()> {
        let from = chunk.len();
        chunk.resize(size as usize, 0);
        let Some(missing) = chunk.get_mut(from..).filter(|missing| !missing.is_empty()) else {
            return Ok(());
        };
        if at.file == self.current && at.offset >= self.flushed {
            let start = (at.offset - self.flushed) as usize + from;
            missing.copy_from_slice(&self.buffer[start..start + missing.len()]);
            return Ok(());
        }
        self.handles.read(at.file, at.offset + from as u32, missing).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => self.damaged(at, "the file is too short"),
            _ => error,
        })
    }

    /// So many bytes of a file, of whole chunks, are no longer needed.
    pub(super) fn release(&mut self, file: u32, bytes: u32) -> io::Result<()> {
        let live = self.files.get(&file).and_then(|data| data.live.checked_sub(bytes));
        let at = Pointer { file, offset: 0 };
        let live = live.ok_or_else(|| self.damaged(at, "more is released than was written"))?;
        self.files.entry(file).and_modify(|data| data.live = live);
        Ok(())
    }

    /// Marks the files that a save made now does not need.
    pub(super) fn retire(&mut self) {
        for (number, data) in &mut self.files {
            data.retired = data.live == 0 && *number != self.current;
        }
    }

    /// Deletes the files so marked; returns how many there were.
    pub(super) fn sweep(&mut self) -> io::Result<usize> {
        let retired: Vec<u32> = self.files.iter().filter(|(_, data)| data.retired).map(|(n, _)| *n).collect();
        for number in &retired {
            self.handles.delete(*number)?;
            self.files.remove(number);
        }
        Ok(retired.len())
    }

    /// Makes all that was written durable.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.flush()?;
        for (number, data) in &mut self.files {
            if data.dirty {
                self.handles.sync(*number)?;
                data.dirty = false;
            }
        }
        if self.new_names {
            self.handles.sync_names()?;
            self.new_names = false;
        }
        Ok(())
    }

    /// The error for something wrong at a place.
    pub(super) fn damaged(&self, at: Pointer, what: &str) -> io::Error {
        let path = self.handles.path(at.file);
        super::invalid(&format!("{}: damaged at byte {}: {what}", path.display(), at.offset))
    }
}
