//! The file of the sieve: fingerprints in ascending order, none twice.
//!
//! All numbers are 64 bits, little endian. A header of 40 bytes, then the fingerprints:
//!
//! | bytes | content |
//! |---|---|
//! | 0..8 | the magic `GNTSIEVE` |
//! | 8..16 | version of the format: 1 |
//! | 16..24 | number of fingerprints |
//! | 24..32 | sum of the fingerprints, modulo 2⁶⁴ |
//! | 32..40 | SipHash-1-3 of bytes 0..32, with key 0 |
//!
//! The header is written last, so a file that was not finished has none. Opening checks header and length,
//! a whole pass checks order and sum. All errors name the file.

use std::fs::File;
use std::hash::Hasher;
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

use siphasher::sip::SipHasher13;

const MAGIC: [u8; 8] = *b"GNTSIEVE";
const VERSION: u64 = 1;
const HEADER: usize = 40;
const ENTRY: u64 = 8;

/// Bytes of a buffer: enough that the disk, not the calls, is what a pass waits for.
const BUFFER: usize = 256 * 1024;

/// A finished file, open for reading.
pub(in super::super) struct Sorted {
    file: File,
    path: PathBuf,
    len: u64,
    sum: u64,
}

impl Sorted {
    /// Opens the file at `path` and checks its header and its length.
    ///
    /// # Errors
    /// `InvalidData` when it is no finished file of this kind and version, or is cut short; otherwise what
    /// the system says.
    pub(in super::super) fn open(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path).map_err(|e| named(path, &e))?;
        let bytes = file.metadata().map_err(|e| named(path, &e))?.len();
        if bytes < HEADER as u64 {
            return Err(invalid(path, "too short for a header"));
        }
        let mut found = [0; HEADER];
        file.read_exact(&mut found).map_err(|e| named(path, &e))?;
        let (len, sum) = parse(&found).map_err(|why| invalid(path, why))?;
        if len.checked_mul(ENTRY) != Some(bytes - HEADER as u64) {
            return Err(invalid(path, &format!("{bytes} bytes are not a header and {len} fingerprints")));
        }
        Ok(Self { file, path: path.to_owned(), len, sum })
    }

    /// How many fingerprints it has.
    pub(in super::super) fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has `fingerprint`. Some 26 reads in 50 M: for verification, not for every link.
    ///
    /// # Errors
    /// What the system says.
    pub(in super::super) fn contains(&self, fingerprint: u64) -> io::Result<bool> {
        let (mut low, mut high) = (0, self.len);
        while low < high {
            let middle = low + (high - low) / 2;
            let mut entry = [0; ENTRY as usize];
            read_at(&self.file, &mut entry, HEADER as u64 + middle * ENTRY)
                .map_err(|e| named(&self.path, &e))?;
            match u64::from_le_bytes(entry).cmp(&fingerprint) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Ok(true),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(false)
    }

    /// Starts a pass over the fingerprints.
    ///
    /// # Errors
    /// Those of [`Reader::advance`].
    pub(super) fn read(self) -> io::Result<Reader> {
        let input = BufReader::with_capacity(BUFFER, self.file);
        let mut reader = Reader { input, path: self.path, left: self.len, next: None, sum: self.sum };
        reader.advance()?;
        Ok(reader)
    }
}

/// A pass over a [`Sorted`].
pub(super) struct Reader {
    input: BufReader<File>,
    path: PathBuf,
    /// How many are to be read after `next`.
    left: u64,
    next: Option<u64>,
    /// Of those to be read after `next`.
    sum: u64,
}

impl Reader {
    /// The next fingerprint; `None` after the last.
    pub(super) fn peek(&self) -> Option<u64> {
        self.next
    }

    /// Passes the next one.
    ///
    /// # Errors
    /// `InvalidData` when the one behind it is not greater, or it was the last and their sum is not as it was;
    /// otherwise what the system says.
    pub(super) fn advance(&mut self) -> io::Result<()> {
        if self.left == 0 {
            self.next = None;
            return if self.sum == 0 {
                Ok(())
            } else {
                Err(invalid(&self.path, "its fingerprints are damaged"))
            };
        }
        let mut entry = [0; ENTRY as usize];
        self.input.read_exact(&mut entry).map_err(|e| named(&self.path, &e))?;
        let found = Some(u64::from_le_bytes(entry));
        self.sum = self.sum.wrapping_sub(u64::from_le_bytes(entry));
        if found <= self.next {
            return Err(invalid(&self.path, "its fingerprints do not ascend"));
        }
        self.left -= 1;
        self.next = found;
        Ok(())
    }
}

/// A file that is being written.
pub(super) struct Writer {
    output: BufWriter<File>,
    path: PathBuf,
    len: u64,
    sum: u64,
}

impl Writer {
    /// Creates the file at `path`, or empties it.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = File::create(path).map_err(|e| named(path, &e))?;
        let mut writer =
            Self { output: BufWriter::with_capacity(BUFFER, file), path: path.to_owned(), len: 0, sum: 0 };
        writer.write(&[0; HEADER])?;
        Ok(writer)
    }

    /// Appends a fingerprint, which the caller knows to be greater than the last.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn push(&mut self, fingerprint: u64) -> io::Result<()> {
        self.len += 1;
        self.sum = self.sum.wrapping_add(fingerprint);
        self.write(&fingerprint.to_le_bytes())
    }

    /// Writes the header and waits until all is on the disk. Returns the number of fingerprints.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        self.output.rewind().map_err(|e| named(&self.path, &e))?;
        self.write(&header(self.len, self.sum))?;
        let file = self.output.into_inner().map_err(|e| named(&self.path, e.error()))?;
        file.sync_all().map_err(|e| named(&self.path, &e))?;
        Ok(self.len)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.output.write_all(bytes).map_err(|e| named(&self.path, &e))
    }
}

fn header(len: u64, sum: u64) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..16].copy_from_slice(&VERSION.to_le_bytes());
    bytes[16..24].copy_from_slice(&len.to_le_bytes());
    bytes[24..32].copy_from_slice(&sum.to_le_bytes());
    let mut hasher = SipHasher13::new();
    hasher.write(&bytes[..32]);
    bytes[32..].copy_from_slice(&hasher.finish().to_le_bytes());
    bytes
}

/// The number of fingerprints and their sum, or what is wrong.
fn parse(found: &[u8; HEADER]) -> Result<(u64, u64), &'static str> {
    let ([magic, version, len, sum, _], _) = found.as_chunks::<8>() else { return Err("no header") };
    if *magic != MAGIC {
        return Err("not a file of fingerprints, or one that was not finished");
    }
    if u64::from_le_bytes(*version) != VERSION {
        return Err("a file of fingerprints of another version");
    }
    let (len, sum) = (u64::from_le_bytes(*len), u64::from_le_bytes(*sum));
    if header(len, sum) != *found { Err("its header is damaged") } else { Ok((len, sum)) }
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn invalid(path: &Path, why: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("{}: {why}", path.display()))
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(not(unix))]
fn read_at(mut file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    file.seek(io::SeekFrom::Start(offset))?;
    file.read_exact(buffer)
}
