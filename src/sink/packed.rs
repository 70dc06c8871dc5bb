//! Text outputs that are compressed, in gzip or zstd, by the suffix of their name: `.jsonl.gz`, `.csv.zst`.
//!
//! [`Packed`] stands between an encoder and a file. It writes whole members (RFC 1952 §2.2), or frames (RFC 8878 §3.1),
//! one for each flush: several are one valid file to all who read these formats, and whatever ends the process
//! cuts only the last. [`Seldom`] makes flushes rare enough that members are worth their head; a job has its own pace.

use std::io::{self, BufReader, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::Sink;
use crate::outcome::Outcome;

/// Bytes of text that a member holds at most, and the last record.
const MEMBER: usize = 1 << 20;

/// The usual levels of both programs.
const GZIP_LEVEL: u32 = 6;
const ZSTD_LEVEL: i32 = 3;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// `.gz`
    Gzip,
    /// `.zst`
    Zstd,
}

impl Codec {
    /// That of a file by its name, and the name that it has without.
    pub fn of(path: &Path) -> (Option<Self>, &Path) {
        let codec = match path.extension().and_then(|suffix| suffix.to_str()) {
            Some(suffix) if suffix.eq_ignore_ascii_case("gz") => Some(Self::Gzip),
            Some(suffix) if suffix.eq_ignore_ascii_case("zst") => Some(Self::Zstd),
            _ => None,
        };
        (codec, codec.and(path.file_stem()).map_or(path, Path::new))
    }

    /// Reads what [`Packed`] wrote.
    ///
    /// # Errors
    /// When no decoder can be had.
    pub fn reader<'a>(self, file: impl Read + Send + 'a) -> io::Result<Box<dyn Read + Send + 'a>> {
        let file = BufReader::with_capacity(256 << 10, file);
        Ok(match self {
            Self::Gzip => Box::new(MultiGzDecoder::new(file)),
            Self::Zstd => Box::new(zstd::Decoder::with_buffer(file)?),
        })
    }

    fn member(self, text: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip => {
                let mut member = GzEncoder::new(Vec::new(), flate2::Compression::new(GZIP_LEVEL));
                member.write_all(text)?;
                member.finish()
            }
            Self::Zstd => {
                let mut compressor = zstd::bulk::Compressor::new(ZSTD_LEVEL)?;
                compressor.include_checksum(true)?;
                compressor.compress(text)
            }
        }
    }
}

/// Writes what it is given in compressed members, each ended by a flush or by its size.
pub struct Packed<W> {
    codec: Codec,
    out: W,
    text: Vec<u8>,
    is_empty: bool,
}

impl<W: Write> Packed<W> {
    /// Goes on with an output that has this many bytes, compressed.
    pub fn new(codec: Codec, out: W, length: u64) -> Self {
        Self { codec, out, text: Vec::new(), is_empty: length == 0 }
    }

    fn end_member(&mut self) -> io::Result<()> {
        self.out.write_all(&self.codec.member(&self.text)?)?;
        self.text.clear();
        self.is_empty = false;
        Ok(())
    }
}

impl<W: Write> Write for Packed<W> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(text);
        if self.text.len() >= MEMBER {
            self.end_member()?;
        }
        Ok(text.len())
    }

    /// Ends the member. A file of no bytes is no compressed file, so the first may be empty.
    fn flush(&mut self) -> io::Result<()> {
        if self.is_empty || !self.text.is_empty() {
            self.end_member()?;
        }
        self.out.flush()
    }
}

/// A sink whose records wait for each other: it is flushed about once a second.
pub struct Seldom<S> {
    sink: S,
    flushed: Option<Instant>,
}

impl<S: Sink> Seldom<S> {
    /// The longest that a record waits for the next one.
    const EVERY: Duration = Duration::from_secs(1);

    /// The same sink with fewer flushes.
    pub fn new(sink: S) -> Self {
        Self { sink, flushed: None }
    }
}

impl<S: Sink> Sink for Seldom<S> {
    fn write(&mut self, outcome: &Outcome) -> io::Result<()> {
        self.sink.write(outcome)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.flushed.is_some_and(|at| at.elapsed() < Self::EVERY) {
            return Ok(());
        }
        self.sink.flush()?;
        self.flushed = Some(Instant::now());
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        Box::new(self.sink).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_one_file_wherever_it_was_flushed() {
        for codec in [Codec::Gzip, Codec::Zstd] {
            let (mut packed, mut whole) = (Packed::new(codec, Vec::new(), 0), Vec::new());
            let mut ends = vec![];
            for piece in [&b""[..], b"a\n", b"", &[b'x'; 3 * MEMBER], b"end\n"] {
                packed.write_all(piece).unwrap();
                whole.extend_from_slice(piece);
                packed.flush().unwrap();
                ends.push((packed.out.len(), whole.len()));
            }
            for (end, length) in ends {
                let mut text = Vec::new();
                codec.reader(&packed.out[..end]).unwrap().read_to_end(&mut text).unwrap();
                assert!(end > 0 && text == whole[..length], "{codec:?} at {end}");
            }
        }
    }

    #[test]
    fn a_codec_is_named_by_the_last_suffix() {
        let of = |name| Codec::of(Path::new(name));
        assert_eq!(of("d.gz/a.jsonl"), (None, Path::new("d.gz/a.jsonl")));
        assert_eq!(of("d/a.jsonl.GZ"), (Some(Codec::Gzip), Path::new("a.jsonl")));
        assert_eq!(of("a.csv.zst"), (Some(Codec::Zstd), Path::new("a.csv")));
    }
}
