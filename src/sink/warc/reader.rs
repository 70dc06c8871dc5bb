//! Reads archives back, record by record: for the index of what an earlier run wrote, and for tests.
//!
//! Takes what [`Compression`](super::Compression) writes, by its first bytes: a member may hold several records, as other
//! tools have it, but then only the first has a place that can be sought. Strict otherwise: what is no record is an error.
//! Of a block no more is kept than is asked for.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;

use super::record::END;

/// The longest line of a head, and the most lines.
const MAX_LINE: u64 = 1 << 20;
const MAX_LINES: usize = 1000;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it begins in the file; its member, if it is compressed.
    pub offset: u64,
    /// Bytes of the file that it takes.
    pub length: u64,
    /// Its named fields, as written.
    pub fields: Vec<(String, String)>,
    /// Its block, as far as it was to be kept.
    pub block: Vec<u8>,
}

impl Record {
    /// The value of a field; the names of fields have no case.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Its type, e.g. `response`.
    pub fn kind(&self) -> &str {
        self.field("WARC-Type").unwrap_or_default()
    }

    /// The head of the HTTP message in its block, and what follows it; `None` if there is none.
    pub fn http(&self) -> Option<(&[u8], &[u8])> {
        let is_http = self.field("Content-Type")?.trim_start().starts_with("application/http");
        let end = self.block.windows(4).position(|window| window == b"\r\n\r\n").filter(|_| is_http)? + 4;
        Some(self.block.split_at(end))
    }
}

/// Bytes of a file, and how many were taken.
struct Counted<R> {
    inner: BufReader<R>,
    count: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(out)?;
        self.count += count as u64;
        Ok(count)
    }
}

impl<R: Read> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.count += count as u64;
        self.inner.consume(count);
    }
}

/// Reads the records of one file.
pub struct Reader<R> {
    source: Counted<R>,
    keep: u64,
}

impl<R: Read> Reader<R> {
    /// Reads from the beginning of a file, and keeps so many bytes of each block.
    pub fn new(source: R, keep: u64) -> Self {
        Self { source: Counted { inner: BufReader::with_capacity(128 << 10, source), count: 0 }, keep }
    }

    /// Gives each record of the file.
    ///
    /// # Errors
    /// When it cannot be read or is no archive, and those of `take`.
    pub fn each(mut self, mut take: impl FnMut(Record) -> io::Result<()>) -> io::Result<()> {
        loop {
            let (start, first) = (self.source.count, self.source.fill_buf()?.first().copied());
            let mut records = match first {
                None => return Ok(()),
                Some(0x1f) => {
                    let mut member = BufReader::new(GzDecoder::new(&mut self.source));
                    records(&mut member, self.keep, usize::MAX)?
                }
                Some(0x28) => {
                    let frame = zstd::stream::read::Decoder::with_buffer(&mut self.source)?.single_frame();
                    records(&mut BufReader::new(frame), self.keep, usize::MAX)?
                }
                Some(_) => records(&mut self.source, self.keep, 1)?,
            };
            // What ends a record belongs to its member, and to no record that stands alone (as cdxj-indexer has it).
            let end = if matches!(first, Some(0x1f | 0x28)) { 0 } else { END.len() as u64 };
            if let Some(only) = records.first_mut() {
                (only.offset, only.length) = (start, self.source.count - start - end);
            }
            records.into_iter().try_for_each(&mut take)?;
        }
    }
}

/// The records up to the end of a member, at most so many.
fn records(source: &mut impl BufRead, keep: u64, most: usize) -> io::Result<Vec<Record>> {
    let mut records = Vec::new();
    while records.len() < most {
        match record(source, keep)? {
            Some(record) => records.push(record),
            None => break,
        }
    }
    Ok(records)
}

fn record(source: &mut impl BufRead, keep: u64) -> io::Result<Option<Record>> {
    let Some(version) = line(source)? else { return Ok(None) };
    if !version.starts_with("WARC/") {
        return Err(bad("a record does not begin with its version"));
    }
    let mut fields: Vec<(String, String)> = Vec::new();
    loop {
        let line = line(source)?.ok_or_else(|| bad("a record ends within its fields"))?;
        match (line.as_str(), fields.last_mut()) {
            ("", _) => break,
            (rest, Some((_, value))) if rest.starts_with([' ', '\t']) => {
                *value = format!("{value} {}", rest.trim())
            }
            (field, _) => {
                let (name, value) = field.split_once(':').ok_or_else(|| bad("a field has no name"))?;
                fields.push((name.trim().to_owned(), value.trim().to_owned()));
            }
        }
        if fields.len() > MAX_LINES {
            return Err(bad("a record has too many fields"));
        }
    }
    let mut record = Record { offset: 0, length: 0, fields, block: Vec::new() };
    let length = record.field("Content-Length").and_then(|length| length.parse::<u64>().ok());
    let length = length.ok_or_else(|| bad("a record has no length"))?;
    source.by_ref().take(length.min(keep)).read_to_end(&mut record.block)?;
    let rest = length - record.block.len() as u64;
    let skipped = io::copy(&mut source.by_ref().take(rest), &mut io::sink())?;
    let mut end = [0; 4];
    source.read_exact(&mut end).map_err(|_| bad("a record ends early"))?;
    if skipped < rest || end != *b"\r\n\r\n" {
        return Err(bad("a record does not end where it says"));
    }
    Ok(Some(record))
}

/// A line without its end; `None` at the end of the source.
fn line(source: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    source.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.pop() != Some(b'\n') {
        return Err(bad("a line does not end"));
    }
    line.truncate(line.strip_suffix(b"\r").map_or(line.len(), <[u8]>::len));
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

fn bad(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
