//! The write-ahead log of a job directory: segments `journal-00000001`, ... of checksummed frames.
//!
//! The disk store appends one frame per group commit and reads the segments back when a job is resumed. A
//! frame is read back whole or not at all: its checksum, under the key of the job, covers the segment, the
//! place in it and the payload, so that neither half a frame nor a stale or moved one passes. Reading stops at
//! the first bad frame and says how many bytes follow; whether that is the end that a crash tore or damage
//! in the middle of the log is for the caller to judge.
//!
//! A segment is a header (magic, format version `u32`, segment number `u64`) and frames (length `u32`,
//! checksum `u64`, payload); numbers are little-endian. An existing segment is never appended to.

use std::fs::{self, File, OpenOptions};
use std::hash::Hasher;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use siphasher::sip::SipHasher13;

use super::files::sync_dir;

/// The longest payload, in bytes: 64 MiB. It bounds what reading a damaged length can allocate.
pub(crate) const MAX_PAYLOAD: usize = 64 << 20;

const MAGIC: [u8; 8] = *b"GANNETWL";
const VERSION: u32 = 1;
const HEADER: usize = MAGIC.len() + 4 + 8;
const FRAME_HEADER: usize = 4 + 8;
/// Capacity that stays allocated between appends; a larger frame gives its memory back.
const KEPT: usize = 1 << 20;
const READ_BUFFER: usize = 64 << 10;

/// A segment that is being written.
pub(crate) struct Journal {
    file: File,
    segment: u64,
    key: (u64, u64),
    end: u64,
    frame: Vec<u8>,
    failed: Option<io::ErrorKind>,
}

impl Journal {
    /// Starts a segment; its name and header are on disk when this returns.
    ///
    /// # Errors
    /// `AlreadyExists` when there is such a segment, which is left as it is; otherwise what the file system
    /// says, and the segment is removed again if that can be done.
    pub(crate) fn create(dir: &Path, segment: u64, key: (u64, u64)) -> io::Result<Self> {
        let path = path(dir, segment);
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        let written = file.write_all(&header(segment)).and_then(|()| file.sync_all());
        if let Err(error) = written.and_then(|()| sync_dir(dir)) {
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        Ok(Self { file, segment, key, end: HEADER as u64, frame: Vec::new(), failed: None })
    }

    /// Its number.
    pub(crate) fn segment(&self) -> u64 {
        self.segment
    }

    /// Appends a frame with one write and returns where it ends, in bytes from the start of the segment. It is
    /// durable only after [`sync`](Self::sync).
    ///
    /// # Errors
    /// `InvalidInput` when the payload is longer than [`MAX_PAYLOAD`]; nothing happened then. Otherwise the
    /// write failed: the segment is cut back to the frame before, if that can be done, and from then on the
    /// journal refuses everything with an error of the same kind.
    pub(crate) fn append(&mut self, payload: &[u8]) -> io::Result<u64> {
        self.check()?;
        if payload.len() > MAX_PAYLOAD {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a journal frame is at most 64 MiB"));
        }
        let sum = checksum(self.key, self.segment, self.end, payload);
        self.frame.clear();
        self.frame.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        self.frame.extend_from_slice(&sum.to_le_bytes());
        self.frame.extend_from_slice(payload);
        if let Err(error) = self.file.write_all(&self.frame) {
            // Half a frame would read as torn in any case; without it nothing looks damaged.
            let _ = self.file.set_len(self.end);
            return Err(self.fail(error));
        }
        self.end += self.frame.len() as u64;
        if self.frame.capacity() > KEPT {
            self.frame = Vec::new();
        }
        Ok(self.end)
    }

    /// Makes durable what was appended.
    ///
    /// # Errors
    /// When it fails, or something failed before. A second try is refused because the system may have dropped
    /// the pages it could not write and would then report success.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.check()?;
        self.file.sync_data().map_err(|error| self.fail(error))
    }

    /// Where the last good frame ends, in bytes from the start of the segment.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    fn check(&self) -> io::Result<()> {
        self.failed.map_or(Ok(()), |kind| Err(io::Error::new(kind, "writing the journal failed before")))
    }

    fn fail(&mut self, error: io::Error) -> io::Error {
        self.failed = Some(error.kind());
        error
    }
}

/// How far a segment is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tail {
    /// Bytes that are good, header included; 0 when not even the header is.
    pub end: u64,
    /// Bytes after these.
    pub torn: u64,
}

/// Reads a segment and passes each good frame on: its payload, and where it ends. Holds one frame at a time.
///
/// A header that is cut off, or all zero as a crash can leave it, counts as torn.
///
/// # Errors
/// `InvalidData` when the file is no journal, is of another version of gannet, or is another segment; what
/// the file system or `deliver` says.
pub(crate) fn read(
    dir: &Path,
    segment: u64,
    key: (u64, u64),
    mut deliver: impl FnMut(&[u8], u64) -> io::Result<()>,
) -> io::Result<Tail> {
    let path = path(dir, segment);
    let file = File::open(&path)?;
    let length = file.metadata()?.len();
    let mut input = BufReader::with_capacity(READ_BUFFER, file);
    if length < HEADER as u64 || !read_header(&mut input, &path, segment)? {
        return Ok(Tail { end: 0, torn: length });
    }
    let mut end = HEADER as u64;
    let mut payload = Vec::new();
    while let Some(sum) = read_frame(&mut input, length - end, &mut payload)? {
        if sum != checksum(key, segment, end, &payload) {
            break;
        }
        end += (FRAME_HEADER + payload.len()) as u64;
        deliver(&payload, end)?;
    }
    Ok(Tail { end, torn: length - end })
}

/// Shortens a segment to its first `end` bytes, or removes it when these do not hold the header. Durable when
/// it returns. An `end` beyond the segment changes nothing.
///
/// # Errors
/// What the file system says.
pub(crate) fn cut(dir: &Path, segment: u64, end: u64) -> io::Result<()> {
    let path = path(dir, segment);
    if end < HEADER as u64 {
        fs::remove_file(&path)?;
        return sync_dir(dir);
    }
    let file = OpenOptions::new().write(true).open(&path)?;
    if end < file.metadata()?.len() {
        file.set_len(end)?;
    }
    file.sync_all()
}

/// The numbers of the segments in a directory, ascending.
///
/// # Errors
/// When the directory cannot be read.
pub(crate) fn segments(dir: &Path) -> io::Result<Vec<u64>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        found.extend(entry?.file_name().to_str().and_then(number));
    }
    found.sort_unstable();
    Ok(found)
}

/// Removes the segments before `segment`, oldest first. This is not synced: after a power failure some may be
/// back.
///
/// # Errors
/// What the file system says.
pub(crate) fn remove_before(dir: &Path, segment: u64) -> io::Result<()> {
    segments(dir)?.into_iter().take_while(|n| *n < segment).try_for_each(|n| fs::remove_file(path(dir, n)))
}

/// The file of a segment.
pub(crate) fn path(dir: &Path, segment: u64) -> PathBuf {
    dir.join(name(segment))
}

fn name(segment: u64) -> String {
    format!("journal-{segment:08}")
}

fn number(file_name: &str) -> Option<u64> {
    let number = file_name.strip_prefix("journal-")?.parse().ok()?;
    // Only the one way that we spell it: `journal-1` is not ours.
    (name(number) == file_name).then_some(number)
}

fn header(segment: u64) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[12..].copy_from_slice(&segment.to_le_bytes());
    header
}

/// Whether the header was written at all; then it must be the right one.
fn read_header(input: &mut impl Read, path: &Path, segment: u64) -> io::Result<bool> {
    let mut found = [0; HEADER];
    input.read_exact(&mut found)?;
    let wanted = header(segment);
    if found == [0; HEADER] {
        return Ok(false);
    }
    let wrong = if found[..8] != wanted[..8] {
        "not a gannet journal"
    } else if found[8..12] != wanted[8..12] {
        "written by another version of gannet"
    } else if found != wanted {
        "another segment of a journal under a wrong name"
    } else {
        return Ok(true);
    };
    Err(io::Error::new(io::ErrorKind::InvalidData, format!("{}: {wrong}", path.display())))
}

/// Reads what looks like a frame and returns its checksum; `None` when the `left` bytes cannot hold one.
fn read_frame(input: &mut impl Read, left: u64, payload: &mut Vec<u8>) -> io::Result<Option<u64>> {
    let Some(left) = left.checked_sub(FRAME_HEADER as u64) else { return Ok(None) };
    let (mut length, mut sum) = ([0; 4], [0; 8]);
    input.read_exact(&mut length)?;
    input.read_exact(&mut sum)?;
    let length = u32::from_le_bytes(length);
    if u64::from(length) > left.min(MAX_PAYLOAD as u64) {
        return Ok(None);
    }
    payload.resize(length as usize, 0);
    input.read_exact(payload)?;
    Ok(Some(u64::from_le_bytes(sum)))
}

/// SipHash-1-3 of what makes a frame this one. The bytes are written one by one, not through `Hash`, so that
/// they are the same on every machine.
fn checksum((k0, k1): (u64, u64), segment: u64, offset: u64, payload: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(k0, k1);
    hasher.write(&segment.to_le_bytes());
    hasher.write(&offset.to_le_bytes());
    hasher.write(payload);
    hasher.finish()
}
